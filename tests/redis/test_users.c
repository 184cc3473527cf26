/*
 * Redis' users (deploy/redis/users), on a server that has them: each service can do its work, and with its password a
 * thief can do no more than the service. The other tests here run without users.
 */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

static redisContext	*operator;

static redisContext *
connect_as(const char *user)
{
	const char	*port = getenv("USERS_PORT");
	redisContext	*context;
	redisReply	*reply;

	cr_assert_not_null(port, "USERS_PORT: tests/redis/run sets it");
	context = redisConnect("127.0.0.1", atoi(port));
	cr_assert(context != NULL && context->err == 0);
	if (user != NULL) {
		/* As tests/redis/run writes them. */
		reply = redisCommand(context, "AUTH %s password-of-%s", user, user);
		cr_assert_eq(reply->type, REDIS_REPLY_STATUS, "%s", reply->str);
		freeReplyObject(reply);
	}
	return (context);
}

/* The last error's text, or "" where the command was done. */
static const char *
error_of(redisReply *reply)
{
	static char	text[512];

	cr_assert_not_null(reply, "Redis does not answer");
	snprintf(text, sizeof(text), "%s", reply->type == REDIS_REPLY_ERROR ? reply->str : "");
	freeReplyObject(reply);
	return (text);
}

static bool
is_refused(const char *error)
{
	return (strncmp(error, "NOPERM", 6) == 0 || strstr(error, "The user executing the script can't") != NULL);
}

static void
users_setup(void)
{
	char	*library = library_text();

	settings = (struct settings){ .patience = 10 * MINUTE, .settle = 25 * SECOND, .tick = 100 * MS, .max_active = 1,
	    .admit = 100, .max_waiting = 100, .ttl = 120 };
	memory = (struct memory){ .epoch = 0 };
	operator = connect_as("operator");
	cr_assert_str_eq(error_of(redisCommand(operator, "FLUSHALL")), "");
	cr_assert_str_eq(error_of(redisCommand(operator, "FUNCTION FLUSH")), "");
	store = connect_as("queue");
	cr_assert_str_eq(error_of(redisCommand(store, "FUNCTION LOAD REPLACE %s", library)), "");
	free(library);
}

static void
users_teardown(void)
{
	redisFree(store);
	redisFree(operator);
}

TestSuite(users, .init = users_setup, .fini = users_teardown, .timeout = 60);

/* Sends what follows as this user. */
static void
become(const char *user)
{
	redisFree(store);
	store = connect_as(user);
}

Test(users, client_without_password_can_do_nothing)
{
	static const char *const	commands[] = {
		"PING", "TIME", "INFO", "GET x", "SET x 1", "ACL WHOAMI", "HELLO 3", "FUNCTION LIST", "FLUSHALL", "SHUTDOWN NOSAVE",
		"CONFIG GET *", "CLIENT LIST", ("ZADD " KEY("active") " 1 x"), "FCALL queue2_tick 0", "EVAL return 0", "MULTI",
		"SUBSCRIBE x", "MONITOR", "SYNC", "RESET",
	};
	redisContext			*nobody = connect_as(NULL);
	const char			*error;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		error = error_of(redisCommand(nobody, commands[i]));
		cr_assert(strncmp(error, "NOAUTH", 6) == 0 || strcmp(commands[i], "RESET") == 0, "%s: '%s'", commands[i], error);
	}
	cr_assert_eq(strncmp(error_of(redisCommand(nobody, "AUTH default x")), "WRONGPASS", 9), 0);
	cr_assert_eq(strncmp(error_of(redisCommand(nobody, "AUTH default %s", "")), "WRONGPASS", 9), 0);
	cr_assert_eq(strncmp(error_of(redisCommand(nobody, "AUTH %s", "")), "WRONGPASS", 9), 0);
	cr_assert_eq(strncmp(error_of(redisCommand(nobody, "AUTH operator password-of-queue")), "WRONGPASS", 9), 0);
	cr_assert_eq(strncmp(error_of(redisCommand(nobody, "PING")), "NOAUTH", 6), 0);
	redisFree(nobody);
}

