/*
 * The plan of a money-test user: a number of purchases, one after the other, by card and by points charged by card.
 * Most tickets are given back. The plan of a purchase depends only on the seed, the user and the purchase's number. So
 * do the payment keys, from which the provider's simulator derives its faults. Environment: MONEY_SEED, and
 * MONEY_PURCHASES for the number of purchases of each user.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define USERS_MAX	1000
#define ATTEMPTS	3
#define REPEATS_MAX	60	/* repeats of a call that stays 202 */
#define MS		INT64_C(1000)

/* How the user pays, and what happens to the ticket. */
enum way { ONCE, SAME_CALL_TWICE, TWO_CARDS, WITH_CANCEL, LAST_MOMENT };
enum end { KEEP, CANCEL_ONCE, CANCEL_THRICE };

struct purchase {
	unsigned	number;		/* of this user, from 1; 0: none yet */
	bool		by_card;
	bool		hasty;		/* tries to pay before charging points */
	enum way	way;
	enum end	end;
	bool		patient;	/* repeats the call while it is PENDING; other users leave it to the resolver */
	unsigned	attempt;	/* cards used for the payment */
	unsigned	charge;		/* cards used for charges */
	unsigned	repeats;
	struct call	open;		/* the last call that was answered 202 */
};

static struct purchase	purchases[USERS_MAX];

static uint64_t
environment(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL)
		fail("%s is not in the environment", name);
	return (strtoull(value, NULL, 10));
}

/* The last part of a user's id is the user's number. */
static unsigned
user_number(const struct user *user)
{
	return ((unsigned)strtoul(user->id + 24, NULL, 16) % USERS_MAX);
}

static struct purchase *
purchase_of(const struct user *user)
{
	return (&purchases[user_number(user)]);
}

static uint64_t
mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (value ^ (value >> 31));
}

static void
plan(struct user *user)
{
	struct purchase	*purchase = purchase_of(user);
	unsigned	 number = purchase->number + 1;
	uint64_t	 chance = mix(environment("MONEY_SEED") ^ mix(user_number(user) * UINT64_C(100003) + number));
	unsigned	 way = (unsigned)(chance >> 8) % 100, end = (unsigned)(chance >> 24) % 100;

	memset(purchase, 0, sizeof(*purchase));
	purchase->number = number;
	purchase->by_card = chance % 100 < 65;
	purchase->hasty = (chance >> 48) % 100 < 25;
	purchase->way = way < 55 ? ONCE : way < 70 ? SAME_CALL_TWICE : way < 80 ? TWO_CARDS : way < 94 ? WITH_CANCEL : LAST_MOMENT;
	purchase->end = end < 40 ? KEEP : end < 80 ? CANCEL_ONCE : CANCEL_THRICE;
	purchase->patient = (chance >> 40) % 100 < 75;
	/* For certain, one payment lacks points. */
	if (user_number(user) == 1 && number == 1) {
		purchase->by_card = false;
		purchase->hasty = true;
		purchase->way = ONCE;
	}
}

static void
hold(struct user *user)
{
	struct call	*call = call_new(user, HOLD, true);

	(void)strcpy(call->path, "/reservations/hold");
	(void)strcpy(call->token, user->token);
	(void)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", settings.schedule,
	    settings.seats[dice(user, settings.seats_count)]);
	call_send(call);
}

static void
pay(struct user *user)
{
	struct purchase	*purchase = purchase_of(user);
	struct call	*call = call_new(user, PAY, true);
	int		 length;

	(void)strcpy(call->path, "/payments");
	(void)strcpy(call->reservation, user->reservation);
	length = snprintf(call->body, sizeof(call->body), "{\"reservationId\":\"%s\",\"amount\":%" PRId64 ",\"method\":\"%s\"",
	    user->reservation, user->amount, purchase->by_card ? "CARD" : "POINT");
	if (purchase->by_card)
		length += snprintf(call->body + length, sizeof(call->body) - (size_t)length,
		    ",\"card\":{\"paymentKey\":\"pay-%" PRIu64 "-%u-%u-%u\"}", environment("MONEY_SEED"),
		    user_number(user), purchase->number, ++purchase->attempt);
	(void)snprintf(call->body + length, sizeof(call->body) - (size_t)length, "}");
	call_send(call);
}

static void
charge(struct user *user)
{
	struct purchase	*purchase = purchase_of(user);
	struct call	*call = call_new(user, CHARGE, true);

	(void)strcpy(call->path, "/points/charge");
	(void)snprintf(call->body, sizeof(call->body), "{\"amount\":%" PRId64 ",\"card\":{\"paymentKey\":\"charge-%" PRIu64
	    "-%u-%u-%u\"}}", user->amount, environment("MONEY_SEED"), user_number(user), purchase->number,
	    ++purchase->charge);
	call_send(call);
}

/* Repeats the call that was answered 202, with the same key. */
static void
repeat_call(struct user *user)
{
	call_send(call_copy(user, &purchase_of(user)->open));
}

/* --- answers ----------------------------------------------------------------------- */

static void
leave(struct user *user)
{
	user->step = OUTSIDE;
	user_pause(user, 5, 100);
}

