/*
 * One connection to PostgreSQL, see pg_conn.h.
 *
 * DOWN -> CONNECTING -> IDLE -> (PREPARING ->) RUNNING -> IDLE, and IDLE -> PROBING -> IDLE; all states but DOWN also go to DOWN
 * (pg_conn_set_state). A statement is prepared on a connection when it is first sent there.
 *
 * The hard part is to say correctly how a send ended (enum pg_end). The rules:
 * - Rows may arrive before the commit. A deferred constraint can still fail, and the server can still die. Rows are certain
 *   only when the server is ready for the next statement.
 * - A transaction of several calls (ct_pg_statement.next) is rolled back by all that ends it before COMMIT is sent.
 * - An error of severity ERROR rolls the whole send back. So does FATAL, if no rows came before it. After rows, or with
 *   PANIC, nothing is certain.
 * - A server that takes no writes (25006) has written nothing. The connection ends, and the next attempt takes another host.
 * - A commit waits for a synchronous standby. If somebody cancels that wait, the server warns and answers as if all was well,
 *   but the commit may be lost with the server. So its outcome is unknown.
 * - If a connection ends without an error, the outcome of a sent statement is unknown.
 *
 * The client never sends a cancel request. PQcancel blocks, and it would end a wait for the standby. The server's own
 * statement_timeout is a fifth shorter than the client's time limit, so the usual end of a slow statement is a certain one.
 * It does not end a wait for the standby: without any standby the client's time limit closes the connection, and the outcome
 * is unknown.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "pg/pg_conn.h"
#include "pg/pg_params.h"
#include "pg/pg_settings.h"
#include "pg/pg_sql.h"

#define PG_NAME_SIZE	160	/* of a prepared statement's name: function and generation */

#define PG_OTHER_PRIMARY	"another host is the primary"

static void	pg_conn_on_event(void *arg, int events);

static bool
pg_conn_is_usable(enum pg_conn_state state)
{
	return (state == PG_CONN_IDLE || state == PG_CONN_PROBING || state == PG_CONN_PREPARING || state == PG_CONN_RUNNING);
}

/* The only function that changes the state. */
static void
pg_conn_set_state(struct pg_conn *conn, enum pg_conn_state state)
{
	static const bool	allowed[PG_CONN_STATES][PG_CONN_STATES] = {
		[PG_CONN_DOWN] = { [PG_CONN_CONNECTING] = true },
		[PG_CONN_CONNECTING] = { [PG_CONN_IDLE] = true, [PG_CONN_DOWN] = true },
		[PG_CONN_IDLE] = { [PG_CONN_PROBING] = true, [PG_CONN_PREPARING] = true, [PG_CONN_RUNNING] = true,
		    [PG_CONN_DOWN] = true },
		[PG_CONN_PROBING] = { [PG_CONN_IDLE] = true, [PG_CONN_DOWN] = true },
		[PG_CONN_PREPARING] = { [PG_CONN_RUNNING] = true, [PG_CONN_IDLE] = true, [PG_CONN_DOWN] = true },
		/* PREPARING: the next function of a transaction, or a stale plan. RUNNING: the next step of a transaction. */
		[PG_CONN_RUNNING] = { [PG_CONN_PREPARING] = true, [PG_CONN_RUNNING] = true, [PG_CONN_IDLE] = true,
		    [PG_CONN_DOWN] = true },
	};

	CT_ASSERT(allowed[conn->state][state]);
	conn->state = state;
	if (state == PG_CONN_IDLE) {
		conn->deadline_ms = ct_loop_now_ms() + PG_PROBE_MS;
		/* The greeting of a silent server proves nothing: a pooler may greet for it, and then refuse each probe at once. */
		if (!conn->hosts->silent)
			ct_backoff_reset(&conn->backoff);
	}
}

/* The only function that changes the step. */
static void
pg_conn_set_step(struct pg_conn *conn, enum pg_step step)
{
	static const bool	allowed[PG_STEPS][PG_STEPS] = {
		[PG_STEP_NONE] = { [PG_STEP_WHOLE] = true, [PG_STEP_BEGUN] = true },
		[PG_STEP_WHOLE] = { [PG_STEP_NONE] = true },
		[PG_STEP_BEGUN] = { [PG_STEP_CALLED] = true, [PG_STEP_NONE] = true },
		[PG_STEP_CALLED] = { [PG_STEP_COMMITTING] = true, [PG_STEP_NONE] = true },
		[PG_STEP_COMMITTING] = { [PG_STEP_NONE] = true },
	};

	CT_ASSERT(allowed[conn->step][step]);
	conn->step = step;
}

