/*
 * One connection to PostgreSQL: libpq's non-blocking half, driven by the loop.
 *
 * DOWN -> CONNECTING -> IDLE -> (PREPARING ->) RUNNING -> IDLE, and back to
 * DOWN from anywhere. A statement is prepared on a connection when it is first
 * sent there. One send is in flight at a time.
 *
 * The hard part is to say truly how a send ended (enum pg_end). The rules:
 * - Rows may arrive before the commit does (a deferred constraint can still
 *   fail, the server can still die). Only when the server is ready for the
 *   next statement are they certain.
 * - An error of severity ERROR rolls the whole send back. So does FATAL, if no
 *   rows came before it. After rows, or with PANIC, nothing is certain.
 * - A connection that ends without a word leaves a sent statement unknown.
 *   It is never cancelled from here: PQcancel blocks. The server's own
 *   statement_timeout, set a fifth shorter than ours, makes the usual end of a
 *   slow statement a certain one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ct/config.h"
#include "ct/log.h"
#include "ct/resolve.h"
#include "pg_internal.h"

#define KEYWORDS_MAX	64

static const char *const defaults[][2] = {
	{ "keepalives_idle", "30" },
	{ "keepalives_interval", "10" },
	{ "keepalives_count", "3" },
	{ "gssencmode", "disable" },	/* looks for tickets in files, on every connect */
	{ "client_encoding", "UTF8" },
};

static void	on_event(void *arg, int events);

/*
 * force_generic_plan: a batch's plan never depends on its values, and planning
 * is dearer than running it. enable_memoize: a function with side effects must
 * run for every row, equal arguments or not. What PG_CONNINFO says wins.
 */
static const char *
options_text(const char *given)
{
	struct ct_buf	text;

	ct_buf_init(&text, PG_BUF_CEILING);
	ct_buf_printf(&text, "-c statement_timeout=%u -c plan_cache_mode=force_generic_plan "
	    "-c enable_memoize=off %s", pg_settings.timeout_ms / 5 * 4, given);
	return (text.data);
}

static void
keyword_add(unsigned *count, const char *keyword, const char *value)
{
	if (*count + 1 >= KEYWORDS_MAX || value == NULL)
		return;
	pg_settings.keywords[*count] = keyword;
	pg_settings.values[*count] = value;
	(*count)++;
}

/* What is kept from here lives as long as the process. */
void
pg_conn_configure(const char *conninfo)
{
	PQconninfoOption	*parsed, *option;
	const char		*host = NULL, *hostaddr = NULL, *options = "";
	const char		*value;
	char			*why = NULL, address[CT_ADDRESS_TEXT];
	unsigned		 count = 0, i;

	parsed = PQconninfoParse(conninfo, &why);
	if (parsed == NULL) {
		ct_config_fail("PG_CONNINFO", why != NULL ? why : "out of memory");
		PQfreemem(why);
		return;
	}
	if (ct_production())
		pg_check_production(parsed);
	pg_settings.keywords = calloc(KEYWORDS_MAX, sizeof(char *));
	pg_settings.values = calloc(KEYWORDS_MAX, sizeof(char *));
	if (pg_settings.keywords == NULL || pg_settings.values == NULL)
		abort();

	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		keyword_add(&count, defaults[i][0], defaults[i][1]);
	for (option = parsed; option->keyword != NULL; option++) {
		if (option->val == NULL)
			continue;
		if (strcmp(option->keyword, "options") == 0) {
			options = option->val;
			continue;
		}
		value = strdup(option->val);
		if (strcmp(option->keyword, "host") == 0)
			host = value;
		else if (strcmp(option->keyword, "hostaddr") == 0)
			hostaddr = value;
		/* The keyword is libpq's own constant; only values are freed below. */
		keyword_add(&count, option->keyword, value);
	}
	keyword_add(&count, "options", options_text(options));
	PQconninfoFree(parsed);

	/* Lists and sockets are left to libpq; the name stays, for TLS and the password file. */
	if (host != NULL && hostaddr == NULL && host[0] != '/' && host[0] != '@' &&
	    strchr(host, ',') == NULL) {
		if (!ct_resolve(host, address)) {
			ct_config_fail("PG_CONNINFO", "its host has no address");
			return;
		}
		keyword_add(&count, "hostaddr", strdup(address));
	}
}

static void
set_state(struct pg_conn *conn, enum pg_conn_state state)
{
	struct ct_pg	*pg = conn->pg;
	bool		 was_up = conn->state >= PG_IDLE, is_up = state >= PG_IDLE;

	conn->state = state;
	if (was_up == is_up)
		return;
	if (is_up) {
		if (pg->up++ == 0 && pg->outage_logged) {
			ct_log(CT_LOG_INFO, NULL, "postgres: connected again");
			pg->outage_logged = false;
		}
	} else if (--pg->up == 0)
		pg->down_since_ms = ct_loop_now_ms();
	ct_metric_set(pg_metrics.connections, pg->up);
}

