/* Writes tickets. See ticket.h. */
#include "ticket.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ct/buf.h"

#define POLL_MAX	20
#define POLL_CLOSED	10	/* at least, while the sale is CLOSED: an operator may open it again */

static void
put_digits(char *at, int digits, int number)
{
	for (; digits > 0; number /= 10)
		at[--digits] = (char)('0' + number % 10);
}

void
ticket_time(int64_t ms, char text_r[TICKET_TIME_TEXT])
{
	time_t		seconds = (time_t)(ms / 1000);
	struct tm	tm;

	/* Of a token's seq there is no telling but that we signed it; years past 9999 do not fit. */
	if (seconds < 0 || seconds > INT64_C(253402300799) || gmtime_r(&seconds, &tm) == NULL)
		(void)gmtime_r(&(time_t){ 0 }, &tm);
	/* "2025-03-01T10:00:00.123Z" */
	memcpy(text_r, "0000-00-00T00:00:00.000Z", TICKET_TIME_TEXT);
	put_digits(text_r, 4, tm.tm_year + 1900);
	put_digits(text_r + 5, 2, tm.tm_mon + 1);
	put_digits(text_r + 8, 2, tm.tm_mday);
	put_digits(text_r + 11, 2, tm.tm_hour);
	put_digits(text_r + 14, 2, tm.tm_min);
	put_digits(text_r + 17, 2, tm.tm_sec);
	put_digits(text_r + 20, 3, (int)(ms % 1000));
}

int
ticket_poll_after(int64_t position, int64_t until_open_s, bool closed, double random)
{
	double	seconds;

	/*
	 * In front 1 to 2 s; then with the cube root of the position: 4 s at
	 * 1,000, 9 s at 10,000, 20 s from 100,000 on. A million waiting are
	 * then about 55,000 requests a second. Who is ACTIVE or done has
	 * nothing to wait for.
	 */
	if (position == 0)
		seconds = 5;
	else if (position <= 100)
		seconds = 1;
	else
		seconds = 2 * cbrt((double)position / 100) * 0.9;
	/* Before the opening nothing can happen sooner. */
	if (until_open_s > 0 && seconds < (double)until_open_s / 10)
		seconds = (double)until_open_s / 10;
	if (closed && position > 0 && seconds < POLL_CLOSED)
		seconds = POLL_CLOSED;
	/* A fifth of jitter, and a fraction of a second rounded by chance. */
	if (seconds > POLL_MAX * 0.9)
		seconds = POLL_MAX * 0.9;
	seconds = floor(seconds * (1 + 0.2 * random) + (position > 20 ? random : 0));
	return (seconds < 1 ? 1 : seconds > POLL_MAX ? POLL_MAX : (int)seconds);
}

void
ticket_reply(struct ct_request *request, int status, const struct ticket *ticket,
    const struct place *place)
{
	static const char *const	names[] = {
		[PLACE_WAITING] = "WAITING", [PLACE_ACTIVE] = "ACTIVE", [PLACE_USED] = "USED"
	};
	static const char *const	sales[] = {
		[SALE_NOT_YET] = "NOT_YET", [SALE_OPEN] = "OPEN", [SALE_PAUSED] = "PAUSED", [SALE_CLOSED] = "CLOSED"
	};
	enum sale_status		sale = sale_status(&ticket->sale, place->paused);
	/* Kept from ticket to ticket: the reply copies what it is given. */
	static struct ct_buf		buf;
	char				issued[TICKET_TIME_TEXT], until[TICKET_TIME_TEXT];
	int64_t				until_open;

	ticket_time(ticket->issued_ms, issued);
	if (place->state == PLACE_ACTIVE)
		ticket_time(place->active_until_ms, until);
	until_open = place->state == PLACE_WAITING && ticket->sale.opens_ms > 0 ?
	    ticket->sale.opens_ms / 1000 - (int64_t)time(NULL) : 0;

	if (buf.ceiling == 0)
		ct_buf_init(&buf, 1024);
	buf.length = 0;
	buf.failed = false;
	ct_buf_puts(&buf, "{\"token\":\"");
	ct_buf_puts(&buf, ticket->token);
	ct_buf_puts(&buf, "\",\"scheduleId\":\"");
	ct_buf_puts(&buf, ticket->schedule);
	ct_buf_puts(&buf, "\",\"status\":\"");
	ct_buf_puts(&buf, names[place->state]);
	ct_buf_puts(&buf, "\",\"position\":");
	ct_buf_number(&buf, place->position);
	ct_buf_puts(&buf, ",\"estimatedWaitSeconds\":");
	if (place->wait >= 0 && (sale == SALE_OPEN || sale == SALE_NOT_YET))
		ct_buf_number(&buf, place->wait);
	else
		ct_buf_puts(&buf, "null");
	ct_buf_puts(&buf, ",\"pollAfterSeconds\":");
	ct_buf_number(&buf, ticket_poll_after(place->position, until_open, sale == SALE_CLOSED,
	    (double)random() / ((double)RAND_MAX + 1)));
	ct_buf_puts(&buf, ",\"activeUntil\":");
	if (place->state == PLACE_ACTIVE) {
		ct_buf_puts(&buf, "\"");
		ct_buf_puts(&buf, until);
		ct_buf_puts(&buf, "\"");
	} else {
		ct_buf_puts(&buf, "null");
	}
	ct_buf_puts(&buf, ",\"seatsLeft\":");
	ct_buf_number(&buf, ticket->seats_left);
	ct_buf_puts(&buf, ",\"issuedAt\":\"");
	ct_buf_puts(&buf, issued);
	ct_buf_puts(&buf, "\",\"saleStatus\":\"");
	ct_buf_puts(&buf, sales[sale]);
	ct_buf_puts(&buf, "\"}");
	if (buf.failed)
		ct_reply_error(request, CT_INTERNAL_ERROR, NULL, NULL);
	else
		ct_reply_json(request, status, buf.data, buf.length);
}
