/*
 * The state of this worker's stores, as /readyz, the metrics and the details of problems tell it.
 *
 * In a Redis Cluster each master is asked. A worker that can use one of them is ready, so that the users of the other
 * schedules go on; the metrics tell the problem of any.
 *
 * A store that answers is not enough: PostgreSQL and Redis go on answering reads while they refuse writes, for example
 * because the disk is full. So each worker asks Redis once a second for a script that may write and does nothing. Redis
 * refuses it for the same reasons as a write. PostgreSQL tells by its errors and its parameters (ct_pg_state).
 */
#ifndef CT_STORES_H
#define CT_STORES_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/store_state.h"

/* Worker: begins to ask. Call it after the clients are created. */
void			 ct_stores_start(void);

/* CT_STORE_UP for a store that the service does not have. */
enum ct_store_state	 ct_stores_postgres(void);
enum ct_store_state	 ct_stores_redis(void);

/*
 * Returns true once a server has taken the script. If none takes it: once one has refused it, and each other one has refused it
 * too or is late (REDIS_TIMEOUT_MS). Until then Redis counts as down.
 */
bool			 ct_stores_know_redis(void);

/* Appends redis_up, pg_up and store_problem{store,reason} to /metrics. */
void			 ct_stores_print(struct ct_buf *buf);

#endif
