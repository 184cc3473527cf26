/* Concerts, schedules, date filters, and their administration. */
#include <string.h>

#include "harness.h"

#define DAY	(24 * 3600L)

Test(catalogue, new_concert_is_listed_and_shown)
{
	char		*concert = concert_new();
	struct schedule	 schedule;
	struct reply	 one, list;
	const char	*cursor = NULL;
	bool		 seen = false;

	schedule = schedule_with(concert, time_in(5 * DAY), time_in(5 * DAY + 7200), NULL, "ON_SALE", 1, 2);
	one = http((struct call){ .path = format("/concerts/%s", concert) });
	check_status(one, 200);
	cr_assert_str_eq(text_at(one.json, "concertId"), concert);
	cr_assert_str_eq(text_at(one.json, "title"), "Night Songs");
	cr_assert_str_eq(text_at(one.json, "venue"), "Hall 1");
	cr_assert_str_eq(text_at(one.json, "firstStartAt"), text_at(one.json, "lastStartAt"));

	do {
		list = http((struct call){ .path = format("/concerts?limit=50%s%s",
		    cursor != NULL ? "&cursor=" : "", cursor != NULL ? cursor : "") });
		check_status(list, 200);
		seen = seen || strstr(list.body, concert) != NULL;
		cursor = null_at(list.json, "nextCursor") ? NULL : text_at(list.json, "nextCursor");
	} while (cursor != NULL);
	cr_assert(seen);
	cr_assert_eq(schedule.seats_count, 4);
}

Test(catalogue, cursor_gives_the_next_concert)
{
	struct reply	 first, second;

	(void)concert_new();
	(void)concert_new();
	first = http((struct call){ .path = "/concerts?limit=1" });
	check_status(first, 200);
	cr_assert_eq(length_at(first.json, "items"), 1);
	second = http((struct call){ .path = format("/concerts?limit=1&cursor=%s",
	    text_at(first.json, "nextCursor")) });
	check_status(second, 200);
	cr_assert_str_neq(text_at(first.json, "items.0.concertId"), text_at(second.json, "items.0.concertId"));
}

Test(catalogue, unknown_concert_or_schedule_is_404_with_own_code)
{
	char		unknown[UUID_TEXT];
	struct reply	reply;

	uuid_new(unknown);
	reply = http((struct call){ .path = format("/concerts/%s", unknown) });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = "/concerts/not-an-id" });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = format("/schedules?concertId=%s", unknown) });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = format("/schedules/%s", unknown) });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
	reply = http((struct call){ .path = format("/schedules/%s/seats", unknown) });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

Test(catalogue, schedules_are_filtered_by_day_and_status_and_sorted_by_start)
{
	char		*concert = concert_new();
	struct schedule	 late, early, closed;
	struct reply	 reply;

	late = schedule_with(concert, "2031-03-20T10:00:00.000Z", "2031-03-20T12:00:00.000Z", NULL, "ON_SALE", 1, 1);
	early = schedule_with(concert, "2031-03-10T10:00:00.000Z", "2031-03-10T12:00:00.000Z", NULL, "ON_SALE", 1, 1);
	closed = schedule_with(concert, "2031-03-15T10:00:00.000Z", "2031-03-15T12:00:00.000Z", NULL, "CLOSED", 1, 1);

	reply = http((struct call){ .path = format("/schedules?concertId=%s", concert) });
	check_status(reply, 200);
	cr_assert_eq(length_at(reply.json, "schedules"), 2);
	cr_assert_str_eq(text_at(reply.json, "schedules.0.scheduleId"), early.id);
	cr_assert_str_eq(text_at(reply.json, "schedules.1.scheduleId"), late.id);

	reply = http((struct call){ .path = format("/schedules?concertId=%s&status=CLOSED", concert) });
	cr_assert_eq(length_at(reply.json, "schedules"), 1);
	cr_assert_str_eq(text_at(reply.json, "schedules.0.scheduleId"), closed.id);

	reply = http((struct call){ .path = format("/schedules?concertId=%s&status=ALL&dateFrom=2031-03-15&dateTo=2031-03-20",
	    concert) });
	check_status(reply, 200);
	cr_assert_eq(length_at(reply.json, "schedules"), 2);
	cr_assert_str_eq(text_at(reply.json, "schedules.0.scheduleId"), closed.id);
	cr_assert_str_eq(text_at(reply.json, "schedules.1.scheduleId"), late.id);
}

