/* Points, payments, refunds, and replays of repeated requests. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

Test(points, new_user_has_no_points_and_can_charge)
{
	struct user	user = user_new();
	struct reply	reply;

	reply = http((struct call){ .path = "/points", .jwt = user.jwt });
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "balance"), 0);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	reply = charge(&user, 50000, key_new());
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "CHARGED");
	cr_assert_eq(number_at(reply.json, "amount"), 50000);
	cr_assert_eq(number_at(reply.json, "balance"), 50000);
	cr_assert_str_eq(text_at(reply.json, "history.type"), "CHARGE");
	cr_assert_eq(number_at(reply.json, "history.balanceAfter"), 50000);
	(void)text_at(reply.json, "chargeId");
	(void)text_at(reply.json, "message");
	cr_assert_eq(balance(&user), 50000);
}

Test(points, hundred_concurrent_charges_are_all_credited, .timeout = 300)
{
	struct user	 user = user_new();
	struct call	 calls[100];
	struct reply	 replies[100];
	int		 i;

	for (i = 0; i < 100; i++)
		calls[i] = (struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key_new(),
		    .base = direct("point"), .body = format("{\"amount\":%d}", 1000 + i) };
	http_all(calls, replies, 100);
	for (i = 0; i < 100; i++)
		check_status(replies[i], 201);
	cr_assert_eq(balance(&user), 100 * 1000 + 99 * 100 / 2);
}

Test(points, charge_over_wallet_limit_is_409)
{
	struct user	 user = user_new();
	struct reply	 reply;
	int		 i;
	char		*key = key_new();

	for (i = 0; i < 10; i++)
		check_status(charge(&user, 1000000, key_new()), 201);
	reply = charge(&user, 1000, key);
	check_problem(reply, 409, "POINT_LIMIT_EXCEEDED");
	cr_assert_eq(balance(&user), 10000000);
	reply = charge(&user, 1000, key);
	check_problem(reply, 409, "POINT_LIMIT_EXCEEDED");
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
}

Test(points, point_history_is_paged_newest_first)
{
	struct user	 user = user_new();
	struct reply	 page;
	int		 i, seen = 0;
	int64_t		 expected = 5000;
	const char	*cursor = NULL;

	for (i = 1; i <= 5; i++)
		check_status(charge(&user, 1000, key_new()), 201);
	do {
		page = http((struct call){ .jwt = user.jwt, .path = format("/points/histories?limit=2%s%s",
		    cursor != NULL ? "&cursor=" : "", cursor != NULL ? cursor : "") });
		check_status(page, 200);
		for (i = 0; i < length_at(page.json, "items"); i++, seen++, expected -= 1000)
			cr_assert_eq(number_at(page.json, format("items.%d.balanceAfter", i)), expected);
		cursor = null_at(page.json, "nextCursor") ? NULL : text_at(page.json, "nextCursor");
	} while (cursor != NULL);
	cr_assert_eq(seen, 5);
	page = http((struct call){ .jwt = user.jwt, .path = "/points/histories?cursor=%21" });
	check_problem(page, 400, "INVALID_REQUEST");
}

Test(payment, point_payment_confirms_and_cancellation_refunds_it)
{
	struct schedule	 schedule = schedule_new(1, 3);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*reservation;
	int64_t		 amount;

	check_status(charge(&user, 500000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 2, &amount);
	reply = pay(&user, reservation, amount, key_new());
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "APPROVED");
	cr_assert_str_eq(text_at(reply.json, "reservationStatus"), "CONFIRMED");
	cr_assert_str_eq(text_at(reply.json, "method"), "POINT");
	cr_assert_eq(number_at(reply.json, "amount"), 300000);
	cr_assert(null_at(reply.json, "failureCode") && null_at(reply.json, "refundedAt"));
	cr_assert_eq(strlen(text_at(reply.json, "approvedAt")), 24);
	cr_assert_eq(balance(&user), 200000);
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	again = http((struct call){ .path = format("/payments/%s", text_at(reply.json, "paymentId")), .jwt = user.jwt });
	check_status(again, 200);
	cr_assert_str_eq(again.body, reply.body);
	again = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(again.json, "status"), "CONFIRMED");
	cr_assert_str_eq(text_at(again.json, "payment.paymentId"), text_at(reply.json, "paymentId"));
	again = pay(&user, reservation, amount, key_new());
	check_problem(again, 409, "RESERVATION_ALREADY_PAID");

	again = cancel_reservation(&user, reservation);
	check_status(again, 200);
	cr_assert_str_eq(text_at(again.json, "status"), "CANCELLED");
	cr_assert_str_eq(text_at(again.json, "refund.status"), "REFUNDED");
	cr_assert_eq(number_at(again.json, "refund.amount"), 300000);
	cr_assert_eq(balance(&user), 500000);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	check_status(cancel_reservation(&user, reservation), 200);
	cr_assert_str_eq(cancel_reservation(&user, reservation).body, again.body);
	cr_assert_eq(balance(&user), 500000);
	again = http((struct call){ .path = format("/payments/%s", text_at(reply.json, "paymentId")), .jwt = user.jwt });
	cr_assert_str_eq(text_at(again.json, "status"), "REFUNDED");
	again = http((struct call){ .path = "/points/histories?limit=2", .jwt = user.jwt });
	cr_assert_str_eq(text_at(again.json, "items.0.type"), "ROLLBACK");
	cr_assert_str_eq(text_at(again.json, "items.1.type"), "DEDUCT");
	again = pay(&user, reservation, amount, key_new());
	check_problem(again, 409, "RESERVATION_CANCELLED");
}

Test(payment, cancelled_hold_frees_its_seats)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), next = user_new();
	char		*reservation = hold_new(&user, &schedule, 0, 1, NULL);
	struct reply	 reply;

	reply = cancel_reservation(&user, reservation);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	cr_assert(null_at(reply.json, "refund"));
	(void)hold_new(&next, &schedule, 0, 1, NULL);
	/* A repeated cancellation does not touch the next user's hold. */
	check_status(cancel_reservation(&user, reservation), 200);
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

