/*
 * The queue service on a Redis of the test's own, with instances of its own: what needs another setting, a second
 * instance, an instance that nobody else asks, or a Redis that is killed, beside all other tests. Schedules are made,
 * and seats sold, by the stack as everywhere.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Each test has ports of its own: Redis at REDIS_PORT + 20 + n, instances at REDIS_PORT + 30 + 2 * n. */
static int	test;
static pid_t	redis;
static char	*folder;
static char	*bases[2];	/* of the two instances that may be there */

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
end(pid_t pid, int signal)
{
	cr_assert_eq(kill(pid, signal), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

static int
redis_port(void)
{
	return (atoi(setting("REDIS_PORT")) + 20 + test);
}

/* redis-cli as the operators' user; its argument is the port. */
#define REDIS_CLI	"REDISCLI_AUTH=$(cat $RUN_DIR/secrets/redis_operator) redis-cli --no-auth-warning --user operator -p %d"

/* What redis-cli prints, all of it. */
static char *
redis_says(const char *command)
{
	FILE	*pipe = popen(format(REDIS_CLI " %s 2>&1", redis_port(), command), "r");
	char	*text = calloc(1, 65536);

	cr_assert_not_null(pipe);
	text[fread(text, 1, 65535, pipe)] = '\0';
	(void)pclose(pipe);
	return (text);
}

/* Settings and folder as the local stack's Redis has them. */
static void
start_redis(void)
{
	redis = spawn(format("mkdir -p %s/redis; exec setpriv --pdeathsig KILL redis-server --port %d --bind 127.0.0.1 "
	    "--aclfile $RUN_DIR/secrets/redis.acl --dir %s/redis --save '' --appendonly yes --appendfsync everysec >>%s/redis.log 2>&1", folder, redis_port(),
	    folder, folder));
	wait_for(strncmp(redis_says("ping"), "PONG", 4) == 0, 20);
}

/* Instance k, 0 or 1, as deploy/local/run-service starts one. `settings`: NAME=value ..., instead of the stack's. */
static pid_t
start_instance(int k, const char *settings)
{
	int	port = atoi(setting("REDIS_PORT")) + 30 + 2 * test + k;
	pid_t	pid;

	bases[k] = strdup(format("http://127.0.0.1:%d", port));
	pid = spawn(format("export SO=$BUILD_DIR/queue.so RUNDIR=%s/%d PORT=%d REDIS_PORT=%d %s\n"
	    "export REDIS_USER=queue REDIS_PASSWORD_FILE=$RUN_DIR/secrets/redis_queue\n"
	    "export PG_CONNINFO=\"host=127.0.0.1 port=$PG_PORT dbname=concert user=queue_service connect_timeout=3 "
	    "passfile=$RUN_DIR/secrets/queue_service.pgpass\"\n"
	    "mkdir -p $RUNDIR\n"
	    "envsubst '$BIND $PORT $WORKERS $SO $RUNDIR' <services/queue/conf/queue.conf >$RUNDIR/queue.conf\n"
	    "cd $RUNDIR\n"
	    "exec setpriv --pdeathsig TERM $BUILD_DIR/kore/kore -f -n -r -c $RUNDIR/queue.conf >>$RUN_DIR/log/queue-own-$PORT.log 2>&1",
	    folder, k, port, redis_port(), settings));
	wait_for(http((struct call){ .path = "/readyz", .base = bases[k] }).status == 200, 30);
	return (pid);
}

static void
start_own(int number)
{
	test = number;
	folder = strdup(format("%s/own-%d", setting("RUN_DIR"), test));
	cr_assert_eq(system(format("rm -rf %s", folder)), 0);
	start_redis();
}

static struct reply
enter_at(int k, const struct user *user, const struct schedule *schedule)
{
	return (http((struct call){ .path = "/queues/enter", .jwt = user->jwt, .base = bases[k], .body =
	    format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule->concert, schedule->id) }));
}

/* Enters; the token. */
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
ask(int k, const struct user *user, const char *token)
{
	return (http((struct call){ .path = "/queues/status", .jwt = user->jwt, .queue_token = token, .base = bases[k] }));
}

static bool
is_active(int k, const struct user *user, const char *token)
{
	return (strcmp(text_at(ask(k, user, token).json, "status"), "ACTIVE") == 0);
}

static struct reply
control(int k, const struct schedule *schedule, const char *body)
{
	struct user	operator = operator_new();
	struct reply	reply;

	reply = http((struct call){ .method = body != NULL ? "PUT" : "GET", .jwt = operator.jwt, .base = bases[k],
	    .path = format("/admin/queues/%s", schedule->id), .body = body });
	check_status(reply, 200);
	return (reply);
}

/* The value of the metric whose line begins with `name`; -1: there is none. */
static double
metric(int k, const char *name)
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
	return (metric(k, format("%s{schedule=\"%s\"}", name, schedule->id)));
}

