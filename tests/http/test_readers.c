/*
 * The cost of reads without an account. The service compresses a seat map once per version and sends it in two forms.
 * All date ranges share one copy. Buyers keep half of the connections to PostgreSQL under any number of reads.
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

static struct reply
get(const char *base, const char *path, const char *accept, const char *tag)
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
check_plain_and_gzip(const char *base, const char *path)
{
	static const char *const	yes[] = { "gzip", "br, gzip;q=0.5", "GZIP", "deflate,gzip" };
	static const char *const	no[] = { NULL, "identity", "gzip;q=0", "gzip;q=0.000, br", "br", "gzipx" };
	struct reply			plain = get(base, path, NULL, NULL), reply;
	const char			*tag = header(&plain, "ETag");
	size_t				i;

	check_status(plain, 200);
	cr_assert_not_null(tag);
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		reply = get(base, path, yes[i], NULL);
		check_status(reply, 200);
		cr_assert(is_gzip(&reply), "%s: %s", yes[i], reply.headers);
		cr_assert_str_eq(header(&reply, "ETag"), tag);
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
		cr_assert_lt(reply.length, plain.length / 2);
		/* The version may have increased, but the seats are the same. */
		cr_assert_str_eq(strstr(gunzipped(&reply), "\"sections\""), strstr(plain.body, "\"sections\""));
		reply = get(base, path, yes[i], tag);
		check_status(reply, 304);
		cr_assert_eq(reply.length, 0);
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		reply = get(base, path, no[i], NULL);
		check_status(reply, 200);
		cr_assert_null(header(&reply, "Content-Encoding"));
		cr_assert_str_eq(header(&reply, "Vary"), "Accept-Encoding");
		reply = get(base, path, no[i], tag);
		check_status(reply, 304);
		cr_assert_str_eq(header(&reply, "ETag"), tag);
	}
}

Test(readers, seat_map_is_plain_or_gzip_with_one_etag, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(20, 50);
	char		*path = format("/schedules/%s/seats", schedule.id);

	check_plain_and_gzip(direct("reservation"), path);
	check_plain_and_gzip(NULL, path);
}

Test(readers, gzip_seat_map_shows_a_hold_at_once, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct user	 user = user_new();
	char		*path = format("/schedules/%s/seats", schedule.id);
	struct reply	 before = get(NULL, path, "gzip", NULL), after;

	(void)hold_new(&user, &schedule, 7, 1, NULL);
	after = get(NULL, path, "gzip", header(&before, "ETag"));
	check_status(after, 200);
	cr_assert_not_null(strstr(gunzipped(&after), format("{\"seatId\":\"%s\",\"number\":8,\"status\":\"HOLD\"}",
	    schedule.seats[7])));
}

Test(readers, changes_of_many_seats_are_gzipped, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct reply	 reply = get(NULL, format("/schedules/%s/seats?since=0", schedule.id), "gzip", NULL);

	check_status(reply, 200);
	cr_assert(is_gzip(&reply));
	cr_assert_eq(count_of(gunzipped(&reply), "seatId"), 2000);
}

/* A schedule at midnight in Seoul belongs to the day that begins. */
Test(readers, schedule_at_midnight_belongs_to_the_new_day, .timeout = 300)
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

/* The metrics count all answers of the service, so this test runs alone (suite `restart`). */
Test(restart, seat_map_is_compressed_once_per_version, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(20, 50);
	struct call	 calls[CROWD];
	struct reply	 replies[CROWD];
	struct user	 user = user_new();
	int64_t		 packed = metric_sum("reservation", "pack_total ");
	int		 i, n;

	(void)hold_new(&user, &schedule, 0, 1, NULL);
	for (i = 0; i < CROWD; i++)
		calls[i] = (struct call){ .base = direct("reservation"), .path = format("/schedules/%s/seats", schedule.id),
		    .headers = gzip };
	/* Eight reads one after the other, each with a database call, then ten crowds. */
	for (i = 0; i < 8; i++)
		check_status(http(calls[i]), 200);
	for (n = 0; n < 10; n++) {
		http_all(calls, replies, CROWD);
		for (i = 0; i < CROWD; i++) {
			check_status(replies[i], 200);
			cr_assert(is_gzip(&replies[i]));
		}
	}
	packed = metric_sum("reservation", "pack_total ") - packed;
	/* The map is compressed a second time if the hold expired meanwhile. */
	cr_assert(packed == 1 || packed == 2, "compressed %" PRId64 " times for 500 readers", packed);
}

