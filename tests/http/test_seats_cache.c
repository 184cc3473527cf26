/*
 * Cached reads: under load the map and the counts come from copies that are at most a second old, and no change is
 * lost. The tests call the service directly, to avoid the gateway's limits.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define CROWD	50

static struct reply	replies[CROWD];		/* of the last crowd */

/* CROWD readers request the path at once, `times` times. */
static void
read_by_crowd(const char *path, int times)
{
	struct call	calls[CROWD];
	int		i, n;

	for (i = 0; i < CROWD; i++)
		calls[i] = (struct call){ .base = direct("reservation"), .path = path };
	for (n = 0; n < times; n++) {
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++)
			check_status(replies[i], 200);
	}
}

/* True if every answer to the last crowd contains `text`. */
static bool
all_contain(const char *text)
{
	int	i, n;

	for (i = n = 0; i < CROWD; i++)
		n += strstr(replies[i].body, text) != NULL;
	return (n == CROWD);
}

/* Checks that every read from a second after the change on contains `text`. */
static void
check_visible_within_a_second(const char *path, const char *text, int64_t changed)
{
	int64_t	sent;

	do {
		sent = now_ms();
		read_by_crowd(path, 1);
		cr_assert(all_contain(text) || sent < changed + 1000, "%s: %" PRId64 " ms after the change not all readers see %s",
		    path, sent - changed, text);
	} while (!all_contain(text));
}

/* The metrics count all calls of the service, so this test runs alone (suite `restart`). */
Test(restart, many_readers_share_a_few_database_calls, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(5, 10);
	char		*map = format("/schedules/%s/seats", schedule.id), *one = format("/schedules/%s", schedule.id);
	char		*list = format("/schedules?concertId=%s", schedule.concert);
	int64_t		 calls = metric_sum("reservation", "cache_calls_total"), copies = metric_sum("reservation", "cache_replies_total{from=\"copy\"}");
	int64_t		 began = now_ms(), seconds;

	read_by_crowd(map, 10);
	read_by_crowd(one, 10);
	read_by_crowd(list, 10);
	seconds = 1 + (now_ms() - began) / 1000;
	calls = metric_sum("reservation", "cache_calls_total") - calls;
	copies = metric_sum("reservation", "cache_replies_total{from=\"copy\"}") - copies;
	/* Per path the cache makes at most 8 calls at once and 4 per second. */
	cr_assert_leq(calls, 3 * (10 + 4 * seconds), "%" PRId64 " database calls for 1500 requests in %" PRId64 " s", calls, seconds);
	cr_assert_geq(copies, 1000, "%" PRId64 " of 1500 came from copies", copies);
}

/* Runs alone, for the same reason. */
Test(restart, changes_since_any_version_share_a_few_database_calls, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(2, 10);
	struct user	 user = user_new();
	struct call	 calls[CROWD];
	int64_t		 pg, version;
	int		 i, n;

	version = number_at(http((struct call){ .path = format("/schedules/%s/seats", schedule.id) }).json, "version");
	version = version > 1000 ? version : 1000;
	(void)hold_new(&user, &schedule, 3, 1, NULL);
	pg = metric_sum("reservation", "pg_calls_total");
	for (n = 0; n < 20; n++) {
		for (i = 0; i < CROWD; i++)
			calls[i] = (struct call){ .base = direct("reservation"),
			    .path = format("/schedules/%s/seats?since=%" PRId64, schedule.id, version - n * CROWD - i) };
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			check_status(replies[i], 200);
			cr_assert_not_null(strstr(replies[i].body, format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}",
			    schedule.seats[3])), "since %d earlier: %s", n * CROWD + i, replies[i].body);
		}
	}
	pg = metric_sum("reservation", "pg_calls_total") - pg;
	cr_assert_leq(pg, 400, "%" PRId64 " database calls for 1000 requests", pg);
}

Test(seats, seat_change_under_load_is_visible_within_a_second, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id), *one = format("/schedules/%s", schedule.id);
	int64_t		 since, changed;
	int		 round;

	for (round = 0; round < 3; round++) {
		read_by_crowd(map, 4);
		since = number_at(replies[0].json, "version");
		read_by_crowd(one, 2);
		(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, "
		    "300, NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[round]));
		changed = now_ms();
		check_visible_within_a_second(map, format("{\"seatId\":\"%s\",\"number\":%d,\"status\":\"HOLD\"}",
		    schedule.seats[round], round + 1), changed);
		check_visible_within_a_second(one, format("\"total\":20,\"available\":%d}", 20 - round - 1), changed);
		check_visible_within_a_second(format("%s?since=%" PRId64, map, since),
		    format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}", schedule.seats[round]), changed);
	}
}

