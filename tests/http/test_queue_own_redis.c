/*
 * Tests with a Redis and queue instances of their own. They need other settings, a second instance, an instance without other users, or a
 * Redis that they may kill, and run beside all other tests. The test stack serves schedules and seats.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Each test has its own ports: Redis at REDIS_PORT + 100 + n, instances from REDIS_PORT + 120 + 2 * n, with n below TESTS. */
#define TESTS	15	/* behind are the ports of test_queue_cluster.c */
static int	test;
static pid_t	redis;
static char	*folder;
static char	*bases[2];	/* URLs of up to two instances */

static pid_t
spawn(const char *script)
{
	pid_t	pid = fork();

	if (pid == 0) {
		execl("/bin/bash", "bash", "-euc", script, (char *)NULL);
		_exit(127);
	}
	cr_assert_gt(pid, 0);
	return (pid);
}

static void
stop_process(pid_t pid, int signal)
{
	cr_assert_eq(kill(pid, signal), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static int
redis_port(void)
{
	return (atoi(setting("REDIS_PORT")) + 100 + test);
}

/* Returns all that redis-cli prints. */
static char *
redis_says(const char *command)
{
	return (output_of(format("%s %s 2>&1", redis_cli(redis_port()), command)));
}

/* Loads the queue's library, changed by a sed script, into this Redis. */
static void
load_library(const char *change)
{
	cr_assert_eq(system(format("sed \"%s\" build/queue.lua | %s -x FUNCTION LOAD REPLACE >/dev/null", change,
	    redis_cli(redis_port()))), 0);
}

/* Starts a Redis with the settings of the local stack's, but for the right to its events. */
static void
start_redis(void)
{
	redis = spawn(format("mkdir -p %s/redis; sed '" USERS_WITHOUT_EVENTS "' $RUN_DIR/secrets/redis.acl >%s/redis/users.acl\n"
	    "exec setpriv --pdeathsig KILL redis-server --port %d --bind 127.0.0.1 --aclfile %s/redis/users.acl --dir %s/redis --save '' "
	    "--appendonly yes --appendfsync everysec >>%s/redis.log 2>&1", folder, folder, redis_port(), folder, folder, folder));
	wait_for_program(strncmp(redis_says("ping"), "PONG", 4) == 0, redis, format("%s/redis.log", folder));
}

/* Starts instance k (0 or 1) like deploy/local/run-service. `settings` (NAME=value ...) replace the stack's. */
static pid_t
start_instance(int k, const char *settings)
{
	int	port = atoi(setting("REDIS_PORT")) + 120 + 2 * test + k;
	pid_t	pid;

	bases[k] = strdup(format("http://127.0.0.1:%d", port));
	pid = spawn(format("export SO=$BUILD_DIR/queue.so RUNDIR=%s/%d PORT=%d REDIS_PORT=%d %s\n"
	    "export REDIS_USER=queue REDIS_PASSWORD_FILE=$RUN_DIR/secrets/redis_queue\n"
	    "export PG_CONNINFO=\"host=127.0.0.1 port=$PG_PORT dbname=concert user=queue_service connect_timeout=3 "
	    "passfile=$RUN_DIR/secrets/queue_service.pgpass\"\n"
	    "mkdir -p $RUNDIR\n"
	    "envsubst '$BIND $PORT $WORKERS $SO $RUNDIR' <services/kore.conf >$RUNDIR/queue.conf\n"
	    "cd $RUNDIR\n"
	    "exec setpriv --pdeathsig TERM $BUILD_DIR/kore/kore -f -n -r -c $RUNDIR/queue.conf >>$RUN_DIR/log/queue-own-$PORT.log 2>&1",
	    folder, k, port, redis_port(), settings));
	wait_for_program(http((struct call){ .path = "/readyz", .base = bases[k] }).status == 200, pid,
	    format("%s/log/queue-own-%d.log", setting("RUN_DIR"), port));
	return (pid);
}

static void
start_own(int number)
{
	cr_assert_lt(number, TESTS);
	test = number;
	folder = strdup(format("%s/own-%d", setting("RUN_DIR"), test));
	cr_assert_eq(system(format("rm -rf %s", folder)), 0);
	start_redis();
}

static struct reply
enter_at(int k, const struct user *user, const struct schedule *schedule)
{
	return (http(enter_call(bases[k], user, schedule)));
}

/* Enters and returns the token. */
static char *
token_at(int k, const struct user *user, const struct schedule *schedule)
{
	struct reply	reply = enter_at(k, user, schedule);

	check_status(reply, 201);
	return (strdup(text_at(reply.json, "token")));
}

static char *
new_token(int k, struct user *user_r, const struct schedule *schedule)
{
	*user_r = user_new();
	return (token_at(k, user_r, schedule));
}

static struct reply
poll_status(int k, const struct user *user, const char *token)
{
	return (queue_status(bases[k], user, token));
}

static bool
is_active(int k, const struct user *user, const char *token)
{
	return (strcmp(text_at(poll_status(k, user, token).json, "status"), "ACTIVE") == 0);
}

static struct reply
settings_at(int k, const struct schedule *schedule, const char *body)
{
	return (queue_settings(bases[k], schedule, body));
}

/* Returns the value of metric `name`, or -1 if there is none. */
static double
exported(int k, const char *name)
{
	struct reply	 reply = http((struct call){ .path = "/metrics", .base = bases[k] });
	const char	*at = reply.body;

	check_status(reply, 200);
	while ((at = strstr(at, name)) != NULL && ((at != reply.body && at[-1] != '\n') || at[strlen(name)] != ' '))
		at++;
	return (at == NULL ? -1 : strtod(at + strlen(name), NULL));
}

static double
gauge(int k, const char *name, const struct schedule *schedule)
{
	return (exported(k, format("%s{schedule=\"%s\"}", name, schedule->id)));
}

/* Quick looks answer most polls of a user; the heartbeat must be recorded all the same. */
Test(queue_own_redis, polling_user_keeps_place_and_silent_user_loses_it, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 first, polite, silent;
	char		*first_token, *polite_token, *silent_token;
	struct reply	 reply;

	start_own(1);
	(void)start_instance(0, "QUEUE_ABANDON_AFTER_SECONDS=30");
	(void)settings_at(0, &schedule, "{\"maxActive\":0}");
	first_token = new_token(0, &first, &schedule);
	polite_token = new_token(0, &polite, &schedule);
	silent_token = new_token(0, &silent, &schedule);
	do {
		check_status(poll_status(0, &first, first_token), 200);
		for (int i = 0; i < 5; i++) {
			reply = poll_status(0, &polite, polite_token);
			check_status(reply, 200);
			cr_assert_eq(number_at(reply.json, "position"), 2);
			pause_ms(100);
		}
		pause_ms(600);
	} while (number_at(settings_at(0, &schedule, NULL).json, "waiting") == 3);
	reply = poll_status(0, &silent, silent_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	check_status(poll_status(0, &first, first_token), 200);
	check_status(poll_status(0, &polite, polite_token), 200);
	cr_assert_eq(exported(0, "queue_abandoned_total"), 1);
}

/* 600 users need more than one admission round; the following rounds must not wait for the next tick. */
Test(queue_own_redis, one_tick_admits_600_users, .timeout = 300)
{
	enum { MANY = 600, AT_ONCE = 100 };
	struct schedule		 schedule = schedule_new(1, 2);
	static struct call	 calls[AT_ONCE];
	static struct reply	 replies[AT_ONCE];
	double			 first_us, last_us;

	start_own(5);
	(void)start_instance(0, "QUEUE_TICK_MS=5000");
	(void)settings_at(0, &schedule, "{\"mode\":\"PAUSED\",\"maxActive\":2000,\"admitPerSecond\":1000}");
	for (int entered = 0; entered < MANY; entered += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++) {
			struct user	user = user_new();

			calls[i] = enter_call(bases[0], &user, &schedule);
		}
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++)
			check_status(replies[i], 201);
	}
	(void)settings_at(0, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(settings_at(0, &schedule, NULL).json, "active") > 0, 60);
	/* The turns begin together, by the clock of Redis. The next tick is five seconds away. */
	wait_for(number_at(settings_at(0, &schedule, NULL).json, "active") == MANY, 60);
	first_us = strtod(redis_says(format("ZRANGE q:{%s}:active 0 0 WITHSCORES | tail -n 1", schedule.id)), NULL);
	last_us = strtod(redis_says(format("ZRANGE q:{%s}:active -1 -1 WITHSCORES | tail -n 1", schedule.id)), NULL);
	cr_assert(first_us > 0 && last_us - first_us < 4.5e6, "the turns end from %f to %f", first_us, last_us);
}

enum { LINE = 40 };

/*
 * Checks that the users from `first` on have positions 1, 2, 3 ... `gone`, if not 0, has left the line. Returns false
 * if a poll was 503.
 */
static bool
positions_are_exact(const struct user *users, char *const *tokens, int first, int gone)
{
	bool	all = true;

	for (int i = first; i < LINE; i++) {
		struct reply	reply;

		if (gone != 0 && i == gone)
			continue;
		reply = poll_status(0, &users[i], tokens[i]);
		if (reply.status == 200)
			cr_assert_eq(number_at(reply.json, "position"), i - first + (gone == 0 || i < gone), "user %d", i);
		else
			check_status(reply, 503);
		all = all && reply.status == 200;
	}
	return (all);
}

static bool
has_status_function(void)
{
	return (strstr(redis_says("FUNCTION LIST"), "queue3_status") != NULL);
}

/* Quick looks of repeat polls read the seq and the rank from Redis without a function, and see the present line. */
Test(queue_own_redis, repeat_polls_read_exact_positions_without_redis_function, .timeout = 300)
{
	enum { GONE = 7 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 users[LINE];
	char		*tokens[LINE];
	struct reply	 reply;
	bool		 all;

	start_own(7);
	(void)start_instance(0, "");
	(void)settings_at(0, &schedule, "{\"mode\":\"PAUSED\"}");
	for (int i = 0; i < LINE; i++)
		tokens[i] = new_token(0, &users[i], &schedule);

	/* A worker that misses the function answers 503 and loads the library again. A late tick can cause that, so repeat. */
	for (int tries = 0; tries < 20; tries++) {
		load_library("/name = 'status'/d");
		cr_assert(!has_status_function());
		all = positions_are_exact(users, tokens, 0, 0);
		if (all && !has_status_function())
			break;
		wait_for(has_status_function(), 60);
	}
	cr_assert(all && !has_status_function(), "no poll was answered without the function");
	load_library("");

	/* A user who leaves loses the place at once, and the users behind move one place forward. */
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[GONE].jwt,
	    .queue_token = tokens[GONE], .base = bases[0] }), 204);
	reply = poll_status(0, &users[GONE], tokens[GONE]);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	cr_assert(positions_are_exact(users, tokens, 0, GONE));

	/* Admitting the first user moves the others forward, too. */
	(void)settings_at(0, &schedule, "{\"mode\":\"OPEN\",\"maxActive\":1}");
	wait_for(is_active(0, &users[0], tokens[0]), 60);
	cr_assert(positions_are_exact(users, tokens, 1, GONE));
}