/* Runs alone, for the same reason. */
Test(restart, date_ranges_share_one_cached_copy, .timeout = 300)
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
	called = metric_sum("reservation", "cache_calls_total ");
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
			cr_assert_eq(length_at(replies[i].json, "schedules"), expected, "from day %d: %s", from, replies[i].body);
			if (expected == 10)
				cr_assert_str_eq(replies[i].body, whole);
		}
	}
	seconds = 1 + (now_ms() - began) / 1000;
	called = metric_sum("reservation", "cache_calls_total ") - called;
	/* The cache makes at most 8 calls at once and 4 per second, as for one question. */
	cr_assert_leq(called, 10 + 4 * seconds, "%" PRId64 " database calls for 1000 requests in %" PRId64 " s", called, seconds);
}

/* Every read of a concert waits for a lock that the test holds, so this test runs alone (suite `restart`). */
Test(restart, blocked_readers_leave_connections_to_holds, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), id[UUID_TEXT];
	struct call	 calls[300];
	struct reply	 replies[300];
	PGconn		*lock;
	pid_t		 readers;
	int		 i, shed = 0, status;

	lock = take_lock("LOCK TABLE reservation.concerts IN ACCESS EXCLUSIVE MODE");
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
	wait_for(metric_sum("reservation", "lane_waiting ") == 256 && *backend_waiting_for(lock, "0") != '\0', 60);
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
	cr_assert_eq(metric_sum("reservation", "lane_waiting "), 256, "some readers no longer waited when the seat was held");
	release_lock(lock);
	cr_assert_eq(waitpid(readers, &status, 0), readers);
	cr_assert_eq(status, 0, "fewer readers got 503 than the lane has no room for");
}

/* Each reader requests another version of an 8 MB map and reads none of it. Runs alone (suite `restart`). */
Test(restart, slow_readers_are_closed_at_the_byte_limit, .timeout = 300)
{
	enum { SLOW_MAX = 200 };
	struct schedule	 schedule = schedule_new(100, 500);
	char		*map = format("/schedules/%s/seats", schedule.id), *request;
	int64_t		 closed = metric_sum("reservation", "ct_slow_readers_closed_total ");
	int		 sockets[SLOW_MAX], n;

	request = format("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", map);
	/* Sixteen versions are more than the limit. Of readers in quick succession some get the same version. */
	for (n = 0; n < SLOW_MAX && metric_sum("reservation", "ct_slow_readers_closed_total ") == closed; n++) {
		struct pollfd	answer;

		(void)sql(format("UPDATE reservation.seats SET changes = changes + 1 WHERE seat_id = '%s' RETURNING 1", schedule.seats[n]));
		sockets[n] = raw_send(atoi(setting("RESERVATION_PORT")), request);
		answer = (struct pollfd){ .fd = sockets[n], .events = POLLIN };
		cr_assert_eq(poll(&answer, 1, 60000), 1, "no answer to reader %d", n);
		cr_assert_leq(metric_sum("reservation", "ct_sending_bytes "), 128 * 1024 * 1024, "after %d readers", n + 1);
	}
	cr_assert_gt(metric_sum("reservation", "ct_slow_readers_closed_total "), closed, "none of %d slow readers was closed", n);
	/* The service still serves a reader that takes its answer. */
	check_status(http((struct call){ .base = direct("reservation"), .path = map }), 200);
	while (n > 0)
		(void)close(sockets[--n]);
}
