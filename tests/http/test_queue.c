/* The queue through the gateway: order, places, tokens, and operators' settings. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

Test(queue, entered_user_becomes_active)
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
	reply = queue_status(NULL, &user, token);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	cr_assert_eq(number_at(reply.json, "position"), 0);
	cr_assert_eq(strlen(text_at(reply.json, "activeUntil")), 24);
}

Test(queue, twenty_concurrent_entries_of_a_user_give_one_place)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[20];
	struct reply	 replies[20];
	int		 i, created = 0;

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	for (i = 0; i < 20; i++)
		calls[i] = enter_call(direct("queue"), &user, &schedule);
	http_all(calls, replies, 20);
	for (i = 0; i < 20; i++) {
		created += replies[i].status == 201;
		cr_assert(replies[i].status == 201 || replies[i].status == 200, "%ld %s", replies[i].status,
		    replies[i].body);
		cr_assert_str_eq(text_at(replies[i].json, "token"), text_at(replies[0].json, "token"));
	}
	cr_assert_eq(created, 1);
	cr_assert_eq(number_at(queue_settings(NULL, &schedule, NULL).json, "waiting"), 1);
}

Test(queue, users_are_positioned_and_admitted_in_order_of_arrival)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 users[5];
	char		*tokens[5];
	struct reply	 reply;
	int		 i;

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	for (i = 0; i < 5; i++) {
		users[i] = user_new();
		reply = enter(&users[i], &schedule);
		check_status(reply, 201);
		cr_assert_eq(number_at(reply.json, "position"), i + 1);
		cr_assert(null_at(reply.json, "estimatedWaitSeconds"), "a paused queue admits no user, so there is no estimate: %s", reply.body);
		tokens[i] = strdup(text_at(reply.json, "token"));
	}
	/* Entering again keeps the position; leaving moves the users behind one place forward. */
	reply = enter(&users[0], &schedule);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 1);
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[1].jwt,
	    .queue_token = tokens[1] });
	check_status(reply, 204);
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[1].jwt,
	    .queue_token = tokens[1] });
	check_status(reply, 204);
	reply = queue_status(NULL, &users[1], tokens[1]);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = queue_status(NULL, &users[4], tokens[4]);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 4);

	/* With one active turn at a time the first user is admitted first. */
	(void)queue_settings(NULL, &schedule, "{\"mode\":\"OPEN\",\"maxActive\":1}");
	wait_for(strcmp(text_at(queue_status(NULL, &users[0], tokens[0]).json, "status"), "ACTIVE") == 0, 60);
	reply = queue_status(NULL, &users[2], tokens[2]);
	cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
	cr_assert_eq(number_at(reply.json, "position"), 1);
	reply = queue_settings(NULL, &schedule, NULL);
	cr_assert_eq(number_at(reply.json, "active"), 1);
	cr_assert_eq(number_at(reply.json, "waiting"), 3);
	cr_assert_eq(number_at(reply.json, "admitted"), 1);
}

Test(queue, entry_for_closed_or_unknown_schedule_is_refused)
{
	struct schedule	closed, other = schedule_new(1, 1), open = schedule_new(1, 1);
	struct user	user = user_new();
	char		unknown[UUID_TEXT];
	struct reply	reply;

	closed = schedule_with(open.concert, time_in(864000), time_in(864060), NULL, "CLOSED", 1, 1);
	reply = enter(&user, &closed);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	uuid_new(unknown);
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", unknown, unknown) });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = "/queues/enter", .jwt = user.jwt,
	    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", open.concert, unknown) });
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

Test(queue, user_waiting_before_the_opening_is_admitted_only_after_it, .timeout = 300)
{
	struct schedule	 schedule;
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;
	int64_t		 opens;
	long		 lead = 3;

	/* Repeat with more time until the user entered before the opening. */
	do {
		opens = now_ms() + (lead - 1) * 1000;	/* the earliest possible opening */
		schedule = schedule_with(concert_new(), time_in(864000), time_in(867600),
		    time_in(lead), "ON_SALE", 1, 1);
		(void)queue_settings(NULL, &schedule, "{\"activeTtlSeconds\":60}");
		reply = enter(&user, &schedule);
		check_status(reply, 201);
		lead *= 2;
	} while (now_ms() >= opens);
	cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
	token = strdup(text_at(reply.json, "token"));
	wait_for(strcmp(text_at((reply = queue_status(NULL, &user, token)).json, "status"), "ACTIVE") == 0, 60);
	opens = unix_ms_of(text_at(http((struct call){ .path = format("/schedules/%s", schedule.id) }).json, "saleOpensAt"));
	/* activeUntil minus 60 s is the time of admission, by the same clock that opens the sale. */
	cr_assert_geq(unix_ms_of(text_at(reply.json, "activeUntil")) - 60000, opens, "the user was admitted before the opening");
}

/* After the last user's turn the queue saves in the database that all turns have ended. */
Test(queue, end_of_the_last_turn_is_saved_in_the_database)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();

	(void)queue_settings(NULL, &schedule, "{\"activeTtlSeconds\":1}");
	check_status(enter(&user, &schedule), 201);
	wait_for(strcmp(sql(format("SELECT admitted_to > 0 AND ended >= admitted_to FROM queue.queues "
	    "WHERE schedule_id = '%s'", schedule.id)), "t") == 0, 60);
}

