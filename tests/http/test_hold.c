/* Holding seats: all or none, once a token, never two owners, exactly until its time. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

Test(hold, two_seats_are_held_and_shown_so)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*token = become_active(&user, &schedule);

	reply = hold_seats(&user, &schedule, token, 1, 2);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "HOLD");
	cr_assert_str_eq(text_at(reply.json, "scheduleId"), schedule.id);
	cr_assert_str_eq(text_at(reply.json, "concertId"), schedule.concert);
	cr_assert_eq(length_at(reply.json, "seats"), 2);
	cr_assert_str_eq(text_at(reply.json, "seats.0.section"), "Floor");
	cr_assert_str_eq(text_at(reply.json, "seats.0.grade"), "VIP");
	cr_assert_eq(number_at(reply.json, "seats.0.price"), 150000);
	cr_assert_eq(number_at(reply.json, "totalAmount"), 300000);
	cr_assert_eq(number_at(reply.json, "holdTtlSeconds"), atoi(setting("HOLD_TTL_SECONDS")));
	cr_assert(null_at(reply.json, "payment") && null_at(reply.json, "refund"));
	cr_assert_str_eq(seat_status(&schedule, 1), "HOLD");
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");

	again = http((struct call){ .path = format("/reservations/%s", text_at(reply.json, "reservationId")),
	    .jwt = user.jwt });
	check_status(again, 200);
	cJSON_DeleteItemFromObject(again.json, "holdSecondsLeft");
	cJSON_DeleteItemFromObject(reply.json, "holdSecondsLeft");
	cr_assert(cJSON_Compare(again.json, reply.json, true), "%s", again.body);
	again = http((struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = token });
	check_status(again, 200);
	cr_assert_str_eq(text_at(again.json, "status"), "USED");
	again = hold_seats(&user, &schedule, token, 3, 1);
	check_problem(again, 409, "QUEUE_TOKEN_USED");
	cr_assert_str_eq(seat_status(&schedule, 3), "AVAILABLE");
}

Test(hold, two_hundred_at_once_for_one_seat_are_one_hold, .timeout = 120)
{
	enum { N = 200 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct call	*calls = calloc(N, sizeof(*calls));
	struct reply	*replies = calloc(N, sizeof(*replies));
	char		*seat = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);
	struct user	 users[N];
	char		*tokens[N];
	int		 i, won = 0, lost = 0;

	for (i = 0; i < N; i++)
		users[i] = user_new();
	all_become_active(users, tokens, N, &schedule);
	for (i = 0; i < N; i++)
		calls[i] = (struct call){ .path = "/reservations/hold", .jwt = users[i].jwt, .queue_token = tokens[i], .body = seat };
	http_all(calls, replies, N);
	for (i = 0; i < N; i++) {
		won += replies[i].status == 201;
		if (replies[i].status == 409) {
			check_problem_body(&replies[i], "SEAT_NOT_AVAILABLE");
			cr_assert_str_eq(text_at(replies[i].json, "unavailableSeatIds.0"), schedule.seats[0]);
			lost++;
		}
	}
	cr_assert_eq(won, 1, "%d holds, %d refusals", won, lost);
	cr_assert_eq(lost, N - 1, "%d holds, %d refusals", won, lost);
}

Test(hold, one_token_used_fifty_times_at_once_is_one_hold, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(5, 10);
	struct user	 user = user_new();
	struct call	 calls[50];
	struct reply	 replies[50];
	char		*token = become_active(&user, &schedule);
	int		 i, won = 0, used = 0;

	for (i = 0; i < 50; i++)
		calls[i] = (struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token,
		    .base = direct("reservation"), .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}",
		    schedule.id, schedule.seats[i]) };
	http_all(calls, replies, 50);
	for (i = 0; i < 50; i++) {
		won += replies[i].status == 201;
		used += replies[i].status == 409 &&
		    strcmp(text_at(replies[i].json, "code"), "QUEUE_TOKEN_USED") == 0;
	}
	cr_assert_eq(won, 1, "%d", won);
	cr_assert_eq(used, 49, "%d", used);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.seats WHERE schedule_id = '%s' AND "
	    "status = 'HOLD'", schedule.id)), "1");
}

/* Without a key, so each is a use of its own; and the token is looked at before the seats, which are gone by then. */
Test(hold, one_token_used_thirty_times_at_once_for_the_same_seats_is_one_hold, .timeout = 120)
{
	enum { N = 30 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new(), before = user_new();
	struct call	 calls[N];
	struct reply	 replies[N];
	char		*token, *reservation;
	int		 i, won = 0;

	/* Seats whose hold has run out, at that. */
	reservation = held(&before, &schedule, 0, 2, NULL);
	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() "
	    "WHERE reservation_id = '%s') UPDATE reservation.seats SET hold_expires_at = clock_timestamp() "
	    "WHERE reservation_id = '%s'", reservation, reservation));
	token = become_active(&user, &schedule);
	for (i = 0; i < N; i++)
		calls[i] = (struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token,
		    .base = direct("reservation"), .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\"]}",
		    schedule.id, schedule.seats[0], schedule.seats[1]) };
	http_all(calls, replies, N);
	for (i = 0; i < N; i++) {
		won += replies[i].status == 201;
		if (replies[i].status != 201)
			check_problem(replies[i], 409, "QUEUE_TOKEN_USED");
	}
	cr_assert_eq(won, 1, "%d", won);
	wait_for(strcmp(sql(format("SELECT status FROM reservation.reservations WHERE reservation_id = '%s'", reservation)),
	    "EXPIRED") == 0, 10);
	cr_assert_str_eq(sql(format("SELECT string_agg(name || ': ' || detail, ', ') FROM reservation.invariants "
	    "WHERE detail ~ '%s|%s|%s'", reservation, schedule.seats[0], schedule.seats[1])), "");
}

