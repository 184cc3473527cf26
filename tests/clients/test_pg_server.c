/*
 * The PostgreSQL client against a real server, which is slow, refuses calls, ends connections and is killed. The tests
 * compare the answer of each call with the tables.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "clients.h"
#include "loop/loop.h"
#include "pg/pg_internal.h"

#define CALLS_MAX	4096

static struct {
	unsigned	 times;
	enum ct_error	 error;
	char		 outcome[32];
	char		 body[256];
	char		 etag[32];
	char		 request_id[32];
	bool		 has_body;
	bool		 replayed;
	size_t		 body_length;
} answers[CALLS_MAX];
static unsigned		 numbers[CALLS_MAX];
static unsigned		 answered;
static struct ct_pg	*pg;

static const struct ct_pg_statement	echo = { "clients.echo", "uuid, uuid[], text, int, text", 64, 0, false, NULL, NULL, NULL };
static const struct ct_pg_statement	enter = { "clients.enter", "text", 64, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	enter_many = { "clients.enter", "text", 64, 0, true, "clients.enter_many", NULL, NULL };
static const struct ct_pg_statement	enter_many_missing = { "clients.enter", "text", 64, 0, true, "clients.not_there", NULL, NULL };
static const struct ct_pg_statement	enter_many_but_one = { "clients.enter", "text", 64, 0, true, "clients.enter_many_but_one", NULL, NULL };
static const struct ct_pg_statement	enter_alone = { "clients.enter", "text", 1, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	enter_slowly = { "clients.enter_slowly", "text, float8", 8, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	nap = { "clients.nap", "float8", 1, -1, false, NULL, NULL, NULL };
static const struct ct_pg_statement	nap_write = { "clients.nap", "float8", 1, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	fail = { "clients.fail", "text, bigint", 8, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	lock_both = { "clients.lock_both", "int, int", 1, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	enter_pair = { "clients.enter_pair", "text", 8, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	no_arguments = { "clients.no_arguments", "", 8, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	no_outcome = { "clients.no_outcome", "text", 8, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	forget = { "clients.forget", "text", 1, -1, false, NULL, NULL, NULL };
static const struct ct_pg_statement	end_me = { "clients.end_me", "text", 8, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	answer_and_end = { "clients.answer_and_end", "text", 8, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	setting = { "clients.setting", "text", 1, -1, false, NULL, NULL, NULL };
static const struct ct_pg_statement	missing = { "clients.missing", "text", 8, -1, true, NULL, NULL, NULL };

static void
keep(char *to, size_t size, const char *text)
{
	(void)snprintf(to, size, "%s", text != NULL ? text : "");
}

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	unsigned	n = *(unsigned *)arg;

	answered++;
	answers[n].times++;
	answers[n].error = outcome->error;
	keep(answers[n].outcome, sizeof(answers[n].outcome), outcome->outcome);
	keep(answers[n].body, sizeof(answers[n].body), outcome->body);
	keep(answers[n].etag, sizeof(answers[n].etag), outcome->etag);
	keep(answers[n].request_id, sizeof(answers[n].request_id), outcome->request_id);
	answers[n].has_body = outcome->body != NULL;
	answers[n].body_length = outcome->body_length;
	answers[n].replayed = outcome->replayed;
}

static void
call(unsigned n, const struct ct_pg_statement *stmt, const char *const *args)
{
	numbers[n] = n;
	ct_pg_call(pg, stmt, args, on_answer, &numbers[n]);
}

static void
call1(unsigned n, const struct ct_pg_statement *stmt, const char *arg)
{
	call(n, stmt, (const char *const[]){ arg });
}

static void
call2(unsigned n, const struct ct_pg_statement *stmt, const char *one, const char *two)
{
	call(n, stmt, (const char *const[]){ one, two });
}

static bool
have_answers(void *count)
{
	return (answered >= *(unsigned *)count);
}

static void
wait_answers(unsigned count, uint64_t limit_ms)
{
	unsigned	i;

	cr_assert(loop_poll_until(have_answers, &count, limit_ms), "%u of %u answers", answered, count);
	for (i = 0; i < count; i++)
		cr_assert_eq(answers[i].times, 1, "call %u answered %u times", i, answers[i].times);
	cr_assert_eq(ct_pg_pending(pg), 0);
}

static void
start(const char *pool, const char *timeout_ms, const char *queue_max)
{
	setenv("PG_POOL_SIZE", pool, 1);
	setenv("PG_TIMEOUT_MS", timeout_ms, 1);
	setenv("PG_QUEUE_MAX", queue_max, 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_pg_configure();
	pg = ct_pg_init();
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
}

/* Returns one number from the server, read by the test's own connection. */
static long
query(const char *sql)
{
	PGconn		*db = PQconnectdb(getenv("PG_CONNINFO"));
	PGresult	*result = PQexec(db, sql);
	long		 number;

	cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(db));
	number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	PQfinish(db);
	return (number);
}

