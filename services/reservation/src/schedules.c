/*
 * GET /schedules (by concert, days and status) and GET /schedules/{scheduleId}.
 * With how many seats are left; both may come from a copy (cache.h).
 */
#include <string.h>

#include "cache.h"
#include "handlers.h"

static const struct ct_pg_statement list_schedules = {
	.function = "reservation.list_schedules",
	.args = "uuid, date, date, text",
	.batch_max = 1,
	.order_by = -1,
};

static const struct ct_pg_statement get_schedule = {
	.function = "reservation.get_schedule",
	.args = "uuid",
	.batch_max = 1,
	.order_by = -1,
};

void
schedules_list(struct ct_request *request)
{
	static const char *const	statuses[] = { "ON_SALE", "CLOSED", "ALL", NULL };
	const char			*concert, *from, *to, *status;
	bool				dates;

	(void)ct_query_uuid(request, "concertId", true, &concert);
	dates = ct_query_date(request, "dateFrom", &from);
	dates = ct_query_date(request, "dateTo", &to) && dates;
	(void)ct_query_choice(request, "status", statuses, "ON_SALE", &status);

	/* YYYY-MM-DD sorts as text. */
	if (dates && from != NULL && to != NULL && strcmp(from, to) > 0)
		ct_note_invalid(request, "dateFrom", "is after dateTo");
	if (ct_invalid(request))
		return;

	cache_reply(request, &list_schedules, 4, (const char *const[]){ concert, from, to, status }, -1, 0);
}

void
schedules_get(struct ct_request *request)
{
	cache_reply(request, &get_schedule, 1, (const char *const[]){ request->path_id[0] }, -1, 0);
}
