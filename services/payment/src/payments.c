/* GET /payments and GET /payments/{paymentId}: only the caller's own payments. */
#include "handlers.h"
#include "service/call.h"

static const struct ct_pg_statement list_payments = {
	.function = "payment.list_payments",
	.args = "uuid, int, uuid",
	.batch_max = 1,
	.order_by = -1,
};

static const struct ct_pg_statement get_payment = {
	.function = "payment.get_payment",
	.args = "uuid, uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
payments_list(struct ct_request *request)
{
	const char	*limit, *cursor;

	(void)ct_query_page(request, &limit, &cursor);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &list_payments,
	    (const char *const[]){ request->user, limit, cursor });
}

void
payments_get(struct ct_request *request)
{
	ct_call_and_reply(request, &get_payment,
	    (const char *const[]){ request->user, request->path_id[0] });
}
