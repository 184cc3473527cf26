/*
 * The PostgreSQL client without a server: SQL texts, bytes of arrays, lock order, and the forming of batches. The
 * connection (pg_conn.c) is replaced by one that notes what it gets.
 */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop_poll.h"
#include "pg/pg_call.h"
#include "pg/pg_conn.h"
#include "pg/pg_params.h"
#include "pg/pg_sql.h"
#include "pg/pg_stuck.h"

/* Replaces the connection (pg_conn.c). */

#define SENT_MAX	64

static struct {
	struct pg_conn	*conn;
	struct pg_send	 send;
	bool		 done;
} sent[SENT_MAX];
static unsigned	sent_count;
static bool	connect_works = true;

void
pg_conn_init(struct pg_conn *conn, const struct pg_conn_owner *owner, struct pg_hosts *hosts)
{
	conn->owner = owner;
	conn->hosts = hosts;
	conn->state = PG_CONN_DOWN;
	if (connect_works) {
		conn->state = PG_CONN_IDLE;
		pg_hosts_works(hosts, 0, ct_loop_now_ms());
		owner->on_up(owner->arg);
	} else
		owner->on_down(owner->arg, false, "it does not work");
}

/* Ends a send without going on to the next one. */
static void
end_send(unsigned n, enum pg_end end, const char *sqlstate)
{
	struct pg_conn	*conn = sent[n].conn;

	cr_assert(!sent[n].done);
	sent[n].done = true;
	conn->state = PG_CONN_IDLE;
	conn->send.count = 0;
	conn->owner->on_end(conn->owner->arg, &sent[n].send, end, NULL, sqlstate);
}

void
pg_conn_deinit(struct pg_conn *conn)
{
	unsigned	i;

	for (i = 0; i < sent_count; i++) {
		if (sent[i].conn == conn && !sent[i].done)
			end_send(i, PG_END_UNKNOWN, "");
	}
	if (conn->state == PG_CONN_IDLE)
		conn->owner->on_down(conn->owner->arg, true, "closing");
	conn->state = PG_CONN_DOWN;
}

void
pg_conn_tick(struct pg_conn *conn, uint64_t now)
{
	(void)conn;
	(void)now;
}

void
pg_conn_send(struct pg_conn *conn)
{
	cr_assert_lt(sent_count, SENT_MAX);
	sent[sent_count].conn = conn;
	sent[sent_count].send = conn->send;
	sent_count++;
	conn->state = PG_CONN_RUNNING;
}

bool
pg_conn_is_free(const struct pg_conn *conn)
{
	return (conn->state == PG_CONN_IDLE && conn->host == conn->hosts->primary);
}

/* Ends the n-th send, as pg_conn.c does after an event. */
static void
finish(unsigned n, enum pg_end end, const char *sqlstate)
{
	end_send(n, end, sqlstate);
	sent[n].conn->owner->on_event(sent[n].conn->owner->arg);
}

/* Answers. */

#define CALLS_MAX	64

static struct {
	unsigned	 times;
	enum ct_error	 error;
} answers[CALLS_MAX];

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	unsigned	*answer = arg;

	answers[*answer].times++;
	answers[*answer].error = outcome->error;
}

static unsigned	numbers[CALLS_MAX];

