/*
 * Card payments through the real services and a provider that misbehaves when it
 * is told to: whatever it does, the money is taken once or not at all, and the
 * provider's books say the same as ours.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "harness.h"

/* A provider that is slower than CARD_PROVIDER_TIMEOUT_MS, then a look-up and perhaps another confirm. */
#define CERTAIN_SECONDS	30

static char *
card_new(void)
{
	char	text[UUID_TEXT];

	uuid_new(text);
	return (format("card-%s", text));
}

static struct reply
provider(const char *path, const char *body)
{
	return (http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = path, .body = body }));
}

/* What the provider is to do the next `times` times: "confirm" or "cancel" of this card. */
static void
provider_does(const char *card, const char *call, const char *what, int times)
{
	struct reply	reply;

	reply = provider("/simulator/behaviours",
	    format("{\"paymentKey\":\"%s\",\"%s\":\"%s\",\"times\":%d}", card, call, what, times));
	cr_assert(reply.status >= 200 && reply.status < 300, "%ld %s", reply.status, reply.body);
}

/* The user has been through the provider's window, which the page has opened for this order and amount. */
static void
provider_knows(const char *card, const char *order, int64_t amount)
{
	check_status(provider("/simulator/payments", format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":%" PRId64 "}",
	    card, order, amount)), 204);
}

/* What the provider's books have of a card, NULL if it is not in them. */
static const cJSON *
entry_of(const char *card)
{
	struct reply	 reply = provider("/simulator/books", NULL);
	const cJSON	*item, *found = NULL;

	check_status(reply, 200);
	cJSON_ArrayForEach(item, at(reply.json, "orders")) {
		if (strcmp(text_at(item, "paymentKey"), card) == 0) {
			cr_assert_null(found, "%s is in the books twice", card);
			found = item;
		}
	}
	return (found);
}

/* "captured-refunded" of a card in the provider's books, "nothing" if nothing was taken. */
static const char *
books(const char *card)
{
	const cJSON	*entry = entry_of(card);
	const char	*found = entry == NULL ? "nothing" :
			    format("%" PRId64 "-%" PRId64, number_at(entry, "captured"), number_at(entry, "refunded"));

	return (strcmp(found, "0-0") == 0 ? "nothing" : found);
}

static struct call
card_call(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key)
{
	return ((struct call){ .path = "/payments", .jwt = user->jwt, .key = key,
	    .body = format("{\"reservationId\":\"%s\",\"amount\":%" PRId64 ",\"method\":\"CARD\","
	    "\"card\":{\"paymentKey\":\"%s\"}}", reservation, amount, card) });
}

static struct reply
pay_by_card(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key)
{
	return (http(card_call(user, reservation, amount, card, key)));
}

static const char *
payment_status(const struct user *user, const char *payment)
{
	struct reply	reply = http((struct call){ .path = format("/payments/%s", payment), .jwt = user->jwt });

	check_status(reply, 200);
	return (text_at(reply.json, "status"));
}

static struct reply
cancel(const struct user *user, const char *reservation)
{
	return (http((struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
	    .jwt = user->jwt }));
}

/* As the merchant, at the provider itself. */
static const char *
provider_authorization(void)
{
	char	*plain = format("%s:", read_file(setting("CARD_PROVIDER_SECRET_FILE"))), *text = calloc(1, 2 * strlen(plain) + 8);

	(void)EVP_EncodeBlock((unsigned char *)text, (unsigned char *)plain, (int)strlen(plain));
	return (format("Authorization: Basic %s", text));
}

static bool
is(const char *a, const char *b)
{
	return (strcmp(a, b) == 0);
}

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
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "REJECT_CARD_PAYMENT");
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

/* Asks again, with the same key, until it is no longer PENDING or CHARGING. */
static struct reply
until_certain(struct call call)
{
	struct reply	reply = http(call);

	wait_for(reply.status != 202 || (reply = http(call)).status != 202, CERTAIN_SECONDS);
	return (reply);
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
	reply = http((struct call){ .path = "/payments/webhooks/toss", .body = format("{\"data\":{\"paymentKey\":\"%s\"}}", card) });
	check_status(reply, 200);
	wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
	    CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "APPROVED");
	cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
}