static bool
pg_conn_is_at_primary(const struct pg_conn *conn)
{
	return (conn->host == conn->hosts->primary);
}

/* The server has answered something. The greeting is no answer. */
static void
pg_conn_heard(struct pg_conn *conn)
{
	pg_hosts_heard(conn->hosts, conn->host, ct_loop_now_ms());
	if (!conn->unproven)
		return;
	conn->unproven = false;
	pg_hosts_tried(conn->hosts, conn->host);
	if (pg_conn_is_at_primary(conn))
		pg_hosts_works(conn->hosts, conn->host, ct_loop_now_ms());
}

static void
pg_conn_close(struct pg_conn *conn, const char *why)
{
	const char	*server = conn->db != NULL ? PQerrorMessage(conn->db) : "";
	bool		 was_usable = pg_conn_is_usable(conn->state), was_connecting = conn->state == PG_CONN_CONNECTING;
	bool		 listed = conn->hosts->count > 1;
	char		 text[512];

	CT_ASSERT(conn->step == PG_STEP_NONE);
	(void)snprintf(text, sizeof(text), "%s%s%s%s%.*s", listed ? conn->hosts->list[conn->host].label : "", listed ? ": " : "",
	    why, *server != '\0' ? ": " : "", (int)strcspn(server, "\n"), server);
	if (was_usable)
		ct_metric_add(pg_metrics.lost, 1);
	ct_loop_unwatch(&conn->watch);
	pg_conn_set_state(conn, PG_CONN_DOWN);
	if (was_connecting || conn->unproven)
		pg_hosts_tried(conn->hosts, conn->host);
	conn->unproven = false;
	PQfinish(conn->db);
	conn->db = NULL;
	memset(conn->prepared, 0, sizeof(conn->prepared));
	if (was_usable || !listed)
		ct_backoff_pause(&conn->backoff, ct_loop_now_ms());
	conn->owner->on_down(conn->owner->arg, was_usable, text);
}

/* The attempt to connect failed. */
static void
pg_conn_fail(struct pg_conn *conn, const char *why)
{
	pg_hosts_failed(conn->hosts, conn->host, ct_loop_now_ms());
	pg_conn_close(conn, why);
}

/* Ends the send in flight. Closes the connection with the reason `why`, unless it is still `usable`. */
static void
pg_conn_end(struct pg_conn *conn, enum pg_end end, bool usable, const char *why)
{
	CT_ASSERT(conn->state == PG_CONN_PREPARING || conn->state == PG_CONN_RUNNING);
	CT_ASSERT(conn->send.count > 0);
	CT_ASSERT(end != PG_END_COMMITTED || (usable && conn->answer.rows != NULL));
	CT_ASSERT(end != PG_END_REFUSED || conn->answer.sqlstate[0] != '\0');
	ct_metric_observe(pg_metrics.send_seconds, (double)(ct_loop_now_ms() - conn->sent_ms) / 1000.0);

	pg_conn_set_step(conn, PG_STEP_NONE);
	if (usable)
		pg_conn_set_state(conn, PG_CONN_IDLE);
	else
		pg_conn_close(conn, why);
	conn->owner->on_end(conn->owner->arg, &conn->send, end, conn->answer.rows, conn->answer.sqlstate);
	CT_ASSERT_MSG(conn->state == (usable ? PG_CONN_IDLE : PG_CONN_DOWN), "on_end does not use the connection");
	conn->send.count = 0;
	pg_answer_free_rows(&conn->answer);
}

static void
pg_conn_trace_written(const struct pg_conn *conn)
{
	unsigned	i;

	for (i = 0; i < conn->send.count; i++) {
		if (ct_span_is_recorded(&conn->send.calls[i]->trace.span))
			pg_trace_written(&conn->send.calls[i]->trace);
	}
}

