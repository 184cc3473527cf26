/* Holding seats: all or none, once per queue token, one owner per seat, until the hold expires. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

Test(hold, held_seats_read_hold_in_map_and_reservation)
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

Test(hold, two_hundred_holds_of_one_seat_give_one_hold, .timeout = 300)
{
	enum { N = 200 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct call	*calls = calloc(N, sizeof(*calls));
	struct reply	*replies = calloc(N, sizeof(*replies));
	struct user	 users[N];
	char		*tokens[N];
	int		 i, won = 0, lost = 0;

	for (i = 0; i < N; i++)
		users[i] = user_new();
	all_become_active(users, tokens, N, &schedule);
	for (i = 0; i < N; i++)
		calls[i] = hold_call(NULL, &users[i], &schedule, tokens[i], 0, 1);
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

Test(hold, fifty_holds_with_one_token_give_one_hold, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(5, 10);
	struct user	 user = user_new();
	struct call	 calls[50];
	struct reply	 replies[50];
	char		*token = become_active(&user, &schedule);
	int		 i, won = 0, used = 0;

	for (i = 0; i < 50; i++)
		calls[i] = hold_call(direct("reservation"), &user, &schedule, token, i, 1);
	http_all(calls, replies, 50);
	for (i = 0; i < 50; i++) {
		won += replies[i].status == 201;
		used += replies[i].status == 409 &&
		    strcmp(text_at(replies[i].json, "code"), "QUEUE_TOKEN_USED") == 0;
	}
	cr_assert_eq(won, 1, "%d holds", won);
	cr_assert_eq(used, 49, "%d refusals", used);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.seats WHERE schedule_id = '%s' AND "
	    "status = 'HOLD'", schedule.id)), "1");
}

/*
 * The calls have no idempotency key, so each uses the token by itself. The service checks the token before the seats,
 * which are taken by then.
 */
Test(hold, thirty_holds_of_same_seats_with_one_token_give_one_hold, .timeout = 300)
{
	enum { N = 30 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new(), before = user_new();
	struct call	 calls[N];
	struct reply	 replies[N];
	char		*token, *reservation;
	int		 i, won = 0;

	/* The seats belong to an expired hold. */
	reservation = hold_new(&before, &schedule, 0, 2, NULL);
	set_hold_end(reservation, "0");
	token = become_active(&user, &schedule);
	for (i = 0; i < N; i++)
		calls[i] = hold_call(direct("reservation"), &user, &schedule, token, 0, 2);
	http_all(calls, replies, N);
	for (i = 0; i < N; i++) {
		won += replies[i].status == 201;
		if (replies[i].status != 201)
			check_problem(replies[i], 409, "QUEUE_TOKEN_USED");
	}
	cr_assert_eq(won, 1, "%d holds", won);
	wait_for(strcmp(sql(format("SELECT status FROM reservation.reservations WHERE reservation_id = '%s'", reservation)),
	    "EXPIRED") == 0, 60);
	cr_assert_str_eq(sql(format("SELECT string_agg(name || ': ' || detail, ', ') FROM reservation.invariants "
	    "WHERE detail ~ '%s|%s|%s'", reservation, schedule.seats[0], schedule.seats[1])), "");
}

Test(hold, hold_with_one_taken_seat_takes_none)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 first = user_new(), second = user_new();
	struct reply	 reply;
	char		*token;

	(void)hold_new(&first, &schedule, 1, 1, NULL);
	token = become_active(&second, &schedule);
	reply = hold_seats(&second, &schedule, token, 0, 3);
	check_problem(reply, 409, "SEAT_NOT_AVAILABLE");
	cr_assert_eq(length_at(reply.json, "unavailableSeatIds"), 1);
	cr_assert_str_eq(text_at(reply.json, "unavailableSeatIds.0"), schedule.seats[1]);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	cr_assert_str_eq(seat_status(&schedule, 2), "AVAILABLE");
	/* A failed hold leaves the token ACTIVE. */
	reply = hold_seats(&second, &schedule, token, 2, 2);
	check_status(reply, 201);
}

static void
check_hold_refused(const struct user *user, const char *token, const char *body, long status, const char *code)
{
	struct reply	reply;

	reply = http((struct call){ .path = "/reservations/hold", .jwt = user->jwt, .queue_token = token,
	    .body = body });
	cr_assert_eq(reply.status, status, "%s: %ld %s", body, reply.status, reply.body);
	check_problem_body(&reply, code);
}

Test(hold, invalid_hold_is_refused_and_token_stays_active)
{
	struct schedule	 schedule = schedule_new(1, 5), other = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), unknown[UUID_TEXT];
	const char	*id = schedule.id, *s = schedule.seats[0];

	uuid_new(unknown);
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\"}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[]}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":\"%s\"}", id, s), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[7]}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"x\"]}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\"]}", id, s, s), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\",\"%s\",\"%s\",\"%s\",\"%s\"]}", id, s,
	    schedule.seats[1], schedule.seats[2], schedule.seats[3], schedule.seats[4]), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"],\"bestAvailable\":"
	    "{\"grade\":\"R\",\"quantity\":1}}", id, s), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"Q\",\"quantity\":1}}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"R\",\"quantity\":5}}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"R\",\"quantity\":0}}", id), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"x\",\"seatIds\":[\"%s\"]}", s), 400, "INVALID_REQUEST");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", id, unknown), 404, "SEAT_NOT_FOUND");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", id, other.seats[0]), 404, "SEAT_NOT_FOUND");
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
}

