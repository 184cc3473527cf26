/*
 * What is stopped, killed or emptied under the running system, and that it
 * comes back by itself. Runs alone, after the others (suite `restart`).
 */
#define _GNU_SOURCE /* strcasestr */
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

/* A pid that supervisor's own files know: only what this stack started is ever signalled. */
static pid_t
pid_of(const char *program)
{
	char	*command = format("%s/ctl pid %s", setting("RUN_DIR"), program), line[64] = "";
	FILE	*pipe = popen(command, "r");

	cr_assert_not_null(pipe);
	cr_assert_not_null(fgets(line, sizeof(line), pipe), "%s", command);
	cr_assert_eq(pclose(pipe), 0, "%s", command);
	cr_assert_gt(atoi(line), 1, "%s: %s", command, line);
	return (atoi(line));
}

/* The first child of `parent`, from /proc: a Kore worker. */
static pid_t
child_of(pid_t parent)
{
	char	*text = read_file(format("/proc/%d/task/%d/children", (int)parent, (int)parent));

	cr_assert_gt(atoi(text), 1, "no child of %d", (int)parent);
	return (atoi(text));
}

static bool
running(pid_t pid)
{
	return (kill(pid, 0) == 0);
}

static void
restart(const char *program)
{
	cr_assert_eq(system(format("%s/ctl restart %s >/dev/null", setting("RUN_DIR"), program)), 0, "%s", program);
}

static bool
everything_answers(const struct user *user)
{
	return (http((struct call){ .path = "/concerts?limit=1" }).status == 200 &&
	    http((struct call){ .path = "/points", .jwt = user->jwt }).status == 200 &&
	    http((struct call){ .path = "/payments", .jwt = user->jwt }).status == 200);
}

/*
 * Each test of the suite begins with all of it up, also after one that broke off with something stopped, or just being
 * stopped. The minute that this may take is a part of the test's own time.
 */
