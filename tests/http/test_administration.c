/* Operators' input: names, times, the end of a sale, and the fields that a PATCH may change. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#define DAY		(24 * 3600L)
#define SECTION		"{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}"

static struct reply
create(const char *concert, const char *fields, const char *sections)
{
	struct user	operator = operator_new();

	return (http((struct call){ .path = format("/admin/concerts/%s/schedules", concert), .jwt = operator.jwt,
	    .body = format("{%s,\"sections\":[%s]}", fields, sections) }));
}

/* Creates a schedule that starts in `start` seconds and lasts two hours. `more` adds fields (",\"a\":1"). */
static struct reply
create_in(const char *concert, long start, const char *more)
{
	return (create(concert, format("\"startAt\":\"%s\",\"endAt\":\"%s\",\"status\":\"ON_SALE\"%s", time_in(start),
	    time_in(start + 7200), more), SECTION));
}

static struct reply
patch(const char *schedule, const char *body)
{
	struct user	operator = operator_new();

	return (http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", schedule), .jwt = operator.jwt,
	    .body = body }));
}

static struct reply
show(const char *schedule)
{
	struct reply	reply = http((struct call){ .path = format("/schedules/%s", schedule) });

	check_status(reply, 200);
	return (reply);
}

static int
listed(const char *concert, const char *status)
{
	struct reply	reply = http((struct call){ .path = format("/schedules?concertId=%s&status=%s", concert, status) });

	check_status(reply, 200);
	return (length_at(reply.json, "schedules"));
}

/* Returns error number `index` of a 400 as "field: reason". */
static const char *
error_of(const struct reply *reply, int index)
{
	return (format("%s: %s", text_at(reply->json, format("errors.%d.field", index)),
	    text_at(reply->json, format("errors.%d.reason", index))));
}

#define check_error(reply, field) do { \
	check_problem(reply, 400, "INVALID_REQUEST"); \
	cr_assert_str_eq(text_at((reply).json, "errors.0.field"), field, "%s", (reply).body); \
} while (0)

Test(administration, schedule_without_limits_sells_until_start_and_four_seats_a_user)
{
	struct reply	reply = create_in(concert_new(), DAY, ",\"saleClosesAt\":null,\"maxPerUser\":null,\"saleOpensAt\":null,\"preQueue\":null");

	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "ON_SALE");
	cr_assert_str_eq(text_at(reply.json, "saleClosesAt"), text_at(reply.json, "startAt"));
	cr_assert_eq(number_at(reply.json, "maxPerUser"), 4);
	cr_assert_str_eq(show(text_at(reply.json, "scheduleId")).body, reply.body);
}

Test(administration, schedule_with_sale_end_and_limit_shows_both)
{
	char		*closes = time_in(DAY + 600);
	struct reply	 reply = create_in(concert_new(), DAY, format(",\"saleClosesAt\":\"%s\",\"maxPerUser\":100", closes));

	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "saleClosesAt"), closes);
	cr_assert_eq(number_at(reply.json, "maxPerUser"), 100);
}

Test(administration, max_per_user_out_of_range_is_400)
{
	static const char *const	limits[] = { "0", "101", "-1", "1.5", "\"4\"", "true", "[4]" };
	char				*concert = concert_new();
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		reply = create_in(concert, DAY, format(",\"maxPerUser\":%s", limits[i]));
		check_error(reply, "maxPerUser");
	}
	cr_assert_eq(listed(concert, "ALL"), 0);
}

/* A ticket sold after the start could not be refunded: cancelling it answers CANCELLATION_CLOSED. */
Test(administration, schedule_in_the_past_reads_closed_and_is_not_sold)
{
	char		*concert = concert_new();
	struct user	 user;
	struct schedule	 past = schedule_with(concert, "2020-05-01T10:00:00.000Z", "2020-05-01T12:00:00.000Z", NULL, "ON_SALE", 1, 1);
	struct reply	 reply;

	cr_assert_str_eq(text_at(show(past.id).json, "status"), "CLOSED");
	cr_assert_eq(listed(concert, "ON_SALE"), 0);
	cr_assert_eq(listed(concert, "CLOSED"), 1);
	cr_assert_eq(listed(concert, "ALL"), 1);
	user = user_new();
	reply = enter(&user, &past);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	/* Setting ON_SALE again does not reopen the sale. */
	reply = patch(past.id, "{\"status\":\"ON_SALE\"}");
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CLOSED");
}

