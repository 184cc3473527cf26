/*
 * Card payments through the real services and a simulated provider that fails on request. Whatever fails, the provider
 * captures the money once or not at all, and its books agree with ours.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

Test(card, card_payment_confirms_and_cancellation_refunds_it, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*reservation, *key = key_new(), *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "APPROVED");
	cr_assert_str_eq(text_at(reply.json, "method"), "CARD");
	cr_assert_str_eq(text_at(reply.json, "reservationStatus"), "CONFIRMED");
	cr_assert_eq(number_at(reply.json, "amount"), amount);
	payment = strdup(text_at(reply.json, "paymentId"));
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
	cr_assert_str_eq(text_at(provider_entry(card), "orderId"), reservation);
	cr_assert_str_eq(text_at(provider_entry(card), "idempotencyKeys.confirm"), format("confirm-%s", payment));

	again = pay_by_card(&user, reservation, amount, card, key);
	check_status(again, 201);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	reply = pay_by_card(&user, reservation, amount, card_new(), key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");
	again = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_problem(again, 409, "RESERVATION_ALREADY_PAID");

	key = key_new();
	reply = cancel_with_key(&user, reservation, key);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	cr_assert_str_eq(text_at(reply.json, "refund.status"), "REFUND_PENDING");
	cr_assert_eq(number_at(reply.json, "refund.amount"), amount);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	/* A number follows if the provider answered the first call too late. */
	cr_assert_eq(strncmp(text_at(provider_entry(card), "idempotencyKeys.cancel"), format("refund-%s", payment),
	    strlen(format("refund-%s", payment))), 0);
	again = cancel_with_key(&user, reservation, key);
	check_status(again, 200);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	reply = cancel_reservation(&user, reservation);
	cr_assert_str_eq(text_at(reply.json, "refund.status"), "REFUNDED");
}

Test(card, declined_card_keeps_hold_and_third_decline_cancels_it, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*reservation, *key = key_new(), *card = card_new();
	int64_t		 amount;
	int		 i;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "decline:REJECT_CARD_PAYMENT", 1);
	reply = pay_by_card(&user, reservation, amount, card, key);
	check_declined(&reply, "REJECT_CARD_PAYMENT");
	cr_assert_str_eq(payment_status(&user, text_at(reply.json, "paymentId")), "FAILED");
	cr_assert_str_eq(provider_books(card), "nothing");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	again = pay_by_card(&user, reservation, amount, card, key);
	cr_assert_str_eq(again.body, reply.body, "a replay is not another attempt");

	for (i = 0; i < 2; i++) {
		card = card_new();
		set_provider_behaviour(card, "confirm", "decline:INVALID_STOPPED_CARD", 1);
		reply = pay_by_card(&user, reservation, amount, card, key_new());
		check_problem(reply, 402, "CARD_DECLINED");
	}
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	reply = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_problem(reply, 409, "RESERVATION_CANCELLED");
}

Test(card, after_declined_card_another_card_or_points_pay, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new();
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "decline:INVALID_CARD_EXPIRATION", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);

	reservation = hold_new(&user, &schedule, 1, 1, &amount);
	card = card_new();
	set_provider_behaviour(card, "confirm", "decline:INVALID_CARD_EXPIRATION", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

/* One purchase per kind of missing answer: each answers 202 and ends with one captured payment. */
Test(card, confirm_without_answer_is_pending_then_approved, .timeout = 300)
{
	static const char *const	faults[] = { "timeout_before", "timeout_after", "500_before", "500_after",
	    "malformed", "cut_before", "cut_after" };
	enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
	struct schedule	 schedule = schedule_new(1, FAULTS);
	struct user	 users[FAULTS];
	struct call	 calls[FAULTS];
	struct reply	 replies[FAULTS], again, last;
	char		*reservations[FAULTS], *payment, *cards[FAULTS];
	int64_t		 amounts[FAULTS];
	int		 i;

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		reservations[i] = hold_new(&users[i], &schedule, i, 1, &amounts[i]);
		cards[i] = card_new();
		set_provider_behaviour(cards[i], "confirm", faults[i], 1);
		calls[i] = card_call(&users[i], reservations[i], amounts[i], cards[i], key_new());
	}
	http_all(calls, replies, FAULTS);
	for (i = 0; i < FAULTS; i++) {
		/*
		 * The HTTP client repeats a request whose kept connection was cut, with the same idempotency key. So
		 * this call may succeed.
		 */
		if (strncmp(faults[i], "cut", 3) != 0 || replies[i].status != 201) {
			check_status(replies[i], 202);
			cr_assert_str_eq(text_at(replies[i].json, "status"), "PENDING", "%s", faults[i]);
			cr_assert_str_eq(text_at(replies[i].json, "reservationStatus"), "HOLD");
		}
		payment = strdup(text_at(replies[i].json, "paymentId"));

		wait_for(is(payment_status(&users[i], payment), "APPROVED"), CERTAIN_SECONDS);
		cr_assert_str_eq(seat_status(&schedule, i), "SOLD_OUT", "%s", faults[i]);
		cr_assert_str_eq(provider_books(cards[i]), format("%" PRId64 "-0", amounts[i]), "%s", faults[i]);
		again = http(calls[i]);
		check_status(again, 201);
		last = http(calls[i]);
		cr_assert_str_eq(again.body, last.body, "a final answer stays the same");
		cr_assert_str_eq(header(&last, "Idempotent-Replayed"), "true");
	}
}

