/*
 * POST /payments: pays for a hold. With points, one statement in one transaction writes
 * the payment, confirms the reservation and adds the ledger entry. With a card there are
 * two transactions, and a call to the provider between them: payment_card.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "card/provider.h"
#include "handlers.h"
#include "http/idempotency.h"
#include "service/call.h"

/* Far above the price of four seats; a larger amount is a mistake. */
#define AMOUNT_MAX	INT64_C(1000000000000)

static const struct ct_pg_statement pay_by_points = {
	.function = "payment.pay_by_points",
	.args = "uuid, uuid, bigint, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
	.many = "payment.pay_by_points_many",
};

char	pay_max_attempts[16];

void
pay_configure(void)
{
	(void)snprintf(pay_max_attempts, sizeof(pay_max_attempts), "%ld", ct_config_number("PAYMENT_MAX_ATTEMPTS"));
}

void
pay(struct ct_request *request)
{
	static const char *const	methods[] = { "POINT", "CARD", NULL };
	static const char *const	by_points[] = { "reservationId", "amount", "method", NULL };
	static const char *const	by_card[] = { "reservationId", "amount", "method", "card.paymentKey", NULL };
	const char			*reservation, *method = NULL, *payment_key;
	bool				 card;
	int64_t				 amount = 0;
	char				 hash[CT_REQUEST_HASH_TEXT];

	(void)ct_body_uuid(request, request->body, "reservationId", true, &reservation);
	(void)ct_body_number(request, request->body, "amount", 1, AMOUNT_MAX, true, &amount);
	card = ct_body_choice(request, request->body, "method", methods, true, &method) && strcmp(method, "CARD") == 0;
	payment_key = ct_card_read_key(request, card);
	if (card && !ct_card_enabled())
		ct_note_invalid(request, "method", "CARD is not accepted here; pay with POINT");
	if (ct_invalid(request))
		return;

	ct_request_hash("payments.pay", request->body, card ? by_card : by_points, hash);
	if (card) {
		payment_card(request, reservation, amount, payment_key, ct_printf(request, "%s", hash));
		return;
	}
	ct_call_and_reply(request, &pay_by_points, (const char *const[]){
	    request->user, reservation, ct_printf(request, "%" PRId64, amount),
	    request->idempotency_key, hash, pay_max_attempts, request->id });
}
