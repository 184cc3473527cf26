/*
 * What the functions of the migrations tell about other transactions, with a synchronous standby that does not answer. The first
 * request's backend was ended while its commit waited. So the commit is visible, but only on the primary.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"

#define ANN	"'00000000-0000-7000-8000-0000000000a1'"
#define BOB	"'00000000-0000-7000-8000-0000000000b2'"
#define CHARGE	"SELECT outcome, replayed FROM point.charge(" ANN ", 5000, 'key', 'hash', 'request')"
#define RELAY	"SELECT body::json -> 'events' -> 0 ->> 'type' FROM platform.relay_next('test', NULL, NULL, 10, 600000)"

/* Sends a statement whose commit waits for the standby, if it waits at all. */
static PGconn *
begin(const char *sql)
{
	PGconn		*db = server_connect("primary", "concert");
	PGresult	*result = PQexec(db, "SET synchronous_commit = on");

	PQclear(result);
	cr_assert_eq(PQsendQuery(db, sql), 1);
	return (db);
}

/* Returns true if the server has answered. */
static bool
is_answered(PGconn *db)
{
	cr_assert_eq(PQconsumeInput(db), 1, "%s", PQerrorMessage(db));
	return (!PQisBusy(db));
}

/* Waits until the statement is answered, or as many commits wait for the standby. Returns true if it waits. */
static bool
waits(PGconn *db, long waiters)
{
	while (server_waiters() < waiters) {
		if (is_answered(db))
			return (false);
		(void)usleep(1000);
	}
	return (!is_answered(db));
}

/* Returns true if the statement is answered although no standby answers. */
static bool
is_answered_without_standby(const char *sql)
{
	long	 before = server_waiters();
	PGconn	*db = begin(sql);
	bool	 answered = !waits(db, before + 1);

	PQfinish(db);
	return (answered);
}

static void
expect(PGconn *db, int column, const char *value)
{
	PGresult	*result = PQgetResult(db);

	cr_assert_eq(PQresultStatus(result), PGRES_TUPLES_OK, "%s", PQerrorMessage(db));
	cr_assert_str_eq(PQgetvalue(result, 0, column), value);
	PQclear(result);
	PQfinish(db);
}

static void
start(void)
{
	servers("reset");
	servers("migrate");
	servers("standby-up");
	server_set("synchronous_standby_names", "*");
}

TestSuite(pg_replay, .init = start, .timeout = 180);

Test(pg_replay, answers_about_a_commit_that_only_the_primary_has_wait_for_the_standby)
{
	PGconn	*first, *replay, *relay;

	expect(begin(RELAY), 0, "");
	servers("standby-freeze");
	first = begin(CHARGE);
	cr_assert(waits(first, 1));
	(void)server_query("primary", "postgres",
	    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
	while (server_waiters() > 0)
		(void)usleep(1000);
	PQfinish(first);
	cr_assert_eq(server_query("primary", "concert", "SELECT balance FROM point.wallets WHERE user_id = " ANN), 5000,
	    "others see the commit");

	cr_assert(is_answered_without_standby("SELECT * FROM point.get_wallet(" ANN ")"), "a read does not wait");
	cr_assert(is_answered_without_standby("SELECT pg_current_xact_id()"), "an id alone does not make a commit wait");
	cr_assert(is_answered_without_standby("SELECT * FROM platform.idempotency_begin(" ANN ", 'points.charge', 'other', 'hash')"),
	    "a new key does not wait");
	replay = begin(CHARGE);
	cr_assert(waits(replay, 1), "the replay is answered, although the standby does not have the charge");
	relay = begin(RELAY);
	cr_assert(waits(relay, 2), "the relay gets the event, although the standby does not have the charge");

	servers("standby-thaw");
	expect(replay, 1, "t");
	expect(relay, 0, "PointCharged");
	servers("pg-kill");
	servers("standby-promote");
	cr_assert_eq(server_query("standby", "concert", "SELECT balance FROM point.wallets WHERE user_id = " ANN), 5000);
	servers("reset");
}

#define HOLD(schedule)	"reservation.hold(" BOB ", " schedule ", NULL, 'VIP', 1, 7, 300, NULL, NULL, NULL, 'r', 0)"
#define PLACE_STATE(place) \
	"SELECT p.outcome FROM public.made m, LATERAL reservation.queue_place_state(m.schedule, " BOB ", " place ") p"

/* Makes a schedule and Bob's hold with place 7, and freezes the standby. */
static void
hold_and_freeze(void)
{
	(void)server_query("primary", "concert", "DROP TABLE IF EXISTS public.made; "
	    "CREATE TABLE public.made AS SELECT s.id::uuid AS schedule, (h.body::json ->> 'reservationId')::uuid AS id FROM "
	    "(SELECT (reservation.create_concert('T', 'A', 'V', 'S')).body::json ->> 'concertId' AS id OFFSET 0) c, "
	    "LATERAL (SELECT body::json ->> 'scheduleId' AS id FROM "
	    "reservation.create_schedule(c.id::uuid, now() + '1 day', now() + '2 days', NULL, "
	    "'ON_SALE', '[{\"section\":\"V\",\"grade\":\"VIP\",\"price\":1000,\"rows\":1,\"seatsPerRow\":4}]') OFFSET 0) s, "
	    "LATERAL " HOLD("s.id::uuid") " h");
	servers("standby-freeze");
}

/* A cancellation needs no idempotency key: its repetition answers the same. */
Test(pg_replay, repeated_cancellation_waits_for_the_standby)
{
	PGconn	*again;

	hold_and_freeze();
	(void)server_query("primary", "concert", "SELECT reservation.cancel(" BOB ", id, 'r') FROM public.made");
	again = begin("SELECT c.outcome FROM public.made m, LATERAL reservation.cancel(" BOB ", m.id, 'r') c");
	cr_assert(waits(again, 1), "the repetition is answered, although the standby may not have the cancellation");
	servers("standby-thaw");
	expect(again, 0, "OK");
	servers("reset");
}

/* The services note in Redis that the place has ended, and never take that back. */
Test(pg_replay, end_of_a_place_waits_for_the_standby)
{
	PGconn	*again, *used, *expired;

	hold_and_freeze();
	cr_assert(is_answered_without_standby(PLACE_STATE("8")), "a place that may go on does not wait");
	again = begin("SELECT h.outcome FROM public.made m, LATERAL " HOLD("m.schedule") " h");
	cr_assert(waits(again, 1), "the hold is refused, although the standby may not have the one with the same place");
	used = begin(PLACE_STATE("7"));
	cr_assert(waits(used, 2));
	expired = begin(PLACE_STATE("6"));
	cr_assert(waits(expired, 3));
	servers("standby-thaw");
	expect(again, 0, "QUEUE_TOKEN_USED");
	expect(used, 0, "QUEUE_TOKEN_USED");
	expect(expired, 0, "QUEUE_TOKEN_EXPIRED");
	servers("reset");
}
