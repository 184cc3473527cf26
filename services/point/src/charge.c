/*
 * POST /points/charge: adds points to the caller's wallet. With CHARGE_FUNDING=trusted
 * one statement credits them at once, with the ledger entry and the idempotency row.
 * With `card` the provider takes the money first: charge_card.c.
 */
#include <inttypes.h>
#include <string.h>

#include "base/config.h"
#include "card/provider.h"
#include "handlers.h"
#include "http/idempotency.h"
#include "service/call.h"

#define CHARGE_MIN	1000
#define CHARGE_MAX	1000000

static const struct ct_pg_statement charge_points = {
	.function = "point.charge",
	.args = "uuid, bigint, text, text, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
	.many = "point.charge_many",
};

static bool	by_card;

bool
charge_configure(void)
{
	by_card = strcmp(ct_config_choice("CHARGE_FUNDING"), "card") == 0;
	if (!by_card && ct_production())
		ct_config_fail("CHARGE_FUNDING", "trusted credits points without a payment: use card in production");
	return (by_card);
}

void
charge(struct ct_request *request)
{
	static const char *const	hashed[] = { "amount", "card.paymentKey", NULL };
	const char			*payment_key;
	int64_t				 amount = 0;
	char				 hash[CT_REQUEST_HASH_TEXT];

	(void)ct_body_number(request, request->body, "amount", CHARGE_MIN, CHARGE_MAX, true, &amount);
	payment_key = ct_card_read_key(request, by_card);
	if (ct_invalid(request))
		return;

	ct_request_hash("points.charge", request->body, hashed, hash);
	if (by_card) {
		charge_card(request, amount, payment_key, ct_printf(request, "%s", hash));
		return;
	}
	ct_call_and_reply(request, &charge_points, (const char *const[]){
	    request->user, ct_printf(request, "%" PRId64, amount),
	    request->idempotency_key, hash, request->id });
}
