/* The card provider's webhooks: the service never trusts their content, loses none, and tolerates them at any time. */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

Test(card, webhook_only_causes_a_lookup, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	/* The look-up may come 10 s after the webhook; the hold must outlast that. */
	set_hold_end(reservation, "5 minutes");
	set_provider_behaviour(card, "confirm", "decline:REJECT_CARD_PAYMENT", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	payment = strdup(text_at(reply.json, "paymentId"));
	check_status(webhook(card), 200);
	wait_for(is(sql(format("SELECT due_at IS NULL AND tries > 0 FROM payment.cards WHERE payment_id = '%s'", payment)), "t"),
	    CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "FAILED");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
	check_status(webhook("unknown-key"), 200);
	check_status(http((struct call){ .path = "/payments/webhooks/toss", .body = "[" }), 200);
}

/* A webhook brings forward a look-up that is an hour away. During a look-up it causes another one. */
Test(card, webhook_brings_postponed_lookup_forward, .timeout = 300)
{
	static const char *const	lookups[] = { "delay:0", "timeout_before" };
	struct schedule			 schedule = schedule_new(1, 2);
	struct user			 user = user_new();
	struct reply			 reply;
	char				*reservation, *card, *payment;
	int64_t				 amount;
	int				 i;

	for (i = 0; i < 2; i++) {
		reservation = hold_new(&user, &schedule, i, 1, &amount);
		card = card_new();
		set_provider_behaviour(card, "confirm", "500_after", 1);
		set_provider_behaviour(card, "webhook", "late", 1);
		set_provider_behaviour(card, "find", "500_before", 1000);
		reply = http(card_call(&user, reservation, amount, card, key_new()));
		check_status(reply, 202);
		payment = strdup(text_at(reply.json, "paymentId"));
		/* Another test keeps the service from recording webhooks for some seconds; the hold must outlast that. */
		set_hold_end(reservation, "5 minutes");
		/*
		 * Wait until no look-up runs, then postpone the next one by an hour. After 50 tries the next pause
		 * would be a minute.
		 */
		wait_for(is(sql(format("WITH put_off AS (UPDATE payment.cards SET due_at = now() + interval '1 hour', tries = 50 "
		    "WHERE payment_id = '%s' AND leased_until IS NULL AND NOT nudged RETURNING 1) SELECT count(*) FROM put_off",
		    payment)), "1"), CERTAIN_SECONDS);
		set_provider_behaviour(card, "find", lookups[i], 1);
		check_status(webhook(card), 200);
		if (i == 1) {
			/* A look-up is running, until the provider's timeout. */
			wait_for(is(sql(format("SELECT tries <> 50 FROM payment.cards WHERE payment_id = '%s'", payment)), "t"), 60);
			check_status(webhook(card), 200);
		}
		/* Webhooks cause at most one look-up in 10 s, and the provider's own late one may come between these two. */
		wait_for(is(payment_status(&user, payment), "APPROVED"), 2 * CERTAIN_SECONDS);
		cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
	}
}

/* The provider sends its webhook twice, late, or before it answers the confirm. */
Test(card, repeated_late_or_early_webhook_changes_nothing, .timeout = 300)
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
		reservation = hold_new(&user, &schedule, i, 1, &amount);
		card = card_new();
		set_provider_behaviour(card, "webhook", notices[i], 1);
		call = card_call(&user, reservation, amount, card, key_new());
		first = repeat_until_certain(call);
		check_status(first, 201);
		/* The provider counts the webhooks that were accepted. */
		wait_for(number_at(provider_entry(card), "webhooks") == 1 + (i == 0), CERTAIN_SECONDS);
		again = http(call);
		cr_assert_str_eq(again.body, first.body);
		cr_assert_str_eq(payment_status(&user, text_at(first.json, "paymentId")), "APPROVED");
		cr_assert_str_eq(provider_books(card), format("%" PRId64 "-0", amount));
	}
}

