/*
 * Moves events from the database's outbox to the Redis stream `events`
 * (docs/events.md), at least once and in order. Every worker asks to be the
 * relay (platform.relay_next); one has the lease, and goes on as soon as a
 * batch is through while there is more:
 *
 *   relay_next      a batch, in the order it is to be sent
 *   Redis           appends all of it, in one indivisible step
 *   relay_next      what was sent leaves the outbox, and the next batch comes
 *
 * The database remembers the newest entry of the stream. If the stream does not
 * reach that far any more it was lost or restored: nothing is appended, and what
 * was sent lately is sent again first (platform.relay_lost). Without Redis the
 * backlog waits where it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct/config.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "handlers.h"

#define LOOK_MS		100
#define BATCH		"200"
#define LEASE_MS	"3000"
#define AGAIN_BATCH	"5000"

static const struct ct_pg_statement relay_next = {
	.function = "platform.relay_next",
	.args = "text, bigint[], text, int, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement relay_lost = {
	.function = "platform.relay_lost",
	.args = "text, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/*
 * KEYS: the stream. ARGV: its newest entry as far as is known, or ''; for how many
 * seconds to keep entries, about, and how many at most; what relay_next said. Answers
 * the id of the newest entry, or LOST if the stream does not reach as far as it
 * should. Each entry names the one before it, so that a reader sees what it missed.
 */
static const char append_script[] =
    "local known = ARGV[1]\n"
    "local top = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]\n"
    "if known ~= '' then\n"
    "  if not top then return 'LOST' end\n"
    "  local tm, ts = top[1]:match('(%d+)-(%d+)')\n"
    "  local km, ks = known:match('(%d+)-(%d+)')\n"
    "  tm, ts, km, ks = tonumber(tm), tonumber(ts), tonumber(km), tonumber(ks)\n"
    "  if tm < km or tm == km and ts < ks then return 'LOST' end\n"
    "end\n"
    "known = top and top[1] or '0-0'\n"
    "local events = cjson.decode(ARGV[4]).events\n"
    "for _, e in ipairs(events) do\n"
    "  known = redis.call('XADD', KEYS[1], '*',\n"
    "    'id', e.id, 'type', e.type, 'key', e.key, 'at', e.at, 'data', e.data, 'after', known)\n"
    "end\n"
    "if #events > 0 then\n"
    "  redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', (redis.call('TIME')[1] - ARGV[2]) * 1000))\n"
    "  redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', ARGV[3])\n"
    "end\n"
    "return known\n";

static struct {
	struct ct_metric	*backlog;
	struct ct_metric	*lag;
	struct ct_metric	*sent;
	struct ct_metric	*again;
} metrics;

static char	 holder[CT_UUID_TEXT];
static char	 keep_seconds[CT_NUMBER_TEXT];
static char	 keep[CT_NUMBER_TEXT];
static bool	 running;
static bool	 leading;
static unsigned	 looks;
/* The batch on its way to Redis: its ids as relay_next gave them, and how many. */
static char	*batch;
static int	 batch_size;

static void	relay_ask(const char *sent, const char *entry);
static void	relay_send_again(void);

static void
relay_rest(void)
{
	free(batch);
	batch = NULL;
	batch_size = 0;
	running = false;
}

static void
relay_resigned(void)
{
	leading = false;
	ct_metric_set(metrics.backlog, 0);
	ct_metric_set(metrics.lag, 0);
	relay_rest();
}

static void
relay_again_done(const struct ct_outcome *outcome, void *arg)
{
	cJSON	*body;
	double	 again;

	(void)arg;
	if (outcome->error != CT_OK) {
		relay_rest();
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	again = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "again"));
	cJSON_Delete(body);
	if (again > 0)
		ct_metric_add(metrics.again, (uint64_t)again);
	if (again >= atoi(AGAIN_BATCH))
		relay_send_again();
	else
		relay_rest();
}

static void
relay_send_again(void)
{
	ct_pg_call(ct_service_pg, &relay_lost, (const char *const[]){ holder, AGAIN_BATCH }, relay_again_done, NULL);
}