/* Returns the number that a Redis command answers about a key of the schedule. */
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

/* 1,200 expired turns are more than one round removes, and no user polls to keep the queue ticking. */
Test(queue, many_turns_expiring_together_are_all_removed, .timeout = 300)
{
	enum { MANY = 1200, AT_ONCE = 100 };
	struct schedule		 schedule = schedule_new(1, 2);
	static struct call	 calls[AT_ONCE];
	static struct reply	 replies[AT_ONCE];

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\",\"maxActive\":2000,\"admitPerSecond\":100000,\"activeTtlSeconds\":2}");
	for (int entered = 0; entered < MANY; entered += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct user	user = user_new();

			calls[i] = enter_call(direct("queue"), &user, &schedule);
		}
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++)
			check_status(replies[i], 201);
	}
	(void)queue_settings(NULL, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(queue_settings(NULL, &schedule, NULL).json, "expired") == MANY, 60);
	wait_for(redis_number("ZCARD", &schedule, "active") == 0, 60);
	cr_assert_eq(redis_number("HLEN", &schedule, "places"), 0);
}

Test(queue, waiting_ticket_shows_fewer_seats_left_after_a_hold)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 buyer = user_new(), user = user_new();
	struct reply	 reply;
	char		*active, *token;

	active = become_active(&buyer, &schedule);
	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	token = strdup(text_at(reply.json, "token"));
	cr_assert_eq(number_at(queue_status(NULL, &user, token).json, "seatsLeft"), 4);
	check_status(hold_seats(&buyer, &schedule, active, 0, 3), 201);
	wait_for(number_at(queue_status(NULL, &user, token).json, "seatsLeft") == 1, 60);
	cr_assert_eq(number_at(queue_status(NULL, &user, token).json, "position"), 1);
}

Test(queue, first_ticket_after_a_quiet_time_shows_the_seats_left_now)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 buyer = user_new(), user = user_new();
	struct reply	 reply;
	char		*active, *token;

	active = become_active(&buyer, &schedule);
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "seatsLeft"), 4);
	token = strdup(text_at(reply.json, "token"));
	check_status(hold_seats(&buyer, &schedule, active, 0, 3), 201);
	/* A ticket may show a number of seats that is two seconds old. In this time the users do not ask. */
	(void)sql("SELECT pg_sleep(3)");
	cr_assert_eq(number_at(queue_status(NULL, &user, token).json, "seatsLeft"), 1);
}

Test(queue, queue_token_of_another_user_is_403)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), other = user_new();
	struct reply	 reply;
	char		*token, *forged;

	reply = enter(&user, &schedule);
	token = strdup(text_at(reply.json, "token"));
	reply = queue_status(NULL, &other, token);
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = other.jwt,
	    .queue_token = token });
	check_problem(reply, 403, "QUEUE_TOKEN_MISMATCH");
	forged = strdup(token);
	forged[20] = forged[20] == 'A' ? 'B' : 'A';
	reply = queue_status(NULL, &user, forged);
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = queue_status(NULL, &user, "garbage");
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = queue_status(NULL, &user, format("%s%s%s", token, token, token));
	check_problem(reply, 404, "QUEUE_TOKEN_NOT_FOUND");
	reply = queue_status(NULL, &user, NULL);
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	reply = http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = user.jwt });
	check_problem(reply, 400, "QUEUE_TOKEN_REQUIRED");
	check_status(queue_status(NULL, &user, token), 200);
}

Test(queue, active_turn_expires_and_its_token_is_410)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;

	/* The turn may end before the first poll sees it; the count of expired turns shows that there was one. */
	(void)queue_settings(NULL, &schedule, "{\"activeTtlSeconds\":2}");
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	token = strdup(text_at(reply.json, "token"));
	wait_for(queue_status(NULL, &user, token).status == 410, 60);
	reply = queue_status(NULL, &user, token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	wait_for(number_at(queue_settings(NULL, &schedule, NULL).json, "expired") == 1, 60);
	/* A user who enters again gets a new place. */
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	cr_assert_str_neq(text_at(reply.json, "token"), token);
}

Test(queue, status_over_rate_limit_is_429)
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
	/* The gateway allows one, a burst of six, and three per second. */
	cr_assert(refused >= 13 - 3 * took && refused <= 13, "%d of 20 calls were refused in %d s", refused, (int)took);
}

Test(queue_control, operator_settings_are_shown_and_apply_at_once)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	user = user_new(), operator = operator_new();
	char		*path = format("/admin/queues/%s", schedule.id), unknown[UUID_TEXT];
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
	cr_assert_eq(number_at(reply.json, "maxActive"), 7, "a setting that the request did not name has changed");
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
	uuid_new(unknown);
	reply = http((struct call){ .path = format("/admin/queues/%s", unknown), .jwt = operator.jwt });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

Test(queue_control, invalid_queue_settings_change_nothing)
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
	reply = queue_settings(NULL, &schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "OPEN");
}
