/*
 * Kills the queue's Redis while 20,000 users wait and 100 are ACTIVE: once its files are deleted, once they are kept.
 * The suite `restart` runs alone.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define USERS	20100
#define CAP	100
#define AT_ONCE	100

struct waiter {
	struct user	user;
	char		*token;
	int64_t		seq;
};
static struct waiter	waiters[USERS + 1];	/* the last one enters after the loss */

static void
kill_redis(void)
{
	cr_assert_eq(kill(pid_of("redis"), SIGKILL), 0);
	/* Supervisor would start it again at once. */
	ctl("stop redis");
}

static int
by_seq(const void *a, const void *b)
{
	const struct waiter	*x = a, *y = b;

	return (x->seq < y->seq ? -1 : x->seq > y->seq);
}

static struct call
status_call(const struct waiter *waiter)
{
	return ((struct call){ .path = "/queues/status", .jwt = waiter->user.jwt, .queue_token = waiter->token,
	    .base = direct("queue") });
}

/*
 * Polls for the first 2 * CAP users and one in `step` of the others, in a scattered order, AT_ONCE at a time. Calls
 * `each` with every answer.
 */
static void
poll_some(int step, void (*each)(int waiter, const struct reply *reply))
{
	struct call	calls[AT_ONCE];
	struct reply	replies[AT_ONCE];
	int		numbers[AT_ONCE], n = 0;

	for (int i = 0; i < USERS || n > 0; i++) {
		if (i < USERS) {
			numbers[n] = (int)((int64_t)i * 7919 % USERS);
			if (numbers[n] >= 2 * CAP && numbers[n] % step != 0)
				continue;
			calls[n] = status_call(&waiters[numbers[n]]);
			if (++n < AT_ONCE)
				continue;
		}
		http_all(calls, replies, (size_t)n);
		for (int k = 0; k < n; k++) {
			check_status(replies[k], 200);
			each(numbers[k], &replies[k]);
			cJSON_Delete(replies[k].json);
			free(replies[k].body);
			free(replies[k].headers);
		}
		n = 0;
	}
}

static void
poll_all(void (*each)(int waiter, const struct reply *reply))
{
	poll_some(1, each);
}

static struct reply
control(const struct user *operator, const struct schedule *schedule, const char *body)
{
	struct reply	reply;

	reply = http((struct call){ .method = body != NULL ? "PUT" : "GET", .jwt = operator->jwt,
	    .path = format("/admin/queues/%s", schedule->id), .body = body });
	check_status(reply, 200);
	return (reply);
}

static struct reply
status_of(const struct waiter *waiter)
{
	return (http(status_call(waiter)));
}

static void
enter_all(const struct schedule *schedule)
{
	struct call	calls[AT_ONCE];
	struct reply	replies[AT_ONCE];

	for (int from = 0; from < USERS; from += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			waiters[from + i].user = user_new();
			calls[i] = enter_call(direct("queue"), &waiters[from + i].user, schedule);
		}
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++) {
			check_status(replies[i], 201);
			waiters[from + i].token = strdup(text_at(replies[i].json, "token"));
			waiters[from + i].seq = place_of(waiters[from + i].token);
			cJSON_Delete(replies[i].json);
		}
	}
	qsort(waiters, USERS, sizeof(waiters[0]), by_seq);
}

static int	active_seen, used_seen;

/* User 0 has used the token; all others wait again. */
static void
check_waiting_again(int waiter, const struct reply *reply)
{
	if (waiter == 0)
		cr_assert_str_eq(text_at(reply->json, "status"), "USED");
	else
		cr_assert_str_eq(text_at(reply->json, "status"), "WAITING");
}

static void
check_old_position(int waiter, const struct reply *reply)
{
	check_waiting_again(waiter, reply);
	if (waiter > 0)
		cr_assert_eq(number_at(reply->json, "position"), waiter, "user %d has position %d", waiter,
		    (int)number_at(reply->json, "position"));
}