/* The service looks up a refusal whose code is not on its list of final refusals. */
Test(card, unlisted_refusal_is_looked_up_then_declined, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply, again;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "decline:UNAPPROVED_ORDER_ID", 1);
	call = card_call(&user, reservation, amount, card, key_new());
	reply = http(call);
	check_status(reply, 202);
	payment = strdup(text_at(reply.json, "paymentId"));
	wait_for(is(payment_status(&user, payment), "FAILED"), CERTAIN_SECONDS);
	reply = http(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "ABORTED");
	cr_assert_str_eq(text_at(reply.json, "paymentId"), payment);
	again = http(call);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(provider_books(card), "nothing");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

/* The provider opens its payment window for one order and amount; confirm must repeat both. */
Test(card, order_or_amount_other_than_the_payment_windows_is_declined, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new();
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	open_payment_window(card, key_new(), amount);
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "FORBIDDEN_REQUEST");
	card = card_new();
	open_payment_window(card, reservation, amount - 1);
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	cr_assert_str_eq(provider_books(card), "nothing");

	/* The next attempt for the reservation uses the same order id with another payment key. */
	card = card_new();
	open_payment_window(card, reservation, amount);
	check_status(pay_by_card(&user, reservation, amount, card, key_new()), 201);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
}

/* A payment key that paid for one reservation cannot pay for another, and the user can pay with a new key. */
Test(card, used_payment_key_for_another_reservation_is_declined, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	reservation = hold_new(&user, &schedule, 1, 1, &amount);
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "ALREADY_PROCESSED_PAYMENT");
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);
	/* Looking up the second payment leaves the first one's money untouched. */
	check_status(webhook(card), 200);
	wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
	    CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "APPROVED");
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
}

/* Attack: a thief uses the owner's payment key to pay for the thief's hold. */
Test(card, payment_with_another_users_payment_key_is_declined, .timeout = 300)
{
	enum { THIEF_FIRST, THIEF_IN_DOUBT, THIEF_LAST, ORDERS };
	struct schedule	 schedule = schedule_new(1, 2 * ORDERS);
	struct user	 owner, thief;
	struct call	 owner_call, thief_call;
	struct reply	 reply;
	char		*reservation, *card;
	int64_t		 amount;
	int		 i;

	for (i = 0; i < ORDERS; i++) {
		owner = user_new();
		thief = user_new();
		card = card_new();
		reservation = hold_new(&owner, &schedule, 2 * i, 1, &amount);
		open_payment_window(card, reservation, amount);
		owner_call = card_call(&owner, reservation, amount, card, key_new());
		thief_call = card_call(&thief, hold_new(&thief, &schedule, 2 * i + 1, 1, &amount), amount, card, owner_call.key);
		if (i == THIEF_IN_DOUBT) {
			set_provider_behaviour(card, "confirm", "timeout_before", 1);
			set_provider_behaviour(card, "find", "500_before", 1000);
			check_status(http(thief_call), 202);
		}
		if (i == THIEF_FIRST) {
			reply = repeat_until_certain(thief_call);
			check_problem(reply, 402, "CARD_DECLINED");
			cr_assert_str_eq(provider_books(card), "nothing");
		}
		check_status(repeat_until_certain(owner_call), 201);
		set_provider_behaviour(card, "find", "delay:0", 1);
		reply = repeat_until_certain(thief_call);
		check_problem(reply, 402, "CARD_DECLINED");
		check_status(webhook(card), 200);
		wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
		    CERTAIN_SECONDS);
		cr_assert_str_eq(seat_status(&schedule, 2 * i), "SOLD_OUT");
		cr_assert_str_neq(seat_status(&schedule, 2 * i + 1), "SOLD_OUT");
		cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
	}
}

