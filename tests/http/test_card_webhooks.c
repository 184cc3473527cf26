/* The card provider's webhooks: never believed, never lost, and harmless at odd times. */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

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
		reply = http(card_call(&user, reservation, amount, card, key_new()));
		check_status(reply, 202);
		payment = strdup(text_at(reply.json, "paymentId"));
		/* Until nobody is looking, and nobody is to for an hour; the next pause would be a minute. */
		wait_for(is(sql(format("WITH put_off AS (UPDATE payment.cards SET due_at = now() + interval '1 hour', tries = 50 "
		    "WHERE payment_id = '%s' AND leased_until IS NULL AND NOT nudged RETURNING 1) SELECT count(*) FROM put_off",
		    payment)), "1"), CERTAIN_SECONDS);
		provider_does(card, "find", lookups[i], 1);
		check_status(webhook(card), 200);
		if (i == 1) {
			/* Somebody looks, until the provider's time is over. */
			wait_for(is(sql(format("SELECT tries <> 50 FROM payment.cards WHERE payment_id = '%s'", payment)), "t"), 10);
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
		first = until_certain(call);
		check_status(first, 201);
		/* It knows whom it has told of how many changes. */
		wait_for(number_at(entry_of(card), "webhooks") == 1 + (i == 0), CERTAIN_SECONDS);
		again = http(call);
		cr_assert_str_eq(again.body, first.body);
		cr_assert_str_eq(payment_status(&user, text_at(first.json, "paymentId")), "APPROVED");
		cr_assert_str_eq(books(card), format("%" PRId64 "-0", amount));
	}
}