static void
empty(void)
{
	(void)query("TRUNCATE clients.entries; SELECT setval('clients.tries', 1, false)");
}

static void
stop(void)
{
	ct_pg_deinit(&pg);
	loop_poll_turn(0);
}

TestSuite(pg_server, .timeout = 180);

Test(pg_server, arguments_with_quotes_nulls_and_utf8_arrive_unchanged)
{
	const char	*id = "0191d5a0-0000-7000-8000-000000000001";

	start("2", "5000", "100");
	call(0, &echo, (const char *const[]){ id, "{0191d5a0-0000-7000-8000-000000000002}",
	    "q'\"\\,{}\xed\x95\x9c", "7", "r-1" });
	call(1, &echo, (const char *const[]){ id, "{}", "", NULL, NULL });
	call(2, &echo, (const char *const[]){ NULL, NULL, NULL, "-1", "r-3" });
	wait_answers(3, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_str_eq(answers[0].outcome, "OK");
	cr_assert_str_eq(answers[0].body, "[\"0191d5a0-0000-7000-8000-000000000001\","
	    " [\"0191d5a0-0000-7000-8000-000000000002\"], \"q'\\\"\\\\,{}\xed\x95\x9c\", 7]");
	cr_assert_eq(answers[0].body_length, strlen(answers[0].body));
	cr_assert(answers[0].replayed);
	cr_assert_str_eq(answers[0].request_id, "r-1");
	cr_assert_str_eq(answers[1].body, "[\"0191d5a0-0000-7000-8000-000000000001\", [], \"\", null]");
	cr_assert(!answers[1].replayed);
	cr_assert_str_eq(answers[2].body, "[null, null, null, -1]");
	cr_assert_str_eq(answers[0].etag, answers[2].etag, "all calls are in one transaction");
	stop();
}

Test(pg_server, function_without_arguments_runs_once_for_each_call)
{
	unsigned	i;

	empty();
	start("2", "5000", "100");
	for (i = 0; i < 5; i++)
		call(i, &no_arguments, NULL);
	wait_answers(5, 30000);
	for (i = 0; i < 5; i++)
		cr_assert_str_eq(answers[i].outcome, "NO_CONTENT");
	cr_assert(!answers[0].has_body);
	cr_assert_eq(query("SELECT last_value FROM clients.tries"), 5);
	stop();
}

Test(pg_server, thousand_calls_are_sixteen_transactions_and_each_runs_once)
{
	char		key[16];
	unsigned	i;

	empty();
	start("4", "5000", "2000");
	for (i = 0; i < 1000; i++) {
		/* With equal arguments the function also runs for each call. */
		(void)snprintf(key, sizeof(key), "k%u", i % 500);
		call1(i, &enter, key);
	}
	wait_answers(1000, 30000);
	for (i = 0; i < 1000; i++) {
		(void)snprintf(key, sizeof(key), "\"k%u\"", i % 500);
		cr_assert_str_eq(answers[i].outcome, "CREATED");
		cr_assert_str_eq(answers[i].body, key, "each call gets its own answer");
	}
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 1000);
	cr_assert_eq(query("SELECT count(DISTINCT xid) FROM clients.entries"), 16, "1,000 calls in batches of 64");
	cr_assert_eq(query("SELECT count(*) FROM (SELECT key < lag(key) OVER (PARTITION BY xid::text ORDER BY n)"
	    " AS back FROM clients.entries) AS e WHERE back"), 0, "rows of a batch are in lock order");
	stop();
}