static void
all_is_up(void)
{
	char	*start = format("%s/ctl start all >/dev/null", setting("RUN_DIR"));

	/* Its status is that of those, too, that run already. */
	wait_for(system(start) != -1 &&
	    http((struct call){ .base = direct("queue"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("reservation"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("payment"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = direct("point"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = "/readyz" }).status == 200 &&
	    http((struct call){ .path = "/concerts?limit=1" }).status == 200, 60);
}

TestSuite(restart, .init = all_is_up);

Test(restart, a_killed_worker_leaves_the_service_answering, .timeout = 120)
{
	static const char *const	services[] = { "queue", "reservation", "payment", "point" };
	static const char *const	paths[] = { "/queues/status", "/concerts?limit=1", "/payments", "/points" };
	struct user			 user = user_new();
	struct schedule			 schedule = schedule_new(1, 1);
	char				*token = strdup(text_at(enter(&user, &schedule).json, "token"));
	pid_t				 worker;
	size_t				 i;

	for (i = 0; i < 4; i++) {
		worker = child_of(pid_of(format("%s-0", services[i])));
		cr_assert_eq(kill(worker, SIGKILL), 0);
		wait_for(http((struct call){ .path = paths[i], .jwt = user.jwt, .queue_token = token }).status == 200, 20);
		cr_assert_neq(child_of(pid_of(format("%s-0", services[i]))), worker);
	}
}

Test(restart, a_replay_is_the_same_after_the_services_were_restarted, .timeout = 180)
{
	static const char *const services[] = { "reservation", "payment", "point" };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*keys[3] = { key_new(), key_new(), key_new() }, *token, *reservation;
	int64_t		 amount;
	struct call	 hold = { .path = "/reservations/hold", .jwt = user.jwt, .key = keys[1] };
	struct reply	 first[3], again[3];
	int		 i;

	first[0] = charge(&user, 500000, keys[0]);
	token = become_active(&user, &schedule);
	hold.queue_token = token;
	hold.body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);
	first[1] = http(hold);
	check_status(first[1], 201);
	reservation = strdup(text_at(first[1].json, "reservationId"));
	amount = number_at(first[1].json, "totalAmount");
	first[2] = pay(&user, reservation, amount, keys[2]);
	for (i = 0; i < 3; i++)
		restart(format("%s-0", services[i]));
	for (i = 0; i < 3; i++)
		wait_for(http((struct call){ .base = direct(services[i]), .path = "/readyz" }).status == 200, 30);
	wait_for(everything_answers(&user), 30);

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

/* As a process of its own, and returns when it waits for the lock: a cancellation that is answered once that is let go. */
static pid_t
cancel_behind(PGconn *lock, const struct user *user, const char *reservation)
{
	pid_t	child = fork();

	cr_assert_neq(child, -1);
	if (child == 0)
		_exit(http((struct call){ .method = "POST", .path = format("/reservations/%s/cancel", reservation),
		    .jwt = user->jwt }).status == 200 ? 0 : 1);
	wait_for(*waiting_for(lock, "0") != '\0', 5);
	return (child);
}

/*
 * Two services are told to end while they have something in hand, and writes go on: what they have begun is answered,
 * and the rest is either answered or known not to have been begun. What everybody was told is held against the database.
 */
Test(restart, a_restart_loses_no_answer, .timeout = 120)
{
	enum { PEOPLE = 30 };
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), users[PEOPLE];
	struct call	 calls[PEOPLE];
	struct reply	 replies[PEOPLE];
	pid_t		 reservation = pid_of("reservation-0"), point = pid_of("point-0"), slow;
	char		*mine = held(&user, &schedule, 0, 1, NULL);
	PGconn		*lock;
	int64_t		 told[PEOPLE] = { 0 };
	int		 i, status, done = 0, after = 0;

	for (i = 0; i < PEOPLE; i++)
		users[i] = user_new();
	lock = keep_locked(format("SELECT FROM reservation.reservations WHERE reservation_id = '%s' FOR UPDATE", mine));
	slow = cancel_behind(lock, &user, mine);
	cr_assert_eq(system(format("%s/ctl restart reservation-0 point-0 >/dev/null &", setting("RUN_DIR"))), 0);
	/* Until both are back and have been written to. */
	while (after < 3) {
		for (i = 0; i < PEOPLE; i++)
			calls[i] = (struct call){ .path = "/points/charge", .jwt = users[i].jwt, .key = key_new(),
			    .body = "{\"amount\":1000}" };
		http_all(calls, replies, PEOPLE);
		for (i = 0; i < PEOPLE; i++) {
			if (replies[i].status == 201) {
				told[i] += 1000;
				done++;
			} else
				check_problem(replies[i], 503, "SERVICE_UNAVAILABLE");
		}
		/* The cancellation is still in hand when its service is told to end, which then takes no new connection. */
		if (lock != NULL && http((struct call){ .path = "/readyz", .base = direct("reservation") }).status != 200) {
			let_go(lock);
			lock = NULL;
		}
		after += replies[0].status == 201 && !running(reservation) && !running(point);
		pause_ms(50);
	}
	cr_assert_eq(waitpid(slow, &status, 0), slow);
	cr_assert_eq(status, 0, "what was in hand was not answered");
	wait_for(everything_answers(&user), 30);
	for (i = 0; i < PEOPLE; i++)
		cr_assert_eq(strtoll(sql(format("SELECT coalesce(sum(amount), 0) FROM point.entries WHERE user_id = '%s'", users[i].id)),
		    NULL, 10), told[i], "%s was told %d", users[i].id, (int)told[i]);
	cr_assert_gt(done, 0);
}

/* The head of the answer to the request that was sent there last; its body is taken off too. */
static char *
head_received(int fd)
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
 * The gateway lets go of a connection that it has not used for half a second. What it sends on it until then is answered,
 * also by a service that has nothing in hand and is to end; and that it is to be closed is said with the answer.
 */
Test(restart, what_is_sent_on_a_kept_connection_is_answered_until_it_is_let_go, .timeout = 120)
{
	struct user	 user = user_new();
	pid_t		 point = pid_of("point-0");
	char		*request, *head;
	int64_t		 told;
	int		 fd;

	request = format("GET /points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", user.jwt);
	fd = raw_send(atoi(setting("POINT_PORT")), request);
	head = head_received(fd);
	cr_assert_not_null(strstr(head, " 200 "), "%s", head);
	cr_assert_null(strcasestr(head, "connection: close"), "%s", head);
	cr_assert_eq(system(format("%s/ctl restart point-0 >/dev/null &", setting("RUN_DIR"))), 0);
	wait_for(http((struct call){ .path = "/readyz", .base = direct("point") }).status != 200, 10);
	told = now_ms();
	wait_for(now_ms() - told >= 1000, 5);
	cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	head = head_received(fd);
	cr_assert_not_null(strstr(head, " 200 "), "%s", head);
	cr_assert_not_null(strcasestr(head, "connection: close"), "%s", head);
	cr_assert_eq(recv(fd, head, 1, 0), 0);
	(void)close(fd);
	wait_for(!running(point) && everything_answers(&user), 30);
}

Test(restart, postgresql_killed_is_503_until_it_is_back_and_nothing_is_lost, .timeout = 180)
{
	struct user	 user = user_new();
	struct reply	 reply;
	char		*key = key_new();

	check_status(charge(&user, 5000, key), 201);
	cr_assert_eq(system(format("%s/ctl stop postgres >/dev/null", setting("RUN_DIR"))), 0);
	wait_for(http((struct call){ .path = "/points", .jwt = user.jwt }).status == 503, 20);
	reply = http((struct call){ .path = "/points", .jwt = user.jwt });
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	reply = http((struct call){ .path = "/readyz", .base = direct("point") });
	cr_assert_eq(reply.status, 503);
	cr_assert_not_null(strstr(reply.body, "postgres"), "%s", reply.body);
	check_status(http((struct call){ .path = "/livez", .base = direct("point") }), 200);
	cr_assert_eq(system(format("%s/ctl start postgres >/dev/null", setting("RUN_DIR"))), 0);
	wait_for(everything_answers(&user), 30);
	cr_assert_eq(balance(&user), 5000);
	reply = charge(&user, 5000, key);
	check_status(reply, 201);
	cr_assert_str_eq(header(&reply, "Idempotent-Replayed"), "true");
}

Test(restart, redis_restarted_with_its_file_changes_nothing_but_a_pause, .timeout = 180)
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
	cr_assert_eq(system(format("%s/ctl stop redis >/dev/null", setting("RUN_DIR"))), 0);
	wait_for(http((struct call){ .path = "/queues/status", .jwt = users[0].jwt, .queue_token = tokens[0] }).status
	    == 503, 20);
	/* What needs no queue goes on. */
	cr_assert(everything_answers(&users[0]));
	cr_assert_eq(system(format("%s/ctl start redis >/dev/null", setting("RUN_DIR"))), 0);
	wait_for(http((struct call){ .path = "/queues/status", .jwt = users[0].jwt, .queue_token = tokens[0] }).status
	    == 200, 30);
	for (i = 0; i < 3; i++) {
		reply = http((struct call){ .path = "/queues/status", .jwt = users[i].jwt, .queue_token = tokens[i] });
		check_status(reply, 200);
		cr_assert_eq(number_at(reply.json, "position"), i + 1);
	}
}
