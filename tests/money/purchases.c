/*
 * What a buyer does: a number of purchases one after the other, by card and by
 * points that were charged by card, most of them given back. What is planned
 * for a purchase is a function of the seed, the buyer and its number, and so are
 * its cards' numbers, of which the provider's simulator makes their fate.
 *
 * The environment has MONEY_SEED and MONEY_PURCHASES (of each buyer).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "people.h"

#define BUYERS_MAX	1000
#define ATTEMPTS	3
#define ASKED_MAX	60	/* for a 202 that does not end */
#define MS		INT64_C(1000)

/* How it is paid, and what happens then. */
enum way { ONCE, SAME_AGAIN, TWO_CARDS, WITH_CANCEL, LAST_MOMENT };
enum end { KEEP, GIVE_BACK, GIVE_BACK_THRICE };

struct purchase {
	unsigned	number;		/* of this buyer, from 1; 0: none yet */
	bool		by_card;
	bool		hasty;		/* tries to pay with points that are not there yet */
	enum way	way;
	enum end	end;
	bool		patient;	/* asks again while it is PENDING; the others leave it to the system */
	unsigned	attempt;	/* cards tried for the payment */
	unsigned	charge;		/* cards tried for charges */
	unsigned	asked;
	struct call	open;		/* the last one that was answered 202 */
};

static struct purchase	purchases[BUYERS_MAX];

static uint64_t
environment(const char *name)
{
	const char	*value = getenv(name);

	if (value == NULL)
		fail("%s is not in the environment", name);
	return (strtoull(value, NULL, 10));
}

/* People are numbered in the last part of their ids. */
static unsigned
number_of_person(const struct person *person)
{
	return ((unsigned)strtoul(person->id + 24, NULL, 16) % BUYERS_MAX);
}

static struct purchase *
purchase_of(const struct person *person)
{
	return (&purchases[number_of_person(person)]);
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
plan(struct person *person)
{
	struct purchase	*purchase = purchase_of(person);
	unsigned	 number = purchase->number + 1;
	uint64_t	 chance = mix(environment("MONEY_SEED") ^ mix(number_of_person(person) * UINT64_C(100003) + number));
	unsigned	 way = (unsigned)(chance >> 8) % 100, end = (unsigned)(chance >> 24) % 100;

	memset(purchase, 0, sizeof(*purchase));
	purchase->number = number;
	purchase->by_card = chance % 100 < 65;
	purchase->hasty = (chance >> 48) % 100 < 25;
	purchase->way = way < 55 ? ONCE : way < 70 ? SAME_AGAIN : way < 80 ? TWO_CARDS : way < 94 ? WITH_CANCEL : LAST_MOMENT;
	purchase->end = end < 40 ? KEEP : end < 80 ? GIVE_BACK : GIVE_BACK_THRICE;
	purchase->patient = (chance >> 40) % 100 < 75;
}

static void
pause_ms(struct person *person, unsigned from, unsigned to)
{
	person->due_us = now_us() + (from + dice(person, to - from + 1)) * MS;
}

static const char *
text_of(const struct call *call, const char *name)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call->json, name));

	return (text == NULL ? "" : text);
}

static int64_t
number_of(const cJSON *json, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(json, name);

	return (cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0);
}