Test(pg_server, failing_call_of_a_batch_fails_alone)
{
	unsigned	i;

	empty();
	start("2", "5000", "100");
	for (i = 0; i < 10; i++)
		call1(i, &enter, i == 4 ? "poison" : "good");
	wait_answers(10, 30000);
	for (i = 0; i < 10; i++) {
		cr_assert_eq(answers[i].error, i == 4 ? CT_ERROR_INTERNAL_ERROR : CT_OK);
	}
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 9);
	stop();
}

Test(pg_server, single_call_uses_the_function_and_batch_uses_the_one_for_many)
{
	char		key[16];
	unsigned	i;

	empty();
	start("1", "5000", "100");
	call1(0, &enter_many, "one");
	wait_answers(1, 30000);
	cr_assert_str_eq(answers[0].outcome, "CREATED");
	cr_assert_str_eq(answers[0].request_id, "");
	for (i = 1; i < 11; i++) {
		(void)snprintf(key, sizeof(key), "k%u", 11 - i);
		call1(i, &enter_many, key);
	}
	wait_answers(11, 30000);
	for (i = 1; i < 11; i++) {
		(void)snprintf(key, sizeof(key), "\"k%u\"", 11 - i);
		cr_assert_str_eq(answers[i].body, key, "each call gets its own answer, although the rows are in another order");
		cr_assert_str_eq(answers[i].request_id, "many");
		cr_assert_str_eq(answers[i].etag, answers[1].etag, "all calls are in one transaction");
	}
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 11);
	cr_assert_eq(query("SELECT count(*) FROM (SELECT key < lag(key) OVER (PARTITION BY xid::text ORDER BY n)"
	    " AS back FROM clients.entries) AS e WHERE back"), 0, "rows of a batch are in lock order");
	stop();
}

Test(pg_server, batch_whose_function_for_many_is_missing_is_sent_call_by_call)
{
	unsigned	i;

	empty();
	start("2", "5000", "100");
	for (i = 0; i < 10; i++)
		call1(i, &enter_many_missing, "good");
	wait_answers(10, 30000);
	for (i = 0; i < 10; i++) {
		cr_assert_eq(answers[i].error, CT_OK);
		cr_assert_str_eq(answers[i].outcome, "CREATED");
		cr_assert_str_eq(answers[i].request_id, "");
	}
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 10);
	cr_assert_eq(query("SELECT count(DISTINCT xid) FROM clients.entries"), 10, "each call has its own transaction");
	stop();
}

Test(pg_server, batch_whose_function_for_many_fails_is_sent_call_by_call)
{
	unsigned	i;

	empty();
	start("2", "5000", "100");
	for (i = 0; i < 10; i++)
		call1(i, &enter_many, i == 4 ? "poison" : "good");
	wait_answers(10, 30000);
	for (i = 0; i < 10; i++) {
		cr_assert_eq(answers[i].error, i == 4 ? CT_ERROR_INTERNAL_ERROR : CT_OK);
		cr_assert_str_eq(answers[i].request_id, "");
	}
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 9);
	stop();
}

/* The batch has committed. So the call without a row is not failed and not sent again. */
Test(pg_server, call_left_out_by_the_function_for_many_is_unknown)
{
	unsigned	i, unknown = 0;

	empty();
	start("1", "5000", "100");
	for (i = 0; i < 3; i++)
		call1(i, &enter_many_but_one, "good");
	wait_answers(3, 30000);
	for (i = 0; i < 3; i++)
		unknown += answers[i].error == CT_ERROR_OUTCOME_UNKNOWN;
	cr_assert_eq(unknown, 1);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 3);
	stop();
}