Test(hold, all_the_seats_or_none)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 first = user_new(), second = user_new();
	struct reply	 reply;
	char		*token;

	(void)held(&first, &schedule, 1, 1, NULL);
	token = become_active(&second, &schedule);
	reply = hold_seats(&second, &schedule, token, 0, 3);
	check_problem(reply, 409, "SEAT_NOT_AVAILABLE");
	cr_assert_eq(length_at(reply.json, "unavailableSeatIds"), 1);
	cr_assert_str_eq(text_at(reply.json, "unavailableSeatIds.0"), schedule.seats[1]);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	cr_assert_str_eq(seat_status(&schedule, 2), "AVAILABLE");
	/* A hold that failed leaves the token as it was. */
	reply = hold_seats(&second, &schedule, token, 2, 2);
	check_status(reply, 201);
}

static void
refused_hold(const struct user *user, const char *token, const char *body, long status, const char *code)
{
	struct reply	reply;

	reply = http((struct call){ .path = "/reservations/hold", .jwt = user->jwt, .queue_token = token,
	    .body = body });
	cr_assert_eq(reply.status, status, "%s: %ld %s", body, reply.status, reply.body);
	check_problem_body(&reply, code);
}

Test(hold, what_is_asked_wrongly_is_refused_and_the_token_stays)
{
	struct schedule	 schedule = schedule_new(1, 5), other = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), nobody[UUID_TEXT];
	const char	*id = schedule.id, *s = schedule.seats[0];

	uuid_new(nobody);
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\"}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[]}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":\"%s\"}", id, s), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[7]}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"x\"]}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\"]}", id, s, s), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"]}", id, s,
	    schedule.seats[1], schedule.seats[2], schedule.seats[3], schedule.seats[4]), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"],\"bestAvailable\":"
	    "{\"grade\":\"R\",\"quantity\":1}}", id, s), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"Q\",\"quantity\":1}}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"R\",\"quantity\":5}}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"R\",\"quantity\":0}}", id), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"x\",\"seatIds\":[\"%s\"]}", s), 400, "INVALID_REQUEST");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", id, nobody), 404, "SEAT_NOT_FOUND");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", id, other.seats[0]), 404, "SEAT_NOT_FOUND");
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
}