static void
take_hold(struct user *user)
{
	const struct call	*call = &user->calls[0];
	struct purchase		*purchase = purchase_of(user);

	if (call->status != 201) {
		if (strcmp(call->code, "SEAT_NOT_AVAILABLE") == 0 && ++user->attempts < 8)
			user_pause(user, 1, 30);
		else
			leave(user);
		return;
	}
	plan(user);
	(void)snprintf(user->reservation, sizeof(user->reservation), "%s", answer_text(call, "reservationId"));
	user->amount = answer_number(call, "totalAmount");
	user->expires_us = answer_time_us(call, "expiresAt");
	user->attempts = 0;
	user->step = purchase->by_card || purchase->hasty || user->balance >= user->amount ? PAYING : SHORT_OF_POINTS;
	/* Pay so late that it depends on the exact moment whether the service still sends the confirm. */
	if (purchase->way == LAST_MOMENT)
		user->due_us = user->expires_us - 4000 * MS + dice(user, 3000) * MS;
}

/* After a 202 the user repeats the call, or leaves it alone. False if the call is not 202. */
static bool
still_open(struct user *user, const struct call *call)
{
	struct purchase	*purchase = purchase_of(user);

	if (call->status != 202)
		return (false);
	purchase->open = *call;
	if (!purchase->patient || ++purchase->repeats > REPEATS_MAX) {
		leave(user);
		return (true);
	}
	user->step = HOLDING;
	user_pause(user, 200, 1000);
	return (true);
}

static void
take_charge(struct user *user)
{
	const struct call	*call = &user->calls[0];

	if (still_open(user, call))
		return;
	if (call->status == 201)
		user->balance += answer_number(call, "amount");
	else if (purchase_of(user)->charge >= ATTEMPTS) {
		leave(user);
		return;
	}
	user->step = user->balance >= user->amount ? PAYING : SHORT_OF_POINTS;
}

static void
add_refund(struct user *user, const struct call *call)
{
	if (call->status == 200 && !purchase_of(user)->by_card)
		user->balance += answer_refund(call);
}

static void
take_payment(struct user *user)
{
	struct purchase		*purchase = purchase_of(user);
	const struct call	*call = &user->calls[0];
	bool			 bought = false, given_back = false, declined = false;
	unsigned		 i;

	for (i = 0; i < user->made; i++) {
		bought = bought || (user->calls[i].kind == PAY && user->calls[i].status == 201);
		declined = declined || user->calls[i].status == 402;
		if (user->calls[i].kind == PAY && user->calls[i].status == 202)
			call = &user->calls[i];
		if (user->calls[i].kind == CANCEL) {
			given_back = user->calls[i].status == 200;
			add_refund(user, &user->calls[i]);
		}
	}
	if (bought && !purchase->by_card)
		user->balance -= user->amount;
	if (given_back)
		leave(user);
	else if (bought) {
		user->step = PAID;
		user_pause(user, 10, 500);
	} else if (!still_open(user, call)) {
		if (!declined || (purchase->by_card && purchase->attempt >= ATTEMPTS) || ++user->attempts > ATTEMPTS) {
			leave(user);
			return;
		}
		purchase->way = ONCE;
		/* The answer shows that our balance was wrong, so begin again with 0. */
		if (!purchase->by_card)
			user->balance = 0;
		user->step = purchase->by_card ? PAYING : SHORT_OF_POINTS;
	}
}

static void
take_answers(struct user *user)
{
	if (user->made == 0)
		return;
	switch (user->calls[0].kind) {
	case ENTER:
	case STATUS:
		user_take_ticket(user);
		break;
	case HOLD:
		take_hold(user);
		break;
	case CHARGE:
		take_charge(user);
		break;
	case PAY:
		take_payment(user);
		break;
	case CANCEL:
		/* All cancellations are answered with the same refund, so count it once. */
		add_refund(user, &user->calls[0]);
		leave(user);
		break;
	default:
		break;
	}
	calls_done(user);
}

static void
pay_as_planned(struct user *user)
{
	struct purchase	*purchase = purchase_of(user);

	pay(user);
	switch (purchase->way) {
	case SAME_CALL_TWICE:
		call_send(call_copy(user, &user->calls[0]));
		break;
	case TWO_CARDS:
		pay(user);
		break;
	case WITH_CANCEL:
		user_cancel(user);
		break;
	default:
		break;
	}
}

void
user_next(struct user *user, bool last)
{
	struct purchase	*purchase = purchase_of(user);

	take_answers(user);
	if (last) {
		user->step = DONE;
		return;
	}
	if (user->due_us > now_us())
		return;
	switch (user->step) {
	case OUTSIDE:
		if (purchase->number >= environment("MONEY_PURCHASES"))
			user->step = DONE;
		else
			user_enter(user);
		break;
	case WAITING:
		user_poll(user);
		break;
	case ACTIVE:
		hold(user);
		break;
	case HOLDING:
		repeat_call(user);
		break;
	case SHORT_OF_POINTS:
		charge(user);
		break;
	case PAYING:
		pay_as_planned(user);
		break;
	case PAID:
		if (purchase->end == KEEP) {
			leave(user);
			break;
		}
		user_cancel(user);
		if (purchase->end == CANCEL_THRICE) {
			user_cancel(user);
			user_cancel(user);
		}
		break;
	default:
		break;
	}
}