static void
check_first_are_active(int waiter, const struct reply *reply)
{
	const char	*status = text_at(reply->json, "status");

	active_seen += strcmp(status, "ACTIVE") == 0;
	used_seen += strcmp(status, "USED") == 0;
	if (waiter > 0)
		cr_assert_str_eq(status, waiter <= CAP ? "ACTIVE" : "WAITING", "user %d", waiter);
}

/* Each user's answer before the second kill, to compare with later ones. */
static struct {
	char	status[8];
	int64_t	position;
}		saved[USERS];
static int	active_saved, used_saved;

static void
save_answer(int waiter, const struct reply *reply)
{
	const char	*status = text_at(reply->json, "status");

	(void)snprintf(saved[waiter].status, sizeof(saved[waiter].status), "%s", status);
	saved[waiter].position = number_at(reply->json, "position");
	active_saved += strcmp(status, "ACTIVE") == 0;
	used_saved += strcmp(status, "USED") == 0;
}

static void
check_same_answer(int waiter, const struct reply *reply)
{
	cr_assert_str_eq(text_at(reply->json, "status"), saved[waiter].status, "user %d", waiter);
	cr_assert_eq(number_at(reply->json, "position"), saved[waiter].position, "user %d", waiter);
}

/* True if Redis has written every answered change to its file, so that a kill loses none. */
static bool
is_all_in_file(void)
{
	return (system("deploy/local/redis-cli INFO persistence | grep -q '^aof_buffer_length:0'") == 0);
}

static pid_t	frozen;		/* the Redis that the test has stopped */

/* Supervisor would take a frozen Redis for a running one. */
static void
thaw_redis(void)
{
	if (frozen != 0)
		(void)kill(frozen, SIGCONT);
}

