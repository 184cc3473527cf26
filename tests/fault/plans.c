/*
 * Chooses a fault-test user's next step from the last answers. Many choices are unwise on purpose: the same request
 * twice at once, two requests that exclude each other, a payment when the hold is about to expire.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "users.h"

#define MS	1000LL

/* The user's plan for a hold. */
enum plan { BUY, BUY_TWICE, BUY_AND_CANCEL, BUY_LATE, BUY_EXPIRED, BUY_POOR, CANCEL_HOLD, LET_EXPIRE };

static bool
is(const struct call *call, const char *code)
{
	return (strcmp(call->code, code) == 0);
}

/* Holds one to three seats: some of the first few, which many users want, any seats, or the best available. */
static void
hold(struct user *user)
{
	struct call	*call = call_new(user, HOLD, dice(user, 100) >= 15);
	unsigned	 n = 1 + dice(user, 3), first, i, length;

	(void)strcpy(call->path, "/reservations/hold");
	(void)strcpy(call->token, user->token);
	if (dice(user, 100) < 20) {
		(void)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":"
		    "\"%s\",\"quantity\":%u}}", settings.schedule, dice(user, 2) == 0 ? "VIP" : "R", n);
		call_send(call);
		return;
	}
	first = dice(user, 100) < settings.same ? dice(user, 4) : dice(user, settings.seats_count);
	length = (unsigned)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"seatIds\":[", settings.schedule);
	for (i = 0; i < n; i++)
		length += (unsigned)snprintf(call->body + length, sizeof(call->body) - length, "%s\"%s\"", i > 0 ? "," : "",
		    settings.seats[(first + i) % settings.seats_count]);
	(void)snprintf(call->body + length, sizeof(call->body) - length, "]}");
	call_send(call);
}

static void
charge(struct user *user, int64_t amount)
{
	struct call	*call = call_new(user, CHARGE, true);

	(void)strcpy(call->path, "/points/charge");
	(void)snprintf(call->body, sizeof(call->body), "{\"amount\":%" PRId64 "}", amount);
	call_send(call);
}

static void
pay(struct user *user)
{
	struct call	*call = call_new(user, PAY, true);

	(void)strcpy(call->path, "/payments");
	(void)strcpy(call->reservation, user->reservation);
	(void)snprintf(call->body, sizeof(call->body), "{\"reservationId\":\"%s\",\"amount\":%" PRId64
	    ",\"method\":\"POINT\"}", user->reservation, user->amount);
	call_send(call);
}

/* Sometimes repeats the call at once with the same key. */
static void
maybe_twice(struct user *user)
{
	if (dice(user, 100) < 12)
		call_send(call_copy(user, &user->calls[0]));
}

/* Waits until just before the hold expires, so that some calls come too late, or until after it. */
static void
wait_for_moment(struct user *user)
{
	if (user->plan == BUY_LATE)
		user->due_us = user->expires_us - 12 * MS + (int64_t)dice(user, 16) * MS;
	else if (user->plan == BUY_EXPIRED)
		user->due_us = user->expires_us + 50 * MS + (int64_t)dice(user, 500) * MS;
}

/* --- answers ----------------------------------------------------------------------- */

static void
leave(struct user *user)
{
	user->step = OUTSIDE;
	user_pause(user, 20, 300);
}

static enum plan
choose(struct user *user)
{
	static const struct {
		enum plan	plan;
		unsigned	share;
	}		 plans[] = { { BUY, 28 }, { BUY_TWICE, 10 }, { BUY_AND_CANCEL, 20 }, { BUY_LATE, 12 }, { BUY_POOR, 6 },
		    { CANCEL_HOLD, 14 }, { LET_EXPIRE, 10 } };
	unsigned	 n = dice(user, 100), i = 0;

	if (dice(user, 100) < settings.dead)
		return (BUY_EXPIRED);
	while (n >= plans[i].share)
		n -= plans[i++].share;
	return (plans[i].plan);
}

static void
take_hold(struct user *user)
{
	const struct call	*call = &user->calls[0];
	unsigned		 i;

	for (i = 1; i < user->made && call->status != 201; i++)
		call = &user->calls[i];
	if (call->status == 201) {
		(void)snprintf(user->reservation, sizeof(user->reservation), "%s", answer_text(call, "reservationId"));
		user->amount = answer_number(call, "totalAmount");
		user->expires_us = answer_time_us(call, "expiresAt");
		user->attempts = 0;
		user->step = HOLDING;
		if (dice(user, 100) < settings.hoard) {
			leave(user);
			return;
		}
		user->plan = choose(user);
		user_pause(user, 0, 400);
		if (user->plan == LET_EXPIRE)
			user->due_us = user->expires_us + (int64_t)dice(user, 300) * MS;
		return;
	}
	call = &user->calls[0];
	if (is(call, "SEAT_NOT_AVAILABLE") && ++user->attempts < 6)
		user_pause(user, 10, 150);	/* the token is still ACTIVE */
	else
		leave(user);
}