/* Of one whom quick looks answer nearly always the heartbeat is noted too. */
Test(own, who_asks_keeps_the_place_and_who_is_silent_loses_it, .timeout = 180)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 first, polite, silent;
	char		*first_token, *polite_token, *silent_token;
	struct reply	 reply;

	start_own(1);
	(void)start_instance(0, "QUEUE_ABANDON_AFTER_SECONDS=30");
	(void)control(0, &schedule, "{\"maxActive\":0}");
	first_token = new_token(0, &first, &schedule);
	polite_token = new_token(0, &polite, &schedule);
	silent_token = new_token(0, &silent, &schedule);
	do {
		check_status(ask(0, &first, first_token), 200);
		for (int i = 0; i < 5; i++) {
			reply = ask(0, &polite, polite_token);
			check_status(reply, 200);
			cr_assert_eq(number_at(reply.json, "position"), 2);
			pause_ms(100);
		}
		pause_ms(600);
	} while (number_at(control(0, &schedule, NULL).json, "waiting") == 3);
	reply = ask(0, &silent, silent_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	check_status(ask(0, &first, first_token), 200);
	check_status(ask(0, &polite, polite_token), 200);
	cr_assert_eq(metric(0, "queue_abandoned_total"), 1);
}

/* More than one round admits: the others need not wait for the next tick. */
Test(own, all_whose_turn_it_is_are_admitted_in_one_tick, .timeout = 120)
{
	enum { MANY = 600, AT_ONCE = 100 };
	struct schedule		 schedule = schedule_new(1, 2);
	static struct call	 calls[AT_ONCE];
	static struct reply	 replies[AT_ONCE];

	start_own(5);
	(void)start_instance(0, "QUEUE_TICK_MS=5000");
	(void)control(0, &schedule, "{\"mode\":\"PAUSED\",\"maxActive\":2000,\"admitPerSecond\":1000}");
	for (int entered = 0; entered < MANY; entered += AT_ONCE) {
		for (int i = 0; i < AT_ONCE; i++)
			calls[i] = (struct call){ .path = "/queues/enter", .jwt = user_new().jwt, .base = bases[0],
			    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule.concert, schedule.id) };
		http_all(calls, replies, AT_ONCE);
		for (int i = 0; i < AT_ONCE; i++)
			check_status(replies[i], 201);
	}
	(void)control(0, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(number_at(control(0, &schedule, NULL).json, "active") > 0, 20);
	/* The next tick is five seconds away. */
	wait_for(number_at(control(0, &schedule, NULL).json, "active") == MANY, 3);
}

