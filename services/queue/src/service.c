/*
 * The queue service keeps the waiting lines of all schedules, in Redis. This file
 * has its routes and its start. Each endpoint has a file of its own.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "auth/queue_token.h"
#include "handlers.h"
#include "place_batches.h"
#include "queue_gauges.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "redis_library.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "ticker.h"

static const struct ct_route routes[] = {
	{ "POST", "/queues/enter", CT_ACCESS_USER, CT_ROUTE_BODY, CT_OK, enter },
	{ "GET", "/queues/status", CT_ACCESS_USER, 0, CT_OK, status },
	{ "POST", "/queues/leave", CT_ACCESS_USER, 0, CT_OK, leave },

	{ "GET", "/admin/queues", CT_ACCESS_OPERATOR, 0, CT_OK, queues_list },
	{ "GET", "/admin/queues/{id}", CT_ACCESS_OPERATOR, 0, CT_ERROR_SCHEDULE_NOT_FOUND, control_get },
	{ "PUT", "/admin/queues/{id}", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_SCHEDULE_NOT_FOUND, control_put },
	{ 0 }
};

static const struct queue_part *const parts[] = {
	&schedule_facts_part, &ticker_part, &recovery_state_part, &place_batches_part, NULL
};

static void
service_configure(void)
{
	ct_queue_token_configure();
	redis_calls_configure();
	queue_table_configure(parts);
	ticker_configure();
}

static void
service_start(void)
{
	/* The jitter of pollAfterSeconds must differ between workers. */
	srandom((unsigned)time(NULL) ^ (unsigned)getpid() << 16);
	ticker_start();
}

const struct ct_service ct_service = {
	.name = "queue",
	.routes = routes,
	.uses_pg = true,
	.uses_redis = true,
	.configure = service_configure,
	.start = service_start,
	.stop = place_batches_end,
	.redis_connected = redis_library_load,
	.print_metrics = queue_gauges_print,
};
