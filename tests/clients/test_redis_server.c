/* The Redis client against a real server that is slow, is killed and starts again. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/loop_poll.h"
#include "base/log.h"
#include "clients.h"
#include "loop/loop.h"
#include "redis/redis.h"

static struct ct_redis	*redis;
static unsigned		 answered, unanswered, connects;
static long long	 last;
static bool		 in_order = true;

static void
on_count(const redisReply *reply, void *arg)
{
	(void)arg;
	answered++;
	if (reply == NULL) {
		unanswered++;
		return;
	}
	if (reply->type == REDIS_REPLY_INTEGER) {
		in_order = in_order && reply->integer == last + 1;
		last = reply->integer;
	}
}

static void
on_connect(struct ct_redis *connected, void *arg)
{
	const char	*argv[] = { "SET", "connected", "yes" };

	(void)arg;
	connects++;
	ct_redis_call(connected, 3, argv, NULL, on_count, NULL);
}

static bool
is_ready(void *arg)
{
	(void)arg;
	return (ct_redis_ready(redis));
}

static bool
have_answers(void *count)
{
	return (answered >= *(unsigned *)count);
}

static void
wait_answers(unsigned count, uint64_t limit_ms)
{
	cr_assert(loop_poll_until(have_answers, &count, limit_ms), "%u of %u", answered, count);
	cr_assert_eq(answered, count);
	cr_assert_eq(ct_redis_pending(redis), 0);
}

static void
start(const char *timeout_ms)
{
	const char	*argv[] = { "FLUSHALL" };

	setenv("REDIS_TIMEOUT_MS", timeout_ms, 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_configure();
	redis = ct_redis_init(on_connect, NULL);
	cr_assert(loop_poll_until(is_ready, NULL, 30000));
	ct_redis_call(redis, 1, argv, NULL, on_count, NULL);
	wait_answers(2, 30000);
	answered = 0;
}

static void
count(unsigned times)
{
	const char	*argv[] = { "INCR", "n" };

	while (times-- > 0)
		ct_redis_call(redis, 2, argv, NULL, on_count, NULL);
}

TestSuite(redis_server, .timeout = 120);

Test(redis_server, ten_thousand_pipelined_replies_arrive_in_order)
{
	start("10000");
	count(10000);
	wait_answers(10000, 30000);
	cr_assert_eq(unanswered, 0);
	cr_assert_eq(last, 10000);
	cr_assert(in_order);
	ct_redis_deinit(&redis);
}

Test(redis_server, commands_beyond_the_limit_are_answered_null)
{
	start("10000");
	count(20100);
	wait_answers(20100, 30000);
	cr_assert_eq(unanswered, 100);
	ct_redis_deinit(&redis);
}

static void
on_value(const redisReply *reply, void *arg)
{
	answered++;
	cr_assert_eq(reply->type, REDIS_REPLY_STRING);
	cr_assert_eq(reply->len, 5);
	cr_assert_eq(memcmp(reply->str, "a\0\r\nb", 5), 0);
	(void)arg;
}

Test(redis_server, binary_arguments_arrive_unchanged)
{
	const char	*set[] = { "SET", "k\0y", "a\0\r\nb" };
	const char	*get[] = { "GET", "k\0y" };
	const size_t	 lens[] = { 3, 3, 5 };

	start("10000");
	ct_redis_call(redis, 3, set, lens, on_count, NULL);
	ct_redis_call(redis, 2, get, lens, on_value, NULL);
	wait_answers(2, 30000);
	ct_redis_deinit(&redis);
}

Test(redis_server, slow_command_ends_the_connection_and_all_behind_it)
{
	const char	*slow[] = { "DEBUG", "SLEEP", "5" };
	uint64_t	 begun;

	start("1000");
	begun = ct_loop_now_ms();
	ct_redis_call(redis, 3, slow, NULL, on_count, NULL);
	count(10);
	wait_answers(11, 30000);
	cr_assert_eq(unanswered, 11);
	cr_assert_lt(ct_loop_now_ms() - begun, 1300);
	cr_assert(loop_poll_until(is_ready, NULL, 30000));
	count(1);
	wait_answers(13, 30000);
	cr_assert_eq(unanswered, 11, "after reconnecting, commands are answered");
	ct_redis_deinit(&redis);
}

static void
on_late(const redisReply *reply, void *arg)
{
	cr_assert(reply == NULL);
	ct_redis_call(arg, 2, (const char *const[]){ "ECHO", "other" }, NULL, on_count, NULL);
}

static bool
is_other_ready(void *other)
{
	return (ct_redis_ready(other));
}

/* As when one node of a cluster is frozen. */
Test(redis_server, command_sent_to_another_client_when_one_is_late_is_answered)
{
	const char	*block[] = { "BLPOP", "nothing", "0" };
	struct ct_redis	*other;

	start("1000");
	other = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_other_ready, other, 30000));
	loop_poll_step(1);
	ct_redis_call(redis, 3, block, NULL, on_late, other);
	wait_answers(1, 30000);
	cr_assert_eq(unanswered, 0);
	ct_redis_deinit(&other);
	ct_redis_deinit(&redis);
}

Test(redis_server, killed_server_is_used_again_after_its_restart)
{
	start("5000");
	count(100);
	servers("redis-kill");
	wait_answers(100, 30000);
	cr_assert(!ct_redis_ready(redis));
	count(1);
	cr_assert_eq(answered, 100);
	loop_poll_turn(0);
	cr_assert_eq(answered, 101, "a command is answered at once while the server is down");
	servers("redis-start");
	cr_assert(loop_poll_until(is_ready, NULL, 30000));
	cr_assert_eq(connects, 2);
	unanswered = 0;
	last = 0;
	count(10);
	wait_answers(112, 30000);
	cr_assert_eq(unanswered, 0);
	cr_assert_eq(last, 10);
	ct_redis_deinit(&redis);
}

static bool
is_unauthorized(void *arg)
{
	(void)arg;
	return (ct_redis_state(redis) == CT_STORE_UNAUTHORIZED);
}

Test(redis_server, refused_user_is_connected_after_the_server_knows_it)
{
	char	path[] = "/tmp/ct-redis-XXXXXX";
	int	fd = mkstemp(path);

	cr_assert_eq(write(fd, "late password", 13), 13);
	(void)close(fd);
	setenv("REDIS_USER", "late", 1);
	setenv("REDIS_PASSWORD_FILE", path, 1);
	setenv("REDIS_TIMEOUT_MS", "10000", 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_configure();
	(void)unlink(path);
	redis = ct_redis_init(on_connect, NULL);
	cr_assert(loop_poll_until(is_unauthorized, NULL, 30000));
	cr_assert_eq(connects, 0);
	count(1);
	wait_answers(1, 30000);
	cr_assert_eq(unanswered, 1);

	cr_assert_eq(system("redis-cli -p $REDIS_PORT ACL SETUSER late on '>late password' '~*' +@all >/dev/null"), 0);
	cr_assert(loop_poll_until(is_ready, NULL, 30000));
	cr_assert_neq(ct_redis_state(redis), CT_STORE_UNAUTHORIZED);
	cr_assert_eq(connects, 1);
	cr_assert_eq(system("redis-cli -p $REDIS_PORT ACL DELUSER late >/dev/null"), 0);
	ct_redis_deinit(&redis);
}
