/*
 * The steps of a buyer: enters and polls after pollAfterSeconds; once ACTIVE, reads the map, holds one or two seats,
 * pays by points, and reads the confirmation. Every other pair of buyers chooses seats on the map; the others take the
 * best available. A buyer whose chosen seats are taken then takes the best available. See sale.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sale.h"

#define JWT_MAX		400
#define TOKEN_MAX	128
#define ID_MAX		37
#define TRIES_MAX	5	/* repeats of one step after 429, 503 or a lost connection */
#define BODY_MAX	320

struct buyer {
	char		 jwt[JWT_MAX];
	char		 token[TOKEN_MAX];
	char		 reservation[ID_MAX];
	char		 chosen[2][SEAT_TEXT];
	enum step	 step;
	unsigned	 quantity;
	unsigned	 tries;
	bool		 keeps_map;
	uint64_t	 wanted_us;
};

static const struct sale_settings	*settings;
static struct buyer			*buyers;
static struct buyers			 sums;
static bool				 held_back;
static unsigned				 sought;	/* seats that unanswered holds ask for */

static unsigned
wants(uint32_t id)
{
	return (1 + id % 2);
}

static bool
chooses(uint32_t id)
{
	return (id / 2 % 2 == 0);
}

unsigned
buyers_want(unsigned count)
{
	return (count + count / 2);
}

const struct buyers *
buyers_init(const struct sale_settings *the_settings)
{
	unsigned	i;

	settings = the_settings;
	if ((buyers = calloc(settings->count, sizeof(*buyers))) == NULL)
		fail("no memory for %u buyers", settings->count);
	for (i = 0; i < settings->count; i++) {
		read_jwt(i, settings->count, buyers[i].jwt, JWT_MAX);
		buyers[i].quantity = wants(i);
	}
	return (&sums);
}

void
buyers_hold_back(bool on)
{
	held_back = on;
}

bool
buyer_waits(uint32_t id)
{
	return (buyers[id].step == STEP_STATUS);
}

/* --- requests -------------------------------------------------------------------------- */

static int
hold_body(const struct buyer *b, char body[BODY_MAX])
{
	if (b->step == STEP_BEST)
		return (snprintf(body, BODY_MAX, "{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"%s\",\"quantity\":%u}}",
		    settings->schedule, settings->grade, b->quantity));
	if (b->quantity == 1)
		return (snprintf(body, BODY_MAX, "{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", settings->schedule,
		    b->chosen[0]));
	return (snprintf(body, BODY_MAX, "{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\"]}", settings->schedule,
	    b->chosen[0], b->chosen[1]));
}

/* Writes the request of the buyer's step. Returns its length. */
static int
request(uint32_t id, char *text, size_t size)
{
	static const char	 post[] = "POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
				    "Content-Type: application/json\r\nContent-Length: %d\r\n%s%s%s\r\n%s";
	const struct buyer	*b = &buyers[id];
	char			 body[BODY_MAX], key[16];
	int			 length;

	switch (b->step) {
	case STEP_ENTER:
		length = snprintf(body, sizeof(body), "{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", settings->concert,
		    settings->schedule);
		return (snprintf(text, size, post, "/queues/enter", b->jwt, length, "", "", "", body));
	case STEP_STATUS:
		return (snprintf(text, size, "GET /queues/status HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\n\r\n", b->jwt, b->token));
	case STEP_LOOK:
	case STEP_MAP:
		return (snprintf(text, size, "GET /schedules/%s/seats HTTP/1.1\r\nHost: localhost\r\n"
		    "Accept-Encoding: gzip\r\n\r\n", settings->schedule));
	case STEP_HOLD:
	case STEP_BEST:
		length = hold_body(b, body);
		return (snprintf(text, size, post, "/reservations/hold", b->jwt, length, "X-Queue-Token: ", b->token,
		    "\r\n", body));
	case STEP_PAY:
		(void)snprintf(key, sizeof(key), "sale-%u", id);
		length = snprintf(body, sizeof(body), "{\"reservationId\":\"%s\",\"amount\":%u,\"method\":\"POINT\"}",
		    b->reservation, b->quantity * settings->price);
		return (snprintf(text, size, post, "/payments", b->jwt, length, "Idempotency-Key: ", key, "\r\n", body));
	case STEP_CONFIRM:
		return (snprintf(text, size, "GET /reservations/%s HTTP/1.1\r\nHost: localhost\r\n"
		    "Authorization: Bearer %s\r\n\r\n", b->reservation, b->jwt));
	case STEP_DONE:
		break;
	}
	fail("buyer %u has no request to send", id);
}

static bool
ask(uint32_t id, uint64_t wanted_us)
{
	struct buyer		*b = &buyers[id];
	struct long_body	*map = NULL;
	char			 text[2048];
	int			 length = request(id, text, sizeof(text));
	bool			 sent;

	if (b->step == STEP_LOOK || b->step == STEP_MAP) {
		if (b->step == STEP_MAP)
			map = seats_wanted();
		sent = client_send_long(id, text, (size_t)length, map);
		b->keeps_map = map != NULL && sent;
		if (map != NULL && !sent)
			seats_read(false);
	} else {
		sent = client_send(id, text, (size_t)length);
	}
	if (!sent)
		return (false);
	b->wanted_us = wanted_us;
	if (b->step == STEP_HOLD || b->step == STEP_BEST)
		sought += b->quantity;
	if (now_us() - wanted_us > sums.late_max_us)
		sums.late_max_us = now_us() - wanted_us;
	tally_sent(b->step, (size_t)length);
	return (true);
}

