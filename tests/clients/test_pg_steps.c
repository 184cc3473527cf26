/* Transactions of several calls (ct_pg_statement.next), against a real server. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "clients.h"
#include "loop/loop.h"
#include "pg/pg_internal.h"

static const struct ct_pg_statement	steps = { "clients.begin_steps", "text, int, float8, text", 1, -1, true, NULL,
    "clients.step", NULL };
static const struct ct_pg_statement	missing_step = { "clients.begin_steps", "text, int, float8, text", 1, -1, true, NULL,
    "clients.not_there", NULL };
static const struct ct_pg_statement	enter = { "clients.enter", "text", 64, 0, true, NULL, NULL, NULL };

static bool	given_up;

static bool	is_wanted(const void *arg);	/* false for the first call after given_up is set */

static const struct ct_pg_statement	wanted_steps = { "clients.begin_steps", "text, int, float8, text", 1, -1, true, NULL,
    "clients.step", is_wanted };

static struct answer {
	enum ct_error	 error;
	unsigned	 number;	/* 1: answered first; 0: not yet */
	char		 body[64];
} answers[24];
static unsigned		 answered;
static struct ct_pg	*pg;

static bool
is_wanted(const void *arg)
{
	return (arg != &answers[0] || !given_up);
}

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	struct answer	*answer = arg;

	cr_assert_eq(answer->number, 0, "a call was answered twice");
	answer->number = ++answered;
	answer->error = outcome->error;
	(void)snprintf(answer->body, sizeof(answer->body), "%s", outcome->body != NULL ? outcome->body : "");
}

static void
ask(unsigned n, const struct ct_pg_statement *stmt, const char *key, const char *times, const char *seconds, const char *fails)
{
	ct_pg_call(pg, stmt, (const char *const[]){ key, times, seconds, fails }, on_answer, &answers[n]);
}

static bool
all_answered(void *count)
{
	return (answered >= *(unsigned *)count);
}

static void
wait_answers(unsigned count)
{
	cr_assert(loop_poll_until(all_answered, &count, 60000), "%u of %u answers", answered, count);
	cr_assert_eq(ct_pg_pending(pg), 0);
}

/* Returns true while the server works on a call of clients.step. */
static bool
a_step_runs(void *arg)
{
	unsigned	i;

	(void)arg;
	for (i = 0; i < pg->conns_count; i++) {
		if (pg->conns[i].state == PG_CONN_RUNNING && pg->conns[i].form == PG_FORM_NEXT)
			return (true);
	}
	return (false);
}

/* `options` are those of the server's session, or NULL. */
static void
start(const char *pool, const char *timeout_ms, const char *options)
{
	char	conninfo[512];

	if (options != NULL) {
		(void)snprintf(conninfo, sizeof(conninfo), "%s options='%s'", getenv("PG_CONNINFO"), options);
		setenv("PG_CONNINFO", conninfo, 1);
	}
	setenv("PG_POOL_SIZE", pool, 1);
	setenv("PG_TIMEOUT_MS", timeout_ms, 1);
	setenv("PG_QUEUE_MAX", "100", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_pg_configure();
	pg = ct_pg_init();
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
}

static void
stop(void)
{
	ct_pg_deinit(&pg);
	loop_poll_turn(0);
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

/* Checks that the connections still work after a transaction ended on one of them. Uses calls n and n + 1. */
static void
check_usable(unsigned n)
{
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000));
	ask(n, &enter, "afterwards", NULL, NULL, NULL);
	ask(n + 1, &steps, "steps afterwards", "2", "0", NULL);
	wait_answers(n + 2);
	cr_assert_eq(answers[n].error, CT_OK);
	cr_assert_eq(answers[n + 1].error, CT_OK);
	cr_assert_str_eq(answers[n + 1].body, "3");
}

TestSuite(pg_steps, .timeout = 180);

Test(pg_steps, steps_longer_than_a_statement_timeout_are_one_transaction)
{
	/* The server ends a statement after 1.6 s. All steps together take 3 s. */
	start("2", "2000", NULL);
	ask(0, &steps, "long", "10", "0.3", NULL);
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_OK);
	cr_assert_str_eq(answers[0].body, "11");
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'long'"), 11);
	cr_assert_eq(query("SELECT count(DISTINCT xid) FROM clients.entries WHERE key = 'long'"), 1);
	check_usable(1);
	stop();
}

/* An operator's long calls must not fill the queue in which buyers' calls wait. */
Test(pg_steps, calls_beyond_an_eighth_of_queue_max_are_refused_at_once)
{
	start("2", "5000", NULL);
	/* One call runs, and an eighth of PG_QUEUE_MAX may wait. */
	for (unsigned n = 0; n < 20; n++)
		ask(n, &steps, "many wait", "2", "0.1", NULL);
	ask(20, &enter, "beside them", NULL, NULL, NULL);
	wait_answers(21);
	for (unsigned n = 0; n < 20; n++)
		cr_assert_eq(answers[n].error, n < 13 ? CT_OK : CT_ERROR_SERVICE_UNAVAILABLE, "call %u", n);
	cr_assert_lt(answers[19].number, answers[0].number);
	cr_assert_eq(answers[20].error, CT_OK);
	stop();
}

