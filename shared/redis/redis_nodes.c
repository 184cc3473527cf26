/*
 * The nodes of a Redis Cluster, see redis_nodes.h.
 *
 * The client connects to the nodes that the last answer of CLUSTER SLOTS names as masters; while none of them takes
 * commands, also to those of REDIS_NODES. Every new connection asks for the slots, and the client asks again after MOVED
 * and while a master does not answer, at most every SLOTS_EVERY_MS. A replica and a master that was replaced are not
 * connected, so no command reaches them.
 */
#include "redis/redis_nodes.h"

#include <string.h>

#include "loop/loop.h"

#define SLOTS_EVERY_MS	250
#define ASKED_MS	60000	/* a node without slots that ASK has named stays connected for this time */

bool
redis_nodes_any_ready(const struct redis_nodes *nodes)
{
	for (unsigned i = 0; i < nodes->n; i++) {
		if (ct_redis_ready(nodes->at[i].redis))
			return (true);
	}
	return (false);
}

/* Connects to the nodes that are needed now, and ends the connections to the others. */
static void
nodes_choose(struct redis_nodes *nodes)
{
	bool		ready = redis_nodes_any_ready(nodes);
	uint64_t	now = ct_loop_now_ms();

	for (unsigned i = 0; i < nodes->n && !nodes->closing; i++) {
		struct redis_cluster_node	*node = &nodes->at[i];

		/* A master that was replaced still answers the calls that it has, mostly with MOVED. */
		redis_node_use(node->redis, node->master || (node->is_seed && !ready) || ct_redis_pending(node->redis) > 0 ||
		    (node->asked_ms != 0 && now - node->asked_ms < ASKED_MS));
	}
}

static const struct redis_node_hooks	hooks;

/* Returns a node for another address: a new one, or one that is not needed any more. */
static struct redis_cluster_node *
nodes_new_node(struct redis_nodes *nodes, const struct redis_address *at)
{
	struct redis_cluster_node	*node;

	if (nodes->n < REDIS_NODES_MAX) {
		node = &nodes->at[nodes->n++];
		memset(node, 0, sizeof(*node));
		node->nodes = nodes;
		node->redis = redis_node_init(at, &hooks, nodes);
		return (node);
	}
	for (unsigned i = 0; i < nodes->n; i++) {
		node = &nodes->at[i];
		if (node->is_seed || node->master || !redis_node_is_free(node->redis))
			continue;
		redis_node_move(node->redis, at);
		node->asked_ms = 0;
		return (node);
	}
	return (NULL);
}

struct redis_cluster_node *
redis_nodes_at(struct redis_nodes *nodes, const struct redis_address *at)
{
	for (unsigned i = 0; i < nodes->n; i++) {
		const struct redis_address	*known = redis_node_address(nodes->at[i].redis);

		if (known->port == at->port && strcmp(known->text, at->text) == 0)
			return (&nodes->at[i]);
	}
	return (nodes_new_node(nodes, at));
}

void
redis_nodes_move_slot(struct redis_cluster_node *node, uint16_t slot)
{
	node->master = true;
	node->nodes->owners[slot] = (uint8_t)(node - node->nodes->at);
	node->nodes->stale = true;
	redis_node_use(node->redis, true);
}

void
redis_nodes_asked(struct redis_cluster_node *node)
{
	node->asked_ms = ct_loop_now_ms();
	redis_node_use(node->redis, true);
}

/* --- the slots --- */

/* The answer of CLUSTER SLOTS that is being read. */
struct nodes_reading {
	struct redis_nodes		*nodes;
	const struct redis_address	*asked;
	uint8_t				 owners[REDIS_SLOTS];
	bool				 masters[REDIS_NODES_MAX];
	unsigned			 masters_n;
};

static void
nodes_read_range(const struct redis_slot_range *range, void *arg)
{
	struct nodes_reading		*reading = arg;
	struct redis_address		 at = range->master;
	struct redis_cluster_node	*node;
	ptrdiff_t			 index;

	if (*at.text == '\0')
		memcpy(at.text, reading->asked->text, sizeof(at.text));
	node = redis_nodes_at(reading->nodes, &at);
	if (node == NULL)
		return;
	index = node - reading->nodes->at;
	if (!reading->masters[index]) {
		if (reading->masters_n == REDIS_MASTERS_MAX)
			return;
		reading->masters_n++;
	}
	/* So that the search for a free node does not take it for the next range. */
	node->master = reading->masters[index] = true;
	for (unsigned slot = range->first; slot <= range->last; slot++)
		reading->owners[slot] = (uint8_t)index;
}

