/* The waiting room through the gateway: order, places, tokens, and operators' control. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

static struct reply
status_of(const struct user *user, const char *token)
{
	return (http((struct call){ .path = "/queues/status", .jwt = user->jwt, .queue_token = token }));
}

static struct reply
control(const struct schedule *schedule, const char *body)
{
	struct user	operator = operator_new();
	struct reply	reply;

	reply = http((struct call){ .method = body != NULL ? "PUT" : "GET", .jwt = operator.jwt,
	    .path = format("/admin/queues/%s", schedule->id), .body = body });
	check_status(reply, 200);
	return (reply);
}

Test(queue, one_enters_waits_and_becomes_active)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;

	reply = enter(&user, &schedule);
	check_status(reply, 201);
	token = strdup(text_at(reply.json, "token"));
	cr_assert(strlen(token) > 0 && strlen(token) <= 200);
	cr_assert_str_eq(text_at(reply.json, "scheduleId"), schedule.id);
	cr_assert_eq(number_at(reply.json, "seatsLeft"), 4);
	cr_assert_eq(strlen(text_at(reply.json, "issuedAt")), 24);
	cr_assert_gt(number_at(reply.json, "pollAfterSeconds"), 0);
	cr_assert_str_eq(become_active(&user, &schedule), token);
	reply = status_of(&user, token);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	cr_assert_eq(number_at(reply.json, "position"), 0);
	cr_assert_eq(strlen(text_at(reply.json, "activeUntil")), 24);
}

Test(queue, twenty_entries_at_once_are_one_place)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[20];
	struct reply	 replies[20];
	int		 i, created = 0;

	(void)control(&schedule, "{\"mode\":\"PAUSED\"}");
	for (i = 0; i < 20; i++)
		calls[i] = (struct call){ .path = "/queues/enter", .jwt = user.jwt, .base = direct("queue"),
		    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule.concert, schedule.id) };
	http_all(calls, replies, 20);
	for (i = 0; i < 20; i++) {
		created += replies[i].status == 201;
		cr_assert(replies[i].status == 201 || replies[i].status == 200, "%ld %s", replies[i].status,
		    replies[i].body);
		cr_assert_str_eq(text_at(replies[i].json, "token"), text_at(replies[0].json, "token"));
	}
	cr_assert_eq(created, 1);
	cr_assert_eq(number_at(control(&schedule, NULL).json, "waiting"), 1);
}

Test(queue, positions_are_the_order_of_arrival)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 users[5];
	char		*tokens[5];
	struct reply	 reply;
	int		 i;

	(void)control(&schedule, "{\"mode\":\"PAUSED\"}");
	for (i = 0; i < 5; i++) {
		users[i] = user_new();
		reply = enter(&users[i], &schedule);
		check_status(reply, 201);
		cr_assert_eq(number_at(reply.json, "position"), i + 1);
		cr_assert(null_at(reply.json, "estimatedWaitSeconds"), "nobody is admitted: %s", reply.body);
		tokens[i] = strdup(text_at(reply.json, "token"));
	}
	/* Coming again is not a step back, leaving lets the others step up. */
	reply = enter(&users[0], &schedule);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 1);
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[1].jwt,
	    .queue_token = tokens[1] });
	check_status(reply, 204);
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[1].jwt,
	    .queue_token = tokens[1] });
	check_status(reply, 204);
	reply = status_of(&users[1], tokens[1]);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = status_of(&users[4], tokens[4]);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 4);

	/* One active at a time: the first first. */
	(void)control(&schedule, "{\"mode\":\"OPEN\",\"maxActive\":1}");
	wait_for(strcmp(text_at(status_of(&users[0], tokens[0]).json, "status"), "ACTIVE") == 0, 10);
	reply = status_of(&users[2], tokens[2]);
	cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
	cr_assert_eq(number_at(reply.json, "position"), 1);
	reply = control(&schedule, NULL);
	cr_assert_eq(number_at(reply.json, "active"), 1);
	cr_assert_eq(number_at(reply.json, "waiting"), 3);
	cr_assert_eq(number_at(reply.json, "admitted"), 1);
}

Test(queue, a_place_is_for_what_is_on_sale)
{
	struct schedule	closed, other = schedule_new(1, 1), open = schedule_new(1, 1);
	struct user	user = user_new();
	char		nobody[UUID_TEXT];
	struct reply	reply;

	closed = schedule_with(open.concert, time_in(864000), time_in(864060), NULL, "CLOSED", 1, 1);
	reply = enter(&user, &closed);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	uuid_new(nobody);
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", nobody, nobody) });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", open.concert, nobody) });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", open.concert, other.id) });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":7}", open.concert) });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/queues/enter", .body = "{}" });
	check_problem(reply, 401, "UNAUTHENTICATED");
}