/* Writes the bytes that libpq still holds and watches for the next event. Returns false if the connection is lost. */
static bool
pg_conn_flush(struct pg_conn *conn)
{
	int	more = PQflush(conn->db);

	if (more == -1)
		return (false);
	if (more == 0 && conn->send.traced && conn->state == PG_CONN_RUNNING)
		pg_conn_trace_written(conn);
	ct_loop_watch_set(conn->watch, more == 1 ? CT_READ | CT_WRITE : CT_READ);
	return (true);
}

/* Returns the end of a send that gets no answer. */
static enum pg_end
pg_conn_unanswered(const struct pg_conn *conn)
{
	if (conn->state != PG_CONN_RUNNING)
		return (PG_END_NOT_SENT);
	return (conn->step == PG_STEP_BEGUN || conn->step == PG_STEP_CALLED ? PG_END_ROLLED_BACK : PG_END_UNKNOWN);
}

/* Returns true if an error of the current step leaves no open transaction. */
static bool
pg_conn_error_ends_transaction(const struct pg_conn *conn)
{
	return (conn->step == PG_STEP_WHOLE || conn->step == PG_STEP_COMMITTING);
}

/* Prepares for the answer of the statement that is sent next: no error yet, and a new deadline. */
static void
pg_conn_run(struct pg_conn *conn)
{
	pg_answer_clear_error(&conn->answer);
	pg_conn_set_state(conn, PG_CONN_RUNNING);
	conn->deadline_ms = ct_loop_now_ms() + pg_settings.timeout_ms;
}

/* Writes the name of the prepared statement that this generation of conn->form has. */
static void
pg_conn_name(const struct pg_conn *conn, uint32_t generation, char name_r[PG_NAME_SIZE])
{
	(void)snprintf(name_r, PG_NAME_SIZE, "%s.%u", conn->send.statement->declared->function, generation);
}

static void
pg_conn_prepare(struct pg_conn *conn)
{
	char	name[PG_NAME_SIZE];

	/* A new name each time, because the server may still have the name of a stale plan. */
	conn->generation++;
	CT_ASSERT_MSG(conn->generation != 0, "generations of one connection do not wrap around");
	pg_conn_name(conn, conn->generation, name);
	pg_answer_clear_error(&conn->answer);
	pg_conn_set_state(conn, PG_CONN_PREPARING);
	if (!PQsendPrepare(conn->db, name, conn->send.statement->sql[conn->form].data, 0, NULL) || !pg_conn_flush(conn))
		pg_conn_end(conn, PG_END_NOT_SENT, false, "lost");
}

/* Calls `function` or `many` with the arguments of all calls. */
static void
pg_conn_call_first(struct pg_conn *conn)
{
	const struct pg_send	*send = &conn->send;
	struct pg_params	 params;
	char			 name[PG_NAME_SIZE];

	pg_conn_run(conn);
	pg_conn_name(conn, conn->prepared[send->statement->index][conn->form], name);
	if (!pg_params_init(&params, send->calls, send->count, send->statement->args)) {
		(void)snprintf(conn->answer.sqlstate, sizeof(conn->answer.sqlstate), "54000");
		pg_conn_end(conn, PG_END_REFUSED, pg_conn_error_ends_transaction(conn), "arguments too large");
	} else if (!PQsendQueryPrepared(conn->db, name, (int)send->statement->args, params.values, params.lengths,
	    params.formats, 0)) {
		/* libpq fails here only before it has written its last bytes, the Sync that commits. */
		pg_conn_end(conn, PG_END_NOT_SENT, false, "lost");
	} else if (!pg_conn_flush(conn))
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "lost");
	pg_params_deinit(&params);
}

/* Calls `next` with the body of the answer before. */
static void
pg_conn_call_next(struct pg_conn *conn)
{
	const PGresult	*rows = conn->answer.rows;
	const char	*body = PQgetisnull(rows, 0, PG_COLUMN_BODY) ? NULL : PQgetvalue(rows, 0, PG_COLUMN_BODY);
	char		 name[PG_NAME_SIZE];
	int		 sent;

	CT_ASSERT(conn->step == PG_STEP_CALLED);
	pg_conn_run(conn);
	pg_conn_name(conn, conn->prepared[conn->send.statement->index][PG_FORM_NEXT], name);
	sent = PQsendQueryPrepared(conn->db, name, 1, &body, NULL, NULL, 0);
	pg_answer_free_rows(&conn->answer);
	if (!sent || !pg_conn_flush(conn))
		pg_conn_end(conn, PG_END_ROLLED_BACK, false, "lost");
}

