/*
 * The Redis client against a server in the same process, on the same event loop. The test decides what the server does: it
 * replies, stays silent, replies an error or closes the connection.
 */
#include <criterion/criterion.h>

#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "loop/loop.h"
#include "loop_poll.h"
#include "redis/redis.h"

/* The server. It has one connection at a time and keeps all bytes that it receives. */

static int		 listener = -1, client = -1;
static struct ct_watch	*listener_watch, *client_watch;
static struct ct_buf	 received;
static bool		 greets = true;
static bool		 read_only;	/* like a replica, it replies to PING and refuses the first command */
static unsigned		 accepted;

static void
server_say(const char *text)
{
	cr_assert_eq(write(client, text, strlen(text)), (ssize_t)strlen(text));
}

static void
server_hang_up(void)
{
	ct_loop_unwatch(&client_watch);
	if (client != -1)
		close(client);
	client = -1;
}

static void
on_client(void *arg, int events)
{
	char	data[4096];
	ssize_t	len;

	(void)arg;
	(void)events;
	len = read(client, data, sizeof(data));
	if (len <= 0) {
		server_hang_up();
		return;
	}
	ct_buf_append(&received, data, (size_t)len);
	if (greets && strstr(received.data, "PING\r\n") != NULL) {
		ct_buf_deinit(&received);
		server_say("+PONG\r\n");
	} else if (read_only && strstr(received.data, "FIRST") != NULL) {
		ct_buf_deinit(&received);
		server_say("-READONLY You can't write against a read only replica.\r\n");
	}
}

static void
on_listener(void *arg, int events)
{
	(void)arg;
	(void)events;
	server_hang_up();
	client = accept(listener, NULL, NULL);
	accepted++;
	client_watch = ct_loop_watch(client, CT_READ, on_client, NULL);
}

