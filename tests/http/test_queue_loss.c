/*
 * The queue's store is killed under 20,000 people waiting and 100 choosing seats: once
 * with its files gone, once with them. Runs alone, after the others (suite `restart`).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#define PEOPLE	20100
#define CAP	100
#define AT_ONCE	100

struct person {
	struct user	user;
	char		*token;
	int64_t		seq;
};
static struct person	people[PEOPLE + 1];	/* the last one is the newcomer */

static void
ctl(const char *what)
{
	cr_assert_eq(system(format("%s/ctl %s redis >/dev/null", setting("RUN_DIR"), what)), 0, "%s", what);
}

static pid_t
redis_pid(void)
{
	FILE	*pipe = popen(format("%s/ctl pid redis", setting("RUN_DIR")), "r");
	char	 line[64] = "";

	cr_assert_not_null(pipe);
	cr_assert_not_null(fgets(line, sizeof(line), pipe));
	cr_assert_eq(pclose(pipe), 0);
	cr_assert_gt(atoi(line), 1);
	return ((pid_t)atoi(line));
}

static void
kill_redis(void)
{
	cr_assert_eq(kill(redis_pid(), SIGKILL), 0);
	/* Supervisor would start it again at once. */
	ctl("stop");
}

/* Bytes 33 to 40 of a token are its place. */
static int64_t
seq_of(const char *token)
{
	static const char	digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint64_t		seq = 0;

	for (int bit = 33 * 8; bit < 41 * 8; bit++)
		seq = seq << 1 | (uint64_t)((strchr(digits, token[bit / 6]) - digits) >> (5 - bit % 6) & 1);
	return ((int64_t)seq);
}

static int
by_seq(const void *a, const void *b)
{
	const struct person	*x = a, *y = b;

	return (x->seq < y->seq ? -1 : x->seq > y->seq);
}

static struct call
status_call(const struct person *person)
{
	return ((struct call){ .path = "/queues/status", .jwt = person->user.jwt, .queue_token = person->token,
	    .base = direct("queue") });
}

/* The first 2 * CAP and one in `step` of the others ask, in a scattered order, AT_ONCE at a time; `each` sees every answer. */
static void
some_ask(int step, void (*each)(int person, const struct reply *reply))
{
	struct call	calls[AT_ONCE];
	struct reply	replies[AT_ONCE];
	int		who[AT_ONCE], n = 0;

	for (int i = 0; i < PEOPLE || n > 0; i++) {
		if (i < PEOPLE) {
			who[n] = (int)((int64_t)i * 7919 % PEOPLE);
			if (who[n] >= 2 * CAP && who[n] % step != 0)
				continue;
			calls[n] = status_call(&people[who[n]]);
			if (++n < AT_ONCE)
				continue;
		}
		http_all(calls, replies, (size_t)n);
		for (int k = 0; k < n; k++) {
			check_status(replies[k], 200);
			each(who[k], &replies[k]);
			cJSON_Delete(replies[k].json);
			free(replies[k].body);
			free(replies[k].headers);
		}
		n = 0;
	}
}

static void
all_ask(void (*each)(int person, const struct reply *reply))
{
	some_ask(1, each);
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
status_of(const struct person *person)
{
	return (http(status_call(person)));
}

static void
everybody_enters(const struct schedule *schedule)
{
	struct call	calls[AT_ONCE];
	struct reply	replies[AT_ONCE];
	const char	*body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule->concert, schedule->id);

	for (int from = 0; from < PEOPLE; from += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			people[from + i].user = user_new();
			calls[i] = (struct call){ .path = "/queues/enter", .jwt = people[from + i].user.jwt,
			    .base = direct("queue"), .body = body };
		}
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++) {
			check_status(replies[i], 201);
			people[from + i].token = strdup(text_at(replies[i].json, "token"));
			people[from + i].seq = seq_of(people[from + i].token);
			cJSON_Delete(replies[i].json);
		}
	}
	qsort(people, PEOPLE, sizeof(people[0]), by_seq);
}

static int	active_seen, used_seen;

/* Person 0 has used the token; all others are in line, where they were. */
static void
is_back_in_line(int person, const struct reply *reply)
{
	if (person == 0)
		cr_assert_str_eq(text_at(reply->json, "status"), "USED");
	else
		cr_assert_str_eq(text_at(reply->json, "status"), "WAITING");
}

