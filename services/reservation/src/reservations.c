/* GET /reservations and GET /reservations/{reservationId}: only the caller's own reservations. */
#include "handlers.h"
#include "service/call.h"

static const struct ct_pg_statement list_reservations = {
	.function = "reservation.list_reservations",
	.args = "uuid, text, int, uuid",
	.batch_max = 1,
	.order_by = -1,
};

static const struct ct_pg_statement get_reservation = {
	.function = "reservation.get_reservation",
	.args = "uuid, uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
reservations_list(struct ct_request *request)
{
	static const char *const	statuses[] = { "HOLD", "CONFIRMED", "CANCELLED", "EXPIRED", NULL };
	const char			*status, *limit, *cursor;

	(void)ct_query_choice(request, "status", statuses, NULL, &status);
	(void)ct_query_page(request, &limit, &cursor);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &list_reservations,
	    (const char *const[]){ request->user, status, limit, cursor });
}

void
reservations_get(struct ct_request *request)
{
	ct_call_and_reply(request, &get_reservation,
	    (const char *const[]){ request->user, request->path_id[0] });
}