static void
server_start(const char *password_file)
{
	struct sockaddr_in	address = { .sin_family = AF_INET };
	socklen_t		len = sizeof(address);
	char			port[8];

	ct_buf_init(&received, 65536);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	cr_assert_eq(listen(listener, 8), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	listener_watch = ct_loop_watch(listener, CT_READ, on_listener, NULL);

	(void)snprintf(port, sizeof(port), "%u", ntohs(address.sin_port));
	(void)setenv("ENVIRONMENT", "development", 1);
	setenv("REDIS_HOST", "localhost", 1);
	setenv("REDIS_PORT", port, 1);
	setenv("REDIS_TIMEOUT_MS", "200", 1);
	setenv("REDIS_PASSWORD_FILE", password_file, 1);
	ct_log_init("test", CT_LOG_ERROR);
	ct_redis_configure();
}

static bool
received_has(void *text)
{
	return (strstr(received.data, text) != NULL);
}

static bool
is_unauthorized(void *redis)
{
	return (ct_redis_state(redis) == CT_STORE_UNAUTHORIZED);
}

static bool
connected_again(void *arg)
{
	(void)arg;
	return (accepted == 2);
}

static bool
received_all(void *length)
{
	return (received.length == *(size_t *)length);
}

/* Answers. */

static struct {
	unsigned	 times;
	int		 type;		/* 0: no answer */
	char		 text[64];
} answers[32];
static unsigned	answered;
static unsigned	numbers[32];

static void
on_answer(const redisReply *reply, void *arg)
{
	unsigned	*number = arg;

	answered++;
	answers[*number].times++;
	if (reply != NULL) {
		answers[*number].type = reply->type;
		if (reply->str != NULL)
			(void)snprintf(answers[*number].text, sizeof(answers[*number].text), "%s",
			    reply->str);
	}
}

static void
call(struct ct_redis *redis, unsigned number, const char *name, const char *arg)
{
	const char	*argv[2] = { name, arg };

	numbers[number] = number;
	ct_redis_call(redis, arg != NULL ? 2 : 1, argv, NULL, on_answer, &numbers[number]);
}

static bool
is_ready(void *redis)
{
	return (ct_redis_ready(redis));
}

static bool
is_not_ready(void *redis)
{
	return (!ct_redis_ready(redis));
}

static bool
have_answers(void *count)
{
	return (answered >= *(unsigned *)count);
}

static void
wait_answers(unsigned count)
{
	cr_assert(loop_poll_until(have_answers, &count, 2000));
	cr_assert_eq(answered, count);
}

static void
first_command(struct ct_redis *redis, void *arg)
{
	(void)arg;
	call(redis, 31, "FIRST", NULL);
}

Test(redis, command_while_not_connected_is_answered_null_after_the_call_returns)
{
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	cr_assert(!ct_redis_ready(redis));
	call(redis, 0, "GET", "a");
	cr_assert_eq(answers[0].times, 0);
	cr_assert_eq(ct_redis_pending(redis), 1);
	loop_poll_turn(0);
	cr_assert_eq(answers[0].times, 1);
	cr_assert_eq(answers[0].type, 0, "not connected: answered NULL in the next turn");
	ct_redis_deinit(&redis);
	cr_assert_null(redis);
}

Test(redis, replies_to_pipelined_commands_arrive_in_order)
{
	struct ct_redis	*redis;
	unsigned	 i;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	for (i = 0; i < 3; i++)
		call(redis, i, "GET", "a");
	loop_poll_for(20);
	server_say("+one\r\n-ERR two\r\n$5\r\nthree\r\n");
	wait_answers(3);
	cr_assert_str_eq(answers[0].text, "one");
	cr_assert_eq(answers[1].type, REDIS_REPLY_ERROR);
	cr_assert_str_eq(answers[2].text, "three");
	cr_assert_eq(ct_redis_pending(redis), 0);
	ct_redis_deinit(&redis);
}

Test(redis, command_in_redis_protocol_is_sent_unchanged)
{
	static const char	command[] = "*2\r\n$1\r\nA\r\n$3\r\n\1\0\2\r\n";
	struct ct_redis		*redis;
	unsigned		 refused = 4, part = 0, lost = 8;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	ct_redis_send(redis, command, sizeof(command) - 1, on_answer, &refused);
	cr_assert_eq(ct_redis_pending(redis), 1);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	cr_assert_eq(answers[4].times, 1, "not connected: answered NULL");
	cr_assert_eq(answers[4].type, 0);

	ct_redis_send(redis, command, sizeof(command) - 1, on_answer, &part);
	cr_assert_eq(received.length, 0, "nothing is written before the call returns");
	cr_assert(loop_poll_until(received_all, (size_t[]){ sizeof(command) - 1 }, 2000));
	cr_assert_eq(memcmp(received.data, command, sizeof(command) - 1), 0);
	server_say("+one\r\n");
	wait_answers(2);
	cr_assert_str_eq(answers[0].text, "one");

	ct_redis_send(redis, command, sizeof(command) - 1, on_answer, &lost);
	server_hang_up();
	wait_answers(3);
	cr_assert_eq(answers[8].times, 1);
	cr_assert_eq(answers[8].type, 0);
	cr_assert_eq(ct_redis_pending(redis), 0);
	ct_redis_deinit(&redis);
}

Test(redis, command_larger_than_the_socket_buffer_arrives_whole)
{
	size_t		 length = 8 * 1024 * 1024, head;
	char		*command = malloc(length + 64);
	struct ct_redis	*redis;
	unsigned	 number = 0;

	server_start("");
	ct_buf_init(&received, 2 * length);
	head = (size_t)snprintf(command, 64, "*1\r\n$%zu\r\n", length);
	memset(command + head, 'x', length);
	memcpy(command + head + length, "\r\n", 2);
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	ct_buf_init(&received, 2 * length);
	setenv("REDIS_TIMEOUT_MS", "60000", 1);
	ct_redis_configure();
	ct_redis_send(redis, command, head + length + 2, on_answer, &number);
	cr_assert(loop_poll_until(received_all, (size_t[]){ head + length + 2 }, 20000));
	server_say("+OK\r\n");
	wait_answers(1);
	cr_assert_str_eq(answers[0].text, "OK");
	ct_redis_deinit(&redis);
	free(command);
}

Test(redis, commands_of_on_connect_are_sent_before_others)
{
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(first_command, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	call(redis, 0, "SECOND", NULL);
	cr_assert(loop_poll_until(received_has, (char[]){ "SECOND" }, 2000));
	cr_assert_lt(strstr(received.data, "FIRST"), strstr(received.data, "SECOND"));
	ct_redis_deinit(&redis);
	cr_assert_eq(answers[0].times, 1, "closing answers the command in flight");
	cr_assert_eq(answers[31].times, 1);
}

Test(redis, loading_server_counts_as_not_connected)
{
	struct ct_redis	*redis;

	server_start("");
	greets = false;
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(received_has, (char[]){ "PING" }, 2000));
	server_say("-LOADING Redis is loading the dataset in memory\r\n");
	loop_poll_for(30);
	cr_assert(!ct_redis_ready(redis));
	ct_buf_deinit(&received);
	greets = true;
	cr_assert(loop_poll_until(is_ready, redis, 2000), "the client connects again");
	cr_assert_eq(accepted, 2);

	call(redis, 0, "GET", "a");
	call(redis, 1, "GET", "b");
	loop_poll_for(20);
	server_say("-LOADING Redis is loading the dataset in memory\r\n");
	wait_answers(2);
	cr_assert_eq(answers[0].type, REDIS_REPLY_ERROR);
	cr_assert_eq(answers[1].type, 0);
	cr_assert(!ct_redis_ready(redis));
	ct_redis_deinit(&redis);
}

Test(redis, readonly_reply_ends_the_connection)
{
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	call(redis, 0, "SET", "a");
	loop_poll_for(20);
	server_say("-READONLY You can't write against a read only replica.\r\n");
	wait_answers(1);
	cr_assert_eq(answers[0].type, REDIS_REPLY_ERROR);
	cr_assert(loop_poll_until(connected_again, NULL, 5000));
	ct_redis_deinit(&redis);
}

Test(redis, command_without_reply_in_time_ends_the_connection_and_all_after_it)
{
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	call(redis, 0, "GET", "a");
	loop_poll_for(80);
	call(redis, 1, "GET", "b");
	loop_poll_for(40);
	cr_assert_eq(answered, 0);
	wait_answers(2);
	cr_assert_eq(answers[0].type, 0);
	cr_assert_eq(answers[1].type, 0);
	cr_assert(!ct_redis_ready(redis));
	cr_assert(loop_poll_until(is_ready, redis, 2000), "reconnected");
	ct_redis_deinit(&redis);
}

Test(redis, lost_connection_is_made_again_and_on_connect_runs_again)
{
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(first_command, NULL);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	call(redis, 0, "GET", "a");
	loop_poll_for(20);
	server_hang_up();
	cr_assert(loop_poll_until(is_not_ready, redis, 2000));
	cr_assert_eq(answers[0].times, 1);
	cr_assert_eq(answers[0].type, 0);
	cr_assert(loop_poll_until(is_ready, redis, 2000));
	cr_assert_eq(accepted, 2);
	ct_redis_deinit(&redis);
	cr_assert_eq(answers[31].times, 2, "on_connect ran for each connection");
}

Test(redis, server_that_only_replies_to_ping_gets_ever_longer_pauses)
{
	struct ct_redis	*redis;

	server_start("");
	read_only = true;
	redis = ct_redis_init(first_command, NULL);
	loop_poll_for(2000);
	cr_assert_gt(accepted, 1);
	cr_assert_lt(accepted, 9, "without longer pauses there would be one connection each 100 ms: %u connections", accepted);
	ct_redis_deinit(&redis);
}

/* A callback that sends another command when it gets NULL, four times in all. */
static struct ct_redis	*again_redis;

static void
call_again(const redisReply *reply, void *arg)
{
	const char	*argv[1] = { "AGAIN" };

	(void)arg;
	answered++;
	if (reply == NULL && answered < 4)
		ct_redis_call(again_redis, 1, argv, NULL, call_again, NULL);
}

Test(redis, commands_sent_from_callbacks_of_a_lost_connection_are_answered)
{
	const char	*argv[1] = { "FIRST" };

	server_start("");
	again_redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(is_ready, again_redis, 2000));
	ct_redis_call(again_redis, 1, argv, NULL, call_again, NULL);
	loop_poll_for(20);
	server_hang_up();
	wait_answers(4);
	cr_assert_eq(ct_redis_pending(again_redis), 0);
	ct_redis_deinit(&again_redis);
}