Test(administration, schedule_past_its_sale_end_reads_closed)
{
	char		*concert = concert_new();
	struct reply	 reply = create_in(concert, DAY, format(",\"saleClosesAt\":\"%s\"", time_in(-1)));
	char		*schedule;

	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "status"), "CLOSED");
	schedule = strdup(text_at(reply.json, "scheduleId"));
	cr_assert_eq(listed(concert, "ON_SALE"), 0);

	reply = patch(schedule, format("{\"saleClosesAt\":\"%s\"}", time_in(3600)));
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "ON_SALE");
	wait_for(listed(concert, "ON_SALE") == 1, 60);
	(void)sql(format("UPDATE reservation.schedules SET sale_closes_at = now() WHERE schedule_id = '%s'", schedule));
	wait_for(strcmp(text_at(show(schedule).json, "status"), "CLOSED") == 0, 60);
	wait_for(listed(concert, "ON_SALE") == 0 && listed(concert, "CLOSED") == 1, 60);
}

Test(administration, sale_times_out_of_order_are_400)
{
	char		*concert = concert_new(), *end = time_in(DAY + 7200), *start = time_in(DAY);
	struct reply	 reply;

#define ORDER(opens, closes) create(concert, format("\"startAt\":\"%s\",\"endAt\":\"%s\",\"status\":\"ON_SALE\"%s%s", start, end, opens, closes), SECTION)
#define OPENS(at) format(",\"saleOpensAt\":\"%s\"", at)
#define CLOSES(at) format(",\"saleClosesAt\":\"%s\"", at)
	reply = ORDER(OPENS(end), "");
	check_error(reply, "saleOpensAt");
	reply = ORDER(OPENS(start), "");
	check_error(reply, "saleOpensAt");
	reply = ORDER(OPENS(start), CLOSES(start));
	check_error(reply, "saleClosesAt");
	reply = ORDER("", CLOSES(time_in(DAY + 7201)));
	check_error(reply, "saleClosesAt");
	reply = create(concert, format("\"startAt\":\"%s\",\"endAt\":\"%s\",\"status\":\"ON_SALE\"", start, start), SECTION);
	check_error(reply, "endAt");
	cr_assert_eq(listed(concert, "ALL"), 0);
	check_status(ORDER(OPENS(start), CLOSES(end)), 201);
}

Test(administration, schedule_patch_changes_only_named_fields)
{
	struct reply	 reply = create_in(concert_new(), DAY, format(",\"saleOpensAt\":\"%s\"", time_in(3600)));
	char		*schedule, *closes = time_in(DAY - 60), *start;

	check_status(reply, 201);
	schedule = strdup(text_at(reply.json, "scheduleId"));
	start = strdup(text_at(reply.json, "startAt"));

	reply = patch(schedule, "{\"maxPerUser\":7}");
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "maxPerUser"), 7);
	reply = patch(schedule, format("{\"saleClosesAt\":\"%s\"}", closes));
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "saleClosesAt"), closes);
	cr_assert_eq(number_at(reply.json, "maxPerUser"), 7);
	reply = patch(schedule, "{\"status\":\"CLOSED\",\"maxPerUser\":2}");
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "saleClosesAt"), closes);
	cr_assert_str_eq(text_at(reply.json, "status"), "CLOSED");
	cr_assert_eq(number_at(reply.json, "maxPerUser"), 2);
	/* null removes the sale's own end, so it follows startAt again. */
	reply = patch(schedule, "{\"saleClosesAt\":null,\"status\":\"ON_SALE\"}");
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "saleClosesAt"), start);
	cr_assert_str_eq(text_at(reply.json, "status"), "ON_SALE");
}

