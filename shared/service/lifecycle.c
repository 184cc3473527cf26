/* A service's start and end: settings and metrics in the parent, clients in the worker. */
#include <stdio.h>
#include <string.h>

#include "auth/jwt.h"
#include "background/background.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/watched.h"
#include "http/exchange.h"
#include "http/router.h"
#include "http/serve.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "service/health.h"
#include "service/key_fetch.h"
#include "service/lifecycle.h"
#include "service/log_level.h"
#include "service/service.h"
#include "service/stores.h"
#include "trace/exporter.h"

/* How soon a worker notices a changed file. */
#define LOOK_AT_FILES_MS	1000

static const char	*lifecycle_version;
static struct ct_metric	*lifecycle_build_info;

/* Of the characters of a version none needs to be escaped in a metric's label. */
static void
lifecycle_configure_version(void)
{
	static const char	allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
	static char		labels[256];

	lifecycle_version = ct_config_text("SERVICE_VERSION");
	if (strspn(lifecycle_version, allowed) != strlen(lifecycle_version) || strlen(lifecycle_version) > 100) {
		ct_config_fail("SERVICE_VERSION", "it may have at most 100 letters, digits and ._+-");
		lifecycle_version = "unknown";
	}
	(void)snprintf(labels, sizeof(labels), "service=\"%s\",version=\"%s\"", ct_service.name, lifecycle_version);
	lifecycle_build_info = ct_metric_gauge("build_info", labels, "Always 1; the labels say which release runs");
}

static void
lifecycle_configure_routes(void)
{
	const struct ct_route	*route;
	bool			 users = false;

	for (route = ct_service.routes; route->path != NULL; route++) {
		ct_router_add(route);
		users = users || route->access != CT_ACCESS_PUBLIC;
	}
	for (route = ct_health_routes; route->path != NULL; route++)
		ct_router_add(route);
	if (users) {
		ct_jwt_configure();
		ct_key_fetch_configure();
	}
}

void
ct_service_configure(void)
{
	ct_log_level_configure(ct_service.name);
	ct_config_production();
	ct_exporter_configure(ct_service.name);
	lifecycle_configure_version();
	/* Below the 4,096 connections that Kore accepts for each worker (conf/): a refusal by Kore itself has no
	 * body. */
	ct_serve_configure((unsigned)ct_config_number("REQUESTS_MAX"));
	lifecycle_configure_routes();
	if (ct_service.uses_pg)
		ct_pg_configure();
	if (ct_service.uses_redis || ct_service.uses_pg)
		ct_redis_cluster_configure();
	if (ct_service.uses_pg)
		ct_background_configure();
	if (ct_service.configure != NULL)
		ct_service.configure();
}

static void
lifecycle_look_at_files(void *arg)
{
	(void)arg;
	ct_watched_look();
}

void
ct_service_start(void)
{
	ct_exporter_start();
	if (ct_metrics_first_worker())
		ct_metric_set(lifecycle_build_info, 1);
	ct_log(CT_LOG_INFO, NULL, "version %s starts", lifecycle_version);
	ct_watched_start();
	ct_loop_every(LOOK_AT_FILES_MS, lifecycle_look_at_files, NULL);
	ct_key_fetch_start();
	if (ct_service.uses_pg)
		ct_service_pg = ct_pg_init();
	if (ct_service.uses_redis || ct_service.uses_pg)
		ct_service_redis = ct_redis_cluster_init(ct_service.redis_connected, NULL);
	ct_stores_start();
	if (ct_service.uses_pg)
		ct_background_start(ct_service_pg, ct_service_redis);
	if (ct_service.start != NULL)
		ct_service.start();
}

bool
ct_service_reaches_stores(void)
{
	return ((!ct_service.uses_pg || ct_pg_ready(ct_service_pg)) &&
	    (!ct_service.uses_redis || (ct_redis_cluster_ready(ct_service_redis) && ct_stores_know_redis())));
}

void
ct_service_drain(void)
{
	ct_health_draining();
	ct_exporter_drain();
}

bool
ct_service_idle(void)
{
	return (ct_exchange_count() == 0 && ct_http_pending() == ct_exporter_pending() && ct_exporter_drained() &&
	    (ct_service_pg == NULL || ct_pg_pending(ct_service_pg) == 0) &&
	    (ct_service_redis == NULL || ct_redis_cluster_pending(ct_service_redis) == 0));
}

void
ct_service_stop(void)
{
	ct_serve_stop();
	if (ct_service_pg != NULL)
		ct_pg_deinit(&ct_service_pg);
	if (ct_service_redis != NULL)
		ct_redis_cluster_deinit(&ct_service_redis);
	if (ct_service.stop != NULL)
		ct_service.stop();
}
