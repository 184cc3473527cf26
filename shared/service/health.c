/* GET /livez, /readyz and /metrics. */
#include <string.h>

#include "base/buf.h"
#include "base/loaded.h"
#include "base/metrics.h"
#include "http/reply.h"
#include "service/health.h"
#include "service/key_fetch.h"
#include "service/service.h"
#include "service/stores.h"

#define METRICS_TEXT_MAX	(4 * 1024 * 1024)

static bool	draining;

void
ct_health_draining(void)
{
	draining = true;
}

static void
health_livez(struct ct_request *request)
{
	static const char	body[] = "{\"status\":\"ok\"}";

	ct_reply_json(request, 200, body, sizeof(body) - 1);
}

/* "PostgreSQL is down; Redis refuses writes: disk full". A user or password that is refused names the settings to check. */
static const char *
health_detail(struct ct_request *request, enum ct_store_state pg, enum ct_store_state redis)
{
	if (draining)
		return ("The service is stopping.");
	if (pg == CT_STORE_UP && redis == CT_STORE_UP)
		return ("The keys that verify tokens cannot be fetched (JWT_JWKS_URL).");
	return (ct_printf(request, "%s%s%s%s%s%s%s.",
	    pg == CT_STORE_UP ? "" : "PostgreSQL ", pg == CT_STORE_UP ? "" : ct_store_state_text(pg),
	    pg == CT_STORE_UNAUTHORIZED ? " (PG_CONNINFO)" : "",
	    pg == CT_STORE_UP || redis == CT_STORE_UP ? "" : "; ",
	    redis == CT_STORE_UP ? "" : "Redis ", redis == CT_STORE_UP ? "" : ct_store_state_text(redis),
	    redis == CT_STORE_UNAUTHORIZED ? " (REDIS_USER, REDIS_PASSWORD_FILE)" : ""));
}

static void
health_readyz(struct ct_request *request)
{
	enum ct_store_state	 pg = ct_service.uses_pg ? ct_stores_postgres() : CT_STORE_UP;
	enum ct_store_state	 redis = ct_service.uses_redis ? ct_stores_redis() : CT_STORE_UP;
	bool			 keys = !ct_key_fetch_used() || ct_key_fetch_ready();
	const char		*stores, *body;

	stores = ct_printf(request, "{%s%s%s%s%s}",
	    !ct_service.uses_pg ? "" : ct_printf(request, "\"postgres\":\"%s\"", ct_store_state_name(pg)),
	    ct_service.uses_pg && ct_service.uses_redis ? "," : "",
	    !ct_service.uses_redis ? "" : ct_printf(request, "\"redis\":\"%s\"", ct_store_state_name(redis)),
	    ct_key_fetch_used() && (ct_service.uses_pg || ct_service.uses_redis) ? "," : "",
	    !ct_key_fetch_used() ? "" : keys ? "\"jwks\":\"up\"" : "\"jwks\":\"unavailable\"");
	if (pg == CT_STORE_UP && redis == CT_STORE_UP && keys && !draining) {
		body = ct_printf(request, "{\"status\":\"ok\",\"stores\":%s}", stores);
		ct_reply_json(request, 200, body, strlen(body));
		return;
	}
	ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, health_detail(request, pg, redis),
	    ct_printf(request, "{\"stores\":%s}", stores));
}

static void
health_metrics(struct ct_request *request)
{
	struct ct_buf	buf;

	ct_buf_init(&buf, METRICS_TEXT_MAX);
	ct_metrics_print(&buf);
	ct_metrics_print_process(&buf);
	ct_stores_print(&buf);
	ct_loaded_print(&buf);
	if (ct_service.print_metrics != NULL)
		ct_service.print_metrics(&buf);
	ct_reply_header(request, "content-type", "text/plain; version=0.0.4; charset=utf-8");
	ct_reply_json(request, 200, buf.data, buf.length);
	ct_buf_deinit(&buf);
}

const struct ct_route	ct_health_routes[] = {
	{ "GET", "/livez", CT_ACCESS_PUBLIC, CT_ROUTE_INTERNAL, CT_OK, health_livez },
	{ "GET", "/readyz", CT_ACCESS_PUBLIC, CT_ROUTE_INTERNAL, CT_OK, health_readyz },
	{ "GET", "/metrics", CT_ACCESS_PUBLIC, CT_ROUTE_INTERNAL, CT_OK, health_metrics },
	{ 0 }
};
