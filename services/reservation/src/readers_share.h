/*
 * Calls of SQL functions for readers without an account. Any client can cause
 * them, so they must not keep buyers waiting:
 * - At most half of the worker's connections to PostgreSQL work for them at once.
 * - In the long run they use at most one connection's time, and calls that take
 *   longer than 20 ms at most half of it: a map that took 300 ms is followed by a
 *   pause of 300 ms. Two seconds may be saved up, so that few readers never notice.
 * Other calls wait in this lane. Refreshes of copies go first, because many readers wait
 * for each of them. A call fails with CT_ERROR_SERVICE_UNAVAILABLE if the lane is full
 * or the call has waited for PG_TIMEOUT_MS.
 */
#ifndef RESERVATION_READERS_SHARE_H
#define RESERVATION_READERS_SHARE_H

#include <stdbool.h>

#include "pg/pg.h"

/* Parent: settings and metrics. Worker: starts the tick. */
void	 readers_share_configure(void);
void	 readers_share_start(void);

/*
 * Calls `stmt` with `args_count` arguments when its turn comes. The texts of
 * `args` must live until the callback; the array itself is copied. The callback
 * runs from the loop, as ct_pg_call's does.
 */
void	 readers_share_call(const struct ct_pg_statement *stmt, unsigned args_count, const char *const *args, bool refresh,
	     ct_pg_cb cb, void *arg);

/* Returns true if the readers' share of time is used up: prefer answers that cost less. */
bool	 readers_share_spent(void);

#endif