/* In a long line a worker counts for itself (copies.h), and says what Redis would; where it cannot, Redis is asked. */
Test(own, positions_are_told_from_a_copy_as_redis_has_them, .timeout = 120)
{
	enum { MANY = 40, GONE = 7 };
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 users[MANY];
	char		*tokens[MANY];
	struct reply	 reply;
	double		 before, wrong;

	start_own(7);
	(void)start_instance(0, "QUEUE_COPY_FROM=20");
	(void)control(0, &schedule, "{\"mode\":\"PAUSED\"}");
	for (int i = 0; i < MANY; i++)
		tokens[i] = new_token(0, &users[i], &schedule);
#define COPIED	metric(0, "queue_positions_total{from=\"copy\"}")
#define POSITION(i) ((int)number_at(ask(0, &users[i], tokens[i]).json, "position"))
	wait_for(POSITION(MANY - 1) == MANY && COPIED > 0, 20);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(POSITION(i), i + 1);
	cr_assert_geq(COPIED, MANY);

	/* Who left has no place from then on; those behind know it within a moment. */
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[GONE].jwt,
	    .queue_token = tokens[GONE], .base = bases[0] }), 204);
	reply = ask(0, &users[GONE], tokens[GONE]);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	wait_for(POSITION(MANY - 1) == MANY - 1, 10);
	for (int i = 0; i < MANY; i++) {
		if (i != GONE)
			cr_assert_eq(POSITION(i), i + (i < GONE));
	}

	/* The first is admitted: from the front, which nobody notes. */
	(void)control(0, &schedule, "{\"mode\":\"OPEN\",\"maxActive\":1}");
	wait_for(is_active(0, &users[0], tokens[0]), 20);
	wait_for(POSITION(MANY - 1) == MANY - 2, 10);

	/* A line that has lost somebody in a way that no function notes: the copy is seen to be wrong, and is right again. */
	before = metric(0, "queue_copies_wrong_total");
	cr_assert_eq(strtol(redis_says(format("zremrangebyrank 'q:{%s}:waiting' 2 2", schedule.id)), NULL, 10), 1);
	wait_for(metric(0, "queue_copies_wrong_total") > before, 10);
	wait_for(POSITION(MANY - 1) == MANY - 3, 10);
	before = COPIED;
	wait_for(POSITION(MANY - 2) == MANY - 4 && COPIED > before, 20);

	/* Changes of which there are ever more: what the copy says grows old, and then Redis is asked. */
	wrong = metric(0, "queue_copies_wrong_total");
	cr_assert_eq(system(format("sed -e 's/local changes = redis.call.*/local changes = {} for i = 1, LINE_READ_MAX do "
	    "changes[i] = tostring(1) end/' -e 's/known + #changes, changes/known, changes/' services/queue/redis/queue.lua | "
	    REDIS_CLI " -x FUNCTION LOAD REPLACE >/dev/null", redis_port())), 0);
	wait_for((before = COPIED, POSITION(MANY - 2) == MANY - 4 && COPIED == before), 10);
	cr_assert_eq(metric(0, "queue_copies_wrong_total"), wrong);
	cr_assert_eq(system(format(REDIS_CLI " -x FUNCTION LOAD REPLACE <services/queue/redis/queue.lua >/dev/null",
	    redis_port())), 0);
	wait_for((before = COPIED, POSITION(MANY - 2) == MANY - 4 && COPIED > before), 20);

	/* Too few to be worth it. */
	for (int i = 10; i < MANY - 2; i++)
		check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = users[i].jwt,
		    .queue_token = tokens[i], .base = bases[0] }), 204);
	wait_for((before = COPIED, POSITION(MANY - 1) == 9 && COPIED == before), 10);
}

/* Also those who gather behind calls that Redis does not answer. */
Test(own, who_is_left_at_the_end_is_told_to_ask_again, .timeout = 120)
{
	enum { MANY = 300 };
	struct schedule		 schedule = schedule_new(1, 2);
	struct user		 first;
	static struct call	 calls[MANY];
	static struct reply	 replies[MANY];
	pid_t			 instance, people;
	int			 left = 0, result;

	start_own(6);
	instance = start_instance(0, "DRAIN_SECONDS=0 REDIS_TIMEOUT_MS=60000");
	(void)new_token(0, &first, &schedule);
	for (int i = 0; i < MANY; i++)
		calls[i] = (struct call){ .path = "/queues/enter", .jwt = user_new().jwt, .base = bases[0],
		    .body = format("{\"concertId\":\"%s\",\"scheduleId\":\"%s\"}", schedule.concert, schedule.id) };
	cr_assert_eq(kill(redis, SIGSTOP), 0);
	if ((people = fork()) == 0) {
		http_all(calls, replies, MANY);
		for (int i = 0; i < MANY; i++)
			left += replies[i].status != 503;
		_exit(left > 100 ? 100 : left);
	}
	/* And who asks for the metrics is one more. */
	wait_for(metric(0, "ct_requests_in_flight") > MANY, 20);
	cr_assert_eq(kill(instance, SIGTERM), 0);
	cr_assert_eq(waitpid(people, &result, 0), people);
	cr_assert_eq(kill(redis, SIGCONT), 0);
	cr_assert_eq(waitpid(instance, NULL, 0), instance);
	cr_assert_eq(result, 0, "%d of %d were told something else, or nothing", WEXITSTATUS(result), MANY);
}