Test(hold, there_is_no_way_round_the_queue)
{
	struct schedule	 schedule = schedule_new(1, 2), other = schedule_new(1, 2);
	struct user	 user = user_new(), thief = user_new(), waiting = user_new(), operator = operator_new();
	struct reply	 reply;
	char		*token = become_active(&user, &schedule);
	char		*body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);

	refused_hold(&user, NULL, body, 400, "QUEUE_TOKEN_REQUIRED");
	refused_hold(&user, "made-up", body, 404, "QUEUE_TOKEN_NOT_FOUND");
	refused_hold(&thief, token, body, 403, "QUEUE_TOKEN_MISMATCH");
	refused_hold(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", other.id, other.seats[0]),
	    403, "QUEUE_TOKEN_MISMATCH");
	reply = http((struct call){ .method = "PUT", .path = format("/admin/queues/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"mode\":\"PAUSED\"}" });
	check_status(reply, 200);
	reply = enter(&waiting, &schedule);
	check_status(reply, 201);
	refused_hold(&waiting, text_at(reply.json, "token"), body, 403, "QUEUE_TOKEN_NOT_ACTIVE");
	reply = http((struct call){ .path = "/reservations/hold", .queue_token = token, .body = body });
	check_problem(reply, 401, "UNAUTHENTICATED");
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
}

Test(hold, best_available_gives_seats_together)
{
	struct schedule	 schedule = schedule_new(2, 4);
	struct user	 user = user_new(), greedy = user_new();
	struct reply	 reply;
	int64_t		 first, second;

	reply = http((struct call){ .path = "/reservations/hold", .jwt = user.jwt,
	    .queue_token = become_active(&user, &schedule),
	    .body = format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"R\",\"quantity\":2}}", schedule.id) });
	check_status(reply, 201);
	cr_assert_eq(length_at(reply.json, "seats"), 2);
	cr_assert_eq(number_at(reply.json, "totalAmount"), 200000);
	cr_assert_str_eq(text_at(reply.json, "seats.0.grade"), "R");
	cr_assert_str_eq(text_at(reply.json, "seats.0.row"), text_at(reply.json, "seats.1.row"));
	first = number_at(reply.json, "seats.0.number");
	second = number_at(reply.json, "seats.1.number");
	cr_assert_eq(llabs(first - second), 1);

	reply = http((struct call){ .path = "/reservations/hold", .jwt = greedy.jwt,
	    .queue_token = become_active(&greedy, &schedule),
	    .body = format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"S\",\"quantity\":1}}", schedule.id) });
	check_problem(reply, 409, "SEAT_NOT_AVAILABLE");
}

Test(hold, a_hold_pays_before_its_time_and_not_after)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 early = user_new(), late = user_new(), next = user_new();
	char		*in_time, *too_late;
	int64_t		 amount;
	struct reply	 reply;

	/* The database's clock decides; the tests move a hold's end, not the clock. */
	check_status(charge(&early, 200000, key_new()), 201);
	check_status(charge(&late, 200000, key_new()), 201);
	in_time = held(&early, &schedule, 0, 1, &amount);
	too_late = held(&late, &schedule, 1, 1, NULL);
	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + "
	    "interval '5 seconds' WHERE reservation_id = '%s') UPDATE reservation.seats SET hold_expires_at = "
	    "clock_timestamp() + interval '5 seconds' WHERE reservation_id = '%s'", in_time, in_time));
	reply = pay(&early, in_time, amount, key_new());
	check_status(reply, 201);

	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() - "
	    "interval '1 millisecond' WHERE reservation_id = '%s') UPDATE reservation.seats SET hold_expires_at = "
	    "clock_timestamp() - interval '1 millisecond' WHERE reservation_id = '%s'", too_late, too_late));
	reply = pay(&late, too_late, amount, key_new());
	check_problem(reply, 410, "RESERVATION_EXPIRED");
	cr_assert_eq(balance(&late), 200000);
	reply = http((struct call){ .path = format("/reservations/%s", too_late), .jwt = late.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "EXPIRED");
	cr_assert_str_eq(seat_status(&schedule, 1), "AVAILABLE");
	(void)held(&next, &schedule, 1, 1, NULL);
}

Test(hold, a_hold_runs_out_by_itself, .timeout = 90)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation = held(&user, &schedule, 0, 1, NULL);
	struct reply	 reply;

	wait_for(strcmp(seat_status(&schedule, 0), "AVAILABLE") == 0, atoi(setting("HOLD_TTL_SECONDS")) + 10);
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "EXPIRED");
	reply = http((struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
	    .jwt = user.jwt });
	check_problem(reply, 409, "RESERVATION_EXPIRED");
	/* And the sweeper has tidied it. */
	wait_for(strcmp(sql(format("SELECT status FROM reservation.reservations WHERE reservation_id = '%s'",
	    reservation)), "EXPIRED") == 0, 10);
}