/* Calls the function of conn->form. Prepares it first, unless this connection has done so already. */
static void
pg_conn_call(struct pg_conn *conn)
{
	if (conn->prepared[conn->send.statement->index][conn->form] == 0)
		pg_conn_prepare(conn);
	else if (conn->form == PG_FORM_NEXT)
		pg_conn_call_next(conn);
	else
		pg_conn_call_first(conn);
}

/* Sends BEGIN or COMMIT. */
static void
pg_conn_command(struct pg_conn *conn, enum pg_step step, const char *sql)
{
	pg_conn_set_step(conn, step);
	pg_conn_run(conn);
	if (!PQsendQuery(conn->db, sql))
		pg_conn_end(conn, PG_END_NOT_SENT, false, "lost");
	else if (!pg_conn_flush(conn))
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "lost");
}

/* BEGIN or a call of the transaction was answered without an error: sends the next step. */
static void
pg_conn_next_step(struct pg_conn *conn)
{
	const PGresult	*rows = conn->answer.rows;

	conn->deadline_ms = ct_loop_now_ms() + pg_settings.timeout_ms;
	if (conn->step == PG_STEP_BEGUN) {
		pg_conn_set_step(conn, PG_STEP_CALLED);
		pg_conn_call(conn);
	} else if (rows == NULL || PQntuples(rows) != 1)
		pg_conn_end(conn, PG_END_ROLLED_BACK, false, "unexpected answer");
	else if (!pg_call_is_wanted(conn->send.calls[0]))
		/* Closing the connection ends the transaction. */
		pg_conn_end(conn, PG_END_ROLLED_BACK, false, "no client waits for the answer");
	else if (strcmp(PQgetvalue(rows, 0, PG_COLUMN_OUTCOME), "MORE") == 0) {
		conn->form = PG_FORM_NEXT;
		pg_conn_call(conn);
	} else
		pg_conn_command(conn, PG_STEP_COMMITTING, "COMMIT");
}

void
pg_conn_send(struct pg_conn *conn)
{
	const struct ct_pg_statement	*declared = conn->send.statement->declared;

	CT_ASSERT(conn->state == PG_CONN_IDLE && conn->step == PG_STEP_NONE);
	CT_ASSERT(conn->send.count > 0 && conn->send.count <= PG_BATCH_MAX);
	CT_ASSERT(conn->send.count == 1 || declared->next == NULL);
	conn->form = conn->send.count > 1 && declared->many != NULL ? PG_FORM_MANY : PG_FORM_ONE;
	conn->prepared_again = false;
	conn->sent_ms = ct_loop_now_ms();
	conn->deadline_ms = conn->sent_ms + pg_settings.timeout_ms;

	if (declared->next != NULL)
		pg_conn_command(conn, PG_STEP_BEGUN, "BEGIN");
	else {
		pg_conn_set_step(conn, PG_STEP_WHOLE);
		pg_conn_call(conn);
	}
}

/* No more results of Prepare. */
static void
pg_conn_prepared(struct pg_conn *conn)
{
	bool	usable = PQstatus(conn->db) == CONNECTION_OK && !conn->answer.fatal && !conn->answer.unclear;

	if (!usable)
		pg_conn_end(conn, PG_END_NOT_SENT, false, "lost");
	else if (conn->answer.sqlstate[0] != '\0')
		pg_conn_end(conn, PG_END_REFUSED, pg_conn_error_ends_transaction(conn), "cannot prepare a function");
	else {
		conn->prepared[conn->send.statement->index][conn->form] = conn->generation;
		pg_conn_call(conn);
	}
}