/* A time of the contract's in Unix milliseconds. */
static int64_t
ms_of(const char *text)
{
	struct tm	 tm = { 0 };
	const char	*rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	cr_assert_not_null(rest, "%s", text);
	return ((int64_t)timegm(&tm) * 1000 + (*rest == '.' ? atoi(rest + 1) : 0));
}

Test(queue, before_the_opening_one_may_wait_but_is_not_admitted, .timeout = 120)
{
	struct schedule	 schedule;
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;
	int64_t		 opens;
	long		 lead = 3;

	/* Until one was early enough. */
	do {
		opens = now_ms() + (lead - 1) * 1000;	/* at the earliest */
		schedule = schedule_with(concert_new(), time_in(864000), time_in(867600),
		    time_in(lead), "ON_SALE", 1, 1);
		(void)control(&schedule, "{\"activeTtlSeconds\":60}");
		reply = enter(&user, &schedule);
		check_status(reply, 201);
		lead *= 2;
	} while (now_ms() >= opens);
	cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
	token = strdup(text_at(reply.json, "token"));
	wait_for(strcmp(text_at((reply = status_of(&user, token)).json, "status"), "ACTIVE") == 0, 60);
	opens = ms_of(text_at(http((struct call){ .path = format("/schedules/%s", schedule.id) }).json, "saleOpensAt"));
	/* It was admitted when its minute began, by the clock of those who admit. */
	cr_assert_geq(ms_of(text_at(reply.json, "activeUntil")) - 60000, opens, "admitted before the opening");
}

/* Once nobody is left the database still learns that all have had their turn. */
Test(queue, that_all_turns_are_over_is_remembered)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();

	(void)control(&schedule, "{\"activeTtlSeconds\":1}");
	check_status(enter(&user, &schedule), 201);
	wait_for(strcmp(sql(format("SELECT admitted_to > 0 AND ended >= admitted_to FROM queue.queues "
	    "WHERE schedule_id = '%s'", schedule.id)), "t") == 0, 20);
}

/* What a command of Redis answers about a schedule's key, as a number. */
static int64_t
redis_number(const char *command, const struct schedule *schedule, const char *key)
{
	FILE	*pipe = popen(format("deploy/local/redis-cli %s 'q:{%s}:%s'", command, schedule->id, key), "r");
	char	 line[64] = "";

	cr_assert_not_null(pipe);
	cr_assert_not_null(fgets(line, sizeof(line), pipe));
	cr_assert_eq(pclose(pipe), 0);
	return (atoll(line));
}

/* More at once than one round tidies away, and nobody is left to keep the queue awake. */
Test(queue, of_many_whose_time_is_over_at_once_none_is_left, .timeout = 60)
{
	enum { MANY = 1200, AT_ONCE = 100 };
	struct schedule		 schedule = schedule_new(1, 2);
	static struct call	 calls[AT_ONCE];
	static struct reply	 replies[AT_ONCE];

	(void)control(&schedule, "{\"mode\":\"PAUSED\",\"maxActive\":2000,\"admitPerSecond\":100000,\"activeTtlSeconds\":2}");
	for (int entered = 0; entered < MANY; entered += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++)
			calls[i] = (struct call){ .path = "/queues/enter", .jwt = user_new().jwt, .base = direct("queue"),
			    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule.concert, schedule.id) };
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++)
			check_status(replies[i], 201);
	}
	(void)control(&schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(control(&schedule, NULL).json, "expired") == MANY, 20);
	wait_for(redis_number("ZCARD", &schedule, "active") == 0, 10);
	cr_assert_eq(redis_number("HLEN", &schedule, "places"), 0);
}

Test(queue, who_waits_sees_the_seats_go)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 buyer = user_new(), user = user_new();
	struct reply	 reply;
	char		*active, *token;

	active = become_active(&buyer, &schedule);
	(void)control(&schedule, "{\"mode\":\"PAUSED\"}");
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	token = strdup(text_at(reply.json, "token"));
	cr_assert_eq(number_at(status_of(&user, token).json, "seatsLeft"), 4);
	check_status(hold_seats(&buyer, &schedule, active, 0, 3), 201);
	wait_for(number_at(status_of(&user, token).json, "seatsLeft") == 1, 10);
	cr_assert_eq(number_at(status_of(&user, token).json, "position"), 1);
}