/* Each range must be cut out of the list as valid JSON, with the separators between its schedules only. */
Test(catalogue, every_range_of_days_is_valid_json)
{
	char		*concert = concert_new();
	struct schedule	 schedules[3];
	struct reply	 reply;
	int		 first, last, i;

	for (i = 0; i < 3; i++)
		schedules[i] = schedule_with(concert, format("2031-03-1%dT10:00:00.000Z", i), format("2031-03-1%dT12:00:00.000Z", i), NULL,
		    "ON_SALE", 1, 1);
	for (first = 0; first < 3; first++)
		for (last = first; last < 3; last++) {
			reply = http((struct call){ .path = format("/schedules?concertId=%s&dateFrom=2031-03-1%d&dateTo=2031-03-1%d", concert,
			    first, last) });
			check_status(reply, 200);
			cr_assert_not_null(reply.json, "%d to %d: %s", first, last, reply.body);
			cr_assert_eq(length_at(reply.json, "schedules"), last - first + 1, "%s", reply.body);
			for (i = first; i <= last; i++)
				cr_assert_str_eq(text_at(reply.json, format("schedules.%d.scheduleId", i - first)), schedules[i].id);
		}
}

Test(catalogue, date_filter_uses_days_of_seoul)
{
	char		*concert = concert_new();
	struct schedule	 schedule;
	struct reply	 reply;

	/* 15:30 UTC on the 9th is 00:30 on the 10th in Seoul. */
	schedule = schedule_with(concert, "2031-03-09T15:30:00.000Z", "2031-03-09T17:30:00.000Z", NULL,
	    "ON_SALE", 1, 1);
	reply = http((struct call){ .path = format("/schedules?concertId=%s&dateFrom=2031-03-10&dateTo=2031-03-10",
	    concert) });
	cr_assert_eq(length_at(reply.json, "schedules"), 1);
	cr_assert_str_eq(text_at(reply.json, "schedules.0.startAt"), "2031-03-09T15:30:00.000Z");
	reply = http((struct call){ .path = format("/schedules?concertId=%s&dateTo=2031-03-09", concert) });
	cr_assert_eq(length_at(reply.json, "schedules"), 0);
	cr_assert_eq(schedule.seats_count, 2);
}

Test(catalogue, invalid_query_parameter_is_400)
{
	static const char *const	queries[] = { "dateFrom=2026-02-30", "dateTo=tomorrow",
	    "status=OPEN", "dateFrom=2026-05-02&dateTo=2026-05-01", "dateFrom=2026-5-1", "dateFrom=%zz" };
	char				*concert = concert_new();
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		reply = http((struct call){ .path = format("/schedules?concertId=%s&%s", concert, queries[i]) });
		check_problem(reply, 400, "INVALID_REQUEST");
	}
	reply = http((struct call){ .path = "/schedules" });
	check_problem(reply, 400, "INVALID_REQUEST");
	cr_assert_str_eq(text_at(reply.json, "errors.0.field"), "concertId");
	reply = http((struct call){ .path = "/schedules?concertId=5" });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/concerts?limit=0" });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/concerts?limit=101" });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/concerts?limit=ten" });
	check_problem(reply, 400, "INVALID_REQUEST");
	reply = http((struct call){ .path = "/concerts?cursor=none" });
	check_problem(reply, 400, "INVALID_REQUEST");
}

Test(catalogue, held_seats_lower_remaining_of_their_grade)
{
	struct schedule	schedule = schedule_new(2, 3);
	struct user	user = user_new();
	struct reply	reply;

	(void)hold_new(&user, &schedule, 0, 2, NULL);
	reply = http((struct call){ .path = format("/schedules/%s", schedule.id) });
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "totalSeats"), 12);
	cr_assert_str_eq(text_at(reply.json, "remaining.0.grade"), "VIP");
	cr_assert_eq(number_at(reply.json, "remaining.0.price"), 150000);
	cr_assert_eq(number_at(reply.json, "remaining.0.total"), 6);
	cr_assert_eq(number_at(reply.json, "remaining.0.available"), 4);
	cr_assert_str_eq(text_at(reply.json, "remaining.1.grade"), "R");
	cr_assert_eq(number_at(reply.json, "remaining.1.available"), 6);
	cr_assert(null_at(reply.json, "saleOpensAt"));
}

Test(catalogue, head_answers_like_get_without_body)
{
	struct reply	reply;

	reply = http((struct call){ .method = "HEAD", .path = "/concerts" });
	cr_assert_eq(reply.status, 200);
	cr_assert_eq(reply.length, 0);
	cr_assert_not_null(header(&reply, "X-Request-Id"));
}

