/* Chooses which waiting calls go next, and on which connection. */
#ifndef CT_PG_SCHEDULE_H
#define CT_PG_SCHEDULE_H

struct ct_pg;

/*
 * Gives waiting calls to idle connections, until there are no more of either or the limits on sends in flight forbid it.
 *
 * A free connection goes to the queue whose oldest call has waited longest. A statement with batches has at most
 * PG_SENDS_MAX sends in flight, so that calls form a batch meanwhile. A statement with `next` has one, so that its long
 * work leaves connections to others. Other statements have no limit.
 */
void	 pg_schedule(struct ct_pg *pg);

#endif
