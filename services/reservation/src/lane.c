/* The readers' share of PostgreSQL. See lane.h for what it promises. */
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "ct/config.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "lane.h"

#define WAITING_MAX	256	/* calls */
#define LONG_MS		20	/* a longer call is paid twice: it delays others' more than many short ones */
#define SAVED_MAX_MS	2000	/* of the share, saved up while there are few readers */
#define CHARGE_MAX_MS	500	/* a call that waited for a lock did not use the time */
#define TICK_MS		20

struct call {
	TAILQ_ENTRY(call)		 list;
	const struct ct_pg_statement	*stmt;
	const char			*args[CT_PG_ARGS_MAX];
	ct_pg_cb			 cb;
	void				*arg;
	uint64_t			 since_ms;	/* when it began to wait, then when it was sent */
};
TAILQ_HEAD(calls, call);

static struct calls	 refreshes = TAILQ_HEAD_INITIALIZER(refreshes);
static struct calls	 others = TAILQ_HEAD_INITIALIZER(others);
static struct calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
static unsigned		 waiting, running, running_max = 1;
static uint64_t		 wait_max_ms = 5000;
static uint64_t		 paid_until_ms;	/* each call moves it on by its duration; none starts before it */
static struct ct_metric	*waiting_now, *shed, *used_ms;

static void	pump(void);

static void
fail(struct call *call)
{
	static const struct ct_outcome	unavailable = { .error = CT_SERVICE_UNAVAILABLE };

	ct_metric_add(shed, 1);
	call->cb(&unavailable, call->arg);
	free(call);
}

static void
fail_refused(void *arg)
{
	struct call	*call;

	(void)arg;
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		fail(call);
	}
}

static void
answered(const struct ct_outcome *outcome, void *arg)
{
	struct call	*call = arg;
	uint64_t	 now = ct_loop_now_ms(), took = now - call->since_ms;

	running--;
	ct_metric_add(used_ms, took);
	if (took > CHARGE_MAX_MS)
		took = CHARGE_MAX_MS;
	if (now > SAVED_MAX_MS && paid_until_ms < now - SAVED_MAX_MS)
		paid_until_ms = now - SAVED_MAX_MS;
	paid_until_ms += took > LONG_MS ? 2 * took : took;
	call->cb(outcome, call->arg);
	free(call);
	pump();
}

static void
pump(void)
{
	struct calls	*from;
	struct call	*call;

	while (waiting > 0 && running < running_max && !lane_busy()) {
		from = TAILQ_EMPTY(&refreshes) ? &others : &refreshes;
		call = TAILQ_FIRST(from);
		TAILQ_REMOVE(from, call, list);
		waiting--;
		running++;
		call->since_ms = ct_loop_now_ms();
		ct_pg_call(ct_service_pg, call->stmt, call->args, answered, call);
	}
	ct_metric_set(waiting_now, waiting);
}

static void
expire(struct calls *calls, uint64_t now)
{
	struct call	*call;

	while ((call = TAILQ_FIRST(calls)) != NULL && now - call->since_ms >= wait_max_ms) {
		TAILQ_REMOVE(calls, call, list);
		waiting--;
		fail(call);
	}
}

static void
tick(void *arg)
{
	uint64_t	now = ct_loop_now_ms();

	(void)arg;
	expire(&refreshes, now);
	expire(&others, now);
	pump();
}

void
lane_call(const struct ct_pg_statement *stmt, unsigned args_count, const char *const *args, bool refresh, ct_pg_cb cb,
    void *arg)
{
	struct call	*call = calloc(1, sizeof(*call));

	if (call == NULL || args_count > CT_PG_ARGS_MAX)
		abort();
	call->stmt = stmt;
	memcpy(call->args, args, args_count * sizeof(args[0]));
	call->cb = cb;
	call->arg = arg;
	call->since_ms = ct_loop_now_ms();
	if (waiting >= WAITING_MAX) {
		TAILQ_INSERT_TAIL(&refused, call, list);
		ct_loop_defer(fail_refused, NULL);
		return;
	}
	waiting++;
	TAILQ_INSERT_TAIL(refresh ? &refreshes : &others, call, list);
	pump();
}

bool
lane_busy(void)
{
	return (paid_until_ms > ct_loop_now_ms());
}

void
lane_configure(void)
{
	running_max = (unsigned)(ct_config_number("PG_POOL_SIZE", 1, 64, 4) + 1) / 2;
	wait_max_ms = (uint64_t)ct_config_number("PG_TIMEOUT_MS", 100, 60000, 5000);
	waiting_now = ct_metric_gauge("lane_waiting", "", "Calls for readers that wait for their share of PostgreSQL");
	shed = ct_metric_counter("lane_shed_total", "", "Calls for readers that were refused: too many, or too long a wait");
	used_ms = ct_metric_counter("lane_milliseconds_total", "", "Time that PostgreSQL took for readers' calls");
}

void
lane_start(void)
{
	ct_loop_every(TICK_MS, tick, NULL);
}
