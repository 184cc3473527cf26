/*
 * The background work of every service: it moves events from the outbox to the
 * Redis stream, and removes old answers and events. A lock in the database decides
 * which worker of which service does it, so it goes on as long as one service is up.
 */
#ifndef CT_BACKGROUND_H
#define CT_BACKGROUND_H

#include "pg/pg.h"
#include "redis/redis_cluster.h"

/* Parent: EVENTS_KEEP_SECONDS, EVENTS_KEEP; registers metrics. */
void	 ct_background_configure(void);

/* Worker: starts after its clients. */
void	 ct_background_start(struct ct_pg *pg, struct ct_redis_cluster *redis);

#endif