/* Said once an outage: a pool that reconnects every few moments would say little else. */
static void
log_outage(struct pg_conn *conn, const char *why)
{
	const char	*text = conn->db != NULL ? PQerrorMessage(conn->db) : "";

	if (conn->pg->up > 0 || conn->pg->outage_logged)
		return;
	conn->pg->outage_logged = true;
	ct_log(CT_LOG_WARNING, NULL, "postgres: no connection: %s%s%.*s", why,
	    *text != '\0' ? ": " : "", (int)strcspn(text, "\n"), text);
}

static void
conn_close(struct pg_conn *conn, const char *why)
{
	unsigned	wait;

	if (conn->state >= PG_IDLE)
		ct_metric_add(pg_metrics.lost, 1);
	ct_loop_unwatch(&conn->watch);
	set_state(conn, PG_DOWN);
	log_outage(conn, why);
	PQfinish(conn->db);
	conn->db = NULL;
	memset(conn->prepared, 0, sizeof(conn->prepared));

	/* Half of it is chance, so that workers don't come back in step. */
	wait = conn->backoff_ms / 2 + (unsigned)random() % (conn->backoff_ms / 2 + 1);
	conn->retry_ms = ct_loop_now_ms() + wait;
	conn->backoff_ms *= 2;
	if (conn->backoff_ms > PG_BACKOFF_MAX_MS)
		conn->backoff_ms = PG_BACKOFF_MAX_MS;
}

/* The end of what was in flight. The connection is idle or closed before anybody is told. */
static void
conn_end(struct pg_conn *conn, enum pg_end end, bool usable, const char *why)
{
	struct ct_pg	*pg = conn->pg;
	PGresult	*rows = conn->rows;
	unsigned	 count = conn->count;

	conn->rows = NULL;
	conn->count = 0;
	if (conn->gathered)
		conn->queue->sends--;
	ct_metric_observe(pg_metrics.send_seconds,
	    (double)(ct_loop_now_ms() - conn->sent_ms) / 1000.0);

	if (usable)
		set_state(conn, PG_IDLE);
	else
		conn_close(conn, why);
	pg_settle(pg, conn->calls, count, end, rows, conn->sqlstate);
	PQclear(rows);
}

/* Writes what libpq still holds and watches for what is needed next. False: the connection is lost. */
static bool
conn_flush(struct pg_conn *conn)
{
	int	more = PQflush(conn->db);

	if (more == -1)
		return (false);
	ct_loop_watch_set(conn->watch, more == 1 ? CT_READ | CT_WRITE : CT_READ);
	return (true);
}

static void
clear_error(struct pg_conn *conn)
{
	conn->sqlstate[0] = '\0';
	conn->fatal = false;
	conn->unclear = false;
}

static void
send_prepare(struct pg_conn *conn)
{
	char	name[160];

	/* A new name each time: an old one of a plan that went stale is not in the way. */
	conn->generation++;
	(void)snprintf(name, sizeof(name), "%s.%u", conn->queue->stmt->function, conn->generation);
	clear_error(conn);
	set_state(conn, PG_PREPARING);
	if (!PQsendPrepare(conn->db, name, conn->queue->sql[conn->many].data, 0, NULL) || !conn_flush(conn))
		conn_end(conn, PG_NOT_SENT, false, "lost");
}

static void
send_query(struct pg_conn *conn)
{
	struct pg_queue	*queue = conn->queue;
	struct ct_buf	 arrays;
	const char	*values[CT_PG_ARGS_MAX];
	int		 lengths[CT_PG_ARGS_MAX], formats[CT_PG_ARGS_MAX];
	size_t		 starts[CT_PG_ARGS_MAX + 1];
	char		 name[160];
	unsigned	 i;
	int		 sent;

	/* The buffer moves as it grows: addresses are taken at the end. */
	ct_buf_init(&arrays, PG_BUF_CEILING);
	for (i = 0; i < queue->args; i++) {
		starts[i] = arrays.length;
		pg_sql_array(&arrays, conn->calls, conn->count, i);
	}
	starts[i] = arrays.length;
	clear_error(conn);
	if (arrays.failed) {
		(void)snprintf(conn->sqlstate, sizeof(conn->sqlstate), "54000");
		conn_end(conn, PG_REFUSED, true, "");
		goto out;
	}
	for (i = 0; i < queue->args; i++) {
		values[i] = arrays.data + starts[i];
		lengths[i] = (int)(starts[i + 1] - starts[i]);
		formats[i] = 1;
	}

	(void)snprintf(name, sizeof(name), "%s.%u", queue->stmt->function,
	    conn->prepared[queue->index][conn->many]);
	set_state(conn, PG_RUNNING);
	conn->deadline_ms = ct_loop_now_ms() + pg_settings.timeout_ms;
	sent = PQsendQueryPrepared(conn->db, name, (int)queue->args, values, lengths, formats, 0);
	if (!sent) {
		/* libpq says so only while its last bytes, the Sync that commits, are unwritten. */
		conn_end(conn, PG_NOT_SENT, false, "lost");
		goto out;
	}
	if (!conn_flush(conn))
		conn_end(conn, PG_UNKNOWN, false, "lost");
out:
	ct_buf_deinit(&arrays);
}

