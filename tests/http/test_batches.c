/* What is hot goes many to a statement, and what is old goes away: work that nobody sees unless it is not done. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
	char			*tokens[MANY];

	for (int i = 0; i < MANY; i++) {
		users[i] = user_new();
		calls[i] = (struct call){ .path = "/points/charge", .jwt = users[i].jwt, .key = key_new(), .base = direct("point"),
		    .body = "{\"amount\":200000}" };
	}
	all_at_once("point", calls, replies);

	all_become_active(users, tokens, MANY, &schedule);
	for (int i = 0; i < MANY; i++)
		calls[i] = (struct call){ .path = "/reservations/hold", .jwt = users[i].jwt, .base = direct("reservation"),
		    .queue_token = tokens[i],
		    .body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[i]) };
	all_at_once("reservation", calls, replies);

	for (int i = 0; i < MANY; i++)
		calls[i] = (struct call){ .path = "/payments", .jwt = users[i].jwt, .key = key_new(), .base = direct("payment"),
		    .body = format("{\"reservationId\":\"%s\",\"amount\":%lld,\"method\":\"POINT\"}",
		    text_at(replies[i].json, "reservationId"), (long long)number_at(replies[i].json, "totalAmount")) };
	all_at_once("payment", calls, replies);
}

static int
hold_sent(const struct user *user, const struct schedule *schedule, const char *token, int seat)
{
	char	*body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule->id, schedule->seats[seat]);
	int	 fd;

	fd = raw_send(atoi(setting("RESERVATION_PORT")), format("POST /reservations/hold HTTP/1.1\r\nHost: x\r\n"
	    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s", user->jwt, token, strlen(body), body));
	cr_assert_geq(fd, 0);
	return (fd);
}

static int
status_received(int fd)
{
	char	text[16] = "";

	cr_assert_eq(recv(fd, text, 12, MSG_WAITALL), 12);
	(void)close(fd);
	return (atoi(text + 9));
}

/*
 * Of two who want a seat the first has it, also where they go in one batch. Alone, for both sends of the statement are
 * kept busy by users whose lock is taken; the second one's id comes before the first one's.
 */
Test(restart, of_a_batch_the_first_to_come_is_the_first_served, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 busy[2] = { user_new(), user_new() }, first = user_new(), second = user_new(), other;
	char		*busy_tokens[2], *first_token, *second_token;
	PGconn		*lock;
	int		 busy_fds[2], first_fd, second_fd;

	if (strcmp(first.id, second.id) < 0) {
		other = first;
		first = second;
		second = other;
	}
	first_token = become_active(&first, &schedule);
	second_token = become_active(&second, &schedule);
	for (int i = 0; i < 2; i++)
		busy_tokens[i] = become_active(&busy[i], &schedule);
#define PENDING	metric(direct("reservation"), "pg_calls_pending")
	wait_for(PENDING == 0, 20);
	lock = keep_locked(format("SELECT platform.lock_user('%s'), platform.lock_user('%s')", busy[0].id, busy[1].id));
	for (int i = 0; i < 2; i++) {
		busy_fds[i] = hold_sent(&busy[i], &schedule, busy_tokens[i], 1 + i);
		wait_for(PENDING == i + 1, 5);
	}
	first_fd = hold_sent(&first, &schedule, first_token, 0);
	wait_for(PENDING == 3, 5);
	second_fd = hold_sent(&second, &schedule, second_token, 0);
	wait_for(PENDING == 4, 5);
	let_go(lock);
	cr_assert_eq(status_received(first_fd), 201);
	cr_assert_eq(status_received(second_fd), 409);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(status_received(busy_fds[i]), 201);
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
