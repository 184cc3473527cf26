/* The contract's Ticket: how a place is shown to its owner. */
#ifndef QUEUE_TICKET_H
#define QUEUE_TICKET_H

#include "ct/request.h"
#include "sale.h"
#include "store.h"

#define TICKET_TIME_TEXT	25	/* 2025-03-01T10:00:00.123Z and the NUL */

/* What of a ticket is not in the place. */
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

/* Writes a Unix time in milliseconds as the contract has times. */
void	 ticket_time(int64_t ms, char text_r[TICKET_TIME_TEXT]);

/*
 * Seconds after which to ask again, 1 to 20: `position` of a waiter (0: not
 * waiting), `until_open_s` seconds before the sale opens (0: it has), `closed`:
 * the sale is CLOSED. `random` in [0, 1) is the jitter.
 */
int	 ticket_poll_after(int64_t position, int64_t until_open_s, bool closed, double random);

#endif