Test(hold, hold_with_missing_forged_or_waiting_token_is_refused)
{
	struct schedule	 schedule = schedule_new(1, 2), other = schedule_new(1, 2);
	struct user	 user = user_new(), thief = user_new(), waiting = user_new(), operator = operator_new();
	struct reply	 reply;
	char		*token = become_active(&user, &schedule);
	char		*body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);

	check_hold_refused(&user, NULL, body, 400, "QUEUE_TOKEN_REQUIRED");
	check_hold_refused(&user, "made-up", body, 404, "QUEUE_TOKEN_NOT_FOUND");
	check_hold_refused(&thief, token, body, 403, "QUEUE_TOKEN_MISMATCH");
	check_hold_refused(&user, token, format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", other.id, other.seats[0]),
	    403, "QUEUE_TOKEN_MISMATCH");
	reply = http((struct call){ .method = "PUT", .path = format("/admin/queues/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"mode\":\"PAUSED\"}" });
	check_status(reply, 200);
	reply = enter(&waiting, &schedule);
	check_status(reply, 201);
	check_hold_refused(&waiting, text_at(reply.json, "token"), body, 403, "QUEUE_TOKEN_NOT_ACTIVE");
	reply = http((struct call){ .path = "/reservations/hold", .queue_token = token, .body = body });
	check_problem(reply, 401, "UNAUTHENTICATED");
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
}

Test(hold, best_available_gives_adjacent_seats)
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

Test(hold, hold_can_be_paid_until_it_expires)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 early = user_new(), late = user_new(), next = user_new();
	char		*in_time, *too_late;
	int64_t		 amount;
	struct reply	 reply;

	/* The database's clock decides, so the tests move the hold's end instead of the clock. */
	check_status(charge(&early, 200000, key_new()), 201);
	check_status(charge(&late, 200000, key_new()), 201);
	in_time = hold_new(&early, &schedule, 0, 1, &amount);
	too_late = hold_new(&late, &schedule, 1, 1, NULL);
	set_hold_end(in_time, "60 seconds");
	reply = pay(&early, in_time, amount, key_new());
	check_status(reply, 201);

	set_hold_end(too_late, "-1 millisecond");
	reply = pay(&late, too_late, amount, key_new());
	check_problem(reply, 410, "RESERVATION_EXPIRED");
	cr_assert_eq(balance(&late), 200000);
	reply = http((struct call){ .path = format("/reservations/%s", too_late), .jwt = late.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "EXPIRED");
	cr_assert_str_eq(seat_status(&schedule, 1), "AVAILABLE");
	(void)hold_new(&next, &schedule, 1, 1, NULL);
}

Test(hold, unpaid_hold_expires_and_frees_its_seat, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation = hold_new(&user, &schedule, 0, 1, NULL);
	struct reply	 reply;

	wait_for(strcmp(seat_status(&schedule, 0), "AVAILABLE") == 0, atoi(setting("HOLD_TTL_SECONDS")) + 60);
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "EXPIRED");
	reply = cancel_reservation(&user, reservation);
	check_problem(reply, 409, "RESERVATION_EXPIRED");
	/* The sweeper marks the reservation EXPIRED. */
	wait_for(strcmp(sql(format("SELECT status FROM reservation.reservations WHERE reservation_id = '%s'",
	    reservation)), "EXPIRED") == 0, 60);
}

Test(hold, same_key_replays_the_hold)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule);
	struct call	 call;
	struct reply	 first, second;

	call = hold_call(NULL, &user, &schedule, token, 0, 1);
	call.key = key_new();
	first = http(call);
	check_status(first, 201);
	cr_assert_null(header(&first, "Idempotent-Replayed"));
	second = http(call);
	check_status(second, 201);
	cr_assert_str_eq(second.body, first.body);
	cr_assert_str_eq(header(&second, "Idempotent-Replayed"), "true");
	call.body = hold_call(NULL, &user, &schedule, token, 1, 1).body;
	second = http(call);
	check_problem(second, 422, "IDEMPOTENCY_KEY_REUSED");
}

Test(hold, replayed_hold_leaves_new_token_active)
{
	struct schedule	 schedule = schedule_new(1, 3);
	struct user	 user = user_new();
	char		*first_token = become_active(&user, &schedule), *second_token;
	struct call	 held, refused;
	struct reply	 reply;

	held = hold_call(NULL, &user, &schedule, first_token, 0, 1);
	held.key = key_new();
	reply = http(held);
	check_status(reply, 201);
	refused = hold_call(NULL, &user, &schedule, first_token, 1, 1);
	refused.key = key_new();
	reply = http(refused);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");

	/* Neither answer belongs to the second token, so it can still hold. */
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

Test(seats, seat_map_etag_changes_with_a_seat)
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

	(void)hold_new(&user, &schedule, 2, 1, NULL);
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

Test(seats, expired_hold_changes_etag_and_is_in_changes_since)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*path = format("/schedules/%s/seats", schedule.id), *reservation;
	struct reply	 map, later;

	reservation = hold_new(&user, &schedule, 0, 1, NULL);
	map = http((struct call){ .path = path });
	set_hold_end(reservation, "0");
	later = http((struct call){ .path = path, .if_none_match = header(&map, "ETag") });
	check_status(later, 200);
	later = http((struct call){ .path = format("%s?since=%" PRId64, path, number_at(map.json, "version")) });
	cr_assert_not_null(strstr(later.body, format("{\"seatId\":\"%s\",\"status\":\"AVAILABLE\"}",
	    schedule.seats[0])), "%s", later.body);
}
