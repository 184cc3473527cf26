/*
 * What a person does next, from what he was told last. Much of it is unwise on
 * purpose: the same twice at once, two things that exclude each other at the same
 * moment, paying when the hold is about to run out.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "people.h"

#define MS	1000LL

/* What becomes of a hold. */
enum plan { BUY, BUY_TWICE, BUY_AND_CANCEL, BUY_LATE, BUY_DEAD, BUY_POOR, GIVE_BACK, RUN_OUT };

static void
pause_ms(struct person *person, unsigned from, unsigned to)
{
	person->due_us = now_us() + (from + dice(person, to - from + 1)) * MS;
}

static const char *
text_of(const struct call *call, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(call->json, name);

	return (cJSON_IsString(item) ? item->valuestring : "");
}

static int64_t
number_of(const cJSON *json, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(json, name);

	return (cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0);
}

static bool
is(const struct call *call, const char *code)
{
	return (strcmp(call->code, code) == 0);
}

/* "2026-03-14T10:00:00.000Z" in microseconds. */
static int64_t
time_of(const char *time_text)
{
	struct tm	 tm = { 0 };
	const char	*rest = strptime(time_text, "%Y-%m-%dT%H:%M:%S", &tm);

	return (rest == NULL ? 0 : (int64_t)timegm(&tm) * 1000000 + (*rest == '.' ? atoi(rest + 1) * MS : 0));
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

/* One to three seats: of the first few, which many want, or somewhere; or the best there are. */
static void
hold(struct person *person)
{
	struct call	*call = call_new(person, HOLD, dice(person, 100) >= 15);
	unsigned	 n = 1 + dice(person, 3), first, i, length;

	(void)strcpy(call->path, "/reservations/hold");
	(void)strcpy(call->token, person->token);
	if (dice(person, 100) < 20) {
		(void)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":"
		    "\"%s\",\"quantity\":%u}}", settings.schedule, dice(person, 2) == 0 ? "VIP" : "R", n);
		call_send(call);
		return;
	}
	first = dice(person, 100) < settings.same ? dice(person, 4) : dice(person, settings.seats_count);
	length = (unsigned)snprintf(call->body, sizeof(call->body), "{\"scheduleId\":\"%s\",\"seatIds\":[", settings.schedule);
	for (i = 0; i < n; i++)
		length += (unsigned)snprintf(call->body + length, sizeof(call->body) - length, "%s\"%s\"", i > 0 ? "," : "",
		    settings.seats[(first + i) % settings.seats_count]);
	(void)snprintf(call->body + length, sizeof(call->body) - length, "]}");
	call_send(call);
}

static void
charge(struct person *person, int64_t amount)
{
	struct call	*call = call_new(person, CHARGE, true);

	(void)strcpy(call->path, "/points/charge");
	(void)snprintf(call->body, sizeof(call->body), "{\"amount\":%" PRId64 "}", amount);
	call_send(call);
}

