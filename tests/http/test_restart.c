/* Stops, kills or empties parts of the running system, which must recover by itself. The suite `restart` runs alone. */
#define _GNU_SOURCE /* strcasestr */
#include <sys/socket.h>
#include <sys/wait.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static bool
running(pid_t pid)
{
	return (kill(pid, 0) == 0);
}

static bool
all_services_answer(const struct user *user)
{
	return (http((struct call){ .path = "/concerts?limit=1" }).status == 200 &&
	    http((struct call){ .path = "/points", .jwt = user->jwt }).status == 200 &&
	    http((struct call){ .path = "/payments", .jwt = user->jwt }).status == 200);
}

/* A test that failed may have left a program stopped, or Redis frozen. */
static bool
starts_all(void)
{
	const char	*dir = setting("RUN_DIR");

	/* The exit status also covers programs that run already, so it is ignored. */
	return (system(format("{ %s/ctl signal CONT redis; %s/ctl start all; } >/dev/null", dir, dir)) != -1);
}

static void
start_all(void)
{
	cr_assert(starts_all());
}

/*
 * Each test of the suite begins and ends with the whole stack up. These up to 60 seconds count in the test's timeout.
 */
static void
wait_until_all_ready(void)
{
	wait_for(starts_all() &&
	    http((struct call){ .base = direct("queue"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("reservation"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("payment"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("point"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .path = "/concerts?limit=1" }).status == 200, 60);
}

TestSuite(restart, .init = wait_until_all_ready, .fini = start_all);

/* A failed CT_ASSERT ends a worker by SIGABRT. */
Test(restart, killed_worker_is_replaced_and_service_answers, .timeout = 300)
{
	static const int	 signals[] = { SIGKILL, SIGABRT, SIGABRT, SIGKILL };
	static const char *const	services[] = { "queue", "reservation", "payment", "point" };
	static const char *const	paths[] = { "/queues/status", "/concerts?limit=1", "/payments", "/points" };
	struct user			 user = user_new();
	struct schedule			 schedule = schedule_new(1, 1);
	char				*token = strdup(text_at(enter(&user, &schedule).json, "token"));
	pid_t				 worker;
	size_t				 i;

	for (i = 0; i < 4; i++) {
		worker = worker_of(format("%s-0", services[i]));
		cr_assert_eq(kill(worker, signals[i]), 0);
		wait_for(http((struct call){ .path = paths[i], .jwt = user.jwt, .queue_token = token }).status == 200, 60);
		cr_assert_neq(worker_of(format("%s-0", services[i])), worker);
	}
}

Test(restart, replay_after_restart_is_the_same, .timeout = 300)
{
	static const char *const services[] = { "reservation", "payment", "point" };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*keys[3] = { key_new(), key_new(), key_new() }, *token, *reservation;
	int64_t		 amount;
	struct call	 hold;
	struct reply	 first[3], again[3];
	int		 i;

	first[0] = charge(&user, 500000, keys[0]);
	token = become_active(&user, &schedule);
	hold = hold_call(NULL, &user, &schedule, token, 0, 1);
	hold.key = keys[1];
	first[1] = http(hold);
	check_status(first[1], 201);
	reservation = strdup(text_at(first[1].json, "reservationId"));
	amount = number_at(first[1].json, "totalAmount");
	first[2] = pay(&user, reservation, amount, keys[2]);
	for (i = 0; i < 3; i++)
		ctl(format("restart %s-0", services[i]));
	for (i = 0; i < 3; i++)
		wait_for(http((struct call){ .base = direct(services[i]), .path = "/readyz" }).status == 200, 60);
	wait_for(all_services_answer(&user), 60);

	again[0] = charge(&user, 500000, keys[0]);
	again[1] = http(hold);
	again[2] = pay(&user, reservation, amount, keys[2]);
	for (i = 0; i < 3; i++) {
		check_status(first[i], 201);
		check_status(again[i], 201);
		cr_assert_str_eq(again[i].body, first[i].body);
		cr_assert_str_eq(header(&again[i], "Idempotent-Replayed"), "true");
	}
	cr_assert_eq(balance(&user), 500000 - amount);
}

/*
 * Starts a cancellation in a child process and returns when it waits for the lock. The child exits with 0 if the answer
 * is 200.
 */
static pid_t
start_cancel_behind(PGconn *lock, const struct user *user, const char *reservation)
{
	pid_t	child = fork();

	cr_assert_neq(child, -1);
	if (child == 0)
		_exit(http((struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user->jwt }).status == 200 ? 0 : 1);
	wait_for(*backend_waiting_for(lock, "0") != '\0', 60);
	return (child);
}

/* Releases the lock when the reservation service has begun to shut down, which is when it accepts no new connection. */
static void *
release_when_it_ends(void *lock)
{
	int64_t	deadline = now_ms() + 60000;

	while (now_ms() < deadline && http((struct call){ .path = "/readyz", .base = direct("reservation") }).status != 0)
		pause_ms(20);
	release_lock(lock);
	return (NULL);
}

/*
 * Two services restart while they have requests in hand and more writes arrive. The services answer every write that
 * they began, and 503 for the rest. The database agrees with all answers.
 */
Test(restart, restart_answers_every_accepted_request, .timeout = 300)
{
	enum { USERS = 30 };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), users[USERS];
	struct call	 calls[USERS];
	struct reply	 replies[USERS];
	pid_t		 reservation = pid_of("reservation-0"), point = pid_of("point-0"), slow;
	char		*mine = hold_new(&user, &schedule, 0, 1, NULL);
	PGconn		*lock;
	pthread_t	 releaser;
	int64_t		 told[USERS] = { 0 };
	int		 i, status, done = 0, after = 0;

	for (i = 0; i < USERS; i++)
		users[i] = user_new();
	lock = take_lock(format("SELECT FROM reservation.reservations WHERE reservation_id = '%s' FOR UPDATE", mine));
	slow = start_cancel_behind(lock, &user, mine);
	cr_assert_eq(pthread_create(&releaser, NULL, release_when_it_ends, lock), 0);
	cr_assert_eq(system(format("%s/ctl restart reservation-0 point-0 >/dev/null &", setting("RUN_DIR"))), 0);
	/* Repeat until both services are back and have accepted writes. */
	while (after < 3) {
		for (i = 0; i < USERS; i++)
			calls[i] = (struct call){ .path = "/points/charge", .jwt = users[i].jwt, .key = key_new(),
			    .body = "{\"amount\":1000}" };
		http_all(calls, replies, USERS);
		for (i = 0; i < USERS; i++) {
			if (replies[i].status == 201) {
				told[i] += 1000;
				done++;
			} else
				check_problem(replies[i], 503, "SERVICE_UNAVAILABLE");
		}
		after += replies[0].status == 201 && !running(reservation) && !running(point);
		pause_ms(50);
	}
	(void)pthread_join(releaser, NULL);
	cr_assert_eq(waitpid(slow, &status, 0), slow);
	cr_assert_eq(status, 0, "the cancellation in hand was not answered 200");
	wait_for(all_services_answer(&user), 60);
	for (i = 0; i < USERS; i++)
		cr_assert_eq(strtoll(sql(format("SELECT coalesce(sum(amount), 0) FROM point.entries WHERE user_id = '%s'", users[i].id)),
		    NULL, 10), told[i], "user %s was answered a total of %d", users[i].id, (int)told[i]);
	cr_assert_gt(done, 0);
}

/* Returns true if an entry of the stream of events has this key. */
static bool
stream_has(const char *key)
{
	FILE	*pipe = popen("REDISCLI_AUTH=$(cat $RUN_DIR/secrets/redis_events) redis-cli --no-auth-warning --user events "
	    "-p $REDIS_PORT XREVRANGE events + - COUNT 200", "r");
	char	 line[4096];
	bool	 found = false;

	cr_assert_not_null(pipe);
	while (fgets(line, sizeof(line), pipe) != NULL)
		found = found || strncmp(line, key, strlen(key)) == 0;
	(void)pclose(pipe);
	return (found);
}

static void
let_reservation_clean(void)
{
	(void)sql("GRANT EXECUTE ON FUNCTION platform.clean(int) TO reservation_service");
}

/* Each service looks once a minute. Meanwhile other tests run, so the reservation service is up, but has no right to do it. */
Test(background, old_rows_are_removed_without_the_reservation_service, .timeout = 300, .fini = let_reservation_clean)
{
	struct user	 user = user_new();
	const char	*old = "SELECT 1 FROM platform.idempotency WHERE operation = 'of 17 days ago'";

	(void)sql("REVOKE EXECUTE ON FUNCTION platform.clean(int) FROM reservation_service");
	(void)sql(format("INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at) "
	    "VALUES ('%s', 'of 17 days ago', 'k', 'h', 'OK', now() - interval '17 days')", user.id));
	wait_for(*sql(old) == '\0', 120);
}

/* The card provider's simulator and the gateway are up too, and neither of them relays. */
Test(restart, each_service_alone_relays_events, .timeout = 300)
{
	static const char *const others[] = { "reservation-0 payment-0 point-0", "queue-0 payment-0 point-0",
		"queue-0 reservation-0 point-0", "queue-0 reservation-0 payment-0" };
	struct user	 user;
	int		 i;

	for (i = 0; i < 4; i++) {
		user = user_new();
		cr_assert_eq(system(format("%s/ctl stop %s >/dev/null", setting("RUN_DIR"), others[i])), 0);
		cr_assert_str_eq(sql(format("SELECT (point.charge('%s', 1000, 'alone', 'h', 'r')).outcome", user.id)), "CREATED");
		wait_for(stream_has(user.id), 60);
		wait_until_all_ready();
	}
}

/* Runs a command as the Redis user `operator`. */
static void
operator_redis(const char *command)
{
	cr_assert_eq(system(format("%s %s | grep -qx OK", redis_cli(atoi(setting("REDIS_PORT"))), command)), 0, "%s", command);
}

static void
give_rights_back(void)
{
	operator_redis("ACL LOAD");
	wait_until_all_ready();
}

/* Two services are up, and Redis refuses one of them. In one case that one relayed the events before, in the other
 * case it did not. */
Test(restart, service_that_redis_refuses_leaves_events_to_another_one, .timeout = 300, .fini = give_rights_back)
{
	static const char *const	refused[] = { "payment", "point" };
	struct user			 user;
	int				 i;

	cr_assert_eq(system(format("%s/ctl stop queue-0 reservation-0 >/dev/null", setting("RUN_DIR"))), 0);
	for (i = 0; i < 2; i++) {
		operator_redis(format("ACL SETUSER %s clearselectors", refused[i]));
		user = user_new();
		check_status(charge(&user, 1000, key_new()), 201);
		wait_for(stream_has(user.id), 60);
		operator_redis("ACL LOAD");
	}
}

/* Receives the answer to the last request on the socket. Returns its head, without the body. */
static char *
receive_head(int fd)
{
	char		*text = calloc(1, 8192), *body = NULL;
	const char	*length;
	size_t		 size = 0;
	ssize_t		 n;

	cr_assert_not_null(text);
	while (body == NULL || (length = strcasestr(text, "\r\ncontent-length: ")) == NULL ||
	    size < (size_t)(body - text) + strtoul(length + 18, NULL, 10)) {
		n = recv(fd, text + size, 8191 - size, 0);
		cr_assert_gt(n, 0, "no answer after: %s", text);
		size += (size_t)n;
		body = strstr(text, "\r\n\r\n");
		body = body == NULL ? NULL : body + 4;
	}
	*body = '\0';
	return (text);
}

/*
 * The gateway closes a connection after half a second without use. Until then the service answers requests on it, also
 * while it shuts down with nothing in hand, and says "Connection: close" with the answer.
 */
Test(restart, request_on_kept_connection_during_shutdown_is_answered, .timeout = 300)
{
	struct user	 user = user_new();
	pid_t		 point = pid_of("point-0");
	char		*request, *head;
	int64_t		 told;
	int		 fd;

	request = format("GET /points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", user.jwt);
	fd = raw_send(atoi(setting("POINT_PORT")), request);
	head = receive_head(fd);
	cr_assert_not_null(strstr(head, " 200 "), "%s", head);
	cr_assert_null(strcasestr(head, "connection: close"), "%s", head);
	cr_assert_eq(system(format("%s/ctl restart point-0 >/dev/null &", setting("RUN_DIR"))), 0);
	wait_for(http((struct call){ .path = "/readyz", .base = direct("point") }).status != 200, 60);
	told = now_ms();
	/* Longer than the gateway, and much shorter than the three seconds for which the service keeps an idle connection. */
	wait_for(now_ms() - told >= 600, 60);
	cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	head = receive_head(fd);
	cr_assert_not_null(strstr(head, " 200 "), "%s", head);
	cr_assert_not_null(strcasestr(head, "connection: close"), "%s", head);
	cr_assert_eq(recv(fd, head, 1, 0), 0);
	(void)close(fd);
	wait_for(!running(point) && all_services_answer(&user), 60);
}

Test(restart, stopped_postgresql_is_503_and_loses_no_data, .timeout = 300)
{
	struct user	 user = user_new();
	struct reply	 reply;
	char		*key = key_new();

	check_status(charge(&user, 5000, key), 201);
	ctl("stop postgres");
	wait_for(http((struct call){ .path = "/points", .jwt = user.jwt }).status == 503, 60);
	reply = http((struct call){ .path = "/points", .jwt = user.jwt });
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	wait_for((reply = http((struct call){ .path = "/readyz", .base = direct("point") })).status == 503, 60);
	cr_assert_not_null(strstr(reply.body, "postgres"), "%s", reply.body);
	check_status(http((struct call){ .path = "/livez", .base = direct("point") }), 200);
	ctl("start postgres");
	wait_for(all_services_answer(&user), 60);
	cr_assert_eq(balance(&user), 5000);
	reply = charge(&user, 5000, key);
	check_status(reply, 201);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
}

Test(restart, redis_restart_with_its_file_keeps_positions, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 operator = operator_new(), users[3];
	char		*tokens[3];
	struct reply	 reply;
	int		 i;

	reply = http((struct call){ .method = "PUT", .path = format("/admin/queues/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"mode\":\"PAUSED\"}" });
	check_status(reply, 200);
	for (i = 0; i < 3; i++) {
		users[i] = user_new();
		tokens[i] = strdup(text_at(enter(&users[i], &schedule).json, "token"));
	}
	ctl("stop redis");
	wait_for(http((struct call){ .path = "/queues/status", .jwt = users[0].jwt, .queue_token = tokens[0] }).status
	    == 503, 60);
	/* Calls that need no queue still work. */
	cr_assert(all_services_answer(&users[0]));
	ctl("start redis");
	wait_for(http((struct call){ .path = "/queues/status", .jwt = users[0].jwt, .queue_token = tokens[0] }).status
	    == 200, 60);
	for (i = 0; i < 3; i++) {
		reply = http((struct call){ .path = "/queues/status", .jwt = users[i].jwt, .queue_token = tokens[i] });
		check_status(reply, 200);
		cr_assert_eq(number_at(reply.json, "position"), i + 1);
	}
}