Test(administration, schedule_patch_with_unchangeable_field_changes_nothing)
{
	static const char *const	fields[] = { "saleOpensAt", "startAt", "endAt", "scheduleId", "concertId", "totalSeats",
		"remaining", "sections", "preQueue", "Status", "salesClosesAt" };
	struct reply			 reply = create_in(concert_new(), DAY, ""), before;
	char				*schedule = strdup(text_at(reply.json, "scheduleId"));
	size_t				 i;

	before = show(schedule);
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		reply = patch(schedule, format("{\"status\":\"CLOSED\",\"maxPerUser\":1,\"%s\":\"%s\"}", fields[i], time_in(600)));
		check_error(reply, fields[i]);
		cr_assert_eq(length_at(reply.json, "errors"), 1);
	}
	reply = patch(schedule, "{\"saleOpensAt\":null}");
	check_error(reply, "saleOpensAt");
	/* The error does not repeat a field name longer than any known one. */
	reply = patch(schedule, format("{\"%01000d\":1}", 7));
	check_error(reply, "body");
	reply = patch(schedule, "{}");
	check_error(reply, "body");
	cr_assert_str_eq(show(schedule).body, before.body);
}

Test(administration, schedule_patch_with_invalid_value_changes_nothing)
{
	static const struct {
		const char	*body;
		const char	*field;
	} wrong[] = {
		{ "{\"status\":null}", "status" },
		{ "{\"status\":\"CANCELLED\"}", "status" },
		{ "{\"maxPerUser\":null}", "maxPerUser" },
		{ "{\"maxPerUser\":0,\"status\":\"CLOSED\"}", "maxPerUser" },
		{ "{\"saleClosesAt\":\"\",\"status\":\"CLOSED\"}", "saleClosesAt" },
		{ "{\"saleClosesAt\":0,\"status\":\"CLOSED\"}", "saleClosesAt" },
		{ "{\"saleClosesAt\":\"2199-12-31T23:59:59Z\",\"status\":\"CLOSED\"}", "saleClosesAt" },
		{ "{\"saleClosesAt\":\"2000-01-01T00:00:00Z\",\"maxPerUser\":9}", "saleClosesAt" },
	};
	struct reply	 reply = create_in(concert_new(), DAY, format(",\"saleOpensAt\":\"%s\"", time_in(3600))), before;
	char		*schedule = strdup(text_at(reply.json, "scheduleId"));
	size_t		 i;

	before = show(schedule);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = patch(schedule, wrong[i].body);
		check_error(reply, wrong[i].field);
	}
	cr_assert_str_eq(show(schedule).body, before.body);
}

Test(administration, time_bounds_apply_after_conversion_to_utc)
{
	static const char *const	outside[] = { "0001-01-01T00:00:00+14:00", "0000-01-01T00:00:00Z", "1999-12-31T23:59:59Z",
		"2000-01-01T08:59:59+09:00", "2199-12-31T23:59:59-00:01", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00" };
	char				*concert = concert_new();
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		reply = create(concert, format("\"startAt\":\"%s\",\"endAt\":\"2199-12-31T00:00:00Z\",\"status\":\"ON_SALE\"", outside[i]),
		    SECTION);
		check_error(reply, "startAt");
		reply = create(concert, format("\"startAt\":\"2031-01-01T00:00:00Z\",\"endAt\":\"%s\",\"status\":\"ON_SALE\"", outside[i]),
		    SECTION);
		check_error(reply, "endAt");
		reply = create_in(concert, DAY, format(",\"saleOpensAt\":\"%s\"", outside[i]));
		check_error(reply, "saleOpensAt");
		reply = create_in(concert, DAY, format(",\"saleClosesAt\":\"%s\"", outside[i]));
		check_error(reply, "saleClosesAt");
	}
	reply = create(concert, "\"startAt\":\"1999-12-31T20:00:00.0009-04:00\",\"endAt\":\"2200-01-01T08:59:59.9999999+09:00\","
	    "\"status\":\"ON_SALE\"", SECTION);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "startAt"), "2000-01-01T00:00:00.000Z");
	cr_assert_str_eq(text_at(reply.json, "endAt"), "2199-12-31T23:59:59.999Z");
}

