/* The background work of every service. See background.h. */
#include "background/background.h"
#include "background/cleanup.h"
#include "background/event_relay.h"

void
ct_background_configure(void)
{
	event_relay_configure();
	cleanup_configure();
}

void
ct_background_start(struct ct_pg *pg, struct ct_redis_cluster *redis)
{
	event_relay_start(pg, redis);
	cleanup_start(pg);
}
