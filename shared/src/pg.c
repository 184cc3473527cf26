/*
 * Calls to PostgreSQL: accepted, gathered into batches, given to connections,
 * answered.
 *
 * Each statement has a queue. A statement that may be gathered (batch_max > 1)
 * has two batches in flight at a time, so that one is worked on while the other
 * commits; what is called meanwhile is the next batch. Others use any idle
 * connection. When a connection is free, it goes to the queue whose oldest call
 * has waited longest.
 *
 * A batch the server refused as a whole was rolled back as a whole: its calls
 * go again, each alone, so that only the one to blame sees the error.
 *
 * Sending starts in the turn after the call (ct_loop_defer), so that requests
 * which arrived together leave together, and no callback can run inside
 * ct_pg_call.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ct/config.h"
#include "ct/log.h"
#include "pg_internal.h"

struct pg_settings	pg_settings;
struct pg_metrics	pg_metrics;

/* The loop's ticks live as long as the worker and the client may not: they look here. */
static struct ct_pg	*instance;
static bool		 ticking;

void
ct_pg_configure(void)
{
	struct pg_metrics	*m = &pg_metrics;

	pg_settings.pool_size = (unsigned)ct_config_number("PG_POOL_SIZE", 1, 64, 4);
	pg_settings.timeout_ms = (unsigned)ct_config_number("PG_TIMEOUT_MS", 100, 60000, 5000);
	pg_settings.queue_max = (unsigned)ct_config_number("PG_QUEUE_MAX", 1, 100000, 2000);
	pg_settings.conninfo = ct_config_text("PG_CONNINFO", NULL);
	if (pg_settings.conninfo != NULL)
		pg_conn_configure(pg_settings.conninfo);

	m->calls = ct_metric_counter("pg_calls_total", "", "Calls of SQL functions");
	m->sends = ct_metric_counter("pg_sends_total", "",
	    "Statements sent; pg_rows_total divided by it is the batch size");
	m->rows = ct_metric_counter("pg_rows_total", "", "Calls carried by statements sent");
	m->again = ct_metric_counter("pg_again_total", "", "Calls sent once more after a rollback");
	m->unavailable = ct_metric_counter("pg_errors_total", "kind=\"unavailable\"",
	    "Calls without an outcome row");
	m->unknown = ct_metric_counter("pg_errors_total", "kind=\"unknown\"",
	    "Calls without an outcome row");
	m->refused = ct_metric_counter("pg_errors_total", "kind=\"refused\"",
	    "Calls without an outcome row");
	m->overflow = ct_metric_counter("pg_errors_total", "kind=\"overflow\"",
	    "Calls without an outcome row");
	m->lost = ct_metric_counter("pg_connections_lost_total", "", "Connections lost");
	m->pending = ct_metric_gauge("pg_calls_pending", "", "Calls not yet answered");
	m->connections = ct_metric_gauge("pg_connections", "", "Usable connections");
	m->wait_seconds = ct_metric_histogram("pg_wait_seconds", "", "From call to send");
	m->send_seconds = ct_metric_histogram("pg_send_seconds", "", "From send to answer");
}

static void
call_end(struct ct_pg *pg, struct pg_call *call, const struct ct_outcome *outcome)
{
	pg->pending--;
	ct_metric_set(pg_metrics.pending, pg->pending);
	call->cb(outcome, call->arg);
	free(call);
}

static void
call_fail(struct ct_pg *pg, struct pg_call *call, enum ct_error error)
{
	struct ct_outcome	 outcome = { .error = error };

	if (error == CT_SERVICE_UNAVAILABLE)
		ct_metric_add(pg_metrics.unavailable, 1);
	else if (error == CT_OUTCOME_UNKNOWN)
		ct_metric_add(pg_metrics.unknown, 1);
	else
		ct_metric_add(pg_metrics.refused, 1);
	call_end(pg, call, &outcome);
}

/* Back to the front of its queue, where it came from; the deadline runs on. */
static void
call_again(struct ct_pg *pg, struct pg_call *call)
{
	pg->waiting++;
	ct_metric_add(pg_metrics.again, 1);
	if (call->alone)
		TAILQ_INSERT_HEAD(&call->queue->again, call, list);
	else
		TAILQ_INSERT_HEAD(&call->queue->waiting, call, list);
}

static const char *
column(const PGresult *rows, int row, int number)
{
	return (PQgetisnull(rows, row, number) ? NULL : PQgetvalue(rows, row, number));
}