Test(hold, the_same_key_gets_the_same_hold_again)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule);
	struct call	 call;
	struct reply	 first, second;

	call = (struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token, .key = key_new(),
	    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]) };
	first = http(call);
	check_status(first, 201);
	cr_assert_null(header(&first, "Idempotent-Replayed"));
	second = http(call);
	check_status(second, 201);
	cr_assert_str_eq(second.body, first.body);
	cr_assert_str_eq(header(&second, "Idempotent-Replayed"), "true");
	call.body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[1]);
	second = http(call);
	check_problem(second, 422, "IDEMPOTENCY_KEY_REUSED");
}

Test(hold, an_answer_given_again_leaves_another_token_active)
{
	struct schedule	 schedule = schedule_new(1, 3);
	struct user	 user = user_new();
	char		*first_token = become_active(&user, &schedule), *second_token;
	struct call	 held, refused;
	struct reply	 reply;

	held = (struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = first_token, .key = key_new(),
	    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]) };
	reply = http(held);
	check_status(reply, 201);
	refused = held;
	refused.key = key_new();
	refused.body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[1]);
	reply = http(refused);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");

	/* Neither the hold nor the refusal was this token's: it can still hold. */
	second_token = become_active(&user, &schedule);
	held.queue_token = refused.queue_token = second_token;
	reply = http(held);
	check_status(reply, 201);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	reply = http(refused);
	check_status(reply, 409);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	refused.key = key_new();
	reply = http(refused);
	check_status(reply, 201);
}

Test(seats, the_map_has_an_etag_that_changes_with_it)
{
	struct schedule	 schedule = schedule_new(1, 3);
	struct user	 user = user_new();
	char		*path = format("/schedules/%s/seats", schedule.id);
	struct reply	 map, same, changed, since;
	int64_t		 version;

	map = http((struct call){ .path = path });
	check_status(map, 200);
	cr_assert_str_eq(text_at(map.json, "sections.0.section"), "Floor");
	cr_assert_eq(number_at(map.json, "sections.0.price"), 150000);
	cr_assert_eq(length_at(map.json, "sections.0.rows.0.seats"), 3);
	version = number_at(map.json, "version");
	same = http((struct call){ .path = path, .if_none_match = header(&map, "ETag") });
	check_status(same, 304);
	cr_assert_eq(same.length, 0);

	(void)held(&user, &schedule, 2, 1, NULL);
	changed = http((struct call){ .path = path, .if_none_match = header(&map, "ETag") });
	check_status(changed, 200);
	cr_assert_str_neq(header(&changed, "ETag"), header(&map, "ETag"));
	since = http((struct call){ .path = format("%s?since=%" PRId64, path, version) });
	check_status(since, 200);
	cr_assert_geq(number_at(since.json, "version"), version);
	cr_assert_not_null(strstr(since.body, format("{\"seatId\":\"%s\",\"status\":\"HOLD\"}", schedule.seats[2])),
	    "%s", since.body);
	since = http((struct call){ .path = format("%s?since=x", path) });
	check_problem(since, 400, "INVALID_REQUEST");
	since = http((struct call){ .path = format("%s?since=-1", path) });
	check_problem(since, 400, "INVALID_REQUEST");
}

Test(seats, an_expiry_changes_the_etag_and_is_told_to_those_who_ask_since)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*path = format("/schedules/%s/seats", schedule.id), *reservation;
	struct reply	 map, later;

	reservation = held(&user, &schedule, 0, 1, NULL);
	map = http((struct call){ .path = path });
	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() "
	    "WHERE reservation_id = '%s') UPDATE reservation.seats SET hold_expires_at = clock_timestamp() "
	    "WHERE reservation_id = '%s'", reservation, reservation));
	later = http((struct call){ .path = path, .if_none_match = header(&map, "ETag") });
	check_status(later, 200);
	later = http((struct call){ .path = format("%s?since=%" PRId64, path, number_at(map.json, "version")) });
	cr_assert_not_null(strstr(later.body, format("{\"seatId\":\"%s\",\"status\":\"AVAILABLE\"}",
	    schedule.seats[0])), "%s", later.body);
}
