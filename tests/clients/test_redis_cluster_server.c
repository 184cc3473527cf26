/*
 * The client of a Redis Cluster against a real one: three masters and three replicas (tests/clients/cluster), with the rights
 * of the queue service. Calls run all the time, while a slot moves, a master is killed, and a master is frozen.
 *
 * A call adds a member of its own to two sets of a schedule. At the end the sets tell what each call did: an answered call
 * has added it, a refused one has not, and of an unanswered one both are right.
 */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "loop/loop.h"
#include "redis/redis_cluster.h"
#include "redis/redis_slots.h"

#define SCHEDULES	3	/* one on each master: nodes 0, 1 and 2 */
#define CALLS_MAX	40000

enum outcome { UNDER_WAY, DONE, REFUSED, UNKNOWN };

static struct call {
	unsigned	schedule;
	enum outcome	outcome;
	unsigned	times;
}			 calls[CALLS_MAX];
static unsigned		 calls_n, refused_n, unknown_n;
static unsigned		 done_n[SCHEDULES];	/* answered calls since the counters were last set to zero */
static char		 tags[SCHEDULES][16];
static struct ct_redis_cluster	*cluster;
static unsigned		 loaded;

static const char	library[] =
    "#!lua name=test\n"
    "redis.register_function('note', function(keys, args)\n"
    "  redis.call('SADD', keys[1], args[1])\n"
    "  redis.call('SADD', keys[2], args[1])\n"
    "  return 'done'\n"
    "end)\n";

static void	run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void
run(const char *fmt, ...)
{
	char	command[256], line[512];
	va_list	args;

	va_start(args, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);
	(void)snprintf(line, sizeof(line), "%s %s", getenv("CLIENTS_CLUSTER"), command);
	cr_assert_eq(system(line), 0, "%s", line);
}

/* Returns the output of a command on a node. */
static const char *
node_says(unsigned node, const char *command)
{
	static char	text[65536];
	char		line[512];
	FILE		*pipe;
	size_t		length;

	(void)snprintf(line, sizeof(line), "%s cli %u %s", getenv("CLIENTS_CLUSTER"), node, command);
	pipe = popen(line, "r");
	cr_assert_not_null(pipe);
	length = fread(text, 1, sizeof(text) - 1, pipe);
	text[length] = '\0';
	(void)pclose(pipe);
	return (text);
}

static void
on_loaded(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply == NULL)
		return;
	cr_assert_neq(reply->type, REDIS_REPLY_ERROR, "%s", reply->str);
	loaded++;
}

static void
on_connect(struct ct_redis *server, void *arg)
{
	(void)arg;
	ct_redis_call(server, 4, (const char *const[]){ "FUNCTION", "LOAD", "REPLACE", library }, NULL, on_loaded, NULL);
}

static bool
is_whole(void *arg)
{
	(void)arg;
	return (ct_redis_cluster_whole(cluster));
}

/* A tag with a slot of this master. */
static void
choose_tag(unsigned master, char tag_r[16])
{
	unsigned	n = 0;

	do
		(void)snprintf(tag_r, 16, "schedule-%u", n++);
	while (redis_slot(tag_r, strlen(tag_r)) / 5462 != master);
}