/* Requests that wait for calls which Redis does not answer get 503 too. */
Test(queue_own_redis, requests_unanswered_at_shutdown_are_503, .timeout = 300)
{
	enum { MANY = 300 };
	struct schedule		 schedule = schedule_new(1, 2);
	struct user		 first;
	static struct call	 calls[MANY];
	static struct reply	 replies[MANY];
	pid_t			 instance, callers;
	int			 left = 0, result;

	start_own(6);
	instance = start_instance(0, "DRAIN_SECONDS=0 REDIS_TIMEOUT_MS=60000");
	(void)new_token(0, &first, &schedule);
	for (int i = 0; i < MANY; i++) {
		struct user	user = user_new();

		calls[i] = enter_call(bases[0], &user, &schedule);
	}
	cr_assert_eq(kill(redis, SIGSTOP), 0);
	if ((callers = fork()) == 0) {
		http_all(calls, replies, MANY);
		for (int i = 0; i < MANY; i++)
			left += replies[i].status != 503;
		_exit(left > 100 ? 100 : left);
	}
	/* The request for the metrics counts too, so the number is greater than MANY. */
	wait_for(exported(0, "ct_requests_in_flight") > MANY, 60);
	cr_assert_eq(kill(instance, SIGTERM), 0);
	cr_assert_eq(waitpid(callers, &result, 0), callers);
	cr_assert_eq(kill(redis, SIGCONT), 0);
	cr_assert_eq(waitpid(instance, NULL, 0), instance);
	cr_assert_eq(result, 0, "%d of %d requests got another answer than 503, or none", WEXITSTATUS(result), MANY);
}