Test(seats, changes_never_answer_a_lower_version_than_asked, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id);
	int64_t		 copied, seen;
	int		 round, i;

	for (round = 0; round < 5; round++) {
		/* Make a fresh copy, then a change that increases the version. */
		read_by_crowd(format("%s?since=1", map), 3);
		copied = number_at(replies[0].json, "version");
		(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, "
		    "300, NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[round]));
		/* The version increases when all earlier transactions have ended. One of another test may make a large hall. */
		wait_for((seen = strtoll(sql(format("SELECT body::json ->> 'version' FROM reservation.seat_changes('%s', 1)",
		    schedule.id)), NULL, 10)) > copied, 200);
		read_by_crowd(format("%s?since=%" PRId64, map, seen), 1);
		for (i = 0; i < CROWD; i++)
			cr_assert_geq(number_at(replies[i].json, "version"), seen, "asked since %" PRId64 ": %s", seen,
			    replies[i].body);
	}
}

Test(seats, own_hold_is_visible_at_once)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	int		 i;

	(void)hold_new(&user, &schedule, 0, 2, NULL);
	for (i = 0; i < 3; i++) {
		cr_assert_str_eq(seat_status(&schedule, 1), "HOLD");
		cr_assert_str_eq(seat_status(&schedule, 2), "AVAILABLE");
	}
}

Test(seats, cached_map_with_current_etag_is_304, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	char		*map = format("/schedules/%s/seats", schedule.id);
	struct reply	 reply;
	const char	*tag;
	int		 i;

	read_by_crowd(map, 2);
	tag = header(&replies[0], "ETag");
	cr_assert_not_null(tag);
	for (i = 0; i < 20; i++) {
		reply = http((struct call){ .base = direct("reservation"), .path = map, .if_none_match = tag });
		check_status(reply, 304);
		cr_assert_eq(reply.length, 0);
		cr_assert_str_eq(header(&reply, "ETag"), tag);
		reply = http((struct call){ .base = direct("reservation"), .path = map, .if_none_match = "W/\"other\"" });
		check_status(reply, 200);
	}
}

Test(seats, unknown_schedule_is_404_and_never_cached)
{
	struct reply	reply;
	char		id[UUID_TEXT];
	int64_t		created;
	int		i;

	uuid_new(id);
	for (i = 0; i < 20; i++) {
		reply = http((struct call){ .base = direct("reservation"), .path = format("/schedules/%s/seats", id) });
		check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
		reply = http((struct call){ .base = direct("reservation"), .path = format("/schedules/%s", id) });
		check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
		reply = http((struct call){ .base = direct("reservation"), .path = format("/schedules/%s/seats?since=5", id) });
		check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
	}
	/* A second after the schedule was made, the service must find it. */
	(void)sql(format("INSERT INTO reservation.schedules (schedule_id, concert_id, start_at, end_at, status) "
	    "SELECT '%s', concert_id, now() + '1 day', now() + '2 days', 'CLOSED' FROM reservation.concerts LIMIT 1", id));
	created = now_ms();
	wait_for(now_ms() - created >= 1000, 60);
	check_status(http((struct call){ .base = direct("reservation"), .path = format("/schedules/%s", id) }), 200);
}

static void
execute(PGconn *conn, const char *query)
{
	PGresult	*result = PQexec(conn, query);

	cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s",
	    query, PQerrorMessage(conn));
	PQclear(result);
}

/*
 * A race: one transaction draws its number, another draws a later one and commits first. A reader then sees the later
 * number. If that were the map's version, the first change would never appear in changes since it.
 */