/* A function that answered nothing has still committed: for a write that is unknown, not failed. */
static enum ct_error
unanswered(const struct pg_call *call)
{
	return (call->queue->stmt->write ? CT_OUTCOME_UNKNOWN : CT_INTERNAL_ERROR);
}

static void
settle_rows(struct ct_pg *pg, struct pg_call *const *calls, unsigned count, const PGresult *rows)
{
	struct ct_outcome	outcome;
	bool			answered[PG_BATCH_MAX] = { false };
	unsigned		i;
	unsigned long		n;
	int			row;
	const char		*value;

	for (row = 0; row < PQntuples(rows); row++) {
		n = strtoul(PQgetvalue(rows, row, 0), NULL, 10);
		if (n < 1 || n > count || answered[n - 1] || PQgetisnull(rows, row, 1))
			continue;
		answered[n - 1] = true;
		outcome.error = CT_OK;
		outcome.outcome = PQgetvalue(rows, row, 1);
		outcome.body = column(rows, row, 2);
		outcome.body_length = outcome.body != NULL ? (size_t)PQgetlength(rows, row, 2) : 0;
		outcome.etag = column(rows, row, 3);
		value = column(rows, row, 4);
		outcome.replayed = value != NULL && *value == 't';
		outcome.request_id = column(rows, row, 5);
		call_end(pg, calls[n - 1], &outcome);
	}
	for (i = 0; i < count; i++) {
		if (answered[i])
			continue;
		ct_log(CT_LOG_ERROR, NULL, "postgres: %s answered without an outcome",
		    calls[i]->queue->stmt->function);
		call_fail(pg, calls[i], unanswered(calls[i]));
	}
}

static bool
lost_a_race(const char *sqlstate)
{
	return (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0);
}

static void
settle_refused(struct ct_pg *pg, struct pg_call *const *calls, unsigned count, const char *sqlstate)
{
	unsigned	i;

	if (count == 1 && (!lost_a_race(sqlstate) || ++calls[0]->attempts >= PG_ATTEMPTS)) {
		call_fail(pg, calls[0], ct_error_from_sqlstate(sqlstate));
		return;
	}
	for (i = count; i-- > 0;) {
		calls[i]->alone = true;
		call_again(pg, calls[i]);
	}
}

void
pg_settle(struct ct_pg *pg, struct pg_call *const *calls, unsigned count, enum pg_end end,
    const PGresult *rows, const char *sqlstate)
{
	unsigned	i;

	switch (end) {
	case PG_COMMITTED:
		settle_rows(pg, calls, count, rows);
		break;
	case PG_REFUSED:
		settle_refused(pg, calls, count, sqlstate);
		break;
	case PG_NOT_SENT:
		for (i = count; i-- > 0;)
			call_again(pg, calls[i]);
		break;
	case PG_ROLLED_BACK:
		for (i = 0; i < count; i++)
			call_fail(pg, calls[i], CT_SERVICE_UNAVAILABLE);
		break;
	case PG_UNKNOWN:
		for (i = 0; i < count; i++)
			call_fail(pg, calls[i], calls[i]->queue->stmt->write ?
			    CT_OUTCOME_UNKNOWN : CT_SERVICE_UNAVAILABLE);
		break;
	}
}

/* The call of this queue that may be sent next, or NULL. */
static struct pg_call *
queue_next(const struct pg_queue *queue)
{
	struct pg_call	*again = TAILQ_FIRST(&queue->again);

	if (again != NULL)
		return (again);
	if (queue->batch_max > 1 && queue->sends >= PG_SENDS_MAX)
		return (NULL);
	return (TAILQ_FIRST(&queue->waiting));
}

static struct pg_conn *
idle_conn(struct ct_pg *pg)
{
	unsigned	i;

	for (i = 0; i < pg->conns_count; i++) {
		if (pg->conns[i].state == PG_IDLE)
			return (&pg->conns[i]);
	}
	return (NULL);
}

