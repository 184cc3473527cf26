/* Seats that become free again: cancelled holds, cancelled tickets, and expired holds. */
#include <sys/wait.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static void
cancel_and_check(const struct user *user, const char *reservation, const char *refund)
{
	struct reply	reply;

	reply = cancel_reservation(user, reservation);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "CANCELLED");
	if (refund == NULL)
		cr_assert(null_at(reply.json, "refund"));
	else
		cr_assert_str_eq(text_at(reply.json, "refund.status"), refund);
}

Test(resale, seats_of_cancelled_hold_are_available_at_once, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 first = user_new(), next = user_new();
	char		*token = become_active(&next, &schedule), *mine;
	struct reply	 reply;

	mine = hold_new(&first, &schedule, 0, 2, NULL);
	reply = hold_seats(&next, &schedule, token, 0, 2);
	check_problem(reply, 409, "SEAT_NOT_AVAILABLE");
	cancel_and_check(&first, mine, NULL);
	/* The next request gets the seats at once, with the token whose hold was refused. */
	reply = hold_seats(&next, &schedule, token, 0, 2);
	check_status(reply, 201);
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

Test(resale, seat_of_refunded_ticket_is_sold_again, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 first = user_new(), next = user_new();
	char		*token = become_active(&next, &schedule), *mine, *theirs;
	struct reply	 reply;
	int64_t		 amount;

	check_status(charge(&first, 200000, key_new()), 201);
	check_status(charge(&next, 200000, key_new()), 201);
	mine = hold_new(&first, &schedule, 0, 1, &amount);
	check_status(pay(&first, mine, amount, key_new()), 201);
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
	reply = hold_seats(&next, &schedule, token, 0, 1);
	check_problem(reply, 409, "SEAT_NOT_AVAILABLE");

	cancel_and_check(&first, mine, "REFUNDED");
	reply = hold_seats(&next, &schedule, token, 0, 1);
	check_status(reply, 201);
	theirs = strdup(text_at(reply.json, "reservationId"));
	check_status(pay(&next, theirs, amount, key_new()), 201);
	cr_assert_eq(balance(&first), 200000);
	cr_assert_eq(balance(&next), 200000 - amount);

	/* Late calls of the first owner change nothing. */
	reply = pay(&first, mine, amount, key_new());
	check_problem(reply, 409, "RESERVATION_CANCELLED");
	cancel_and_check(&first, mine, "REFUNDED");
	cr_assert_eq(balance(&first), 200000);
	reply = http((struct call){ .path = format("/reservations/%s", theirs), .jwt = next.jwt });
	cr_assert_str_eq(text_at(reply.json, "status"), "CONFIRMED");
	cr_assert_str_eq(seat_status(&schedule, 0), "SOLD_OUT");
}

Test(resale, one_of_twenty_users_gets_the_cancelled_seat, .timeout = 300)
{
	enum { MANY = 20 };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 first = user_new(), users[MANY];
	struct call	 calls[MANY + 1];
	struct reply	 replies[MANY + 1];
	char		*mine, *tokens[MANY];
	int		 i, got = 0;

	for (i = 0; i < MANY; i++)
		users[i] = user_new();
	all_become_active(users, tokens, MANY, &schedule);
	for (i = 0; i < MANY; i++) {
		calls[i] = hold_call(NULL, &users[i], &schedule, tokens[i], 0, 1);
		calls[i].key = key_new();
	}
	mine = hold_new(&first, &schedule, 0, 1, NULL);
	calls[MANY] = (struct call){ .method = "POST", .path = format("/reservations/%s/cancel", mine), .jwt = first.jwt };
	http_all(calls, replies, MANY + 1);
	check_status(replies[MANY], 200);
	for (i = 0; i < MANY; i++) {
		got += replies[i].status == 201;
		if (replies[i].status != 201)
			check_problem(replies[i], 409, "SEAT_NOT_AVAILABLE");
	}
	/* Holds before the cancellation were refused. If nobody has the seat yet, the first repeat gets it. */
	for (i = 0; i < MANY && got == 0; i++) {
		calls[i].key = key_new();
		got += http(calls[i]).status == 201;
	}
	cr_assert_eq(got, 1, "%d users hold the seat", got);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.reservation_seats WHERE seat_id = '%s' AND live",
	    schedule.seats[0])), "1");
}

/* All holds expire together, and each user wants another of the seats while the sweeper works on them. */
Test(resale, expired_seat_locked_by_sweeper_is_still_granted, .timeout = 300)
{
	enum { SEATS = 40 };
	struct schedule	 schedule = schedule_new(1, SEATS);
	struct user	 users[SEATS];
	struct call	 calls[SEATS];
	struct reply	 replies[SEATS];
	char		*tokens[SEATS];
	pid_t		 sweeper;
	int		 i, status;

	for (i = 0; i < SEATS; i++)
		users[i] = user_new();
	all_become_active(users, tokens, SEATS, &schedule);
	for (i = 0; i < SEATS; i++) {
		(void)sql(format("SELECT outcome FROM reservation.hold(platform.uuid_v7(), '%s', ARRAY['%s'::uuid], NULL, NULL, 1, "
		    "300, NULL, NULL, NULL, 'r')", schedule.id, schedule.seats[i]));
		calls[i] = hold_call(NULL, &users[i], &schedule, tokens[i], i, 1);
		calls[i].key = key_new();
	}
	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = now() WHERE schedule_id = '%s') "
	    "UPDATE reservation.seats SET hold_expires_at = now() WHERE schedule_id = '%s' AND status = 'HOLD'",
	    schedule.id, schedule.id));
	cr_assert_neq(sweeper = fork(), -1);
	if (sweeper == 0) {
		/* Sweep two at a time with pauses, so that the sweeper works during all holds. */
		(void)sql("DO $$ BEGIN WHILE reservation.expire_holds(2) > 0 LOOP PERFORM pg_sleep(0.005); COMMIT; END LOOP; END $$");
		_exit(0);
	}
	http_all(calls, replies, SEATS);
	for (i = 0; i < SEATS; i++) {
		/* A hold answered 503 is repeated. */
		wait_for(replies[i].status != 503 || (replies[i] = http(calls[i])).status != 503, 60);
		check_status(replies[i], 201);
	}
	cr_assert_eq(waitpid(sweeper, &status, 0), sweeper);
}
