/*
 * One PostgreSQL connection (pg_conn.h) without a pool, against a real server. The test is its owner and notes the
 * connection's callbacks. It checks the rules that the connection asserts, too.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "pg/pg_conn.h"
#include "pg/pg_settings.h"
#include "pg/pg_sql.h"

static const struct ct_pg_statement	enter = { "clients.enter", "text", 64, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	forget = { "clients.forget", "text", 1, -1, false, NULL, NULL, NULL };
static const struct ct_pg_statement	end_me = { "clients.end_me", "text", 1, -1, true, NULL, NULL, NULL };

static struct pg_hosts		hosts;
static struct pg_conn		conn;
static struct pg_statement	statements[3];
static struct pg_call		*calls[8];
static unsigned			calls_count;
static unsigned			ups, downs, ends, events;
static bool			was_usable;
static char			why[512], sqlstate[6], body[64];
static enum pg_end		end;
static enum pg_conn_state	state_at_end;

static void
on_up(void *arg)
{
	cr_assert_eq(arg, &conn);
	ups++;
}

static void
on_down(void *arg, bool usable, const char *reason)
{
	(void)arg;
	downs++;
	was_usable = usable;
	(void)snprintf(why, sizeof(why), "%s", reason);
}

static void
on_end(void *arg, const struct pg_send *send, enum pg_end how, const PGresult *rows, const char *state)
{
	(void)arg;
	cr_assert_gt(send->count, 0);
	ends++;
	end = how;
	state_at_end = conn.state;
	(void)snprintf(sqlstate, sizeof(sqlstate), "%s", state);
	(void)snprintf(body, sizeof(body), "%s", rows != NULL ? PQgetvalue(rows, 0, PG_COLUMN_BODY) : "");
}

static void
on_event(void *arg)
{
	(void)arg;
	events++;
}

static const struct pg_conn_owner	owner = { &conn, on_up, on_down, on_end, on_event };

static bool
is_idle(void *arg)
{
	(void)arg;
	return (conn.state == PG_CONN_IDLE);
}

static bool
has_ended(void *count)
{
	return (ends >= *(unsigned *)count);
}

static void
start(void)
{
	setenv("PG_TIMEOUT_MS", "5000", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_pg_configure();
	pg_statement_init(&statements[0], &enter, 0);
	pg_statement_init(&statements[1], &forget, 1);
	pg_statement_init(&statements[2], &end_me, 2);
	pg_hosts_init(&hosts, &pg_settings.conninfo);
	pg_conn_init(&conn, &owner, &hosts);
	cr_assert(loop_poll_until(is_idle, NULL, 30000));
}

static void
finish(void)
{
	unsigned	i;

	while (calls_count > 0)
		free(calls[--calls_count]);
	for (i = 0; i < 3; i++)
		pg_statement_deinit(&statements[i]);
}

TestSuite(pg_conn, .init = start, .fini = finish, .timeout = 120);

/* Fills the connection's send with one call, which `finish` frees. */
static void
fill(unsigned statement, const char *argument)
{
	struct pg_call	*call = calloc(1, sizeof(*call) + sizeof(char *));

	calls[calls_count++] = call;
	call->statement = &statements[statement];
	call->args[0] = argument;
	conn.send.statement = &statements[statement];
	conn.send.calls[0] = call;
	conn.send.count = 1;
}

static void
send_and_wait(unsigned statement, const char *argument)
{
	unsigned	count = ends + 1;

	fill(statement, argument);
	pg_conn_send(&conn);
	cr_assert(loop_poll_until(has_ended, &count, 30000));
	cr_assert_eq(ends, count);
}

Test(pg_conn, connection_tells_its_owner_when_it_is_usable)
{
	cr_assert_eq(ups, 1);
	cr_assert_eq(downs, 0);
	cr_assert_gt(events, 0);
	pg_conn_deinit(&conn);
	cr_assert_eq(downs, 1);
	cr_assert(was_usable);
	cr_assert_eq(conn.state, PG_CONN_DOWN);
}

Test(pg_conn, sent_call_ends_once_with_rows_and_an_idle_connection)
{
	send_and_wait(0, "a");
	cr_assert_eq(end, PG_END_COMMITTED);
	cr_assert_eq(state_at_end, PG_CONN_IDLE);
	cr_assert_str_eq(body, "\"a\"");
	pg_conn_deinit(&conn);
	cr_assert_eq(ends, 1);
}