static struct reply
concert_named(const char *title)
{
	struct user	operator = operator_new();

	return (http((struct call){ .path = "/admin/concerts", .jwt = operator.jwt,
	    .body = format("{\"title\":\"%s\",\"artist\":\" B\xcc\x81 \",\"venue\":\"\\u3000C\",\"address\":\"D\"}", title) }));
}

Test(administration, concert_names_are_trimmed_and_stored_in_nfc)
{
	struct reply	reply = concert_named("\\u2003 \\u1112\\u1161\\u11ab\\u1100\\u1173\\u11af \\u00a0");

	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "title"), "\xed\x95\x9c\xea\xb8\x80");
	cr_assert_str_eq(text_at(reply.json, "artist"), "B\xcc\x81", "Unicode has no composed letter for it");
	cr_assert_str_eq(text_at(reply.json, "venue"), "C");
}

Test(administration, invisible_or_control_characters_in_a_name_are_400)
{
	static const char *const	titles[] = { "", " ", "\\u200b", "\\u2060", "\\ufeff", "\\u3164", "\\uffa0", "\\u115f\\u1160",
		"\\ufe0f", "\\u00ad", "\\u2800", "\\udb40\\udc01", "a\\u0000", "a\\nb", "a\\u0085b", "a\\u007fb", "a\\u202eb", "a\\u2066b",
		"a\\u2028b", "\\ud800" };
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
		reply = concert_named(titles[i]);
		check_problem(reply, 400, "INVALID_REQUEST");
		cr_assert_eq(length_at(reply.json, "errors"), 1, "%s", reply.body);
		/* Some titles are invalid JSON strings, so the error names the body. */
		if (strcmp(text_at(reply.json, "errors.0.field"), "body") != 0)
			cr_assert_str_eq(text_at(reply.json, "errors.0.field"), "title", "%s", titles[i]);
	}
	reply = concert_named(format("%0200d", 7));
	check_status(reply, 201);
	reply = concert_named(format("%0201d", 7));
	check_error(reply, "title");
}

static struct reply
patch_concert(const char *concert, const char *jwt, const char *body)
{
	return (http((struct call){ .method = "PATCH", .path = format("/admin/concerts/%s", concert), .jwt = jwt, .body = body }));
}

Test(administration, concert_patch_changes_only_named_fields)
{
	struct user	operator = operator_new();
	struct reply	reply = concert_named("A");
	char		*concert = strdup(text_at(reply.json, "concertId"));

	reply = patch_concert(concert, operator.jwt, "{\"title\":\" e\\u0301 \\\"1\\\" \"}");
	check_status(reply, 200);
	cr_assert_str_eq(reply.body, format("{\"concertId\":\"%s\",\"title\":\"\xc3\xa9 \\\"1\\\"\",\"artist\":\"B\xcc\x81\",\"venue\":\"C\","
	    "\"address\":\"D\",\"firstStartAt\":null,\"lastStartAt\":null}", concert));
	reply = patch_concert(concert, operator.jwt, format("{\"artist\":\"b\",\"venue\":\"%0200d\",\"address\":\"d\"}", 7));
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "title"), "\xc3\xa9 \"1\"");
	cr_assert_str_eq(text_at(reply.json, "artist"), "b");
	cr_assert_str_eq(text_at(reply.json, "venue"), format("%0200d", 7));
	cr_assert_str_eq(text_at(reply.json, "address"), "d");
	wait_for(strcmp(http((struct call){ .path = format("/concerts/%s", concert) }).body, reply.body) == 0, 60);
}

