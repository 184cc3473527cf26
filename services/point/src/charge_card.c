/* A charge by card: what of ct/card_request.h is point's. */
#include <inttypes.h>

#include "ct/card_request.h"
#include "ct/card_work.h"
#include "handlers.h"

static const struct ct_pg_statement begin_charge = {
	.function = "point.begin_charge",
	.args = "uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

const struct ct_pg_statement	charge_card_settle = {
	.function = "point.settle_charge",
	.args = "uuid, uuid, text, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_card_kind	charge_kind = {
	.begin = &begin_charge,
	.settle = &charge_card_settle,
	.id_member = "chargeId",
	.in_doubt = ct_card_work_look,
	.certain = resolver_observe,
};

void
charge_card(struct ct_request *request, int64_t amount, const char *payment_key, const char *request_hash)
{
	ct_card_request(request, &charge_kind, payment_key, amount, (const char *const[]){
	    request->user, ct_printf(request, "%" PRId64, amount), payment_key, request->idempotency_key, request_hash,
	    ct_printf(request, "%ld", ct_card_timeout_ms()), request->id, NULL });
}
