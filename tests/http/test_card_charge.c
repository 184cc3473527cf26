/* Charges funded by card, through a second point service with CHARGE_FUNDING=card. */
#include <sys/wait.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "provider.h"

static struct extra_service	card_point;

static void
start_card_funding(void)
{
	card_point = extra_point_start(1, (const char *const[]){ "CHARGE_FUNDING=card", NULL });
}

static void
stop_card_funding(void)
{
	extra_service_stop(&card_point);
}

static struct call
charge_call(const struct user *user, int64_t amount, const char *card, const char *key)
{
	return ((struct call){ .base = card_point.base, .path = "/points/charge", .jwt = user->jwt, .key = key,
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

Test(card, charge_with_card_funding_captures_the_card, .init = start_card_funding, .fini = stop_card_funding, .timeout = 300)
{
	static const char *const	faults[] = { "timeout_before", "timeout_after", "500_after", "malformed" };
	enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };
	struct user	 user = user_new(), users[FAULTS];
	struct call	 call, calls[FAULTS];
	struct reply	 reply, again, replies[FAULTS];
	char		*card = card_new(), *credited = card, *charges[FAULTS], *cards[FAULTS];
	const char	*certain = "card_certainty_seconds_count{what=\"charge\"}";
	double		 before = metric(card_point.base, certain) + metric(direct("point"), certain);
	pid_t		 slow;
	int		 i, status;

	reply = http((struct call){ .base = card_point.base, .path = "/points/charge", .jwt = user.jwt, .key = key_new(),
	    .body = "{\"amount\":5000}" });
	check_problem(reply, 400, "INVALID_REQUEST");

	call = charge_call(&user, 5000, card, key_new());
	reply = repeat_until_certain(call);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "CHARGED");
	cr_assert_eq(number_at(reply.json, "balance"), 5000);
	cr_assert_str_eq(text_at(reply.json, "history.type"), "CHARGE");
	cr_assert_str_eq(provider_books(card), "5000-0");
	cr_assert_str_eq(text_at(provider_entry(card), "orderId"), charge_order(&user, call.key));
	cr_assert_str_eq(text_at(provider_entry(card), "idempotencyKeys.confirm"), format("confirm-%s", text_at(reply.json, "chargeId")));
	again = http(call);
	cr_assert_str_eq(again.body, reply.body);
	cr_assert_str_eq(header(&again, "Idempotent-Replayed"), "true");

	card = card_new();
	set_provider_behaviour(card, "confirm", "decline:REJECT_CARD_COMPANY", 1);
	call = charge_call(&user, 6000, card, key_new());
	reply = repeat_until_certain(call);
	check_declined(&reply, "REJECT_CARD_COMPANY");
	cr_assert_str_eq(http(call).body, reply.body);
	cr_assert_str_eq(wallet(&user), "ACTIVE 5000");
	cr_assert_eq(histories(&user), 1, "the declined charge is in the history");

	for (i = 0; i < FAULTS; i++) {
		users[i] = user_new();
		cards[i] = card_new();
		set_provider_behaviour(cards[i], "confirm", faults[i], 1);
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
		cr_assert_str_eq(provider_books(cards[i]), "7000-0", "%s", faults[i]);
		again = http(calls[i]);
		check_status(again, 201);
		cr_assert_str_eq(text_at(again.json, "chargeId"), charges[i]);
		cr_assert_eq(histories(&users[i]), 1);
	}

	wait_for(metric(card_point.base, certain) + metric(direct("point"), certain) >= before + 2 + FAULTS, 60);

	/* A payment key that was credited, or that paid for another order, is not credited again. */
	for (i = 0; i < 2; i++) {
		call = charge_call(i == 0 ? &users[0] : &user, 5000, credited, key_new());
		reply = repeat_until_certain(call);
		check_problem(reply, 402, "CARD_DECLINED");
		cr_assert_str_eq(text_at(reply.json, "providerCode"), "ALREADY_PROCESSED_PAYMENT");
	}
	cr_assert_str_eq(wallet(&users[0]), "ACTIVE 7000");
	cr_assert_str_eq(wallet(&user), "ACTIVE 5000");
	card = card_new();
	open_payment_window(card, key_new(), 5000);
	reply = repeat_until_certain(charge_call(&users[0], 5000, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(wallet(&users[0]), "ACTIVE 7000");

	/* A webhook about a charge triggers a look-up that was an hour away. */
	card = card_new();
	set_provider_behaviour(card, "confirm", "500_after", 1);
	set_provider_behaviour(card, "webhook", "late", 1);
	set_provider_behaviour(card, "find", "500_before", 1000);
	check_status(http(charge_call(&users[1], 3000, card, key_new())), 202);
	wait_for(is(sql(format("WITH put_off AS (UPDATE point.charges SET due_at = now() + interval '1 hour', tries = 50 "
	    "WHERE payment_key = '%s' AND leased_until IS NULL AND NOT nudged RETURNING 1) SELECT count(*) FROM put_off",
	    card)), "1"), CERTAIN_SECONDS);
	set_provider_behaviour(card, "find", "delay:0", 1);
	check_status(webhook(card), 200);
	wait_for(is(wallet(&users[1]), "ACTIVE 10000"), CERTAIN_SECONDS);

	/* The wallet reads CHARGING until the provider answers. */
	card = card_new();
	set_provider_behaviour(card, "confirm", "timeout_after", 1);
	set_provider_behaviour(card, "find", "500_before", 1000);
	slow = fork();
	if (slow == 0)
		_exit(repeat_until_certain(charge_call(&user, 1000, card, key_new())).status == 201 ? 0 : 1);
	wait_for(is(wallet(&user), "CHARGING 5000"), 60);
	set_provider_behaviour(card, "find", "delay:0", 1);
	wait_for(is(wallet(&user), "ACTIVE 6000"), CERTAIN_SECONDS);
	cr_assert_eq(waitpid(slow, &status, 0), slow);
	cr_assert_eq(status, 0);
}

/* A charge fails when the provider has not known it for half an hour. A capture after that is refunded. */
Test(card, charge_unknown_to_provider_for_half_an_hour_fails, .init = start_card_funding, .fini = stop_card_funding, .timeout = 300)
{
	struct user	 user = user_new();
	struct call	 call;
	struct reply	 reply;
	char		*card = card_new();
	const char	*lines[] = { provider_authorization(), NULL };

	set_provider_behaviour(card, "confirm", "500_before", 1000);
	call = charge_call(&user, 4000, card, key_new());
	check_status(http(call), 202);
	cr_assert_str_eq(wallet(&user), "CHARGING 0");
	(void)sql(format("UPDATE point.charges SET created_at = created_at - interval '32 minutes' WHERE payment_key = '%s'", card));
	reply = repeat_until_certain(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(text_at(reply.json, "providerCode"), "EXPIRED");
	cr_assert_str_eq(wallet(&user), "ACTIVE 0");

	set_provider_behaviour(card, "confirm", "delay:0", 1);
	check_status(http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = "/v1/payments/confirm", .headers = lines,
	    .body = format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":4000}", card, charge_order(&user, call.key)) }), 200);
	check_status(webhook(card), 200);
	wait_for(is(provider_books(card), "4000-4000"), CERTAIN_SECONDS);
	cr_assert_str_eq(wallet(&user), "ACTIVE 0");
	cr_assert_eq(histories(&user), 0);
}

/*
 * Attack: the thief has seen the whole redirect from the provider's window (payment key, order id, amount) and the
 * owner's Idempotency-Key. The thief's charge is declined before and after the owner's, also if its outcome is unknown
 * meanwhile.
 */
Test(card, charge_with_another_users_payment_key_is_declined, .init = start_card_funding, .fini = stop_card_funding, .timeout = 300)
{
	enum { THIEF_FIRST, THIEF_IN_DOUBT, THIEF_LAST, ORDERS };
	struct user	 owner, thief;
	struct call	 owner_call, thief_call;
	struct reply	 reply;
	char		*card;
	int		 i;

	for (i = 0; i < ORDERS; i++) {
		owner = user_new();
		thief = user_new();
		card = card_new();
		owner_call = charge_call(&owner, 9000, card, key_new());
		thief_call = charge_call(&thief, 9000, card, owner_call.key);
		open_payment_window(card, charge_order(&owner, owner_call.key), 9000);
		if (i == THIEF_IN_DOUBT) {
			/* The provider answers neither the thief's confirm nor look-ups. */
			set_provider_behaviour(card, "confirm", "timeout_before", 1);
			set_provider_behaviour(card, "find", "500_before", 1000);
			check_status(http(thief_call), 202);
			cr_assert_str_eq(wallet(&thief), "CHARGING 0");
		}
		if (i == THIEF_FIRST) {
			reply = repeat_until_certain(thief_call);
			check_problem(reply, 402, "CARD_DECLINED");
			cr_assert_str_eq(provider_books(card), "nothing");
		}
		reply = repeat_until_certain(owner_call);
		check_status(reply, 201);
		cr_assert_eq(number_at(reply.json, "balance"), 9000);
		set_provider_behaviour(card, "find", "delay:0", 1);
		reply = repeat_until_certain(thief_call);
		check_problem(reply, 402, "CARD_DECLINED");
		/* An Idempotency-Key of the thief's own does not help either. */
		reply = repeat_until_certain(charge_call(&thief, 9000, card, key_new()));
		check_problem(reply, 402, "CARD_DECLINED");
		check_status(webhook(card), 200);
		wait_for(is(sql(format("SELECT count(*) FROM point.charges WHERE payment_key = '%s' AND due_at <= now()", card)), "0"),
		    CERTAIN_SECONDS);
		cr_assert_str_eq(wallet(&owner), "ACTIVE 9000");
		cr_assert_str_eq(wallet(&thief), "ACTIVE 0");
		cr_assert_eq(histories(&thief), 0);
		cr_assert_str_eq(provider_books(card), "9000-0", "the payment was captured twice or voided");
		cr_assert_str_eq(text_at(provider_entry(card), "orderId"), charge_order(&owner, owner_call.key));
	}
}

/* The previous release began charges under an order id without a user. Only the user of the charge is credited. */
Test(card, charge_of_previous_release_is_credited_to_its_user_only, .init = start_card_funding, .fini = stop_card_funding, .timeout = 300)
{
	struct user	 owner = user_new(), thief = user_new();
	struct call	 call;
	struct reply	 reply;
	char		*card = card_new(), *key = key_new();

	open_payment_window(card, format("charge-%s", key), 9000);
	set_provider_behaviour(card, "confirm", "500_before", 1);
	set_provider_behaviour(card, "find", "500_before", 1000);
	call = charge_call(&owner, 9000, card, key);
	check_status(http(call), 202);
	(void)sql(format("UPDATE point.charges SET order_id = 'charge-%s' WHERE payment_key = '%s'", key, card));
	check_status(http(charge_call(&thief, 9000, card, key)), 202);
	set_provider_behaviour(card, "find", "delay:0", 1);
	reply = repeat_until_certain(charge_call(&thief, 9000, card, key));
	check_problem(reply, 402, "CARD_DECLINED");
	reply = repeat_until_certain(call);
	check_status(reply, 201);
	cr_assert_str_eq(provider_books(card), "9000-0");
	cr_assert_str_eq(wallet(&owner), "ACTIVE 9000");
	cr_assert_str_eq(wallet(&thief), "ACTIVE 0");
}
