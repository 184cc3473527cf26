/* Payments by card: the SQL functions and the request. card/card_request.h and card/card_resolver.h do the rest. */
#include <inttypes.h>

#include "card/card_request.h"
#include "card/provider.h"
#include "card/card_resolver.h"
#include "handlers.h"

static const struct ct_pg_statement begin_card = {
	.function = "payment.begin_card",
	.args = "uuid, uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement settle_card = {
	.function = "payment.settle_card",
	.args = "uuid, uuid, text, text, int",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement due_cards = {
	.function = "payment.due_cards",
	.args = "int, int, boolean",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/* Allows another confirm as long as the hold has time for it. */
static const struct ct_pg_statement confirm_again = {
	.function = "payment.confirm_again",
	.args = "uuid, uuid, int",
	.batch_max = 16,
	.order_by = 0,
	.write = true,
};

static const struct ct_card_use	payments = {
	.name = "payment",
	.id_member = "paymentId",
	.begin = &begin_card,
	.settle = &settle_card,
	.settle_more = pay_max_attempts,
	.due = &due_cards,
	.due_more = "true",
	.confirm_again = &confirm_again,
	.has_refunds = true,
};

void
payment_card_configure(void)
{
	ct_card_configure();
	if (ct_card_enabled())
		ct_card_resolver_configure(&payments);
}

void
payment_card_start(void)
{
	if (!ct_card_enabled())
		return;
	ct_card_request_start();
	ct_card_resolver_start(&payments);
}

void
payment_card(struct ct_request *request, const char *reservation, int64_t amount, const char *payment_key,
    const char *request_hash)
{
	ct_card_request(request, &payments, payment_key, amount, (const char *const[]){
	    request->user, reservation, ct_printf(request, "%" PRId64, amount), payment_key, request->idempotency_key,
	    request_hash, ct_printf(request, "%ld", ct_card_timeout_ms()), request->id, NULL });
}
