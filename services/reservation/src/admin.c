/*
 * Catalogue administration, for operators: creates concerts, and schedules with all
 * their seats; changes a concert's names, and a schedule's status, end of sale and
 * limit of seats per user.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "handlers.h"
#include "http/names.h"
#include "service/call.h"

#define NAME_MAX	200
#define CHANGES_BYTES	(8 * 1024)
#define SECTION_MAX	50
#define PER_USER_MAX	100
#define PER_USER_DEFAULT 4
#define FIELD_MAX	100	/* characters; an error repeats no longer field name */
#define SECTIONS_MAX	100
#define SECTIONS_BYTES	(128 * 1024)
#define SEATS_MAX	100000
#define PRICE_MAX	10000000

static const struct ct_pg_statement create_concert = {
	.function = "reservation.create_concert",
	.args = "text, text, text, text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement change_concert = {
	.function = "reservation.change_concert",
	.args = "uuid, jsonb",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

/*
 * The seats of a large hall are made in several calls, each of bounded time. With the
 * wait for its turn, a creation may take longer than the client waits. A client
 * that has hung up sends its request again. So the creation is rolled back when its
 * client hangs up: two schedules on sale would sell the same seats twice.
 */
static const struct ct_pg_statement create_schedule = {
	.function = "reservation.begin_schedule",
	.next = "reservation.make_seats",
	.wanted = ct_request_wanted,
	.args = "uuid, timestamptz, timestamptz, timestamptz, timestamptz, text, int, json, text",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement change_schedule = {
	.function = "reservation.change_schedule",
	.args = "uuid, jsonb",
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

	(void)ct_body_name(request, request->body, "title", NAME_MAX, true, &title);
	(void)ct_body_name(request, request->body, "artist", NAME_MAX, true, &artist);
	(void)ct_body_name(request, request->body, "venue", NAME_MAX, true, &venue);
	(void)ct_body_name(request, request->body, "address", NAME_MAX, true, &address);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &create_concert,
	    (const char *const[]){ title, artist, venue, address });
}

/*
 * Notes every field that a PATCH cannot change, so that no request is carried out in
 * part. `changeable` ends with NULL; `list` names the same fields for the client.
 */
static void
admin_check_changeable(struct ct_request *request, const char *const *changeable, const char *list)
{
	const cJSON	*item;
	size_t		 i;

	cJSON_ArrayForEach(item, request->body) {
		for (i = 0; changeable[i] != NULL && strcmp(item->string, changeable[i]) != 0; i++)
			continue;
		if (changeable[i] == NULL)
			ct_note_invalid(request, strlen(item->string) <= FIELD_MAX ? item->string : "body",
			    ct_printf(request, "cannot be changed; only %s can", list));
	}
	if (request->body->child == NULL)
		ct_note_invalid(request, "body", ct_printf(request, "give at least one of %s", list));
}

void
admin_patch_concert(struct ct_request *request)
{
	static const char *const	changeable[] = { "title", "artist", "venue", "address", NULL };
	const char			*name, *changes;
	struct ct_buf			 buf;
	size_t				 i;

	admin_check_changeable(request, changeable, "title, artist, venue and address");
	ct_buf_init(&buf, CHANGES_BYTES);
	for (i = 0; changeable[i] != NULL; i++) {
		if (cJSON_GetObjectItemCaseSensitive(request->body, changeable[i]) == NULL ||
		    !ct_body_name(request, request->body, changeable[i], NAME_MAX, true, &name))
			continue;
		ct_buf_printf(&buf, "%s\"%s\":", buf.length == 0 ? "{" : ",", changeable[i]);
		ct_buf_json_string(&buf, name);
	}
	ct_buf_puts(&buf, "}");
	changes = buf.failed ? NULL : ct_printf(request, "%s", buf.data);
	ct_buf_deinit(&buf);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &change_concert, (const char *const[]){ request->path_id[0], changes });
}

struct section {
	const char	*name;
	const char	*grade;
	int64_t		 price;
	int64_t		 rows;
	int64_t		 per_row;
};

/* Reads one section and notes each wrong field. Returns false if there is one. */
static bool
admin_read_section(struct ct_request *request, const cJSON *at, struct section *section)
{
	static const char *const	grades[] = { "VIP", "R", "S", NULL };
	bool				valid;

	valid = ct_body_name(request, at, "section", SECTION_MAX, true, &section->name);
	valid &= ct_body_choice(request, at, "grade", grades, true, &section->grade);
	valid &= ct_body_number(request, at, "price", 1, PRICE_MAX, true, &section->price);
	valid &= ct_body_number(request, at, "rows", 1, SEATS_MAX, true, &section->rows);
	valid &= ct_body_number(request, at, "seatsPerRow", 1, SEATS_MAX, true, &section->per_row);
	return (valid);
}

/* Notes a repeated name: two sections of one name would make two seats with one label. */
static void
admin_check_section_name(struct ct_request *request, const cJSON *at, const char *name, const char **labels, int count)
{
	int	i;

	labels[count] = ct_name_label(&request->memory, name);
	for (i = 0; i < count; i++) {
		if (labels[i] != NULL && strcmp(labels[i], labels[count]) == 0) {
			ct_body_note(request, at, "section", "is there twice");
			return;
		}
	}
}