Test(redis, password_is_sent_before_ping)
{
	struct ct_redis	*redis;
	char		 path[] = "/tmp/redis-password-XXXXXX";
	int		 fd;

	fd = mkstemp(path);
	cr_assert_eq(write(fd, "s3cret word\n", 12), 12);
	close(fd);
	server_start(path);
	unlink(path);

	greets = false;
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(received_has, (char[]){ "PING" }, 2000));
	cr_assert_not_null(strstr(received.data, "AUTH\r\n$11\r\ns3cret word\r\n"));
	cr_assert_lt(strstr(received.data, "AUTH"), strstr(received.data, "PING"));
	server_say("-WRONGPASS invalid username-password pair\r\n");
	loop_poll_for(30);
	cr_assert(!ct_redis_ready(redis));
	ct_redis_deinit(&redis);
}

Test(redis, user_and_password_are_sent_before_ping)
{
	struct ct_redis	*redis;
	char		 path[] = "/tmp/redis-password-XXXXXX";
	int		 fd;

	fd = mkstemp(path);
	cr_assert_eq(write(fd, "s3cret\n", 7), 7);
	close(fd);
	setenv("REDIS_USER", "queue", 1);
	server_start(path);
	unlink(path);

	greets = false;
	redis = ct_redis_init(NULL, NULL);
	cr_assert(loop_poll_until(received_has, (char[]){ "PING" }, 2000));
	cr_assert_not_null(strstr(received.data, "*3\r\n$4\r\nAUTH\r\n$5\r\nqueue\r\n$6\r\ns3cret\r\n"));
	cr_assert_lt(strstr(received.data, "AUTH"), strstr(received.data, "PING"));
	server_say("+OK\r\n+PONG\r\n");
	cr_assert(loop_poll_until(is_ready, redis, 5000));
	cr_assert_neq(ct_redis_state(redis), CT_STORE_UNAUTHORIZED);
	ct_redis_deinit(&redis);
}