/* Fifty duplicates arrive while the provider confirms the first: one payment, and the same answer for all that get one. */
Test(card, fifty_duplicate_card_payments_capture_once, .timeout = 300)
{
	enum { COPIES = 50, THEY_WAIT_MS = 2000 };
	struct schedule	 schedule;
	struct user	 user = user_new();
	struct call	 calls[COPIES];
	struct reply	 replies[COPIES], certain;
	char		*reservation, *card, *key;
	int64_t		 amount, began, took;
	int		 i, answered;

	/* Repeat if the first answer was so late that no duplicate may have waited for it. */
	do {
		schedule = schedule_new(1, 1);
		reservation = hold_new(&user, &schedule, 0, 1, &amount);
		card = card_new();
		key = key_new();
		set_provider_behaviour(card, "confirm", "delay:300", 1);
		for (i = 0; i < COPIES; i++) {
			calls[i] = card_call(&user, reservation, amount, card, key);
			calls[i].base = direct("payment");
		}
		began = now_ms();
		http_all(calls, replies, COPIES);
		took = now_ms() - began;
		certain = repeat_until_certain(calls[0]);
		check_status(certain, 201);
		for (i = answered = 0; i < COPIES; i++) {
			if (replies[i].status == 409) {
				check_problem(replies[i], 409, "IDEMPOTENCY_KEY_IN_USE");
				continue;
			}
			if (replies[i].status == 202 && took >= atoi(setting("CARD_PROVIDER_TIMEOUT_MS")))
				continue;
			check_status(replies[i], 201);
			cr_assert_str_eq(replies[i].body, certain.body);
			answered++;
		}
		cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.payments WHERE reservation_id = '%s'", reservation)), "1");
	} while (answered <= 1 && took >= THEY_WAIT_MS);
	cr_assert_gt(answered, 1, "no duplicate got the first one's answer");
}

Test(card, second_card_payment_of_reservation_is_payment_in_progress, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[2];
	struct reply	 replies[2], reply, *won, *lost;
	char		*reservation, *cards[2];
	int64_t		 amount;
	int		 i;

	/* The payment that wins the race stays in progress until the provider answers. */
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	for (i = 0; i < 2; i++) {
		cards[i] = card_new();
		set_provider_behaviour(cards[i], "confirm", "timeout_after", 1);
		set_provider_behaviour(cards[i], "find", "500_before", 1000);
		calls[i] = card_call(&user, reservation, amount, cards[i], key_new());
	}
	http_all(calls, replies, 2);
	won = replies[0].status == 202 ? &replies[0] : &replies[1];
	lost = won == &replies[0] ? &replies[1] : &replies[0];
	check_status(*won, 202);
	check_problem(*lost, 409, "PAYMENT_IN_PROGRESS");
	/* PAYMENT_IN_PROGRESS is not kept under the key, so a repeat shows the present state. */
	set_provider_behaviour(cards[won - replies], "find", "delay:0", 1);
	reply = repeat_until_certain(calls[won - replies]);
	check_status(reply, 201);
	reply = http(calls[lost - replies]);
	check_problem(reply, 409, "RESERVATION_ALREADY_PAID");
}

/* The user cancels the hold while the provider confirms the card: the captured money is refunded. */
Test(card, card_approval_after_cancellation_is_refunded, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[2];
	struct reply	 replies[2];
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "timeout_after", 1);
	calls[0] = card_call(&user, reservation, amount, card, key_new());
	check_status(http(calls[0]), 202);
	payment = strdup(sql(format("SELECT payment_id FROM payment.payments WHERE reservation_id = '%s'", reservation)));
	/* The cancellation may come before or just after the approval; the user gets the money back in both cases. */
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");

	/* Repeat until the cancellation comes before the card's approval. */
	do {
		reservation = hold_new(&user, &schedule, 0, 1, &amount);
		card = card_new();
		set_provider_behaviour(card, "confirm", "delay:800", 1);
		calls[0] = card_call(&user, reservation, amount, card, key_new());
		calls[1] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user.jwt };
		http_all(calls, replies, 2);
		check_status(replies[1], 200);
		if (replies[0].status == 202)
			replies[0] = repeat_until_certain(calls[0]);
	} while (replies[0].status == 201);
	check_problem(replies[0], 409, "RESERVATION_CANCELLED");
}

