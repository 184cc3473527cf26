/* Concerts, schedules, queue places and holds, made through the public API. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

#define HOUR	3600L
#define DAY	(24 * HOUR)

char *
time_in(long seconds)
{
	time_t		at_time = time(NULL) + seconds;
	struct tm	tm;
	char		text[32];

	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000Z", gmtime_r(&at_time, &tm));
	return (strdup(text));
}

char *
key_new(void)
{
	char	text[UUID_TEXT];

	uuid_new(text);
	return (strdup(text));
}

char *
concert_new(void)
{
	struct user	operator = operator_new();
	struct reply	reply;

	reply = http((struct call){ .path = "/admin/concerts", .jwt = operator.jwt,
	    .body = "{\"title\":\"Night Songs\",\"artist\":\"The Band\",\"venue\":\"Hall 1\","
	    "\"address\":\"1 Main Street, Seoul\"}" });
	check_status(reply, 201);
	return (strdup(text_at(reply.json, "concertId")));
}

struct schedule
schedule_with(const char *concert, const char *start_at, const char *end_at,
    const char *sale_opens_at, const char *status, int rows, int per_row)
{
	struct user	 operator = operator_new();
	struct schedule	 schedule = { .seats_count = 0 };
	struct reply	 reply;
	const cJSON	*section, *row, *seat;

	reply = http((struct call){ .path = format("/admin/concerts/%s/schedules", concert),
	    .jwt = operator.jwt, .body = format("{\"startAt\":\"%s\",\"endAt\":\"%s\",%s\"status\":\"%s\",\"maxPerUser\":100,"
	    "\"sections\":[{\"section\":\"Floor\",\"grade\":\"VIP\",\"price\":150000,\"rows\":%d,"
	    "\"seatsPerRow\":%d},{\"section\":\"Balcony\",\"grade\":\"R\",\"price\":100000,\"rows\":%d,"
	    "\"seatsPerRow\":%d}]}", start_at, end_at, sale_opens_at == NULL ? "" :
	    format("\"saleOpensAt\":\"%s\",", sale_opens_at), status, rows, per_row, rows, per_row) });
	check_status(reply, 201);
	(void)strcpy(schedule.concert, concert);
	(void)strcpy(schedule.id, text_at(reply.json, "scheduleId"));

	reply = http((struct call){ .path = format("/schedules/%s/seats", schedule.id) });
	check_status(reply, 200);
	schedule.seats = calloc((size_t)2 * (size_t)rows * (size_t)per_row, sizeof(*schedule.seats));
	cJSON_ArrayForEach(section, at(reply.json, "sections"))
		cJSON_ArrayForEach(row, at(section, "rows"))
			cJSON_ArrayForEach(seat, at(row, "seats"))
				(void)strcpy(schedule.seats[schedule.seats_count++],
				    text_at(seat, "seatId"));
	cr_assert_eq(schedule.seats_count, 2 * rows * per_row);
	return (schedule);
}

struct schedule
schedule_new(int rows, int per_row)
{
	return (schedule_with(concert_new(), time_in(30 * DAY), time_in(30 * DAY + 2 * HOUR), NULL,
	    "ON_SALE", rows, per_row));
}

struct call
enter_call(const char *base, const struct user *user, const struct schedule *schedule)
{
	return ((struct call){ .path = "/queues/enter", .jwt = user->jwt, .base = base,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule->concert, schedule->id) });
}

struct reply
enter(const struct user *user, const struct schedule *schedule)
{
	return (http(enter_call(NULL, user, schedule)));
}

char *
become_active(const struct user *user, const struct schedule *schedule)
{
	struct reply	 reply;
	int64_t		 deadline = now_ms() + 60000;
	char		*token;

	reply = enter(user, schedule);
	cr_assert(reply.status == 201 || reply.status == 200, "%ld %s", reply.status, reply.body);
	token = strdup(text_at(reply.json, "token"));
	while (strcmp(text_at(reply.json, "status"), "ACTIVE") != 0) {
		cr_assert(now_ms() < deadline, "not ACTIVE after a minute: %s", reply.body);
		pause_ms(200);
		reply = http((struct call){ .path = "/queues/status", .jwt = user->jwt,
		    .queue_token = token });
		check_status(reply, 200);
	}
	return (token);
}

void
all_become_active(const struct user *users, char **tokens_r, int n, const struct schedule *schedule)
{
	struct call	*calls = calloc((size_t)n, sizeof(*calls));
	struct reply	*replies = calloc((size_t)n, sizeof(*replies));
	int64_t		 deadline = now_ms() + 60000;
	int		 i, waiting = n;

	/* Poll the service directly, because the gateway limits the rate of status calls. */
	for (i = 0; i < n; i++)
		calls[i] = enter_call(direct("queue"), &users[i], schedule);
	http_all(calls, replies, (size_t)n);
	for (i = 0; i < n; i++) {
		check_status(replies[i], 201);
		tokens_r[i] = strdup(text_at(replies[i].json, "token"));
		calls[i] = (struct call){ .path = "/queues/status", .jwt = users[i].jwt, .queue_token = tokens_r[i],
		    .base = direct("queue") };
	}
	while (waiting > 0) {
		cr_assert(now_ms() < deadline, "%d users are not ACTIVE after a minute", waiting);
		pause_ms(50);
		http_all(calls, replies, (size_t)n);
		for (i = waiting = 0; i < n; i++) {
			check_status(replies[i], 200);
			waiting += strcmp(text_at(replies[i].json, "status"), "ACTIVE") != 0;
		}
	}
}

