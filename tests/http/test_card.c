/*
 * Card payments through the real services and a provider that misbehaves when it
 * is told to: whatever it does, the money is taken once or not at all, and the
 * provider's books say the same as ours.
 */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

Test(card, a_card_buys_the_ticket_and_a_cancellation_is_refunded, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*reservation, *key = key_new(), *card = card_new(), *payment;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "APPROVED");
	cr_assert_str_eq(text_at(reply.json, "method"), "CARD");
	cr_assert_str_eq(text_at(reply.json, "reservationStatus"), "CONFIRMED");
	cr_assert_eq(number_at(reply.json, "amount"), amount);
	payment = strdup(text_at(reply.json, "paymentId"));
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	cr_assert_str_eq(text_at(entry_of(card), "orderId"), reservation);
	cr_assert_str_eq(text_at(entry_of(card), "idempotencyKeys.confirm"), format("confirm-%s", payment));

	again = pay_by_card(&user, reservation, amount, card, key);
	check_status(again, 201);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	reply = pay_by_card(&user, reservation, amount, card_new(), key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");
	again = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_problem(again, 409, "RESERVATION_ALREADY_PAID");

	reply = cancel(&user, reservation);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	cr_assert_str_eq(text_at(reply.json, "refund.status"), "REFUND_PENDING");
	cr_assert_eq(number_at(reply.json, "refund.amount"), amount);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	cr_assert_str_eq(text_at(entry_of(card), "idempotencyKeys.cancel"), format("refund-%s", payment));
	reply = cancel(&user, reservation);
	cr_assert_str_eq(text_at(reply.json, "refund.status"), "REFUNDED");
}

Test(card, a_declined_card_leaves_the_hold_and_the_third_cancels_it, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply, again;
	char		*reservation, *key = key_new(), *card = card_new();
	int64_t		 amount;
	int		 i;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "decline:REJECT_CARD_PAYMENT", 1);
	reply = pay_by_card(&user, reservation, amount, card, key);
	check_declined(&reply, "REJECT_CARD_PAYMENT");
	cr_assert_str_eq(payment_status(&user, text_at(reply.json, "paymentId")), "FAILED");
	cr_assert_str_eq(books(card), "nothing");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	again = pay_by_card(&user, reservation, amount, card, key);
	cr_assert_str_eq(again.body, reply.body, "a replay is no further attempt");

	for (i = 0; i < 2; i++) {
		card = card_new();
		provider_does(card, "confirm", "decline:INVALID_STOPPED_CARD", 1);
		reply = pay_by_card(&user, reservation, amount, card, key_new());
		check_problem(reply, 402, "CARD_DECLINED");
	}
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	reply = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_problem(reply, 409, "RESERVATION_CANCELLED");
}

Test(card, a_declined_card_can_be_followed_by_another_or_by_points, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new();
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "decline:INVALID_CARD_EXPIRATION", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);

	reservation = held(&user, &schedule, 1, 1, &amount);
	card = card_new();
	provider_does(card, "confirm", "decline:INVALID_CARD_EXPIRATION", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

/* One purchase for each way not to answer: 202, and in the end the ticket, once. */
Test(card, without_an_answer_it_is_pending_and_then_certain, .timeout = 180)
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
		reservations[i] = held(&users[i], &schedule, i, 1, &amounts[i]);
		cards[i] = card_new();
		provider_does(cards[i], "confirm", faults[i], 1);
		calls[i] = card_call(&users[i], reservations[i], amounts[i], cards[i], key_new());
	}
	http_all(calls, replies, FAULTS);
	for (i = 0; i < FAULTS; i++) {
		/* A kept connection that is cut is tried again by the HTTP client, with the same idempotency key. */
		if (strncmp(faults[i], "cut", 3) != 0 || replies[i].status != 201) {
			check_status(replies[i], 202);
			cr_assert_str_eq(text_at(replies[i].json, "status"), "PENDING", "%s", faults[i]);
			cr_assert_str_eq(text_at(replies[i].json, "reservationStatus"), "HOLD");
		}
		payment = strdup(text_at(replies[i].json, "paymentId"));

		wait_for(is(payment_status(&users[i], payment), "APPROVED"), CERTAIN_SECONDS);
		cr_assert_str_eq(seat_status(&schedule, i), "SOLD_OUT", "%s", faults[i]);
		cr_assert_str_eq(books(cards[i]), format("%" PRId64 "-0", amounts[i]), "%s", faults[i]);
		again = http(calls[i]);
		check_status(again, 201);
		last = http(calls[i]);
		cr_assert_str_eq(again.body, last.body, "once final, an answer stays");
		cr_assert_str_eq(header(&last, "Idempotent-Replayed"), "true");
	}
}