Test(payment, insufficient_points_is_402_and_third_failure_cancels_the_hold)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *key = key_new();
	int64_t		 amount;

	check_status(charge(&user, 1000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay(&user, reservation, amount, key);
	check_problem(reply, 402, "INSUFFICIENT_POINTS");
	cr_assert_eq(number_at(reply.json, "balance"), 1000);
	cr_assert_str_eq(pay(&user, reservation, amount, key).body, reply.body, "a replay is not another attempt");
	reply = http((struct call){ .path = format("/payments/%s", text_at(reply.json, "paymentId")), .jwt = user.jwt });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "FAILED");
	cr_assert_str_eq(text_at(reply.json, "reservationStatus"), "HOLD");
	cr_assert(!null_at(reply.json, "failureCode"));
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");

	reply = pay(&user, reservation, amount, key_new());
	check_problem(reply, 402, "INSUFFICIENT_POINTS");
	reply = pay(&user, reservation, amount, key_new());
	check_problem(reply, 402, "INSUFFICIENT_POINTS");
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	cr_assert_eq(balance(&user), 1000);
}

Test(payment, payment_of_another_amount_is_409)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation, unknown[UUID_TEXT];
	int64_t		 amount;
	struct reply	 reply;

	check_status(charge(&user, 500000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay(&user, reservation, amount - 1, key_new());
	check_problem(reply, 409, "AMOUNT_MISMATCH");
	reply = pay(&user, reservation, -amount, key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	uuid_new(unknown);
	reply = pay(&user, unknown, amount, key_new());
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	cr_assert_eq(balance(&user), 500000);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

Test(payment, invalid_payment_body_is_400)
{
	static const char *const	bodies[] = { "{\"method\":\"CARD\",\"amount\":1000,\"reservationId\":\"%s\"}",
	    "{\"method\":\"CARD\",\"amount\":1000,\"reservationId\":\"%s\",\"card\":{}}",
	    "{\"method\":\"CARD\",\"amount\":1000,\"reservationId\":\"%s\",\"card\":{\"paymentKey\":\"no/key\"}}",
	    "{\"method\":\"CASH\",\"amount\":1000,\"reservationId\":\"%s\"}", "{\"amount\":1000,\"reservationId\":\"%s\"}",
	    "{\"method\":\"POINT\",\"reservationId\":\"%s\"}", "{\"method\":\"POINT\",\"amount\":1000}",
	    "{\"method\":\"POINT\",\"amount\":\"1000\",\"reservationId\":\"%s\"}",
	    "{\"method\":\"POINT\",\"amount\":1000,\"reservationId\":\"7\"}" };
	struct user	user = user_new();
	char		unknown[UUID_TEXT], body[300];
	const char	*id;
	struct reply	reply;
	size_t		i;

	uuid_new(unknown);
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		id = strstr(bodies[i], "%s");
		if (id != NULL)
			(void)snprintf(body, sizeof(body), "%.*s%s%s", (int)(id - bodies[i]), bodies[i], unknown, id + 2);
		else
			(void)snprintf(body, sizeof(body), "%s", bodies[i]);
		reply = http((struct call){ .path = "/payments", .jwt = user.jwt, .key = key_new(), .body = body });
		cr_assert_eq(reply.status, 400, "%s: %ld", body, reply.status);
		check_problem_body(&reply, "INVALID_REQUEST");
	}
}

Test(privacy, reservation_and_payment_of_another_user_are_404)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 owner = user_new(), other = user_new();
	char		*reservation, *payment;
	struct reply	 reply;
	int64_t		 amount;

	check_status(charge(&owner, 200000, key_new()), 201);
	check_status(charge(&other, 200000, key_new()), 201);
	reservation = hold_new(&owner, &schedule, 0, 1, &amount);
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = other.jwt });
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	reply = cancel_reservation(&other, reservation);
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	reply = pay(&other, reservation, amount, key_new());
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	reply = pay(&owner, reservation, amount, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	reply = http((struct call){ .path = format("/payments/%s", payment), .jwt = other.jwt });
	check_problem(reply, 404, "PAYMENT_NOT_FOUND");
	reply = http((struct call){ .path = "/payments/nothing", .jwt = other.jwt });
	check_problem(reply, 404, "PAYMENT_NOT_FOUND");
	reply = http((struct call){ .path = "/reservations", .jwt = other.jwt });
	cr_assert_eq(length_at(reply.json, "items"), 0);
	reply = http((struct call){ .path = "/payments", .jwt = other.jwt });
	cr_assert_eq(length_at(reply.json, "items"), 0);
	reply = http((struct call){ .path = "/payments", .jwt = owner.jwt });
	cr_assert_eq(length_at(reply.json, "items"), 1);
	reply = http((struct call){ .path = "/reservations?status=CONFIRMED", .jwt = owner.jwt });
	cr_assert_eq(length_at(reply.json, "items"), 1);
	reply = http((struct call){ .path = "/reservations?status=HOLD", .jwt = owner.jwt });
	cr_assert_eq(length_at(reply.json, "items"), 0);
	reply = http((struct call){ .path = "/reservations?status=hold", .jwt = owner.jwt });
	check_problem(reply, 400, "INVALID_REQUEST");
	cr_assert_eq(balance(&other), 200000);
}

