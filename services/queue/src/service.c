/*
 * The queue service: places in line, in Redis and nowhere else. This file is
 * its table of routes and its start; each endpoint has a file.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "ct/queue_token.h"
#include "ct/service.h"
#include "copies.h"
#include "handlers.h"
#include "library.h"
#include "places.h"
#include "store.h"
#include "ticker.h"

static const struct ct_route routes[] = {
	{ "POST", "/queues/enter", CT_USER, CT_BODY, CT_OK, enter },
	{ "GET", "/queues/status", CT_USER, 0, CT_OK, status },
	{ "POST", "/queues/leave", CT_USER, 0, CT_OK, leave },

	{ "GET", "/admin/queues/{id}", CT_OPERATOR, 0, CT_SCHEDULE_NOT_FOUND, control_get },
	{ "PUT", "/admin/queues/{id}", CT_OPERATOR, CT_BODY, CT_SCHEDULE_NOT_FOUND, control_put },
	{ 0 }
};

static void
configure(void)
{
	ct_queue_token_configure();
	store_configure();
	ticker_configure();
	copies_configure();
}

static void
start(void)
{
	/* For the jitter of pollAfterSeconds: workers must not all draw the same. */
	srandom((unsigned)time(NULL) ^ (unsigned)getpid() << 16);
	ticker_start();
	copies_start();
}

const struct ct_service ct_service = {
	.name = "queue",
	.routes = routes,
	.uses_pg = true,
	.uses_redis = true,
	.configure = configure,
	.start = start,
	.stop = places_end,
	.redis_connected = library_load,
	.print_metrics = ticker_print_metrics,
};