/* Moves up to a batch from the queue to the connection and sends it. */
static void
send_batch(struct ct_pg *pg, struct pg_conn *conn, struct pg_queue *queue)
{
	struct pg_calls	*from = &queue->waiting;
	struct pg_call	*call;
	unsigned	 count = 0, max = queue->batch_max;
	size_t		 bytes = 0;
	uint64_t	 now = ct_loop_now_ms();
	bool		 gathered = max > 1;

	if (!TAILQ_EMPTY(&queue->again)) {
		from = &queue->again;
		max = 1;
		gathered = false;
	}
	while (count < max && (call = TAILQ_FIRST(from)) != NULL) {
		if (count > 0 && bytes + call->bytes > PG_BATCH_BYTES_MAX)
			break;
		bytes += call->bytes;
		TAILQ_REMOVE(from, call, list);
		pg->waiting--;
		ct_metric_observe(pg_metrics.wait_seconds, (double)(now - call->queued_ms) / 1000.0);
		conn->calls[count++] = call;
	}
	ct_metric_add(pg_metrics.sends, 1);
	ct_metric_add(pg_metrics.rows, count);
	pg_sql_sort(conn->calls, count, queue->stmt->order_by);
	pg_conn_send(conn, queue, count, gathered);
}

void
pg_pump(struct ct_pg *pg)
{
	struct pg_conn	*conn;
	struct pg_queue	*oldest;
	struct pg_call	*call, *first;
	unsigned	 i;

	while (pg->waiting > 0 && (conn = idle_conn(pg)) != NULL) {
		oldest = NULL;
		first = NULL;
		for (i = 0; i < pg->queues_count; i++) {
			call = queue_next(pg->queues[i]);
			if (call != NULL && (first == NULL || call->number < first->number)) {
				first = call;
				oldest = pg->queues[i];
			}
		}
		if (oldest == NULL)
			return;
		send_batch(pg, conn, oldest);
	}
}

/* Fails what has waited for longer than `limit` ms. Callbacks may add calls: they are younger. */
static void
expire(struct ct_pg *pg, struct pg_calls *calls, uint64_t now, uint64_t limit)
{
	struct pg_call	*call;

	while ((call = TAILQ_FIRST(calls)) != NULL && now - call->queued_ms >= limit &&
	    call->queued_ms <= now) {
		TAILQ_REMOVE(calls, call, list);
		pg->waiting--;
		call_fail(pg, call, CT_SERVICE_UNAVAILABLE);
	}
}

static bool
is_down(const struct ct_pg *pg, uint64_t now)
{
	return (pg->up == 0 && now - pg->down_since_ms > PG_DOWN_MS);
}

static void
tick(void *arg)
{
	struct ct_pg	*pg = instance;
	uint64_t	 now = ct_loop_now_ms(), limit;
	unsigned	 i;

	(void)arg;
	if (pg == NULL)
		return;
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_tick(&pg->conns[i], now);

	limit = is_down(pg, now) ? 0 : pg_settings.timeout_ms;
	for (i = 0; i < pg->queues_count; i++) {
		expire(pg, &pg->queues[i]->again, now, limit);
		expire(pg, &pg->queues[i]->waiting, now, limit);
	}
	pg_pump(pg);
}

static void
tell_refused(struct ct_pg *pg)
{
	struct pg_calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
	struct pg_call	*call;

	TAILQ_CONCAT(&refused, &pg->refused, list);
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		call_fail(pg, call, CT_SERVICE_UNAVAILABLE);
	}
}

static void
turn(void *arg)
{
	struct ct_pg	*pg = instance;

	(void)arg;
	if (pg == NULL)
		return;
	pg->turn_set = false;
	tell_refused(pg);
	pg_pump(pg);
}

struct ct_pg *
ct_pg_init(void)
{
	struct ct_pg	*pg;
	unsigned	 i;

	pg = calloc(1, sizeof(*pg));
	if (pg == NULL || (pg->conns = calloc(pg_settings.pool_size, sizeof(*pg->conns))) == NULL)
		abort();
	pg->conns_count = pg_settings.pool_size;
	pg->down_since_ms = ct_loop_now_ms();
	TAILQ_INIT(&pg->refused);
	instance = pg;
	srandom((unsigned)getpid() ^ (unsigned)time(NULL));
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_init(&pg->conns[i], pg);
	if (!ticking)
		ct_loop_every(PG_TICK_MS, tick, NULL);
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
	pg->closing = true;
	for (i = 0; i < pg->conns_count; i++)
		pg_conn_deinit(&pg->conns[i]);
	for (i = 0; i < pg->queues_count; i++) {
		expire(pg, &pg->queues[i]->again, UINT64_MAX, 0);
		expire(pg, &pg->queues[i]->waiting, UINT64_MAX, 0);
	}
	/* Callbacks may have called again, and still may: nothing they stand on goes before the last is told. */
	while (!TAILQ_EMPTY(&pg->refused))
		tell_refused(pg);
	for (i = 0; i < pg->queues_count; i++) {
		ct_buf_deinit(&pg->queues[i]->sql[0]);
		ct_buf_deinit(&pg->queues[i]->sql[1]);
		free(pg->queues[i]);
	}
	instance = NULL;
	free(pg->conns);
	free(pg);
	*pgp = NULL;
}

