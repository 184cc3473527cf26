/* Moves events from the database's outbox to the Redis stream `events` (docs/events.md). */
#ifndef CT_EVENT_RELAY_H
#define CT_EVENT_RELAY_H

#include "pg/pg.h"
#include "redis/redis_cluster.h"

/* Parent: EVENTS_KEEP_SECONDS, EVENTS_KEEP. */
void	 event_relay_configure(void);
void	 event_relay_start(struct ct_pg *pg, struct ct_redis_cluster *redis);

#endif