/* The server refused the statement by an error that leaves the connection as it is. */
static void
pg_conn_refused(struct pg_conn *conn, bool usable)
{
	bool	stale = pg_answer_is_stale_plan(&conn->answer);

	if (pg_answer_is_read_only(&conn->answer)) {
		pg_hosts_no_writes(conn->hosts, conn->host, ct_loop_now_ms());
		pg_conn_end(conn, PG_END_ROLLED_BACK, false, PG_NO_WRITES);
	} else if (!pg_conn_error_ends_transaction(conn)) {
		/* Closing the connection ends the open transaction. The next connection prepares a stale plan anew. */
		pg_conn_end(conn, stale ? PG_END_NOT_SENT : PG_END_REFUSED, false, "a step of a transaction failed");
	} else if (usable && stale && !conn->prepared_again) {
		pg_answer_free_rows(&conn->answer);
		conn->prepared_again = true;
		pg_conn_prepare(conn);
	} else
		pg_conn_end(conn, PG_END_REFUSED, usable, "lost");
}

/* No more results: either the server is ready for the next statement, or the connection is lost. */
static void
pg_conn_answered(struct pg_conn *conn)
{
	const struct pg_answer	*answer = &conn->answer;
	bool			 usable = PQstatus(conn->db) == CONNECTION_OK && !answer->fatal && !answer->unclear;

	if (answer->unclear)
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "unexpected answer");
	else if (answer->fatal)
		pg_conn_end(conn, answer->rows == NULL ? PG_END_ROLLED_BACK : pg_conn_unanswered(conn), false, "ended by the server");
	else if (answer->sqlstate[0] != '\0')
		pg_conn_refused(conn, usable);
	else if (usable && !pg_conn_error_ends_transaction(conn))
		pg_conn_next_step(conn);
	else if (usable && answer->rows != NULL)
		pg_conn_end(conn, PG_END_COMMITTED, true, "");
	else
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "lost");
}

/* Returns the result that the server should send for the last statement. */
static enum pg_expected
pg_conn_expected(const struct pg_conn *conn)
{
	if (conn->state == PG_CONN_PREPARING)
		return (PG_EXPECT_PREPARED);
	if (conn->step == PG_STEP_BEGUN)
		return (PG_EXPECT_BEGIN);
	return (conn->step == PG_STEP_COMMITTING ? PG_EXPECT_COMMIT : PG_EXPECT_ROWS);
}

/* Reads results. If the connection is `lost`, the server may have sent a reason before: reads it, without waiting. */
static void
pg_conn_read_results(struct pg_conn *conn, bool lost)
{
	PGresult	*result;

	while (lost || !PQisBusy(conn->db)) {
		result = PQgetResult(conn->db);
		if (result == NULL) {
			if (conn->state == PG_CONN_PREPARING)
				pg_conn_prepared(conn);
			else
				pg_conn_answered(conn);
			return;
		}
		pg_answer_take(&conn->answer, result, pg_conn_expected(conn),
		    pg_statement_function(conn->send.statement, conn->form), conn->send.count);
		if (conn->answer.unclear) {
			pg_conn_end(conn, pg_conn_unanswered(conn), false, "unexpected answer");
			return;
		}
	}
	if (!pg_conn_flush(conn))
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "lost");
}

static uint64_t
pg_conn_probe_timeout_ms(void)
{
	return (pg_settings.timeout_ms > PG_PROBE_TIMEOUT_MIN_MS ? pg_settings.timeout_ms : PG_PROBE_TIMEOUT_MIN_MS);
}

/* Sends a probe. The empty statement takes no lock, reads no table, and its outcome concerns no call. */
static void
pg_conn_probe(struct pg_conn *conn)
{
	pg_conn_set_state(conn, PG_CONN_PROBING);
	conn->deadline_ms = ct_loop_now_ms() + pg_conn_probe_timeout_ms();
	if (!PQsendQuery(conn->db, "") || !pg_conn_flush(conn))
		pg_conn_close(conn, "lost");
}

/* Reads the answer to a probe. Any other answer ends the connection, for example a pooler's error that it has no server. */
static void
pg_conn_read_probe(struct pg_conn *conn, bool lost)
{
	PGresult	*result;

	while (!lost && !PQisBusy(conn->db)) {
		result = PQgetResult(conn->db);
		if (result == NULL) {
			pg_conn_heard(conn);
			pg_conn_set_state(conn, PG_CONN_IDLE);
			return;
		}
		lost = PQresultStatus(result) != PGRES_EMPTY_QUERY;
		PQclear(result);
	}
	if (lost || !pg_conn_flush(conn))
		pg_conn_close(conn, "lost");
}