Test(restart, twenty_thousand_places_return_in_order_to_an_empty_redis, .timeout = 600, .fini = thaw_redis)
{
	struct schedule	 schedule = schedule_new(10, 10);
	struct user	 operator = operator_new();
	struct waiter	*buyer = &waiters[0], *newcomer = &waiters[USERS];
	struct reply	 reply;
	char		*reservation;
	int64_t		 amount, started = now_ms();

	(void)control(&operator, &schedule, format("{\"maxActive\":%d,\"activeTtlSeconds\":600}", CAP));
	enter_all(&schedule);
	wait_for(number_at(control(&operator, &schedule, NULL).json, "active") == CAP, 60);
	(void)control(&operator, &schedule, "{\"mode\":\"PAUSED\"}");
	cr_assert_eq(number_at(control(&operator, &schedule, NULL).json, "waiting"), USERS - CAP);
	/* About once a second the queue saves in the database how far it has admitted. */
	wait_for(atoi(sql(format("SELECT (admitted_to >= %lld)::int FROM queue.queues WHERE schedule_id = '%s'",
	    (long long)waiters[CAP - 1].seq, schedule.id))) == 1, 60);
	fprintf(stderr, "%d users entered in %.1f s\n", USERS, (double)(now_ms() - started) / 1000);

	check_status(charge(&buyer->user, 1000000, key_new()), 201);
	frozen = pid_of("redis");
	reply = hold_seats(&buyer->user, &schedule, buyer->token, 0, 1);
	check_status(reply, 201);
	reservation = strdup(text_at(reply.json, "reservationId"));
	amount = number_at(reply.json, "totalAmount");
	/* Calls that need no queue work while Redis hangs and while it is down. The hold must not wait for supervisor. */
	cr_assert_eq(kill(frozen, SIGSTOP), 0);
	check_status(pay(&buyer->user, reservation, amount, key_new()), 201);
	kill_redis();
	frozen = 0;
	check_status(http((struct call){ .path = format("/schedules/%s/seats", schedule.id) }), 200);
	check_status(http((struct call){ .path = "/points", .jwt = buyer->user.jwt }), 200);
	wait_for(status_of(&waiters[5]).status == 503, 60);
	reply = http((struct call){ .path = "/queues/status", .jwt = waiters[5].user.jwt, .queue_token = waiters[5].token });
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	reply = hold_seats(&waiters[1].user, &schedule, waiters[1].token, 1, 1);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");

	cr_assert_eq(system(format("rm -rf %s/redis/*", setting("RUN_DIR"))), 0);
	ctl("start redis");
	newcomer->user = user_new();
	wait_for(http((struct call){ .path = "/readyz", .base = direct("queue") }).status == 200, 60);
	reply = enter(&newcomer->user, &schedule);
	check_status(reply, 201);
	newcomer->token = strdup(text_at(reply.json, "token"));
	started = now_ms();
	poll_all(check_waiting_again);
	fprintf(stderr, "all users polled in %.1f s\n", (double)(now_ms() - started) / 1000);
	poll_all(check_old_position);
	cr_assert_eq(number_at(status_of(newcomer).json, "position"), USERS);

	/* The operator's settings are restored: the queue is PAUSED, so it admitted no user. */
	reply = control(&operator, &schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "PAUSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), CAP);
	cr_assert_str_eq(text_at(reply.json, "updatedBy"), operator.id);
	cr_assert_eq(number_at(reply.json, "active"), 0);

	(void)control(&operator, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(control(&operator, &schedule, NULL).json, "active") == CAP, 60);
	poll_all(check_first_are_active);
	cr_assert_eq(active_seen, CAP);
	cr_assert_eq(used_seen, 1);
	wait_for(http((struct call){ .path = "/readyz", .base = direct("reservation") }).status == 200, 60);
	reply = hold_seats(&buyer->user, &schedule, buyer->token, 2, 1);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");

	/* Kill it again but keep its file: all answers stay the same. */
	(void)control(&operator, &schedule, "{\"mode\":\"PAUSED\"}");
	check_status(hold_seats(&waiters[1].user, &schedule, waiters[1].token, 2, 1), 201);
	wait_for(strcmp(text_at(status_of(&waiters[1]).json, "status"), "USED") == 0, 60);
	poll_some(10, save_answer);
	wait_for(is_all_in_file(), 60);
	kill_redis();
	ctl("start redis");
	wait_for(http((struct call){ .path = "/readyz", .base = direct("queue") }).status == 200, 60);
	poll_some(10, check_same_answer);
	cr_assert_eq(active_saved, CAP - 1);
	cr_assert_eq(used_saved, 2);
	cr_assert_eq(number_at(status_of(newcomer).json, "position"), USERS - 1 - CAP + 1);
	wait_for((reply = hold_seats(&waiters[1].user, &schedule, waiters[1].token, 3, 1)).status != 503, 60);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");
	check_status(hold_seats(&waiters[2].user, &schedule, waiters[2].token, 3, 1), 201);
}

Test(restart, killed_redis_extends_active_turns_by_its_downtime, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 operator = operator_new();
	struct waiter	*active = &waiters[0], *waiting = &waiters[1];
	struct reply	 reply;
	char		*until;
	int64_t		 killed, down, started, given;

	(void)control(&operator, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":60}");
	active->user = user_new();
	active->token = become_active(&active->user, &schedule);
	waiting->user = user_new();
	waiting->token = strdup(text_at(enter(&waiting->user, &schedule).json, "token"));
	until = strdup(text_at(status_of(active).json, "activeUntil"));
	wait_for(is_all_in_file(), 60);
	killed = now_ms();
	kill_redis();
	/* Supervisor may have restarted Redis before ctl stopped it, so it is certainly down only from here on. */
	down = now_ms();
	wait_for(now_ms() - down >= 8000, 60);
	started = now_ms();
	ctl("start redis");
	wait_for((reply = status_of(active)).status == 200, 60);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	/* The queue adds the downtime to active turns, except up to five seconds before it noticed. */
	given = unix_ms_of(text_at(reply.json, "activeUntil")) - unix_ms_of(until);
	cr_assert(given >= started - down - 5000 && given <= now_ms() - killed, "the turn was extended by %lld ms", (long long)given);
	cr_assert_eq(number_at(status_of(waiting).json, "position"), 1);
	/* The reservation service reconnects to Redis by itself; its /readyz does not wait for that. */
	wait_for((reply = hold_seats(&active->user, &schedule, active->token, 0, 1)).status != 503, 60);
	check_status(reply, 201);
	wait_for(strcmp(text_at(status_of(waiting).json, "status"), "ACTIVE") == 0, 60);
}