struct reply
queue_status(const char *base, const struct user *user, const char *token)
{
	return (http((struct call){ .path = "/queues/status", .jwt = user->jwt, .queue_token = token, .base = base }));
}

struct reply
queue_settings(const char *base, const struct schedule *schedule, const char *body)
{
	struct user	operator = operator_new();
	struct reply	reply;

	reply = http((struct call){ .method = body != NULL ? "PUT" : "GET", .jwt = operator.jwt, .base = base,
	    .path = format("/admin/queues/%s", schedule->id), .body = body });
	check_status(reply, 200);
	return (reply);
}

struct call
hold_call(const char *base, const struct user *user, const struct schedule *schedule, const char *queue_token,
    int first_seat, int count)
{
	char	*list = strdup("");
	int	 i;

	for (i = 0; i < count; i++)
		list = format("%s%s\"%s\"", list, i > 0 ? "," : "", schedule->seats[first_seat + i]);
	return ((struct call){ .path = "/reservations/hold", .jwt = user->jwt, .base = base, .queue_token = queue_token,
	    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[%s]}", schedule->id, list) });
}

struct reply
hold_seats(const struct user *user, const struct schedule *schedule, const char *queue_token,
    int first_seat, int count)
{
	return (http(hold_call(NULL, user, schedule, queue_token, first_seat, count)));
}

char *
hold_new(const struct user *user, const struct schedule *schedule, int first_seat, int count,
    int64_t *amount_r)
{
	struct reply	reply;

	reply = hold_seats(user, schedule, become_active(user, schedule), first_seat, count);
	check_status(reply, 201);
	if (amount_r != NULL)
		*amount_r = number_at(reply.json, "totalAmount");
	return (strdup(text_at(reply.json, "reservationId")));
}

struct reply
charge(const struct user *user, int64_t amount, const char *key)
{
	return (http((struct call){ .path = "/points/charge", .jwt = user->jwt, .key = key,
	    .body = format("{\"amount\":%" PRId64 "}", amount) }));
}

struct call
pay_call(const char *base, const struct user *user, const char *reservation, int64_t amount, const char *key)
{
	return ((struct call){ .path = "/payments", .jwt = user->jwt, .base = base, .key = key,
	    .body = format("{\"reservationId\":\"%s\",\"amount\":%" PRId64 ",\"method\":\"POINT\"}", reservation, amount) });
}

struct reply
pay(const struct user *user, const char *reservation, int64_t amount, const char *key)
{
	return (http(pay_call(NULL, user, reservation, amount, key)));
}

int64_t
place_of(const char *queue_token)
{
	static const char	digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t		seq = 0;

	/* Bytes 33 to 40. */
	for (int bit = 33 * 8; bit < 41 * 8; bit++)
		seq = seq << 1 | (uint64_t)((strchr(digits, queue_token[bit / 6]) - digits) >> (5 - bit % 6) & 1);
	return ((int64_t)seq);
}

int64_t
unix_ms_of(const char *text)
{
	struct tm	 tm = { 0 };
	const char	*rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	cr_assert_not_null(rest, "not a time: %s", text);
	return ((int64_t)timegm(&tm) * 1000 + (*rest == '.' ? atoi(rest + 1) : 0));
}

struct reply
cancel_with_key(const struct user *user, const char *reservation, const char *key)
{
	return (http((struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
	    .jwt = user->jwt, .key = key }));
}

struct reply
cancel_reservation(const struct user *user, const char *reservation)
{
	return (cancel_with_key(user, reservation, NULL));
}

const char *
seat_status(const struct schedule *schedule, int wanted)
{
	struct reply	 reply;
	const cJSON	*section, *row, *seat;

	reply = http((struct call){ .path = format("/schedules/%s/seats", schedule->id) });
	check_status(reply, 200);
	cJSON_ArrayForEach(section, at(reply.json, "sections"))
		cJSON_ArrayForEach(row, at(section, "rows"))
			cJSON_ArrayForEach(seat, at(row, "seats"))
				if (strcmp(text_at(seat, "seatId"), schedule->seats[wanted]) == 0)
					return (strdup(text_at(seat, "status")));
	cr_assert_fail("the seat map has no seat %d", wanted);
	return ("");
}

int64_t
balance(const struct user *user)
{
	struct reply	reply;

	reply = http((struct call){ .path = "/points", .jwt = user->jwt });
	check_status(reply, 200);
	return (number_at(reply.json, "balance"));
}
