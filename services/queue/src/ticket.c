/* See ticket.h. */
#include "ticket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"

#define POLL_MAX	20
#define POLL_CLOSED	10	/* the least while the sale is CLOSED; an operator may open it again */

static void
ticket_put_digits(char *at, int digits, int number)
{
	for (; digits > 0; number /= 10)
		at[--digits] = (char)('0' + number % 10);
}

void
ticket_time(int64_t ms, char text_r[TICKET_TIME_TEXT])
{
	time_t		seconds = (time_t)(ms / 1000);
	struct tm	tm;

	/* The year has four digits. A signed seq may lie outside of that; the ticket then shows the start of 1970. */
	if (seconds < 0 || seconds > INT64_C(253402300799) || gmtime_r(&seconds, &tm) == NULL)
		(void)gmtime_r(&(time_t){ 0 }, &tm);
	/* "2025-03-01T10:00:00.123Z" */
	memcpy(text_r, "0000-00-00T00:00:00.000Z", TICKET_TIME_TEXT);
	ticket_put_digits(text_r, 4, tm.tm_year + 1900);
	ticket_put_digits(text_r + 5, 2, tm.tm_mon + 1);
	ticket_put_digits(text_r + 8, 2, tm.tm_mday);
	ticket_put_digits(text_r + 11, 2, tm.tm_hour);
	ticket_put_digits(text_r + 14, 2, tm.tm_min);
	ticket_put_digits(text_r + 17, 2, tm.tm_sec);
	ticket_put_digits(text_r + 20, 3, (int)(ms % 1000));
}

int
ticket_poll_after(int64_t position, int64_t until_open_s, bool closed, double random)
{
	double	seconds;

	/*
	 * 1 to 2 s in front, then proportional to the cube root of the position:
	 * 4 s at 1,000, 9 s at 10,000, 20 s from 100,000 on. A million waiters then
	 * send about 55,000 requests per second. A user who does not wait need not
	 * poll often.
	 */
	if (position == 0)
		seconds = 5;
	else if (position <= 100)
		seconds = 1;
	else
		seconds = 2 * cbrt((double)position / 100) * 0.9;
	/* Before the opening nobody is admitted. */
	if (until_open_s > 0 && seconds < (double)until_open_s / 10)
		seconds = (double)until_open_s / 10;
	if (closed && position > 0 && seconds < POLL_CLOSED)
		seconds = POLL_CLOSED;
	/* Up to a fifth of jitter. Behind position 20 the fraction of a second is rounded up at random. */
	if (seconds > POLL_MAX * 0.9)
		seconds = POLL_MAX * 0.9;
	seconds = floor(seconds * (1 + 0.2 * random) + (position > 20 ? random : 0));
	return (seconds < 1 ? 1 : seconds > POLL_MAX ? POLL_MAX : (int)seconds);
}

/* Puts the text of `member`, which ends with a quote, then the value and its quote. */
static void
ticket_put_text(struct ct_buf *buf, const char *member, const char *value)
{
	ct_buf_puts(buf, member);
	ct_buf_puts(buf, value);
	ct_buf_puts(buf, "\"");
}

static void
ticket_put(struct ct_buf *buf, const struct ticket *ticket, const struct place *place)
{
	static const char *const	states[] = {
		[PLACE_WAITING] = "WAITING", [PLACE_ACTIVE] = "ACTIVE", [PLACE_USED] = "USED"
	};
	enum sale_status		sale = sale_status(&ticket->sale, place->paused);
	char				time_text[TICKET_TIME_TEXT];
	int64_t				until_open;

	until_open = place->state == PLACE_WAITING && ticket->sale.opens_ms > 0 ?
	    ticket->sale.opens_ms / 1000 - (int64_t)time(NULL) : 0;
	ticket_put_text(buf, "{\"token\":\"", ticket->token);
	ticket_put_text(buf, ",\"scheduleId\":\"", ticket->schedule);
	ticket_put_text(buf, ",\"status\":\"", states[place->state]);
	ct_buf_puts(buf, ",\"position\":");
	ct_buf_number(buf, place->position);
	ct_buf_puts(buf, ",\"estimatedWaitSeconds\":");
	if (place->wait >= 0 && (sale == SALE_OPEN || sale == SALE_NOT_YET))
		ct_buf_number(buf, place->wait);
	else
		ct_buf_puts(buf, "null");
	ct_buf_puts(buf, ",\"pollAfterSeconds\":");
	ct_buf_number(buf, ticket_poll_after(place->position, until_open, sale == SALE_CLOSED,
	    (double)random() / ((double)RAND_MAX + 1)));
	if (place->state == PLACE_ACTIVE) {
		ticket_time(place->active_until_ms, time_text);
		ticket_put_text(buf, ",\"activeUntil\":\"", time_text);
	} else {
		ct_buf_puts(buf, ",\"activeUntil\":null");
	}
	ct_buf_puts(buf, ",\"seatsLeft\":");
	ct_buf_number(buf, ticket->seats_left);
	ticket_time(ticket->issued_ms, time_text);
	ticket_put_text(buf, ",\"issuedAt\":\"", time_text);
	ticket_put_text(buf, ",\"saleStatus\":\"", sale_status_name(sale));
	ct_buf_puts(buf, "}");
}

void
ticket_reply(struct ct_request *request, int status, const struct ticket *ticket,
    const struct place *place)
{
	/* Reused for every ticket, because the reply copies it. */
	static struct ct_buf	buf;

	if (buf.ceiling == 0)
		ct_buf_init(&buf, 1024);
	buf.length = 0;
	buf.failed = false;
	ticket_put(&buf, ticket, place);
	if (buf.failed)
		ct_reply_error(request, CT_ERROR_INTERNAL_ERROR, NULL, NULL);
	else
		ct_reply_json(request, status, buf.data, buf.length);
}
