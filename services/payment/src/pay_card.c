/* A payment by card: what of ct/card_request.h is payment's. */
#include <inttypes.h>

#include "ct/card_request.h"
#include "ct/card_work.h"
#include "handlers.h"

static const struct ct_pg_statement begin_card = {
	.function = "payment.begin_card",
	.args = "uuid, uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

const struct ct_pg_statement	pay_card_settle = {
	.function = "payment.settle_card",
	.args = "uuid, uuid, text, text, int",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static void
certain(double seconds)
{
	resolver_observe(false, seconds);
}

static const struct ct_card_kind	payment = {
	.begin = &begin_card,
	.settle = &pay_card_settle,
	.id_member = "paymentId",
	.settle_more = pay_max_attempts,
	.in_doubt = ct_card_work_look,
	.certain = certain,
};

void
pay_card(struct ct_request *request, const char *reservation, int64_t amount, const char *payment_key,
    const char *request_hash)
{
	ct_card_request(request, &payment, payment_key, amount, (const char *const[]){
	    request->user, reservation, ct_printf(request, "%" PRId64, amount), payment_key, request->idempotency_key,
	    request_hash, ct_printf(request, "%ld", ct_card_timeout_ms()), request->id, NULL });
}
