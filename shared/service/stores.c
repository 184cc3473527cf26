/* See stores.h. */
#include <stddef.h>

#include "base/log.h"
#include "loop/loop.h"
#include "service/service.h"
#include "service/stores.h"

#define STORES_EVERY_MS	1000

/* The last answer to the script; CT_STORE_UP before the first one. */
static enum ct_store_state	stores_redis_writes = CT_STORE_UP;
static bool			stores_asking;

static void
stores_redis_answered(const redisReply *reply, void *arg)
{
	enum ct_store_state	state;

	(void)arg;
	stores_asking = false;
	/* Without an answer the client knows why. */
	if (reply == NULL)
		return;
	state = reply->type == REDIS_REPLY_ERROR ? ct_store_state_of_redis(reply->str) : CT_STORE_UP;
	if (state == stores_redis_writes)
		return;
	if (state == CT_STORE_UP)
		ct_log(CT_LOG_INFO, NULL, "redis: takes writes again");
	else
		ct_log(CT_LOG_WARNING, NULL, "redis: %s: %s", ct_store_state_text(state), reply->str);
	stores_redis_writes = state;
}

/* Redis checks a script with a shebang and no flags like a write, before it runs it. */
static void
stores_ask(void *arg)
{
	(void)arg;
	if (ct_service_redis == NULL || stores_asking || !ct_redis_ready(ct_service_redis))
		return;
	stores_asking = true;
	ct_redis_call(ct_service_redis, 3, (const char *const[]){ "EVAL", "#!lua\nreturn 1", "0" }, NULL,
	    stores_redis_answered, NULL);
}

void
ct_stores_start(void)
{
	stores_asking = false;
	stores_redis_writes = CT_STORE_UP;
	if (ct_service_redis != NULL)
		ct_loop_every(STORES_EVERY_MS, stores_ask, NULL);
}

enum ct_store_state
ct_stores_postgres(void)
{
	return (ct_service_pg == NULL ? CT_STORE_UP : ct_pg_state(ct_service_pg));
}

enum ct_store_state
ct_stores_redis(void)
{
	if (ct_service_redis == NULL)
		return (CT_STORE_UP);
	return (ct_redis_ready(ct_service_redis) ? stores_redis_writes : ct_redis_state(ct_service_redis));
}

static void
stores_print_problem(struct ct_buf *buf, const char *store, enum ct_store_state state)
{
	if (state != CT_STORE_UP)
		ct_buf_printf(buf, "store_problem{store=\"%s\",reason=\"%s\"} 1\n", store, ct_store_state_name(state));
}

void
ct_stores_print(struct ct_buf *buf)
{
	enum ct_store_state	pg = ct_stores_postgres(), redis = ct_stores_redis();

	if (ct_service_pg != NULL)
		ct_buf_printf(buf, "# HELP pg_up 1 if this service can read and write in PostgreSQL, else 0\n"
		    "# TYPE pg_up gauge\npg_up %d\n", pg == CT_STORE_UP);
	if (ct_service_redis != NULL)
		ct_buf_printf(buf, "# HELP redis_up 1 if this service can read and write in Redis, else 0\n"
		    "# TYPE redis_up gauge\nredis_up %d\n", redis == CT_STORE_UP);
	ct_buf_printf(buf, "# HELP store_problem 1, with the store and the reason, while this service cannot use it\n"
	    "# TYPE store_problem gauge\n");
	stores_print_problem(buf, "postgres", pg);
	stores_print_problem(buf, "redis", redis);
}