/* The first server asks for a password that is not configured. The second gives the user no right to PING. */
Test(redis, refused_greeting_is_unauthorized_until_connected)
{
	static const char *const	words[] = { "-NOAUTH Authentication required.\r\n", "-NOPERM this user has no permissions\r\n" };
	struct ct_redis			*redis;
	size_t				 i;

	server_start("");
	greets = false;
	redis = ct_redis_init(NULL, NULL);
	for (i = 0; i < 2; i++) {
		ct_buf_deinit(&received);
		cr_assert(loop_poll_until(received_has, (char[]){ "PING" }, 5000));
		server_say(words[i]);
		cr_assert(loop_poll_until(is_unauthorized, redis, 5000), "%s", words[i]);
		cr_assert_not(ct_redis_ready(redis));
	}
	ct_buf_deinit(&received);
	cr_assert(loop_poll_until(received_has, (char[]){ "PING" }, 5000));
	server_say("+PONG\r\n");
	cr_assert(loop_poll_until(is_ready, redis, 5000));
	cr_assert_neq(ct_redis_state(redis), CT_STORE_UNAUTHORIZED);
	ct_redis_deinit(&redis);
}

/* The rules that the client asserts. */

Test(redis, command_with_more_arguments_than_allowed_aborts, .signal = SIGABRT)
{
	static const char	*argv[CT_REDIS_ARGS_MAX + 1];
	struct ct_redis		*redis;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	ct_redis_call(redis, CT_REDIS_ARGS_MAX + 1, argv, NULL, on_answer, &numbers[0]);
}

static void
close_client(const redisReply *reply, void *arg)
{
	struct ct_redis	*redis = arg;

	(void)reply;
	ct_redis_deinit(&redis);
}

Test(redis, close_from_a_callback_aborts, .signal = SIGABRT)
{
	const char	*argv[1] = { "GET" };
	struct ct_redis	*redis;

	server_start("");
	redis = ct_redis_init(NULL, NULL);
	ct_redis_call(redis, 1, argv, NULL, close_client, redis);
	loop_poll_turn(0);
}