bool
ct_pg_ready(const struct ct_pg *pg)
{
	return (pg->up > 0);
}

unsigned
ct_pg_pending(const struct ct_pg *pg)
{
	return (pg->pending);
}

/* The statement's queue, made at its first call. A service's statements are few: a walk is enough. */
static struct pg_queue *
queue_get(struct ct_pg *pg, const struct ct_pg_statement *stmt)
{
	struct pg_queue	*queue;
	unsigned	 i;

	for (i = 0; i < pg->queues_count; i++) {
		if (pg->queues[i]->stmt == stmt)
			return (pg->queues[i]);
	}
	if (pg->queues_count == PG_STATEMENTS_MAX || pg_sql_count(stmt->args) > CT_PG_ARGS_MAX) {
		ct_log(CT_LOG_ERROR, NULL, "postgres: too many statements or arguments: %s",
		    stmt->function);
		abort();
	}
	queue = calloc(1, sizeof(*queue));
	if (queue == NULL)
		abort();
	queue->stmt = stmt;
	queue->index = pg->queues_count;
	queue->args = pg_sql_count(stmt->args);
	queue->batch_max = queue->args == 0 ? 1 : stmt->batch_max;
	if (queue->batch_max < 1)
		queue->batch_max = 1;
	if (queue->batch_max > PG_BATCH_MAX)
		queue->batch_max = PG_BATCH_MAX;
	TAILQ_INIT(&queue->waiting);
	TAILQ_INIT(&queue->again);
	ct_buf_init(&queue->sql[0], PG_BUF_CEILING);
	ct_buf_init(&queue->sql[1], PG_BUF_CEILING);
	pg_sql_text(&queue->sql[0], stmt);
	if (stmt->many != NULL)
		pg_sql_many(&queue->sql[1], stmt);
	pg->queues[pg->queues_count++] = queue;
	return (queue);
}

static struct pg_call *
call_new(struct pg_queue *queue, const char *const *args, ct_pg_cb cb, void *arg)
{
	struct pg_call	*call;
	size_t		 texts = 0, lens[CT_PG_ARGS_MAX];
	char		*at;
	unsigned	 i;

	for (i = 0; i < queue->args; i++) {
		lens[i] = args[i] != NULL ? strlen(args[i]) + 1 : 0;
		texts += lens[i];
	}
	call = calloc(1, sizeof(*call) + queue->args * sizeof(char *) + texts);
	if (call == NULL)
		abort();
	at = (char *)&call->args[queue->args];
	for (i = 0; i < queue->args; i++) {
		if (args[i] == NULL)
			continue;
		call->args[i] = memcpy(at, args[i], lens[i]);
		at += lens[i];
	}
	call->queue = queue;
	call->cb = cb;
	call->arg = arg;
	call->queued_ms = ct_loop_now_ms();
	call->bytes = texts;
	return (call);
}

void
ct_pg_call(struct ct_pg *pg, const struct ct_pg_statement *stmt, const char *const *args,
    ct_pg_cb cb, void *arg)
{
	struct pg_queue	*queue = queue_get(pg, stmt);
	struct pg_call	*call = call_new(queue, args, cb, arg);

	call->number = pg->calls++;
	pg->pending++;
	ct_metric_add(pg_metrics.calls, 1);
	ct_metric_set(pg_metrics.pending, pg->pending);
	if (pg->waiting >= pg_settings.queue_max) {
		ct_metric_add(pg_metrics.overflow, 1);
		TAILQ_INSERT_TAIL(&pg->refused, call, list);
	} else if (pg->closing || is_down(pg, call->queued_ms))
		TAILQ_INSERT_TAIL(&pg->refused, call, list);
	else {
		pg->waiting++;
		TAILQ_INSERT_TAIL(&queue->waiting, call, list);
	}
	if (!pg->turn_set) {
		pg->turn_set = true;
		ct_loop_defer(turn, NULL);
	}
}
