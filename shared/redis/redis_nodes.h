/* The nodes of a Redis Cluster and their slots, for redis_cluster.c. */
#ifndef CT_REDIS_NODES_H
#define CT_REDIS_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "redis/redis_node.h"
#include "redis/redis_slots.h"

#define REDIS_MASTERS_MAX	16
#define REDIS_NODES_MAX		(2 * REDIS_MASTERS_MAX)
#define REDIS_NO_NODE		UINT8_MAX

struct redis_nodes;

struct redis_cluster_node {
	struct ct_redis		*redis;
	struct redis_nodes	*nodes;
	bool			 is_seed;	/* of REDIS_NODES */
	bool			 master;	/* it has slots */
	uint64_t		 asked_ms;	/* when ASK last named it; 0: never */
};

struct redis_nodes {
	struct redis_cluster_node	 at[REDIS_NODES_MAX];
	unsigned			 n;
	uint8_t				 owners[REDIS_SLOTS];	/* indexes of `at`, or REDIS_NO_NODE */
	bool				 covered;	/* each slot has an owner */
	bool				 stale;		/* the slots may have moved */
	bool				 asking;	/* CLUSTER SLOTS is under way */
	bool				 closing;
	uint64_t			 asked_slots_ms;
	unsigned			 asked_node;
	void				(*on_connect)(struct ct_redis *, void *);
	void				*arg;
};

/* Begins to connect to the `n` seeds. on_connect(node, arg) runs for each connection to a master. */
void	 redis_nodes_init(struct redis_nodes *nodes, const struct redis_address *seeds, unsigned n,
	     void (*on_connect)(struct ct_redis *, void *), void *arg);

/* Ends all connections, which answers their calls; from now on each call to a node is refused. */
void	 redis_nodes_close(struct redis_nodes *nodes);
/* Frees the nodes after that. The callbacks of the last calls may still call the first node. */
void	 redis_nodes_deinit(struct redis_nodes *nodes);

/* Call it every 50 ms or so: connects to what is needed now, and asks for the slots if they may have moved. */
void	 redis_nodes_tick(struct redis_nodes *nodes);

/* Returns true if a node takes commands; if each slot's master does. */
bool	 redis_nodes_any_ready(const struct redis_nodes *nodes);
bool	 redis_nodes_whole(const struct redis_nodes *nodes);

/* Returns the node at this address, which may be new, or NULL if there are too many. */
struct redis_cluster_node	*redis_nodes_at(struct redis_nodes *nodes, const struct redis_address *at);

/* MOVED: the node has the slot now. */
void	 redis_nodes_move_slot(struct redis_cluster_node *node, uint16_t slot);

/* ASK: the node may have no slots yet, so that CLUSTER SLOTS does not name it. Connects to it. */
void	 redis_nodes_asked(struct redis_cluster_node *node);

#endif
