/*
 * The PostgreSQL client with two real servers: a primary and its standby, in the list of PG_CONNINFO. The primary is frozen,
 * killed, or made read-only, and the standby is promoted. And one server whose commits wait for a standby that never comes.
 */
#include <criterion/criterion.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "clients.h"
#include "loop/loop.h"
#include "pg/pg_internal.h"

#define CALLS_MAX	256

static struct {
	unsigned	 times;
	enum ct_error	 error;
	bool		 replayed;
} answers[CALLS_MAX];
static unsigned		 numbers[CALLS_MAX];
static unsigned		 answered;
static struct ct_pg	*pg;
static FILE		*lines;

static const struct ct_pg_statement	enter = { "clients.enter", "text", 1, -1, true, NULL, NULL, NULL };
static const struct ct_pg_statement	enter_batch = { "clients.enter", "text", 64, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	begin_steps = { "clients.begin_steps", "text, int, float8, text", 1, -1, true, NULL, "clients.step",
	NULL };
static const struct ct_pg_statement	nap = { "clients.nap", "float8", 1, -1, false, NULL, NULL, NULL };

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	unsigned	n = *(unsigned *)arg;

	answered++;
	answers[n].times++;
	answers[n].error = outcome->error;
	answers[n].replayed = outcome->replayed;
}

static void
call(unsigned n, const struct ct_pg_statement *stmt, const char *arg)
{
	numbers[n] = n;
	ct_pg_call(pg, stmt, &arg, on_answer, &numbers[n]);
}

static bool
have_answers(void *count)
{
	return (answered >= *(unsigned *)count);
}

static void
wait_answers(unsigned count, uint64_t limit_ms)
{
	cr_assert(loop_poll_until(have_answers, &count, limit_ms), "%u of %u answers", answered, count);
}

/* Calls once more and returns the error of the answer. */
static enum ct_error
answer_of(const struct ct_pg_statement *stmt, const char *arg)
{
	unsigned	n = answered;

	call(n, stmt, arg);
	wait_answers(n + 1, 30000);
	return (answers[n].error);
}

static bool
is_read_only(void *arg)
{
	(void)arg;
	return (ct_pg_state(pg) == CT_STORE_READ_ONLY);
}

/* Starts the client with these servers ("primary" and "standby", or only one) in its list. */
static void
start(const char *first, const char *second, const char *pool, const char *timeout_ms)
{
	char	conninfo[256];

	if (second != NULL)
		(void)snprintf(conninfo, sizeof(conninfo), "host=localhost,127.0.0.1 port=%s,%s dbname=postgres user=postgres",
		    server_port(first), server_port(second));
	else
		(void)snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s dbname=postgres user=postgres", server_port(first));
	setenv("PG_CONNINFO", conninfo, 1);
	setenv("PG_POOL_SIZE", pool, 1);
	setenv("PG_TIMEOUT_MS", timeout_ms, 1);
	setenv("PG_QUEUE_MAX", "100", 1);
	lines = tmpfile();
	cr_assert(lines != NULL && dup2(fileno(lines), STDERR_FILENO) != -1);
	ct_log_init("test", CT_LOG_INFO);
	ct_pg_configure();
	pg = ct_pg_init();
}

static void
start_ready(const char *first, const char *second, const char *pool, const char *timeout_ms)
{
	start(first, second, pool, timeout_ms);
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000));
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
}

static void
stop(void)
{
	ct_pg_deinit(&pg);
	loop_poll_turn(0);
}

/* Returns how often `text` occurs in the log. */
static unsigned
logged(const char *text)
{
	static char	 all[65536];
	const char	*at = all;
	unsigned	 times = 0;

	rewind(lines);
	all[fread(all, 1, sizeof(all) - 1, lines)] = '\0';
	while ((at = strstr(at, text)) != NULL) {
		times++;
		at++;
	}
	return (times);
}

static long
entries(const char *server, const char *key)
{
	char	sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM clients.entries WHERE key = '%s'", key);
	return (server_query(server, "postgres", sql));
}

/* Each test begins with the primary alone. A failed test may leave anything. */
static void
begin(void)
{
	servers("reset");
	(void)server_query("primary", "postgres", "TRUNCATE clients.entries");
}

TestSuite(pg_failover, .init = begin, .timeout = 180);

/* Which host is taken. */