Test(own, another_instance_goes_on_where_one_ends, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 4), untouched = schedule_new(1, 1);
	struct user	 first, second, operator = operator_new(), late = user_new();
	char		*first_token, *second_token;
	struct reply	 reply;
	pid_t		 a;

	start_own(2);
	a = start_instance(0, "");
	(void)start_instance(1, "");
	(void)control(0, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":12}");
	first_token = new_token(0, &first, &schedule);
	wait_for(is_active(0, &first, first_token), 20);
	second_token = new_token(0, &second, &schedule);
	/* Nobody has asked B about this queue; it knows all the same, all that is shown. */
	wait_for(gauge(1, "queue_waiting", &schedule) == 1 && gauge(1, "queue_active", &schedule) == 1, 20);
	wait_for(gauge(1, "queue_seats_left", &schedule) == 8, 20);
	end(a, SIGTERM);
	wait_for(gauge(1, "queue_waiting", &schedule) == 0 && gauge(1, "queue_active", &schedule) == 1, 30);
	cr_assert_geq(metric(1, "queue_admitted_total"), 1);
	cr_assert(is_active(1, &second, second_token));
	reply = ask(1, &first, first_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");

	/* What is set at A holds in B's next answer. */
	(void)start_instance(0, "");
	reply = http((struct call){ .method = "PUT", .jwt = operator.jwt, .base = bases[0], .body = "{\"mode\":\"CLOSED\"}",
	    .path = format("/admin/queues/%s", untouched.id) });
	check_status(reply, 200);
	reply = enter_at(1, &late, &untouched);
	check_problem(reply, 409, "QUEUE_CLOSED");
	(void)control(0, &schedule, "{\"mode\":\"PAUSED\"}");
	cr_assert_str_eq(text_at(control(1, &schedule, NULL).json, "mode"), "PAUSED");
	wait_for(metric(1, format("queue_mode{schedule=\"%s\",mode=\"PAUSED\"}", schedule.id)) == 1, 5);
}

/* The end of the last append-only file from where these bytes are first written. */
static bool
cut_from(const char *user)
{
	char	*script = format("cd %s/redis/appendonlydir; file=$(ls -t *.incr.aof | head -n 1)\n"
	    "at=$(LC_ALL=C grep -aboP '%s' \"$file\" | head -n 1 | cut -d: -f1); [[ -n $at ]] && truncate -s \"$at\" \"$file\"",
	    folder, user);
	pid_t	 pid = spawn(script);
	int	 status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return (status == 0);
}

/* A user's id as the pattern of its 16 bytes. */
static char *
bytes_of(const struct user *user)
{
	char	*text = calloc(1, 80), *at = text;

	for (const char *c = user->id; *c != '\0'; c += 2) {
		c += *c == '-';
		at += sprintf(at, "\\x%.2s", c);
	}
	return (text);
}

/* grep goes by lines: a user whose id has the byte of a line's end cannot be looked for. */
static struct user
user_to_look_for(void)
{
	struct user	user;

	do
		user = user_new();
	while (strstr(bytes_of(&user), "\\x0a") != NULL);
	return (user);
}

static bool
is_in_file(const struct user *user)
{
	return (system(format("LC_ALL=C grep -qaP '%s' %s/redis/appendonlydir/*.incr.aof", bytes_of(user), folder)) == 0);
}

