/* GET /points/histories: the caller's ledger entries, the newest first. */
#include "handlers.h"
#include "service/call.h"

static const struct ct_pg_statement list_entries = {
	.function = "point.list_entries",
	.args = "uuid, int, uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
histories_list(struct ct_request *request)
{
	const char	*limit, *cursor;

	(void)ct_query_page(request, &limit, &cursor);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &list_entries,
	    (const char *const[]){ request->user, limit, cursor });
}
