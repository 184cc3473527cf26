/*
 * POST /points/charge: adds points to the caller's wallet. With `trusted`
 * funding they are credited at once, in one statement with the ledger entry and
 * the idempotency row. With `card` the provider takes the money first:
 * charge_card.c.
 */
#include <inttypes.h>
#include <string.h>

#include "ct/card.h"
#include "ct/config.h"
#include "ct/idempotency.h"
#include "handlers.h"

#define CHARGE_MIN	1000
#define CHARGE_MAX	1000000

static const struct ct_pg_statement charge_points = {
	.function = "point.charge",
	.args = "uuid, bigint, text, text, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static bool	by_card;

bool
charge_configure(void)
{
	static const char *const	fundings[] = { "trusted", "card", NULL };

	by_card = strcmp(ct_config_choice("CHARGE_FUNDING", fundings, "trusted"), "card") == 0;
	return (by_card);
}

/* The card's payment key, NULL if something is wrong with it, which is then noted. */
static const char *
read_card(struct ct_request *request)
{
	const cJSON	*card = cJSON_GetObjectItemCaseSensitive(request->body, "card");
	const char	*payment_key;

	if (!cJSON_IsObject(card)) {
		ct_note_invalid(request, "card", "is required");
		return (NULL);
	}
	if (ct_body_text(request, card, "paymentKey", 200, true, &payment_key) && !ct_card_key_valid(payment_key))
		ct_note_invalid(request, "paymentKey", "must be what the card provider gave: letters, digits, _ and -");
	return (payment_key);
}

void
charge(struct ct_request *request)
{
	static const char *const	hashed[] = { "amount", "card", NULL };
	const char			*payment_key = NULL;
	int64_t				 amount = 0;
	char				 hash[CT_REQUEST_HASH_TEXT];

	(void)ct_body_number(request, request->body, "amount", CHARGE_MIN, CHARGE_MAX, true, &amount);
	if (by_card)
		payment_key = read_card(request);
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