Test(own, what_redis_lost_of_its_file_comes_back_and_settings_hold, .timeout = 180)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 kept = user_to_look_for(), lost = user_to_look_for(), left, newcomer;
	char		*kept_token, *lost_token, *left_token, *new;
	struct reply	 reply;

	start_own(3);
	(void)start_instance(0, "");
	(void)control(0, &schedule, "{\"maxActive\":0}");
	left_token = new_token(0, &left, &schedule);
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = left.jwt, .base = bases[0],
	    .queue_token = left_token }), 204);
	kept_token = token_at(0, &kept, &schedule);
	wait_for(is_in_file(&kept), 20);
	lost_token = token_at(0, &lost, &schedule);
	(void)control(0, &schedule, "{\"mode\":\"PAUSED\",\"maxActive\":1}");
	wait_for(is_in_file(&lost), 20);
	end(redis, SIGKILL);
	/* What was shown of it is no more: it does not stand still on the dashboard. */
	wait_for(gauge(0, "queue_waiting", &schedule) == -1, 20);
	reply = ask(0, &kept, kept_token);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert(cut_from(bytes_of(&lost)));
	start_redis();

	wait_for(ask(0, &kept, kept_token).status == 200, 20);
	cr_assert_eq(number_at(ask(0, &kept, kept_token).json, "position"), 1);
	new = new_token(0, &newcomer, &schedule);
	reply = ask(0, &lost, lost_token);
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "position"), 2);
	cr_assert_eq(number_at(ask(0, &newcomer, new).json, "position"), 3);
	reply = ask(0, &left, left_token);
	check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	/* The operator's last word, though the store had forgotten it; the next one is not passed over by the database. */
	reply = control(0, &schedule, NULL);
	cr_assert_str_eq(text_at(reply.json, "mode"), "PAUSED");
	cr_assert_eq(number_at(reply.json, "maxActive"), 1);
	cr_assert_eq(number_at(reply.json, "active"), 0);
	(void)control(0, &schedule, "{\"mode\":\"OPEN\"}");
	cr_assert_str_eq(sql(format("SELECT mode || ' ' || max_active FROM queue.queues WHERE schedule_id = '%s'",
	    schedule.id)), "OPEN 1");
	wait_for(is_active(0, &kept, kept_token), 20);
	cr_assert_eq(number_at(ask(0, &lost, lost_token).json, "position"), 1);

	/* A store that forgets what was begun a moment ago is not taken for one that knows the place has ended. */
	cr_assert_eq(system(format("sed 's/return s\\[1\\] and s\\[2\\] == run()/return false/' services/queue/redis/queue.lua | "
	    REDIS_CLI " -x FUNCTION LOAD REPLACE >/dev/null", redis_port())), 0);
	reply = ask(0, &left, left_token);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
}

/* Bytes 33 to 40 of a token are its place. */
static long long
seq_of(const char *token)
{
	static const char	digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned long long	seq = 0;

	for (int bit = 33 * 8; bit < 41 * 8; bit++)
		seq = seq << 1 | (unsigned long long)((strchr(digits, token[bit / 6]) - digits) >> (5 - bit % 6) & 1);
	return ((long long)seq);
}

static void
give_up(const struct user *user, const char *token)
{
	check_status(http((struct call){ .method = "POST", .path = "/queues/leave", .jwt = user->jwt, .queue_token = token,
	    .base = bases[0] }), 204);
}

#define STASH	20

/* The database knows that the line has come as far as this. */
static void
wait_until_saved(const struct schedule *schedule, const char *column, const char *token)
{
	wait_for(strcmp(sql(format("SELECT %s >= %lld FROM queue.queues WHERE schedule_id = '%s'", column, seq_of(token),
	    schedule->id)), "t") == 0, 20);
}