/* Fifty duplicates while the first is asked: one payment, one answer for all who get one. */
Test(card, duplicates_at_once_are_one_payment, .timeout = 120)
{
	enum { COPIES = 50 };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[COPIES];
	struct reply	 replies[COPIES];
	char		*reservation, *card = card_new(), *key = key_new(), *first = NULL;
	int64_t		 amount;
	int		 i, answered = 0;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "delay:700", 1);
	for (i = 0; i < COPIES; i++) {
		calls[i] = card_call(&user, reservation, amount, card, key);
		calls[i].base = direct("payment");
	}
	http_all(calls, replies, COPIES);
	for (i = 0; i < COPIES; i++) {
		if (replies[i].status == 409) {
			check_problem(replies[i], 409, "IDEMPOTENCY_KEY_IN_USE");
			continue;
		}
		check_status(replies[i], 201);
		if (first == NULL)
			first = replies[i].body;
		cr_assert_str_eq(replies[i].body, first);
		answered++;
	}
	cr_assert_gt(answered, 1, "they wait for the first one's answer");
	cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.payments WHERE reservation_id = '%s'", reservation)), "1");
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

	reservation = held(&user, &schedule, 0, 1, &amount);
	for (i = 0; i < 2; i++) {
		cards[i] = card_new();
		provider_does(cards[i], "confirm", "delay:1000", 1);
		calls[i] = card_call(&user, reservation, amount, cards[i], key_new());
	}
	http_all(calls, replies, 2);
	won = replies[0].status == 201 ? &replies[0] : &replies[1];
	lost = won == &replies[0] ? &replies[1] : &replies[0];
	check_status(*won, 201);
	check_problem(*lost, 409, "PAYMENT_IN_PROGRESS");
	/* That was only for now: the same key now says what is so. */
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

	reservation = held(&user, &schedule, 0, 1, &amount);
	card = card_new();
	provider_does(card, "confirm", "delay:1200", 1);
	calls[0] = card_call(&user, reservation, amount, card, key_new());
	calls[1] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
	    .jwt = user.jwt };
	http_all(calls, replies, 2);
	check_status(replies[1], 200);
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

static struct reply
webhook(const char *card)
{
	return (http((struct call){ .path = "/payments/webhooks/toss", .body = format("{\"eventType\":\"PAYMENT_STATUS_CHANGED\","
	    "\"data\":{\"orderId\":\"x\",\"paymentKey\":\"%s\",\"status\":\"DONE\",\"totalAmount\":1}}", card) }));
}

Test(card, a_webhook_only_causes_a_look, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "decline:REJECT_CARD_PAYMENT", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	payment = strdup(text_at(reply.json, "paymentId"));
	check_status(webhook(card), 200);
	wait_for(is(sql(format("SELECT due_at IS NULL AND tries > 0 FROM payment.cards WHERE payment_id = '%s'", payment)), "t"),
	    CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "FAILED");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	check_status(webhook("nobody-s"), 200);
	check_status(http((struct call){ .path = "/payments/webhooks/toss", .body = "[" }), 200);
}

