/* Invalid input to every service: null, wrong types, malformed numbers. Each error names the field's path. */
#include <string.h>

#include "harness.h"

/* Returns the fields of a 400's errors in their order, separated by "; ". */
static const char *
errors(const struct reply *reply)
{
	const char	*all = "";
	int		 i;

	for (i = 0; i < length_at(reply->json, "errors"); i++)
		all = format("%s%s%s", all, i > 0 ? "; " : "", text_at(reply->json, format("errors.%d.field", i)));
	return (all);
}

#define check_fields(reply, fields) do { \
	check_problem(reply, 400, "INVALID_REQUEST"); \
	cr_assert_str_eq(errors(&(reply)), fields, "%s", (reply).body); \
} while (0)

static struct reply
post(const struct user *user, const char *path, const char *key, const char *body)
{
	return (http((struct call){ .path = path, .jwt = user->jwt, .key = key, .body = body }));
}

Test(input, every_invalid_field_of_a_hold_is_named)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule);
	struct reply	 reply;
	struct {
		const char	*body;
		const char	*fields;
	} wrong[] = {
		{ "{}", "scheduleId; seatIds" },
		{ "{\"scheduleId\":null,\"seatIds\":null,\"bestAvailable\":null}", "scheduleId; seatIds" },
		{ format("{\"scheduleId\":\"%s\",\"seatIds\":[]}", schedule.id), "seatIds" },
		{ format("{\"scheduleId\":\"%s\",\"seatIds\":\"%s\"}", schedule.id, schedule.seats[0]), "seatIds" },
		{ format("{\"scheduleId\":\"%s\",\"seatIds\":[null,\"%s\",5,\"%s\"]}", schedule.id, schedule.seats[0], schedule.seats[0]),
		    "seatIds[0]; seatIds[2]; seatIds[3]" },
		{ format("{\"scheduleId\":\"%s\",\"bestAvailable\":[]}", schedule.id), "bestAvailable" },
		{ format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"vip\",\"quantity\":\"2\"}}", schedule.id),
		    "bestAvailable.grade; bestAvailable.quantity" },
		{ format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":null}}", schedule.id), "bestAvailable.grade; bestAvailable.quantity" },
		{ format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"],\"bestAvailable\":{\"grade\":\"R\",\"quantity\":1}}", schedule.id,
		    schedule.seats[0]), "seatIds" },
	};
	size_t		 i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = http((struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token, .body = wrong[i].body });
		check_fields(reply, wrong[i].fields);
	}
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
}

Test(input, null_field_of_a_hold_replays_like_absent)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), *key = key_new();
	struct reply	 first, again;

	first = http((struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token, .key = key,
	    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":null,\"bestAvailable\":{\"grade\":\"R\",\"quantity\":1}}", schedule.id) });
	check_status(first, 201);
	again = http((struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token, .key = key,
	    .body = format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"quantity\":1,\"grade\":\"R\"}}", schedule.id) });
	check_status(again, 201);
	cr_assert_str_eq(again.body, first.body);
	cr_assert_not_null(header(&again, "Idempotent-Replayed"));
}

Test(input, null_card_of_charge_or_payment_replays_like_absent)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*key = key_new(), *reservation;
	struct reply	 first, again;
	int64_t		 amount;

	first = post(&user, "/points/charge", key, "{\"amount\":200000,\"card\":null}");
	check_status(first, 201);
	again = post(&user, "/points/charge", key, "{\"amount\":2e5}");
	check_status(again, 201);
	cr_assert_str_eq(again.body, first.body);

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	key = key_new();
	first = post(&user, "/payments", key, format("{\"reservationId\":\"%s\",\"amount\":%ld,\"method\":\"POINT\",\"card\":null}",
	    reservation, (long)amount));
	check_status(first, 201);
	again = pay(&user, reservation, amount, key);
	check_status(again, 201);
	cr_assert_str_eq(again.body, first.body);
	cr_assert_eq(balance(&user), 200000 - amount);
}

