/*
 * The functions on a Redis Cluster of three masters, which tests/redis/run has started. Calls begin at any node and
 * follow MOVED to the one that has the schedule.
 */
#include "queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES		3
#define SCHEDULES	12
#define USERS		25

static redisContext	*nodes[NODES];

static redisContext *
node_at(int port)
{
	for (int i = 0; i < NODES; i++) {
		if (nodes[i]->tcp.port == port)
			return (nodes[i]);
	}
	cr_assert_fail("no node at port %d", port);
	return (NULL);
}

/* The library as production loads it, on every master, without the tests' clock and Redis users. */
static void
cluster_setup(void)
{
	const char	*ports = getenv("CLUSTER_PORTS");
	char		*library, *at;
	redisReply	*reply;

	cr_assert_not_null(ports, "CLUSTER_PORTS: tests/redis/run sets it");
	queue_setup();
	queue_teardown();
	library = library_text();
	at = strdup(ports);
	for (int i = 0; i < NODES; i++) {
		nodes[i] = redisConnect("127.0.0.1", (int)strtol(at, &at, 10));
		cr_assert(nodes[i] != NULL && nodes[i]->err == 0);
		freeReplyObject(redisCommand(nodes[i], "FLUSHALL"));
		reply = redisCommand(nodes[i], "FUNCTION LOAD REPLACE %s", library);
		cr_assert(reply != NULL && reply->type != REDIS_REPLY_ERROR, "%s", reply ? reply->str : "no answer");
		freeReplyObject(reply);
	}
	free(library);
	store = reservation = nodes[0];
	store_moved = node_at;
}

static void
cluster_teardown(void)
{
	for (int i = 0; i < NODES; i++)
		redisFree(nodes[i]);
}

TestSuite(cluster, .init = cluster_setup, .fini = cluster_teardown);

static void
choose(int number)
{
	schedule.bytes[15] = (uint8_t)(number * 37);
	/* The next call begins at a node that may not have the schedule. */
	store = reservation = nodes[rand() % NODES];
}

Test(cluster, keys_of_a_schedule_have_one_slot)
{
	for (int number = 0; number < 100; number++) {
		struct ct_queue_command	command;
		redisReader		*reader = redisReaderCreate();
		redisReply		*sent;
		const char		*text;
		size_t			 length;
		int64_t			 slot = -1;

		choose(number);
		ct_queue_command_init(&command, "queue3_tick", &schedule);
		text = ct_queue_command_end(&command, &length);
		cr_assert_eq(redisReaderFeed(reader, text, length), REDIS_OK);
		cr_assert_eq(redisReaderGetReply(reader, (void **)&sent), REDIS_OK);
		for (int key = 0; key < CT_QUEUE_KEYS; key++) {
			const char	*name = sent->element[3 + key]->str;
			redisReply	*reply = redisCommand(store, "CLUSTER KEYSLOT %s", name);

			cr_assert_eq(reply->type, REDIS_REPLY_INTEGER);
			cr_assert(slot == -1 || reply->integer == slot, "%s", name);
			slot = reply->integer;
			freeReplyObject(reply);
		}
		freeReplyObject(sent);
		redisReaderFree(reader);
	}
}

Test(cluster, order_is_kept_on_every_node, .timeout = 300)
{
	static struct place	place[SCHEDULES][USERS];
	int			schedules_of[NODES] = { 0 };

	settings.admit = 200;
	settings.max_active = 3;
	/* The users enter all schedules in turn. */
	for (int user = 0; user < USERS; user++) {
		for (int number = 0; number < SCHEDULES; number++) {
			choose(number);
			place[number][user] = enter(user);
			check_state(place[number][user], "WAITING");
			cr_assert_eq(place[number][user].position, user + 1);
			if (user > 0)
				cr_assert_gt(place[number][user].seq, place[number][user - 1].seq);
			for (int i = 0; user == 0 && i < NODES; i++)
				schedules_of[i] += store == nodes[i];
		}
	}
	for (int i = 0; i < NODES; i++)
		cr_assert_gt(schedules_of[i], 0, "node %d has no schedule", i);

	for (int number = 0; number < SCHEDULES; number++) {
		for (int front = 0; front < USERS; front++) {
			/* The clock is real, so tick until the next user is admitted. */
			do {
				choose(number);
				cr_assert_leq(tick().active, 3);
			} while (check(front, place[number][front]) != CT_QUEUE_ACTIVE);
			if (front + 3 < USERS) {
				choose(number);
				cr_assert_eq(check(front + 3, place[number][front + 3]), CT_QUEUE_WAITING);
			}
			choose(number);
			cr_assert_eq(note_use(front, place[number][front]), CT_QUEUE_USED);
			check_state(status(front, place[number][front]), "USED");
		}
	}
}