Test(users, services_can_do_their_work)
{
	struct place	first = enter(1), second = enter(2), third;

	cr_assert_eq(tick().admitted, 1);
	check_state(status(1, first), "ACTIVE");
	(void)control_set("somebody", "max_active", "2");
	cr_assert_str_eq(error_of(redisCommand(store, "SADD queues x")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "SRANDMEMBER queues 10")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "ZRANK " KEY("waiting") " x")), "");

	become("reservation");
	cr_assert_eq(check(1, first), CT_QUEUE_ACTIVE);
	cr_assert_eq(check(2, second), CT_QUEUE_WAITING);
	cr_assert_eq(note_use(1, first), CT_QUEUE_USED);
	cr_assert_eq(check(1, first), CT_QUEUE_USED);
	cr_assert_str_eq(error_of(redisCommand(store, "EVAL %s 1 events", "redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) "
	    "redis.call('TIME') redis.call('XADD', KEYS[1], '*', 'id', 1) redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', 10)")), "");

	become("events");
	cr_assert_str_eq(error_of(redisCommand(store, "XGROUP CREATE events g 0 MKSTREAM")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "XREADGROUP GROUP g 1 COUNT 10 STREAMS events >")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "XACK events g 1-1")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "XINFO GROUPS events")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "XGROUP SETID events g 0")), "");

	become("queue");
	check_state(status(1, first), "USED");
	cr_assert(leave(2, second));
	third = enter(3);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(3, third), "ACTIVE");
	cr_assert_eq(control_get().used, 1);
}

/* The digest of all data of the server. */
static char *
digest(void)
{
	redisReply	*reply = redisCommand(operator, "DEBUG DIGEST");
	char		*text;

	cr_assert_eq(reply->type, REDIS_REPLY_STATUS, "%s", reply->str);
	text = strdup(reply->str);
	freeReplyObject(reply);
	return (text);
}

/* Each command is refused, and the data stay the same. */
static void
all_refused(const char *const *commands, size_t count)
{
	char		*before = digest();
	const char	*error;

	for (size_t i = 0; i < count; i++) {
		error = error_of(redisCommand(store, commands[i]));
		cr_assert(is_refused(error), "%s: '%s'", commands[i], error);
		cr_assert_str_eq(digest(), before, "%s", commands[i]);
	}
}

#define ALL_REFUSED(commands)	all_refused(commands, sizeof(commands) / sizeof((commands)[0]))

/* The commands that only an operator may call. */
static const char *const	for_operators[] = {
	"FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "KEYS *", "SCAN 0", "SET x 1", "GET x", "CONFIG GET *", "CONFIG SET dir /tmp",
	"ACL SETUSER queue allkeys", "ACL LIST", "ACL LOAD", "FUNCTION FLUSH", "FUNCTION DELETE queue2", "FUNCTION RESTORE x",
	"SCRIPT FLUSH", "DEBUG DIGEST", "MONITOR", "CLIENT LIST", "CLIENT KILL TYPE normal", "SHUTDOWN NOSAVE", "SAVE", "BGREWRITEAOF",
	"REPLICAOF 127.0.0.1 1", "PSYNC ? -1", "SYNC", "MODULE LIST", "PUBLISH x y", "SUBSCRIBE x", "PSUBSCRIBE *", "MIGRATE h 1 k 0 1",
	"SLOWLOG GET", "LATENCY RESET", "RESTORE x 0 y",
};

/* The functions that make a user ACTIVE or change the rules. */
static void
call_every_function(int user, struct place place)
{
	static const char *const	others[] = { "queue2_begin", "queue2_leave", "queue2_control_set" };
	struct ct_queue_command		command;
	char				*before = digest();
	const char			*text, *error;
	size_t				 length;

	for (int i = 0; i < 6; i++) {
		settings.max_active = settings.admit = 100000;
		if (i == 0) {
			command_tick(&command);
		} else if (i == 1) {
			command_enter(&command, 77);
		} else if (i == 2) {
			/* By another store's token it would be put back into the line. */
			place.epoch = 1;
			command_status_begin(&command, 0, true, false);
			command_status_place(&command, user, place);
		} else {
			ct_queue_command_init(&command, others[i - 3], &schedule);
			for (int k = 0; k < 7; k++)
				ct_queue_command_number(&command, 100000);
			ct_queue_command_text(&command, "thief");
			ct_queue_command_text(&command, "max_active");
			ct_queue_command_text(&command, "100000");
		}
		text = ct_queue_command_end(&command, &length);
		cr_assert_eq(redisAppendFormattedCommand(store, text, length), REDIS_OK);
		redisReply	*reply;
		cr_assert_eq(redisGetReply(store, (void **)&reply), REDIS_OK);
		error = error_of(reply);
		cr_assert(i == 2 || i == 3 || i == 4 || is_refused(error), "function %d: '%s'", i, error);
		cr_assert_str_eq(digest(), before, "function %d", i);
	}
	settings.max_active = 1;
}

