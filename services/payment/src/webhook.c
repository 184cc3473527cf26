/*
 * POST /payments/webhooks/toss: the card provider calls here when a payment
 * changed. Whatever the body claims is not believed, and anybody may send it;
 * all it can do is to have what is ours with that payment key, a payment or a charge,
 * looked up at the provider a little earlier than it would have been, at most once in
 * ten seconds each (payment.heard_of). Also an APPROVED payment: its money may have been
 * given back in the provider's own console.
 *
 * 200 means noted, and only that: the provider repeats what was answered otherwise.
 */
#include <string.h>

#include "ct/card_work.h"
#include "ct/service.h"
#include "handlers.h"

static const struct ct_pg_statement heard_of = {
	.function = "payment.heard_of",
	.args = "text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/*
 * Webhooks that a worker notes at once. Any client may send them: each waits for a user's lock at worst, and must not take
 * the pool's connections from buyers.
 */
#define NOTING_MAX	2

static unsigned	noting;

static void
noted(const struct ct_outcome *outcome, void *arg)
{
	struct ct_request	*request = arg;

	noting--;
	/* Not noted: the provider is to try again, that is what its retries are for. */
	if (outcome->error != CT_OK) {
		ct_reply_error(request, outcome->error == CT_INTERNAL_ERROR ? CT_INTERNAL_ERROR : CT_SERVICE_UNAVAILABLE,
		    NULL, NULL);
		return;
	}
	ct_card_work_look();
	ct_reply_empty(request, 200);
}

/* {"eventType": "PAYMENT_STATUS_CHANGED", "data": {"paymentKey": ..., ...}} */
void
webhook_toss(struct ct_request *request)
{
	cJSON		*event;
	const char	*key, *known = NULL;

	if (request->raw_body != NULL && ct_card_enabled()) {
		event = cJSON_ParseWithLength(request->raw_body, request->raw_body_length);
		key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(
		    cJSON_GetObjectItemCaseSensitive(event, "data"), "paymentKey"));
		if (key != NULL && ct_card_key_valid(key))
			known = ct_printf(request, "%s", key);
		cJSON_Delete(event);
	}
	if (known == NULL) {
		ct_reply_empty(request, 200);
		return;
	}
	if (noting >= NOTING_MAX) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "Too many webhooks are being noted.", NULL);
		return;
	}
	noting++;
	ct_pg_call(ct_service_pg, &heard_of, (const char *const[]){ known }, noted, request);
}
