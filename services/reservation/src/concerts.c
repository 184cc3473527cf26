/* GET /concerts and GET /concerts/{concertId}. Both answers may come from a copy (cache.h). */
#include "cache.h"
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

	cache_reply(request, &(struct cache_question){ .stmt = &list_concerts, .args_count = 2, .args = { limit, cursor } });
}

void
concerts_get(struct ct_request *request)
{
	cache_reply(request, &(struct cache_question){ .stmt = &get_concert, .args_count = 1, .args = { request->path_id[0] } });
}