Test(pg_server, call_with_invalid_utf8_fails_alone)
{
	start("2", "5000", "100");
	call1(0, &enter, "good");
	call1(1, &enter, "b\xff" "d");
	wait_answers(2, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_eq(answers[1].error, CT_ERROR_INTERNAL_ERROR);
	stop();
}

/* PostgreSQL's message quotes the value that it could not read. The log must not. */
Test(pg_server, failed_statement_is_logged_without_its_values)
{
	char	line[4096];
	FILE	*log = tmpfile();
	int	 standard_error = dup(STDERR_FILENO);
	size_t	 length;

	cr_assert(log != NULL && standard_error != -1);
	start("1", "5000", "100");
	ct_log_init("test", CT_LOG_WARNING);
	cr_assert(dup2(fileno(log), STDERR_FILENO) != -1);
	call(0, &echo, (const char *const[]){ "secret-value", "{}", "", NULL, NULL });
	wait_answers(1, 30000);
	(void)dup2(standard_error, STDERR_FILENO);

	rewind(log);
	length = fread(line, 1, sizeof(line) - 1, log);
	line[length] = '\0';
	(void)fclose(log);
	cr_assert(strstr(line, "clients.echo") != NULL && strstr(line, "22P02") != NULL, "%s", line);
	cr_assert(strstr(line, "secret-value") == NULL, "%s", line);
	stop();
}

Test(pg_server, arguments_of_three_megabytes_arrive_in_sends_of_their_own)
{
	static char	large[3 * 1024 * 1024];

	empty();
	memset(large, 'x', sizeof(large) - 1);
	start("2", "5000", "100");
	call1(0, &enter_alone, large);
	call1(1, &enter, large);
	call1(2, &enter, large);
	wait_answers(3, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_eq(answers[2].body_length, sizeof(large) + 1);
	cr_assert_eq(query("SELECT count(DISTINCT xid) FROM clients.entries"), 3, "a batch takes no second large argument");
	stop();
}

Test(pg_server, serialisation_failure_is_sent_again)
{
	empty();
	start("2", "5000", "100");
	call2(0, &fail, "40001", "2");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_eq(query("SELECT last_value FROM clients.tries"), 3);
	stop();
}

Test(pg_server, deadlocked_calls_both_succeed)
{
	start("2", "5000", "100");
	call2(0, &lock_both, "1", "2");
	call2(1, &lock_both, "2", "1");
	wait_answers(2, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_eq(answers[1].error, CT_OK);
	stop();
}

Test(pg_server, call_that_fails_at_commit_after_rows_is_refused)
{
	start("2", "5000", "100");
	call1(0, &enter_pair, "a");
	call1(1, &enter_pair, "b");
	call1(2, &enter_pair, "a");
	wait_answers(3, 30000);
	/* Each call is sent alone, on two connections. Either of the two equal ones may be first. */
	cr_assert_eq(answers[1].error, CT_OK);
	cr_assert_eq(answers[0].error == CT_OK, answers[2].error == CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(answers[0].error == CT_ERROR_INTERNAL_ERROR, answers[2].error == CT_OK);
	cr_assert_eq(query("SELECT count(*) FROM clients.pairs"), 2);
	stop();
}

Test(pg_server, write_without_an_outcome_row_is_unknown)
{
	start("2", "5000", "100");
	call1(0, &no_outcome, "x");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN, "the call has committed");
	stop();
}

Test(pg_server, missing_function_fails_its_call_only)
{
	start("1", "5000", "100");
	call1(0, &missing, "x");
	call1(1, &enter, "good");
	wait_answers(2, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(answers[1].error, CT_OK);
	stop();
}

Test(pg_server, deallocated_plan_is_prepared_again)
{
	start("1", "5000", "100");
	call1(0, &enter, "a");
	wait_answers(1, 30000);
	call1(1, &forget, "x");
	wait_answers(2, 30000);
	call1(2, &enter, "b");
	call1(3, &forget, "x");
	wait_answers(4, 30000);
	cr_assert_eq(answers[2].error, CT_OK);
	cr_assert_eq(answers[3].error, CT_OK);
	stop();
}

Test(pg_server, slow_statement_is_ended_by_the_server_before_the_client)
{
	/* The server has a fifth of the time limit to say so. */
	start("2", "8000", "100");
	call1(0, &setting, "statement_timeout");
	call2(1, &enter_slowly, "slow", "40");
	wait_answers(2, 30000);
	cr_assert_str_eq(answers[0].body, "6400ms");
	cr_assert_eq(answers[1].error, CT_ERROR_SERVICE_UNAVAILABLE, "the server rolled it back");
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'slow'"), 0);
	stop();
}

Test(pg_server, no_answer_in_time_is_unknown_for_a_write_and_unavailable_for_a_read)
{
	char	conninfo[512];

	/* Without its own time limit the server seems to hang. */
	(void)snprintf(conninfo, sizeof(conninfo), "%s options='-c statement_timeout=0'", getenv("PG_CONNINFO"));
	setenv("PG_CONNINFO", conninfo, 1);
	start("2", "2000", "100");
	call1(0, &nap, "40");
	call1(1, &nap_write, "40");
	call1(2, &nap, "0");
	wait_answers(3, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[1].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[2].error, CT_ERROR_SERVICE_UNAVAILABLE, "the third call was never sent");
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000), "the client connects again");
	call1(3, &nap, "0");
	wait_answers(4, 30000);
	cr_assert_eq(answers[3].error, CT_OK);
	stop();
}

/* A frozen server closes no connection, so three of the four look usable. */
Test(pg_server, frozen_server_is_down_after_one_late_call)
{
	start("4", "500", "100");
	servers("pg-freeze");
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP, "no statement has met the frozen server");
	call1(0, &nap, "0");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert(ct_pg_ready(pg), "connections are left");
	cr_assert(pool_is_down(pg));
	loop_poll_for(500);
	cr_assert(pool_is_down(pg), "attempts to connect get no answer");
	servers("pg-thaw");
	cr_assert(loop_poll_until(pool_is_up, pg, 30000));
	stop();
}

/* No call meets the frozen server. The probes of the idle connections do. */
Test(pg_server, frozen_server_is_down_without_a_call)
{
	empty();
	start("4", "1000", "100");
	servers("pg-freeze");
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP, "no probe has met the frozen server");
	cr_assert(loop_poll_until(pool_is_down, pg, 30000));
	cr_assert(loop_poll_until(pool_is_empty, pg, 30000));
	cr_assert(pool_is_down(pg));
	loop_poll_for(1500);
	call1(0, &enter, "x");
	wait_answers(1, 500);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE, "the write fails at once, and its outcome is known");
	servers("pg-thaw");
	cr_assert(loop_poll_until(pool_is_up, pg, 30000));
	cr_assert_eq(query("SELECT count(*) FROM clients.entries"), 0);
	stop();
}

