/* The readers' share of PostgreSQL, with a PostgreSQL client that the test answers for. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "loop/loop.h"
#include "loop_poll.h"
#include "readers_share.h"

static const struct ct_pg_statement	statement = { .function = "reservation.seat_map", .args = "", .batch_max = 1 };

/* The call that the client has got and the test has not answered. */
static ct_pg_cb	 sent_cb;
static void	*sent_arg;

/* The Makefile gives ct_pg_call this name in readers_share.c. */
void	readers_share_test_call(struct ct_pg *, const struct ct_pg_statement *, const char *const *, ct_pg_cb, void *);

void
readers_share_test_call(struct ct_pg *pg, const struct ct_pg_statement *stmt, const char *const *args, ct_pg_cb cb, void *arg)
{
	(void)pg;
	(void)stmt;
	(void)args;
	cr_assert_null(sent_cb, "PG_POOL_SIZE allows one call");
	sent_cb = cb;
	sent_arg = arg;
}

static void
answer(enum ct_error error)
{
	struct ct_outcome	outcome = { .error = error, .outcome = "OK" };
	ct_pg_cb		cb = sent_cb;

	cr_assert_not_null(cb);
	sent_cb = NULL;
	cb(&outcome, sent_arg);
}

static unsigned	good, failed;

static void
on_answer(const struct ct_outcome *outcome, void *arg)
{
	(void)arg;
	if (outcome->error == CT_OK)
		good++;
	else
		failed++;
}

static void
ask(ct_pg_cb cb)
{
	readers_share_call(&statement, 0, (const char *const[]){ NULL }, false, cb, NULL);
}

static void
on_answer_ask_again(const struct ct_outcome *outcome, void *arg)
{
	on_answer(outcome, arg);
	ask(on_answer);
}

static bool
has_failed(void *arg)
{
	(void)arg;
	return (failed > 0);
}

static void
start(void)
{
	(void)setenv("PG_POOL_SIZE", "1", 1);
	(void)setenv("PG_TIMEOUT_MS", "100", 1);
	readers_share_configure();
	readers_share_start();
}

TestSuite(readers_share, .init = start, .fini = loop_poll_reset);

/* A reader that comes while late ones are told 503, as when PostgreSQL is frozen: it has not waited yet. */
Test(readers_share, call_made_when_another_is_late_waits_for_its_turn)
{
	loop_poll_step(1);
	ask(on_answer);
	ask(on_answer_ask_again);
	cr_assert(loop_poll_until(has_failed, NULL, 5000));
	cr_assert_eq(failed, 1, "the later call has failed too");
	answer(CT_OK);
	answer(CT_OK);
	cr_assert_eq(good, 2);
}
