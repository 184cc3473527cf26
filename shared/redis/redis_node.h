/* The client of one node of a Redis Cluster: a struct ct_redis that redis_cluster.c uses while the node is a master. */
#ifndef CT_REDIS_NODE_H
#define CT_REDIS_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/resolve.h"
#include "redis/redis.h"

struct redis_address {
	char	text[CT_ADDRESS_TEXT];	/* numeric */
	int	port;
};

/* Each connection asks for the slots, also that of a replica, and then for the node's role. */
struct redis_node_hooks {
	/* The answer of CLUSTER SLOTS. Returns false if it names no master. The hook may stop using the node. */
	bool	(*slots)(struct ct_redis *node, const redisReply *reply, void *arg);
	/* The node is a master and takes commands from now on. */
	void	(*connected)(struct ct_redis *node, void *arg);
};

/* A node that is not used yet. ct_redis_deinit frees it. */
struct ct_redis	*redis_node_init(const struct redis_address *at, const struct redis_node_hooks *hooks, void *arg);

/* Connects, now and after each loss; or ends the connection, which answers its calls with NULL. */
void		 redis_node_use(struct ct_redis *node, bool used);

/* Returns true if the node is not used and nothing of it is under way, so that it may be moved to another address. */
bool		 redis_node_is_free(const struct ct_redis *node);
void		 redis_node_move(struct ct_redis *node, const struct redis_address *at);

const struct redis_address	*redis_node_address(const struct ct_redis *node);

/* REDIS_TIMEOUT_MS */
uint64_t	 redis_timeout_ms(void);

#endif
