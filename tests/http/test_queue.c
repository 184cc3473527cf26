/* The waiting room through the gateway: order, places, tokens, and operators' control. */
#include <stdlib.h>
#include <string.h>

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

Test(queue, before_the_opening_one_may_wait_but_is_not_admitted)
{
	struct schedule	 schedule;
	struct user	 user = user_new();
	struct reply	 reply;
	char		*token;
	int64_t		 entered;

	schedule = schedule_with(concert_new(), time_in(864000), time_in(867600), time_in(4), "ON_SALE", 1, 1);
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
	token = strdup(text_at(reply.json, "token"));
	entered = now_ms();
	wait_for(strcmp(text_at(status_of(&user, token).json, "status"), "ACTIVE") == 0, 15);
	cr_assert_gt(now_ms() - entered, 1500, "admitted before the opening");
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

	(void)control(&schedule, "{\"activeTtlSeconds\":2}");
	token = become_active(&user, &schedule);
	wait_for(status_of(&user, token).status == 410, 10);
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
	struct call	 calls[12];
	struct reply	 replies[12];
	char		*token;
	int		 i, refused = 0;

	token = strdup(text_at(enter(&user, &schedule).json, "token"));
	for (i = 0; i < 12; i++)
		calls[i] = (struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = token };
	http_all(calls, replies, 12);
	for (i = 0; i < 12; i++) {
		cr_assert(replies[i].status == 200 || replies[i].status == 429, "%ld", replies[i].status);
		if (replies[i].status == 429) {
			check_problem_body(&replies[i], "TOO_MANY_REQUESTS");
			refused++;
		}
	}
	cr_assert(refused >= 6 && refused <= 9, "%d of 12 were refused", refused);
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
