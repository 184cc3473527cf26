/* See stores.h. */
#include <stddef.h>

#include "base/log.h"
#include "loop/loop.h"
#include "service/service.h"
#include "service/stores.h"

#define STORES_EVERY_MS	1000
#define STORES_FIRST_MS	50	/* until the first answer */

/* The last answers of the servers to the script: of the one that takes writes best, and of the worst. */
struct stores_answers {
	enum ct_store_state	best, worst;
};
static struct stores_answers	stores_redis, stores_round;
static unsigned			stores_asked;	/* servers that have not answered in this round */
static bool			stores_heard;	/* a server has answered in this round */
static bool			stores_known;	/* a server takes writes, or a round that has ended had an answer */

static void
stores_round_ended(void)
{
	if (stores_heard && stores_redis.worst != CT_STORE_UP && stores_round.worst == CT_STORE_UP)
		ct_log(CT_LOG_INFO, NULL, "redis: takes writes again");
	if (stores_heard)
		stores_redis = stores_round;
	stores_known = stores_known || stores_heard;
}

static void
stores_redis_answered(const redisReply *reply, void *arg)
{
	enum ct_store_state	state;

	(void)arg;
	/* Without an answer the client knows why. */
	if (reply != NULL) {
		state = reply->type == REDIS_REPLY_ERROR ? ct_store_state_of_redis(reply->str) : CT_STORE_UP;
		if (state != CT_STORE_UP && state != stores_redis.worst)
			ct_log(CT_LOG_WARNING, NULL, "redis: %s: %s", ct_store_state_text(state), reply->str);
		if (!stores_heard || state == CT_STORE_UP)
			stores_round.best = state;
		if (!stores_heard || state != CT_STORE_UP)
			stores_round.worst = state;
		stores_heard = true;
		/* One server that takes writes is enough (`best`). A frozen one must not delay the start. */
		if (state == CT_STORE_UP)
			stores_known = true;
	}
	if (--stores_asked == 0)
		stores_round_ended();
}

/* Redis checks a script with a shebang and no flags like a write, before it runs it. */
static void
stores_ask_server(struct ct_redis *server, void *arg)
{
	(void)arg;
	stores_asked++;
	ct_redis_call(server, 3, (const char *const[]){ "EVAL", "#!lua\nreturn 1", "0" }, NULL, stores_redis_answered, NULL);
}

static void
stores_ask(void *arg)
{
	(void)arg;
	if (ct_service_redis == NULL || stores_asked > 0)
		return;
	stores_heard = false;
	ct_redis_cluster_each(ct_service_redis, stores_ask_server, NULL);
}

/* A worker that has just connected asks at once, so that its start need not wait for the next round. */
static void
stores_ask_first(void *arg)
{
	if (stores_known)
		return;
	stores_ask(arg);
	ct_loop_after(STORES_FIRST_MS, stores_ask_first, NULL);
}

void
ct_stores_start(void)
{
	stores_asked = 0;
	stores_known = false;
	stores_redis = (struct stores_answers){ .best = CT_STORE_UP, .worst = CT_STORE_UP };
	if (ct_service_redis == NULL)
		return;
	ct_loop_every(STORES_EVERY_MS, stores_ask, NULL);
	ct_loop_after(STORES_FIRST_MS, stores_ask_first, NULL);
}

bool
ct_stores_know_redis(void)
{
	return (ct_service_redis == NULL || stores_known);
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
	if (ct_redis_cluster_ready(ct_service_redis))
		return (stores_known ? stores_redis.best : CT_STORE_DOWN);
	return (ct_redis_cluster_state(ct_service_redis));
}

/* CT_STORE_UP if the whole of Redis can be used. */
static enum ct_store_state
stores_redis_whole(void)
{
	enum ct_store_state	state = ct_stores_redis();

	if (state != CT_STORE_UP || ct_service_redis == NULL)
		return (state);
	return (ct_redis_cluster_whole(ct_service_redis) ? stores_redis.worst : CT_STORE_DOWN);
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
	enum ct_store_state	pg = ct_stores_postgres(), redis = stores_redis_whole();

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
