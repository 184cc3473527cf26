/* GET /admin/queues: the queues that have users in them or that an operator has changed. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

static struct reply
list(const char *base, const char *jwt, const char *query)
{
	return (http((struct call){ .path = format("/admin/queues%s", query), .jwt = jwt, .base = base }));
}

/* Walks all pages of `limit` queues. Returns the schedule's item, or NULL; *count_r is the number of times that it was seen. */
static const cJSON *
listed(const struct user *operator, const struct schedule *schedule, int limit, int *count_r)
{
	const cJSON	*item, *found = NULL;
	const char	*cursor = NULL;
	char		 last[64] = "";

	*count_r = 0;
	for (int pages = 0; pages < 500; pages++) {
		struct reply	reply = list(direct("queue"), operator->jwt,
			    cursor == NULL ? format("?limit=%d", limit) : format("?limit=%d&cursor=%s", limit, cursor));

		check_status(reply, 200);
		cr_assert_leq(length_at(reply.json, "items"), limit);
		cJSON_ArrayForEach(item, at(reply.json, "items")) {
			cr_assert_lt(strcmp(last, text_at(item, "scheduleId")), 0, "the items are in the order of their ids");
			(void)strcpy(last, text_at(item, "scheduleId"));
			if (strcmp(last, schedule->id) == 0) {
				found = item;
				(*count_r)++;
			}
		}
		if (null_at(reply.json, "nextCursor"))
			return (found);
		cursor = text_at(reply.json, "nextCursor");
	}
	cr_assert_fail("the list has no end");
	return (NULL);
}

Test(queue, list_shows_a_queue_with_users)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 operator = operator_new(), users[3];
	const cJSON	*item = NULL;
	int		 count;

	(void)queue_settings(NULL, &schedule, "{\"maxActive\":1}");
	for (int i = 0; i < 3; i++)
		users[i] = user_new();
	(void)become_active(&users[0], &schedule);
	check_status(enter(&users[1], &schedule), 201);
	check_status(enter(&users[2], &schedule), 201);
	wait_for((item = listed(&operator, &schedule, 100, &count)) != NULL && number_at(item, "waiting") == 2 &&
	    !null_at(item, "predictedWaitSeconds") && !null_at(item, "seatsLeft"), 60);
	cr_assert_eq(count, 1);
	cr_assert_eq(number_at(item, "active"), 1);
	cr_assert_eq(number_at(item, "maxActive"), 1);
	cr_assert_eq(number_at(item, "seatsLeft"), 8);
	cr_assert_str_eq(text_at(item, "mode"), "OPEN");
	cr_assert_str_eq(text_at(item, "saleStatus"), "OPEN");
	cr_assert_str_eq(text_at(item, "concertTitle"), "Night Songs");
	cr_assert_eq(unix_ms_of(text_at(item, "startAt")) % 1000, 0);
	cr_assert_gt(number_at(item, "predictedWaitSeconds"), 0);
}

Test(queue, list_shows_a_paused_queue_without_users_and_no_untouched_one)
{
	struct schedule	 paused = schedule_new(1, 1), untouched = schedule_new(1, 1), left = schedule_new(1, 1);
	struct user	 operator = operator_new(), user = user_new();
	const cJSON	*item;
	struct reply	 reply;
	int		 count;

	check_status(queue_settings(NULL, &paused, "{\"mode\":\"PAUSED\"}"), 200);
	check_status(queue_settings(NULL, &untouched, NULL), 200);
	reply = enter(&user, &left);
	check_status(reply, 201);
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = user.jwt,
	    .queue_token = text_at(reply.json, "token") }), 204);
	item = listed(&operator, &paused, 100, &count);
	cr_assert_not_null(item);
	cr_assert_str_eq(text_at(item, "saleStatus"), "PAUSED");
	cr_assert_eq(number_at(item, "waiting"), 0);
	cr_assert(null_at(item, "predictedWaitSeconds"));
	cr_assert_str_eq(text_at(item, "updatedBy"), text_at(queue_settings(NULL, &paused, NULL).json, "updatedBy"));
	cr_assert_null(listed(&operator, &untouched, 100, &count));
	cr_assert_null(listed(&operator, &left, 100, &count), "its only user has left it");
}

Test(queue, list_of_more_than_100_queues_has_pages, .timeout = 300)
{
	struct schedule	 first = schedule_new(1, 1), last;
	struct user	 operator = operator_new();
	struct reply	 reply;
	int		 count;

	/* More changed queues than a page may have. Their schedules do not exist, so the list leaves them out. */
	(void)sql(format("SELECT queue.save_control(overlay('%s' placing lpad(to_hex(n), 12, '0') from 25)::uuid, 1, 'x', 1, 'PAUSED', "
	    "NULL, NULL, NULL, NULL) FROM generate_series(1, 150) n", first.id));
	check_status(queue_settings(NULL, &first, "{\"mode\":\"PAUSED\"}"), 200);
	last = schedule_new(1, 1);
	check_status(queue_settings(NULL, &last, "{\"mode\":\"PAUSED\"}"), 200);
	cr_assert_not_null(listed(&operator, &first, 100, &count));
	cr_assert_eq(count, 1);
	cr_assert_not_null(listed(&operator, &last, 7, &count), "a page without items has a cursor, too");
	cr_assert_eq(count, 1);
	reply = list(direct("queue"), operator.jwt, "");
	check_status(reply, 200);
	cr_assert_leq(length_at(reply.json, "items"), 20);
	(void)sql(format("DELETE FROM queue.queues WHERE updated_by = 'x'"));
}

Test(queue, list_is_for_operators_and_checks_its_parameters)
{
	static const char *const	bad[] = { "?limit=0", "?limit=101", "?limit=x", "?cursor=x", "?cursor=AZNbegAAcACAAAAAAAAA" };
	struct user			operator = operator_new(), user = user_new();
	struct reply			reply = list(NULL, NULL, "");

	check_problem(reply, 401, "UNAUTHENTICATED");
	reply = list(NULL, user.jwt, "");
	check_problem(reply, 403, "FORBIDDEN");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		reply = list(NULL, operator.jwt, bad[i]);
		check_problem(reply, 400, "INVALID_REQUEST");
	}
	check_status(list(NULL, operator.jwt, "?limit=100"), 200);
	reply = http((struct call){ .method = "POST", .path = "/admin/queues", .jwt = operator.jwt, .body = "{}" });
	check_problem(reply, 405, "METHOD_NOT_ALLOWED");
}

Test(restart, list_of_queues_names_the_store_that_is_down, .timeout = 300)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	operator = operator_new();
	struct reply	reply;
	int		count;

	check_status(queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}"), 200);
	ctl("stop redis");
	wait_for((reply = list(direct("queue"), operator.jwt, "")).status == 503 && strcmp(text_at(reply.json, "detail"), "Redis is down.") == 0, 60);
	check_problem_body(&reply, "SERVICE_UNAVAILABLE");
	ctl("start redis");
	wait_for(http((struct call){ .base = direct("queue"), .path = "/readyz" }).status == 200, 60);
	/* Another Redis process: the list begins the queue in it. */
	cr_assert_not_null(listed(&operator, &schedule, 100, &count));
	ctl("stop postgres");
	/* While it stops, the detail says so. */
	wait_for((reply = list(direct("queue"), operator.jwt, "")).status == 503 && strcmp(text_at(reply.json, "detail"), "PostgreSQL is down.") == 0, 60);
	ctl("start postgres");
	wait_for(list(direct("queue"), operator.jwt, "").status == 200, 60);
}