static void
pg_conn_read(struct pg_conn *conn)
{
	bool	lost = PQconsumeInput(conn->db) == 0;

	if (conn->state == PG_CONN_PROBING) {
		pg_conn_read_probe(conn, lost);
		return;
	}
	if (!lost)
		pg_conn_heard(conn);
	if (conn->state != PG_CONN_IDLE) {
		pg_conn_read_results(conn, lost);
		return;
	}
	/* An idle connection gets notices, or its end. PQisBusy makes libpq parse the bytes that it has read. */
	(void)PQisBusy(conn->db);
	if (lost || PQstatus(conn->db) != CONNECTION_OK)
		pg_conn_close(conn, "lost");
}

/* A server reports these parameters when a session begins, and with the next answer after a change. */
static bool
pg_conn_is_read_only(const struct pg_conn *conn)
{
	static const char *const	names[] = { "in_hot_standby", "default_transaction_read_only" };
	const char			*value;
	size_t				 i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = PQparameterStatus(conn->db, names[i]);
		if (value != NULL && strcmp(value, "on") == 0)
			return (true);
	}
	return (false);
}

/* A notice has no part in an answer, except the warning that a commit did not wait for the standby. */
static void
pg_conn_take_notice(void *arg, const PGresult *result)
{
	struct pg_conn	*conn = arg;

	if (conn->state == PG_CONN_RUNNING)
		pg_answer_take_notice(&conn->answer, result);
}

/* Begins an attempt, unless none may begin yet. */
static void
pg_conn_connect(struct pg_conn *conn)
{
	const struct pg_host	*host;
	unsigned		 taken = pg_hosts_take(conn->hosts, ct_loop_now_ms());

	if (taken == PG_HOST_NONE)
		return;
	pg_conn_set_state(conn, PG_CONN_CONNECTING);
	conn->host = taken;
	host = &conn->hosts->list[conn->host];
	/* libpq would look the name up itself, and block. */
	if (host->name != NULL && host->address[0] == '\0') {
		pg_conn_fail(conn, "cannot connect: the host has no address");
		return;
	}
	conn->db = PQconnectStartParams(host->keywords, host->values, 0);
	if (conn->db == NULL || PQstatus(conn->db) == CONNECTION_BAD || PQsocket(conn->db) == -1) {
		pg_conn_fail(conn, "cannot connect");
		return;
	}
	(void)PQsetNoticeReceiver(conn->db, pg_conn_take_notice, conn);
	conn->deadline_ms = ct_loop_now_ms() + PG_CONNECT_MS;
	conn->watch = ct_loop_watch(PQsocket(conn->db), CT_WRITE, pg_conn_on_event, conn);
}

/* Returns true if another host has become the primary since this attempt began. */
static bool
pg_conn_is_passed(const struct pg_conn *conn)
{
	return (pg_hosts_is_passed(conn->hosts, conn->host, conn->deadline_ms - PG_CONNECT_MS));
}

/* The server has greeted: takes the connection, unless the server takes no writes. */
static void
pg_conn_greeted(struct pg_conn *conn)
{
	if (pg_conn_is_passed(conn)) {
		pg_conn_close(conn, PG_OTHER_PRIMARY);
		return;
	}
	if (pg_conn_is_read_only(conn)) {
		pg_hosts_no_writes(conn->hosts, conn->host, ct_loop_now_ms());
		pg_conn_fail(conn, PG_NO_WRITES);
		return;
	}
	conn->watch = ct_loop_watch(PQsocket(conn->db), CT_READ, pg_conn_on_event, conn);
	/* A pooler may greet for a silent server. The search goes on, and no second connection goes there, until it has answered. */
	conn->unproven = pg_hosts_is_silent(conn->hosts, conn->host);
	if (!conn->unproven) {
		pg_hosts_tried(conn->hosts, conn->host);
		pg_hosts_works(conn->hosts, conn->host, ct_loop_now_ms());
	}
	pg_conn_set_state(conn, PG_CONN_IDLE);
	conn->owner->on_up(conn->owner->arg);
}