bool
buyer_ask(uint32_t id)
{
	uint64_t	due_us = wheel_due_us(id), now = now_us();

	/* A wheel slot covers 5 ms, so a buyer may come a little early. */
	return (ask(id, due_us < now ? due_us : now));
}

bool
buyer_begin(uint32_t id, enum step step)
{
	buyers[id].step = step;
	return (ask(id, now_us()));
}

/* --- answers ----------------------------------------------------------------------------- */

static void
next(uint32_t id, enum step step)
{
	buyers[id].step = step;
	buyers[id].tries = 0;
	wheel_due_now(id);
}

static void
give_up(uint32_t id)
{
	enum step	step = buyers[id].step;

	if (step == STEP_MAP || step == STEP_HOLD || step == STEP_BEST)
		sums.choosing--;
	else if (step == STEP_PAY || step == STEP_CONFIRM)
		sums.paying--;
	buyers[id].step = STEP_DONE;
	sums.failed++;
}

/* Repeats the step in a second, or after retryAfterSeconds, at most TRIES_MAX times. */
static void
again(uint32_t id, const struct answer *answer)
{
	int64_t	seconds = answer->status == 0 ? -1 : number_member(answer->body, "retryAfterSeconds");

	if (seconds < 1 || seconds > 30)
		seconds = 1;
	if (++buyers[id].tries > TRIES_MAX)
		give_up(id);
	else
		wheel_sleep(id, answer->got_us + (uint64_t)seconds * 1000000);
}

/* Handles any other answer than the expected one. */
static void
refused(uint32_t id, const struct answer *answer)
{
	if (answer->status == 0 || answer->status == 429 || answer->status == 503)
		again(id, answer);
	else
		give_up(id);
}

static void
told(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];
	const char	*state = member(answer->body, "status");
	int64_t		 seconds = number_member(answer->body, "pollAfterSeconds");

	if (state == NULL || seconds < 1) {
		fail("the answer is not a ticket: %.300s", answer->body);
	} else if (strncmp(state, "\"WAITING\"", 9) == 0) {
		b->step = STEP_STATUS;
		b->tries = 0;
		if (!held_back)
			wheel_sleep(id, answer->got_us + (uint64_t)seconds * 1000000);
	} else if (strncmp(state, "\"ACTIVE\"", 8) == 0) {
		sums.choosing++;
		next(id, STEP_MAP);
	} else {
		give_up(id);
	}
}

static void
entered(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];

	if ((answer->status != 201 && answer->status != 200) ||
	    !text_member(answer->body, "token", b->token, sizeof(b->token))) {
		refused(id, answer);
		return;
	}
	sums.entered++;
	told(id, answer);
}

static void
saw_map(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];

	if (b->keeps_map)
		seats_read(answer->status == 200);
	b->keeps_map = false;
	if (answer->status != 200)
		refused(id, answer);
	else
		next(id, chooses(id) && seats_take(b->quantity, b->chosen) ? STEP_HOLD : STEP_BEST);
}

/* Handles SEAT_NOT_AVAILABLE: another buyer got the chosen seats, too few seats are left, or the refusal is wrong. */
static void
no_seats(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];
	unsigned	 left = settings->seats - sums.seats_held;

	if (b->step == STEP_HOLD) {
		sums.chosen_taken++;
		next(id, STEP_BEST);
		return;
	}
	sums.best_refused++;
	if (left < b->quantity) {
		b->step = STEP_DONE;
		sums.choosing--;
		sums.found_nothing++;
		return;
	}
	sums.early++;
	sums.early_surely += left >= sought + b->quantity;
	again(id, answer);
}

static void
held(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];

	sought -= b->quantity;
	if (answer->status == 201 && text_member(answer->body, "reservationId", b->reservation, sizeof(b->reservation))) {
		sums.choosing--;
		sums.paying++;
		sums.seats_held += b->quantity;
		next(id, STEP_PAY);
	} else if (answer->status == 409 && strstr(answer->body, "\"SEAT_NOT_AVAILABLE\"") != NULL) {
		no_seats(id, answer);
	} else {
		refused(id, answer);
	}
}

static void
confirmed(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];
	const char	*payment;
	char		 status[16] = "", paid[16] = "";

	if (answer->status != 200) {
		refused(id, answer);
		return;
	}
	(void)text_member(answer->body, "status", status, sizeof(status));
	if ((payment = member(answer->body, "payment")) != NULL)
		(void)text_member(payment, "status", paid, sizeof(paid));
	sums.unbooked += strcmp(status, "CONFIRMED") != 0 || strcmp(paid, "APPROVED") != 0;
	sums.paying--;
	sums.bought++;
	sums.tickets += b->quantity;
	b->step = STEP_DONE;
}

void
buyer_answered(uint32_t id, const struct answer *answer)
{
	struct buyer	*b = &buyers[id];

	tally_answer(b->step, b->wanted_us, answer);
	switch (b->step) {
	case STEP_LOOK:
		sums.looked++;
		break;
	case STEP_ENTER:
		entered(id, answer);
		break;
	case STEP_STATUS:
		if (answer->status == 200)
			told(id, answer);
		else
			refused(id, answer);
		break;
	case STEP_MAP:
		saw_map(id, answer);
		break;
	case STEP_HOLD:
	case STEP_BEST:
		held(id, answer);
		break;
	case STEP_PAY:
		if (answer->status == 201) {
			sums.spent += (uint64_t)b->quantity * settings->price;
			next(id, STEP_CONFIRM);
		} else {
			refused(id, answer);
		}
		break;
	case STEP_CONFIRM:
		confirmed(id, answer);
		break;
	case STEP_DONE:
		break;
	}
}
