/*
 * The users of Redis (deploy/redis/users). Each service can do its work, and a stolen password allows no more than that.
 * The other tests call the functions with the same rights.
 */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY(name)	"q:{01935b7a-2e40-7c11-9a02-030405060708}:" name

/* The text of the last error; "" if the command was done. */
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
	queue_setup();
	clock_real();
	settings.max_active = 1;
	settings.max_waiting = 100;
}

TestSuite(users, .init = users_setup, .fini = queue_teardown, .timeout = 300);

Test(users, client_without_password_can_do_nothing)
{
	static const char *const	commands[] = {
		"PING", "TIME", "INFO", "GET x", "SET x 1", "ACL WHOAMI", "HELLO 3", "FUNCTION LIST", "FLUSHALL", "SHUTDOWN NOSAVE",
		"CONFIG GET *", "CLIENT LIST", ("ZADD " KEY("active") " 1 x"), "FCALL queue3_tick 0", "EVAL return 0", "MULTI",
		"SUBSCRIBE x", "MONITOR", "SYNC", "RESET",
	};
	redisContext			*nobody = store_connect(NULL);
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

Test(users, services_have_the_rights_for_their_work)
{
	static const char *const	relays[] = { "queue", "reservation", "payment", "point" };
	struct place			first = enter(1), second = enter(2), third;
	redisContext			*events = store_connect("events"), *relay;

	cr_assert_eq(tick().admitted, 1);
	check_state(status(1, first), "ACTIVE");
	(void)control_set("somebody", "max_active", "2");
	cr_assert_str_eq(error_of(redisCommand(store, "SADD queues x")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "SRANDMEMBER queues 10")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "SREM queues x")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "ZRANK " KEY("waiting") " x")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "ZMSCORE " KEY("waiting") " x")), "");
	/* Further commands that the functions of the previous release (queue2_...) need. */
	cr_assert_str_eq(error_of(redisCommand(store, "RPUSH " KEY("changes") " 1 2")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "LTRIM " KEY("changes") " -1 -1")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "EXPIRE " KEY("changes") " 3600")), "");
	cr_assert_str_eq(error_of(redisCommand(store, "LLEN " KEY("changes"))), "");
	cr_assert_str_eq(error_of(redisCommand(store, "LRANGE " KEY("changes") " 0 -1")), "");

	cr_assert_eq(check(1, first), CT_QUEUE_ACTIVE);
	cr_assert_eq(check(2, second), CT_QUEUE_WAITING);
	cr_assert_eq(note_use(1, first), CT_QUEUE_USED);
	cr_assert_eq(check(1, first), CT_QUEUE_USED);
	for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
		relay = store_connect(relays[i]);
		/* In a cluster. This server is in none, and says so to a user who may ask. */
		cr_assert_str_eq(error_of(redisCommand(relay, "ROLE")), "");
		cr_assert_str_eq(error_of(redisCommand(relay, "CLUSTER SLOTS")), "ERR This instance has cluster support disabled");
		cr_assert_str_eq(error_of(redisCommand(relay, "ASKING")), "ERR This instance has cluster support disabled");
		cr_assert_str_eq(error_of(redisCommand(relay, "EVAL %s 1 events", "redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1) "
		    "redis.call('TIME') redis.call('XADD', KEYS[1], '*', 'id', 1) redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', 10)")), "");
		redisFree(relay);
	}

	cr_assert_str_eq(error_of(redisCommand(events, "XGROUP CREATE events g 0 MKSTREAM")), "");
	cr_assert_str_eq(error_of(redisCommand(events, "XREADGROUP GROUP g 1 COUNT 10 STREAMS events >")), "");
	cr_assert_str_eq(error_of(redisCommand(events, "XACK events g 1-1")), "");
	cr_assert_str_eq(error_of(redisCommand(events, "XINFO GROUPS events")), "");
	cr_assert_str_eq(error_of(redisCommand(events, "XGROUP SETID events g 0")), "");

	check_state(status(1, first), "USED");
	cr_assert(leave(2, second));
	third = enter(3);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(3, third), "ACTIVE");
	cr_assert_eq(control_get().used, 1);
	redisFree(events);
}

