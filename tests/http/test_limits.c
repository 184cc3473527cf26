/* Limits per user and schedule: seats, and holds that ended unpaid. Also the end of the sale. */
#include <string.h>

#include "harness.h"

/* Returns a schedule with the default limit of four seats per user. */
static struct schedule
limited(int rows, int per_row)
{
	struct schedule	 schedule = schedule_new(rows, per_row);
	struct user	 operator = operator_new();

	check_status(http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"maxPerUser\":4}" }), 200);
	return (schedule);
}

static struct reply
hold_best(const struct user *user, const struct schedule *schedule, int quantity, const char *key)
{
	return (http((struct call){ .path = "/reservations/hold", .jwt = user->jwt, .key = key,
	    .queue_token = become_active(user, schedule),
	    .body = format("{\"scheduleId\":\"%s\",\"bestAvailable\":{\"grade\":\"VIP\",\"quantity\":%d}}",
	    schedule->id, quantity) }));
}

Test(limits, hold_over_seat_limit_is_409, .timeout = 300)
{
	struct schedule	 schedule = limited(2, 10);
	struct user	 user = user_new(), other = user_new();
	struct reply	 reply, again;
	char		*token, *key = key_new();
	int64_t		 amount;
	char		*first;

	first = hold_new(&user, &schedule, 0, 3, &amount);
	token = become_active(&user, &schedule);
	reply = hold_seats(&user, &schedule, token, 3, 2);
	check_problem(reply, 409, "SEAT_LIMIT_EXCEEDED");
	cr_assert_eq(number_at(reply.json, "limit"), 4);
	cr_assert_eq(number_at(reply.json, "owned"), 3);
	cr_assert_str_eq(seat_status(&schedule, 3), "AVAILABLE");

	/* The token is still ACTIVE and holds a number of seats within the limit. */
	check_status(hold_seats(&user, &schedule, token, 3, 1), 201);
	reply = hold_best(&user, &schedule, 1, key);
	check_problem(reply, 409, "SEAT_LIMIT_EXCEEDED");
	cr_assert_eq(number_at(reply.json, "owned"), 4);

	/* Paid seats count like held ones. The refusal is kept under its key. */
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, first, amount, key_new()), 201);
	again = hold_best(&user, &schedule, 1, NULL);
	check_problem(again, 409, "SEAT_LIMIT_EXCEEDED");
	check_status(cancel_reservation(&user, first), 200);
	again = hold_best(&user, &schedule, 1, key);
	cr_assert_str_eq(again.body, reply.body);
	check_status(hold_best(&user, &schedule, 3, NULL), 201);

	check_status(hold_best(&other, &schedule, 4, NULL), 201);
	cr_assert_str_eq(sql(format("SELECT string_agg(n::text, ' ' ORDER BY n) FROM (SELECT count(*) AS n FROM reservation.seats s "
	    "JOIN reservation.reservations r USING (reservation_id) WHERE s.schedule_id = '%s' GROUP BY r.user_id) x",
	    schedule.id)), "4 4");
}

Test(limits, twenty_concurrent_holds_of_a_user_stay_within_the_limit, .timeout = 300)
{
	enum { N = 20 };
	struct schedule	 schedule = limited(2, 20);
	struct user	 user = user_new();
	struct call	 calls[N];
	struct reply	 replies[N];
	char		*token = become_active(&user, &schedule);
	int		 i, made = 0;

	/* All calls use one token and want three seats each, so one succeeds and the others repeat with a new token. */
	for (i = 0; i < N; i++)
		calls[i] = hold_call(direct("reservation"), &user, &schedule, token, 3 * i, 3);
	http_all(calls, replies, N);
	for (i = 0; i < N; i++)
		made += replies[i].status == 201;
	cr_assert_eq(made, 1);
	token = become_active(&user, &schedule);
	for (i = 0; i < N; i++)
		calls[i].queue_token = token;
	http_all(calls, replies, N);
	for (i = 0; i < N; i++)
		check_status(replies[i], 409);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.seats WHERE schedule_id = '%s' AND status <> 'AVAILABLE'",
	    schedule.id)), "3");
}