Test(queue, a_token_works_for_its_user_only)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), other = user_new();
	struct reply	 reply;
	char		*token, *forged;

	reply = enter(&user, &schedule);
	token = strdup(text_at(reply.json, "token"));
	reply = status_of(&other, token);
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = other.jwt,
	    .queue_token = token });
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");
	forged = strdup(token);
	forged[20] = forged[20] == 'A' ? 'B' : 'A';
	reply = status_of(&user, forged);
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = status_of(&user, "rubbish");
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = status_of(&user, format("%s%s%s", token, token, token));
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = status_of(&user, NULL);
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = user.jwt });
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	check_status(status_of(&user, token), 200);
}

Test(queue, an_active_place_ends_at_its_time)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;

	/* It may be over before anybody has seen it; that there was one is in the count of those that ran out. */
	(void)control(&schedule, "{\"activeTtlSeconds\":2}");
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	token = strdup(text_at(reply.json, "token"));
	wait_for(status_of(&user, token).status == 410, 20);
	reply = status_of(&user, token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	wait_for(number_at(control(&schedule, NULL).json, "expired") == 1, 5);
	/* Whoever comes again has a new place. */
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	cr_assert_str_neq(text_at(reply.json, "token"), token);
}

Test(queue, status_asked_too_often_is_refused_by_the_gateway)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[20];
	struct reply	 replies[20];
	char		*token;
	int64_t		 began, took;
	int		 i, refused = 0;

	token = strdup(text_at(enter(&user, &schedule).json, "token"));
	for (i = 0; i < 20; i++)
		calls[i] = (struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = token };
	began = now_ms();
	http_all(calls, replies, 20);
	took = (now_ms() - began) / 1000 + 1;
	for (i = 0; i < 20; i++) {
		cr_assert(replies[i].status == 200 || replies[i].status == 429, "%ld", replies[i].status);
		if (replies[i].status == 429) {
			check_problem_body(&replies[i], "TOO_MANY_REQUESTS");
			refused++;
		}
	}
	/* All but one, a burst of six, and three for each second that it took. */
	cr_assert(refused >= 13 - 3 * took && refused <= 13, "%d of 20 were refused in %d s", refused, (int)took);
}

Test(control, what_an_operator_sets_is_shown_and_works_at_once)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	user = user_new(), operator = operator_new();
	char		*path = format("/admin/queues/%s", schedule.id), nobody[UUID_TEXT];
	struct reply	reply;

	reply = http((struct call){ .method = "PUT", .path = path, .jwt = operator.jwt,
	    .body = "{\"mode\":\"CLOSED\",\"maxActive\":7,\"admitPerSecond\":3,\"maxWaiting\":1,\"activeTtlSeconds\":60}" });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "mode"), "CLOSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), 7);
	cr_assert_eq(number_at(reply.json, "admitPerSecond"), 3);
	cr_assert_eq(number_at(reply.json, "activeTtlSeconds"), 60);
	cr_assert_str_eq(text_at(reply.json, "updatedBy"), operator.id);
	cr_assert_eq(strlen(text_at(reply.json, "updatedAt")), 24);
	reply = enter(&user, &schedule);
	check_problem(reply, 409, "QUEUE_CLOSED");

	reply = http((struct call){ .method = "PUT", .path = path, .jwt = operator.jwt, .body = "{\"mode\":\"PAUSED\"}" });
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "maxActive"), 7, "what was not named must stay");
	check_status(enter(&user, &schedule), 201);
	user = user_new();
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt, .keep_429 = true,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule.concert, schedule.id) });
	check_problem(reply, 429, "QUEUE_FULL");

	reply = http((struct call){ .method = "GET", .path = path, .jwt = user.jwt });
	check_problem(reply, 403, "FORBIDDEN");
	reply = http((struct call){ .method = "PUT", .path = path, .jwt = user.jwt, .body = "{\"mode\":\"OPEN\"}" });
	check_problem(reply, 403, "FORBIDDEN");
	reply = http((struct call){ .path = path });
	check_problem(reply, 401, "UNAUTHENTICATED");
	uuid_new(nobody);
	reply = http((struct call){ .path = format("/admin/queues/%s", nobody), .jwt = operator.jwt });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

Test(control, wrong_settings_change_nothing)
{
	static const char *const	bodies[] = { "{\"mode\":\"AJAR\"}", "{\"maxActive\":-1}",
	    "{\"admitPerSecond\":\"9\"}", "{\"activeTtlSeconds\":0}", "{\"maxWaiting\":1.5}",
	    "{\"mode\":\"PAUSED\",\"maxActive\":true}" };
	struct schedule			 schedule = schedule_new(1, 1);
	struct user			 operator = operator_new();
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		reply = http((struct call){ .method = "PUT", .jwt = operator.jwt,
		    .path = format("/admin/queues/%s", schedule.id), .body = bodies[i] });
		check_problem(reply, 400, "INVALID_REQUEST");
	}
	reply = control(&schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "OPEN");
}