static const struct ct_pg_statement	hold = { "t.hold", "uuid, text", 4, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	pay = { "t.pay", "uuid", 4, 0, true, NULL, NULL, NULL };
static const struct ct_pg_statement	get = { "t.get", "uuid", 1, -1, false, NULL, NULL, NULL };

static struct ct_pg *
start(const char *pool, const char *queue_max)
{
	setenv("PG_CONNINFO", "host=127.0.0.1", 1);
	setenv("PG_POOL_SIZE", pool, 1);
	setenv("PG_TIMEOUT_MS", "200", 1);
	setenv("PG_QUEUE_MAX", queue_max, 1);
	ct_pg_configure();
	return (ct_pg_init());
}

static void
call(struct ct_pg *pg, unsigned number, const struct ct_pg_statement *stmt, const char *first)
{
	const char	*args[2] = { first, NULL };

	numbers[number] = number;
	ct_pg_call(pg, stmt, args, on_answer, &numbers[number]);
}

static struct pg_call *
loose_call(const char *first, const char *second)
{
	struct pg_call	*loose = calloc(1, sizeof(*loose) + 2 * sizeof(char *));

	loose->args[0] = first;
	loose->args[1] = second;
	return (loose);
}

/* SQL texts and bytes of arrays. */

Test(pg, types_with_commas_in_parentheses_are_counted_once)
{
	cr_assert_eq(pg_sql_count(""), 0);
	cr_assert_eq(pg_sql_count("uuid"), 1);
	cr_assert_eq(pg_sql_count("uuid, uuid[], timestamp with time zone"), 3);
	cr_assert_eq(pg_sql_count("numeric(10,2), text"), 2);
}

Test(pg, statement_text_calls_the_function_once_for_each_row)
{
	static const struct ct_pg_statement	stmt = { "a.f", "uuid, uuid[], text", 8, -1, true, "a.many", NULL, NULL };
	struct ct_buf				buf;

	ct_buf_init(&buf, 4096);
	pg_sql_text(&buf, &stmt);
	cr_assert_str_eq(buf.data,
	    "SELECT r.n, o.outcome, o.body, o.etag, o.replayed, o.request_id"
	    " FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS r(a1, a2, a3, n),"
	    " LATERAL a.f(r.a1::uuid, r.a2::uuid[], r.a3::text) AS o");
	buf.length = 0;
	pg_sql_many(&buf, &stmt);
	cr_assert_str_eq(buf.data, "SELECT o.n, o.outcome, o.body, o.etag, o.replayed, o.request_id"
	    " FROM a.many($1::text[], $2::text[], $3::text[]) AS o");
	ct_buf_deinit(&buf);
}

Test(pg, statement_text_without_arguments_calls_the_function_once)
{
	static const struct ct_pg_statement	stmt = { "a.f", "", 8, -1, true, "a.many", NULL, NULL };
	struct ct_buf				buf;

	ct_buf_init(&buf, 4096);
	pg_sql_text(&buf, &stmt);
	cr_assert_str_eq(buf.data,
	    "SELECT 1, o.outcome, o.body, o.etag, o.replayed, o.request_id FROM a.f() AS o");
	ct_buf_deinit(&buf);
}

Test(pg, array_of_texts_and_nulls_is_binary_and_unquoted)
{
	static const unsigned char	expected[] = {
		0, 0, 0, 1,  0, 0, 0, 1,  0, 0, 0, 25,  0, 0, 0, 3,  0, 0, 0, 1,
		0, 0, 0, 4, '{', '"', ',', '\\',
		0xff, 0xff, 0xff, 0xff,
		0, 0, 0, 0,
	};
	struct pg_call			*calls[3];
	struct ct_buf			 buf;
	unsigned			 i;

	calls[0] = loose_call("{\",\\", NULL);
	calls[1] = loose_call(NULL, NULL);
	calls[2] = loose_call("", NULL);
	ct_buf_init(&buf, 4096);
	pg_params_array(&buf, calls, 3, 0);
	cr_assert_eq(buf.length, sizeof(expected));
	cr_assert_eq(memcmp(buf.data, expected, sizeof(expected)), 0);
	ct_buf_deinit(&buf);
	for (i = 0; i < 3; i++)
		free(calls[i]);
}

Test(pg, rows_are_sorted_by_lock_key_and_equal_keys_keep_their_order)
{
	const char	*expected[] = { NULL, "a:1", "a:2", "b:0", "c:3" };
	struct pg_call	*calls[5];
	unsigned	 i;

	calls[0] = loose_call("b", "b:0");
	calls[1] = loose_call("a", "a:1");
	calls[2] = loose_call("a", "a:2");
	calls[3] = loose_call("c", "c:3");
	calls[4] = loose_call(NULL, NULL);
	pg_params_sort(calls, 5, 0);
	for (i = 0; i < 5; i++) {
		if (expected[i] == NULL)
			cr_assert_null(calls[i]->args[1]);
		else
			cr_assert_str_eq(calls[i]->args[1], expected[i]);
		free(calls[i]);
	}
}

/* Batches and connections. */

Test(pg, call_is_sent_in_the_next_turn_of_the_loop)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &hold, "u");
	cr_assert_eq(sent_count, 0);
	cr_assert_eq(ct_pg_pending(pg), 1);
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 1);
	cr_assert_eq(sent[0].send.count, 1);
	ct_pg_deinit(&pg);
}

