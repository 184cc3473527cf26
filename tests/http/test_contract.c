/*
 * Answers of the contract that need a story of their own to be seen: a key
 * that is in use, a write whose outcome nobody knows, a sale that ends while
 * people choose. tests/api checks that every documented answer was seen.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "harness.h"

/* A transaction that has run `query` and keeps its locks until let_go. */
static PGconn *
keep_locked(const char *query)
{
	PGconn		*conn;
	PGresult	*result;

	conn = PQconnectdb(format("host=127.0.0.1 port=%s dbname=concert user=postgres password=%s "
	    "connect_timeout=5", setting("PG_PORT"),
	    read_file(format("%s/secrets/postgres", setting("RUN_DIR")))));
	cr_assert_eq(PQstatus(conn), CONNECTION_OK, "%s", PQerrorMessage(conn));
	result = PQexec(conn, format("BEGIN; %s", query));
	cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s: %s", query, PQerrorMessage(conn));
	PQclear(result);
	return (conn);
}

static void
let_go(PGconn *conn)
{
	PQfinish(conn);
}

Test(idempotency, a_key_whose_first_request_still_runs_is_in_use)
{
	struct user	 user = user_new();
	char		*key = key_new();
	PGconn		*first;
	struct reply	 reply;

	/* What the first request would have locked, and keeps locked for longer than anybody waits. */
	first = keep_locked(format("SELECT platform.lock_user('%s')", user.id));
	reply = charge(&user, 1000, key);
	check_problem(reply, 409, "IDEMPOTENCY_KEY_IN_USE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	let_go(first);
	check_status(charge(&user, 1000, key), 201);
	cr_assert_eq(balance(&user), 1000);
}

Test(idempotency, a_key_of_another_payment_is_refused)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*key = key_new(), *reservation;
	int64_t		 amount;
	struct reply	 reply;

	check_status(charge(&user, 500000, key), 201);
	reservation = held(&user, &schedule, 0, 1, &amount);
	/* The same key as the charge: another operation, so another request. */
	check_status(pay(&user, reservation, amount, key), 201);
	reply = pay(&user, reservation, amount + 1, key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");
	cr_assert_eq(balance(&user), 500000 - amount);
}

Test(hold, a_sale_that_ends_while_people_choose_is_over)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), operator = operator_new();
	char		*token = become_active(&user, &schedule);
	struct reply	 reply;

	reply = http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"status\":\"CLOSED\"}" });
	check_status(reply, 200);
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	/* No call takes a schedule away, so the test does. */
	(void)sql(format("DELETE FROM reservation.seats WHERE schedule_id = '%s'; "
	    "DELETE FROM reservation.sections WHERE schedule_id = '%s'; "
	    "DELETE FROM reservation.schedules WHERE schedule_id = '%s'", schedule.id, schedule.id, schedule.id));
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

struct slow_charge {
	struct user	 user;
	char		*key;
	struct reply	 reply;
};

static void *
run_charge(void *arg)
{
	struct slow_charge	*slow = arg;

	slow->reply = charge(&slow->user, 2000, slow->key);
	return (NULL);
}

Test(restart, a_write_without_an_answer_is_unknown_and_its_repetition_settles_it, .timeout = 120)
{
	struct slow_charge	 slow = { .user = user_new(), .key = key_new() };
	char			*waiting;
	PGconn			*lock;
	pthread_t		 thread;
	struct reply		 reply;

	check_status(charge(&slow.user, 1000, key_new()), 201);
	lock = keep_locked(format("SELECT 1 FROM point.wallets WHERE user_id = '%s' FOR UPDATE", slow.user.id));
	cr_assert_eq(pthread_create(&thread, NULL, run_charge, &slow), 0);

	/* The write has reached the database; now its backend says nothing any more. */
	wait_for(*(waiting = sql("SELECT pid FROM pg_stat_activity WHERE usename = 'point_service' "
	    "AND wait_event_type = 'Lock'")) != '\0', 2);
	cr_assert_eq(kill((pid_t)atoi(waiting), SIGSTOP), 0);
	(void)pthread_join(thread, NULL);
	(void)kill((pid_t)atoi(waiting), SIGCONT);
	let_go(lock);
	check_problem(slow.reply, 503, "OUTCOME_UNKNOWN");
	cr_assert_not_null(header(&slow.reply, "Retry-After"));

	wait_for((reply = charge(&slow.user, 2000, slow.key)).status == 201, 20);
	cr_assert_eq(balance(&slow.user), 3000);
}