Test(limits, five_unpaid_holds_pause_the_user_for_ten_minutes, .timeout = 300)
{
	struct schedule	 schedule = limited(1, 10);
	struct user	 user = user_new(), other = user_new();
	struct reply	 reply, again;
	char		*reservation = NULL, *key = key_new();
	int		 i;

	for (i = 0; i < 5; i++) {
		reservation = hold_new(&user, &schedule, i, 1, NULL);
		if (i < 4)
			check_status(cancel_reservation(&user, reservation), 200);
	}
	check_status(hold_best(&user, &schedule, 1, NULL), 201);
	/* The fifth hold expires. */
	set_hold_end(reservation, "0");
	reply = hold_best(&user, &schedule, 1, key);
	check_problem(reply, 409, "UNPAID_HOLD_LIMIT");
	cr_assert_eq(number_at(reply.json, "limit"), 5);
	again = hold_seats(&user, &schedule, become_active(&user, &schedule), 9, 1);
	check_problem(again, 409, "UNPAID_HOLD_LIMIT");
	check_status(hold_best(&other, &schedule, 1, NULL), 201);

	/* Move the ends of the holds back by ten minutes. */
	(void)sql(format("UPDATE reservation.reservations SET cancelled_at = cancelled_at - interval '10 minutes', "
	    "hold_expires_at = hold_expires_at - interval '10 minutes' WHERE schedule_id = '%s' AND user_id = '%s' "
	    "AND status IN ('CANCELLED', 'EXPIRED')", schedule.id, user.id));
	wait_for(strcmp(sql(format("SELECT count(*) FROM reservation.reservations WHERE reservation_id = '%s' AND status = 'EXPIRED'",
	    reservation)), "1") == 0, 60);
	(void)sql(format("UPDATE reservation.reservations SET hold_expires_at = hold_expires_at - interval '10 minutes' "
	    "WHERE reservation_id = '%s'", reservation));
	check_status(hold_best(&user, &schedule, 1, NULL), 201);
	cr_assert_str_eq(hold_best(&user, &schedule, 1, key).body, reply.body);
}

Test(limits, hold_made_before_sale_end_can_be_paid_after_it, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new(), late = user_new(), operator = operator_new();
	struct reply	 reply;
	char		*token = become_active(&late, &schedule), *reservation;
	int64_t		 amount;

	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	check_status(http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", schedule.id),
	    .jwt = operator.jwt, .body = format("{\"saleClosesAt\":\"%s\"}", time_in(-1)) }), 200);
	reply = hold_seats(&late, &schedule, token, 1, 1);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	check_status(charge(&user, amount, key_new()), 201);
	check_status(pay(&user, reservation, amount, key_new()), 201);
}

Test(limits, hold_shows_its_seconds_left, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	struct reply	 reply;
	char		*reservation, *path;

	reply = hold_seats(&user, &schedule, become_active(&user, &schedule), 0, 1);
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "holdSecondsLeft"), number_at(reply.json, "holdTtlSeconds"));
	reservation = strdup(text_at(reply.json, "reservationId"));
	path = format("/reservations/%s", reservation);
	set_hold_end(reservation, "1 hour");
	reply = http((struct call){ .path = path, .jwt = user.jwt });
	check_status(reply, 200);
	cr_assert(number_at(reply.json, "holdSecondsLeft") > 3000 && number_at(reply.json, "holdSecondsLeft") < 3600, "%s", reply.body);
	reply = http((struct call){ .path = "/reservations", .jwt = user.jwt });
	check_status(reply, 200);
	cr_assert_gt(number_at(reply.json, "items.0.holdSecondsLeft"), 3000);
	reply = http((struct call){ .method = "POST", .path = format("%s/cancel", path), .jwt = user.jwt });
	check_status(reply, 200);
	cr_assert(null_at(reply.json, "holdSecondsLeft"));
}
