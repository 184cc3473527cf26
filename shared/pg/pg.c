/*
 * The PostgreSQL client of one worker, see pg.h: accepts calls, and joins queues, connections and event loop.
 *
 * A call waits in the queue of its statement (pg_queue.c) until pg_schedule.c gives it to a connection (pg_conn.c). The end
 * of the send comes back to pg_settle.c, which answers the call.
 *
 * If a call sent alone waits for a lock until the server ends it, its first argument (a user's id, for most statements) is
 * stuck for a while (pg_stuck.c). Calls with this argument are sent alone, one at a time. Otherwise one user whose lock is
 * held for long would delay each batch that has a call of this user, and so all users.
 *
 * Sending starts in the turn of the loop after the call (ct_loop_defer). So requests that arrive together leave together,
 * and no callback runs inside ct_pg_call.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "pg/pg_internal.h"
#include "pg/pg_schedule.h"
#include "pg/pg_settings.h"
#include "pg/pg_settle.h"

#define PG_TICK_MS	50
#define PG_DOWN_MS	1000	/* without a usable connection for longer, calls fail at once */
#define PG_REFUSAL_MS	10000	/* a refusal for lack of something counts for this time */

/* The loop's ticks may outlive the client, so they find it here (NULL: none). */
static struct ct_pg	*instance;
static bool		 ticking;

/* The callbacks of connections (struct pg_conn_owner). */

static void
pg_on_up(void *arg)
{
	struct ct_pg	*pg = arg;

	pg->usable++;
	CT_ASSERT(pg->usable <= pg->conns_count);
	ct_metric_set(pg_metrics.connections, pg->usable);
}

static void
pg_on_down(void *arg, bool was_usable, const char *why)
{
	struct ct_pg	*pg = arg;

	if (was_usable) {
		CT_ASSERT(pg->usable > 0);
		pg->usable--;
		if (pg->usable == 0)
			pg->down_since_ms = ct_loop_now_ms();
		ct_metric_set(pg_metrics.connections, pg->usable);
	}
	pg->problem = ct_store_state_of_connect(why);
	/* An attempt at a standby is no outage while there are hosts to try. */
	if (pg->usable == 0 && !pg->closing && (was_usable || pg_hosts_all_failed(&pg->hosts)))
		ct_outage_begin(&pg->outage, why);
}

static void
pg_on_end(void *arg, const struct pg_send *send, enum pg_end end, const PGresult *rows, const char *sqlstate)
{
	struct ct_pg		*pg = arg;
	enum ct_store_state	 refusal = end == PG_END_REFUSED ? ct_store_state_of_sqlstate(sqlstate) : CT_STORE_UP;

	if (refusal != CT_STORE_UP) {
		pg->refusal = refusal;
		pg->refused_ms = ct_loop_now_ms();
	}
	pg_settle(pg, send, end, rows, sqlstate);
}

static void
pg_on_event(void *arg)
{
	struct ct_pg	*pg = arg;

	if (pg->usable > 0 && !pg->hosts.silent)
		ct_outage_end(&pg->outage);
	pg_schedule(pg);
}

/* In a tick that closes the last connection, down_since_ms is after `now`. */
static bool
pg_is_down(const struct ct_pg *pg, uint64_t now)
{
	return (pg->usable == 0 && now > pg->down_since_ms + PG_DOWN_MS);
}

/* Returns the longest wait for a connection, in milliseconds. */
static uint64_t
pg_wait_limit(const struct pg_queue *queue, bool down)
{
	if (down)
		return (0);
	return (queue->statement.declared->next != NULL ? PG_TURN_MS : pg_settings.timeout_ms);
}

static void
pg_tick(void *arg)
{
	struct ct_pg	*pg = instance;
	uint64_t	 now = ct_loop_now_ms();
	bool		 down;
	unsigned	 i;

	(void)arg;
	if (pg == NULL)
		return;
	pg_hosts_tick(&pg->hosts);
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_tick(&pg->conns[i], now);

	down = pg_is_down(pg, now);
	for (i = 0; i < pg->queues_count; i++) {
		pg_queue_expire(pg->queues[i], &pg->counts, now, pg_wait_limit(pg->queues[i], down));
		if (pg->queues[i]->statement.declared->wanted != NULL)
			pg_queue_drop_unwanted(pg->queues[i], &pg->counts);
	}
	pg_schedule(pg);
}

/* Answers the calls that were refused before this turn. Callbacks may add others. */
static void
pg_answer_refused(struct ct_pg *pg)
{
	struct pg_calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
	struct pg_call	*call;

	TAILQ_CONCAT(&refused, &pg->refused, list);
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		pg_call_fail(&pg->counts, call, CT_ERROR_SERVICE_UNAVAILABLE);
	}
}

static void
pg_turn(void *arg)
{
	struct ct_pg	*pg = instance;

	(void)arg;
	if (pg == NULL)
		return;
	pg->turn_set = false;
	pg_answer_refused(pg);
	pg_schedule(pg);
}

