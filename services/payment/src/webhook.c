/*
 * POST /payments/webhooks/toss: the card provider calls here when a payment changed.
 * Any client can send a webhook, so the service does not believe its body. A webhook
 * only causes an earlier look-up of our payments and charges with its payment key, at
 * most once in ten seconds for each of them (payment.heard_of). This includes APPROVED payments,
 * because an operator may have given money back in the provider's own console.
 *
 * 200 means only that the look-up will come. The provider repeats a webhook that gets another status.
 */
#include <string.h>

#include "base/assert.h"
#include "card/provider.h"
#include "card/card_resolver.h"
#include "handlers.h"
#include "service/service.h"

static const struct ct_pg_statement heard_of = {
	.function = "payment.heard_of",
	.args = "text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/*
 * Webhooks that a worker records at once. A call may wait for a user's lock, and because any
 * client can send webhooks, they must not take the pool's connections from buyers.
 */
#define RECORDING_MAX	2

static unsigned	recording;

static void
webhook_recorded(const struct ct_outcome *outcome, void *arg)
{
	struct ct_request	*request = arg;

	CT_ASSERT(recording > 0);
	recording--;
	/* The webhook is not recorded, so the provider must send it again. */
	if (outcome->error != CT_OK) {
		ct_reply_error(request, outcome->error == CT_ERROR_INTERNAL_ERROR ? CT_ERROR_INTERNAL_ERROR : CT_ERROR_SERVICE_UNAVAILABLE,
		    NULL, NULL);
		return;
	}
	ct_card_resolver_look();
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
	if (recording >= RECORDING_MAX) {
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, "Too many webhooks are being noted.", NULL);
		return;
	}
	recording++;
	ct_pg_call(ct_service_pg, &heard_of, (const char *const[]){ known }, webhook_recorded, request);
}
