/*
 * The PostgreSQL client without a server: SQL texts, array bytes, lock order,
 * and the gathering of calls into batches, with the connection (pg_conn.c)
 * replaced by one that notes what it is given.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../shared/src/pg_internal.h"
#include "loop_poll.h"

/* The connection's stand-in. */

#define SENT_MAX	64

static struct {
	struct pg_conn	*conn;
	struct pg_queue	*queue;
	struct pg_call	*calls[PG_BATCH_MAX];
	unsigned	 count;
	bool		 gathered;
	bool		 done;
} sent[SENT_MAX];
static unsigned	sent_count;
static bool	connect_works = true;

void
pg_conn_configure(const char *conninfo)
{
	(void)conninfo;
}

void
pg_conn_init(struct pg_conn *conn, struct ct_pg *pg)
{
	conn->pg = pg;
	conn->state = PG_DOWN;
	if (connect_works) {
		conn->state = PG_IDLE;
		pg->up++;
	}
}

void
pg_conn_deinit(struct pg_conn *conn)
{
	unsigned	i;

	for (i = 0; i < sent_count; i++) {
		if (sent[i].conn == conn && !sent[i].done)
			pg_settle(conn->pg, sent[i].calls, sent[i].count, PG_UNKNOWN, NULL, "");
	}
}

void
pg_conn_tick(struct pg_conn *conn, uint64_t now)
{
	(void)conn;
	(void)now;
}

void
pg_conn_send(struct pg_conn *conn, struct pg_queue *queue, unsigned count, bool gathered)
{
	cr_assert_lt(sent_count, SENT_MAX);
	sent[sent_count].conn = conn;
	sent[sent_count].queue = queue;
	sent[sent_count].count = count;
	sent[sent_count].gathered = gathered;
	memcpy(sent[sent_count].calls, conn->calls, count * sizeof(conn->calls[0]));
	sent_count++;
	conn->state = PG_RUNNING;
	if (gathered)
		queue->sends++;
}

/* The n-th send ends so, as pg_conn.c would tell it. */
static void
finish(unsigned n, enum pg_end end, const char *sqlstate)
{
	struct pg_conn	*conn = sent[n].conn;

	cr_assert(!sent[n].done);
	sent[n].done = true;
	conn->state = PG_IDLE;
	if (sent[n].gathered)
		sent[n].queue->sends--;
	pg_settle(conn->pg, sent[n].calls, sent[n].count, end, NULL, sqlstate);
	pg_pump(conn->pg);
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

static const struct ct_pg_statement	hold = { "t.hold", "uuid, text", 4, 0, true, NULL };
static const struct ct_pg_statement	pay = { "t.pay", "uuid", 4, 0, true, NULL };
static const struct ct_pg_statement	get = { "t.get", "uuid", 1, -1, false, NULL };

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

/* Texts and bytes. */

Test(pg, counts_the_types_of_a_statement)
{
	cr_assert_eq(pg_sql_count(""), 0);
	cr_assert_eq(pg_sql_count("uuid"), 1);
	cr_assert_eq(pg_sql_count("uuid, uuid[], timestamp with time zone"), 3);
	cr_assert_eq(pg_sql_count("numeric(10,2), text"), 2);
}

Test(pg, calls_the_function_once_for_each_row)
{
	static const struct ct_pg_statement	stmt = { "a.f", "uuid, uuid[], text", 8, -1, true, "a.many" };
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

Test(pg, a_function_without_arguments_is_called_once)
{
	static const struct ct_pg_statement	stmt = { "a.f", "", 8, -1, true, "a.many" };
	struct ct_buf				buf;

	ct_buf_init(&buf, 4096);
	pg_sql_text(&buf, &stmt);
	cr_assert_str_eq(buf.data,
	    "SELECT 1, o.outcome, o.body, o.etag, o.replayed, o.request_id FROM a.f() AS o");
	ct_buf_deinit(&buf);
}

Test(pg, an_array_carries_texts_and_nulls_unquoted)
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
	pg_sql_array(&buf, calls, 3, 0);
	cr_assert_eq(buf.length, sizeof(expected));
	cr_assert_eq(memcmp(buf.data, expected, sizeof(expected)), 0);
	ct_buf_deinit(&buf);
	for (i = 0; i < 3; i++)
		free(calls[i]);
}

Test(pg, rows_are_sorted_by_the_lock_key_and_equal_ones_stay_in_order)
{
	const char	*expected[] = { NULL, "a:1", "a:2", "b:0", "c:3" };
	struct pg_call	*calls[5];
	unsigned	 i;

	calls[0] = loose_call("b", "b:0");
	calls[1] = loose_call("a", "a:1");
	calls[2] = loose_call("a", "a:2");
	calls[3] = loose_call("c", "c:3");
	calls[4] = loose_call(NULL, NULL);
	pg_sql_sort(calls, 5, 0);
	for (i = 0; i < 5; i++) {
		if (expected[i] == NULL)
			cr_assert_null(calls[i]->args[1]);
		else
			cr_assert_str_eq(calls[i]->args[1], expected[i]);
		free(calls[i]);
	}
}

/* Gathering. */

Test(pg, nothing_is_sent_or_answered_inside_the_call)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &hold, "u");
	cr_assert_eq(sent_count, 0);
	cr_assert_eq(ct_pg_pending(pg), 1);
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 1);
	cr_assert_eq(sent[0].count, 1);
	ct_pg_deinit(&pg);
}