/* A look-up that is an hour away comes at once, and so does one more if somebody is looking already. */
Test(card, a_webhook_is_not_lost, .timeout = 120)
{
	static const char *const	lookups[] = { "delay:0", "timeout_before" };
	struct schedule			 schedule = schedule_new(1, 2);
	struct user			 user = user_new();
	struct reply			 reply;
	char				*reservation, *card, *payment;
	int64_t				 amount;
	int				 i;

	for (i = 0; i < 2; i++) {
		reservation = held(&user, &schedule, i, 1, &amount);
		card = card_new();
		provider_does(card, "confirm", "500_after", 1);
		provider_does(card, "webhook", "late", 1);
		provider_does(card, "find", "500_before", 1000);
		reply = pay_by_card(&user, reservation, amount, card, key_new());
		check_status(reply, 202);
		payment = strdup(text_at(reply.json, "paymentId"));
		/* Until nobody is looking, and nobody is to for an hour; the next pause would be a minute. */
		wait_for(is(sql(format("WITH put_off AS (UPDATE payment.cards SET due_at = now() + interval '1 hour', tries = 50 "
		    "WHERE payment_id = '%s' AND leased_until IS NULL AND NOT nudged RETURNING 1) SELECT count(*) FROM put_off",
		    payment)), "1"), CERTAIN_SECONDS);
		provider_does(card, "find", lookups[i], 1);
		check_status(webhook(card), 200);
		if (i == 1) {
			wait_for(is(sql(format("SELECT leased_until > now() FROM payment.cards WHERE payment_id = '%s'", payment)), "t"), 10);
			check_status(webhook(card), 200);
		}
		wait_for(is(payment_status(&user, payment), "APPROVED"), CERTAIN_SECONDS);
		cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	}
}

/* The provider's own: twice, late, before the answer to the confirm (which waits for it). */
Test(card, webhooks_at_odd_times_change_nothing, .timeout = 120)
{
	static const char *const	notices[] = { "twice", "late", "early" };
	struct schedule			 schedule = schedule_new(1, 3);
	struct user			 user = user_new();
	struct reply			 first, again;
	struct call			 call;
	char				*reservation, *card;
	int64_t				 amount;
	int				 i;

	for (i = 0; i < 3; i++) {
		reservation = held(&user, &schedule, i, 1, &amount);
		card = card_new();
		provider_does(card, "webhook", notices[i], 1);
		call = card_call(&user, reservation, amount, card, key_new());
		first = http(call);
		check_status(first, 201);
		/* It knows whom it has told of how many changes. */
		wait_for(number_at(entry_of(card), "webhooks") == 1 + (i == 0), CERTAIN_SECONDS);
		again = http(call);
		cr_assert_str_eq(again.body, first.body);
		cr_assert_str_eq(payment_status(&user, text_at(first.json, "paymentId")), "APPROVED");
		cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	}
}

