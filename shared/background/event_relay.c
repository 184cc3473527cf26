/*
 * Moves events from the database's outbox to the Redis stream `events`
 * (docs/events.md), at least once and in order. One worker of all services has
 * the lease (platform.relay_next) and sends batch after batch:
 *
 *   relay_next      returns a batch, in the order in which it is to be sent
 *   Redis           appends the whole batch in one indivisible step
 *   relay_next      removes the sent events from the outbox and returns the next batch
 *
 * The database remembers the newest entry of the stream. If the stream ends before
 * that entry, it was lost or restored: the relay appends nothing, and first sends
 * the events of the last hour again (platform.relay_lost).
 *
 * A worker that cannot append now (Redis is down, or refuses its user) must not keep
 * others from it. It still counts the waiting events for the metrics, but rarely, and its lease ends before it counts
 * again. A worker that can append then takes it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "background/event_counts.h"
#include "background/event_relay.h"
#include "background/work.h"
#include "base/config.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/metrics.h"
#include "loop/loop.h"

#define RELAY_STREAM		"events"
#define RELAY_BATCH		"200"
#define RELAY_AGAIN_BATCH	"5000"
#define RELAY_LEASE_MS		"3000"
#define RELAY_IDLE_LEASE_MS	"1000"	/* must be shorter than RELAY_IDLE_TICKS ticks */

/* Ticks between two calls of relay_next. */
#define RELAY_TICK_MS		100
#define RELAY_OTHER_TICKS	10	/* another worker has the lease */
#define RELAY_IDLE_TICKS	20	/* this worker cannot append */

/* After Redis has refused to append, another worker may have the right to. */
#define RELAY_REFUSED_MS	10000

static const struct ct_pg_statement	relay_next = {
	.function = "platform.relay_next",
	.args = "text, bigint[], text, int, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement	relay_lost = {
	.function = "platform.relay_lost",
	.args = "text, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/*
 * KEYS: the stream. ARGV: its newest entry as far as the database knows, or '';
 * the age in seconds and the number of entries that it keeps, both about; the answer
 * of relay_next. Returns the id of the newest entry, or LOST if the stream ends before
 * the known one. Each entry names the entry before it, so that a reader notices a gap.
 */
static const char	relay_append_script[] =
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
	struct ct_metric	*lag;
	struct ct_metric	*sent;
	struct ct_metric	*again;
} relay_metrics;

static struct ct_redis_cluster	*relay_redis;
static char		 relay_holder[CT_UUID_TEXT];
static char		 relay_keep_seconds[CT_NUMBER_TEXT];
static char		 relay_keep[CT_NUMBER_TEXT];
static bool		 relay_leading;
static unsigned		 relay_ticks;
static uint64_t		 relay_refused_until_ms;

/* The batch on its way to Redis: its ids as relay_next returned them, their number, and the newest entry after it. */
static struct {
	char		*ids;
	int		 size;
	bool		 appended;
	char		 entry[64];
} relay_batch;

static struct ct_work	relay;

static void
relay_drop_batch(void)
{
	free(relay_batch.ids);
	memset(&relay_batch, 0, sizeof(relay_batch));
}

static void
relay_end(void)
{
	relay_drop_batch();
	ct_work_go_on(&relay, CT_WORK_DONE);
}

static void	relay_send_again(void);

static void
relay_again_done(const struct ct_outcome *outcome, void *arg)
{
	cJSON	*body;
	double	 again;

	(void)arg;
	if (outcome->error != CT_OK) {
		relay_end();
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	again = ct_work_number(body, "again");
	cJSON_Delete(body);
	if (again > 0)
		ct_metric_add(relay_metrics.again, (uint64_t)again);
	if (again >= atoi(RELAY_AGAIN_BATCH))
		relay_send_again();
	else
		relay_end();
}

static void
relay_send_again(void)
{
	ct_pg_call(relay.pg, &relay_lost, (const char *const[]){ relay_holder, RELAY_AGAIN_BATCH }, relay_again_done, NULL);
}

static void
relay_appended(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply == NULL || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)) {
		/* Redis may have appended the batch; it is sent again. */
		if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
			ct_log(CT_LOG_ERROR, NULL, "events cannot be appended to the stream: %s", reply->str);
			relay_refused_until_ms = ct_loop_now_ms() + RELAY_REFUSED_MS;
		}
		relay_end();
		return;
	}
	if (strcmp(reply->str, "LOST") == 0) {
		ct_log(CT_LOG_WARNING, NULL, "the stream of events was lost: the events of the last hour are sent again");
		event_counts_repeat();
		relay_send_again();
		return;
	}
	if (relay_batch.size == 0) {
		relay_end();
		return;
	}
	ct_metric_add(relay_metrics.sent, (uint64_t)relay_batch.size);
	(void)snprintf(relay_batch.entry, sizeof(relay_batch.entry), "%s", reply->str);
	relay_batch.appended = true;
	ct_work_go_on(&relay, CT_WORK_MORE);
}

