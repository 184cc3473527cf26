/*
 * Reading at scale: the map and the counts come from copies under load, are
 * never more than a second behind, and no change is lost on the way.
 *
 * Asked straight at the service: the gateway's limits are not what is tested.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define CROWD	50

/* One metric of the reservation service, all its labels added up. */
static int64_t
metric(const char *name)
{
	struct reply	 reply = http((struct call){ .base = direct("reservation"), .path = "/metrics" });
	char		*line = reply.body;
	int64_t		 sum = 0;

	check_status(reply, 200);
	while ((line = strstr(line, format("\n%s", name))) != NULL) {
		line += 1 + strlen(name);
		sum += strtoll(line + strcspn(line, " "), NULL, 10);
	}
	return (sum);
}

static struct reply	replies[CROWD];		/* of the last crowd */

/* So many ask for it at once, so many times over. */
static void
crowd(const char *path, int times)
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

/* Whether everybody in the last crowd was shown this. */
static bool
all_show(const char *text)
{
	int	i, n;

	for (i = n = 0; i < CROWD; i++)
		n += strstr(replies[i].body, text) != NULL;
	return (n == CROWD);
}

/* Whoever asks a second after the change and later is shown it, everybody. */
static void
visible_within_a_second(const char *path, const char *text, int64_t changed)
{
	int64_t	sent;

	do {
		sent = now_ms();
		crowd(path, 1);
		cr_assert(all_show(text) || sent < changed + 1000, "%s: asked %" PRId64 " ms after the change, not all see %s",
		    path, sent - changed, text);
	} while (!all_show(text));
}

/* All calls of the service are counted: the suite `restart` runs alone. */
Test(restart, many_readers_cost_a_few_calls_of_the_database, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(5, 10);
	char		*map = format("/schedules/%s/seats", schedule.id), *one = format("/schedules/%s", schedule.id);
	char		*list = format("/schedules?concertId=%s", schedule.concert);
	int64_t		 calls = metric("cache_calls_total"), copies = metric("cache_replies_total{from=\"copy\"}");
	int64_t		 began = now_ms(), seconds;

	crowd(map, 10);
	crowd(one, 10);
	crowd(list, 10);
	seconds = 1 + (now_ms() - began) / 1000;
	calls = metric("cache_calls_total") - calls;
	copies = metric("cache_replies_total{from=\"copy\"}") - copies;
	/* Of each kind 8 at once and 4 a second. */
	cr_assert_leq(calls, 3 * (10 + 4 * seconds), "%" PRId64 " calls for 1500 requests in %" PRId64 " s", calls, seconds);
	cr_assert_geq(copies, 1000, "%" PRId64 " of 1500 came from copies", copies);
}

/* Alone, for the same reason. */
Test(restart, whatever_version_is_named_changes_cost_a_few_calls_too, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(2, 10);
	struct user	 user = user_new();
	struct call	 calls[CROWD];
	int64_t		 pg, version;
	int		 i, n;

	version = number_at(http((struct call){ .path = format("/schedules/%s/seats", schedule.id) }).json, "version");
	version = version > 1000 ? version : 1000;
	(void)held(&user, &schedule, 3, 1, NULL);
	pg = metric("pg_calls_total");
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
	pg = metric("pg_calls_total") - pg;
	cr_assert_leq(pg, 400, "%" PRId64 " calls for 1000 questions", pg);
}

Test(seats, a_change_made_elsewhere_is_visible_within_a_second_under_load, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id), *one = format("/schedules/%s", schedule.id);
	int64_t		 since, changed;
	int		 round;

	for (round = 0; round < 3; round++) {
		crowd(map, 4);
		since = number_at(replies[0].json, "version");
		crowd(one, 2);
		(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, "
		    "300, NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[round]));
		changed = now_ms();
		visible_within_a_second(map, format("{\"seatId\":\"%s\",\"number\":%d,\"status\":\"HOLD\"}",
		    schedule.seats[round], round + 1), changed);
		visible_within_a_second(one, format("\"total\":20,\"available\":%d}", 20 - round - 1), changed);
		visible_within_a_second(format("%s?since=%" PRId64, map, since),
		    format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}", schedule.seats[round]), changed);
	}
}