Test(pg, calls_form_the_next_batch_while_two_are_in_flight)
{
	struct ct_pg	*pg = start("3", "10");
	unsigned	 i;

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	call(pg, 6, &hold, "u");
	loop_poll_turn(0);
	for (i = 1; i <= 5; i++)
		call(pg, i, &hold, i % 2 ? "b" : "a");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 2, "a third batch waits, although a connection is idle");

	finish(0, PG_END_ROLLED_BACK, "");
	cr_assert_eq(sent_count, 3);
	cr_assert_eq(sent[2].send.count, 4, "batch_max calls");
	cr_assert_str_eq(sent[2].send.calls[0]->args[0], "a");
	cr_assert_eq(sent[2].send.calls[0]->arg, &numbers[2]);
	cr_assert_eq(sent[2].send.calls[1]->arg, &numbers[4]);
	cr_assert_eq(sent[2].send.calls[2]->arg, &numbers[1]);
	ct_pg_deinit(&pg);
}

Test(pg, statement_without_batches_uses_every_idle_connection)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &get, "u");
	call(pg, 1, &get, "u");
	call(pg, 2, &get, "u");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 2);
	cr_assert_eq(sent[0].send.count, 1);
	finish(1, PG_END_ROLLED_BACK, "");
	cr_assert_eq(sent_count, 3);
	ct_pg_deinit(&pg);
}

Test(pg, free_connection_gets_the_call_that_waited_longest)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &get, "u");
	loop_poll_turn(0);
	call(pg, 1, &pay, "u");
	call(pg, 2, &hold, "u");
	call(pg, 3, &get, "u");
	loop_poll_turn(0);
	finish(0, PG_END_ROLLED_BACK, "");
	finish(1, PG_END_ROLLED_BACK, "");
	finish(2, PG_END_ROLLED_BACK, "");
	cr_assert_eq(sent[1].send.statement->declared, &pay);
	cr_assert_eq(sent[2].send.statement->declared, &hold);
	cr_assert_eq(sent[3].send.statement->declared, &get);
	ct_pg_deinit(&pg);
}

/* One user whose lock is held for long must not delay the batches of all others. */
Test(pg, calls_of_a_stuck_key_are_sent_alone_and_one_at_a_time)
{
	struct ct_pg	*pg = start("4", "20");

	call(pg, 0, &pay, "stuck");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "55P03");
	cr_assert_eq(answers[0].times, 1);

	call(pg, 1, &pay, "stuck");
	call(pg, 2, &pay, "a");
	call(pg, 3, &pay, "stuck");
	call(pg, 4, &pay, "b");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 3, "the second call of the stuck key waits, although a connection is idle");
	cr_assert_eq(sent[1].send.count, 1);
	cr_assert_eq(sent[1].send.calls[0]->arg, &numbers[1]);
	cr_assert_eq(sent[2].send.count, 2);
	cr_assert_eq(sent[2].send.calls[0]->arg, &numbers[2]);
	cr_assert_eq(sent[2].send.calls[1]->arg, &numbers[4]);

	finish(1, PG_END_REFUSED, "55P03");
	cr_assert_eq(sent_count, 4);
	cr_assert_eq(sent[3].send.count, 1);
	cr_assert_eq(sent[3].send.calls[0]->arg, &numbers[3]);
	/* The call is carried out, so the key is not stuck any more. */
	finish(3, PG_END_COMMITTED, "");
	call(pg, 5, &pay, "stuck");
	call(pg, 6, &pay, "c");
	loop_poll_turn(0);
	cr_assert_eq(sent[4].send.count, 2);
	ct_pg_deinit(&pg);
}

