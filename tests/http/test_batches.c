/* Concurrent calls share statements, calls of a batch are served in order of arrival, and old idempotency keys are deleted. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "provider.h"

enum { MANY = 60, LEAST = 20 };

static struct user	users[MANY];
static struct call	calls[MANY];
static struct reply	replies[MANY];

/* Returns how many calls so far shared a statement with another call. */
static double
statements_saved(const char *service)
{
	double	rows = metric(direct(service), "pg_rows_total");

	return (rows - metric(direct(service), "pg_sends_total"));
}

static void *
call_all(void *arg)
{
	(void)arg;
	http_all(calls, replies, MANY);
	return (NULL);
}

/*
 * Makes the calls while their users are locked, so the first two statements do not end before all calls are there. Otherwise a fast
 * database could execute each call alone.
 */
static void
check_statements_shared(const char *service)
{
	double		 before = statements_saved(service);
	char		*ids = "";
	PGconn		*lock;
	pthread_t	 thread;

	for (int i = 0; i < MANY; i++)
		ids = format("%s%s%s", ids, i > 0 ? "," : "", users[i].id);
	lock = take_lock(format("SELECT platform.lock_users('{%s}')", ids));
	cr_assert_eq(pthread_create(&thread, NULL, call_all, NULL), 0);
	wait_for(metric(direct(service), "pg_calls_pending") >= MANY, 60);
	release_lock(lock);
	(void)pthread_join(thread, NULL);
	for (int i = 0; i < MANY; i++)
		check_status(replies[i], 201);
	cr_assert_geq(statements_saved(service) - before, LEAST, "%s: only %g of %d calls shared a statement",
	    service, statements_saved(service) - before, MANY);
}

/* Runs alone (suite `restart`): calls of other tests would wait for the locks too. */
Test(restart, concurrent_charges_holds_and_payments_share_statements, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, MANY);
	char		*tokens[MANY];

	for (int i = 0; i < MANY; i++) {
		users[i] = user_new();
		calls[i] = (struct call){ .path = "/points/charge", .jwt = users[i].jwt, .key = key_new(), .base = direct("point"),
		    .body = "{\"amount\":200000}" };
	}
	check_statements_shared("point");

	all_become_active(users, tokens, MANY, &schedule);
	for (int i = 0; i < MANY; i++)
		calls[i] = hold_call(direct("reservation"), &users[i], &schedule, tokens[i], i, 1);
	check_statements_shared("reservation");

	for (int i = 0; i < MANY; i++)
		calls[i] = pay_call(direct("payment"), &users[i], text_at(replies[i].json, "reservationId"),
		    number_at(replies[i].json, "totalAmount"), key_new());
	check_statements_shared("payment");
}

static int
send_hold(const struct user *user, const struct schedule *schedule, const char *token, int seat)
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
receive_status(int fd)
{
	char	text[16] = "";
	ssize_t	got = recv(fd, text, 12, MSG_WAITALL);

	cr_assert_eq(got, 12, "%zd bytes of an answer: %s", got, got < 0 ? strerror(errno) : text);
	(void)close(fd);
	return (atoi(text + 9));
}

/*
 * Two users want one seat and the service puts their holds into one batch: the first to arrive must get it, although
 * its user id sorts last. Two other users, whose locks the test holds, occupy both statements meanwhile, so this test
 * runs alone (suite `restart`).
 */
Test(restart, two_holds_of_one_seat_in_a_batch_first_arrival_wins, .timeout = 300)
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
	wait_for(PENDING == 0, 60);
	lock = take_lock(format("SELECT platform.lock_user('%s'), platform.lock_user('%s')", busy[0].id, busy[1].id));
	for (int i = 0; i < 2; i++) {
		busy_fds[i] = send_hold(&busy[i], &schedule, busy_tokens[i], 1 + i);
		wait_for(PENDING == i + 1, 60);
	}
	first_fd = send_hold(&first, &schedule, first_token, 0);
	wait_for(PENDING == 3, 60);
	second_fd = send_hold(&second, &schedule, second_token, 0);
	wait_for(PENDING == 4, 60);
	release_lock(lock);
	cr_assert_eq(receive_status(first_fd), 201);
	cr_assert_eq(receive_status(second_fd), 409);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(receive_status(busy_fds[i]), 201);
}

/*
 * One batch deletes 1,000 old keys, and each of the four services begins one a minute. So 20,000 keys would take five minutes if
 * cleaning did not continue by itself.
 */
Test(batches, idempotency_keys_older_than_16_days_are_deleted, .timeout = 300)
{
	struct user	user = user_new();

	(void)sql(format("INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at) "
	    "SELECT '%s', 'points.charge', 'old ' || n, 'hash', 'CREATED', now() - interval '17 days' FROM generate_series(1, 20000) n",
	    user.id));
	(void)sql(format("INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at) "
	    "VALUES ('%s', 'points.charge', 'young', 'hash', 'INVALID_AMOUNT', now() - interval '15 days')", user.id));
	wait_for(strcmp(sql(format("SELECT string_agg(key, ' ') FROM platform.idempotency WHERE user_id = '%s'", user.id)),
	    "young") == 0, 150);
}