static int64_t
lookups(const char *card)
{
	return (number_at(provider_entry(card), "requests.find"));
}

/* Refunds in the provider's console; the service learns of it only by a webhook. */
static void
refund_at_provider(const char *card, const char *body)
{
	const char	*lines[] = { provider_authorization(), NULL };

	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = format("/v1/payments/%s/cancel", card),
	    .headers = lines, .body = body }), 200);
}

/*
 * Attack: a user sends as many webhooks as possible about own payments. Each payment is looked up at most once in ten
 * seconds.
 */
Test(card, webhook_flood_causes_one_lookup_in_ten_seconds, .timeout = 300)
{
	enum { WEBHOOKS = 400, CARDS = 2 };
	static struct call	 calls[WEBHOOKS];
	static struct reply	 replies[WEBHOOKS];
	struct schedule		 schedule = schedule_new(1, CARDS);
	struct user		 user = user_new();
	struct reply		 reply;
	char			*reservation, *cards[CARDS];
	int64_t			 amount, before[CARDS], began, most;
	int			 i, noted = 0;

	for (i = 0; i < CARDS; i++) {
		reservation = hold_new(&user, &schedule, i, 1, &amount);
		cards[i] = card_new();
		if (i == 0)
			set_provider_behaviour(cards[i], "confirm", "decline:REJECT_CARD_PAYMENT", 1);
		reply = pay_by_card(&user, reservation, amount, cards[i], key_new());
		check_status(reply, i == 0 ? 402 : 201);
		/* Wait until the service has received the payment's own webhook and finished its look-up. */
		wait_for(number_at(provider_entry(cards[i]), "webhooks") == 1, CERTAIN_SECONDS);
		wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at IS NULL", cards[i])), "1"),
		    CERTAIN_SECONDS);
		before[i] = lookups(cards[i]);
	}
	for (i = 0; i < WEBHOOKS; i++)
		calls[i] = (struct call){ .path = "/payments/webhooks/toss", .base = direct("payment"),
		    .body = format("{\"data\":{\"paymentKey\":\"%s\"}}", cards[i % CARDS]) };
	began = now_ms();
	/* While the next test has both places for webhooks, all are answered 503. */
	while (noted == 0) {
		cr_assert_lt(now_ms() - began, CERTAIN_SECONDS * 1000, "no webhook was recorded");
		http_all(calls, replies, WEBHOOKS);
		for (i = 0; i < WEBHOOKS; i++) {
			cr_assert(replies[i].status == 200 || replies[i].status == 503, "%ld", replies[i].status);
			noted += replies[i].status == 200;
		}
	}
	/* The last recorded webhook causes a look-up after its ten seconds; afterwards no work is left. */
	for (i = 0; i < CARDS; i++)
		wait_for(is(sql(format("SELECT count(*) FROM payment.cards WHERE payment_key = '%s' AND due_at IS NULL AND NOT nudged",
		    cards[i])), "1"), CERTAIN_SECONDS);
	most = (now_ms() - began) / 10000 + 2;
	for (i = 0; i < CARDS; i++) {
		cr_assert_gt(lookups(cards[i]), before[i], "no webhook caused a look-up");
		cr_assert_leq(lookups(cards[i]) - before[i], most, "%" PRId64 " look-ups", lookups(cards[i]) - before[i]);
	}
}

/*
 * 200 means that the webhook is recorded. If the payment is locked, or a worker has too many at once, the answer is 503
 * and the provider repeats it.
 */