Test(queue_own_redis, other_instance_continues_the_queue_after_one_ends, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 4), untouched = schedule_new(1, 1);
	struct user	 first, second, operator = operator_new(), late = user_new();
	char		*first_token, *second_token;
	struct reply	 reply;
	pid_t		 a;

	start_own(2);
	a = start_instance(0, "");
	(void)start_instance(1, "");
	(void)settings_at(0, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":25}");
	first_token = new_token(0, &first, &schedule);
	wait_for(is_active(0, &first, first_token), 60);
	second_token = new_token(0, &second, &schedule);
	/* Instance B has had no request about this queue, but knows all that it shows. */
	wait_for(gauge(1, "queue_waiting", &schedule) == 1 && gauge(1, "queue_active", &schedule) == 1, 60);
	wait_for(gauge(1, "queue_seats_left", &schedule) == 8, 60);
	stop_process(a, SIGTERM);
	wait_for(gauge(1, "queue_waiting", &schedule) == 0 && gauge(1, "queue_active", &schedule) == 1, 60);
	cr_assert_geq(exported(1, "queue_admitted_total"), 1);
	cr_assert(is_active(1, &second, second_token));
	reply = poll_status(1, &first, first_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");

	/* B's next answer uses a setting made at A. */
	(void)start_instance(0, "");
	reply = http((struct call){ .method = "PUT", .jwt = operator.jwt, .base = bases[0], .body = "{\"mode\":\"CLOSED\"}",
	    .path = format("/admin/queues/%s", untouched.id) });
	check_status(reply, 200);
	reply = enter_at(1, &late, &untouched);
	check_problem(reply, 409, "QUEUE_CLOSED");
	(void)settings_at(0, &schedule, "{\"mode\":\"PAUSED\"}");
	cr_assert_str_eq(text_at(settings_at(1, &schedule, NULL).json, "mode"), "PAUSED");
	wait_for(exported(1, format("queue_mode{schedule=\"%s\",mode=\"PAUSED\"}", schedule.id)) == 1, 60);
}