Test(pg_conn, refused_call_ends_with_its_sqlstate_and_an_idle_connection)
{
	send_and_wait(0, "poison");
	cr_assert_eq(end, PG_END_REFUSED);
	cr_assert_str_eq(sqlstate, "23514");
	cr_assert_eq(state_at_end, PG_CONN_IDLE);
	pg_conn_deinit(&conn);
}

Test(pg_conn, deallocated_plan_is_prepared_again_under_a_new_name)
{
	uint32_t	generation;

	send_and_wait(0, "a");
	generation = conn.prepared[0][PG_FORM_ONE];
	send_and_wait(1, "x");
	send_and_wait(0, "b");
	cr_assert_eq(end, PG_END_COMMITTED);
	cr_assert_gt(conn.prepared[0][PG_FORM_ONE], generation);
	pg_conn_deinit(&conn);
}

Test(pg_conn, connection_ended_by_the_server_is_down_at_the_end_and_connects_again)
{
	send_and_wait(2, "x");
	cr_assert_eq(end, PG_END_ROLLED_BACK);
	cr_assert_eq(state_at_end, PG_CONN_DOWN);
	cr_assert_eq(downs, 1);
	cr_assert(was_usable);
	cr_assert(strstr(why, "ended by the server") != NULL, "%s", why);
	while (conn.state == PG_CONN_DOWN) {
		pg_conn_tick(&conn, ct_loop_now_ms());
		loop_poll_turn(5);
	}
	cr_assert(loop_poll_until(is_idle, NULL, 30000));
	cr_assert_eq(ups, 2);
	pg_conn_deinit(&conn);
}

Test(pg_conn, close_with_a_call_in_flight_ends_it_as_unknown)
{
	fill(0, "a");
	pg_conn_send(&conn);
	while (conn.state != PG_CONN_RUNNING)
		loop_poll_turn(5);
	pg_conn_deinit(&conn);
	cr_assert_eq(ends, 1);
	cr_assert_eq(end, PG_END_UNKNOWN);
	cr_assert_eq(downs, 1);
}

Test(pg_conn, close_while_preparing_ends_the_call_as_not_sent)
{
	fill(0, "a");
	pg_conn_send(&conn);
	cr_assert_eq(conn.state, PG_CONN_PREPARING);
	pg_conn_deinit(&conn);
	cr_assert_eq(ends, 1);
	cr_assert_eq(end, PG_END_NOT_SENT);
}

/* The server of this connection is well, so no probe ends it. */
Test(pg_conn, idle_connection_is_closed_when_another_host_is_the_primary)
{
	cr_assert(pg_conn_is_free(&conn));
	hosts.primary = 1;
	cr_assert_not(pg_conn_is_free(&conn));
	pg_conn_tick(&conn, ct_loop_now_ms());
	cr_assert_eq(conn.state, PG_CONN_DOWN);
	cr_assert(strstr(why, "another host is the primary") != NULL, "%s", why);
}

Test(pg_conn, send_during_a_probe_aborts, .signal = SIGABRT)
{
	pg_conn_tick(&conn, conn.deadline_ms);
	cr_assert_eq(conn.state, PG_CONN_PROBING);
	fill(0, "a");
	pg_conn_send(&conn);
}

Test(pg_conn, send_on_a_busy_connection_aborts, .signal = SIGABRT)
{
	fill(0, "a");
	pg_conn_send(&conn);
	pg_conn_send(&conn);
}

Test(pg_conn, send_on_a_closed_connection_aborts, .signal = SIGABRT)
{
	pg_conn_deinit(&conn);
	fill(0, "a");
	pg_conn_send(&conn);
}

Test(pg_conn, send_without_calls_aborts, .signal = SIGABRT)
{
	fill(0, "a");
	conn.send.count = 0;
	pg_conn_send(&conn);
}

Test(pg_conn, send_beyond_the_largest_batch_aborts, .signal = SIGABRT)
{
	fill(0, "a");
	conn.send.count = PG_BATCH_MAX + 1;
	pg_conn_send(&conn);
}