Test(input, every_invalid_field_of_a_charge_or_payment_is_named)
{
	static const struct {
		const char	*path;
		const char	*body;
		const char	*fields;
	} wrong[] = {
		{ "/points/charge", "{}", "amount" },
		{ "/points/charge", "{\"amount\":null,\"card\":{}}", "amount; card.paymentKey" },
		{ "/points/charge", "{\"amount\":\"1000\",\"card\":[]}", "amount; card" },
		{ "/points/charge", "{\"amount\":1000.5,\"card\":{\"paymentKey\":null}}", "amount; card.paymentKey" },
		{ "/points/charge", "{\"amount\":1000,\"card\":{\"paymentKey\":\"a b\"}}", "card.paymentKey" },
		{ "/points/charge", "{\"amount\":1000.0000000000000001}", "body" },
		{ "/points/charge", "{\"amount\":1e-400}", "body" },
		{ "/points/charge", "{\"amount\":1000,\"amount\":1000}", "body" },
		{ "/payments", "{}", "reservationId; amount; method" },
		{ "/payments", "{\"reservationId\":null,\"amount\":null,\"method\":null,\"card\":null}", "reservationId; amount; method" },
		{ "/payments", "{\"reservationId\":[],\"amount\":{},\"method\":\"CARD\",\"card\":null}", "reservationId; amount; card" },
		{ "/payments", "{\"reservationId\":\"x\",\"amount\":-1,\"method\":\"card\",\"card\":{\"paymentKey\":7}}",
		    "reservationId; amount; method; card.paymentKey" },
	};
	struct user	user = user_new();
	struct reply	reply;
	size_t		i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = post(&user, wrong[i].path, key_new(), wrong[i].body);
		check_fields(reply, wrong[i].fields);
	}
	cr_assert_eq(balance(&user), 0);
}

Test(input, null_queue_setting_keeps_its_value)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 operator = operator_new();
	char		*path = format("/admin/queues/%s", schedule.id);
	struct reply	 reply;

	reply = http((struct call){ .method = "PUT", .path = path, .jwt = operator.jwt, .body = "{\"mode\":\"PAUSED\",\"maxActive\":7}" });
	check_status(reply, 200);
	reply = http((struct call){ .method = "PUT", .path = path, .jwt = operator.jwt,
	    .body = "{\"mode\":null,\"maxActive\":null,\"admitPerSecond\":3,\"maxWaiting\":null,\"activeTtlSeconds\":null}" });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "mode"), "PAUSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), 7);
	cr_assert_eq(number_at(reply.json, "admitPerSecond"), 3);
	reply = http((struct call){ .method = "PUT", .path = path, .jwt = operator.jwt, .body = "{\"mode\":null,\"maxActive\":null}" });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/queues/enter", .jwt = operator.jwt, .body = "{\"concertId\":null,\"scheduleId\":7}" });
	check_fields(reply, "concertId; scheduleId");
}

Test(input, cancellation_with_broken_body_is_400_and_without_body_200)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*path = format("/reservations/%s/cancel", hold_new(&user, &schedule, 0, 1, NULL));
	struct reply	 reply;

	reply = post(&user, path, NULL, "{\"seatIds\":");
	check_fields(reply, "body");
	reply = post(&user, path, NULL, "[]");
	check_fields(reply, "body");
	reply = http((struct call){ .path = path, .jwt = user.jwt, .body = "{}", .content_type = "text/plain" });
	check_problem(reply, 415, "UNSUPPORTED_MEDIA_TYPE");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	check_status(post(&user, path, NULL, "{\"seatIds\":null}"), 200);
	check_status(http((struct call){ .method = "POST", .path = path, .jwt = user.jwt }), 200);
}

Test(input, repeated_empty_or_malformed_parameter_is_400)
{
	static const char *const	paths[] = { "/concerts?limit=1&limit=1", "/concerts?limit=", "/concerts?limit=1.0", "/concerts?cursor=",
		"/concerts?cursor=%00", "/concerts?cursor=A&cursor=A", "/concerts?x=%ff", "/schedules?concertId=", "/reservations?status=",
		"/reservations?status=hold", "/reservations?limit=-1", "/payments?limit=1e1", "/payments?cursor=%2", "/points/histories?limit=+5",
		"/points/histories?cursor=AAAAAAAAAAAAAAAAAAAAAA%3D%3D" };
	struct user			user = user_new();
	struct reply			reply;
	size_t				i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		reply = http((struct call){ .path = paths[i], .jwt = user.jwt });
		check_problem(reply, 400, "INVALID_REQUEST");
		cr_assert_eq(length_at(reply.json, "errors"), 1, "%s", reply.body);
	}
}
