/* While the sale is not open, tickets show saleStatus and the queue admits no user. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

#define USERS		4
#define FORGOTTEN_MS	6000	/* workers stop admitting by a sale status older than this */

static int64_t
unix_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void
set_status(const struct schedule *schedule, const char *status)
{
	struct user	operator = operator_new();
	struct reply	reply = http((struct call){ .method = "PATCH", .jwt = operator.jwt,
			    .path = format("/admin/schedules/%s", schedule->id),
			    .body = format("{\"status\":\"%s\"}", status) });

	check_status(reply, 200);
}

static struct reply
status_of(const struct user *user, const char *token)
{
	struct reply	reply = queue_status(direct("queue"), user, token);

	check_status(reply, 200);
	return (reply);
}

static const char *
sale_status_of(const struct user *user, const char *token)
{
	return (text_at(status_of(user, token).json, "saleStatus"));
}

/* The first user is ACTIVE and fills the queue; the others wait. */
static void
fill_queue(const struct schedule *schedule, struct user users_r[USERS], char *tokens_r[USERS])
{
	struct reply	reply;

	(void)queue_settings(NULL, schedule, "{\"maxActive\":1,\"activeTtlSeconds\":600}");
	for (int i = 0; i < USERS; i++) {
		users_r[i] = user_new();
		if (i == 0) {
			tokens_r[i] = become_active(&users_r[i], schedule);
			continue;
		}
		reply = enter(&users_r[i], schedule);
		check_status(reply, 201);
		cr_assert_str_eq(text_at(reply.json, "saleStatus"), "OPEN");
		cr_assert_not(null_at(reply.json, "estimatedWaitSeconds"));
		tokens_r[i] = strdup(text_at(reply.json, "token"));
	}
}

static void
check_waits_in_a_closed_sale(const struct user *user, const char *token, int position)
{
	/* Poll three times: the status function answers one, quick looks answer the others. */
	for (int i = 0; i < 3; i++) {
		struct reply	reply = status_of(user, token);

		cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
		cr_assert_str_eq(text_at(reply.json, "saleStatus"), "CLOSED");
		cr_assert_eq(number_at(reply.json, "position"), position);
		cr_assert(null_at(reply.json, "estimatedWaitSeconds"), "%s", reply.body);
		cr_assert_geq(number_at(reply.json, "pollAfterSeconds"), 10);
	}
}

/* Regression: users were told a wait of 2 s and became ACTIVE, and then their hold was refused. */
Test(sale, sale_closed_while_users_wait_admits_nobody_and_reopens_in_order, .timeout = 300)
{
	struct schedule	schedule = schedule_new(1, 4);
	struct user	users[USERS], late = user_new();
	char		*tokens[USERS];
	struct reply	reply;
	char		until[USERS][32];
	int64_t		closed;

	fill_queue(&schedule, users, tokens);
	set_status(&schedule, "CLOSED");
	closed = now_ms();
	for (int i = 0; i < USERS; i++)
		wait_for(strcmp(sale_status_of(&users[i], tokens[i]), "CLOSED") == 0, 60);
	while (now_ms() < closed + FORGOTTEN_MS)
		pause_ms(50);
	/* Allow enough turns and a rate that would admit all users at once. */
	(void)queue_settings(NULL, &schedule, "{\"maxActive\":100,\"admitPerSecond\":1000}");
	for (int round = 0; round < 10; round++, pause_ms(100))
		for (int i = 1; i < USERS; i++)
			check_waits_in_a_closed_sale(&users[i], tokens[i], i);
	reply = enter(&late, &schedule);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	/* A user with an active turn keeps it, and the ticket shows that the sale is CLOSED. */
	reply = status_of(&users[0], tokens[0]);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	cr_assert_str_eq(text_at(reply.json, "saleStatus"), "CLOSED");
	reply = hold_seats(&users[0], &schedule, tokens[0], 0, 1);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");

	(void)queue_settings(NULL, &schedule, "{\"admitPerSecond\":2}");
	set_status(&schedule, "ON_SALE");
	for (int i = 1; i < USERS; i++) {
		wait_for(strcmp(text_at((reply = status_of(&users[i], tokens[i])).json, "status"), "ACTIVE") == 0, 60);
		(void)snprintf(until[i], sizeof(until[i]), "%s", text_at(reply.json, "activeUntil"));
		cr_assert(i == 1 || strcmp(until[i - 1], until[i]) < 0, "a user was admitted out of order: %s is before %s", until[i], until[i - 1]);
	}
	reply = hold_seats(&users[1], &schedule, tokens[1], 0, 1);
	check_status(reply, 201);
	wait_for(strcmp(sale_status_of(&users[0], tokens[0]), "OPEN") == 0, 60);
	/* A USED ticket shows the sale's status too. */
	wait_for(strcmp(text_at((reply = status_of(&users[1], tokens[1])).json, "status"), "USED") == 0, 60);
	cr_assert_str_eq(text_at(reply.json, "saleStatus"), "OPEN");
}