Test(administration, concert_patch_with_invalid_field_changes_nothing)
{
	static const struct { const char *body, *field; } wrong[] = {
		{ "{\"title\":\"x\",\"hidden\":true}", "hidden" }, { "{\"title\":\"x\",\"Artist\":\"x\"}", "Artist" },
		{ "{\"title\":\"x\",\"concertId\":null}", "concertId" }, { "{\"genre\":\"x\"}", "genre" }, { "{}", "body" },
		{ "{\"title\":null,\"artist\":\"x\"}", "title" }, { "{\"title\":\"x\",\"artist\":null}", "artist" },
		{ "{\"title\":\"x\",\"venue\":null}", "venue" }, { "{\"title\":\"x\",\"address\":null}", "address" },
		{ "{\"title\":\"x\",\"artist\":7}", "artist" }, { "{\"title\":\"x\",\"venue\":\"\\u200b\"}", "venue" },
		{ "{\"title\":\"x\",\"address\":\"a\\nb\"}", "address" }, { "{\"title\":\" \",\"artist\":\"x\"}", "title" },
	};
	struct user	operator = operator_new();
	struct reply	reply = concert_named("A");
	char		*concert = strdup(text_at(reply.json, "concertId")), *before = strdup(reply.body);
	size_t		i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = patch_concert(concert, operator.jwt, wrong[i].body);
		check_error(reply, wrong[i].field);
		cr_assert_eq(length_at(reply.json, "errors"), 1, "%s", reply.body);
	}
	reply = patch_concert(concert, operator.jwt, format("{\"artist\":\"x\",\"title\":\"%0201d\"}", 7));
	check_error(reply, "title");
	/* The answer to a PATCH without changes shows the stored names. */
	reply = patch_concert(concert, operator.jwt, "{\"title\":\"A\"}");
	check_status(reply, 200);
	cr_assert_str_eq(reply.body, before);
}

Test(administration, concert_patch_of_unknown_concert_is_404_and_without_role_403)
{
	struct user	operator = operator_new(), user = user_new();
	char		unknown[UUID_TEXT];
	struct reply	reply;

	uuid_new(unknown);
	reply = patch_concert(unknown, operator.jwt, "{\"title\":\"x\"}");
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = patch_concert("1", operator.jwt, "{\"title\":\"x\"}");
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = patch_concert(unknown, user.jwt, "{");
	check_problem(reply, 403, "FORBIDDEN");
	reply = patch_concert(unknown, NULL, "{\"title\":\"x\"}");
	check_problem(reply, 401, "UNAUTHENTICATED");
}

Test(administration, two_sections_with_the_same_name_are_400)
{
	static const char *const	pairs[][2] = { { "A", "A " }, { "A", "\\u3000A" }, { "\\ud55c", "\\u1112\\u1161\\u11ab" },
		{ "\\u00e9", "e\\u0301" }, { "A", "A\\u200b" }, { "A", "A\\u200d" }, { "A 1", "A\\u00a01" } };
	static const char		*fields = "\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\"";
	char				*concert = concert_new(), *schedule;
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		reply = create(concert, fields, format("{\"section\":\"%s\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1},"
		    "{\"section\":\"%s\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}", pairs[i][0], pairs[i][1]));
		check_problem(reply, 400, "INVALID_REQUEST");
		cr_assert_str_eq(error_of(&reply, 0), "sections[1].section: is there twice", "%s", reply.body);
	}
	cr_assert_eq(listed(concert, "ALL"), 0);
	reply = create(concert, fields, "{\"section\":\" e\\u0301 \\\"1\\\"\",\"grade\":\"S\",\"price\":1e3,\"rows\":1.0,\"seatsPerRow\":1}");
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "remaining.0.price"), 1000);
	schedule = strdup(text_at(reply.json, "scheduleId"));
	reply = http((struct call){ .path = format("/schedules/%s/seats", schedule) });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "sections.0.section"), "\xc3\xa9 \"1\"");
}