/* A digest of all data in Redis. */
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

/* Every command is refused, and the data does not change. */
static void
all_refused(redisContext *user, const char *const *commands, size_t count)
{
	char		*before = digest();
	const char	*error;

	for (size_t i = 0; i < count; i++) {
		error = error_of(redisCommand(user, commands[i]));
		cr_assert(is_refused(error), "%s: '%s'", commands[i], error);
		cr_assert_str_eq(digest(), before, "%s", commands[i]);
	}
}

#define ALL_REFUSED(user, commands)	all_refused(user, commands, sizeof(commands) / sizeof((commands)[0]))

/* The commands that only an operator may call. */
static const char *const	for_operators[] = {
	"FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "KEYS *", "SCAN 0", "SET x 1", "GET x", "CONFIG GET *", "CONFIG SET dir /tmp",
	"ACL SETUSER queue allkeys", "ACL LIST", "ACL LOAD", "FUNCTION FLUSH", "FUNCTION DELETE queue3", "FUNCTION RESTORE x",
	"SCRIPT FLUSH", "DEBUG DIGEST", "MONITOR", "CLIENT LIST", "CLIENT KILL TYPE normal", "SHUTDOWN NOSAVE", "SAVE", "BGREWRITEAOF",
	"REPLICAOF 127.0.0.1 1", "PSYNC ? -1", "SYNC", "MODULE LIST", "PUBLISH x y", "SUBSCRIBE x", "PSUBSCRIBE *", "MIGRATE h 1 k 0 1",
	"SLOWLOG GET", "LATENCY RESET", "RESTORE x 0 y",
};

