/*
 * Catalogue administration, for operators: concerts, schedules with all their
 * seats, and closing or opening a schedule.
 */
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

#define TEXT_MAX	200
#define SECTIONS_MAX	100
#define SEATS_MAX	100000
#define PRICE_MAX	10000000

static const struct ct_pg_statement create_concert = {
	.function = "reservation.create_concert",
	.args = "text, text, text, text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement create_schedule = {
	.function = "reservation.create_schedule",
	.args = "uuid, timestamptz, timestamptz, timestamptz, text, json, text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement set_schedule_status = {
	.function = "reservation.set_schedule_status",
	.args = "uuid, text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const char *const	statuses[] = { "ON_SALE", "CLOSED", NULL };
static const char *const	pre_queues[] = { "ARRIVAL", "DRAW", NULL };

void
admin_create_concert(struct ct_request *request)
{
	const char	*title, *artist, *venue, *address;

	(void)ct_body_text(request, request->body, "title", TEXT_MAX, true, &title);
	(void)ct_body_text(request, request->body, "artist", TEXT_MAX, true, &artist);
	(void)ct_body_text(request, request->body, "venue", TEXT_MAX, true, &venue);
	(void)ct_body_text(request, request->body, "address", TEXT_MAX, true, &address);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &create_concert,
	    (const char *const[]){ title, artist, venue, address });
}

/* Checks every section and how many seats they make together. */
static void
check_sections(struct ct_request *request, const cJSON *sections)
{
	static const char *const	grades[] = { "VIP", "R", "S", NULL };
	const cJSON			*section;
	const char			*text;
	int64_t				 number, rows, per_row, seats = 0;

	if (!cJSON_IsArray(sections) || cJSON_GetArraySize(sections) < 1 ||
	    cJSON_GetArraySize(sections) > SECTIONS_MAX) {
		ct_note_invalid(request, "sections", "must be an array of 1 to 100 sections");
		return;
	}

	cJSON_ArrayForEach(section, sections) {
		if (!cJSON_IsObject(section)) {
			ct_note_invalid(request, "sections", "each must be an object");
			return;
		}
		rows = per_row = 0;
		if (!ct_body_text(request, section, "section", 50, true, &text) ||
		    !ct_body_choice(request, section, "grade", grades, true, &text) ||
		    !ct_body_number(request, section, "price", 1, PRICE_MAX, true, &number) ||
		    !ct_body_number(request, section, "rows", 1, SEATS_MAX, true, &rows) ||
		    !ct_body_number(request, section, "seatsPerRow", 1, SEATS_MAX, true, &per_row))
			return;
		seats += rows * per_row;
	}
	if (seats > SEATS_MAX)
		ct_note_invalid(request, "sections", "make more than 100,000 seats");
}

void
admin_create_schedule(struct ct_request *request)
{
	const cJSON	*sections;
	const char	*start_at, *end_at, *sale_opens_at, *status, *pre_queue;
	char		*sections_json, *sections_copy;

	sections = cJSON_GetObjectItemCaseSensitive(request->body, "sections");
	(void)ct_body_time(request, request->body, "startAt", true, &start_at);
	(void)ct_body_time(request, request->body, "endAt", true, &end_at);
	(void)ct_body_time(request, request->body, "saleOpensAt", false, &sale_opens_at);
	(void)ct_body_choice(request, request->body, "status", statuses, true, &status);
	(void)ct_body_choice(request, request->body, "preQueue", pre_queues, false, &pre_queue);
	check_sections(request, sections);
	if (ct_invalid(request))
		return;

	if ((sections_json = cJSON_PrintUnformatted(sections)) == NULL) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
		return;
	}
	sections_copy = ct_printf(request, "%s", sections_json);
	cJSON_free(sections_json);

	ct_call_and_reply(request, &create_schedule, (const char *const[]){ request->path_id[0],
	    start_at, end_at, sale_opens_at, status, sections_copy, pre_queue });
}

void
admin_patch_schedule(struct ct_request *request)
{
	const char	*status;

	(void)ct_body_choice(request, request->body, "status", statuses, true, &status);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &set_schedule_status,
	    (const char *const[]){ request->path_id[0], status });
}