/* Truncates the last append-only file where these bytes are first written. True if it did. */
static bool
truncate_aof_at(const char *user)
{
	char	*script = format("cd %s/redis/appendonlydir; file=$(ls -t *.incr.aof | head -n 1)\n"
	    "at=$(LC_ALL=C grep -aboP '%s' \"$file\" | head -n 1 | cut -d: -f1); [[ -n $at ]] && truncate -s \"$at\" \"$file\"",
	    folder, user);
	pid_t	 pid = spawn(script);
	int	 status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return (status == 0);
}

/* Returns the pattern of a user id's 16 bytes, for grep -P. */
static char *
id_pattern(const struct user *user)
{
	char	*text = calloc(1, 80), *at = text;

	for (const char *c = user->id; *c != '\0'; c += 2) {
		c += *c == '-';
		at += sprintf(at, "\\x%.2s", c);
	}
	return (text);
}

/* grep searches by lines, so it cannot find an id that contains a newline byte. */
static struct user
user_with_greppable_id(void)
{
	struct user	user;

	do
		user = user_new();
	while (strstr(id_pattern(&user), "\\x0a") != NULL);
	return (user);
}

static bool
is_in_aof(const struct user *user)
{
	return (system(format("LC_ALL=C grep -qaP '%s' %s/redis/appendonlydir/*.incr.aof", id_pattern(user), folder)) == 0);
}

