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

/* "captured-refunded" of an order in the provider's books, "nothing" if it is not in them. */
static const char *
books(const char *order)
{
	struct reply	 reply = provider("/simulator/books", NULL);
	const cJSON	*orders, *item;
	const char	*found = "nothing";

	check_status(reply, 200);
	orders = cJSON_IsArray(reply.json) ? reply.json : at(reply.json, "orders");
	cJSON_ArrayForEach(item, orders) {
		if (strcmp(text_at(item, "orderId"), order) != 0)
			continue;
		cr_assert_str_eq(found, "nothing", "%s is in the books twice", order);
		found = format("%" PRId64 "-%" PRId64, number_at(item, "captured"), number_at(item, "refunded"));
	}
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
	cr_assert_str_eq(books(payment), format("%" PRId64 "-0", amount));

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
	cr_assert_str_eq(books(payment), format("%" PRId64 "-%" PRId64, amount, amount));
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
	cr_assert_str_eq(books(text_at(reply.json, "paymentId")), "nothing");
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
	char		*reservations[FAULTS], *payment, *card;
	int64_t		 amounts[FAULTS];
	int		 i;

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		reservations[i] = held(&users[i], &schedule, i, 1, &amounts[i]);
		card = card_new();
		provider_does(card, "confirm", faults[i], 1);
		calls[i] = card_call(&users[i], reservations[i], amounts[i], card, key_new());
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
		cr_assert_str_eq(books(payment), format("%" PRId64 "-0", amounts[i]), "%s", faults[i]);
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
	cr_assert_str_eq(books(payment), "nothing");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
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
	cr_assert_str_eq(books(payment), format("%" PRId64 "-%" PRId64, amount, amount));
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
	char		*reservation, *card, *payments[FAULTS];
	int64_t		 amount = 0;
	int		 i;

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		reservation = held(&users[i], &schedule, i, 1, &amount);
		card = card_new();
		reply = pay_by_card(&users[i], reservation, amount, card, key_new());
		check_status(reply, 201);
		payments[i] = strdup(text_at(reply.json, "paymentId"));
		provider_does(card, "cancel", faults[i], 2);
		check_status(cancel(&users[i], reservation), 200);
	}
	for (i = 0; i < FAULTS; i++) {
		wait_for(is(payment_status(&users[i], payments[i]), "REFUNDED"), CERTAIN_SECONDS);
		cr_assert_str_eq(books(payments[i]), format("%" PRId64 "-%" PRId64, amount, amount), "%s", faults[i]);
	}
}

Test(card, ten_cancellations_at_once_refund_once, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct call	 calls[10];
	struct reply	 replies[10], reply;
	char		*reservation, *payment;
	int64_t		 amount;
	int		 i;

	reservation = held(&user, &schedule, 0, 1, &amount);
	reply = pay_by_card(&user, reservation, amount, card_new(), key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	for (i = 0; i < 10; i++)
		calls[i] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user.jwt, .base = direct("reservation") };
	http_all(calls, replies, 10);
	for (i = 0; i < 10; i++)
		check_status(replies[i], 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), CERTAIN_SECONDS);
	cr_assert_str_eq(books(payment), format("%" PRId64 "-%" PRId64, amount, amount));
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
	reply = http((struct call){ .path = "/payments/webhooks/toss", .body = format(
	    "{\"eventType\":\"PAYMENT_STATUS_CHANGED\",\"data\":{\"orderId\":\"%s\",\"paymentKey\":\"%s\","
	    "\"status\":\"DONE\",\"totalAmount\":%" PRId64 "}}", payment, card, amount) });
	check_status(reply, 200);
	wait_for(is(sql(format("SELECT coalesce(leased_until IS NULL AND tries > 0, true) FROM payment.cards "
	    "WHERE payment_id = '%s'", payment)), "t"), CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "FAILED");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
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

Test(card, the_secret_is_in_no_log_and_certainty_is_measured, .timeout = 60)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation, *command;
	int64_t		 amount;

	reservation = held(&user, &schedule, 0, 1, &amount);
	check_status(pay_by_card(&user, reservation, amount, card_new(), key_new()), 201);
	command = format("cd '%s/log' && ! grep -r -q -F -e \"$(cat '%s')\" -e \"$(printf '%%s:' \"$(cat '%s')\" | base64 -w 0)\" "
	    "-e 'card-' payment-*.log point-*.log access.log", setting("RUN_DIR"), setting("CARD_PROVIDER_SECRET_FILE"),
	    setting("CARD_PROVIDER_SECRET_FILE"));
	cr_assert_eq(system(command), 0, "a secret or a card's key is in a log");
	cr_assert(strstr(http((struct call){ .base = direct("payment"), .path = "/metrics" }).body,
	    "card_certainty_seconds_count{what=\"payment\"}") != NULL);
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
	char		*card = card_new(), *charges[FAULTS];
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
	cr_assert_str_eq(books(text_at(reply.json, "chargeId")), "5000-0");
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
		card = card_new();
		provider_does(card, "confirm", faults[i], 1);
		calls[i] = charge_call(&users[i], 7000, card, key_new());
	}
	http_all(calls, replies, FAULTS);
	for (i = 0; i < FAULTS; i++) {
		check_status(replies[i], 202);
		cr_assert_str_eq(text_at(replies[i].json, "status"), "CHARGING");
		charges[i] = strdup(text_at(replies[i].json, "chargeId"));
	}
	for (i = 0; i < FAULTS; i++) {
		wait_for(is(wallet(&users[i]), "ACTIVE 7000"), CERTAIN_SECONDS);
		cr_assert_str_eq(books(charges[i]), "7000-0", "%s", faults[i]);
		again = http(calls[i]);
		check_status(again, 201);
		cr_assert_str_eq(text_at(again.json, "chargeId"), charges[i]);
		cr_assert_eq(histories(&users[i]), 1);
	}

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
	cr_assert_str_eq(books(payment), format("%" PRId64 "-0", amount));
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.payments WHERE reservation_id = '%s'", reservation)), "1");
}

Test(restart, a_card_payment_whose_worker_is_killed_is_seen_to_its_end, .timeout = 180)
{
	a_killed_worker_is_followed("timeout_before", 300);
	a_killed_worker_is_followed("timeout_after", 300);
	a_killed_worker_is_followed("delay:10", 0);
}
