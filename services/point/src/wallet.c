/* GET /points: the caller's balance. */
#include "handlers.h"
#include "service/call.h"

static const struct ct_pg_statement get_wallet = {
	.function = "point.get_wallet",
	.args = "uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
wallet_get(struct ct_request *request)
{
	ct_call_and_reply(request, &get_wallet, (const char *const[]){ request->user });
}