Test(queue_own_redis, places_and_settings_lost_by_redis_are_restored, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 kept = user_with_greppable_id(), lost = user_with_greppable_id(), left, newcomer;
	char		*kept_token, *lost_token, *left_token, *new;
	struct reply	 reply;

	start_own(3);
	(void)start_instance(0, "");
	(void)settings_at(0, &schedule, "{\"maxActive\":0}");
	left_token = new_token(0, &left, &schedule);
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = left.jwt, .base = bases[0],
	    .queue_token = left_token }), 204);
	kept_token = token_at(0, &kept, &schedule);
	wait_for(is_in_aof(&kept), 60);
	lost_token = token_at(0, &lost, &schedule);
	(void)settings_at(0, &schedule, "{\"mode\":\"PAUSED\",\"maxActive\":1}");
	wait_for(is_in_aof(&lost), 60);
	stop_process(redis, SIGKILL);
	/* The instance stops exporting metrics of the lost store. */
	wait_for(gauge(0, "queue_waiting", &schedule) == -1, 60);
	reply = poll_status(0, &kept, kept_token);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert(truncate_aof_at(id_pattern(&lost)));
	start_redis();

	wait_for(poll_status(0, &kept, kept_token).status == 200, 60);
	cr_assert_eq(number_at(poll_status(0, &kept, kept_token).json, "position"), 1);
	new = new_token(0, &newcomer, &schedule);
	reply = poll_status(0, &lost, lost_token);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 2);
	cr_assert_eq(number_at(poll_status(0, &newcomer, new).json, "position"), 3);
	reply = poll_status(0, &left, left_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	/* The operator's last settings hold, although the store has lost them. The database does not override the next ones. */
	reply = settings_at(0, &schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "PAUSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), 1);
	cr_assert_eq(number_at(reply.json, "active"), 0);
	(void)settings_at(0, &schedule, "{\"mode\":\"OPEN\"}");
	cr_assert_str_eq(sql(format("SELECT mode || ' ' || max_active FROM queue.queues WHERE schedule_id = '%s'",
	    schedule.id)), "OPEN 1");
	wait_for(is_active(0, &kept, kept_token), 60);
	cr_assert_eq(number_at(poll_status(0, &lost, lost_token).json, "position"), 1);

	/* If the store forgets a recovery that has just begun, the service answers 503 and not that the place has ended. */
	load_library("s/return generation and kept_by == this_master()/return false/");
	reply = poll_status(0, &left, left_token);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
}

static void
leave(const struct user *user, const char *token)
{
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = user->jwt, .queue_token = token,
	    .base = bases[0] }), 204);
}

#define STASH	20

/* Waits until the queue has saved in the database that `column` has reached the token's place. */
static void
wait_until_saved(const struct schedule *schedule, const char *column, const char *token)
{
	wait_for(strcmp(sql(format("SELECT %s >= %lld FROM queue.queues WHERE schedule_id = '%s'", column, (long long)place_of(token),
	    schedule->id)), "t") == 0, 60);
}

Test(queue_own_redis, stashed_tokens_give_one_turn_after_store_loss, .timeout = 300)
{
	struct schedule	schedule = schedule_new(1, 2);
	struct user	hoarder = user_new(), buyer = user_new();
	char		*stash[STASH], *given_up, *used;
	struct reply	reply;

	start_own(8);
	(void)start_instance(0, "QUEUE_SETTLE_SECONDS=1");
	given_up = token_at(0, &buyer, &schedule);
	leave(&buyer, given_up);
	used = token_at(0, &buyer, &schedule);
	wait_for(is_active(0, &buyer, used), 60);
	cr_assert_str_eq(sql(format("SELECT (reservation.hold('%s', '%s', ARRAY['%s']::uuid[], NULL, NULL, %lld, 300, NULL, "
	    "NULL, NULL, 'test')).outcome", buyer.id, schedule.id, schedule.seats[0], (long long)place_of(used))), "CREATED");
	for (int i = 0; i < STASH; i++) {
		stash[i] = token_at(0, &hoarder, &schedule);
		leave(&hoarder, stash[i]);
	}
	wait_until_saved(&schedule, "last_seq", stash[STASH - 1]);
	wait_until_saved(&schedule, "admitted_to", used);

	stop_process(redis, SIGKILL);
	cr_assert_eq(system(format("rm -rf %s/redis", folder)), 0);
	start_redis();
	wait_for(poll_status(0, &hoarder, stash[0]).status == 200, 60);
	wait_for(is_active(0, &hoarder, stash[0]), 60);
	leave(&hoarder, stash[0]);
	for (int i = 0; i < STASH; i++) {
		reply = poll_status(0, &hoarder, stash[i]);
		check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	}
	/*
	 * The user has held with a later place, so this one has ended. The first answer comes from the database, the
	 * second from Redis.
	 */
	for (int i = 0; i < 2; i++) {
		reply = poll_status(0, &buyer, given_up);
		check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	}
	cr_assert(strtoll(redis_says(format("ZCARD q:{%s}:gone", schedule.id)), NULL, 10) == 2);
	reply = poll_status(0, &buyer, used);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "USED");
}

