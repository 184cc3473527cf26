/* The Ticket of the API: a place as its user sees it. */
#ifndef QUEUE_TICKET_H
#define QUEUE_TICKET_H

#include "http/handler.h"
#include "queue_answers.h"
#include "sale.h"

#define TICKET_TIME_TEXT	25	/* 2025-03-01T10:00:00.123Z and the NUL */

/* The parts of a ticket that are not in the place. */
struct ticket {
	const char	*token;
	const char	*schedule;
	struct sale	 sale;
	int64_t		 seats_left;
	int64_t		 issued_ms;
};

/* Replies `status` with the ticket of `place`. */
void	 ticket_reply(struct ct_request *request, int status, const struct ticket *ticket,
	     const struct place *place);

/* Writes a Unix time in milliseconds in the format of all times of the API. */
void	 ticket_time(int64_t ms, char text_r[TICKET_TIME_TEXT]);

/*
 * pollAfterSeconds: after how many seconds the user should ask again, 1 to 20.
 * `position` is 0 for a user who does not wait. `until_open_s` is the time until the
 * sale opens; 0 if it has. `closed`: the sale is CLOSED. `random`, in [0, 1), is the jitter.
 */
int	 ticket_poll_after(int64_t position, int64_t until_open_s, bool closed, double random);

#endif