Test(pg_steps, failed_step_leaves_nothing)
{
	start("1", "5000", NULL);
	ask(0, &steps, "fails", "3", "0", "at the end");
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'fails'"), 0);
	check_usable(1);
	stop();
}

Test(pg_steps, missing_next_function_leaves_nothing)
{
	start("1", "5000", NULL);
	ask(0, &missing_step, "missing", "3", "0", NULL);
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'missing'"), 0);
	check_usable(1);
	stop();
}

Test(pg_steps, failed_commit_leaves_nothing)
{
	start("1", "5000", NULL);
	ask(0, &steps, "no commit", "3", "0", "at the commit");
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'no commit'"), 0);
	check_usable(1);
	stop();
}

Test(pg_steps, step_over_its_time_limit_is_rolled_back)
{
	start("1", "500", NULL);
	ask(0, &steps, "slow step", "2", "20", NULL);
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'slow step'"), 0);
	stop();
}

Test(pg_steps, no_answer_before_commit_is_503_and_after_commit_unknown)
{
	/* Without its own time limit the server seems to hang. */
	start("2", "3000", "-c statement_timeout=0");
	ask(0, &steps, "hangs", "2", "40", NULL);
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE, "COMMIT was never sent, so the server rolled back");
	/* A step takes 1 s, the COMMIT four times as long. */
	ask(1, &steps, "hangs at the commit", "1", "1", "at the commit");
	wait_answers(2);
	cr_assert_eq(answers[1].error, CT_ERROR_OUTCOME_UNKNOWN);
	stop();
}

Test(pg_steps, client_closed_between_steps_leaves_nothing)
{
	start("1", "5000", NULL);
	ask(0, &steps, "abandoned", "1000", "0.05", NULL);
	cr_assert(loop_poll_until(a_step_runs, NULL, 30000));
	loop_poll_for(300);
	ct_pg_deinit(&pg);
	cr_assert_eq(answered, 1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'abandoned'"), 0);
	loop_poll_for(100);
}

Test(pg_steps, unwanted_call_is_rolled_back_and_the_next_runs)
{
	start("2", "5000", NULL);
	ask(0, &wanted_steps, "given up", "1000", "0.1", NULL);
	ask(1, &wanted_steps, "next", "2", "0", NULL);
	cr_assert(loop_poll_until(a_step_runs, NULL, 30000));
	given_up = true;
	wait_answers(2);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[1].error, CT_OK);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'given up'"), 0);
	check_usable(2);
	stop();
}

Test(pg_steps, call_unwanted_during_its_last_step_commits_nothing)
{
	start("2", "5000", NULL);
	ask(0, &wanted_steps, "given up", "1", "1", NULL);
	cr_assert(loop_poll_until(a_step_runs, NULL, 30000));
	given_up = true;
	wait_answers(1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'given up'"), 0);
	stop();
}

/* Calls whose clients have disconnected must not fill the room of calls that wait. */
Test(pg_steps, waiting_call_that_becomes_unwanted_is_dropped_at_once)
{
	start("2", "5000", NULL);
	ask(1, &wanted_steps, "in front", "20", "0.1", NULL);
	ask(0, &wanted_steps, "given up", "1", "0", NULL);
	cr_assert(loop_poll_until(a_step_runs, NULL, 30000));
	given_up = true;
	wait_answers(2);
	cr_assert_eq(answers[0].number, 1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[1].error, CT_OK);
	cr_assert_eq(query("SELECT count(*) FROM clients.entries WHERE key = 'given up'"), 0);
	stop();
}

Test(pg_steps, second_call_of_several_steps_waits_and_other_calls_overtake_it)
{
	unsigned	i;

	/* The third call waits for 2.4 s, longer than calls of other statements may wait. */
	start("2", "2000", NULL);
	for (i = 0; i < 3; i++)
		ask(i, &steps, i == 0 ? "turn 0" : i == 1 ? "turn 1" : "turn 2", "4", "0.3", NULL);
	ask(3, &enter, "in between", NULL, NULL, NULL);
	wait_answers(4);
	for (i = 0; i < 4; i++)
		cr_assert_eq(answers[i].error, CT_OK, "call %u", i);
	cr_assert_eq(answers[3].number, 1, "the short call did not wait for the long ones");
	cr_assert_eq(answers[0].number, 2);
	cr_assert_eq(answers[2].number, 4);
	/* Entries of two transactions side by side would be mixed. */
	cr_assert_eq(query("SELECT count(*) FROM (SELECT min(n) AS first, max(n) AS last FROM clients.entries"
	    " WHERE key LIKE 'turn %' GROUP BY xid) a JOIN clients.entries e ON e.n BETWEEN a.first AND a.last"
	    " AND e.key LIKE 'turn %'"), 15);
	stop();
}