/* Returns the number of ticks per second, measured for three seconds. */
static double
ticks_per_second(void)
{
	int64_t	began = now_ms();
	double	before = exported(0, "queue_tick_seconds_count"), after;

	while (now_ms() < began + 3000)
		pause_ms(50);
	after = exported(0, "queue_tick_seconds_count");
	return ((after - before - 1) * 1000 / (double)(now_ms() - began));
}

/* One user may enter every schedule, so a queue that can admit nobody must cost Redis less than others. */
Test(queue_own_redis, queue_that_can_admit_nobody_is_ticked_rarely, .timeout = 300)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	user, second;
	char		*token;

	start_own(9);
	(void)start_instance(0, "WORKERS=1");
	token = new_token(0, &user, &schedule);
	wait_for(is_active(0, &user, token), 60);
	cr_assert_leq(ticks_per_second(), 1, "ticks per second while no user waits");
	(void)settings_at(0, &schedule, "{\"mode\":\"PAUSED\"}");
	token = new_token(0, &second, &schedule);
	wait_for(gauge(0, "queue_waiting", &schedule) == 1, 60);
	cr_assert_leq(ticks_per_second(), 2, "ticks per second while the queue is paused");
	(void)settings_at(0, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(is_active(0, &second, token), 60);
}

/* The service compares times from Redis with its own clock. */
Test(queue_own_redis, redis_clock_an_hour_off_changes_no_answer, .timeout = 300)
{
	static const char *const	offsets[] = { "+ 3600", "- 3600" };
	struct user			first, second;
	struct schedule			schedule;
	struct reply			reply;
	char				*token;

	start_own(4);
	(void)start_instance(0, "QUEUE_ABANDON_AFTER_SECONDS=30");
	for (int i = 0; i < 2; i++) {
		load_library(format("s/return seconds \\* SECOND/return (seconds %s) * SECOND/", offsets[i]));
		schedule = schedule_new(1, 1);
		(void)settings_at(0, &schedule, "{\"maxActive\":1}");
		token = new_token(0, &first, &schedule);
		wait_for(is_active(0, &first, token), 60);
		token = new_token(0, &second, &schedule);
		for (int poll = 0; poll < 20; poll++) {
			reply = poll_status(0, &second, token);
			check_status(reply, 200);
			cr_assert_eq(number_at(reply.json, "position"), 1);
			cr_assert_not(null_at(reply.json, "estimatedWaitSeconds"));
			pause_ms(100);
		}
		(void)settings_at(0, &schedule, "{\"maxActive\":2}");
		wait_for(is_active(0, &second, token), 60);
	}
	/* The first of the two queues saw Redis's clock go back by two hours, and abandoned no user. */
	cr_assert_eq(exported(0, "queue_abandoned_total"), 0);
}

/*
 * Returns a new user whose estimated wait is sampled, or is not. The service samples one user in eight, by the last
 * three bits of the id.
 */
static struct user
user_sampled(bool sampled)
{
	struct user	user;

	do
		user = user_new();
	while ((user.id[UUID_TEXT - 2] == '0' || user.id[UUID_TEXT - 2] == '8') != sampled);
	return (user);
}

#define EARLY	"queue_wait_error_seconds_%s{admitted=\"early\"}"
#define LATE	"queue_wait_error_seconds_%s{admitted=\"late\"}"

