/*
 * GET /schedules (by concert, days and status) and GET /schedules/{scheduleId}, both
 * with the number of seats left. Both answers may come from a copy (cache.h).
 *
 * One copy of all schedules of a concert answers every range of dates. The range is
 * cut out of it here, so that requests with many different dates cost PostgreSQL nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
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

#define SEOUL_MIDNIGHT	"T15:00:00.000Z"	/* of the next day, in UTC */
#define INSTANT_TEXT	sizeof("2000-01-01" SEOUL_MIDNIGHT)

/* Times in the form of the answer, which sort as text. Empty: no limit on that side. */
struct range {
	char	from[INSTANT_TEXT];
	char	to[INSTANT_TEXT];	/* not in the range itself */
};

/* Returns the range of the Seoul days `from` to `to`, both included. NULL: no limit. */
static struct range *
schedules_range(struct ct_request *request, const char *from, const char *to)
{
	struct range	*range = ct_alloc(request, sizeof(*range));
	struct tm	 day = { 0 };

	if (from != NULL) {
		day.tm_year = (int)strtol(from, NULL, 10) - 1900;
		day.tm_mon = (int)strtol(from + strlen("2000-"), NULL, 10) - 1;
		day.tm_mday = (int)strtol(from + strlen("2000-01-"), NULL, 10) - 1;
		(void)timegm(&day);
		(void)snprintf(range->from, sizeof(range->from), "%04u-%02u-%02u" SEOUL_MIDNIGHT,
		    (unsigned)(day.tm_year + 1900) % 10000, (unsigned)day.tm_mon % 12 + 1, (unsigned)day.tm_mday % 32);
	}
	if (to != NULL)
		(void)snprintf(range->to, sizeof(range->to), "%s" SEOUL_MIDNIGHT, to);
	return (range);
}

static bool
schedules_in_range(const struct range *range, const char *start)
{
	return ((*range->from == '\0' || strncmp(start, range->from, strlen(range->from)) >= 0) &&
	    (*range->to == '\0' || strncmp(start, range->to, strlen(range->to)) < 0));
}

/*
 * Replies with the schedules of the range. They are ordered by start, so they are one
 * piece of the text. `opening` and `start` occur only where a schedule and its start
 * begin, because a JSON string would escape their quotes.
 */
static void
schedules_reply_range(struct ct_request *request, const char *body, size_t length)
{
	static const char	 opening[] = "{\"scheduleId\":\"", start[] = "\"startAt\":\"";
	const struct range	*range = request->state;
	const char		*list = strstr(body, opening), *at, *start_at, *begin = NULL, *end = NULL;
	struct ct_buf		 part;

	/* The list ends with the two brackets that end the answer. */
	for (at = list; at != NULL; at = strstr(at + 1, opening)) {
		if ((start_at = strstr(at, start)) == NULL)
			break;
		if (schedules_in_range(range, start_at + strlen(start)))
			begin = begin == NULL ? at : begin;
		else if (begin != NULL) {
			/* The separator of the list is not a part of the last schedule, whatever its form. */
			for (end = at; end[-1] != '}'; end--)
				;
			break;
		}
	}
	if (list == NULL) {
		ct_reply_json(request, 200, body, length);
		return;
	}
	if (end == NULL)
		end = body + length - 2;
	ct_buf_init(&part, length + 1);
	ct_buf_append(&part, body, (size_t)(list - body));
	if (begin != NULL)
		ct_buf_append(&part, begin, (size_t)(end - begin));
	ct_buf_append(&part, "]}", 2);
	if (part.failed)
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	else
		ct_reply_json(request, 200, part.data, part.length);
	ct_buf_deinit(&part);
}

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

	request->state = schedules_range(request, from, to);
	cache_reply(request, &(struct cache_question){ .stmt = &list_schedules, .args_count = 4,
	    .args = { concert, NULL, NULL, status }, .reply = from == NULL && to == NULL ? NULL : schedules_reply_range });
}

void
schedules_get(struct ct_request *request)
{
	cache_reply(request, &(struct cache_question){ .stmt = &get_schedule, .args_count = 1, .args = { request->path_id[0] } });
}