static int64_t
time_of(const char *text)
{
	struct tm	tm = { 0 };

	if (sscanf(text, "%d-%d-%dT%d:%d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return (0);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return ((int64_t)timegm(&tm) * 1000000);
}

/* --- calls ------------------------------------------------------------------------- */

static void
enter(struct person *person)
{
	struct call	*call = call_new(person, ENTER, false);

	(void)strcpy(call->path, "/queues/enter");
	(void)snprintf(call->body, sizeof(call->body), "{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", settings.concert,
	    settings.schedule);
	call_send(call);
}

static void
ask_status(struct person *person)
{
	struct call	*call = call_new(person, STATUS, false);

	(void)strcpy(call->path, "/queues/status");
	(void)strcpy(call->token, person->token);
	call_send(call);
}

static void
hold(struct person *person)
{
	struct call	*call = call_new(person, HOLD, true);

	(void)strcpy(call->path, "/reservations/hold");
	(void)strcpy(call->token, person->token);
	(void)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", settings.schedule,
	    settings.seats[dice(person, settings.seats_count)]);
	call_send(call);
}

static void
pay(struct person *person)
{
	struct purchase	*purchase = purchase_of(person);
	struct call	*call = call_new(person, PAY, true);
	int		 length;

	(void)strcpy(call->path, "/payments");
	(void)strcpy(call->reservation, person->reservation);
	length = snprintf(call->body, sizeof(call->body), "{\"reservationId\":\"%s\",\"amount\":%" PRId64 ",\"method\":\"%s\"",
	    person->reservation, person->amount, purchase->by_card ? "CARD" : "POINT");
	if (purchase->by_card)
		length += snprintf(call->body + length, sizeof(call->body) - (size_t)length,
		    ",\"card\":{\"paymentKey\":\"pay-%" PRIu64 "-%u-%u-%u\"}", environment("MONEY_SEED"),
		    number_of_person(person), purchase->number, ++purchase->attempt);
	(void)snprintf(call->body + length, sizeof(call->body) - (size_t)length, "}");
	call_send(call);
}

static void
charge(struct person *person)
{
	struct purchase	*purchase = purchase_of(person);
	struct call	*call = call_new(person, CHARGE, true);

	(void)strcpy(call->path, "/points/charge");
	(void)snprintf(call->body, sizeof(call->body), "{\"amount\":%" PRId64 ",\"card\":{\"paymentKey\":\"charge-%" PRIu64
	    "-%u-%u-%u\"}}", person->amount, environment("MONEY_SEED"), number_of_person(person), purchase->number,
	    ++purchase->charge);
	call_send(call);
}

static void
cancel(struct person *person)
{
	struct call	*call = call_new(person, CANCEL, false);

	(void)snprintf(call->path, sizeof(call->path), "/reservations/%s/cancel", person->reservation);
	(void)strcpy(call->reservation, person->reservation);
	call_send(call);
}

/* The same with the same key, after a 202. */
static void
ask_again(struct person *person)
{
	call_send(call_copy(person, &purchase_of(person)->open));
}

/* --- answers ----------------------------------------------------------------------- */

static void
leave(struct person *person)
{
	person->step = OUTSIDE;
	pause_ms(person, 5, 100);
}

static void
ticket(struct person *person)
{
	const struct call	*call = &person->calls[0];
	const char		*status = text_of(call, "status");

	person->step = OUTSIDE;
	if (call->status != 200 && call->status != 201) {
		pause_ms(person, 200, 600);
		return;
	}
	if (call->kind == ENTER)
		(void)snprintf(person->token, sizeof(person->token), "%s", text_of(call, "token"));
	if (strcmp(status, "ACTIVE") == 0) {
		person->step = INSIDE;
		person->attempts = 0;
	} else if (strcmp(status, "USED") == 0)
		pause_ms(person, 50, 200);
	else {
		person->step = IN_LINE;
		pause_ms(person, 1000, 1100);
	}
}

static void
held(struct person *person)
{
	const struct call	*call = &person->calls[0];
	struct purchase		*purchase = purchase_of(person);

	if (call->status != 201) {
		if (strcmp(call->code, "SEAT_NOT_AVAILABLE") == 0 && ++person->attempts < 8)
			pause_ms(person, 1, 30);
		else
			leave(person);
		return;
	}
	plan(person);
	(void)snprintf(person->reservation, sizeof(person->reservation), "%s", text_of(call, "reservationId"));
	person->amount = number_of(call->json, "totalAmount");
	person->expires_us = time_of(text_of(call, "expiresAt"));
	person->attempts = 0;
	person->step = purchase->by_card || purchase->hasty || person->balance >= person->amount ? PAYING : SHORT;
	/* So late that a confirm may just be sent, or just not any more. */
	if (purchase->way == LAST_MOMENT)
		person->due_us = person->expires_us - 4000 * MS + dice(person, 3000) * MS;
}

/* One that is answered 202 is asked about again, or left alone. */
static bool
still_open(struct person *person, const struct call *call)
{
	struct purchase	*purchase = purchase_of(person);

	if (call->status != 202)
		return (false);
	purchase->open = *call;
	if (!purchase->patient || ++purchase->asked > ASKED_MAX) {
		leave(person);
		return (true);
	}
	person->step = HOLDING;
	pause_ms(person, 200, 1000);
	return (true);
}

static void
charged(struct person *person)
{
	const struct call	*call = &person->calls[0];

	if (still_open(person, call))
		return;
	if (call->status == 201)
		person->balance += number_of(call->json, "amount");
	else if (purchase_of(person)->charge >= ATTEMPTS) {
		leave(person);
		return;
	}
	person->step = person->balance >= person->amount ? PAYING : SHORT;
}

static void
gave_back(struct person *person, const struct call *call)
{
	const cJSON	*refund = cJSON_GetObjectItemCaseSensitive(call->json, "refund");

	if (call->status == 200 && !purchase_of(person)->by_card)
		person->balance += number_of(refund, "amount");
}

static void
paid(struct person *person)
{
	struct purchase		*purchase = purchase_of(person);
	const struct call	*call = &person->calls[0];
	bool			 bought = false, given_back = false, declined = false;
	unsigned		 i;

	for (i = 0; i < person->made; i++) {
		bought = bought || (person->calls[i].kind == PAY && person->calls[i].status == 201);
		declined = declined || person->calls[i].status == 402;
		if (person->calls[i].kind == PAY && person->calls[i].status == 202)
			call = &person->calls[i];
		if (person->calls[i].kind == CANCEL) {
			given_back = person->calls[i].status == 200;
			gave_back(person, &person->calls[i]);
		}
	}
	if (bought && !purchase->by_card)
		person->balance -= person->amount;
	if (given_back)
		leave(person);
	else if (bought) {
		person->step = PAID;
		pause_ms(person, 10, 500);
	} else if (!still_open(person, call)) {
		if (!declined || (purchase->by_card && purchase->attempt >= ATTEMPTS) || ++person->attempts > ATTEMPTS) {
			leave(person);
			return;
		}
		purchase->way = ONCE;
		/* The house's memory of the wallet is better than ours. */
		if (!purchase->by_card)
			person->balance = 0;
		person->step = purchase->by_card ? PAYING : SHORT;
	}
}

static void
take_answers(struct person *person)
{
	if (person->made == 0)
		return;
	switch (person->calls[0].kind) {
	case ENTER:
	case STATUS:
		ticket(person);
		break;
	case HOLD:
		held(person);
		break;
	case CHARGE:
		charged(person);
		break;
	case PAY:
		paid(person);
		break;
	case CANCEL:
		/* All of them are told of the one refund. */
		gave_back(person, &person->calls[0]);
		leave(person);
		break;
	default:
		break;
	}
	calls_done(person);
}

static void
pay_as_planned(struct person *person)
{
	struct purchase	*purchase = purchase_of(person);

	pay(person);
	switch (purchase->way) {
	case SAME_AGAIN:
		call_send(call_copy(person, &person->calls[0]));
		break;
	case TWO_CARDS:
		pay(person);
		break;
	case WITH_CANCEL:
		cancel(person);
		break;
	default:
		break;
	}
}

void
person_next(struct person *person, bool last)
{
	struct purchase	*purchase = purchase_of(person);

	take_answers(person);
	if (last) {
		person->step = GONE;
		return;
	}
	if (person->due_us > now_us())
		return;
	switch (person->step) {
	case OUTSIDE:
		if (purchase->number >= environment("MONEY_PURCHASES"))
			person->step = GONE;
		else
			enter(person);
		break;
	case IN_LINE:
		ask_status(person);
		break;
	case INSIDE:
		hold(person);
		break;
	case HOLDING:
		ask_again(person);
		break;
	case SHORT:
		charge(person);
		break;
	case PAYING:
		pay_as_planned(person);
		break;
	case PAID:
		if (purchase->end == KEEP) {
			leave(person);
			break;
		}
		cancel(person);
		if (purchase->end == GIVE_BACK_THRICE) {
			cancel(person);
			cancel(person);
		}
		break;
	default:
		break;
	}
}