Test(payment, cancellation_after_concert_start_is_409)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation;
	int64_t		 amount;

	check_status(charge(&user, 200000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	check_status(pay(&user, reservation, amount, key_new()), 201);
	(void)sql(format("UPDATE reservation.schedules SET start_at = now() - interval '1 minute', "
	    "end_at = now() + interval '1 hour' WHERE schedule_id = '%s'", schedule.id));
	reply = cancel_reservation(&user, reservation);
	check_problem(reply, 409, "CANCELLATION_CLOSED");
	cr_assert_eq(balance(&user), 50000);
}

Test(idempotency, cancellation_with_key_is_replayed_to_the_byte)
{
	struct schedule	 schedule = schedule_new(1, 3);
	struct user	 user = user_new();
	struct reply	 first, again;
	char		*reservation, *other, *key = key_new();
	int64_t		 amount;

	check_status(charge(&user, 200000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	check_status(pay(&user, reservation, amount, key_new()), 201);
	other = hold_new(&user, &schedule, 1, 1, NULL);
	first = cancel_with_key(&user, reservation, key);
	check_status(first, 200);
	cr_assert_null(header(&first, "Idempotent-Replayed"));
	again = cancel_with_key(&user, reservation, key);
	check_status(again, 200);
	cr_assert_str_eq(again.body, first.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	cr_assert_eq(balance(&user), 200000);

	/* The reservation is a part of the request. */
	again = cancel_with_key(&user, other, key);
	check_problem(again, 422, "IDEMPOTENCY_KEY_REUSED");
	cr_assert_str_eq(seat_status(&schedule, 1), "HOLD");
	again = cancel_with_key(&user, other, "caf\xc3\xa9");
	check_problem(again, 400, "INVALID_REQUEST");
	cr_assert_str_eq(seat_status(&schedule, 1), "HOLD");
}

Test(idempotency, refused_cancellation_with_key_is_replayed_to_the_byte)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 first, again;
	char		*reservation = hold_new(&user, &schedule, 0, 1, NULL), *key = key_new(), unknown[UUID_TEXT];

	set_hold_end(reservation, "-1 second");
	first = cancel_with_key(&user, reservation, key);
	check_problem(first, 409, "RESERVATION_EXPIRED");
	again = cancel_with_key(&user, reservation, key);
	check_status(again, 409);
	cr_assert_str_eq(again.body, first.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");

	uuid_new(unknown);
	key = key_new();
	first = cancel_with_key(&user, unknown, key);
	check_problem(first, 404, "RESERVATION_NOT_FOUND");
	again = cancel_with_key(&user, unknown, key);
	check_status(again, 404);
	cr_assert_str_eq(again.body, first.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
}

Test(idempotency, missing_or_malformed_idempotency_key_is_400)
{
	struct user	 user = user_new();
	struct reply	 reply;
	char		*long_key = calloc(1, 300);

	reply = charge(&user, 1000, NULL);
	check_problem(reply, 400, "IDEMPOTENCY_KEY_REQUIRED");
	reply = pay(&user, user.id, 1000, NULL);
	check_problem(reply, 400, "IDEMPOTENCY_KEY_REQUIRED");
	memset(long_key, 'k', 256);
	reply = charge(&user, 1000, long_key);
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = charge(&user, 1000, "caf\xc3\xa9");
	check_problem(reply, 400, "INVALID_REQUEST");
	long_key[255] = '\0';
	check_status(charge(&user, 1000, long_key), 201);
	cr_assert_eq(balance(&user), 1000);
}

Test(idempotency, repeated_charge_replays_the_same_bytes)
{
	struct user	 user = user_new(), other = user_new();
	char		*key = key_new();
	struct reply	 first, again;

	first = charge(&user, 1000, key);
	check_status(first, 201);
	cr_assert_null(header(&first, "Idempotent-Replayed"));
	again = charge(&user, 1000, key);
	check_status(again, 201);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	cr_assert_eq(again.length, first.length);
	cr_assert_eq(memcmp(again.body, first.body, first.length), 0);
	/* Another spelling of the same JSON is the same request. */
	again = http((struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key,
	    .body = " { \"other\": 1, \"amount\" : 1000 } " });
	check_status(again, 201);
	cr_assert_str_eq(again.body, first.body);
	again = charge(&user, 2000, key);
	check_problem(again, 422, "IDEMPOTENCY_KEY_REUSED");
	/* Another user may use the same key. */
	check_status(charge(&other, 3000, key), 201);
	cr_assert_eq(balance(&user), 1000);
}

Test(idempotency, fifty_duplicate_charges_credit_once, .timeout = 300)
{
	struct user	 user = user_new();
	struct call	 calls[50];
	struct reply	 replies[50];
	char		*key = key_new(), *first = NULL;
	int		 i, created = 0;

	for (i = 0; i < 50; i++)
		calls[i] = (struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key,
		    .base = direct("point"), .body = "{\"amount\":7000}" };
	http_all(calls, replies, 50);
	for (i = 0; i < 50; i++) {
		if (replies[i].status == 409) {
			check_problem_body(&replies[i], "IDEMPOTENCY_KEY_IN_USE");
			continue;
		}
		check_status(replies[i], 201);
		created += header(&replies[i], "Idempotent-Replayed") == NULL;
		if (first == NULL)
			first = replies[i].body;
		cr_assert_str_eq(replies[i].body, first);
	}
	cr_assert_eq(created, 1);
	cr_assert_eq(balance(&user), 7000);
}

Test(idempotency, fifty_duplicate_point_payments_debit_once, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[50];
	struct reply	 replies[50];
	char		*key = key_new(), *reservation, *first = NULL;
	int64_t		 amount;
	int		 i, created = 0;

	check_status(charge(&user, 300000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	for (i = 0; i < 50; i++)
		calls[i] = pay_call(direct("payment"), &user, reservation, amount, key);
	http_all(calls, replies, 50);
	for (i = 0; i < 50; i++) {
		if (replies[i].status == 409) {
			check_problem_body(&replies[i], "IDEMPOTENCY_KEY_IN_USE");
			continue;
		}
		check_status(replies[i], 201);
		created += header(&replies[i], "Idempotent-Replayed") == NULL;
		if (first == NULL)
			first = replies[i].body;
		cr_assert_str_eq(replies[i].body, first);
	}
	cr_assert_eq(created, 1);
	cr_assert_eq(balance(&user), 150000);
}

Test(idempotency, fifty_payments_with_different_keys_pay_once, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[50];
	struct reply	 replies[50];
	char		*reservation;
	int64_t		 amount;
	int		 i, created = 0;

	check_status(charge(&user, 1000000, key_new()), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	for (i = 0; i < 50; i++)
		calls[i] = pay_call(direct("payment"), &user, reservation, amount, key_new());
	http_all(calls, replies, 50);
	for (i = 0; i < 50; i++) {
		created += replies[i].status == 201;
		cr_assert(replies[i].status == 201 || replies[i].status == 409, "%ld %s", replies[i].status,
		    replies[i].body);
	}
	cr_assert_eq(created, 1);
	cr_assert_eq(balance(&user), 850000);
}

Test(idempotency, refusal_is_kept_under_its_key_and_400_is_not)
{
	struct user	 user = user_new();
	char		 unknown[UUID_TEXT], *key = key_new(), *second = key_new();
	struct reply	 first, again;

	uuid_new(unknown);
	first = pay(&user, unknown, 1000, key);
	check_problem(first, 404, "RESERVATION_NOT_FOUND");
	again = pay(&user, unknown, 1000, key);
	check_problem(again, 404, "RESERVATION_NOT_FOUND");
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	cr_assert_str_eq(again.body, first.body);
	again = charge(&user, 1, second);
	check_problem(again, 400, "INVALID_REQUEST");
	again = charge(&user, 1000, second);
	check_status(again, 201);
	cr_assert_null(header(&again, "Idempotent-Replayed"));
}

/* The request hash ignores unknown fields, also inside an object, and covers all known ones. */
Test(idempotency, unknown_field_of_best_available_does_not_change_the_request_hash)
{
	static const struct {
		const char	*best;
		long		 status;
	} holds[] = {
		{ "{\"grade\":\"R\",\"quantity\":1,\"note\":1}", 201 },
		{ "{\"note\":2,\"quantity\":1,\"grade\":\"R\"}", 201 },
		{ "{\"grade\":\"R\",\"quantity\":2}", 422 },
		{ "{\"grade\":\"VIP\",\"quantity\":1}", 422 },
	};
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule), *key = key_new(), *first = NULL;
	struct reply	 reply;
	size_t		 i;

	for (i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		reply = http((struct call){ .path = "/reservations/hold", .jwt = user.jwt, .queue_token = token, .key = key,
		    .body = format("{\"scheduleId\":\"%s\",\"bestAvailable\":%s}", schedule.id, holds[i].best) });
		check_status(reply, holds[i].status);
		if (first == NULL)
			first = reply.body;
		else if (holds[i].status == 201)
			cr_assert_str_eq(reply.body, first);
	}
}

Test(payment, forged_webhook_leaves_payment_failed)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	int64_t		 amount;
	char		*reservation = hold_new(&user, &schedule, 0, 1, &amount), *payment;
	struct reply	 reply;

	reply = pay(&user, reservation, amount, key_new());
	check_problem(reply, 402, "INSUFFICIENT_POINTS");
	payment = strdup(text_at(reply.json, "paymentId"));
	reply = http((struct call){ .path = "/payments/webhooks/toss",
	    .body = format("{\"eventType\":\"PAYMENT_STATUS_CHANGED\",\"data\":{\"orderId\":\"%s\",\"status\":\"DONE\","
	    "\"paymentKey\":\"card-1\",\"totalAmount\":%" PRId64 "}}", payment, amount) });
	check_status(reply, 200);
	reply = http((struct call){ .path = format("/payments/%s", payment), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "FAILED");
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "HOLD");
}