static void
has_the_old_position(int person, const struct reply *reply)
{
	is_back_in_line(person, reply);
	if (person > 0)
		cr_assert_eq(number_at(reply->json, "position"), person, "person %d has position %d", person,
		    (int)number_at(reply->json, "position"));
}

static void
is_active_if_first(int person, const struct reply *reply)
{
	const char	*status = text_at(reply->json, "status");

	active_seen += strcmp(status, "ACTIVE") == 0;
	used_seen += strcmp(status, "USED") == 0;
	if (person > 0)
		cr_assert_str_eq(status, person <= CAP ? "ACTIVE" : "WAITING", "person %d", person);
}

/* What each is told, to be compared later. */
static struct {
	char	status[8];
	int64_t	position;
}		noted[PEOPLE];
static int	active_noted, used_noted;

static void
note_answer(int person, const struct reply *reply)
{
	const char	*status = text_at(reply->json, "status");

	(void)snprintf(noted[person].status, sizeof(noted[person].status), "%s", status);
	noted[person].position = number_at(reply->json, "position");
	active_noted += strcmp(status, "ACTIVE") == 0;
	used_noted += strcmp(status, "USED") == 0;
}

static void
answers_as_before(int person, const struct reply *reply)
{
	cr_assert_str_eq(text_at(reply->json, "status"), noted[person].status, "person %d", person);
	cr_assert_eq(number_at(reply->json, "position"), noted[person].position, "person %d", person);
}

/* Nothing that Redis has answered is still to be written to its file: a process that is killed loses none of it. */
static bool
is_all_in_the_file(void)
{
	return (system("deploy/local/redis-cli INFO persistence | grep -q '^aof_buffer_length:0'") == 0);
}