void
pg_conn_send(struct pg_conn *conn, struct pg_queue *queue, unsigned count, bool gathered)
{
	conn->queue = queue;
	conn->count = count;
	conn->gathered = gathered;
	conn->many = count > 1 && queue->stmt->many != NULL;
	conn->prepared_again = false;
	conn->sent_ms = ct_loop_now_ms();
	conn->deadline_ms = conn->sent_ms + pg_settings.timeout_ms;
	if (gathered)
		queue->sends++;

	if (conn->prepared[queue->index][conn->many] == 0)
		send_prepare(conn);
	else
		send_query(conn);
}

/* Which function, which SQLSTATE, where in it; never the message, which may quote a user's values. */
static void
log_error(const struct pg_conn *conn, const PGresult *result)
{
	const char	*where = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char	*constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char	*message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	/* Preparing knows no values yet, so here the message may be told. */
	if (conn->state == PG_PREPARING) {
		ct_log(CT_LOG_ERROR, NULL, "postgres: cannot prepare %s: %s",
		    conn->many ? conn->queue->stmt->many : conn->queue->stmt->function, message != NULL ? message : conn->sqlstate);
		return;
	}
	if (where == NULL || strncmp(where, "PL/pgSQL function", 17) != 0)
		where = "";
	ct_log(CT_LOG_WARNING, NULL, "postgres: %s (%u rows) ended with %s%s%s %.*s",
	    conn->queue->stmt->function, conn->count, conn->sqlstate,
	    constraint != NULL ? " by " : "", constraint != NULL ? constraint : "",
	    (int)strcspn(where, "\n"), where);
}

static void
take_error(struct pg_conn *conn, const PGresult *result)
{
	const char	*sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char	*severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	/* Without a SQLSTATE libpq itself speaks: the connection is gone, and PQstatus says so. */
	if (sqlstate == NULL || severity == NULL)
		return;
	if (conn->sqlstate[0] == '\0')
		(void)snprintf(conn->sqlstate, sizeof(conn->sqlstate), "%s", sqlstate);
	if (strcmp(severity, "ERROR") != 0)
		conn->fatal = true;
	if (strcmp(severity, "PANIC") == 0)
		conn->unclear = true;
	log_error(conn, result);
}

/* Keeps or frees one result. */
static void
take_result(struct pg_conn *conn, PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
		if (conn->state == PG_RUNNING && conn->rows == NULL) {
			conn->rows = result;
			return;
		}
		conn->unclear = true;
		break;
	case PGRES_COMMAND_OK:
		if (conn->state != PG_PREPARING)
			conn->unclear = true;
		break;
	case PGRES_FATAL_ERROR:
		take_error(conn, result);
		break;
	default:
		conn->unclear = true;
		break;
	}
	PQclear(result);
}

static void
prepared(struct pg_conn *conn)
{
	bool	usable = PQstatus(conn->db) == CONNECTION_OK && !conn->fatal && !conn->unclear;

	if (!usable)
		conn_end(conn, PG_NOT_SENT, false, "lost");
	else if (conn->sqlstate[0] != '\0')
		conn_end(conn, PG_REFUSED, true, "");
	else {
		conn->prepared[conn->queue->index][conn->many] = conn->generation;
		send_query(conn);
	}
}

/* The plan no longer fits the tables' or types' present form, or is not there any more. */
static bool
plan_is_stale(const char *sqlstate)
{
	return (strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0);
}

/* No more results: either the server is ready for the next statement or the connection is gone. */
static void
ran(struct pg_conn *conn)
{
	bool	usable = PQstatus(conn->db) == CONNECTION_OK && !conn->fatal && !conn->unclear;

	if (conn->unclear)
		conn_end(conn, PG_UNKNOWN, false, "answered out of turn");
	else if (conn->fatal)
		conn_end(conn, conn->rows == NULL ? PG_ROLLED_BACK : PG_UNKNOWN, false, "ended by the server");
	else if (conn->sqlstate[0] != '\0') {
		if (usable && !conn->prepared_again && plan_is_stale(conn->sqlstate)) {
			PQclear(conn->rows);
			conn->rows = NULL;
			conn->prepared_again = true;
			send_prepare(conn);
		} else
			conn_end(conn, PG_REFUSED, usable, "lost");
	} else if (usable && conn->rows != NULL)
		conn_end(conn, PG_COMMITTED, true, "");
	else
		conn_end(conn, PG_UNKNOWN, false, "lost");
}