Test(administration, admin_call_without_operator_role_is_403)
{
	struct user	user = user_new();
	struct reply	reply;
	const char	*body = "{\"title\":\"a\",\"artist\":\"b\",\"venue\":\"c\",\"address\":\"d\"}";

	reply = http((struct call){ .path = "/admin/concerts", .body = body });
	check_problem(reply, 401, "UNAUTHENTICATED");
	reply = http((struct call){ .path = "/admin/concerts", .jwt = user.jwt, .body = body });
	check_problem(reply, 403, "FORBIDDEN");
	/* The role is checked before the body. */
	reply = http((struct call){ .path = "/admin/concerts", .jwt = user.jwt, .body = "{" });
	check_problem(reply, 403, "FORBIDDEN");
}

Test(administration, closed_schedule_refuses_entry_until_reopened)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	operator = operator_new(), user = user_new();
	char		*path = format("/admin/schedules/%s", schedule.id), unknown[UUID_TEXT];
	struct reply	reply;

	reply = http((struct call){ .method = "PATCH", .path = path, .jwt = operator.jwt,
	    .body = "{\"status\":\"CLOSED\"}" });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CLOSED");
	wait_for(enter(&user, &schedule).status == 409, 60);
	reply = enter(&user, &schedule);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");

	reply = http((struct call){ .method = "PATCH", .path = path, .jwt = operator.jwt,
	    .body = "{\"status\":\"ON_SALE\"}" });
	check_status(reply, 200);
	wait_for(enter(&user, &schedule).status == 201, 60);

	reply = http((struct call){ .method = "PATCH", .path = path, .jwt = operator.jwt,
	    .body = "{\"status\":\"SOLD\"}" });
	check_problem(reply, 400, "INVALID_REQUEST");
	uuid_new(unknown);
	reply = http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", unknown),
	    .jwt = operator.jwt, .body = "{\"status\":\"CLOSED\"}" });
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

Test(administration, schedule_of_100000_seats_is_created_and_larger_is_400)
{
	struct user	 operator = operator_new();
	char		*path = format("/admin/concerts/%s/schedules", concert_new());
	const char	*body = "{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\","
	    "\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":50000,"
	    "\"rows\":%d,\"seatsPerRow\":500}]}";
	struct reply	 reply;

	reply = http((struct call){ .path = path, .jwt = operator.jwt, .body = format(body, 200) });
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "totalSeats"), 100000);
	cr_assert_eq(number_at(reply.json, "remaining.0.available"), 100000);
	reply = http((struct call){ .path = path, .jwt = operator.jwt, .body = format(body, 201) });
	check_problem(reply, 400, "INVALID_REQUEST");
}

Test(administration, invalid_schedule_is_400_and_creates_nothing)
{
	static const char *const	bodies[] = {
		"{}",
		"{\"startAt\":\"2031-05-01T12:00:00Z\",\"endAt\":\"2031-05-01T10:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}]}",
		"{\"startAt\":\"soon\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"Z\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":-1,\"rows\":1,\"seatsPerRow\":1}]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1.5,\"rows\":1,\"seatsPerRow\":1}]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":\"1\",\"seatsPerRow\":1}]}",
		"{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\",\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1},{\"section\":\"A\",\"grade\":\"R\",\"price\":1000,\"rows\":1,\"seatsPerRow\":1}]}",
	};
	struct user	 operator = operator_new();
	char		*concert = concert_new(), unknown[UUID_TEXT];
	struct reply	 reply;
	size_t		 i;

	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		reply = http((struct call){ .path = format("/admin/concerts/%s/schedules", concert),
		    .jwt = operator.jwt, .body = bodies[i] });
		check_problem(reply, 400, "INVALID_REQUEST");
	}
	uuid_new(unknown);
	reply = http((struct call){ .path = format("/admin/concerts/%s/schedules", unknown),
	    .jwt = operator.jwt, .body = "{\"startAt\":\"2031-05-01T10:00:00Z\",\"endAt\":\"2031-05-01T12:00:00Z\","
	    "\"status\":\"ON_SALE\",\"sections\":[{\"section\":\"A\",\"grade\":\"S\",\"price\":1000,\"rows\":1,"
	    "\"seatsPerRow\":1}]}" });
	check_problem(reply, 404, "CONCERT_NOT_FOUND");
	reply = http((struct call){ .path = format("/schedules?concertId=%s&status=ALL", concert) });
	cr_assert_eq(length_at(reply.json, "schedules"), 0, "a refused schedule was created");
	reply = http((struct call){ .path = "/admin/concerts", .jwt = operator.jwt, .body = "{\"title\":\"x\"}" });
	check_problem(reply, 400, "INVALID_REQUEST");
	cr_assert_eq(length_at(reply.json, "errors"), 3);
}
