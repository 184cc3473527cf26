/* Charges by card: the SQL functions and the request. card/card_request.h and card/card_resolver.h do the rest. */
#include <inttypes.h>

#include "base/config.h"
#include "card/card_request.h"
#include "card/provider.h"
#include "card/card_resolver.h"
#include "handlers.h"

static const struct ct_pg_statement begin_charge = {
	.function = "point.begin_charge",
	.args = "uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement settle_charge = {
	.function = "point.settle_charge",
	.args = "uuid, uuid, text, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement due_charges = {
	.function = "point.due_charges",
	.args = "int, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/* Allows another confirm until the provider has forgotten the payment. */
static const struct ct_pg_statement confirm_again = {
	.function = "point.confirm_again",
	.args = "uuid, uuid, int",
	.batch_max = 16,
	.order_by = 0,
	.write = true,
};

/* No refunds: only the money of a charge that has failed is given back, and its user does not wait for it. */
static const struct ct_card_use	charges = {
	.name = "charge",
	.id_member = "chargeId",
	.begin = &begin_charge,
	.settle = &settle_charge,
	.due = &due_charges,
	.confirm_again = &confirm_again,
};

/* After CHARGE_FUNDING goes back to `trusted`, the resolver still has to finish the charges that were begun by card. */
void
charge_card_configure(bool required)
{
	ct_card_configure();
	if (ct_card_enabled())
		ct_card_resolver_configure(&charges);
	else if (required)
		ct_config_fail("CARD_PROVIDER_URL", "is required with CHARGE_FUNDING=card");
}

void
charge_card_start(void)
{
	if (!ct_card_enabled())
		return;
	ct_card_request_start();
	ct_card_resolver_start(&charges);
}

void
charge_card(struct ct_request *request, int64_t amount, const char *payment_key, const char *request_hash)
{
	ct_card_request(request, &charges, payment_key, amount, (const char *const[]){
	    request->user, ct_printf(request, "%" PRId64, amount), payment_key, request->idempotency_key, request_hash,
	    ct_printf(request, "%ld", ct_card_timeout_ms()), request->id, NULL });
}
