/* GET /livez, /readyz and /metrics. */
#include <string.h>

#include "ct/buf.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "health.h"

#define METRICS_TEXT_MAX	(4 * 1024 * 1024)

static bool	draining;

void
ct_health_draining(void)
{
	draining = true;
}

static void
livez(struct ct_request *request)
{
	static const char	body[] = "{\"status\":\"ok\"}";

	ct_reply_json(request, 200, body, sizeof(body) - 1);
}

static const char *
redis_state(bool ready)
{
	if (ready)
		return ("up");
	return (ct_redis_unauthorized(ct_service_redis) ? "unauthorized" : "down");
}

static void
readyz(struct ct_request *request)
{
	bool	 pg = !ct_service.uses_pg || ct_pg_ready(ct_service_pg);
	bool	 redis = !ct_service.uses_redis || ct_redis_ready(ct_service_redis);
	bool	 ready = pg && redis && !draining;
	char	*stores, *body;

	stores = ct_printf(request, "{%s%s%s}",
	    !ct_service.uses_pg ? "" : pg ? "\"postgres\":\"up\"" : "\"postgres\":\"down\"",
	    ct_service.uses_pg && ct_service.uses_redis ? "," : "",
	    !ct_service.uses_redis ? "" : ct_printf(request, "\"redis\":\"%s\"", redis_state(redis)));
	if (ready) {
		body = ct_printf(request, "{\"status\":\"ok\",\"stores\":%s}", stores);
		ct_reply_json(request, 200, body, strlen(body));
		return;
	}
	ct_reply_error(request, CT_SERVICE_UNAVAILABLE, draining ? "The service is stopping." :
	    !pg && !redis ? "PostgreSQL and Redis cannot be reached." :
	    !pg ? "PostgreSQL cannot be reached." :
	    ct_redis_unauthorized(ct_service_redis) ? "Redis refuses this service's user or password (REDIS_USER, REDIS_PASSWORD_FILE)." :
	    "Redis cannot be reached.",
	    ct_printf(request, "{\"stores\":%s}", stores));
}

static void
metrics(struct ct_request *request)
{
	struct ct_buf	buf;

	ct_buf_init(&buf, METRICS_TEXT_MAX);
	ct_metrics_print(&buf);
	if (ct_service.print_metrics != NULL)
		ct_service.print_metrics(&buf);
	ct_reply_header(request, "content-type", "text/plain; version=0.0.4; charset=utf-8");
	ct_reply_json(request, 200, buf.data, buf.length);
	ct_buf_deinit(&buf);
}

const struct ct_route	ct_health_routes[] = {
	{ "GET", "/livez", CT_PUBLIC, CT_INTERNAL, CT_OK, livez },
	{ "GET", "/readyz", CT_PUBLIC, CT_INTERNAL, CT_OK, readyz },
	{ "GET", "/metrics", CT_PUBLIC, CT_INTERNAL, CT_OK, metrics },
	{ 0 }
};