static bool
no_probe_waits(void *arg)
{
	unsigned	i;

	(void)arg;
	for (i = 0; i < pg->conns_count; i++) {
		if (pg->conns[i].state == PG_CONN_PROBING)
			return (false);
	}
	return (true);
}

Test(pg_server, idle_connections_are_probed_and_stay_open)
{
	start("4", "20000", "100");
	loop_poll_for(PG_PROBE_MS + 1500);
	cr_assert(loop_poll_until(no_probe_waits, NULL, 30000));
	cr_assert_eq(pg->usable, 4);
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP);
	cr_assert_eq(query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND state = 'idle' AND "
	    "state_change > backend_start + interval '4 s'"), 4, "each session has had something to do");
	call1(0, &nap, "0");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_OK);
	stop();
}

Test(pg_server, calls_beyond_queue_max_are_refused_and_the_rest_is_carried_out)
{
	unsigned	i, refused = 0;

	start("1", "5000", "50");
	for (i = 0; i < 80; i++)
		call1(i, &enter, "x");
	wait_answers(80, 30000);
	for (i = 0; i < 80; i++) {
		if (answers[i].error == CT_ERROR_SERVICE_UNAVAILABLE)
			refused++;
	}
	cr_assert_eq(refused, 30);
	stop();
}