Test(own, stashed_tokens_are_worth_one_turn_after_a_store_loss, .timeout = 180)
{
	struct schedule	schedule = schedule_new(1, 2);
	struct user	hoarder = user_new(), buyer = user_new();
	char		*stash[STASH], *given_up, *used;
	struct reply	reply;

	start_own(8);
	(void)start_instance(0, "QUEUE_SETTLE_SECONDS=1");
	given_up = token_at(0, &buyer, &schedule);
	give_up(&buyer, given_up);
	used = token_at(0, &buyer, &schedule);
	wait_for(is_active(0, &buyer, used), 20);
	cr_assert_str_eq(sql(format("SELECT (reservation.hold('%s', '%s', ARRAY['%s']::uuid[], NULL, NULL, %lld, 300, NULL, "
	    "NULL, NULL, 'test')).outcome", buyer.id, schedule.id, schedule.seats[0], seq_of(used))), "CREATED");
	for (int i = 0; i < STASH; i++) {
		stash[i] = token_at(0, &hoarder, &schedule);
		give_up(&hoarder, stash[i]);
	}
	wait_until_saved(&schedule, "last_seq", stash[STASH - 1]);
	wait_until_saved(&schedule, "admitted_to", used);

	end(redis, SIGKILL);
	cr_assert_eq(system(format("rm -rf %s/redis", folder)), 0);
	start_redis();
	wait_for(ask(0, &hoarder, stash[0]).status == 200, 30);
	wait_for(is_active(0, &hoarder, stash[0]), 30);
	give_up(&hoarder, stash[0]);
	for (int i = 0; i < STASH; i++) {
		reply = ask(0, &hoarder, stash[i]);
		check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	}
	/* The user held with a later place, so this one had ended: the database says so first, then Redis too. */
	for (int i = 0; i < 2; i++) {
		reply = ask(0, &buyer, given_up);
		check_problem(reply, 410, "QUEUE_TOKEN_EXPIRED");
	}
	cr_assert(strtoll(redis_says(format("ZCARD q:{%s}:gone", schedule.id)), NULL, 10) == 2);
	reply = ask(0, &buyer, used);
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "status"), "USED");
}

/* How many ticks there are in the next three seconds or so, for each second of them. */
static double
ticks_a_second(void)
{
	double	before = metric(0, "queue_tick_seconds_count");
	int64_t	began = now_ms();

	while (now_ms() < began + 3000)
		pause_ms(50);
	return ((metric(0, "queue_tick_seconds_count") - before - 1) * 1000 / (double)(now_ms() - began));
}

/* One user may enter every schedule, so a queue that can admit nobody must cost Redis less than others. */
Test(own, queue_that_can_admit_nobody_is_ticked_rarely, .timeout = 120)
{
	struct schedule	schedule = schedule_new(1, 1);
	struct user	user, second;
	char		*token;

	start_own(9);
	(void)start_instance(0, "WORKERS=1");
	token = new_token(0, &user, &schedule);
	wait_for(is_active(0, &user, token), 20);
	cr_assert_leq(ticks_a_second(), 1, "nobody waits");
	(void)control(0, &schedule, "{\"mode\":\"PAUSED\"}");
	token = new_token(0, &second, &schedule);
	wait_for(gauge(0, "queue_waiting", &schedule) == 1, 20);
	cr_assert_leq(ticks_a_second(), 2, "the queue is paused");
	(void)control(0, &schedule, "{\"mode\":\"OPEN\"}");
	wait_for(is_active(0, &second, token), 20);
}