/* A refusal that is on no list of final ones is looked up, and then it is final. */
Test(card, an_unknown_refusal_is_looked_up, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply, again;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "decline:UNAPPROVED_ORDER_ID", 1);
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
	cr_assert_str_eq(books(card), "nothing");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

/* As the provider has it: the payment window is opened for an order and an amount, and confirm must repeat them. */
Test(card, the_order_is_the_reservation_that_the_page_asked_for, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new();
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_knows(card, key_new(), amount);
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "FORBIDDEN_REQUEST");
	card = card_new();
	provider_knows(card, reservation, amount - 1);
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	cr_assert_str_eq(books(card), "nothing");

	/* A further try for the same reservation has the same order, and another payment key. */
	card = card_new();
	provider_knows(card, reservation, amount);
	check_status(pay_by_card(&user, reservation, amount, card, key_new()), 201);
	cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
}

/* A payment key that has paid for something pays for nothing else, and holds nobody up. */
Test(card, a_spent_payment_key_is_declined, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	reservation = held(&user, &schedule, 1, 1, &amount);
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "ALREADY_PROCESSED_PAYMENT");
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);
	/* Nor is the first one's money touched when the second is looked at. */
	check_status(webhook(card), 200);
	wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
	    CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "APPROVED");
	cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
}

/* The same attack on a payment: the thief uses the owner's payment key for the thief's hold. */
Test(card, payment_key_of_another_user_pays_nothing_else, .timeout = 120)
{
	enum { THIEF_FIRST, THIEF_IN_DOUBT, THIEF_LAST, ORDERS };
	struct schedule	 schedule = schedule_new(1, 2 * ORDERS);
	struct user	 owner, thief;
	struct call	 owners, thiefs;
	struct reply	 reply;
	char		*reservation, *card;
	int64_t		 amount;
	int		 i;

	for (i = 0; i < ORDERS; i++) {
		owner = user_new();
		thief = user_new();
		card = card_new();
		reservation = held(&owner, &schedule, 2 * i, 1, &amount);
		provider_knows(card, reservation, amount);
		owners = card_call(&owner, reservation, amount, card, key_new());
		thiefs = card_call(&thief, held(&thief, &schedule, 2 * i + 1, 1, &amount), amount, card, owners.key);
		if (i == THIEF_IN_DOUBT) {
			provider_does(card, "confirm", "timeout_before", 1);
			provider_does(card, "find", "500_before", 1000);
			check_status(http(thiefs), 202);
		}
		if (i == THIEF_FIRST) {
			reply = until_certain(thiefs);
			check_problem(reply, 402, "CARD_DECLINED");
			cr_assert_str_eq(books(card), "nothing");
		}
		check_status(until_certain(owners), 201);
		provider_does(card, "find", "delay:0", 1);
		reply = until_certain(thiefs);
		check_problem(reply, 402, "CARD_DECLINED");
		check_status(webhook(card), 200);
		wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
		    CERTAIN_SECONDS);
		cr_assert_str_eq(seat_status(&schedule, 2 * i), "SOLD_OUT");
		cr_assert_str_neq(seat_status(&schedule, 2 * i + 1), "SOLD_OUT");
		cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	}
}

