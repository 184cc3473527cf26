/*
 * Redis as the services use it: one server (REDIS_HOST, REDIS_PORT), or a Redis Cluster (REDIS_NODES).
 *
 * With one server, each call goes straight to its client (redis.h). In a cluster, the client keeps one connection to each
 * master, sends a command to the master of its key's slot, and follows the cluster's redirections. A worker has one.
 *
 * What an answer means is the same for both:
 *   an answer          the command was executed
 *   an error           it was refused. After MOVED, ASK and TRYAGAIN the client repeats it for at most REDIS_TIMEOUT_MS;
 *                      then the callback gets the last of these errors.
 *   NULL               it is not known whether it was executed. The client never repeats such a command.
 */
#ifndef CT_REDIS_CLUSTER_H
#define CT_REDIS_CLUSTER_H

#include "redis/redis.h"

#define CT_REDIS_NODES_MAX	16	/* nodes in REDIS_NODES */

struct ct_redis_cluster;

/*
 * Parent: ct_redis_configure, and REDIS_NODES. Addresses of names are looked up now and never again. A node without an address
 * is left out, unless none has one: the nodes themselves name all others.
 */
void		 ct_redis_cluster_configure(void);

/*
 * Starts connecting in the background. on_connect, if not NULL, runs from the event loop for each connection to a server
 * that takes writes, also to a master that is new, before any other command is accepted there.
 */
struct ct_redis_cluster	*ct_redis_cluster_init(void (*on_connect)(struct ct_redis *server, void *arg), void *arg);

/* As ct_redis_deinit. */
void		 ct_redis_cluster_deinit(struct ct_redis_cluster **cluster);

/* Returns true while a server takes commands: the one server, or at least one master. */
bool		 ct_redis_cluster_ready(const struct ct_redis_cluster *cluster);

/* Returns true while each master of the cluster does, and each slot has one. */
bool		 ct_redis_cluster_whole(const struct ct_redis_cluster *cluster);

/* Returns true while the server of this key does. */
bool		 ct_redis_cluster_serves(const struct ct_redis_cluster *cluster, const char *key);

/* As ct_redis_state: CT_STORE_UP while ready. */
enum ct_store_state	 ct_redis_cluster_state(const struct ct_redis_cluster *cluster);

/*
 * As ct_redis_call and ct_redis_send, on the server of `key`. All keys of the command have the slot of `key`, which may also
 * be their hash tag alone. In a cluster the whole call takes at most REDIS_TIMEOUT_MS, plus the ticks of the loop.
 */
void		 ct_redis_cluster_call(struct ct_redis_cluster *cluster, const char *key, int argc, const char *const *argv,
		     ct_redis_cb cb, void *arg);
void		 ct_redis_cluster_send(struct ct_redis_cluster *cluster, const char *key, const char *command, size_t length,
		     ct_redis_cb cb, void *arg);

/* Calls each(server, arg) for each server that takes commands now: for commands without a key. */
void		 ct_redis_cluster_each(struct ct_redis_cluster *cluster, void (*each)(struct ct_redis *server, void *arg), void *arg);

/* As ct_redis_flush and ct_redis_pending. */
void		 ct_redis_cluster_flush(struct ct_redis_cluster *cluster);
unsigned	 ct_redis_cluster_pending(const struct ct_redis_cluster *cluster);

#endif