/* The service compares what Redis noted with its own clock. */
Test(own, a_redis_whose_clock_is_an_hour_off_serves_all_the_same, .timeout = 120)
{
	static const char *const	offsets[] = { "+ 3600", "- 3600" };
	struct user			first, second;
	struct schedule			schedule;
	struct reply			reply;
	char				*token;

	start_own(4);
	(void)start_instance(0, "QUEUE_ABANDON_AFTER_SECONDS=30");
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(system(format("sed 's/return t\\[1\\] \\* SECOND/return (t[1] %s) * SECOND/' "
		    "services/queue/redis/queue.lua | " REDIS_CLI " -x FUNCTION LOAD REPLACE >/dev/null", offsets[i],
		    redis_port())), 0);
		schedule = schedule_new(1, 1);
		(void)control(0, &schedule, "{\"maxActive\":1}");
		token = new_token(0, &first, &schedule);
		wait_for(is_active(0, &first, token), 20);
		token = new_token(0, &second, &schedule);
		for (int poll = 0; poll < 20; poll++) {
			reply = ask(0, &second, token);
			check_status(reply, 200);
			cr_assert_eq(number_at(reply.json, "position"), 1);
			cr_assert_not(null_at(reply.json, "estimatedWaitSeconds"));
			pause_ms(100);
		}
		(void)control(0, &schedule, "{\"maxActive\":2}");
		wait_for(is_active(0, &second, token), 20);
	}
	/* The first of the two queues saw the clock set back by two hours, and has not thrown anybody out. */
	cr_assert_eq(metric(0, "queue_abandoned_total"), 0);
}

/* A new user whose told wait is noted or is not: it is of one in eight, by the id's last three bits. */
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

Test(own, a_told_wait_is_shown_alike_everywhere_and_compared_with_what_it_was, .timeout = 180)
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
	wait_for(is_active(1, &active, token), 20);
	/* One place, free again after 40 seconds: that is the wait, and nothing has been measured yet. */
	(void)control(1, &schedule, "{\"maxActive\":1,\"activeTtlSeconds\":40}");
	reply = enter_at(1, &user, &schedule);
	check_status(reply, 201);
	cr_assert_eq(number_at(reply.json, "estimatedWaitSeconds"), 40);
	token = strdup(text_at(reply.json, "token"));
	/* The function's answer, and between those the quick look's, which goes by the last tick. */
	wait_for(gauge(1, "queue_predicted_wait_seconds", &schedule) == 40, 10);
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(number_at(ask(1, &user, token).json, "estimatedWaitSeconds"), 40);
		pause_ms(100);
	}
	(void)control(1, &schedule, "{\"maxActive\":2}");
	wait_for(is_active(1, &user, token), 20);
	wait_for(metric(1, format(EARLY, "count")) == 1, 10);
	cr_assert_eq(metric(1, format(LATE, "count")), 0);
	cr_assert_eq(metric(1, "queue_wait_seconds_count"), 1);
	cr_assert_leq(metric(1, format(EARLY, "sum")), 40);
	cr_assert_float_eq(metric(1, format(EARLY, "sum")) + metric(1, "queue_wait_seconds_sum"), 40, 0.01);

	/* Told before the opening that it will be at the opening; then nobody is admitted for three seconds more. */
	do {
		early = metric(1, format(EARLY, "count"));
		late = metric(1, format(LATE, "count"));
		late_seconds = metric(1, format(LATE, "sum"));
		opens = now_ms() + (lead - 1) * 1000;	/* at the earliest */
		opening = schedule_with(concert, time_in(864000), time_in(867600), time_in(lead), "ON_SALE", 1, 1);
		other = user_sampled(true);
		reply = enter_at(1, &other, &opening);
		check_status(reply, 201);
		token = strdup(text_at(reply.json, "token"));
		cr_assert(number_at(reply.json, "estimatedWaitSeconds") <= lead + 1);
		wait_for(gauge(1, "queue_speed_per_second", &opening) > 0, 10);
		predicted = gauge(1, "queue_predicted_wait_seconds", &opening);
		(void)control(1, &opening, "{\"mode\":\"PAUSED\"}");
		lead *= 2;
	} while (now_ms() >= opens);
	cr_assert_eq(predicted, -1, "nobody is admitted before the opening");
	while (now_ms() < opens + 4000)
		pause_ms(50);
	(void)control(1, &opening, "{\"mode\":\"OPEN\"}");
	wait_for(is_active(1, &other, token), 20);
	wait_for(metric(1, format(LATE, "count")) == late + 1, 10);
	cr_assert_eq(metric(1, format(EARLY, "count")), early);
	cr_assert_geq(metric(1, format(LATE, "sum")), late_seconds + 0.9);
}