Test(pg, calls_gather_while_two_batches_of_their_statement_are_in_flight)
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
	cr_assert_eq(sent_count, 2, "two batches of a statement at a time, though a connection is idle");

	finish(0, PG_ROLLED_BACK, "");
	cr_assert_eq(sent_count, 3);
	cr_assert_eq(sent[2].count, 4, "batch_max rows");
	cr_assert_str_eq(sent[2].calls[0]->args[0], "a");
	cr_assert_eq(sent[2].calls[0]->arg, &numbers[2]);
	cr_assert_eq(sent[2].calls[1]->arg, &numbers[4]);
	cr_assert_eq(sent[2].calls[2]->arg, &numbers[1]);
	ct_pg_deinit(&pg);
}

Test(pg, reads_use_every_idle_connection)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &get, "u");
	call(pg, 1, &get, "u");
	call(pg, 2, &get, "u");
	loop_poll_turn(0);
	cr_assert_eq(sent_count, 2);
	cr_assert_eq(sent[0].count, 1);
	finish(1, PG_ROLLED_BACK, "");
	cr_assert_eq(sent_count, 3);
	ct_pg_deinit(&pg);
}

Test(pg, the_statement_that_has_waited_longest_goes_first)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &get, "u");
	loop_poll_turn(0);
	call(pg, 1, &pay, "u");
	call(pg, 2, &hold, "u");
	call(pg, 3, &get, "u");
	loop_poll_turn(0);
	finish(0, PG_ROLLED_BACK, "");
	finish(1, PG_ROLLED_BACK, "");
	finish(2, PG_ROLLED_BACK, "");
	cr_assert_eq(sent[1].queue->stmt, &pay);
	cr_assert_eq(sent[2].queue->stmt, &hold);
	cr_assert_eq(sent[3].queue->stmt, &get);
	ct_pg_deinit(&pg);
}

Test(pg, a_batch_that_failed_goes_again_row_by_row)
{
	struct ct_pg	*pg = start("1", "10");
	unsigned	 i;

	for (i = 0; i < 3; i++)
		call(pg, i, &hold, "u");
	loop_poll_turn(0);
	cr_assert_eq(sent[0].count, 3);
	call(pg, 3, &hold, "u");
	finish(0, PG_REFUSED, "23514");
	for (i = 0; i < 3; i++) {
		cr_assert_eq(sent[1 + i].count, 1);
		cr_assert_eq(sent[1 + i].calls[0]->arg, &numbers[i], "in the order they came");
		cr_assert_eq(answers[i].times, 0);
		finish(1 + i, i == 1 ? PG_REFUSED : PG_UNKNOWN, i == 1 ? "23514" : "");
	}
	cr_assert_eq(answers[0].error, CT_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_INTERNAL_ERROR);
	cr_assert_eq(answers[2].error, CT_OUTCOME_UNKNOWN);
	cr_assert_eq(sent[4].calls[0]->arg, &numbers[3]);
	ct_pg_deinit(&pg);
}