static void
cluster_setup(void)
{
	char	path[] = "/tmp/ct-redis-XXXXXX", nodes[64];
	int	fd = mkstemp(path);

	run("up");
	cr_assert_eq(write(fd, "password-of-queue", 17), 17);
	(void)close(fd);
	/* A replica, and a node that does not exist: one of the list is enough. */
	(void)snprintf(nodes, sizeof(nodes), "127.0.0.1:1 127.0.0.1:%d", atoi(getenv("CLIENTS_CLUSTER_PORT")) + 4);
	(void)setenv("REDIS_NODES", nodes, 1);
	(void)setenv("REDIS_USER", "queue", 1);
	(void)setenv("REDIS_PASSWORD_FILE", path, 1);
	(void)setenv("REDIS_TIMEOUT_MS", "3000", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_cluster_configure();
	(void)unlink(path);
	cluster = ct_redis_cluster_init(on_connect, NULL);
	cr_assert(loop_poll_until(is_whole, NULL, 30000));
	for (unsigned i = 0; i < SCHEDULES; i++)
		choose_tag(i, tags[i]);
}

static void
cluster_teardown(void)
{
	ct_redis_cluster_deinit(&cluster);
	run("down");
}

TestSuite(redis_cluster_server, .init = cluster_setup, .fini = cluster_teardown, .timeout = 240);

static void
on_answer(const redisReply *reply, void *arg)
{
	struct call	*call = arg;

	call->times++;
	if (reply == NULL) {
		call->outcome = UNKNOWN;
		unknown_n++;
	} else if (reply->type == REDIS_REPLY_ERROR) {
		call->outcome = REFUSED;
		refused_n++;
		cr_assert(strncmp(reply->str, "TRYAGAIN ", 9) == 0 || strncmp(reply->str, "CLUSTERDOWN ", 12) == 0 ||
		    strncmp(reply->str, "MOVED ", 6) == 0, "%s", reply->str);
	} else {
		call->outcome = DONE;
		done_n[call->schedule]++;
	}
}

static void
call_one(unsigned schedule)
{
	struct call	*call = &calls[calls_n];
	char		 keys[2][64], member[16];

	cr_assert_lt(calls_n, CALLS_MAX);
	(void)snprintf(member, sizeof(member), "%u", calls_n++);
	for (int i = 0; i < 2; i++)
		(void)snprintf(keys[i], sizeof(keys[i]), "q:{%s}:%d", tags[schedule], i);
	call->schedule = schedule;
	ct_redis_cluster_call(cluster, tags[schedule], 6, (const char *const[]){ "FCALL", "note", "2", keys[0], keys[1], member },
	    on_answer, call);
}

/* Calls all schedules every few milliseconds until done(arg). */
static bool
call_until(bool (*done)(void *), void *arg, uint64_t limit_ms)
{
	uint64_t	end = ct_loop_now_ms() + limit_ms;

	while (!done(arg)) {
		if (ct_loop_now_ms() > end)
			return (false);
		for (unsigned i = 0; i < SCHEDULES; i++)
			call_one(i);
		loop_poll_for(5);
	}
	return (true);
}

static bool
all_are_done(void *count)
{
	for (unsigned i = 0; i < SCHEDULES; i++) {
		if (done_n[i] < *(unsigned *)count)
			return (false);
	}
	return (true);
}

/* Calls until each schedule has had this many answers. */
static void
call_until_done(unsigned count, uint64_t limit_ms)
{
	memset(done_n, 0, sizeof(done_n));
	cr_assert(call_until(all_are_done, &count, limit_ms), "answers: %u, %u, %u of %u", done_n[0], done_n[1], done_n[2], count);
}

static bool
none_pending(void *arg)
{
	(void)arg;
	return (ct_redis_cluster_pending(cluster) == 0);
}

static bool	found[2][CALLS_MAX];

static void
on_members(const redisReply *reply, void *arg)
{
	bool	*set = arg;

	cr_assert(reply != NULL && reply->type == REDIS_REPLY_ARRAY);
	for (size_t i = 0; i < reply->elements; i++)
		set[atoi(reply->element[i]->str)] = true;
}

/* Compares the answers with the sets. Returns the number of answered calls from `first` on that left nothing. */
static unsigned
check_outcomes(unsigned first)
{
	unsigned	lost = 0;
	char		key[64];

	cr_assert(loop_poll_until(none_pending, NULL, 30000));
	memset(found, 0, sizeof(found));
	for (unsigned i = 0; i < SCHEDULES; i++) {
		for (int set = 0; set < 2; set++) {
			(void)snprintf(key, sizeof(key), "q:{%s}:%d", tags[i], set);
			ct_redis_cluster_call(cluster, key, 2, (const char *const[]){ "SMEMBERS", key }, on_members, found[set]);
		}
	}
	cr_assert(loop_poll_until(none_pending, NULL, 30000));
	for (unsigned i = 0; i < calls_n; i++) {
		cr_assert_eq(calls[i].times, 1, "call %u is answered %u times", i, calls[i].times);
		cr_assert_eq(found[0][i], found[1][i], "call %u is half done", i);
		cr_assert(calls[i].outcome != REFUSED || !found[0][i], "call %u is refused and done", i);
		lost += i >= first && calls[i].outcome == DONE && !found[0][i];
	}
	return (lost);
}

Test(redis_cluster_server, calls_go_to_all_masters)
{
	call_until_done(50, 30000);
	cr_assert_eq(unknown_n + refused_n, 0);
	cr_assert_eq(check_outcomes(0), 0);
	cr_assert_eq(loaded, 3, "the functions are loaded on every master");
}

/* Waits until this master's replica has all that the master has written. It tells the master so once a second. */
static void
wait_for_replica(unsigned master)
{
	unsigned long long	 written, copied;
	const char		*text, *at;

	do {
		loop_poll_for(20);
		text = node_says(master, "info replication");
		at = strstr(text, ",offset=");
		copied = at == NULL ? 0 : strtoull(at + strlen(",offset="), NULL, 10);
		at = strstr(text, "master_repl_offset:");
		written = at == NULL ? 0 : strtoull(at + strlen("master_repl_offset:"), NULL, 10);
	} while (written == 0 || copied < written);
}

static bool
is_there(void *path)
{
	return (access(path, F_OK) == 0);
}

Test(redis_cluster_server, slot_that_moves_loses_and_repeats_no_call)
{
	char		done[256];
	unsigned	moved = redis_slot(tags[0], strlen(tags[0]));

	call_until_done(20, 30000);
	(void)snprintf(done, sizeof(done), "%s/moved", getenv("CLIENTS_DIR"));
	(void)unlink(done);
	run("move %u 0 1 && touch %s &", moved, done);
	cr_assert(call_until(is_there, done, 30000));
	call_until_done(20, 30000);
	cr_assert_eq(check_outcomes(0), 0);
	cr_assert_eq(unknown_n, 0);
	for (unsigned i = 0; i < calls_n; i++)
		cr_assert(calls[i].schedule == 0 || calls[i].outcome == DONE, "call %u of another slot is refused", i);
	/* All kinds of redirections occurred. */
	cr_assert_not_null(strstr(node_says(0, "info errorstats"), "errorstat_MOVED:"));
	cr_assert_not_null(strstr(node_says(0, "info errorstats"), "errorstat_ASK:"));
	cr_assert(strstr(node_says(0, "info errorstats"), "errorstat_TRYAGAIN:") != NULL ||
	    strstr(node_says(1, "info errorstats"), "errorstat_TRYAGAIN:") != NULL);
}

Test(redis_cluster_server, killed_master_is_replaced_by_its_replica)
{
	call_until_done(20, 30000);
	cr_assert(loop_poll_until(none_pending, NULL, 30000));
	wait_for_replica(0);
	run("kill 0");
	call_until_done(50, 30000);
	cr_assert_gt(unknown_n, 0);
	cr_assert_eq(check_outcomes(0), 0, "the replica has all acknowledged calls");
	for (unsigned i = 0; i < calls_n; i++)
		cr_assert(calls[i].schedule == 0 || calls[i].outcome == DONE, "call %u of another master: %d", i, calls[i].outcome);
	cr_assert_geq(loaded, 4);
}

Test(redis_cluster_server, frozen_master_that_goes_on_takes_no_call)
{
	unsigned	frozen;

	call_until_done(20, 30000);
	cr_assert(loop_poll_until(none_pending, NULL, 30000));
	wait_for_replica(0);
	frozen = calls_n;
	run("freeze 0");
	call_until_done(50, 30000);
	run("thaw 0");
	/* The old master learns of the new one. Until then it would take calls. */
	call_until_done(300, 30000);
	cr_assert_eq(check_outcomes(frozen), 0, "an acknowledged call is lost");
	for (unsigned i = 0; i < calls_n; i++)
		cr_assert(calls[i].schedule == 0 || calls[i].outcome == DONE, "call %u of another master", i);
	while (strstr(node_says(0, "role"), "slave") == NULL)
		loop_poll_for(10);
}
