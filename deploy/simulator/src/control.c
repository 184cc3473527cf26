/* The calls by which tests control the simulator: /simulator/behaviours, payments, seed and books. */
#include <inttypes.h>
#include <string.h>

#include "simulator.h"

#define BOOKS_MAX	(64 * 1024 * 1024)

void
control_behaviours(struct ct_request *request)
{
	static const char *const	members[OPERATIONS] = { "confirm", "cancel", "find" };
	const char			*key = NULL, *texts[OPERATIONS], *webhook;
	int64_t				 times = 1;
	unsigned			 i;

	(void)ct_body_text(request, request->body, "paymentKey", KEY_TEXT - 1, true, &key);
	(void)ct_body_number(request, request->body, "times", 1, 1000000, false, &times);
	(void)ct_body_text(request, request->body, "webhook", 16, false, &webhook);
	for (i = 0; i < OPERATIONS; i++)
		(void)ct_body_text(request, request->body, members[i], 128, false, &texts[i]);
	if (ct_invalid(request))
		return;
	for (i = 0; i < OPERATIONS; i++) {
		if (texts[i] != NULL && !behaviour_order(key, (enum operation)i, texts[i], (unsigned)times))
			ct_note_invalid(request, members[i], "is no behaviour");
	}
	if (webhook != NULL && !notice_order(key, webhook))
		ct_note_invalid(request, "webhook", "must be one of: once, twice, late, early");
	if (ct_invalid(request))
		return;
	ct_reply_empty(request, 204);
}

/* A user has been through the payment window: from now on the key stands for this order and amount. */
void
control_payments(struct ct_request *request)
{
	const char	*key = NULL, *order = NULL;
	int64_t		 amount = 0;

	(void)ct_body_text(request, request->body, "paymentKey", KEY_TEXT - 1, true, &key);
	(void)ct_body_text(request, request->body, "orderId", ORDER_TEXT - 1, true, &order);
	(void)ct_body_number(request, request->body, "amount", 1, INT64_C(1000000000000), true, &amount);
	if (ct_invalid(request))
		return;
	if (!books_open(key, order, amount))
		ct_note_invalid(request, "paymentKey", "stands for another order or amount already");
	if (ct_invalid(request))
		return;
	ct_reply_empty(request, 204);
}

void
control_seed(struct ct_request *request)
{
	int64_t	seed = 0, rate = 0;

	(void)ct_body_number(request, request->body, "seed", 0, INT64_C(1) << 52, true, &seed);
	(void)ct_body_number(request, request->body, "rate", 0, 100, true, &rate);
	if (ct_invalid(request))
		return;
	behaviour_seed((uint64_t)seed, (unsigned)rate);
	ct_reply_empty(request, 204);
}

void
control_books(struct ct_request *request)
{
	const struct payment	*payment;
	int64_t			 captured;
	unsigned		 sent, delivered, waiting;
	struct ct_buf		 buf;

	ct_buf_init(&buf, BOOKS_MAX);
	webhook_counts(&sent, &delivered, &waiting);
	ct_buf_printf(&buf, "{\"webhooks\":{\"sent\":%u,\"delivered\":%u,\"waiting\":%u},\"faults\":", sent, delivered,
	    waiting);
	behaviour_counts(&buf);
	ct_buf_puts(&buf, ",\"orders\":[");
	for (payment = payments_first(); payment != NULL; payment = payment->next) {
		captured = payment->status == IN_PROGRESS || payment->status == ABORTED ? 0 : payment->total;
		ct_buf_printf(&buf, "{\"orderId\":\"%s\",\"paymentKey\":\"%s\",\"status\":\"%s\",\"captured\":%" PRId64
		    ",\"refunded\":%" PRId64 ",\"requests\":{\"confirm\":%u,\"cancel\":%u,\"find\":%u},\"webhooks\":%u,"
		    "\"idempotencyKeys\":{\"confirm\":", payment->order, payment->key, payment_status_name(payment->status), captured,
		    captured == 0 ? 0 : payment->total - payment->balance, payment->confirm_requests,
		    payment->cancel_requests, payment->find_requests, payment->webhooks);
		ct_buf_json_string(&buf, payment->confirm_idempotency);
		ct_buf_puts(&buf, ",\"cancel\":");
		ct_buf_json_string(&buf, payment->cancel_idempotency);
		ct_buf_puts(&buf, payment->next != NULL ? "}}," : "}}");
	}
	ct_buf_puts(&buf, "]}");
	ct_reply_json(request, 200, buf.data, buf.length);
	ct_buf_deinit(&buf);
}
