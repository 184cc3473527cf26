/*
 * Large halls: the service inserts seats in many statements of one transaction. So no statement timeout ends a long
 * creation, and an interrupted one leaves nothing. For the tests PostgreSQL sleeps at the first seat of each row of a
 * section named "slow ...", and waits for a lock in a section named "stuck ...".
 */
#include <sys/wait.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "provider.h"

#define HALLS	5

/* Another test may have created the trigger already. Holds wait while it is created, another reason to run alone. */
static const char	slow_rows[] = "DO $do$ BEGIN "
    "CREATE OR REPLACE FUNCTION public.slow_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.section LIKE 'slow %' THEN PERFORM pg_sleep(0.1); ELSE PERFORM pg_advisory_xact_lock_shared(15, 15); END IF; "
    "RETURN NEW; END $$; "
    "CREATE TRIGGER slow_row BEFORE INSERT ON reservation.seats FOR EACH ROW "
    "WHEN (NEW.number = 1 AND NEW.section SIMILAR TO '(slow|stuck) %') EXECUTE FUNCTION public.slow_row(); "
    "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$";

static struct call
creation(const struct user *operator, const char *concert, const char *section, int rows, int per_row)
{
	return ((struct call){ .path = format("/admin/concerts/%s/schedules", concert), .jwt = operator->jwt,
	    .body = format("{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\","
	    "\"sections\":[{\"section\":\"%s\",\"grade\":\"S\",\"price\":50000,\"rows\":%d,\"seatsPerRow\":%d}]}", section, rows,
	    per_row) });
}

/* Runs alone, like the next two (suite `restart`): one creation runs at a time, so the schedules of other tests would wait for these. */
Test(restart, concurrent_large_halls_are_created_past_every_timeout, .timeout = 300)
{
	struct user	 operator = operator_new();
	char		*concert = concert_new(), *id;
	struct call	 calls[HALLS];
	struct reply	 replies[HALLS], reply;
	int		 i;

	(void)sql(slow_rows);
	/*
	 * This creation takes 20 s. A statement ends after 12 s (PG_TIMEOUT_MS), and the gateway ends other calls after
	 * 15 s.
	 */
	calls[0] = creation(&operator, concert, "slow hall", 200, 500);
	for (i = 1; i < HALLS; i++)
		calls[i] = creation(&operator, concert, "hall", 200, 500);
	http_all(calls, replies, HALLS);
	for (i = 0; i < HALLS; i++) {
		check_status(replies[i], 201);
		cr_assert_eq(number_at(replies[i].json, "totalSeats"), 100000);
		cr_assert_eq(number_at(replies[i].json, "remaining.0.available"), 100000);
		id = strdup(text_at(replies[i].json, "scheduleId"));
		reply = http((struct call){ .path = format("/schedules/%s", id) });
		check_status(reply, 200);
		cr_assert_str_eq(reply.body, replies[i].body, "reading it answers another schedule than its creation");
		cr_assert_str_eq(sql(format("SELECT count(DISTINCT (row_no, number)) FROM reservation.seats "
		    "WHERE schedule_id = '%s'", id)), "100000");
	}
}

Test(restart, interrupted_creation_leaves_nothing_and_can_be_repeated, .timeout = 300)
{
	struct user	 operator = operator_new();
	char		*concert = concert_new(), *section = format("stuck %s", key_new()), *pid;
	struct call	 call = creation(&operator, concert, section, 200, 50);
	struct reply	 reply;
	PGconn		*lock;
	pid_t		 child;
	int		 status;

	(void)sql(slow_rows);
	/* The creation's first row waits for this lock. */
	lock = take_lock("SELECT pg_advisory_xact_lock(15, 15)");
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		_exit(http(call).status == 503 ? 0 : 1);
	wait_for(*(pid = backend_waiting_for(lock, "0")) != '\0', 60);
	(void)sql(format("SELECT pg_terminate_backend(%s)", pid));
	cr_assert(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "the interrupted creation was not answered 503");
	release_lock(lock);

	reply = http((struct call){ .path = format("/schedules?concertId=%s&status=ALL", concert) });
	check_status(reply, 200);
	cr_assert_eq(length_at(reply.json, "schedules"), 0);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.seats WHERE section = '%s'", section)), "0");
	reply = http(call);
	check_status(reply, 201);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.seats WHERE section = '%s'", section)), "10000");
}

/*
 * A client that disconnects repeats its request; a schedule made by the first one would sell the same seats twice. This
 * test runs alone, because calls of other tests would be pending too.
 */
Test(restart, creation_of_disconnected_client_is_rolled_back, .timeout = 300)
{
	struct user	 operator = operator_new();
	char		*concert = concert_new();
	struct reply	 reply;
	pid_t		 children[2];

	(void)sql(slow_rows);
	for (int i = 0; i < 2; i++) {
		children[i] = fork();
		cr_assert_geq(children[i], 0);
		if (children[i] == 0) {
			/* The first takes 20 s; the second waits for its turn. */
			(void)http(creation(&operator, concert, "slow hall", 200, 500));
			_exit(0);
		}
		wait_for(metric(direct("reservation"), "pg_calls_pending") >= i + 1 && strcmp(sql("SELECT count(*) FROM pg_stat_activity "
		    "WHERE query LIKE '%reservation.make_seats%' AND state = 'active' AND pid <> pg_backend_pid()"), "0") != 0, 60);
	}
	for (int i = 1; i >= 0; i--) {
		cr_assert_eq(kill(children[i], SIGKILL), 0);
		cr_assert_eq(waitpid(children[i], NULL, 0), children[i]);
		if (i == 1)
			wait_for(metric(direct("reservation"), "pg_calls_pending") <= 1, 60);
	}

	reply = http(creation(&operator, concert, "hall", 2, 2));
	check_status(reply, 201);
	cr_assert_str_eq(sql(format("SELECT string_agg(c.section, ', ') FROM reservation.schedules s JOIN reservation.sections c USING (schedule_id) "
	    "WHERE s.concert_id = '%s'", concert)), "hall");
}

Test(halls, schedule_without_all_seats_cannot_commit)
{
	PGconn		*conn = superuser();
	PGresult	*result;

	/* The caller has begun no transaction, so the statement commits alone. */
	result = PQexec(conn, format("SELECT reservation.begin_schedule('%s', now() + '1 day', now() + '2 days', NULL, NULL, 'ON_SALE', 4, "
	    "'[{\"section\":\"A\",\"grade\":\"R\",\"price\":1000,\"rows\":2,\"seatsPerRow\":3}]', NULL)", concert_new()));
	cr_assert_eq(PQresultStatus(result), PGRES_FATAL_ERROR);
	cr_assert(strstr(PQerrorMessage(conn), "does not have all its seats") != NULL, "%s", PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}