Test(queue_own_redis, estimated_wait_is_consistent_and_its_error_is_measured, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 2), opening;
	struct user	 active = user_sampled(false), user = user_sampled(true), other;
	char		*token, *concert = concert_new();
	struct reply	 reply;
	double		 early, late, late_seconds, predicted;
	long		 lead = 3;
	int64_t		 opens;

	start_own(0);
	(void)start_instance(1, "");
	token = token_at(1, &active, &schedule);
	wait_for(is_active(1, &active, token), 60);
	/* One turn, free again after 40 seconds: the estimate is 40, as the queue has measured no speed yet. */
	(void)settings_at(1, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":40}");
	reply = enter_at(1, &user, &schedule);
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "estimatedWaitSeconds"), 40);
	token = strdup(text_at(reply.json, "token"));
	/* The status function answers some polls; between those, quick looks answer from the last tick. */
	wait_for(gauge(1, "queue_predicted_wait_seconds", &schedule) == 40, 60);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(number_at(poll_status(1, &user, token).json, "estimatedWaitSeconds"), 40);
		pause_ms(100);
	}
	(void)settings_at(1, &schedule, "{\"maxActive\":2}");
	wait_for(is_active(1, &user, token), 60);
	wait_for(exported(1, format(EARLY, "count")) == 1, 60);
	cr_assert_eq(exported(1, format(LATE, "count")), 0);
	cr_assert_eq(exported(1, "queue_wait_seconds_count"), 1);
	cr_assert_leq(exported(1, format(EARLY, "sum")), 40);
	cr_assert_float_eq(exported(1, format(EARLY, "sum")) + exported(1, "queue_wait_seconds_sum"), 40, 0.01);

	/*
	 * The ticket before the opening estimates the time until the opening; a pause then delays admission by three
	 * more seconds.
	 */
	do {
		early = exported(1, format(EARLY, "count"));
		late = exported(1, format(LATE, "count"));
		late_seconds = exported(1, format(LATE, "sum"));
		opens = now_ms() + (lead - 1) * 1000;	/* the earliest possible opening */
		opening = schedule_with(concert, time_in(864000), time_in(867600), time_in(lead), "ON_SALE", 1, 1);
		other = user_sampled(true);
		reply = enter_at(1, &other, &opening);
		check_status(reply, 201);
		token = strdup(text_at(reply.json, "token"));
		cr_assert(number_at(reply.json, "estimatedWaitSeconds") <= lead + 1);
		wait_for(gauge(1, "queue_speed_per_second", &opening) > 0, 60);
		predicted = gauge(1, "queue_predicted_wait_seconds", &opening);
		(void)settings_at(1, &opening, "{\"mode\":\"PAUSED\"}");
		lead *= 2;
	} while (now_ms() >= opens);
	cr_assert_eq(predicted, -1, "a wait was predicted before the opening");
	while (now_ms() < opens + 4000)
		pause_ms(50);
	(void)settings_at(1, &opening, "{\"mode\":\"OPEN\"}");
	wait_for(is_active(1, &other, token), 60);
	wait_for(exported(1, format(LATE, "count")) == late + 1, 60);
	cr_assert_eq(exported(1, format(EARLY, "count")), early);
	cr_assert_geq(exported(1, format(LATE, "sum")), late_seconds + 0.9);
}

/* Two instances, two queues: together they admit at most the limit, in equal shares. In its first second each may have all of it. */
Test(queue_own_redis, queues_together_admit_at_most_the_limit, .timeout = 300)
{
	struct schedule	 schedules[2] = { schedule_new(1, 1), schedule_new(1, 1) };
	double		 began, a = 0, b = 0, later;
	struct user	 user;

	start_own(10);
	for (int k = 0; k < 2; k++)
		(void)start_instance(k, "ADMISSIONS_MAX_PER_SECOND=4 QUEUE_ADMIT_PER_SECOND=1000 QUEUE_MAX_ACTIVE=2000");
	began = (double)now_ms();
	for (int i = 0; i < 120; i++)
		(void)new_token(i / 2 % 2, &user, &schedules[i % 2]);
	while (a + b < 30) {
		/* The queues admit between two looks too, so the first one is looked at before and after the second one. */
		a = number_at(settings_at(0, &schedules[0], NULL).json, "active");
		b = number_at(settings_at(0, &schedules[1], NULL).json, "active");
		later = number_at(settings_at(0, &schedules[0], NULL).json, "active");
		cr_assert(a + b <= 4 * ((double)now_ms() - began) / 1000 + 8 && a - b < 7 && b - later < 7, "%f, %f, %f", a, b, later);
	}
	cr_assert_eq(exported(1, "queue_admissions_share_per_second"), 2);
}