/* Fifty duplicates while the first is asked: one payment, one answer for all who get one. */
Test(card, duplicates_at_once_are_one_payment, .timeout = 120)
{
	enum { COPIES = 50, THEY_WAIT_MS = 2000 };
	struct schedule	 schedule;
	struct user	 user = user_new();
	struct call	 calls[COPIES];
	struct reply	 replies[COPIES], certain;
	char		*reservation, *card, *key;
	int64_t		 amount, began, took;
	int		 i, answered;

	/* Once more, if the first one's answer was so late that nobody may have waited for it. */
	do {
		schedule = schedule_new(1, 1);
		reservation = held(&user, &schedule, 0, 1, &amount);
		card = card_new();
		key = key_new();
		provider_does(card, "confirm", "delay:300", 1);
		for (i = 0; i < COPIES; i++) {
			calls[i] = card_call(&user, reservation, amount, card, key);
			calls[i].base = direct("payment");
		}
		began = now_ms();
		http_all(calls, replies, COPIES);
		took = now_ms() - began;
		certain = until_certain(calls[0]);
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
	cr_assert_gt(answered, 1, "they wait for the first one's answer");
}

Test(card, another_payment_of_the_same_reservation_is_in_progress, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[2];
	struct reply	 replies[2], reply, *won, *lost;
	char		*reservation, *cards[2];
	int64_t		 amount;
	int		 i;

	/* Whichever is asked is in progress until the provider tells. */
	reservation = held(&user, &schedule, 0, 1, &amount);
	for (i = 0; i < 2; i++) {
		cards[i] = card_new();
		provider_does(cards[i], "confirm", "timeout_after", 1);
		provider_does(cards[i], "find", "500_before", 1000);
		calls[i] = card_call(&user, reservation, amount, cards[i], key_new());
	}
	http_all(calls, replies, 2);
	won = replies[0].status == 202 ? &replies[0] : &replies[1];
	lost = won == &replies[0] ? &replies[1] : &replies[0];
	check_status(*won, 202);
	check_problem(*lost, 409, "PAYMENT_IN_PROGRESS");
	/* That was only for now: the same key now says what is so. */
	provider_does(cards[won - replies], "find", "delay:0", 1);
	reply = until_certain(calls[won - replies]);
	check_status(reply, 201);
	reply = http(calls[lost - replies]);
	check_problem(reply, 409, "RESERVATION_ALREADY_PAID");
}

/* The user lets go while the card is asked: money that comes then goes back. */
Test(card, late_money_goes_back, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[2];
	struct reply	 replies[2];
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "timeout_after", 1);
	calls[0] = card_call(&user, reservation, amount, card, key_new());
	check_status(http(calls[0]), 202);
	payment = strdup(sql(format("SELECT payment_id FROM payment.payments WHERE reservation_id = '%s'", reservation)));
	/* Either the cancellation finds it unpaid, or just paid: the money is the user's in both cases. */
	check_status(cancel(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");

	/* Until the cancellation was faster than the card. */
	do {
		reservation = held(&user, &schedule, 0, 1, &amount);
		card = card_new();
		provider_does(card, "confirm", "delay:800", 1);
		calls[0] = card_call(&user, reservation, amount, card, key_new());
		calls[1] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user.jwt };
		http_all(calls, replies, 2);
		check_status(replies[1], 200);
		if (replies[0].status == 202)
			replies[0] = until_certain(calls[0]);
	} while (replies[0].status == 201);
	check_problem(replies[0], 409, "RESERVATION_CANCELLED");
}

/* A refund that fails in every way is repeated until the provider has confirmed it, and made once. */
Test(card, refunds_are_repeated_until_they_are_certain, .timeout = 180)
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
		reservation = held(&users[i], &schedule, i, 1, &amount);
		cards[i] = card_new();
		reply = pay_by_card(&users[i], reservation, amount, cards[i], key_new());
		check_status(reply, 201);
		payments[i] = strdup(text_at(reply.json, "paymentId"));
		provider_does(cards[i], "cancel", faults[i], 2);
		check_status(cancel(&users[i], reservation), 200);
	}
	for (i = 0; i < FAULTS; i++) {
		wait_for(is(payment_status(&users[i], payments[i]), "REFUNDED"), CERTAIN_SECONDS);
		cr_assert_str_eq(books(cards[i]), format("%" PRId64 "-%" PRId64, amount, amount), "%s", faults[i]);
	}
}