Test(pg_server, connection_ended_without_rows_rolls_the_statement_back)
{
	start("2", "5000", "100");
	call1(0, &end_me, "ended");
	call1(1, &end_me, "ended");
	wait_answers(2, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[1].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'ended'"), 0);
	call1(2, &enter, "after");
	wait_answers(3, 30000);
	cr_assert_eq(answers[2].error, CT_OK);
	stop();
}

/* Rows came before FATAL, so the server may have committed before it ended the connection. */
Test(pg_server, connection_ended_after_rows_leaves_the_write_unknown)
{
	start("2", "5000", "100");
	call1(0, &answer_and_end, "write");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
	call1(1, &enter, "after");
	wait_answers(2, 30000);
	cr_assert_eq(answers[1].error, CT_OK);
	stop();
}

Test(pg_server, calls_during_a_server_restart_fail_at_once_and_later_ones_succeed)
{
	unsigned	i;

	start("4", "5000", "100");
	servers("pg-stop");
	loop_poll_for(1300);
	cr_assert(!ct_pg_ready(pg));
	call1(0, &nap, "0");
	wait_answers(1, 50);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE, "the call fails at once while the server is down");
	servers("pg-start");
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000));
	for (i = 1; i < 20; i++)
		call1(i, &nap, "0");
	wait_answers(20, 30000);
	for (i = 1; i < 20; i++)
		cr_assert_eq(answers[i].error, CT_OK);
	stop();
}

Test(pg_server, answers_before_and_after_a_server_kill_agree_with_the_tables)
{
	char		key[16], sql[128];
	unsigned	i, unknown = 0, ok = 0, some = 1;
	long		there;

	empty();
	/* The first call lasts until the server is killed. */
	start("4", "60000", "1000");
	call2(0, &enter_slowly, "k0", "40");
	for (i = 1; i < 300; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		call1(i, i % 2 ? &enter : &enter_alone, key);
		if (i % 10 == 0)
			loop_poll_for(3);
	}
	cr_assert(loop_poll_until(have_answers, &some, 30000));
	servers("pg-kill");
	wait_answers(300, 30000);
	servers("pg-start");
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000));

	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN, "the call was sent and got no answer");
	for (i = 0; i < 300; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM clients.entries WHERE key = 'k%u'", i);
		there = query(sql);
		if (answers[i].error == CT_OK) {
			cr_assert_eq(there, 1, "k%u was answered with success", i);
			ok++;
		} else if (answers[i].error == CT_ERROR_SERVICE_UNAVAILABLE)
			cr_assert_eq(there, 0, "k%u was answered as not carried out", i);
		else {
			cr_assert_eq(answers[i].error, CT_ERROR_OUTCOME_UNKNOWN);
			cr_assert_leq(there, 1);
			unknown++;
		}
	}
	cr_assert_gt(ok, 0);
	cr_assert_leq(unknown, 4 * 64);
	stop();
}

Test(pg_server, closing_with_calls_in_flight_answers_all)
{
	unsigned	i;

	start("2", "5000", "100");
	/* Two batches of eight calls are in flight for two seconds, so the last four calls are never sent. */
	for (i = 0; i < 20; i++)
		call2(i, &enter_slowly, "x", i % 8 == 0 ? "2" : "0");
	loop_poll_for(50);
	ct_pg_deinit(&pg);
	cr_assert_eq(answered, 20);
	cr_assert_eq(answers[19].error, CT_ERROR_SERVICE_UNAVAILABLE);
	loop_poll_for(100);
}
