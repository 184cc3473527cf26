/* GET /concerts and GET /concerts/{concertId}: the catalogue's first page. */
#include "handlers.h"

static const struct ct_pg_statement list_concerts = {
	.function = "reservation.list_concerts",
	.args = "int, uuid",
	.batch_max = 1,
	.order_by = -1,
};

static const struct ct_pg_statement get_concert = {
	.function = "reservation.get_concert",
	.args = "uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
concerts_list(struct ct_request *request)
{
	const char	*limit, *cursor;

	(void)ct_query_page(request, &limit, &cursor);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &list_concerts, (const char *const[]){ limit, cursor });
}

void
concerts_get(struct ct_request *request)
{
	ct_call_and_reply(request, &get_concert, (const char *const[]){ request->path_id[0] });
}