/* The provider repeats the answer to an idempotency key, also a refusal: the next try needs another key. */
Test(card, a_refused_refund_is_asked_for_with_another_key, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	const char	*lines[] = { NULL, NULL };
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	provider_does(card, "cancel", "decline:FORBIDDEN_BANK_REFUND_REQUEST", 1);
	check_status(cancel(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	cr_assert_str_eq(text_at(entry_of(card), "idempotencyKeys.cancel"), format("refund-%s-1", payment));

	/* Part of it was given back by hand, at the provider: the rest follows. */
	card = card_new();
	reservation = held(&user, &schedule, 1, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	lines[0] = provider_authorization();
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = format("/v1/payments/%s/cancel", card),
	    .headers = lines, .body = "{\"cancelReason\":\"by hand\",\"cancelAmount\":1000}" }), 200);
	check_status(cancel(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
}

/* Part of it is given back by hand before it was known to be taken: it can never be the payment, so the rest goes too. */
Test(card, what_can_never_be_the_payment_is_voided, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply;
	char		*reservation, *card = card_new();
	const char	*lines[] = { provider_authorization(), NULL };
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "500_after", 1);
	provider_does(card, "find", "500_before", 1000);
	call = card_call(&user, reservation, amount, card, key_new());
	check_status(http(call), 202);
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = format("/v1/payments/%s/cancel", card),
	    .headers = lines, .body = "{\"cancelReason\":\"by hand\",\"cancelAmount\":1000}" }), 200);
	provider_does(card, "find", "delay:0", 1);
	reply = until_certain(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
	/* Its order is closed at the provider by now, which is found out at once, and points still pay for it. */
	card = card_new();
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "DUPLICATED_ORDER_ID");
	cr_assert_str_eq(books(card), "nothing");
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

Test(card, ten_cancellations_at_once_refund_once, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[10];
	struct reply	 replies[10], reply;
	char		*reservation, *payment, *card = card_new();
	int64_t		 amount;
	int		 i;

	reservation = held(&user, &schedule, 0, 1, &amount);
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
	cr_assert_str_eq(books(card), format("%" PRId64 "-%" PRId64, amount, amount));
}

/* --- killed in the middle; runs alone, after the others ---------------------------------------------- */

/* The Kore worker of the first payment service that this stack started. */
static const char *const	kill_worker = "kill -KILL $(cat /proc/$('%s/ctl' pid payment-0)/task/*/children)";

static void
a_killed_worker_is_followed(const char *fault, int kill_after_ms)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply, again;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;
	pid_t		 first;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", fault, 1);
	call = card_call(&user, reservation, amount, card, key_new());
	first = fork();
	cr_assert_neq(first, -1);
	if (first == 0) {
		call.base = direct("payment");
		(void)http(call);
		_exit(0);
	}
	wait_for(!is(payment = sql(format("SELECT payment_id FROM payment.payments WHERE reservation_id = '%s'",
	    reservation)), ""), 10);
	pause_ms(kill_after_ms);
	cr_assert_eq(system(format(kill_worker, setting("RUN_DIR"))), 0);
	(void)waitpid(first, NULL, 0);

	/* A duplicate that comes while it is dead: its answer is one of those that say "again". */
	reply = http(call);
	cr_assert(reply.status == 409 || reply.status == 202 || reply.status == 201 || reply.status == 503 ||
	    reply.status == 502, "%ld", reply.status);
	wait_for((reply = http(call)).status == 201, CERTAIN_SECONDS);
	cr_assert_str_eq(text_at(reply.json, "paymentId"), payment);
	again = http(call);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.payments WHERE reservation_id = '%s'", reservation)), "1");
}

Test(restart, a_card_payment_whose_worker_is_killed_is_seen_to_its_end, .timeout = 180)
{
	a_killed_worker_is_followed("timeout_before", 300);
	a_killed_worker_is_followed("timeout_after", 300);
	a_killed_worker_is_followed("delay:10", 0);
}
