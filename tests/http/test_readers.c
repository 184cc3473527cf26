/*
 * The cost of readers without an account: a map is compressed once a version and
 * comes in two forms; other dates use the same copy; and buyers keep half of the
 * connections to PostgreSQL under any number of reads.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#define CROWD	50

static const char *const	gzip[] = { "Accept-Encoding: gzip", NULL };

static int64_t
metric(const char *name)
{
	struct reply	 reply = http((struct call){ .base = direct("reservation"), .path = "/metrics" });
	char		*line = strstr(reply.body, format("\n%s ", name));

	check_status(reply, 200);
	return (line == NULL ? 0 : strtoll(line + 1 + strlen(name), NULL, 10));
}

static struct reply
asked(const char *base, const char *path, const char *accept, const char *tag)
{
	const char	*headers[] = { accept == NULL ? NULL : format("Accept-Encoding: %s", accept), NULL };

	return (http((struct call){ .base = base, .path = path, .headers = headers, .if_none_match = tag }));
}

static bool
is_gzip(const struct reply *reply)
{
	const char	*coding = header(reply, "Content-Encoding");

	return (coding != NULL && strcmp(coding, "gzip") == 0 && count_of(reply->headers, "ncoding: gzip") == 1);
}

static void
two_forms(const char *base, const char *path)
{
	static const char *const	yes[] = { "gzip", "br, gzip;q=0.5", "GZIP", "deflate,gzip" };
	static const char *const	no[] = { NULL, "identity", "gzip;q=0", "gzip;q=0.000, br", "br", "gzipx" };
	struct reply			plain = asked(base, path, NULL, NULL), reply;
	const char			*tag = header(&plain, "ETag");
	size_t				i;

	check_status(plain, 200);
	cr_assert_not_null(tag);
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		reply = asked(base, path, yes[i], NULL);
		check_status(reply, 200);
		cr_assert(is_gzip(&reply), "%s: %s", yes[i], reply.headers);
		cr_assert_str_eq(header(&reply, "ETag"), tag);
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
		cr_assert_lt(reply.length, plain.length / 2);
		/* The version may have moved on; the seats have not. */
		cr_assert_str_eq(strstr(unpacked(&reply), "\"sections\""), strstr(plain.body, "\"sections\""));
		reply = asked(base, path, yes[i], tag);
		check_status(reply, 304);
		cr_assert_eq(reply.length, 0);
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		reply = asked(base, path, no[i], NULL);
		check_status(reply, 200);
		cr_assert_null(header(&reply, "Content-Encoding"));
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
		reply = asked(base, path, no[i], tag);
		check_status(reply, 304);
		cr_assert_str_eq(header(&reply, "ETag"), tag);
	}
}

Test(readers, a_map_comes_plain_or_gzip_with_one_tag, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(20, 50);
	char		*path = format("/schedules/%s/seats", schedule.id);

	two_forms(direct("reservation"), path);
	two_forms(NULL, path);
}

Test(readers, a_gzip_map_shows_a_change_at_once, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct user	 user = user_new();
	char		*path = format("/schedules/%s/seats", schedule.id);
	struct reply	 before = asked(NULL, path, "gzip", NULL), after;

	(void)held(&user, &schedule, 7, 1, NULL);
	after = asked(NULL, path, "gzip", header(&before, "ETag"));
	check_status(after, 200);
	cr_assert_not_null(strstr(unpacked(&after), format("{\"seatId\":\"%s\",\"number\":8,\"status\":\"HOLD\"}",
	    schedule.seats[7])));
}

Test(readers, changes_of_many_seats_come_as_gzip, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct reply	 reply = asked(NULL, format("/schedules/%s/seats?since=0", schedule.id), "gzip", NULL);

	check_status(reply, 200);
	cr_assert(is_gzip(&reply));
	cr_assert_eq(count_of(unpacked(&reply), "seatId"), 2000);
}

/* Midnight in Seoul begins the day that it is named after. */
Test(readers, a_schedule_at_midnight_is_of_the_new_day, .timeout = 60)
{
	char		*concert = concert_new();
	struct schedule	 schedule = schedule_with(concert, "2031-03-09T15:00:00.000Z", "2031-03-09T17:00:00.000Z", NULL, "ON_SALE", 1, 1);
	static const struct { const char *days; int expected; }	ranges[] = {
		{ "dateFrom=2031-03-10", 1 }, { "dateFrom=2031-03-11", 0 }, { "dateTo=2031-03-10", 1 }, { "dateTo=2031-03-09", 0 },
		{ "dateFrom=2031-03-10&dateTo=2031-03-10", 1 }, { "dateFrom=0001-01-01&dateTo=9999-12-31", 1 },
		{ "dateFrom=2031-03-01", 1 }, { "dateTo=0001-01-01", 0 }, { "dateFrom=9999-12-31", 0 } };
	struct reply	 reply;
	size_t		 i;

	cr_assert_eq(schedule.seats_count, 2);
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		reply = http((struct call){ .path = format("/schedules?concertId=%s&%s", concert, ranges[i].days) });
		check_status(reply, 200);
		cr_assert_eq(length_at(reply.json, "schedules"), ranges[i].expected, "%s: %s", ranges[i].days, reply.body);
		cr_assert_str_eq(text_at(reply.json, "concertId"), concert);
	}
}