/* Takes over the answer of CLUSTER SLOTS. Returns false if it names no master. */
static bool
nodes_take_slots(struct redis_nodes *nodes, const struct redis_address *asked, const redisReply *reply)
{
	static struct nodes_reading	reading;

	memset(&reading, 0, sizeof(reading));
	memset(reading.owners, REDIS_NO_NODE, sizeof(reading.owners));
	reading.nodes = nodes;
	reading.asked = asked;
	if (!redis_slots_each(reply, nodes_read_range, &reading) || reading.masters_n == 0)
		return (false);
	memcpy(nodes->owners, reading.owners, sizeof(nodes->owners));
	for (unsigned i = 0; i < nodes->n; i++)
		nodes->at[i].master = reading.masters[i];
	nodes->covered = memchr(nodes->owners, REDIS_NO_NODE, sizeof(nodes->owners)) == NULL;
	nodes->stale = false;
	nodes_choose(nodes);
	return (true);
}

/* A new connection has asked. */
static bool
nodes_greeted(struct ct_redis *redis, const redisReply *reply, void *arg)
{
	struct redis_nodes		*nodes = arg;
	const struct redis_address	 at = *redis_node_address(redis);

	return (nodes_take_slots(nodes, &at, reply));
}

static void
nodes_connected(struct ct_redis *redis, void *arg)
{
	struct redis_nodes	*nodes = arg;

	if (nodes->on_connect != NULL)
		nodes->on_connect(redis, nodes->arg);
}

static const struct redis_node_hooks	hooks = { .slots = nodes_greeted, .connected = nodes_connected };

static void
nodes_heard_slots(const redisReply *reply, void *arg)
{
	struct redis_cluster_node	*node = arg;

	node->nodes->asking = false;
	if (reply == NULL || !nodes_take_slots(node->nodes, redis_node_address(node->redis), reply))
		node->nodes->stale = true;
}

/* Asks the next node that is connected. */
static void
nodes_ask_slots(struct redis_nodes *nodes)
{
	uint64_t	now = ct_loop_now_ms();

	if (!nodes->stale || nodes->asking || now - nodes->asked_slots_ms < SLOTS_EVERY_MS)
		return;
	for (unsigned i = 0; i < nodes->n; i++) {
		struct redis_cluster_node	*node = &nodes->at[++nodes->asked_node % nodes->n];

		if (!ct_redis_ready(node->redis))
			continue;
		nodes->asking = true;
		nodes->asked_slots_ms = now;
		ct_redis_call(node->redis, 2, (const char *const[]){ "CLUSTER", "SLOTS" }, NULL, nodes_heard_slots, node);
		return;
	}
}


/* --- all together --- */

void
redis_nodes_init(struct redis_nodes *nodes, const struct redis_address *seeds, unsigned n,
    void (*on_connect)(struct ct_redis *, void *), void *arg)
{
	memset(nodes, 0, sizeof(*nodes));
	memset(nodes->owners, REDIS_NO_NODE, sizeof(nodes->owners));
	nodes->on_connect = on_connect;
	nodes->arg = arg;
	for (unsigned i = 0; i < n; i++)
		redis_nodes_at(nodes, &seeds[i])->is_seed = true;
	nodes_choose(nodes);
}

void
redis_nodes_close(struct redis_nodes *nodes)
{
	nodes->closing = true;
	for (unsigned i = 0; i < nodes->n; i++)
		redis_node_use(nodes->at[i].redis, false);
}

void
redis_nodes_deinit(struct redis_nodes *nodes)
{
	for (unsigned i = nodes->n; i > 0; i--)
		ct_redis_deinit(&nodes->at[i - 1].redis);
	nodes->n = 0;
}

void
redis_nodes_tick(struct redis_nodes *nodes)
{
	if (!redis_nodes_whole(nodes))
		nodes->stale = true;
	nodes_choose(nodes);
	nodes_ask_slots(nodes);
}

bool
redis_nodes_whole(const struct redis_nodes *nodes)
{
	for (unsigned i = 0; i < nodes->n; i++) {
		if (nodes->at[i].master && !ct_redis_ready(nodes->at[i].redis))
			return (false);
	}
	return (nodes->covered);
}