Test(restart, twenty_thousand_come_back_in_order_to_an_empty_redis, .timeout = 400)
{
	struct schedule	 schedule = schedule_new(10, 10);
	struct user	 operator = operator_new();
	struct person	*buyer = &people[0], *newcomer = &people[PEOPLE];
	struct reply	 reply;
	char		*reservation;
	int64_t		 amount, started = now_ms();
	pid_t		 redis;

	(void)control(&operator, &schedule, format("{\"maxActive\":%d,\"activeTtlSeconds\":600}", CAP));
	everybody_enters(&schedule);
	wait_for(number_at(control(&operator, &schedule, NULL).json, "active") == CAP, 20);
	(void)control(&operator, &schedule, "{\"mode\":\"PAUSED\"}");
	cr_assert_eq(number_at(control(&operator, &schedule, NULL).json, "waiting"), PEOPLE - CAP);
	/* How far the line had come is told to the database about once a second. */
	wait_for(atoi(sql(format("SELECT (admitted_to >= %lld)::int FROM queue.queues WHERE schedule_id = '%s'",
	    (long long)people[CAP - 1].seq, schedule.id))) == 1, 10);
	fprintf(stderr, "%d entered in %.1f s\n", PEOPLE, (double)(now_ms() - started) / 1000);

	check_status(charge(&buyer->user, 1000000, key_new()), 201);
	redis = redis_pid();
	reply = hold_seats(&buyer->user, &schedule, buyer->token, 0, 1);
	check_status(reply, 201);
	reservation = strdup(text_at(reply.json, "reservationId"));
	amount = number_at(reply.json, "totalAmount");
	/* What needs no queue goes on, whether Redis says nothing or is not there. (A hold does not wait for supervisor.) */
	cr_assert_eq(kill(redis, SIGSTOP), 0);
	check_status(pay(&buyer->user, reservation, amount, key_new()), 201);
	kill_redis();
	check_status(http((struct call){ .path = format("/schedules/%s/seats", schedule.id) }), 200);
	check_status(http((struct call){ .path = "/points", .jwt = buyer->user.jwt }), 200);
	wait_for(status_of(&people[5]).status == 503, 20);
	reply = http((struct call){ .path = "/queues/status", .jwt = people[5].user.jwt, .queue_token = people[5].token });
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	reply = hold_seats(&people[1].user, &schedule, people[1].token, 1, 1);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");

	cr_assert_eq(system(format("rm -rf %s/redis/*", setting("RUN_DIR"))), 0);
	ctl("start");
	newcomer->user = user_new();
	wait_for(http((struct call){ .path = "/readyz", .base = direct("queue") }).status == 200, 30);
	reply = enter(&newcomer->user, &schedule);
	check_status(reply, 201);
	newcomer->token = strdup(text_at(reply.json, "token"));
	started = now_ms();
	all_ask(is_back_in_line);
	fprintf(stderr, "all asked in %.1f s\n", (double)(now_ms() - started) / 1000);
	all_ask(has_the_old_position);
	cr_assert_eq(number_at(status_of(newcomer).json, "position"), PEOPLE);

	/* Operators' settings are what they were, and so nobody was let in. */
	reply = control(&operator, &schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "PAUSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), CAP);
	cr_assert_str_eq(text_at(reply.json, "updatedBy"), operator.id);
	cr_assert_eq(number_at(reply.json, "active"), 0);

	(void)control(&operator, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(control(&operator, &schedule, NULL).json, "active") == CAP, 40);
	all_ask(is_active_if_first);
	cr_assert_eq(active_seen, CAP);
	cr_assert_eq(used_seen, 1);
	wait_for(http((struct call){ .path = "/readyz", .base = direct("reservation") }).status == 200, 20);
	reply = hold_seats(&buyer->user, &schedule, buyer->token, 2, 1);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");

	/* Once more, with its file: nothing changes but a pause. */
	(void)control(&operator, &schedule, "{\"mode\":\"PAUSED\"}");
	check_status(hold_seats(&people[1].user, &schedule, people[1].token, 2, 1), 201);
	wait_for(strcmp(text_at(status_of(&people[1]).json, "status"), "USED") == 0, 20);
	some_ask(10, note_answer);
	wait_for(is_all_in_the_file(), 20);
	kill_redis();
	ctl("start");
	wait_for(http((struct call){ .path = "/readyz", .base = direct("queue") }).status == 200, 30);
	some_ask(10, answers_as_before);
	cr_assert_eq(active_noted, CAP - 1);
	cr_assert_eq(used_noted, 2);
	cr_assert_eq(number_at(status_of(newcomer).json, "position"), PEOPLE - 1 - CAP + 1);
	wait_for((reply = hold_seats(&people[1].user, &schedule, people[1].token, 3, 1)).status != 503, 20);
	check_problem(reply, 409, "QUEUE_TOKEN_USED");
	check_status(hold_seats(&people[2].user, &schedule, people[2].token, 3, 1), 201);
}

/* A contract's time after another, in milliseconds. */
static int64_t
later_by(const char *text, const char *earlier)
{
	struct tm	a = { 0 }, b = { 0 };

	cr_assert_not_null(strptime(text, "%Y-%m-%dT%H:%M:%S", &a));
	cr_assert_not_null(strptime(earlier, "%Y-%m-%dT%H:%M:%S", &b));
	return ((int64_t)(timegm(&a) - timegm(&b)) * 1000 + atoi(text + 20) - atoi(earlier + 20));
}

Test(restart, redis_killed_with_its_file_costs_the_active_no_time, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 operator = operator_new();
	struct person	*active = &people[0], *waiting = &people[1];
	struct reply	 reply;
	char		*until;
	int64_t		 killed, down, started, given;

	(void)control(&operator, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":60}");
	active->user = user_new();
	active->token = become_active(&active->user, &schedule);
	waiting->user = user_new();
	waiting->token = strdup(text_at(enter(&waiting->user, &schedule).json, "token"));
	until = strdup(text_at(status_of(active).json, "activeUntil"));
	wait_for(is_all_in_the_file(), 20);
	killed = now_ms();
	kill_redis();
	/* Supervisor may have started it once more before it was told to stop: it is down for certain only now. */
	down = now_ms();
	wait_for(now_ms() - down >= 8000, 20);
	started = now_ms();
	ctl("start");
	wait_for((reply = status_of(active)).status == 200, 20);
	cr_assert_str_eq(text_at(reply.json, "status"), "ACTIVE");
	/* All but the five seconds in which it might have been noticed. */
	given = later_by(text_at(reply.json, "activeUntil"), until);
	cr_assert(given >= started - down - 5000 && given <= now_ms() - killed, "%lld ms", (long long)given);
	cr_assert_eq(number_at(status_of(waiting).json, "position"), 1);
	/* The reservation service comes back to Redis in its own time, and is ready without it. */
	wait_for((reply = hold_seats(&active->user, &schedule, active->token, 0, 1)).status != 503, 20);
	check_status(reply, 201);
	wait_for(strcmp(text_at(status_of(waiting).json, "status"), "ACTIVE") == 0, 20);
}