Test(sale, end_of_sale_closes_the_queue_at_once, .timeout = 300)
{
	struct schedule	schedule = schedule_new(1, 4);
	struct user	users[USERS], late = user_new();
	char		*tokens[USERS];
	struct reply	reply;
	int64_t		closes;

	fill_queue(&schedule, users, tokens);
	/* Seven seconds are enough for all workers to read the new end. */
	closes = atoll(sql(format("UPDATE reservation.schedules SET sale_closes_at = clock_timestamp() + interval '7 s' "
	    "WHERE schedule_id = '%s' RETURNING ceil(extract(epoch FROM sale_closes_at) * 1000)::bigint", schedule.id)));
	while (unix_ms() < closes)
		pause_ms(1);
	/* The sale ends at that moment, also for a worker with older facts. */
	check_waits_in_a_closed_sale(&users[1], tokens[1], 1);
	reply = enter(&late, &schedule);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	reply = enter(&users[1], &schedule);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	(void)queue_settings(NULL, &schedule, "{\"maxActive\":100,\"admitPerSecond\":1000}");
	for (int round = 0; round < 10; round++, pause_ms(100))
		check_waits_in_a_closed_sale(&users[1], tokens[1], 1);
	/* A sale without an end of its own ends in the same way when the concert begins. */
	(void)sql(format("UPDATE reservation.schedules SET sale_closes_at = NULL WHERE schedule_id = '%s'", schedule.id));
	wait_for(strcmp(text_at(status_of(&users[1], tokens[1]).json, "status"), "ACTIVE") == 0, 60);
	(void)sql(format("UPDATE reservation.schedules SET start_at = clock_timestamp() - interval '1 s' WHERE schedule_id = '%s'",
	    schedule.id));
	wait_for(strcmp(sale_status_of(&users[1], tokens[1]), "CLOSED") == 0, 60);
	reply = enter(&late, &schedule);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
}

Test(sale, sale_status_changes_from_not_yet_to_paused_to_open, .timeout = 300)
{
	struct schedule	schedule;
	struct user	user = user_new();
	struct reply	reply;
	char		*token;
	int64_t		opens;
	long		lead = 4;

	/* Repeat with more time until the user entered before the opening. */
	do {
		opens = now_ms() + (lead - 1) * 1000;	/* the earliest possible opening */
		schedule = schedule_with(concert_new(), time_in(864000), time_in(867600), time_in(lead), "ON_SALE", 1, 1);
		reply = enter(&user, &schedule);
		check_status(reply, 201);
		token = strdup(text_at(reply.json, "token"));
		cr_assert(now_ms() >= opens || strcmp(text_at(reply.json, "saleStatus"), "NOT_YET") == 0, "%s", reply.body);
		cr_assert(now_ms() >= opens || !null_at(reply.json, "estimatedWaitSeconds"), "no estimate before the opening");
		/* A pause has no known end, so there is no estimate, although the opening is known. */
		(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
		wait_for(strcmp(sale_status_of(&user, token), "PAUSED") == 0, 60);
		lead *= 2;
	} while (now_ms() >= opens);
	cr_assert(null_at(status_of(&user, token).json, "estimatedWaitSeconds"));
	while (now_ms() < opens + 1500)
		pause_ms(50);
	for (int i = 0; i < 10; i++, pause_ms(100)) {
		reply = status_of(&user, token);
		cr_assert_str_eq(text_at(reply.json, "status"), "WAITING");
		cr_assert_str_eq(text_at(reply.json, "saleStatus"), "PAUSED");
		cr_assert(null_at(reply.json, "estimatedWaitSeconds"));
	}
	/* The mode CLOSED refuses new users and goes on admitting. */
	(void)queue_settings(NULL, &schedule, "{\"mode\":\"CLOSED\"}");
	wait_for(strcmp(text_at((reply = status_of(&user, token)).json, "status"), "ACTIVE") == 0, 60);
	cr_assert_str_eq(text_at(reply.json, "saleStatus"), "OPEN");
	cr_assert_eq(number_at(reply.json, "estimatedWaitSeconds"), 0);
}

Test(sale, first_ticket_of_a_paused_queue_reads_paused)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	user = user_new();
	struct reply	reply;

	(void)queue_settings(NULL, &schedule, "{\"mode\":\"PAUSED\"}");
	reply = enter(&user, &schedule);
	check_status(reply, 201);
	cr_assert_str_eq(text_at(reply.json, "saleStatus"), "PAUSED");
	/* CLOSED takes precedence over PAUSED. */
	set_status(&schedule, "CLOSED");
	wait_for(strcmp(sale_status_of(&user, text_at(reply.json, "token")), "CLOSED") == 0, 60);
}

static void
let_queue_read_sales(void)
{
	(void)sql("GRANT EXECUTE ON FUNCTION reservation.queue_sale(uuid), reservation.queue_facts(uuid, uuid) TO queue_service");
}

/* Runs alone (suite `restart`), because the queue service cannot read any sale's status for some seconds. */
Test(restart, unreadable_sale_state_admits_nobody, .timeout = 300, .fini = let_queue_read_sales)
{
	struct schedule	schedule = schedule_new(1, 4);
	struct user	users[USERS];
	char		*tokens[USERS];
	int64_t		asked;

	fill_queue(&schedule, users, tokens);
	(void)sql("REVOKE EXECUTE ON FUNCTION reservation.queue_sale(uuid), reservation.queue_facts(uuid, uuid) FROM queue_service");
	asked = now_ms();
	while (now_ms() < asked + FORGOTTEN_MS)
		pause_ms(50);
	(void)queue_settings(NULL, &schedule, "{\"maxActive\":100,\"admitPerSecond\":1000}");
	for (int round = 0; round < 10; round++, pause_ms(100))
		cr_assert_str_eq(text_at(status_of(&users[1], tokens[1]).json, "status"), "WAITING");
	let_queue_read_sales();
	wait_for(strcmp(text_at(status_of(&users[1], tokens[1]).json, "status"), "ACTIVE") == 0, 60);
}
