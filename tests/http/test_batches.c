/* What is hot goes many to a statement, and what is old goes away: work that nobody sees unless it is not done. */
#include <stdlib.h>
#include <string.h>

#include "provider.h"

enum { MANY = 60, LEAST = 20 };

/* Calls that cost no statement of their own, so far. */
static double
saved(const char *service)
{
	double	rows = metric(direct(service), "pg_rows_total");

	return (rows - metric(direct(service), "pg_sends_total"));
}

static void
all_at_once(const char *service, struct call calls[MANY], struct reply replies[MANY])
{
	double	before = saved(service);

	http_all(calls, replies, MANY);
	for (int i = 0; i < MANY; i++)
		check_status(replies[i], 201);
	cr_assert_geq(saved(service) - before, LEAST, "%s: %g of %d", service, saved(service) - before, MANY);
}

Test(batches, charges_holds_and_payments_go_many_to_a_statement, .timeout = 120)
{
	struct schedule		 schedule = schedule_new(1, MANY);
	static struct user	 users[MANY];
	static struct call	 calls[MANY];
	static struct reply	 replies[MANY];

	for (int i = 0; i < MANY; i++) {
		users[i] = user_new();
		calls[i] = (struct call){ .path = "/points/charge", .jwt = users[i].jwt, .key = key_new(), .base = direct("point"),
		    .body = "{\"amount\":200000}" };
	}
	all_at_once("point", calls, replies);

	for (int i = 0; i < MANY; i++)
		calls[i] = (struct call){ .path = "/reservations/hold", .jwt = users[i].jwt, .base = direct("reservation"),
		    .queue_token = become_active(&users[i], &schedule),
		    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[i]) };
	all_at_once("reservation", calls, replies);

	for (int i = 0; i < MANY; i++)
		calls[i] = (struct call){ .path = "/payments", .jwt = users[i].jwt, .key = key_new(), .base = direct("payment"),
		    .body = format("{\"reservationId\":\"%s\",\"amount\":%lld,\"method\":\"POINT\"}",
		    text_at(replies[i].json, "reservationId"), (long long)number_at(replies[i].json, "totalAmount")) };
	all_at_once("payment", calls, replies);
}

/* More than one round of cleaning takes, so that it has to go on by itself. */
Test(batches, keys_of_long_ago_are_forgotten_and_no_others, .timeout = 180)
{
	struct user	user = user_new();

	(void)sql(format("INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at) "
	    "SELECT '%s', 'points.charge', 'old ' || n, 'hash', 'CREATED', now() - interval '17 days' FROM generate_series(1, 2500) n",
	    user.id));
	(void)sql(format("INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at) "
	    "VALUES ('%s', 'points.charge', 'young', 'hash', 'INVALID_AMOUNT', now() - interval '15 days')", user.id));
	wait_for(strcmp(sql(format("SELECT string_agg(key, ' ') FROM platform.idempotency WHERE user_id = '%s'", user.id)),
	    "young") == 0, 150);
}