Test(pg, a_lost_race_is_run_three_times)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	finish(0, PG_REFUSED, "40P01");
	finish(1, PG_REFUSED, "40001");
	cr_assert_eq(answers[0].times, 0);
	finish(2, PG_REFUSED, "40P01");
	cr_assert_eq(sent_count, 3);
	cr_assert_eq(answers[0].times, 1);
	cr_assert_eq(answers[0].error, CT_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, what_was_never_sent_is_sent_elsewhere)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "a");
	call(pg, 1, &hold, "b");
	loop_poll_turn(0);
	finish(0, PG_NOT_SENT, "");
	cr_assert_eq(sent_count, 2);
	cr_assert_eq(sent[1].count, 2, "still as one batch");
	ct_pg_deinit(&pg);
}

Test(pg, no_answer_is_unknown_for_a_write_and_unavailable_for_a_read)
{
	struct ct_pg	*pg = start("2", "10");

	call(pg, 0, &hold, "u");
	call(pg, 1, &get, "u");
	loop_poll_turn(0);
	finish(0, PG_UNKNOWN, "");
	finish(1, PG_UNKNOWN, "");
	cr_assert_eq(answers[0].error, CT_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, more_than_queue_max_are_refused_from_the_loop)
{
	struct ct_pg	*pg = start("1", "2");
	unsigned	 i;

	for (i = 0; i < 4; i++)
		call(pg, i, &hold, "u");
	for (i = 0; i < 4; i++)
		cr_assert_eq(answers[i].times, 0);
	loop_poll_turn(0);
	cr_assert_eq(answers[2].error, CT_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[3].times, 1);
	cr_assert_eq(answers[0].times, 0);
	ct_pg_deinit(&pg);
}

Test(pg, a_call_not_sent_in_time_is_refused)
{
	struct ct_pg	*pg = start("1", "10");

	call(pg, 0, &hold, "u");
	loop_poll_turn(0);
	call(pg, 1, &hold, "u");
	loop_poll_for(400);
	cr_assert_eq(answers[1].error, CT_SERVICE_UNAVAILABLE);
	cr_assert_eq(answers[0].times, 0, "in flight: the connection's business");
	ct_pg_deinit(&pg);
	cr_assert_eq(answers[0].error, CT_OUTCOME_UNKNOWN);
}

Test(pg, without_a_connection_for_a_second_calls_fail_at_once)
{
	struct ct_pg	*pg;

	connect_works = false;
	pg = start("1", "10");
	cr_assert(!ct_pg_ready(pg));
	loop_poll_for(1150);
	call(pg, 0, &get, "u");
	loop_poll_turn(0);
	cr_assert_eq(answers[0].error, CT_SERVICE_UNAVAILABLE);
	ct_pg_deinit(&pg);
}

Test(pg, closing_answers_everything_once)
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
	cr_assert_eq(answers[0].error, CT_OUTCOME_UNKNOWN);
	cr_assert_eq(answers[1].error, CT_SERVICE_UNAVAILABLE);
	loop_poll_turn(0);
}

/* A callback that calls again, the first time with a statement that was never called. */
static struct ct_pg	*again_pg;

static void
call_again(const struct ct_outcome *outcome, void *arg)
{
	const char	*args[2] = { "u", NULL };

	on_answer(outcome, arg);
	if (answers[0].times < 4)
		ct_pg_call(again_pg, answers[0].times == 1 ? &pay : &hold, args, call_again, arg);
}

Test(pg, calls_from_the_callbacks_of_closing_are_answered_too)
{
	const char	*args[2] = { "u", NULL };

	again_pg = start("1", "3");
	ct_pg_call(again_pg, &hold, args, call_again, &numbers[0]);
	ct_pg_deinit(&again_pg);
	cr_assert_eq(answers[0].times, 4);
	cr_assert_eq(answers[0].error, CT_SERVICE_UNAVAILABLE);
}