/* The resolver repeats a refund without an answer until the provider confirms it; the provider makes it once. */
Test(card, refund_without_answer_is_retried_and_made_once, .timeout = 300)
{
	static const char *const	faults[] = { "timeout_before", "500_after", "cut_after", "malformed", "500_before" };
	enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
	struct schedule	 schedule = schedule_new(1, FAULTS);
	struct user	 users[FAULTS];
	struct reply	 reply;
	char		*reservation, *cards[FAULTS], *payments[FAULTS];
	int64_t		 amount = 0;
	int		 i;

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		reservation = hold_new(&users[i], &schedule, i, 1, &amount);
		cards[i] = card_new();
		reply = pay_by_card(&users[i], reservation, amount, cards[i], key_new());
		check_status(reply, 201);
		payments[i] = strdup(text_at(reply.json, "paymentId"));
		set_provider_behaviour(cards[i], "cancel", faults[i], 2);
		check_status(cancel_reservation(&users[i], reservation), 200);
	}
	for (i = 0; i < FAULTS; i++) {
		wait_for(is(payment_status(&users[i], payments[i]), "REFUNDED"), CERTAIN_SECONDS);
		cr_assert_str_eq(provider_books(cards[i]), format("%" PRId64 "-%" PRId64, amount, amount), "%s", faults[i]);
	}
}

/* The provider repeats its old answer for an old key, also a refusal, so the next attempt needs a new key. */
Test(card, refused_refund_is_retried_with_another_key, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	const char	*lines[] = { NULL, NULL };
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	set_provider_behaviour(card, "cancel", "decline:FORBIDDEN_BANK_REFUND_REQUEST", 1);
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	/* The suffix is usually -1, and higher if an answer of the provider came too late. */
	cr_assert_eq(strncmp(text_at(provider_entry(card), "idempotencyKeys.cancel"), format("refund-%s-", payment),
	    strlen(format("refund-%s-", payment))), 0);

	/* The merchant has refunded a part in the provider's console; the service refunds the rest. */
	card = card_new();
	reservation = hold_new(&user, &schedule, 1, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	lines[0] = provider_authorization();
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = format("/v1/payments/%s/cancel", card),
	    .headers = lines, .body = "{\"cancelReason\":\"by hand\",\"cancelAmount\":1000}" }), 200);
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
}

/*
 * The merchant refunds a part of a capture whose outcome is still unknown. The rest no longer matches the payment, so
 * the service voids it.
 */
Test(card, partly_refunded_capture_with_unknown_outcome_is_voided, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply;
	char		*reservation, *card = card_new();
	const char	*lines[] = { provider_authorization(), NULL };
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "500_after", 1);
	set_provider_behaviour(card, "find", "500_before", 1000);
	call = card_call(&user, reservation, amount, card, key_new());
	check_status(http(call), 202);
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = format("/v1/payments/%s/cancel", card),
	    .headers = lines, .body = "{\"cancelReason\":\"by hand\",\"cancelAmount\":1000}" }), 200);
	set_provider_behaviour(card, "find", "delay:0", 1);
	reply = repeat_until_certain(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	/* The provider has closed this order, so the next card is declined at once; points still pay. */
	card = card_new();
	reply = repeat_until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "DUPLICATED_ORDER_ID");
	cr_assert_str_eq(provider_books(card), "nothing");
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

Test(card, ten_concurrent_cancellations_refund_once, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[10];
	struct reply	 replies[10], reply;
	char		*reservation, *payment, *card = card_new();
	int64_t		 amount;
	int		 i;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	for (i = 0; i < 10; i++)
		calls[i] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user.jwt, .base = direct("reservation") };
	http_all(calls, replies, 10);
	for (i = 0; i < 10; i++)
		check_status(replies[i], 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
}

/* --- tests that kill a worker; the suite `restart` runs alone ---------------------------------------- */

static void
check_payment_survives_killed_worker(const char *fault, int kill_after_ms)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply, again;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;
	pid_t		 first;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", fault, 1);
	call = card_call(&user, reservation, amount, card, key_new());
	first = fork();
	cr_assert_neq(first, -1);
	if (first == 0) {
		call.base = direct("payment");
		(void)http(call);
		_exit(0);
	}
	wait_for(!is(payment = sql(format("SELECT payment_id FROM payment.payments WHERE reservation_id = '%s'",
	    reservation)), ""), 60);
	pause_ms(kill_after_ms);
	kill_workers("payment-0");
	(void)waitpid(first, NULL, 0);

	/* A duplicate that arrives meanwhile gets the result or an answer that asks the client to repeat. */
	reply = http(call);
	cr_assert(reply.status == 409 || reply.status == 202 || reply.status == 201 || reply.status == 503 ||
	    reply.status == 502, "%ld", reply.status);
	wait_for((reply = http(call)).status == 201, CERTAIN_SECONDS);
	cr_assert_str_eq(text_at(reply.json, "paymentId"), payment);
	again = http(call);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.payments WHERE reservation_id = '%s'", reservation)), "1");
}

Test(restart, card_payment_of_killed_worker_is_completed_once, .timeout = 300)
{
	check_payment_survives_killed_worker("timeout_before", 300);
	check_payment_survives_killed_worker("timeout_after", 300);
	check_payment_survives_killed_worker("delay:10", 0);
}