Test(seats, nobody_hears_of_a_version_lower_than_his_own, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id);
	int64_t		 copied, seen;
	int		 round, i;

	for (round = 0; round < 5; round++) {
		/* A copy that is as good as new, and then more is known. */
		crowd(format("%s?since=1", map), 3);
		copied = number_at(replies[0].json, "version");
		(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, "
		    "300, NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[round]));
		do
			seen = strtoll(sql(format("SELECT body::json ->> 'version' FROM reservation.seat_changes('%s', 1)",
			    schedule.id)), NULL, 10);
		while (seen <= copied);
		crowd(format("%s?since=%" PRId64, map, seen), 1);
		for (i = 0; i < CROWD; i++)
			cr_assert_geq(number_at(replies[i].json, "version"), seen, "asked since %" PRId64 ": %s", seen,
			    replies[i].body);
	}
}

Test(seats, who_holds_a_seat_sees_it_at_once)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	int		 i;

	(void)held(&user, &schedule, 0, 2, NULL);
	for (i = 0; i < 3; i++) {
		cr_assert_str_eq(seat_status(&schedule, 1), "HOLD");
		cr_assert_str_eq(seat_status(&schedule, 2), "AVAILABLE");
	}
}

Test(seats, a_copy_answers_304_to_who_has_it, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(1, 4);
	char		*map = format("/schedules/%s/seats", schedule.id);
	struct reply	 reply;
	const char	*tag;
	int		 i;

	crowd(map, 2);
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

Test(seats, what_does_not_exist_is_never_answered_from_a_copy)
{
	struct reply	reply;
	char		id[UUID_TEXT];
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
	/* It exists from one moment to the next. */
	(void)sql(format("INSERT INTO reservation.schedules (schedule_id, concert_id, start_at, end_at, status) "
	    "SELECT '%s', concert_id, now() + '1 day', now() + '2 days', 'CLOSED' FROM reservation.concerts LIMIT 1", id));
	wait_for(http((struct call){ .base = direct("reservation"), .path = format("/schedules/%s", id) }).status == 200, 1);
}

static void
run(PGconn *conn, const char *query)
{
	PGresult	*result = PQexec(conn, query);

	cr_assert(PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK, "%s: %s",
	    query, PQerrorMessage(conn));
	PQclear(result);
}

/*
 * The race: a transaction draws its number, another draws a later one and
 * commits first. Who then reads the map has seen the later number; if that were
 * the version, the first one's change would be before it and never be told.
 */
Test(seats, a_change_that_commits_after_a_later_one_is_still_told, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*map = format("/schedules/%s/seats", schedule.id), *early, *late, *told;
	PGconn		*conn;
	int64_t		 versions[2], committed;
	int		 i;

	conn = superuser();
	run(conn, "BEGIN");
	run(conn, format("SELECT * FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[0]));
	(void)held(&user, &schedule, 1, 1, NULL);

	/* Once asked exactly, once from a copy. Both have seen the later change and not the earlier. */
	for (i = 0; i < 2; i++) {
		struct reply	reply;

		if (i == 0)
			reply = http((struct call){ .path = map });
		else {
			crowd(map, 2);
			reply = replies[0];
		}
		versions[i] = number_at(reply.json, "version");
		cr_assert_not_null(strstr(reply.body, format("\"%s\",\"number\":2,\"status\":\"HOLD\"", schedule.seats[1])));
		cr_assert_not_null(strstr(reply.body, format("\"%s\",\"number\":1,\"status\":\"AVAILABLE\"", schedule.seats[0])));
	}
	run(conn, "COMMIT");
	committed = now_ms();
	PQfinish(conn);

	early = sql(format("SELECT changed_xid FROM reservation.seats WHERE seat_id = '%s'", schedule.seats[0]));
	late = sql(format("SELECT changed_xid FROM reservation.seats WHERE seat_id = '%s'", schedule.seats[1]));
	cr_assert_lt(strtoll(early, NULL, 10), strtoll(late, NULL, 10), "the race did not take place");
	told = format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}", schedule.seats[0]);
	for (i = 0; i < 2; i++) {
		char	*path = format("%s?since=%" PRId64, map, versions[i]);

		cr_assert_leq(versions[i], strtoll(early, NULL, 10), "the version is past a change that was not seen");
		cr_assert_not_null(strstr(http((struct call){ .path = path }).body, told));
		visible_within_a_second(path, told, committed);
	}
}

/* The functions of this schedule's map wait for a lock that the test has; the suite `restart` runs alone. */
Test(restart, a_call_that_takes_long_is_joined_only_while_it_is_young, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 4);
	char		*map = format("/schedules/%s/seats", schedule.id);
	PGconn		*lock;
	pid_t		 first, many;
	int		 status;

	crowd(map, 3);
	lock = keep_locked("LOCK TABLE reservation.sections IN ACCESS EXCLUSIVE MODE");
	/* The copy is too old by then, and out of date: whoever asks begins a call, which has looked at the seats and waits. */
	(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[1]));
	pause_ms(600);
	cr_assert_neq(first = fork(), -1);
	if (first == 0)
		_exit(http((struct call){ .base = direct("reservation"), .path = map }).status == 200 ? 0 : 1);
	wait_for(*waiting_for(lock, "0") != '\0', 20);
	(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, 300, "
	    "NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[0]));
	/* More than a quarter of a second after it began many come. */
	wait_for(*waiting_for(lock, "0.3") != '\0', 20);
	cr_assert_neq(many = fork(), -1);
	if (many == 0) {
		crowd(map, 1);
		_exit(all_show(format("\"%s\",\"number\":1,\"status\":\"HOLD\"", schedule.seats[0])) ? 0 : 1);
	}
	/* They, the first one, and who asks for the metrics. */
	wait_for(metric("ct_requests_in_flight") >= CROWD + 2, 20);
	let_go(lock);
	cr_assert_eq(waitpid(first, &status, 0), first);
	cr_assert_eq(status, 0, "the slow call was not answered");
	cr_assert_eq(waitpid(many, &status, 0), many);
	cr_assert_eq(status, 0, "somebody was shown a map from before a change that was there when he asked");
}

/* The suite `restart` runs alone. */
Test(restart, a_map_that_nobody_can_vouch_for_is_not_given_out, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(2, 10);
	char		*map = format("/schedules/%s/seats", schedule.id);
	struct call	 calls[CROWD];
	int64_t		 stopped, last_map = 0;
	int		 i;

	for (i = 0; i < CROWD; i++)
		calls[i] = (struct call){ .base = direct("reservation"), .path = map };
	crowd(map, 4);
	cr_assert_eq(system(format("%s/ctl stop postgres >/dev/null", setting("RUN_DIR"))), 0);
	stopped = now_ms();
	while (now_ms() < stopped + 3000) {
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			if (replies[i].status == 200)
				last_map = now_ms();
			else
				check_problem(replies[i], 503, "SERVICE_UNAVAILABLE");
		}
	}
	cr_assert_eq(system(format("%s/ctl start postgres >/dev/null", setting("RUN_DIR"))), 0);
	cr_assert_lt(last_map, stopped + 1500, "a map was given out %" PRId64 " ms after the database had gone",
	    last_map - stopped);
	wait_for(http((struct call){ .base = direct("reservation"), .path = map }).status == 200, 20);
	/* Everybody else's connections are back, too. */
	wait_for(http((struct call){ .base = direct("payment"), .path = "/readyz" }).status == 200, 20);
	wait_for(http((struct call){ .base = direct("point"), .path = "/readyz" }).status == 200, 20);
	wait_for(http((struct call){ .base = direct("queue"), .path = "/readyz" }).status == 200, 20);
}