static void
take_payment(struct user *user)
{
	const struct call	*call = &user->calls[0], *other = user->made > 1 ? &user->calls[1] : call;
	bool			 bought = call->status == 201 || (other->kind == PAY && other->status == 201);

	if (bought)
		user->balance -= user->amount;
	if (other->kind == CANCEL && other->status == 200) {
		user->balance += answer_refund(other);
		leave(user);
	} else if (bought) {
		user->step = PAID;
		user_pause(user, 50, 1500);
	} else if (is(call, "INSUFFICIENT_POINTS") && ++user->attempts < 3) {
		/* Fail once or twice more, because there are too few points (the third failure cancels). Then charge
		 * enough. */
		if (user->plan == BUY_POOR && (user->attempts == 1 || dice(user, 2) == 0))
			user->step = PAYING;
		else {
			user->step = SHORT_OF_POINTS;
			user->plan = BUY;
		}
	} else
		leave(user);
}

static void
take_answers(struct user *user)
{
	const struct call	*call = &user->calls[0];

	if (user->made == 0)
		return;
	switch (call->kind) {
	case ENTER:
	case STATUS:
		user_take_ticket(user);
		break;
	case HOLD:
		take_hold(user);
		break;
	case CHARGE:
		if (call->status == 201)
			user->balance += answer_number(call, "amount");
		user->step = PAYING;
		wait_for_moment(user);
		break;
	case PAY:
		take_payment(user);
		break;
	case CANCEL:
		if (call->status == 200)
			user->balance += answer_refund(call);
		leave(user);
		break;
	default:
		break;
	}
	calls_done(user);
}

/* --- steps ------------------------------------------------------------------------- */

static void
pay_as_planned(struct user *user)
{
	switch (user->plan) {
	case BUY_TWICE:
		pay(user);
		pay(user);
		break;
	case BUY_AND_CANCEL:
		pay(user);
		user_cancel(user);
		break;
	case BUY_EXPIRED:
		if (dice(user, 2) == 0)
			pay(user);
		else
			user_cancel(user);
		break;
	default:
		pay(user);
		maybe_twice(user);
		break;
	}
}

static void
act_on_hold(struct user *user)
{
	switch (user->plan) {
	case CANCEL_HOLD:
		user_cancel(user);
		maybe_twice(user);
		break;
	case LET_EXPIRE:
		/* The hold has expired, and some users still act on it. */
		switch (dice(user, 3)) {
		case 0:
			pay(user);
			break;
		case 1:
			user_cancel(user);
			break;
		default:
			leave(user);
			break;
		}
		break;
	case BUY_POOR:
		user->step = PAYING;
		pay_as_planned(user);
		break;
	default:
		user->step = user->balance < user->amount ? SHORT_OF_POINTS : PAYING;
		if (user->step == PAYING)
			wait_for_moment(user);
		break;
	}
}

/* After a definite answer some users repeat the request with the same key. */
static bool
repeats_call(struct user *user)
{
	return (user->made == 1 && user->calls[0].key[0] != '\0' && dice(user, 100) < 6);
}

void
user_next(struct user *user, bool last)
{
	if (!last && repeats_call(user)) {
		call_send(call_copy(user, &user->calls[0]));
		return;
	}
	take_answers(user);
	if (last) {
		user->step = DONE;
		return;
	}
	if (user->due_us > now_us())
		return;
	switch (user->step) {
	case OUTSIDE:
		user_enter(user);
		break;
	case WAITING:
		user_poll(user);
		break;
	case ACTIVE:
		hold(user);
		/* Two holds at once with one token. */
		if (dice(user, 100) < settings.doubled)
			hold(user);
		else
			maybe_twice(user);
		break;
	case HOLDING:
		act_on_hold(user);
		break;
	case SHORT_OF_POINTS:
		charge(user, 1000 + (int64_t)dice(user, 5) * 1000);
		maybe_twice(user);
		break;
	case PAYING:
		if (user->balance < user->amount && user->plan != BUY_POOR) {
			user->step = SHORT_OF_POINTS;
			break;
		}
		pay_as_planned(user);
		break;
	case PAID:
		/* Few users keep their tickets, so that seats become free again. */
		if (dice(user, 100) < 4)
			leave(user);
		else {
			user_cancel(user);
			maybe_twice(user);
		}
		break;
	case DONE:
		break;
	}
}