static void
relay_appended(const redisReply *reply, void *arg)
{
	char	 entry[64];
	char	*sent;

	(void)arg;
	if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)) {
		/* Not there, or full, or nobody knows: what was sent perhaps is sent again. */
		if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "events cannot be appended: %s", reply->str);
		relay_rest();
		return;
	}
	if (strcmp(reply->str, "LOST") == 0) {
		ct_log(CT_LOG_WARNING, NULL, "the stream of events was lost: those of the last hour are sent again");
		relay_send_again();
		return;
	}

	if (batch_size == 0) {
		relay_rest();
		return;
	}
	snprintf(entry, sizeof(entry), "%s", reply->str);
	ct_metric_add(metrics.sent, (uint64_t)batch_size);
	sent = batch;
	batch = NULL;
	relay_ask(sent, entry);
	free(sent);
}

static void
relay_append(const char *known, const char *events)
{
	const char	*argv[] = { "EVAL", append_script, "1", "events", known, keep_seconds, keep, events };

	ct_redis_call(ct_service_redis, 8, argv, NULL, relay_appended, NULL);
}

static void
relay_asked(const struct ct_outcome *outcome, void *arg)
{
	const cJSON	*entry, *ids;
	cJSON		*body;
	bool		 was_sending;

	(void)arg;
	/* What was sent and could not be written down is sent again. */
	if (outcome->error != CT_OK) {
		if (outcome->error == CT_INTERNAL_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "events cannot be relayed");
		relay_rest();
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	if (!cJSON_IsTrue(cJSON_GetObjectItem(body, "leading"))) {
		relay_resigned();
		cJSON_Delete(body);
		return;
	}
	if (!leading)
		ct_log(CT_LOG_INFO, NULL, "this worker relays events now");
	leading = true;
	ct_metric_set(metrics.backlog, (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(body, "backlog")));
	ct_metric_set(metrics.lag, (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(body, "lagMs")));

	was_sending = batch_size > 0;
	batch_size = cJSON_GetArraySize(cJSON_GetObjectItem(body, "events"));
	ids = cJSON_GetObjectItem(body, "ids");
	entry = cJSON_GetObjectItem(body, "entry");
	/* An empty batch is sent too, now and then: it asks whether the stream is still there. */
	if ((batch_size == 0 && was_sending) || !ct_redis_ready(ct_service_redis) || !cJSON_IsString(ids) ||
	    (batch = strdup(ids->valuestring)) == NULL)
		relay_rest();
	else
		relay_append(cJSON_IsString(entry) ? entry->valuestring : "", outcome->body);
	cJSON_Delete(body);
}

/* `sent`: the ids of the batch that is now in the stream, and the stream's newest entry; or both NULL. */
static void
relay_ask(const char *sent, const char *entry)
{
	ct_pg_call(ct_service_pg, &relay_next, (const char *const[]){ holder, sent, entry, BATCH, LEASE_MS },
	    relay_asked, NULL);
}

static void
relay_look(void *arg)
{
	(void)arg;
	/* Who is not the relay asks ten times less often: a lease lasts for longer. */
	if (running || (!leading && ++looks % 10 != 0))
		return;
	running = true;
	relay_ask(NULL, NULL);
}

void
relay_configure(void)
{
	ct_number(ct_config_number("EVENTS_KEEP_SECONDS", 1, 31536000, 3600), keep_seconds);
	ct_number(ct_config_number("EVENTS_KEEP", 1000, 100000000, 1000000), keep);
	metrics.backlog = ct_metric_gauge("events_backlog", "",
	    "Events not in the stream yet, counted up to 10000, by the worker that relays");
	metrics.lag = ct_metric_gauge("events_lag_milliseconds", "", "Age of the oldest of them");
	metrics.sent = ct_metric_counter("events_sent_total", "", "Events appended to the stream");
	metrics.again = ct_metric_counter("events_again_total", "", "Events to be sent again because the stream was lost");
}

void
relay_start(void)
{
	struct ct_uuid	id;

	ct_uuid_v7(&id);
	ct_uuid_format(&id, holder);
	/* What a worker before this one in the same slot has left. */
	relay_resigned();
	ct_loop_every(LOOK_MS, relay_look, NULL);
}