Test(users, reservation_password_admits_nobody)
{
	static const char *const	commands[] = {
		"ZADD " KEY("active") " 9999999999999999 x", "ZADD " KEY("waiting") " 1 x", "ZADD " KEY("heard") " 1 x",
		"HSET " KEY("places") " x 1", "HSET " KEY("state") " max_active 100000", "HINCRBY " KEY("state") " max_active 100000",
		"HSET " KEY("state") " mode OPEN", "ZREM " KEY("waiting") " x", "ZPOPMIN " KEY("waiting"), "DEL " KEY("waiting"),
		"DEL " KEY("used"), "ZREM " KEY("used") " x", "RENAME " KEY("waiting") " " KEY("active"),
		"COPY " KEY("waiting") " " KEY("active") " REPLACE", "ZUNIONSTORE " KEY("active") " 1 " KEY("waiting"),
		"ZRANGESTORE " KEY("active") " " KEY("waiting") " 0 -1", "SORT " KEY("waiting") " STORE " KEY("active"),
		"ZRANGE " KEY("waiting") " 0 -1", "EXPIRE " KEY("waiting") " 1", "EXPIRE " KEY("active") " 1", "DUMP " KEY("active"),
		"SADD queues x", "XADD " KEY("used") " * a b", "FUNCTION LIST", "MULTI", "XGROUP CREATE events g 0", "XDEL events 1-1", "DEL events",
		"EVAL redis.call('ZADD','" KEY("active") "',1,'x') 0", "EVAL return(redis.call('ZADD',KEYS[1],1,'x')) 1 " KEY("active"),
		"EVAL redis.call('SET','events','x') 1 events", "SCRIPT LOAD x", "EVALSHA x 0", "OBJECT ENCODING " KEY("active"),
	};
	struct place			first = enter(1), second = enter(2);

	cr_assert_eq(tick().admitted, 1);
	check_state(status(1, first), "ACTIVE");
	become("reservation");
	ALL_REFUSED(commands);
	ALL_REFUSED(for_operators);
	call_every_function(2, second);
	cr_assert(is_refused(error_of(redisCommand(store, "FUNCTION LOAD REPLACE %s", "#!lua name=queue2\n"))));

	become("queue");
	check_state(status(2, second), "WAITING");
	cr_assert_eq(tick().admitted, 0);
}

/* Only the queue service's user has the rights to settle a pending use. */
Test(users, use_that_is_noted_stays_noted_until_the_queue_service_calls)
{
	struct place	first = enter(1), second = enter(2);

	cr_assert_eq(tick().admitted, 1);
	become("reservation");
	cr_assert_eq(note_use(1, first), CT_QUEUE_USED);
	call_every_function(2, second);
	become("queue");
	cr_assert_eq(tick().admitted, 1);
	check_state(status(2, second), "ACTIVE");
}

Test(users, queue_password_reaches_queues_only)
{
	static const char *const	commands[] = {
		"XADD events * id 1", "DEL events", "XRANGE events - +", "SADD others x", "HSET other a b", "EVAL return(1) 0",
		"COPY " KEY("state") " other", "RENAME " KEY("state") " other", "MULTI",
	};

	(void)enter(1);
	ALL_REFUSED(commands);
	ALL_REFUSED(for_operators);
}

Test(users, reader_of_events_changes_none)
{
	static const char *const	commands[] = {
		"XADD events * id 1", "XTRIM events MAXLEN 0", "XDEL events 1-1", "DEL events", "EXPIRE events 1", "XSETID events 0-0",
		("ZRANGE " KEY("waiting") " 0 -1"), ("HGETALL " KEY("state")), "FCALL queue2_tick 0", "EVAL return(1) 0", "FUNCTION LOAD x",
		"RENAME events other", "COPY events other", "SREM queues x", ("XREAD STREAMS " KEY("state") " 0"), "MULTI",
	};

	(void)enter(1);
	cr_assert_str_eq(error_of(redisCommand(operator, "XADD events 1-1 id 1")), "");
	become("events");
	ALL_REFUSED(commands);
	ALL_REFUSED(for_operators);
}

/* Redis 7.0 checks transactions in the file against the rights of the user `default`, which is off. */
Test(users, append_only_file_is_loaded_in_full)
{
	char	*before;

	(void)enter(1);
	(void)enter(2);
	cr_assert_eq(tick().admitted, 1);
	before = digest();
	cr_assert_str_eq(error_of(redisCommand(operator, "DEBUG LOADAOF")), "");
	cr_assert_str_eq(digest(), before);
}