struct ct_pg *
ct_pg_init(void)
{
	struct ct_pg	*pg;
	unsigned	 i;

	CT_ASSERT_MSG(instance == NULL, "one client a worker");
	pg = calloc(1, sizeof(*pg));
	if (pg == NULL || (pg->conns = calloc(pg_settings.pool_size, sizeof(*pg->conns))) == NULL)
		abort();
	pg->owner = (struct pg_conn_owner){
		.arg = pg, .on_up = pg_on_up, .on_down = pg_on_down, .on_end = pg_on_end, .on_event = pg_on_event
	};
	pg->conns_count = pg_settings.pool_size;
	pg->down_since_ms = ct_loop_now_ms();
	pg->problem = CT_STORE_DOWN;
	ct_outage_init(&pg->outage, "postgres");
	TAILQ_INIT(&pg->refused);
	pg_hosts_init(&pg->hosts, &pg_settings.conninfo);
	instance = pg;
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_init(&pg->conns[i], &pg->owner, &pg->hosts);
	if (!ticking)
		ct_loop_every(PG_TICK_MS, pg_tick, NULL);
	ticking = true;
	return (pg);
}

void
ct_pg_deinit(struct ct_pg **pgp)
{
	struct ct_pg	*pg = *pgp;
	unsigned	 i;

	if (pg == NULL)
		return;
	CT_ASSERT_MSG(pg->counts.in[PG_CALL_ANSWERED] == 0, "a callback must not close the client");
	pg->closing = true;
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_deinit(&pg->conns[i]);
	for (i = 0; i < pg->queues_count; i++)
		pg_queue_expire(pg->queues[i], &pg->counts, UINT64_MAX, 0);
	/* Callbacks may add calls during shutdown, so free the queues only after the last one is answered. */
	while (!TAILQ_EMPTY(&pg->refused))
		pg_answer_refused(pg);
	CT_ASSERT(pg_call_pending(&pg->counts) == 0 && pg->usable == 0 && pg->stuck.sends == 0);
	for (i = 0; i < pg->queues_count; i++)
		pg_queue_free(pg->queues[i]);
	instance = NULL;
	pg_hosts_deinit(&pg->hosts);
	free(pg->conns);
	free(pg);
	*pgp = NULL;
}

bool
ct_pg_ready(const struct ct_pg *pg)
{
	return (pg->usable > 0);
}

enum ct_store_state
ct_pg_state(const struct ct_pg *pg)
{
	if (pg->usable == 0)
		return (pg->problem);
	if (pg->hosts.silent)
		return (CT_STORE_DOWN);
	if (pg->refusal != CT_STORE_UP && ct_loop_now_ms() - pg->refused_ms < PG_REFUSAL_MS)
		return (pg->refusal);
	return (CT_STORE_UP);
}

unsigned
ct_pg_pending(const struct ct_pg *pg)
{
	return (pg_call_pending(&pg->counts));
}

/* Returns the statement's queue; makes it at the first call. A service has few statements, so a walk is enough. */
static struct pg_queue *
pg_queue_of(struct ct_pg *pg, const struct ct_pg_statement *declared)
{
	unsigned	i;

	for (i = 0; i < pg->queues_count; i++) {
		if (pg->queues[i]->statement.declared == declared)
			return (pg->queues[i]);
	}
	CT_ASSERT_MSG(pg->queues_count < PG_STATEMENTS_MAX, "a worker calls too many SQL functions");
	pg->queues[pg->queues_count] = pg_queue_new(declared, pg->queues_count);
	return (pg->queues[pg->queues_count++]);
}

static bool
pg_is_full(const struct ct_pg *pg, const struct pg_queue *queue)
{
	return (pg_queue_is_share_full(queue, pg_settings.queue_max) ||
	    pg->counts.in[PG_CALL_WAITING] >= pg_settings.queue_max);
}

void
ct_pg_call(struct ct_pg *pg, const struct ct_pg_statement *stmt, const char *const *args,
    ct_pg_cb cb, void *arg)
{
	struct pg_queue	*queue = pg_queue_of(pg, stmt);
	struct pg_call	*call = pg_call_new(&pg->counts, &queue->statement, queue, args, cb, arg);
	bool		 full = pg_is_full(pg, queue);

	pg->counts.accepting = true;
	ct_metric_add(pg_metrics.calls, 1);
	if (full)
		ct_metric_add(pg_metrics.overflow, 1);
	if (full || pg->closing || pg_is_down(pg, call->queued_ms)) {
		pg_call_set_state(&pg->counts, call, PG_CALL_REFUSED);
		TAILQ_INSERT_TAIL(&pg->refused, call, list);
	} else
		pg_queue_add(&pg->counts, call);
	if (!pg->turn_set) {
		pg->turn_set = true;
		ct_loop_defer(pg_turn, NULL);
	}
	pg->counts.accepting = false;
}