static void
read_step(struct pg_conn *conn)
{
	PGresult	*result;
	bool		 lost;

	lost = PQconsumeInput(conn->db) == 0;
	if (conn->state == PG_IDLE) {
		/* Nothing was asked: notices, or the end. PQisBusy makes libpq look at what it read. */
		(void)PQisBusy(conn->db);
		if (lost || PQstatus(conn->db) != CONNECTION_OK)
			conn_close(conn, "lost");
		return;
	}

	/* A lost connection may have said why first: that is read to its end, without waiting. */
	while (lost || !PQisBusy(conn->db)) {
		result = PQgetResult(conn->db);
		if (result == NULL) {
			if (conn->state == PG_PREPARING)
				prepared(conn);
			else
				ran(conn);
			return;
		}
		take_result(conn, result);
		if (conn->unclear) {
			conn_end(conn, conn->state == PG_RUNNING ? PG_UNKNOWN : PG_NOT_SENT, false,
			    "answered out of turn");
			return;
		}
	}
	if (!conn_flush(conn))
		conn_end(conn, conn->state == PG_RUNNING ? PG_UNKNOWN : PG_NOT_SENT, false, "lost");
}

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void)arg;
	(void)result;
}

static void
connect_start(struct pg_conn *conn)
{
	conn->db = PQconnectStartParams(pg_settings.keywords, pg_settings.values, 0);
	if (conn->db == NULL || PQstatus(conn->db) == CONNECTION_BAD || PQsocket(conn->db) == -1) {
		conn_close(conn, "cannot connect");
		return;
	}
	(void)PQsetNoticeReceiver(conn->db, ignore_notice, NULL);
	set_state(conn, PG_CONNECTING);
	conn->deadline_ms = ct_loop_now_ms() + PG_CONNECT_MS;
	conn->watch = ct_loop_watch(PQsocket(conn->db), CT_WRITE, on_event, conn);
}

static void
connect_step(struct pg_conn *conn)
{
	PostgresPollingStatusType	status;

	/* Polling may close the socket and open another, even with the same number. */
	ct_loop_unwatch(&conn->watch);
	status = PQconnectPoll(conn->db);
	if (status == PGRES_POLLING_OK && PQsetnonblocking(conn->db, 1) == 0) {
		conn->watch = ct_loop_watch(PQsocket(conn->db), CT_READ, on_event, conn);
		conn->backoff_ms = PG_BACKOFF_MIN_MS;
		set_state(conn, PG_IDLE);
	} else if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)
		conn->watch = ct_loop_watch(PQsocket(conn->db),
		    status == PGRES_POLLING_READING ? CT_READ : CT_WRITE, on_event, conn);
	else
		conn_close(conn, "cannot connect");
}

static void
on_event(void *arg, int events)
{
	struct pg_conn	*conn = arg;

	(void)events;
	if (conn->state == PG_CONNECTING)
		connect_step(conn);
	else
		read_step(conn);
	pg_pump(conn->pg);
}

void
pg_conn_init(struct pg_conn *conn, struct ct_pg *pg)
{
	conn->pg = pg;
	conn->state = PG_DOWN;
	conn->backoff_ms = PG_BACKOFF_MIN_MS;
	connect_start(conn);
}

void
pg_conn_deinit(struct pg_conn *conn)
{
	if (conn->state == PG_PREPARING || conn->state == PG_RUNNING)
		conn_end(conn, conn->state == PG_RUNNING ? PG_UNKNOWN : PG_NOT_SENT, false, "closing");
	else if (conn->state != PG_DOWN)
		conn_close(conn, "closing");
}

void
pg_conn_tick(struct pg_conn *conn, uint64_t now)
{
	switch (conn->state) {
	case PG_DOWN:
		if (now >= conn->retry_ms)
			connect_start(conn);
		break;
	case PG_CONNECTING:
		if (now >= conn->deadline_ms)
			conn_close(conn, "cannot connect in time");
		break;
	case PG_IDLE:
		break;
	case PG_PREPARING:
		if (now >= conn->deadline_ms)
			conn_end(conn, PG_NOT_SENT, false, "no answer in time");
		break;
	case PG_RUNNING:
		if (now >= conn->deadline_ms)
			conn_end(conn, PG_UNKNOWN, false, "no answer in time");
		break;
	}
}