/* One user may have calls of several statements. */
Test(pg, stuck_calls_of_all_statements_together_take_one_connection)
{
	struct ct_pg	*pg = start("4", "20");

	call(pg, 0, &pay, "stuck");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "55P03");
	call(pg, 1, &hold, "stuck");
	call(pg, 2, &pay, "stuck");
	call(pg, 3, &get, "stuck");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 3);
	cr_assert_eq(sent[1].send.calls[0]->arg, &numbers[1]);
	cr_assert_eq(sent[2].send.calls[0]->arg, &numbers[3], "a statement without batches has no keys");
	finish(1, PG_END_REFUSED, "55P03");
	cr_assert_eq(sent[3].send.calls[0]->arg, &numbers[2]);
	ct_pg_deinit(&pg);
}

Test(pg, repeated_calls_of_a_failed_batch_use_half_of_the_connections)
{
	struct ct_pg	*pg = start("4", "20");
	unsigned	 i;

	/* Two calls of each key, in the order of the keys. */
	for (i = 0; i < 4; i++)
		call(pg, i, &hold, i < 2 ? "a stuck" : "b");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "55P03");
	cr_assert_eq(sent_count, 3, "half of the connections are used");
	finish(1, PG_END_REFUSED, "55P03");
	cr_assert_eq(sent[3].send.calls[0]->arg, &numbers[2]);
	finish(2, PG_END_REFUSED, "55P03");
	cr_assert_eq(sent[4].send.calls[0]->arg, &numbers[3]);
	finish(3, PG_END_COMMITTED, "");
	finish(4, PG_END_COMMITTED, "");
	cr_assert_eq(sent_count, 5);
	ct_pg_deinit(&pg);
}

Test(pg, call_of_a_stuck_key_that_waits_is_answered_in_time_and_at_close)
{
	struct ct_pg	*pg = start("4", "20");
	unsigned	 i;

	call(pg, 0, &pay, "stuck");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "57014");
	for (i = 1; i < 3; i++)
		call(pg, i, &pay, "stuck");
	loop_poll_for(400);	/* PG_TIMEOUT_MS is 200 */
	cr_assert_eq(sent_count, 2);
	cr_assert_eq(answers[2].error, CT_ERROR_SERVICE_UNAVAILABLE);
	call(pg, 3, &pay, "stuck");
	loop_poll_turn(0);
	cr_assert_eq(answers[3].times, 0);
	ct_pg_deinit(&pg);
	cr_assert_eq(answers[3].times, 1);
}

Test(pg, stuck_key_beyond_the_limit_replaces_the_oldest)
{
	struct ct_pg	*pg = start("4", "20");
	char		 key[8] = "key a";
	unsigned	 i;

	for (i = 0; i <= PG_STUCK_MAX; i++) {
		key[4] = (char)('a' + i);
		call(pg, i, &pay, key);
		loop_poll_for(2);
		finish(i, PG_END_REFUSED, "55P03");
	}
	call(pg, i, &pay, "key a");
	call(pg, i + 1, &pay, "other");
	call(pg, i + 2, &pay, "key b");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, i + 2);
	cr_assert_eq(sent[i].send.count, 2, "the oldest key is not stuck any more");
	cr_assert_eq(sent[i + 1].send.count, 1);
	ct_pg_deinit(&pg);
}