Test(pg_failover, standby_at_the_first_place_is_passed)
{
	servers("standby-up");
	start_ready("standby", "primary", "4", "5000");
	cr_assert_eq(answer_of(&enter, "passed"), CT_OK);
	cr_assert_eq(entries("primary", "passed"), 1);
	cr_assert_eq(pg->hosts.primary, 1);
	cr_assert_eq(logged("no connection"), 0, "a standby in the list is no outage");
	stop();
	servers("standby-down");
}

static bool
first_has_failed(void *arg)
{
	(void)arg;
	return ((pg->hosts.failed & 1) != 0);
}

/* Only the standby answers the first attempts. */
Test(pg_failover, standby_is_not_taken_for_a_frozen_primary)
{
	servers("standby-up");
	servers("pg-freeze");
	start("standby", "primary", "4", "5000");
	cr_assert(loop_poll_until(first_has_failed, NULL, 30000));
	servers("pg-thaw");
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(pg->hosts.primary, 1);
	cr_assert_eq(answer_of(&enter, "thawed"), CT_OK);
	cr_assert_eq(entries("primary", "thawed"), 1);
	cr_assert_eq(logged("takes writes now"), 0, "a server that took no writes was the primary for a moment");
	stop();
	servers("standby-down");
}

Test(pg_failover, frozen_first_host_is_passed)
{
	servers("standby-up");
	servers("standby-freeze");
	start_ready("standby", "primary", "4", "5000");
	cr_assert_eq(answer_of(&enter, "passed"), CT_OK);
	cr_assert_eq(entries("primary", "passed"), 1);
	stop();
	servers("standby-down");
}

Test(pg_failover, only_standbys_are_one_logged_outage)
{
	servers("standby-up");
	start("standby", NULL, "4", "5000");
	cr_assert(loop_poll_until(is_read_only, NULL, 30000));
	/* Several attempts later. */
	loop_poll_for(1500);
	cr_assert_not(ct_pg_ready(pg));
	cr_assert_eq(ct_pg_state(pg), CT_STORE_READ_ONLY);
	cr_assert_eq(answer_of(&enter, "nowhere"), CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(logged("no connection"), 1);
	cr_assert_eq(logged("takes no writes"), 1);
	servers("standby-promote");
	cr_assert(loop_poll_until(pool_is_ready, pg, 30000));
	cr_assert_eq(answer_of(&enter, "promoted"), CT_OK);
	cr_assert_eq(logged("connected again"), 1);
	stop();
	servers("standby-down");
}

/* The primary goes. */

Test(pg_failover, acknowledged_writes_are_on_the_promoted_standby)
{
	char		key[16];
	unsigned	i, ok = 0, some = 20;

	servers("standby-up");
	server_set("synchronous_standby_names", "*");
	start_ready("primary", "standby", "4", "5000");
	for (i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		call(i, i % 2 ? &enter : &enter_batch, key);
	}
	cr_assert(loop_poll_until(have_answers, &some, 30000));
	servers("pg-kill");
	servers("standby-promote");
	wait_answers(200, 30000);
	for (i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "k%u", i);
		cr_assert_eq(answers[i].times, 1);
		if (answers[i].error == CT_OK) {
			cr_assert_eq(entries("standby", key), 1, "%s was answered with success", key);
			ok++;
		} else if (answers[i].error == CT_ERROR_SERVICE_UNAVAILABLE)
			cr_assert_eq(entries("standby", key), 0, "%s was answered as not carried out", key);
		else
			cr_assert_eq(answers[i].error, CT_ERROR_OUTCOME_UNKNOWN);
	}
	cr_assert_gt(ok, 0);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(answer_of(&enter, "after"), CT_OK);
	cr_assert_eq(entries("standby", "after"), 1);
	cr_assert_eq(logged("takes writes now"), 1);
	stop();
	servers("standby-down");
	servers("pg-start");
	server_set("synchronous_standby_names", NULL);
}