static void
pg_conn_go_on_connecting(struct pg_conn *conn)
{
	PostgresPollingStatusType	status;

	/* PQconnectPoll may close the socket and open another one, even with the same number. */
	ct_loop_unwatch(&conn->watch);
	status = PQconnectPoll(conn->db);
	if (status == PGRES_POLLING_OK && PQsetnonblocking(conn->db, 1) == 0)
		pg_conn_greeted(conn);
	else if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)
		conn->watch = ct_loop_watch(PQsocket(conn->db),
		    status == PGRES_POLLING_READING ? CT_READ : CT_WRITE, pg_conn_on_event, conn);
	else
		pg_conn_fail(conn, "cannot connect");
}

static void
pg_conn_on_event(void *arg, int events)
{
	struct pg_conn	*conn = arg;

	(void)events;
	CT_ASSERT(conn->state != PG_CONN_DOWN);
	if (conn->state == PG_CONN_CONNECTING)
		pg_conn_go_on_connecting(conn);
	else
		pg_conn_read(conn);
	conn->owner->on_event(conn->owner->arg);
}

void
pg_conn_init(struct pg_conn *conn, const struct pg_conn_owner *owner, struct pg_hosts *hosts)
{
	memset(conn, 0, sizeof(*conn));
	conn->owner = owner;
	conn->hosts = hosts;
	conn->state = PG_CONN_DOWN;
	ct_backoff_init(&conn->backoff, CT_BACKOFF_MIN_MS, CT_BACKOFF_MAX_MS);
	pg_conn_connect(conn);
}

void
pg_conn_deinit(struct pg_conn *conn)
{
	if (conn->state == PG_CONN_PREPARING || conn->state == PG_CONN_RUNNING)
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "closing");
	else if (conn->state != PG_CONN_DOWN)
		pg_conn_close(conn, "closing");
}

/* A statement or a probe got no answer in time. The server may be frozen, so the next attempt begins at the next host. */
static void
pg_conn_late(struct pg_conn *conn, uint64_t now)
{
	uint64_t	timeout_ms = conn->state == PG_CONN_PROBING ? pg_conn_probe_timeout_ms() : pg_settings.timeout_ms;

	pg_hosts_late(conn->hosts, conn->host, conn->deadline_ms - timeout_ms, now);
	if (conn->state == PG_CONN_PROBING)
		pg_conn_close(conn, "no answer in time");
	else
		pg_conn_end(conn, pg_conn_unanswered(conn), false, "no answer in time");
}

/* A connection without a call stays open only to the primary, and only while the primary answers probes. */
static void
pg_conn_check_idle(struct pg_conn *conn, uint64_t now)
{
	if (pg_conn_is_read_only(conn)) {
		pg_hosts_no_writes(conn->hosts, conn->host, now);
		pg_conn_close(conn, PG_NO_WRITES);
	} else if (!pg_conn_is_at_primary(conn))
		pg_conn_close(conn, conn->hosts->primary == PG_HOST_NONE ? PG_NO_WRITES : PG_OTHER_PRIMARY);
	else if (conn->state == PG_CONN_IDLE && (now >= conn->deadline_ms || conn->hosts->silent || conn->unproven))
		pg_conn_probe(conn);
	else if (now >= conn->deadline_ms)
		pg_conn_late(conn, now);
}

void
pg_conn_tick(struct pg_conn *conn, uint64_t now)
{
	switch (conn->state) {
	case PG_CONN_DOWN:
		if (ct_backoff_is_over(&conn->backoff, now))
			pg_conn_connect(conn);
		break;
	case PG_CONN_CONNECTING:
		if (pg_conn_is_passed(conn))
			pg_conn_close(conn, PG_OTHER_PRIMARY);
		else if (now >= conn->deadline_ms)
			pg_conn_fail(conn, "cannot connect in time");
		break;
	case PG_CONN_PREPARING:
	case PG_CONN_RUNNING:
		if (now >= conn->deadline_ms)
			pg_conn_late(conn, now);
		break;
	case PG_CONN_IDLE:
	case PG_CONN_PROBING:
		pg_conn_check_idle(conn, now);
		break;
	case PG_CONN_STATES:
		break;
	}
}

bool
pg_conn_is_free(const struct pg_conn *conn)
{
	return (conn->state == PG_CONN_IDLE && pg_conn_is_at_primary(conn) && !conn->hosts->silent);
}