/* The functions that could admit a user or change the settings, called with the reservation service's password. */
static void
call_every_function(int user, struct place place)
{
	static const char *const	others[] = { "queue3_begin", "queue3_leave", "queue3_control_set" };
	struct ct_queue_command		command;
	char				*before = digest();
	const char			*error;
	redisReply			*reply;

	for (int i = 0; i < 6; i++) {
		settings.max_active = settings.admit = 100000;
		if (i == 0) {
			command_tick(&command);
		} else if (i == 1) {
			command_enter(&command, 77);
		} else if (i == 2) {
			/* With a token of another generation, status would put the place back. */
			place.generation = 1;
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
		append_command(reservation, &command);
		cr_assert_eq(redisGetReply(reservation, (void **)&reply), REDIS_OK);
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
	ALL_REFUSED(reservation, commands);
	ALL_REFUSED(reservation, for_operators);
	call_every_function(2, second);
	cr_assert(is_refused(error_of(redisCommand(reservation, "FUNCTION LOAD REPLACE %s", "#!lua name=queue3\n"))));

	check_state(status(2, second), "WAITING");
	cr_assert_eq(tick().admitted, 0);
}

/* A check of a place that is not in the store reads further keys. */
Test(users, reservation_can_check_a_place_of_a_lost_store)
{
	struct place	first = enter(1);

	cr_assert_eq(tick().admitted, 1);
	cr_assert_str_eq(error_of(redisCommand(operator, "FLUSHALL")), "");
	cr_assert_eq(check(1, first), CT_QUEUE_WAITING);
	(void)enter(2);
	cr_assert_eq(check(1, first), CT_QUEUE_WAITING);
	cr_assert_eq(note_use(1, first), CT_QUEUE_USED);
	cr_assert_eq(check(1, first), CT_QUEUE_USED);
}

/* Only the queue service has the rights to remove a used place. */
Test(users, noted_use_stays_noted_until_the_queue_service_calls)
{
	struct place	first = enter(1), second = enter(2);

	cr_assert_eq(tick().admitted, 1);
	cr_assert_eq(note_use(1, first), CT_QUEUE_USED);
	call_every_function(2, second);
	cr_assert_eq(tick().admitted, 1);
	check_state(status(2, second), "ACTIVE");
}

Test(users, queue_password_reaches_queues_and_the_stream_only)
{
	static const char *const	commands[] = {
		"DEL events", "XRANGE events - +", "XDEL events 1-1", "XADD other * id 1", "SADD others x", "HSET other a b",
		"COPY " KEY("state") " other", "RENAME " KEY("state") " other", "MULTI", "RPUSH " KEY("others") " x",
		"LPOP " KEY("changes"),
	};

	(void)enter(1);
	ALL_REFUSED(store, commands);
	ALL_REFUSED(store, for_operators);
}

Test(users, payment_and_point_passwords_reach_the_stream_only)
{
	static const char *const	names[] = { "payment", "point" };
	static const char *const	commands[] = {
		"DEL events", "XRANGE events - +", "XDEL events 1-1", "XGROUP CREATE events g 0", "XADD other * id 1", "FCALL queue3_tick 0",
		"FCALL_RO queue3_check 0", "ZADD " KEY("waiting") " 1 x", "ZRANGE " KEY("waiting") " 0 -1", "HGETALL " KEY("state"),
		"SADD queues x", "EVAL return(redis.call('ZADD',KEYS[1],1,'x')) 1 " KEY("active"), "EVAL redis.call('SET','events','x') 1 events",
		"EVAL redis.call('ZADD','" KEY("active") "',1,'x') 0", "MULTI", "FUNCTION LIST",
	};
	redisContext			*user;

	(void)enter(1);
	for (size_t i = 0; i < 2; i++) {
		user = store_connect(names[i]);
		ALL_REFUSED(user, commands);
		ALL_REFUSED(user, for_operators);
		redisFree(user);
	}
}

Test(users, events_password_can_read_events_and_change_none)
{
	static const char *const	commands[] = {
		"XADD events * id 1", "XTRIM events MAXLEN 0", "XDEL events 1-1", "DEL events", "EXPIRE events 1", "XSETID events 0-0",
		("ZRANGE " KEY("waiting") " 0 -1"), ("HGETALL " KEY("state")), "FCALL queue3_tick 0", "EVAL return(1) 0", "FUNCTION LOAD x",
		"RENAME events other", "COPY events other", "SREM queues x", ("XREAD STREAMS " KEY("state") " 0"), "MULTI",
	};
	redisContext			*events = store_connect("events");

	(void)enter(1);
	cr_assert_str_eq(error_of(redisCommand(operator, "XADD events 1-1 id 1")), "");
	ALL_REFUSED(events, commands);
	ALL_REFUSED(events, for_operators);
	redisFree(events);
}

/* From here on Redis writes all commands into its append-only file. */
static void
append_only_begin(void)
{
	redisReply	*reply;
	bool		 is_ready = false;

	cr_assert_str_eq(error_of(redisCommand(operator, "CONFIG SET appendonly yes")), "");
	for (int i = 0; i < 1000 && !is_ready; i++) {
		reply = redisCommand(operator, "INFO persistence");
		is_ready = strstr(reply->str, "aof_rewrite_in_progress:0") != NULL &&
		    strstr(reply->str, "aof_rewrite_scheduled:0") != NULL;
		freeReplyObject(reply);
		usleep(10000);
	}
	cr_assert(is_ready);
}

/* When Redis 7.0 loads the file, it checks transactions against the rights of the user `default`, which is disabled. */
Test(users, append_only_file_is_loaded_in_full)
{
	char	*before;

	append_only_begin();
	(void)enter(1);
	(void)enter(2);
	cr_assert_eq(tick().admitted, 1);
	before = digest();
	cr_assert_str_eq(error_of(redisCommand(operator, "DEBUG LOADAOF")), "");
	cr_assert_str_eq(digest(), before);
	cr_assert_str_eq(error_of(redisCommand(operator, "CONFIG SET appendonly no")), "");
}