/* The server answers nothing and closes nothing. Only the first call finds that out. */
Test(pg_failover, idle_connections_to_a_frozen_primary_are_not_used_again)
{
	unsigned	i;

	servers("standby-up");
	start_ready("primary", "standby", "4", "3000");
	cr_assert_eq(answer_of(&enter, "before"), CT_OK, "the first connection has prepared the statement");
	servers("pg-freeze");
	servers("standby-promote");
	cr_assert_eq(answer_of(&enter, "frozen"), CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	for (i = 2; i < 10; i++)
		call(i, &enter, "after");
	wait_answers(10, 30000);
	for (i = 2; i < 10; i++)
		cr_assert_eq(answers[i].error, CT_OK, "call %u", i);
	cr_assert_eq(entries("standby", "after"), 8);
	/* The old primary runs again, and does not know yet that it is none. */
	servers("pg-thaw");
	loop_poll_for(200);
	cr_assert_eq(answer_of(&enter, "after"), CT_OK);
	cr_assert_eq(entries("standby", "after"), 9);
	stop();
	servers("standby-down");
}

static bool
is_connecting_to_first(void *arg)
{
	unsigned	i;

	(void)arg;
	for (i = 0; i < pg->conns_count; i++) {
		if (pg->conns[i].state == PG_CONN_CONNECTING && pg->conns[i].host == 0)
			return (true);
	}
	return (false);
}

static bool
second_is_primary(void *arg)
{
	(void)arg;
	return (pg->hosts.primary == 1);
}

/* A connection has tried the frozen server since before the failover. The server goes on, and takes it. */
Test(pg_failover, attempt_at_the_old_primary_is_left_when_another_host_takes_writes)
{
	servers("standby-up");
	start_ready("primary", "standby", "2", "3000");
	cr_assert_eq(answer_of(&enter, "before"), CT_OK, "the first connection has prepared the statement");
	servers("pg-freeze");
	cr_assert_eq(answer_of(&enter, "frozen"), CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert(loop_poll_until(is_connecting_to_first, NULL, 30000));
	servers("standby-promote");
	/* The other connection finds it by a probe without an answer. */
	cr_assert(loop_poll_until(second_is_primary, NULL, 30000));
	servers("pg-thaw");
	loop_poll_for(500);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(pg->hosts.primary, 1);
	cr_assert_eq(answer_of(&enter, "after"), CT_OK);
	cr_assert_eq(entries("standby", "after"), 1);
	cr_assert_eq(logged("takes writes now"), 1);
	stop();
	servers("standby-down");
}

/* Nobody calls. The probes find out that the primary is frozen, and the pool moves before the first write. */
Test(pg_failover, idle_pool_leaves_a_frozen_primary_before_a_call)
{
	unsigned	i;

	servers("standby-up");
	start_ready("primary", "standby", "4", "3000");
	servers("pg-freeze");
	servers("standby-promote");
	cr_assert(loop_poll_until(second_is_primary, NULL, 30000));
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	for (i = 0; i < 8; i++)
		call(i, &enter, "first");
	wait_answers(8, 30000);
	for (i = 0; i < 8; i++)
		cr_assert_eq(answers[i].error, CT_OK, "call %u", i);
	cr_assert_eq(entries("standby", "first"), 8);
	cr_assert_eq(logged("takes writes now"), 1);
	servers("pg-thaw");
	stop();
	servers("standby-down");
}

/* A server that stops taking writes keeps its connections. */

Test(pg_failover, write_on_a_read_only_server_is_unavailable_and_the_pool_moves)
{
	unsigned	i;

	servers("standby-up");
	start_ready("primary", "standby", "4", "5000");
	servers("standby-promote");
	cr_assert_eq(pg->hosts.primary, 0);
	server_set("default_transaction_read_only", "on");
	/* The tick that closes the last connections takes time. The calls wait for the other server all the same. */
	loop_poll_step(1);
	cr_assert_eq(answer_of(&enter, "first"), CT_ERROR_SERVICE_UNAVAILABLE, "nothing was written");
	for (i = 1; i < 9; i++)
		call(i, &enter, "next");
	wait_answers(9, 30000);
	for (i = 1; i < 9; i++)
		cr_assert_eq(answers[i].error, CT_OK, "call %u goes to the other server", i);
	cr_assert_eq(entries("standby", "next"), 8);
	cr_assert_eq(entries("primary", "next"), 0);
	stop();
	server_set("default_transaction_read_only", NULL);
	servers("standby-down");
}

Test(pg_failover, batch_and_long_work_on_a_read_only_server_are_unavailable)
{
	const char	*args[] = { "steps", "2", "0", NULL };
	unsigned	 i;

	start_ready("primary", NULL, "1", "5000");
	server_set("default_transaction_read_only", "on");
	for (i = 0; i < 8; i++)
		call(i, &enter_batch, "batch");
	wait_answers(8, 30000);
	for (i = 0; i < 8; i++)
		cr_assert_eq(answers[i].error, CT_ERROR_SERVICE_UNAVAILABLE);
	server_set("default_transaction_read_only", NULL);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	server_set("default_transaction_read_only", "on");
	numbers[8] = 8;
	ct_pg_call(pg, &begin_steps, args, on_answer, &numbers[8]);
	wait_answers(9, 30000);
	cr_assert_eq(answers[8].error, CT_ERROR_SERVICE_UNAVAILABLE);
	server_set("default_transaction_read_only", NULL);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(server_query("primary", "postgres", "SELECT count(*) FROM clients.entries"), 0);
	stop();
}

Test(pg_failover, server_that_says_read_only_in_an_answer_is_left_before_a_write)
{
	servers("standby-up");
	start_ready("primary", "standby", "1", "5000");
	servers("standby-promote");
	server_set("default_transaction_read_only", "on");
	cr_assert_eq(answer_of(&nap, "0"), CT_OK);
	loop_poll_for(200);
	cr_assert(loop_poll_until(pool_is_whole, pg, 30000));
	cr_assert_eq(answer_of(&enter, "moved"), CT_OK);
	cr_assert_eq(entries("standby", "moved"), 1);
	stop();
	server_set("default_transaction_read_only", NULL);
	servers("standby-down");
}

Test(pg_failover, connection_has_tcp_user_timeout)
{
	int		timeout_ms = 0;
	socklen_t	length = sizeof(timeout_ms);

	start_ready("primary", NULL, "1", "5000");
	cr_assert_eq(getsockopt(PQsocket(pg->conns[0].db), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &length), 0);
	cr_assert_eq(timeout_ms, 10000);
	stop();
}

/* Commits that wait for a standby that never comes. */

static bool
backend_waits(void *arg)
{
	(void)arg;
	return (server_waiters() > 0);
}

/* The server reports the end of the wait before it ends the transaction, so the entry may come after the answer. */
static bool
entry_is_visible(void *arg)
{
	return (entries("primary", arg) == 1);
}

static void
end_wait(const char *how)
{
	char	sql[128];

	(void)snprintf(sql, sizeof(sql), "SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'", how);
	(void)server_query("primary", "postgres", sql);
}

Test(pg_failover, commit_that_waits_for_a_standby_is_unknown_and_is_not_cancelled)
{
	start_ready("primary", NULL, "1", "3000");
	server_set("synchronous_standby_names", "nobody");
	cr_assert_eq(answer_of(&enter, "waits"), CT_ERROR_OUTCOME_UNKNOWN);
	loop_poll_for(500);
	cr_assert_eq(server_waiters(), 1, "nothing has ended the wait");
	cr_assert_eq(entries("primary", "waits"), 0, "other sessions do not see it yet");
	stop();
	server_set("synchronous_standby_names", NULL);
	cr_assert(loop_poll_until(entry_is_visible, "waits", 30000));
}

Test(pg_failover, commit_whose_wait_was_cancelled_is_unknown)
{
	start_ready("primary", NULL, "1", "20000");
	server_set("synchronous_standby_names", "nobody");
	call(0, &enter, "cancelled");
	cr_assert(loop_poll_until(backend_waits, NULL, 30000));
	end_wait("pg_cancel_backend");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN, "the server has answered as if all was well");
	cr_assert(loop_poll_until(entry_is_visible, "cancelled", 30000), "it is visible, but on this server only");
	cr_assert_eq(logged("ended a commit's wait for the standby"), 1);
	stop();
	server_set("synchronous_standby_names", NULL);
}

Test(pg_failover, commit_whose_backend_was_ended_in_the_wait_is_unknown)
{
	start_ready("primary", NULL, "1", "20000");
	server_set("synchronous_standby_names", "nobody");
	call(0, &enter, "ended");
	cr_assert(loop_poll_until(backend_waits, NULL, 30000));
	end_wait("pg_terminate_backend");
	wait_answers(1, 30000);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert(loop_poll_until(entry_is_visible, "ended", 30000));
	stop();
	server_set("synchronous_standby_names", NULL);
}
