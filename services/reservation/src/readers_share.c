/* The readers' share of PostgreSQL. readers_share.h states its contract. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/config.h"
#include "base/metrics.h"
#include "readers_share.h"
#include "loop/loop.h"
#include "service/service.h"
#include "trace/span.h"

#define WAITING_MAX	256	/* calls */
#define LONG_MS		20	/* a longer call counts twice, because it delays others more than many short ones */
#define SAVED_MAX_MS	2000	/* unused time that is saved for later calls */
#define CHARGE_MAX_MS	500	/* the rest of a longer call was a wait for a lock */
#define TICK_MS		20

struct call {
	TAILQ_ENTRY(call)		 list;
	const struct ct_pg_statement	*stmt;
	const char			*args[CT_PG_ARGS_MAX];
	ct_pg_cb			 cb;
	void				*arg;
	uint64_t			 since_ms;	/* start of the wait; once sent, time of the send */
	struct ct_span			 span;		/* of the wait */
};
TAILQ_HEAD(calls, call);

static struct calls	 refreshes = TAILQ_HEAD_INITIALIZER(refreshes);
static struct calls	 others = TAILQ_HEAD_INITIALIZER(others);
static struct calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
static unsigned		 waiting, running, running_max = 1;
static uint64_t		 wait_max_ms = 5000;
static uint64_t		 paid_until_ms;	/* each call adds its duration; no call starts before it */
static struct ct_metric	*waiting_now, *shed, *used_ms;

static void	share_pump(void);

static void
share_fail(struct call *call)
{
	static const struct ct_outcome	unavailable = { .error = CT_ERROR_SERVICE_UNAVAILABLE };

	ct_metric_add(shed, 1);
	call->cb(&unavailable, call->arg);
	free(call);
}

static void
share_fail_refused(void *arg)
{
	struct call	*call;

	(void)arg;
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		share_fail(call);
	}
}

static void
share_answered(const struct ct_outcome *outcome, void *arg)
{
	struct call	*call = arg;
	uint64_t	 now = ct_loop_now_ms(), took = now - call->since_ms;

	CT_ASSERT_MSG(running > 0, "a call is answered once");
	running--;
	ct_metric_add(used_ms, took);
	if (took > CHARGE_MAX_MS)
		took = CHARGE_MAX_MS;
	if (now > SAVED_MAX_MS && paid_until_ms < now - SAVED_MAX_MS)
		paid_until_ms = now - SAVED_MAX_MS;
	paid_until_ms += took > LONG_MS ? 2 * took : took;
	call->cb(outcome, call->arg);
	free(call);
	share_pump();
}

/* The pump runs for any call; this one belongs to the trace in which it was made. */
static void
share_send(struct call *call)
{
	static const struct ct_span_facts	waited = { .kind = CT_SPAN_INTERNAL, .name = "postgresql.readers_share" };
	struct ct_trace				before = ct_trace_enter(&call->span.parent);

	ct_span_end(&call->span, &waited);
	call->since_ms = ct_loop_now_ms();
	ct_pg_call(ct_service_pg, call->stmt, call->args, share_answered, call);
	ct_trace_leave(before);
}

static void
share_pump(void)
{
	struct calls	*from;
	struct call	*call;

	while (waiting > 0 && running < running_max && !readers_share_spent()) {
		from = TAILQ_EMPTY(&refreshes) ? &others : &refreshes;
		call = TAILQ_FIRST(from);
		TAILQ_REMOVE(from, call, list);
		waiting--;
		running++;
		share_send(call);
	}
	ct_metric_set(waiting_now, waiting);
}

/* A callback may add a call, whose since_ms is after `now`. */
static void
share_expire(struct calls *calls, uint64_t now)
{
	struct call	*call;

	while ((call = TAILQ_FIRST(calls)) != NULL && now >= call->since_ms + wait_max_ms) {
		TAILQ_REMOVE(calls, call, list);
		waiting--;
		share_fail(call);
	}
}

static void
share_tick(void *arg)
{
	uint64_t	now = ct_loop_now_ms();

	(void)arg;
	share_expire(&refreshes, now);
	share_expire(&others, now);
	share_pump();
}

void
readers_share_call(const struct ct_pg_statement *stmt, unsigned args_count, const char *const *args, bool refresh, ct_pg_cb cb,
    void *arg)
{
	struct call	*call = calloc(1, sizeof(*call));

	CT_ASSERT(args_count <= CT_PG_ARGS_MAX);
	if (call == NULL)
		abort();
	call->stmt = stmt;
	memcpy(call->args, args, args_count * sizeof(args[0]));
	call->cb = cb;
	call->arg = arg;
	call->since_ms = ct_loop_now_ms();
	ct_span_begin(&call->span, &ct_trace_current);
	if (waiting >= WAITING_MAX) {
		TAILQ_INSERT_TAIL(&refused, call, list);
		ct_loop_defer(share_fail_refused, NULL);
		return;
	}
	waiting++;
	TAILQ_INSERT_TAIL(refresh ? &refreshes : &others, call, list);
	share_pump();
}

bool
readers_share_spent(void)
{
	return (paid_until_ms > ct_loop_now_ms());
}

void
readers_share_configure(void)
{
	running_max = (unsigned)(ct_config_number("PG_POOL_SIZE") + 1) / 2;
	wait_max_ms = (uint64_t)ct_config_number("PG_TIMEOUT_MS");
	waiting_now = ct_metric_gauge("lane_waiting", "", "Calls for readers that wait for their share of PostgreSQL");
	shed = ct_metric_counter("lane_shed_total", "", "Calls for readers that were refused: too many waited, or one waited too long");
	used_ms = ct_metric_counter("lane_seconds_total", "", "Time that PostgreSQL took for readers' calls");
	ct_metric_in_milliseconds(used_ms);
}

void
readers_share_start(void)
{
	ct_loop_every(TICK_MS, share_tick, NULL);
}