Test(pg, failed_batch_is_sent_again_call_by_call)
{
	struct ct_pg	*pg = start("1", "10");
	unsigned	 i;

	for (i = 0; i < 3; i++)
		call(pg, i, &hold, "u");
	loop_poll_turn(0);
	cr_assert_eq(sent[0].send.count, 3);
	call(pg, 3, &hold, "u");
	finish(0, PG_END_REFUSED, "23514");
	for (i = 0; i < 3; i++) {
		cr_assert_eq(sent[1 + i].send.count, 1);
		cr_assert_eq(sent[1 + i].send.calls[0]->arg, &numbers[i], "in the order of arrival");
		cr_assert_eq(answers[i].times, 0);
		finish(1 + i, i == 1 ? PG_END_REFUSED : PG_END_UNKNOWN, i == 1 ? "23514" : "");
	}
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_ERROR_INTERNAL_ERROR);
	cr_assert_eq(answers[2].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert_eq(sent[4].send.calls[0]->arg, &numbers[3]);
	ct_pg_deinit(&pg);
}

Test(pg, deadlocked_call_is_sent_three_times_then_unavailable)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "40P01");
	finish(1, PG_END_REFUSED, "40001");
	cr_assert_eq(answers[0].times, 0);
	finish(2, PG_END_REFUSED, "40P01");
	cr_assert_eq(sent_count, 3);
	cr_assert_eq(answers[0].times, 1);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, batch_that_was_not_sent_is_sent_again_as_a_batch)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "a");
	call(pg, 1, &hold, "b");
	loop_poll_turn(0);
	finish(0, PG_END_NOT_SENT, "");
	cr_assert_eq(sent_count, 2);
	cr_assert_eq(sent[1].send.count, 2, "as one batch again");
	ct_pg_deinit(&pg);
}

Test(pg, unanswered_send_is_unknown_for_a_write_and_unavailable_for_a_read)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &hold, "u");
	call(pg, 1, &get, "u");
	loop_poll_turn(0);
	finish(0, PG_END_UNKNOWN, "");
	finish(1, PG_END_UNKNOWN, "");
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_ERROR_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, calls_beyond_queue_max_are_refused_in_the_next_turn)
{
	struct ct_pg	*pg = start("1", "2");
	unsigned	 i;

	for (i = 0; i < 4; i++)
		call(pg, i, &hold, "u");
	for (i = 0; i < 4; i++)
		cr_assert_eq(answers[i].times, 0);
	loop_poll_turn(0);
	cr_assert_eq(answers[2].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[3].times, 1);
	cr_assert_eq(answers[0].times, 0);
	ct_pg_deinit(&pg);
}

Test(pg, call_not_sent_in_time_is_refused)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	call(pg, 1, &hold, "u");
	loop_poll_for(400);
	cr_assert_eq(answers[1].error, CT_ERROR_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[0].times, 0, "a call in flight has the connection's deadline");
	ct_pg_deinit(&pg);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
}

Test(pg, call_after_a_second_without_connection_fails_at_once)
{
	struct ct_pg	*pg;

	connect_works = false;
	pg = start("1", "10");
	cr_assert(!ct_pg_ready(pg));
	loop_poll_for(1150);
	call(pg, 0, &get, "u");
	loop_poll_turn(0);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, closing_answers_each_call_once)
{
	struct ct_pg	*pg = start("1", "3");
	unsigned	 i;

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	for (i = 1; i < 6; i++)
		call(pg, i, &hold, "u");
	ct_pg_deinit(&pg);
	cr_assert_null(pg);
	for (i = 0; i < 6; i++)
		cr_assert_eq(answers[i].times, 1);
	cr_assert_eq(answers[0].error, CT_ERROR_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_ERROR_SERVICE_UNAVAILABLE);
	loop_poll_turn(0);
}

/* A callback that makes a further call, three times. The first call is of a statement that was never called before. */
static struct ct_pg	*again_pg;