static void
pay(struct person *person)
{
	struct call	*call = call_new(person, PAY, true);

	(void)strcpy(call->path, "/payments");
	(void)strcpy(call->reservation, person->reservation);
	(void)snprintf(call->body, sizeof(call->body), "{\"reservationId\":\"%s\",\"amount\":%" PRId64
	    ",\"method\":\"POINT\"}", person->reservation, person->amount);
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

/* The same at once, with the same key: now and then. */
static void
maybe_twice(struct person *person)
{
	if (dice(person, 100) < 12)
		call_send(call_copy(person, &person->calls[0]));
}

/* In the last moment: some come too late. Or long after it. */
static void
wait_for_moment(struct person *person)
{
	if (person->plan == BUY_LATE)
		person->due_us = person->expires_us - 12 * MS + (int64_t)dice(person, 16) * MS;
	else if (person->plan == BUY_DEAD)
		person->due_us = person->expires_us + 50 * MS + (int64_t)dice(person, 500) * MS;
}

/* --- answers ----------------------------------------------------------------------- */

static void
leave(struct person *person)
{
	person->step = OUTSIDE;
	pause_ms(person, 20, 300);
}

static void
ticket(struct person *person)
{
	const struct call	*call = &person->calls[0];

	if (call->status != 200 && call->status != 201) {
		person->step = OUTSIDE;
		pause_ms(person, 200, 600);
		return;
	}
	if (call->kind == ENTER)
		(void)snprintf(person->token, sizeof(person->token), "%s", text_of(call, "token"));
	person->step = IN_LINE;
	if (strcmp(text_of(call, "status"), "ACTIVE") == 0) {
		person->step = INSIDE;
		person->attempts = 0;
	} else if (strcmp(text_of(call, "status"), "USED") == 0)
		leave(person);
	else if (call->kind == ENTER)
		pause_ms(person, 50, 150);
	else
		pause_ms(person, 1000, 1100);	/* the gateway takes one a second and token */
}

static enum plan
choose(struct person *person)
{
	static const struct {
		enum plan	plan;
		unsigned	share;
	}		 plans[] = { { BUY, 28 }, { BUY_TWICE, 10 }, { BUY_AND_CANCEL, 20 }, { BUY_LATE, 12 }, { BUY_POOR, 6 },
		    { GIVE_BACK, 14 }, { RUN_OUT, 10 } };
	unsigned	 n = dice(person, 100), i = 0;

	if (dice(person, 100) < settings.dead)
		return (BUY_DEAD);
	while (n >= plans[i].share)
		n -= plans[i++].share;
	return (plans[i].plan);
}

static void
held(struct person *person)
{
	const struct call	*call = &person->calls[0];
	unsigned		 i;

	for (i = 1; i < person->made && call->status != 201; i++)
		call = &person->calls[i];
	if (call->status == 201) {
		(void)snprintf(person->reservation, sizeof(person->reservation), "%s", text_of(call, "reservationId"));
		person->amount = number_of(call->json, "totalAmount");
		person->expires_us = time_of(text_of(call, "expiresAt"));
		person->attempts = 0;
		person->step = HOLDING;
		if (dice(person, 100) < settings.hoard) {
			leave(person);
			return;
		}
		person->plan = choose(person);
		pause_ms(person, 0, 400);
		if (person->plan == RUN_OUT)
			person->due_us = person->expires_us + (int64_t)dice(person, 300) * MS;
		return;
	}
	call = &person->calls[0];
	if (is(call, "SEAT_NOT_AVAILABLE") && ++person->attempts < 6)
		pause_ms(person, 10, 150);	/* the token is still good */
	else
		leave(person);
}

static void
paid(struct person *person)
{
	const struct call	*call = &person->calls[0], *other = person->made > 1 ? &person->calls[1] : call;
	bool			 bought = call->status == 201 || (other->kind == PAY && other->status == 201);

	if (bought)
		person->balance -= person->amount;
	if (other->kind == CANCEL && other->status == 200) {
		person->balance += number_of(cJSON_GetObjectItemCaseSensitive(other->json, "refund"), "amount");
		leave(person);
	} else if (bought) {
		person->step = PAID;
		pause_ms(person, 50, 1500);
	} else if (is(call, "INSUFFICIENT_POINTS") && ++person->attempts < 3) {
		/* With too little once more, perhaps a third time, which cancels; then with enough. */
		if (person->plan == BUY_POOR && (person->attempts == 1 || dice(person, 2) == 0))
			person->step = PAYING;
		else {
			person->step = SHORT;
			person->plan = BUY;
		}
	} else
		leave(person);
}

static void
take_answers(struct person *person)
{
	const struct call	*call = &person->calls[0];

	if (person->made == 0)
		return;
	switch (call->kind) {
	case ENTER:
	case STATUS:
		ticket(person);
		break;
	case HOLD:
		held(person);
		break;
	case CHARGE:
		if (call->status == 201)
			person->balance += number_of(call->json, "amount");
		person->step = PAYING;
		wait_for_moment(person);
		break;
	case PAY:
		paid(person);
		break;
	case CANCEL:
		if (call->status == 200)
			person->balance += number_of(cJSON_GetObjectItemCaseSensitive(call->json, "refund"), "amount");
		leave(person);
		break;
	default:
		break;
	}
	calls_done(person);
}

/* --- steps ------------------------------------------------------------------------- */

static void
pay_as_planned(struct person *person)
{
	switch (person->plan) {
	case BUY_TWICE:
		pay(person);
		pay(person);
		break;
	case BUY_AND_CANCEL:
		pay(person);
		cancel(person);
		break;
	case BUY_DEAD:
		if (dice(person, 2) == 0)
			pay(person);
		else
			cancel(person);
		break;
	default:
		pay(person);
		maybe_twice(person);
		break;
	}
}

static void
holding(struct person *person)
{
	switch (person->plan) {
	case GIVE_BACK:
		cancel(person);
		maybe_twice(person);
		break;
	case RUN_OUT:
		/* Its time is over; some don't know it. */
		switch (dice(person, 3)) {
		case 0:
			pay(person);
			break;
		case 1:
			cancel(person);
			break;
		default:
			leave(person);
			break;
		}
		break;
	case BUY_POOR:
		person->step = PAYING;
		pay_as_planned(person);
		break;
	default:
		person->step = person->balance < person->amount ? SHORT : PAYING;
		if (person->step == PAYING)
			wait_for_moment(person);
		break;
	}
}

/* A step is over when all it asked has a definite answer; some ask once more, long after. */
static bool
asks_again(struct person *person)
{
	return (person->made == 1 && person->calls[0].key[0] != '\0' && dice(person, 100) < 6);
}

void
person_next(struct person *person, bool last)
{
	if (!last && asks_again(person)) {
		call_send(call_copy(person, &person->calls[0]));
		return;
	}
	take_answers(person);
	if (last) {
		person->step = GONE;
		return;
	}
	if (person->due_us > now_us())
		return;
	switch (person->step) {
	case OUTSIDE:
		enter(person);
		break;
	case IN_LINE:
		ask_status(person);
		break;
	case INSIDE:
		hold(person);
		/* One token, two holds at once. */
		if (dice(person, 100) < settings.doubled)
			hold(person);
		else
			maybe_twice(person);
		break;
	case HOLDING:
		holding(person);
		break;
	case SHORT:
		charge(person, 1000 + (int64_t)dice(person, 5) * 1000);
		maybe_twice(person);
		break;
	case PAYING:
		if (person->balance < person->amount && person->plan != BUY_POOR) {
			person->step = SHORT;
			break;
		}
		pay_as_planned(person);
		break;
	case PAID:
		/* Few keep theirs, or the house would be full soon. */
		if (dice(person, 100) < 4)
			leave(person);
		else {
			cancel(person);
			maybe_twice(person);
		}
		break;
	case GONE:
		break;
	}
}