/* All answers of the service are counted: the suite `restart` runs alone. */
Test(restart, a_map_is_compressed_once_a_version, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct call	 calls[CROWD];
	struct reply	 replies[CROWD];
	struct user	 user = user_new();
	int64_t		 packed = metric("pack_total");
	int		 i, n;

	(void)held(&user, &schedule, 0, 1, NULL);
	for (i = 0; i < CROWD; i++)
		calls[i] = (struct call){ .base = direct("reservation"), .path = format("/schedules/%s/seats", schedule.id),
		    .headers = gzip };
	/* One after the other, each asks PostgreSQL; then many at once. */
	for (i = 0; i < 8; i++)
		check_status(http(calls[i]), 200);
	for (n = 0; n < 10; n++) {
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			check_status(replies[i], 200);
			cr_assert(is_gzip(&replies[i]));
		}
	}
	packed = metric("pack_total") - packed;
	/* A second time if the hold ran out meanwhile. */
	cr_assert(packed == 1 || packed == 2, "compressed %" PRId64 " times for 500 readers", packed);
}

/* Alone, for the same reason. */
Test(restart, other_dates_use_the_same_copy, .timeout = 120)
{
	char		*concert = concert_new(), *whole;
	struct call	 calls[CROWD];
	struct reply	 replies[CROWD];
	int64_t		 called, began, seconds;
	int		 i, n, day;

	for (day = 10; day < 20; day++)
		(void)schedule_with(concert, format("2031-03-%dT10:00:00.000Z", day), format("2031-03-%dT12:00:00.000Z", day),
		    NULL, "ON_SALE", 1, 1);
	whole = http((struct call){ .path = format("/schedules?concertId=%s", concert) }).body;
	called = metric("cache_calls_total");
	began = now_ms();
	for (n = 0; n < 20; n++) {
		for (i = 0; i < CROWD; i++)
			calls[i] = (struct call){ .base = direct("reservation"),
			    .path = format("/schedules?concertId=%s&dateFrom=2031-03-%02d&dateTo=2031-0%d-%02d", concert,
			    1 + (n + i) % 25, i % 2 == 0 ? 3 : 4, i % 2 == 0 ? 26 : 1 + n) };
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			int	from = 1 + (n + i) % 25, expected = from < 10 ? 10 : from > 19 ? 0 : 20 - from;

			check_status(replies[i], 200);
			cr_assert_eq(length_at(replies[i].json, "schedules"), expected, "from the %d: %s", from, replies[i].body);
			if (expected == 10)
				cr_assert_str_eq(replies[i].body, whole);
		}
	}
	seconds = 1 + (now_ms() - began) / 1000;
	called = metric("cache_calls_total") - called;
	/* 8 at once and 4 a second, as for one question. */
	cr_assert_leq(called, 10 + 4 * seconds, "%" PRId64 " calls for 1000 questions in %" PRId64 " s", called, seconds);
}

/* Every read of a concert waits for a lock that the test has; the suite `restart` runs alone. */
Test(restart, readers_leave_connections_to_buyers, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), id[UUID_TEXT];
	struct call	 calls[300];
	struct reply	 replies[300];
	PGconn		*lock;
	pid_t		 readers;
	int		 i, shed = 0, status;

	lock = keep_locked("LOCK TABLE reservation.concerts IN ACCESS EXCLUSIVE MODE");
	for (i = 0; i < 300; i++) {
		uuid_new(id);
		calls[i] = (struct call){ .base = direct("reservation"), .path = format("/concerts/%s", id) };
	}
	cr_assert_neq(readers = fork(), -1);
	if (readers == 0) {
		http_all(calls, replies, 300);
		for (i = 0; i < 300; i++)
			shed += replies[i].status == 503;
		_exit(shed >= 300 - 256 - 2 ? 0 : 1);
	}
	wait_for(metric("lane_waiting") == 256 && *waiting_for(lock, "0") != '\0', 20);
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
	cr_assert_eq(metric("lane_waiting"), 256, "the readers did not wait while the seat was held");
	let_go(lock);
	cr_assert_eq(waitpid(readers, &status, 0), readers);
	cr_assert_eq(status, 0, "more readers waited than the lane has room for");
}

/* Each asks for another version of a map of 8 MB and reads none of it; the suite `restart` runs alone. */
Test(restart, slow_readers_hold_a_bounded_number_of_bytes, .timeout = 240)
{
	enum { SLOW = 18 };
	struct schedule	 schedule = schedule_new(100, 500);
	char		*map = format("/schedules/%s/seats", schedule.id), *request;
	int64_t		 closed = metric("ct_slow_readers_closed_total");
	int		 sockets[SLOW], i;

	request = format("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", map);
	for (i = 0; i < SLOW; i++) {
		struct pollfd	answer;

		(void)sql(format("UPDATE reservation.seats SET changes = changes + 1 WHERE seat_id = '%s' RETURNING 1", schedule.seats[i]));
		sockets[i] = raw_send(atoi(setting("RESERVATION_PORT")), request);
		answer = (struct pollfd){ .fd = sockets[i], .events = POLLIN };
		cr_assert_eq(poll(&answer, 1, 60000), 1, "no answer to reader %d", i);
		cr_assert_leq(metric("ct_sending_bytes"), 128 * 1024 * 1024, "after %d readers", i + 1);
	}
	cr_assert_gt(metric("ct_slow_readers_closed_total"), closed, "nothing was closed: there was no need to");
	/* A reader that takes its answer is served. */
	check_status(http((struct call){ .base = direct("reservation"), .path = map }), 200);
	for (i = 0; i < SLOW; i++)
		(void)close(sockets[i]);
}