Test(seats, change_committed_after_a_later_one_is_still_reported, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*map = format("/schedules/%s/seats", schedule.id), *early, *late, *told;
	PGconn		*conn;
	int64_t		 versions[2], committed;
	int		 i;

	conn = superuser();
	execute(conn, "BEGIN");
	execute(conn, format("SELECT * FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[0]));
	(void)hold_new(&user, &schedule, 1, 1, NULL);

	/* Read once exactly and once from a copy. Both show the later change but not the earlier one. */
	for (i = 0; i < 2; i++) {
		struct reply	reply;

		if (i == 0)
			reply = http((struct call){ .path = map });
		else {
			read_by_crowd(map, 2);
			reply = replies[0];
		}
		versions[i] = number_at(reply.json, "version");
		cr_assert_not_null(strstr(reply.body, format("\"%s\",\"number\":2,\"status\":\"HOLD\"", schedule.seats[1])));
		cr_assert_not_null(strstr(reply.body, format("\"%s\",\"number\":1,\"status\":\"AVAILABLE\"", schedule.seats[0])));
	}
	execute(conn, "COMMIT");
	committed = now_ms();
	PQfinish(conn);

	early = sql(format("SELECT changed_xid FROM reservation.seats WHERE seat_id = '%s'", schedule.seats[0]));
	late = sql(format("SELECT changed_xid FROM reservation.seats WHERE seat_id = '%s'", schedule.seats[1]));
	cr_assert_lt(strtoll(early, NULL, 10), strtoll(late, NULL, 10), "the race did not take place");
	told = format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}", schedule.seats[0]);
	for (i = 0; i < 2; i++) {
		char	*path = format("%s?since=%" PRId64, map, versions[i]);

		cr_assert_leq(versions[i], strtoll(early, NULL, 10), "the version is greater than that of a change that the map lacks");
		cr_assert_not_null(strstr(http((struct call){ .path = path }).body, told));
		check_visible_within_a_second(path, told, committed);
	}
}

/* Reads of this schedule's map wait for a lock that the test holds, so this test runs alone (suite `restart`). */
Test(restart, old_database_call_is_not_shared_with_new_readers, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	char		*map = format("/schedules/%s/seats", schedule.id);
	PGconn		*lock;
	pid_t		 first, many;
	int		 status;

	read_by_crowd(map, 3);
	lock = take_lock("LOCK TABLE reservation.sections IN ACCESS EXCLUSIVE MODE");
	/*
	 * After 0.6 s the copy is too old, so the first reader starts a database call. It has read the seats and waits
	 * for the lock.
	 */
	(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[1]));
	pause_ms(600);
	cr_assert_neq(first = fork(), -1);
	if (first == 0)
		_exit(http((struct call){ .base = direct("reservation"), .path = map }).status == 200 ? 0 : 1);
	wait_for(*backend_waiting_for(lock, "0") != '\0', 60);
	(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[0]));
	/* The crowd comes more than a quarter of a second after that call began, so it must not share it. */
	wait_for(*backend_waiting_for(lock, "0.3") != '\0', 60);
	cr_assert_neq(many = fork(), -1);
	if (many == 0) {
		read_by_crowd(map, 1);
		_exit(all_contain(format("\"%s\",\"number\":1,\"status\":\"HOLD\"", schedule.seats[0])) ? 0 : 1);
	}
	/* In flight are the crowd, the first reader, and the request for the metrics. */
	wait_for(metric_sum("reservation", "ct_requests_in_flight") >= CROWD + 2, 60);
	release_lock(lock);
	cr_assert_eq(waitpid(first, &status, 0), first);
	cr_assert_eq(status, 0, "the slow read was not answered 200");
	cr_assert_eq(waitpid(many, &status, 0), many);
	cr_assert_eq(status, 0, "a reader got a map without a change that committed before the read");
}

/* Runs alone (suite `restart`). */
Test(restart, outdated_map_is_503_while_postgresql_is_down, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id);
	struct call	 calls[CROWD];
	int64_t		 stopped, sent, last_map = 0;
	int		 i;

	for (i = 0; i < CROWD; i++)
		calls[i] = (struct call){ .base = direct("reservation"), .path = map };
	read_by_crowd(map, 4);
	ctl("stop postgres");
	stopped = now_ms();
	while ((sent = now_ms()) < stopped + 3000) {
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			if (replies[i].status == 200)
				last_map = sent;
			else
				check_problem(replies[i], 503, "SERVICE_UNAVAILABLE");
		}
	}
	ctl("start postgres");
	cr_assert_lt(last_map, stopped + 1500, "a map answered a request %" PRId64 " ms after PostgreSQL had stopped",
	    last_map - stopped);
	wait_for(http((struct call){ .base = direct("reservation"), .path = map }).status == 200, 60);
	/* Wait until the other services have reconnected, too. */
	wait_for(http((struct call){ .base = direct("payment"), .path = "/readyz" }).status == 200, 60);
	wait_for(http((struct call){ .base = direct("point"), .path = "/readyz" }).status == 200, 60);
	wait_for(http((struct call){ .base = direct("queue"), .path = "/readyz" }).status == 200, 60);
}