/* Reads all sections, and checks the number of their seats. Returns them as JSON for SQL, or NULL after noting what is wrong. */
static const char *
admin_read_sections(struct ct_request *request)
{
	const cJSON	*sections = ct_body_member(request->body, "sections"), *at;
	const char	*labels[SECTIONS_MAX] = { NULL };
	struct section	 section = { NULL };
	struct ct_buf	 buf;
	const char	*json;
	int64_t		 seats = 0;
	int		 n = 0;
	bool		 valid = true;

	if (!cJSON_IsArray(sections) || cJSON_GetArraySize(sections) < 1 ||
	    cJSON_GetArraySize(sections) > SECTIONS_MAX) {
		ct_note_invalid(request, "sections", "must be an array of 1 to 100 sections");
		return (NULL);
	}

	ct_buf_init(&buf, SECTIONS_BYTES);
	cJSON_ArrayForEach(at, sections) {
		if (!cJSON_IsObject(at)) {
			ct_note_invalid(request, ct_printf(request, "sections[%d]", n), "must be an object");
			valid = false;
		} else {
			valid &= admin_read_section(request, at, &section);
			if (section.name != NULL)
				admin_check_section_name(request, at, section.name, labels, n);
		}
		n++;
		if (!valid)
			continue;
		seats += section.rows * section.per_row;
		ct_buf_puts(&buf, buf.length == 0 ? "[{\"section\":" : ",{\"section\":");
		ct_buf_json_string(&buf, section.name);
		ct_buf_printf(&buf, ",\"grade\":\"%s\",\"price\":%" PRId64 ",\"rows\":%" PRId64 ",\"seatsPerRow\":%" PRId64 "}",
		    section.grade, section.price, section.rows, section.per_row);
	}
	ct_buf_puts(&buf, "]");
	if (valid && seats > SEATS_MAX)
		ct_note_invalid(request, "sections", "make more than 100,000 seats");
	json = buf.failed ? NULL : ct_printf(request, "%s", buf.data);
	ct_buf_deinit(&buf);
	return (json);
}

void
admin_create_schedule(struct ct_request *request)
{
	const char	*start_at, *end_at, *sale_opens_at, *sale_closes_at, *status, *pre_queue, *sections;
	int64_t		 max_per_user = PER_USER_DEFAULT;

	(void)ct_body_time(request, request->body, "startAt", true, &start_at);
	(void)ct_body_time(request, request->body, "endAt", true, &end_at);
	(void)ct_body_time(request, request->body, "saleOpensAt", false, &sale_opens_at);
	(void)ct_body_time(request, request->body, "saleClosesAt", false, &sale_closes_at);
	(void)ct_body_choice(request, request->body, "status", statuses, true, &status);
	(void)ct_body_number(request, request->body, "maxPerUser", 1, PER_USER_MAX, false, &max_per_user);
	(void)ct_body_choice(request, request->body, "preQueue", pre_queues, false, &pre_queue);
	sections = admin_read_sections(request);
	if (ct_invalid(request))
		return;

	ct_call_and_reply(request, &create_schedule, (const char *const[]){ request->path_id[0], start_at, end_at,
	    sale_opens_at, sale_closes_at, status, ct_printf(request, "%d", (int)max_per_user), sections, pre_queue });
}

void
admin_patch_schedule(struct ct_request *request)
{
	static const char *const	changeable[] = { "status", "saleClosesAt", "maxPerUser", NULL };
	const cJSON			*body = request->body, *closes = cJSON_GetObjectItemCaseSensitive(body, "saleClosesAt");
	const char			*status = NULL, *sale_closes_at = NULL, *changes = "";
	int64_t				 max_per_user = 0;

	admin_check_changeable(request, changeable, "status, saleClosesAt and maxPerUser");
	/* In a PATCH null means "none", which only saleClosesAt accepts. */
	if (cJSON_GetObjectItemCaseSensitive(body, "status") != NULL)
		(void)ct_body_choice(request, body, "status", statuses, true, &status);
	if (cJSON_GetObjectItemCaseSensitive(body, "maxPerUser") != NULL)
		(void)ct_body_number(request, body, "maxPerUser", 1, PER_USER_MAX, true, &max_per_user);
	(void)ct_body_time(request, body, "saleClosesAt", false, &sale_closes_at);
	if (ct_invalid(request))
		return;

	if (status != NULL)
		changes = ct_printf(request, ",\"status\":\"%s\"", status);
	if (max_per_user > 0)
		changes = ct_printf(request, "%s,\"maxPerUser\":%d", changes, (int)max_per_user);
	if (sale_closes_at != NULL)
		changes = ct_printf(request, "%s,\"saleClosesAt\":\"%s\"", changes, sale_closes_at);
	else if (closes != NULL)
		changes = ct_printf(request, "%s,\"saleClosesAt\":null", changes);
	ct_call_and_reply(request, &change_schedule, (const char *const[]){ request->path_id[0],
	    ct_printf(request, "{%s}", changes + 1) });
}