Test(administration, every_invalid_field_of_a_schedule_is_named_by_full_path)
{
	char		*sections = "", *concert = concert_new();
	struct reply	 reply;
	int		 i;

	reply = create(concert, "\"startAt\":\"2031-05-01\",\"endAt\":5,\"status\":\"OPEN\",\"maxPerUser\":\"x\",\"saleOpensAt\":[]",
	    SECTION ",{\"section\":\"B\",\"grade\":\"S\",\"price\":-1,\"rows\":\"1\",\"seatsPerRow\":1},7,"
	    "{\"section\":\" \",\"grade\":null,\"price\":1000,\"rows\":1}");
	check_problem(reply, 400, "INVALID_REQUEST");
	cr_assert_eq(length_at(reply.json, "errors"), 11, "%s", reply.body);
	cr_assert_str_eq(error_of(&reply, 0), "startAt: must be a time with its zone, as in 2026-05-01T19:00:00.000Z");
	cr_assert_str_eq(text_at(reply.json, "errors.1.field"), "endAt");
	cr_assert_str_eq(text_at(reply.json, "errors.2.field"), "saleOpensAt");
	cr_assert_str_eq(text_at(reply.json, "errors.3.field"), "status");
	cr_assert_str_eq(text_at(reply.json, "errors.4.field"), "maxPerUser");
	cr_assert_str_eq(error_of(&reply, 5), "sections[1].price: must be a whole number from 1 to 10000000");
	cr_assert_str_eq(text_at(reply.json, "errors.6.field"), "sections[1].rows");
	cr_assert_str_eq(error_of(&reply, 7), "sections[2]: must be an object");
	cr_assert_str_eq(text_at(reply.json, "errors.8.field"), "sections[3].section");
	cr_assert_str_eq(error_of(&reply, 9), "sections[3].grade: must not be null");
	cr_assert_str_eq(error_of(&reply, 10), "sections[3].seatsPerRow: is required");

	for (i = 0; i < 100; i++)
		sections = format("%s%s{}", sections, i > 0 ? "," : "");
	reply = create(concert, "\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\"", sections);
	check_problem(reply, 400, "INVALID_REQUEST");
	cr_assert_eq(length_at(reply.json, "errors"), 500);
	cr_assert_str_eq(text_at(reply.json, "errors.499.field"), "sections[99].seatsPerRow");
	cr_assert_eq(listed(concert, "ALL"), 0);
}

Test(administration, remaining_price_is_the_lowest_available)
{
	struct user	 user = user_new();
	struct schedule	 schedule = { .seats_count = 0 };
	struct reply	 reply;
	char		*path, *token;

	reply = create(concert_new(), format("\"startAt\":\"%s\",\"endAt\":\"%s\",\"status\":\"ON_SALE\"", time_in(DAY), time_in(2 * DAY)),
	    "{\"section\":\"A\",\"grade\":\"S\",\"price\":3000,\"rows\":1,\"seatsPerRow\":1},"
	    "{\"section\":\"B\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1},"
	    "{\"section\":\"C\",\"grade\":\"S\",\"price\":2000,\"rows\":1,\"seatsPerRow\":1}");
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "remaining.0.price"), 1000);
	(void)strcpy(schedule.id, text_at(reply.json, "scheduleId"));
	(void)strcpy(schedule.concert, text_at(reply.json, "concertId"));
	path = format("/schedules/%s/seats", schedule.id);
	reply = http((struct call){ .path = path });
	schedule.seats = calloc(1, sizeof(*schedule.seats));
	(void)strcpy(schedule.seats[0], text_at(reply.json, "sections.1.rows.0.seats.0.seatId"));
	token = become_active(&user, &schedule);
	check_status(hold_seats(&user, &schedule, token, 0, 1), 201);
	wait_for(number_at(show(schedule.id).json, "remaining.0.price") == 2000, 60);
	/* When the cheapest seat's hold expires, its price is the lowest again. */
	(void)sql(format("UPDATE reservation.seats SET hold_expires_at = now() WHERE seat_id = '%s'; "
	    "UPDATE reservation.reservations SET hold_expires_at = now() WHERE schedule_id = '%s'", schedule.seats[0], schedule.id));
	wait_for(number_at(show(schedule.id).json, "remaining.0.price") == 1000, 60);
}