Test(card, webhook_that_cannot_be_recorded_is_503, .timeout = 300)
{
	enum { WEBHOOKS = 60, NOTED_AT_ONCE = 2 };
	static struct call	 calls[WEBHOOKS];
	static struct reply	 replies[WEBHOOKS];
	struct schedule		 schedule = schedule_new(1, 1);
	struct user		 user = user_new();
	struct reply		 reply;
	char			*reservation, *card = card_new();
	PGconn			*lock;
	int64_t			 amount;
	int			 i, shed = 0, workers = atoi(setting("WORKERS"));

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	set_provider_behaviour(card, "confirm", "decline:REJECT_CARD_PAYMENT", 1);
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_problem(reply, 402, "CARD_DECLINED");
	wait_for(number_at(provider_entry(card), "webhooks") == 1, CERTAIN_SECONDS);
	(void)sql(format("UPDATE payment.cards SET nudged = false, heard_at = NULL, due_at = NULL WHERE payment_key = '%s'", card));
	lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	for (i = 0; i < WEBHOOKS; i++)
		calls[i] = (struct call){ .path = "/payments/webhooks/toss", .base = direct("payment"),
		    .body = format("{\"data\":{\"paymentKey\":\"%s\"}}", card) };
	http_all(calls, replies, WEBHOOKS);
	release_lock(lock);
	for (i = 0; i < WEBHOOKS; i++) {
		check_problem(replies[i], 503, "SERVICE_UNAVAILABLE");
		shed += strstr(replies[i].body, "Too many webhooks") != NULL;
	}
	cr_assert_geq(shed, WEBHOOKS - workers * NOTED_AT_ONCE);
	cr_assert_str_eq(sql(format("SELECT heard_at IS NULL FROM payment.cards WHERE payment_key = '%s'", card)), "t");
	/* The test before may have the places now. */
	wait_for(webhook(card).status == 200, CERTAIN_SECONDS);
	cr_assert_str_eq(sql(format("SELECT heard_at IS NULL FROM payment.cards WHERE payment_key = '%s'", card)), "f");
}

/* A look-up comes at most every ten seconds, and a webhook later if the other tests have the places for webhooks: so twice the time. */
Test(card, refund_in_provider_console_cancels_the_reservation, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	struct reply	 reply, again;
	struct call	 call;
	char		*reservation, *card = card_new(), *payment;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	call = card_call(&user, reservation, amount, card, key_new());
	reply = repeat_until_certain(call);
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	refund_at_provider(card, "{\"cancelReason\":\"console\"}");
	wait_for(is(payment_status(&user, payment), "REFUNDED"), 2 * CERTAIN_SECONDS);
	cr_assert_str_eq(seat_status(&schedule, 0), "AVAILABLE");
	reply = http((struct call){ .path = format("/reservations/%s", reservation), .jwt = user.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	cr_assert_str_eq(text_at(reply.json, "refund.status"), "REFUNDED");
	cr_assert_eq(number_at(reply.json, "refund.amount"), amount);
	again = http(call);
	check_status(again, 201);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");
	check_status(cancel_reservation(&user, reservation), 200);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount), "the refund was made twice");

	/* An operator decides about a partial refund, until the rest is refunded too. */
	reservation = hold_new(&user, &schedule, 1, 1, &amount);
	card = card_new();
	reply = pay_by_card(&user, reservation, amount, card, key_new());
	check_status(reply, 201);
	payment = strdup(text_at(reply.json, "paymentId"));
	refund_at_provider(card, "{\"cancelReason\":\"console\",\"cancelAmount\":1000}");
	wait_for(is(sql(format("SELECT provider_code FROM payment.cards WHERE payment_id = '%s'", payment)), "PARTIAL_CANCELED"),
	    2 * CERTAIN_SECONDS);
	cr_assert_str_eq(payment_status(&user, payment), "APPROVED");
	cr_assert_str_eq(sql(format("SELECT count(*) FROM payment.invariants WHERE name = 'partly_given_back_elsewhere' AND detail LIKE '%%%s%%'",
	    payment)), "1");
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-1000", amount), "the service voided the rest");
	check_status(cancel_reservation(&user, reservation), 200);
	wait_for(is(payment_status(&user, payment), "REFUNDED"), 2 * CERTAIN_SECONDS);
	cr_assert_str_eq(provider_books(card), format("%" PRId64 "-%" PRId64, amount, amount));
}