static bool
relay_can_append(void)
{
	return (ct_redis_cluster_serves(relay_redis, RELAY_STREAM) && ct_loop_now_ms() >= relay_refused_until_ms);
}

static bool
relay_prepare(const char *args[CT_PG_ARGS_MAX])
{
	bool		able = relay_can_append();
	unsigned	ticks = !able ? RELAY_IDLE_TICKS : relay_leading ? 1 : RELAY_OTHER_TICKS;

	if (!relay_batch.appended && ++relay_ticks < ticks)
		return (false);
	relay_ticks = 0;
	args[0] = relay_holder;
	args[1] = relay_batch.appended ? relay_batch.ids : NULL;
	args[2] = relay_batch.appended ? relay_batch.entry : NULL;
	args[3] = RELAY_BATCH;
	args[4] = able ? RELAY_LEASE_MS : RELAY_IDLE_LEASE_MS;
	return (true);
}

static enum ct_work_next
relay_answered(const cJSON *body, const char *text)
{
	bool		 was_sending = relay_batch.appended;
	const char	*ids, *entry;

	/* If the call failed, the events that were sent stay in the outbox and are sent again. */
	relay_drop_batch();
	if (body == NULL)
		return (CT_WORK_DONE);
	ct_metric_set(relay_metrics.lag, (int64_t)ct_work_number(body, "lagMs"));
	if (!cJSON_IsTrue(cJSON_GetObjectItem(body, "leading"))) {
		relay_leading = false;
		return (CT_WORK_DONE);
	}
	if (was_sending)
		event_counts_sent();
	if (!relay_can_append())
		return (CT_WORK_DONE);
	if (!relay_leading)
		ct_log(CT_LOG_INFO, NULL, "this worker relays events now");
	relay_leading = true;

	relay_batch.size = cJSON_GetArraySize(cJSON_GetObjectItem(body, "events"));
	/* An empty batch goes to Redis too, at a tick: it asks whether the stream is still there. */
	if (relay_batch.size == 0 && was_sending)
		return (CT_WORK_DONE);
	ids = cJSON_GetStringValue(cJSON_GetObjectItem(body, "ids"));
	entry = cJSON_GetStringValue(cJSON_GetObjectItem(body, "entry"));
	if (ids == NULL || (relay_batch.ids = strdup(ids)) == NULL) {
		relay_drop_batch();
		return (CT_WORK_DONE);
	}
	event_counts_take(cJSON_GetObjectItem(body, "events"));
	ct_redis_cluster_call(relay_redis, RELAY_STREAM, 8, (const char *const[]){ "EVAL", relay_append_script, "1", RELAY_STREAM,
	    entry == NULL ? "" : entry, relay_keep_seconds, relay_keep, text }, relay_appended, NULL);
	return (CT_WORK_PENDING);
}

static struct ct_work	relay = {
	.name = "events",
	.batch = &relay_next,
	.interval_ms = RELAY_TICK_MS,
	.prepare = relay_prepare,
	.answered = relay_answered,
	.left_member = "backlog",
	.leased = true,
};

void
event_relay_configure(void)
{
	ct_number(ct_config_number("EVENTS_KEEP_SECONDS"), relay_keep_seconds);
	ct_number(ct_config_number("EVENTS_KEEP"), relay_keep);
	relay.left = ct_metric_gauge("events_backlog", "",
	    "Events not in the stream yet, counted up to 10000, by the worker that relays");
	ct_metric_lives(relay.left, CT_WORK_LEFT_LIVES_MS);
	relay_metrics.lag = ct_metric_gauge("events_lag_seconds", "", "Age of the oldest of them");
	ct_metric_in_milliseconds(relay_metrics.lag);
	ct_metric_lives(relay_metrics.lag, CT_WORK_LEFT_LIVES_MS);
	relay_metrics.sent = ct_metric_counter("events_sent_total", "", "Events appended to the stream");
	relay_metrics.again = ct_metric_counter("events_again_total", "",
	    "Events to be sent again because the stream was lost");
	event_counts_configure();
}

void
event_relay_start(struct ct_pg *pg, struct ct_redis_cluster *redis)
{
	struct ct_uuid	id;

	relay_redis = redis;
	ct_uuid_v7(&id);
	ct_uuid_format(&id, relay_holder);
	ct_work_start(&relay, pg);
}
