/* One statement of this worker and the calls that wait for it. */
#ifndef CT_PG_QUEUE_H
#define CT_PG_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "pg/pg_call.h"
#include "pg/pg_statement.h"

#define PG_SENDS_MAX	2	/* batches of one statement in flight */
#define PG_TURN_MS	300000	/* longest wait of a call of a statement with `next` */
#define PG_TURNS_SHARE	8	/* at most queue_max / 8 of such calls wait */

_Static_assert(PG_SENDS_MAX >= 1 && PG_TURNS_SHARE >= 1, "each statement can be sent");

struct pg_queue {
	struct pg_statement	 statement;
	unsigned		 batch_max;	/* calls of one send; 1: no batches, any number of sends in flight */
	struct pg_calls		 waiting;	/* oldest first */
	struct pg_calls		 again;		/* calls of a failed batch: each is sent alone */
	struct pg_calls		 stuck;		/* calls of stuck keys: each alone, one at a time for all queues */
	unsigned		 sends_max;	/* 0: any number */
	unsigned		 sends;		/* in flight; counted only if sends_max is not 0 */
	unsigned		 again_sends;	/* in flight from `again` */
};

struct pg_queue	*pg_queue_new(const struct ct_pg_statement *declared, unsigned index);

/* All lists are empty and no send is in flight, which is asserted. */
void		 pg_queue_free(struct pg_queue *queue);

/* Accepts a new call, as the last one of `waiting`. */
void		 pg_queue_add(struct pg_counts *counts, struct pg_call *call);

/* Puts a sent call back to the front of `waiting`, or of `again` if it was in a failed batch. Its deadline stays. */
void		 pg_queue_put_back(struct pg_counts *counts, struct pg_call *call);

/* Returns true if too many calls of a statement with `next` wait. They may wait for minutes, so they get only a share. */
bool		 pg_queue_is_share_full(const struct pg_queue *queue, unsigned queue_max);

/* Fails calls that have waited for limit_ms or longer (CT_ERROR_SERVICE_UNAVAILABLE). Callbacks may add calls meanwhile. */
void		 pg_queue_expire(struct pg_queue *queue, struct pg_counts *counts, uint64_t now, uint64_t limit_ms);

/* Fails waiting calls whose clients have disconnected (CT_ERROR_SERVICE_UNAVAILABLE), so that others have their room. */
void		 pg_queue_drop_unwanted(struct pg_queue *queue, struct pg_counts *counts);

#endif