static void
call_again(const struct ct_outcome *outcome, void *arg)
{
	const char	*args[2] = { "u", NULL };

	on_answer(outcome, arg);
	if (answers[0].times < 4)
		ct_pg_call(again_pg, answers[0].times == 1 ? &pay : &hold, args, call_again, arg);
}

Test(pg, calls_made_from_callbacks_of_closing_are_answered)
{
	const char	*args[2] = { "u", NULL };

	again_pg = start("1", "3");
	ct_pg_call(again_pg, &hold, args, call_again, &numbers[0]);
	ct_pg_deinit(&again_pg);
	cr_assert_eq(answers[0].times, 4);
	cr_assert_eq(answers[0].error, CT_ERROR_SERVICE_UNAVAILABLE);
}

/* The rules that the client asserts. */

static void
close_client(const struct ct_outcome *outcome, void *arg)
{
	struct ct_pg	*pg = arg;

	(void)outcome;
	ct_pg_deinit(&pg);
}

Test(pg, close_from_a_callback_aborts, .signal = SIGABRT)
{
	const char	*args[2] = { "u", NULL };
	struct ct_pg	*pg = start("1", "10");

	ct_pg_call(pg, &hold, args, close_client, pg);
	loop_poll_turn(0);
	finish(0, PG_END_UNKNOWN, "");
}

Test(pg, second_end_of_a_send_aborts, .signal = SIGABRT)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	sent[0].conn->owner->on_end(pg, &sent[0].send, PG_END_NOT_SENT, NULL, "");
	sent[0].conn->owner->on_end(pg, &sent[0].send, PG_END_NOT_SENT, NULL, "");
}

Test(pg, second_client_of_a_worker_aborts, .signal = SIGABRT)
{
	(void)start("1", "10");
	(void)ct_pg_init();
}

Test(pg, statement_with_next_and_batches_aborts, .signal = SIGABRT)
{
	static const struct ct_pg_statement	both = { "t.f", "uuid", 4, 0, true, NULL, "t.next", NULL };

	call(start("1", "10"), 0, &both, "u");
}

static const struct pg_statement	loose_statement = { .declared = &get };

Test(pg, call_answered_without_being_accepted_aborts, .signal = SIGABRT)
{
	struct pg_counts	 counts = { .in = { 0 } };
	struct pg_call		*new_call = pg_call_new(&counts, &loose_statement, NULL, NULL, on_answer, &numbers[0]);

	pg_call_fail(&counts, new_call, CT_ERROR_INTERNAL_ERROR);
}

Test(pg, answer_inside_ct_pg_call_aborts, .signal = SIGABRT)
{
	struct pg_counts	 counts = { .in = { 0 } };
	struct pg_call		*new_call = pg_call_new(&counts, &loose_statement, NULL, NULL, on_answer, &numbers[0]);

	pg_call_set_state(&counts, new_call, PG_CALL_REFUSED);
	counts.accepting = true;
	pg_call_fail(&counts, new_call, CT_ERROR_SERVICE_UNAVAILABLE);
}

Test(pg, server_that_refuses_writes_is_not_up)
{
	struct ct_pg	*pg = start("2", "20");

	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP);
	/* A call that breaks a rule of the data says nothing about the server. */
	call(pg, 0, &pay, "a");
	loop_poll_turn(0);
	finish(0, PG_END_REFUSED, "23505");
	cr_assert_eq(ct_pg_state(pg), CT_STORE_UP);
	call(pg, 1, &pay, "b");
	loop_poll_turn(0);
	finish(1, PG_END_REFUSED, "53100");
	cr_assert_eq(ct_pg_state(pg), CT_STORE_DISK_FULL);
	ct_pg_deinit(&pg);
}

Test(pg, server_without_a_connection_is_down)
{
	struct ct_pg	*pg;

	connect_works = false;
	pg = start("2", "20");
	cr_assert_eq(ct_pg_state(pg), CT_STORE_DOWN);
	ct_pg_deinit(&pg);
}