Test(card, the_key_is_what_the_provider_gave)
{
	struct user	 user = user_new();
	char		 nobody[UUID_TEXT];
	struct reply	 reply;

	uuid_new(nobody);
	reply = pay_by_card(&user, nobody, 1000, "../confirm", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_by_card(&user, nobody, 1000, card_new(), key_new());
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
}

/* A payment with `card` as it is given, or without one. */
static struct reply
pay_with(const struct user *user, const char *reservation, const char *method, const char *card, const char *key)
{
	return (http((struct call){ .path = "/payments", .jwt = user->jwt, .key = key,
	    .body = format("{\"reservationId\":\"%s\",\"amount\":1000,\"method\":\"%s\"%s%s}", reservation, method,
	    card == NULL ? "" : ",\"card\":", card == NULL ? "" : card) }));
}

Test(card, what_nobody_reads_makes_no_other_request)
{
	struct user	 user = user_new();
	char		 nobody[UUID_TEXT], *key = key_new();
	struct reply	 reply;

	uuid_new(nobody);
	check_status(pay_with(&user, nobody, "CARD", "{\"paymentKey\":\"k\",\"issuer\":1}", key), 404);
	reply = pay_with(&user, nobody, "CARD", "{\"issuer\":2,\"paymentKey\":\"k\"}", key);
	check_problem(reply, 404, "RESERVATION_NOT_FOUND");
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	reply = pay_with(&user, nobody, "CARD", "{\"paymentKey\":\"l\"}", key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");

	key = key_new();
	check_status(pay_with(&user, nobody, "POINT", "{\"paymentKey\":\"k\"}", key), 404);
	reply = pay_with(&user, nobody, "POINT", NULL, key);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
	reply = pay_with(&user, nobody, "POINT", "7", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, nobody, "POINT", "{\"paymentKey\":7}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, nobody, "POINT", "{}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = pay_with(&user, nobody, "CARD", "{}", key_new());
	check_problem(reply, 400, "INVALID_REQUEST");
}

/* Holds the lock on all that a user does, for a while, in a process of its own; returns when it is held. */
static pid_t
locked(const struct user *user, const char *seconds)
{
	const char	*lock = format("hashtextextended('user %s', 0)", user->id);
	pid_t		 holder = fork();

	cr_assert_neq(holder, -1);
	if (holder == 0) {
		(void)sql(format("SELECT pg_advisory_xact_lock(%s), pg_sleep(%s)", lock, seconds));
		_exit(0);
	}
	wait_for(is(sql(format("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND "
	    "(classid::bigint << 32 | objid::bigint) = %s", lock)), "1"), 10);
	return (holder);
}

/* Card payments are counted from the moment they come in, not from that in which the provider is asked. */
Test(card, more_card_payments_than_a_worker_takes_are_shed, .timeout = 60)
{
	enum { CALLS = 540, TAKEN = 500 };
	static struct call	 calls[CALLS];
	static struct reply	 replies[CALLS];
	struct user		 user = user_new();
	char			 nobody[UUID_TEXT];
	pid_t			 holder;
	int			 i, shed = 0;

	uuid_new(nobody);
	for (i = 0; i < CALLS; i++) {
		calls[i] = card_call(&user, nobody, 1000, card_new(), key_new());
		calls[i].base = direct("payment");
	}
	holder = locked(&user, "1.9");
	http_all(calls, replies, CALLS);
	(void)waitpid(holder, NULL, 0);
	for (i = 0; i < CALLS; i++)
		shed += replies[i].status == 503 && strstr(replies[i].body, "Too many card payments") != NULL;
	cr_assert_geq(shed, CALLS - TAKEN, "%d", shed);
	/* And they are taken again. */
	check_status(http(calls[0]), 404);
}

/* A program's metric, or one of its samples; 0 if it has none. */
static double
metric(const char *base, const char *name)
{
	struct reply	 reply = http((struct call){ .base = base, .path = "/metrics" });
	const char	*found;

	check_status(reply, 200);
	found = strstr(reply.body, format("\n%s ", name));
	return (found == NULL ? 0 : strtod(found + strlen(name) + 2, NULL));
}

Test(card, certainty_is_measured, .timeout = 60)
{
	static const char	paid[] = "card_certainty_seconds_count{what=\"payment\"}";
	static const char	refunded[] = "card_certainty_seconds_count{what=\"refund\"}";
	static const char	seconds[] = "card_certainty_seconds_sum{what=\"payment\"}";
	struct schedule		schedule = schedule_new(1, 2);
	struct user		user = user_new();
	struct reply		reply;
	char			*reservation, *card = card_new(), *payment;
	double			before, before_refunded, before_seconds;
	int64_t			amount;

	before = metric(direct("payment"), paid);
	before_refunded = metric(direct("payment"), refunded);
	reservation = held(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	wait_for(metric(direct("payment"), paid) >= before + 1, 10);
	check_status(cancel(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	wait_for(metric(direct("payment"), refunded) >= before_refunded + 1, 10);

	/* What the resolver finds out counts too, with all the time it took. */
	reservation = held(&user, &schedule, 1, 1, &amount);
	card = card_new();
	provider_does(card, "confirm", "timeout_after", 1);
	before = metric(direct("payment"), paid);
	before_seconds = metric(direct("payment"), seconds);
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_status(reply, 201);
	wait_for(metric(direct("payment"), paid) >= before + 1, 10);
	wait_for(metric(direct("payment"), seconds) >= before_seconds + (double)atoi(setting("CARD_PROVIDER_TIMEOUT_MS")) / 1000, 10);
}

/* Every program's log, PostgreSQL's with what it says of slow statements among them. */
Test(card, neither_the_secret_nor_a_payment_key_is_in_a_log, .timeout = 60)
{
	static const char *const	logs[] = { "access", "gateway-error", "payment-0", "point-0", "postgres", "redis",
	    "reservation-0", "toss" };
	struct schedule			 schedule = schedule_new(1, 1);
	struct user			 user = user_new();
	char				*reservation;
	int64_t				 amount;
	pid_t				 holder;
	size_t				 i;

	reservation = held(&user, &schedule, 0, 1, &amount);
	holder = locked(&user, "1.5");
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);
	(void)waitpid(holder, NULL, 0);
	for (i = 0; i < sizeof(logs) / sizeof(logs[0]); i++)
		cr_assert_eq(system(format("test -f '%s/log/%s.log'", setting("RUN_DIR"), logs[i])), 0, "there is no %s.log", logs[i]);
	wait_for(system(format("grep -q 'duration: .*payment.begin_card' '%s/log/postgres.log'", setting("RUN_DIR"))) == 0, 10);
	cr_assert_eq(system(format("cd '%s/log' && ! grep -q -F -e \"$(cat '%s')\" -e \"$(printf '%%s:' \"$(cat '%s')\" | base64 -w 0)\" "
	    "-e 'card-' *.log", setting("RUN_DIR"), setting("CARD_PROVIDER_SECRET_FILE"), setting("CARD_PROVIDER_SECRET_FILE"))), 0,
	    "a secret or a card's key is in a log");
}

/* The line of a story that holds `part`, NULL if none does. */
static const char *
line_of(const char *story, const char *part)
{
	const char	*found = strstr(story, part), *begin = found;

	if (found == NULL)
		return (NULL);
	while (begin > story && begin[-1] != '\n')
		begin--;
	return (format("%.*s", (int)strcspn(begin, "\n"), begin));
}

static char *
story_of(const char *reservation)
{
	FILE	*pipe = popen(format("deploy/local/story %s", reservation), "r");
	char	*text = calloc(1, 65536);

	cr_assert(pipe != NULL && text != NULL);
	(void)fread(text, 1, 65535, pipe);
	cr_assert_eq(pclose(pipe), 0, "%s", text);
	return (text);
}

Test(card, the_story_of_a_card_purchase_is_told_in_order, .timeout = 120)
{
	static const char *const	steps[] = { "holds", "by CARD is begun", "failed: CARD_DECLINED (ABORTED)", "by CARD is begun",
	    "approved", "CANCELLED after 1 failed payments", "refunded: ", "the reservation is CANCELLED" };
	static const char *const	events[] = { "PaymentPending", "PaymentFailed", "PaymentPending", "PaymentApproved",
	    "PaymentRefundPending", "PaymentRefunded" };
	struct schedule			 schedule = schedule_new(1, 1);
	struct user			 user = user_new();
	struct reply			 reply;
	char				*reservation, *card = card_new(), *payment, *story;
	const char			*at, *failed, *event;
	int64_t				 amount;
	size_t				 i;

	reservation = held(&user, &schedule, 0, 1, &amount);
	provider_does(card, "confirm", "decline:UNAPPROVED_ORDER_ID", 1);
	reply = until_certain(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	reply = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	check_status(cancel(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);

	story = story_of(reservation);
	for (i = 0, at = story; i < sizeof(steps) / sizeof(steps[0]); i++, at++)
		cr_assert_not_null(at = strstr(at, steps[i]), "'%s' is not in its place in\n%s", steps[i], story);
	for (i = 0, at = story; i < sizeof(events) / sizeof(events[0]); i++, at++)
		cr_assert_not_null(at = strstr(at, events[i]), "'%s' is not in its place in\n%s", events[i], story);
	/* When it failed, not when it was begun. */
	failed = line_of(story, "failed: CARD_DECLINED");
	event = line_of(story, "PaymentFailed");
	cr_assert_arr_eq(failed, event, 24, "%s\n%s", failed, event);
}

/* --- charges: a point service of its own, whose charges are by card -------------------------------- */

static pid_t	by_card;
static char	by_card_base[64];

static void
by_card_start(void)
{
	int	port = atoi(setting("POINT_PORT")) + 9;
	pid_t	parent = getpid();

	(void)snprintf(by_card_base, sizeof(by_card_base), "http://127.0.0.1:%d", port);
	by_card = fork();
	cr_assert_geq(by_card, 0);
	if (by_card == 0) {
		/* However this test ends, it ends too. */
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
			(void)execl("tests/http/point-beside", "point-beside", format("%d", port), "CHARGE_FUNDING=card",
			    (char *)NULL);
		_exit(1);
	}
	wait_for(http((struct call){ .base = by_card_base, .path = "/readyz" }).status == 200, 20);
}

static void
by_card_stop(void)
{
	(void)kill(by_card, SIGTERM);
	(void)waitpid(by_card, NULL, 0);
}

static struct call
charge_call(const struct user *user, int64_t amount, const char *card, const char *key)
{
	return ((struct call){ .base = by_card_base, .path = "/points/charge", .jwt = user->jwt, .key = key,
	    .body = format("{\"amount\":%" PRId64 ",\"card\":{\"paymentKey\":\"%s\"}}", amount, card) });
}

static const char *
wallet(const struct user *user)
{
	struct reply	reply = http((struct call){ .path = "/points", .jwt = user->jwt });

	check_status(reply, 200);
	return (format("%s %" PRId64, text_at(reply.json, "status"), number_at(reply.json, "balance")));
}

static int
histories(const struct user *user)
{
	struct reply	reply = http((struct call){ .path = "/points/histories", .jwt = user->jwt });

	check_status(reply, 200);
	return (length_at(reply.json, "items"));
}

Test(card, charges_are_paid_by_card_where_funding_says_so, .init = by_card_start, .fini = by_card_stop, .timeout = 180)
{
	static const char *const	faults[] = { "timeout_before", "timeout_after", "500_after", "malformed" };
	enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
	struct user	 user = user_new(), users[FAULTS];
	struct call	 call, calls[FAULTS];
	struct reply	 reply, again, replies[FAULTS];
	char		*card = card_new(), *credited = card, *charges[FAULTS], *cards[FAULTS];
	const char	*certain = "card_certainty_seconds_count{what=\"charge\"}";
	double		 before = metric(by_card_base, certain) + metric(direct("point"), certain);
	pid_t		 slow;
	int		 i, status;

	reply = http((struct call){ .base = by_card_base, .path = "/points/charge", .jwt = user.jwt, .key = key_new(),
	    .body = "{\"amount\":5000}" });
	check_problem(reply, 400, "INVALID_REQUEST");

	call = charge_call(&user, 5000, card, key_new());
	reply = http(call);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "CHARGED");
	cr_assert_eq(number_at(reply.json, "balance"), 5000);
	cr_assert_str_eq(text_at(reply.json, "history.type"), "CHARGE");
	cr_assert_str_eq(books(card), "5000-0");
	cr_assert_str_eq(text_at(entry_of(card), "orderId"), format("charge-%s", call.key));
	cr_assert_str_eq(text_at(entry_of(card), "idempotencyKeys.confirm"), format("confirm-%s", text_at(reply.json, "chargeId")));
	again = http(call);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");

	card = card_new();
	provider_does(card, "confirm", "decline:REJECT_CARD_COMPANY", 1);
	call = charge_call(&user, 6000, card, key_new());
	reply = http(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "REJECT_CARD_COMPANY");
	cr_assert_str_eq(http(call).body, reply.body);
	cr_assert_str_eq(wallet(&user), "ACTIVE 5000");
	cr_assert_eq(histories(&user), 1, "nothing is left of it in the history");

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		cards[i] = card_new();
		provider_does(cards[i], "confirm", faults[i], 1);
		calls[i] = charge_call(&users[i], 7000, cards[i], key_new());
	}
	http_all(calls, replies, FAULTS);
	for (i = 0; i < FAULTS; i++) {
		check_status(replies[i], 202);
		cr_assert_str_eq(text_at(replies[i].json, "status"), "CHARGING");
		charges[i] = strdup(text_at(replies[i].json, "chargeId"));
	}
	for (i = 0; i < FAULTS; i++) {
		wait_for(is(wallet(&users[i]), "ACTIVE 7000"), CERTAIN_SECONDS);
		cr_assert_str_eq(books(cards[i]), "7000-0", "%s", faults[i]);
		again = http(calls[i]);
		check_status(again, 201);
		cr_assert_str_eq(text_at(again.json, "chargeId"), charges[i]);
		cr_assert_eq(histories(&users[i]), 1);
	}

	wait_for(metric(by_card_base, certain) + metric(direct("point"), certain) >= before + 2 + FAULTS, 10);

	/* What has been credited is credited to nobody again; nor is what has paid for something else. */
	call = charge_call(&users[0], 5000, credited, key_new());
	reply = http(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "ALREADY_PROCESSED_PAYMENT");
	cr_assert_str_eq(wallet(&users[0]), "ACTIVE 7000");
	card = card_new();
	provider_knows(card, key_new(), 5000);
	reply = until_certain(charge_call(&users[0], 5000, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(wallet(&users[0]), "ACTIVE 7000");

	/* A webhook about a charge has it looked at, though nobody was to for an hour. */
	card = card_new();
	provider_does(card, "confirm", "500_after", 1);
	provider_does(card, "webhook", "late", 1);
	provider_does(card, "find", "500_before", 1000);
	check_status(http(charge_call(&users[1], 3000, card, key_new())), 202);
	wait_for(is(sql(format("WITH put_off AS (UPDATE point.charges SET due_at = now() + interval '1 hour', tries = 50 "
	    "WHERE payment_key = '%s' AND leased_until IS NULL AND NOT nudged RETURNING 1) SELECT count(*) FROM put_off",
	    card)), "1"), CERTAIN_SECONDS);
	provider_does(card, "find", "delay:0", 1);
	check_status(webhook(card), 200);
	wait_for(is(wallet(&users[1]), "ACTIVE 10000"), CERTAIN_SECONDS);

	/* While it is asked, the wallet says so. */
	card = card_new();
	provider_does(card, "confirm", "delay:1500", 1);
	slow = fork();
	if (slow == 0)
		_exit(http(charge_call(&user, 1000, card, key_new())).status == 201 ? 0 : 1);
	wait_for(is(wallet(&user), "CHARGING 5000"), 10);
	wait_for(is(wallet(&user), "ACTIVE 6000"), CERTAIN_SECONDS);
	cr_assert_eq(waitpid(slow, &status, 0), slow);
	cr_assert_eq(status, 0);
}

/* What the provider does not know of for half an hour has failed; should it be captured after all, it goes back. */
Test(card, a_charge_that_never_arrives_is_given_up, .init = by_card_start, .fini = by_card_stop, .timeout = 120)
{
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply;
	char		*card = card_new();
	const char	*lines[] = { provider_authorization(), NULL };

	provider_does(card, "confirm", "500_before", 1000);
	call = charge_call(&user, 4000, card, key_new());
	check_status(http(call), 202);
	cr_assert_str_eq(wallet(&user), "CHARGING 0");
	(void)sql(format("UPDATE point.charges SET created_at = created_at - interval '32 minutes' WHERE payment_key = '%s'", card));
	reply = until_certain(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "EXPIRED");
	cr_assert_str_eq(wallet(&user), "ACTIVE 0");

	provider_does(card, "confirm", "delay:0", 1);
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = "/v1/payments/confirm", .headers = lines,
	    .body = format("{\"paymentKey\":\"%s\",\"orderId\":\"charge-%s\",\"amount\":4000}", card, call.key) }), 200);
	check_status(webhook(card), 200);
	wait_for(is(books(card), "4000-4000"), CERTAIN_SECONDS);
	cr_assert_str_eq(wallet(&user), "ACTIVE 0");
	cr_assert_eq(histories(&user), 0);
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
