/*
 * Redis as the services use it, see redis_cluster.h: the calls of a Redis Cluster. redis_nodes.c has the nodes and their slots.
 *
 * A call keeps its command until it is answered, because a node may send it elsewhere. It is under way at one node, or it
 * waits for the next tick. A node that answers with a redirection has not executed the command, so it is sent again. A
 * command without an answer may have been executed, so it is not.
 */
#include "redis/redis_cluster.h"

#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/resolve.h"
#include "base/trace_context.h"
#include "loop/loop.h"
#include "redis/redis_nodes.h"

#define CLUSTER_TICK_MS	50
#define AT_ONCE_MAX	4	/* a call is sent on at once this many times; then it waits for a tick */
#define WAITING_MAX	4096	/* calls that wait; further ones get the error */

struct cluster_call {
	TAILQ_ENTRY(cluster_call)	 list;		/* of `calls` */
	TAILQ_ENTRY(cluster_call)	 waits;		/* of `waiting` */
	struct ct_redis_cluster		*cluster;
	ct_redis_cb			 cb;
	void				*arg;
	struct ct_trace			 trace;
	struct redis_cluster_node	*node;		/* that it was sent to last */
	struct redis_cluster_node	*ask;		/* the next attempt goes here, after ASKING; NULL: to the slot's owner */
	uint64_t			 deadline_ms;
	unsigned			 sent;		/* how many times */
	uint16_t			 slot;
	bool				 is_waiting;
	bool				 answered;	/* its time was over; the node's answer is still to come */
	char				 error[160];	/* the last redirection */
	size_t				 length;
	char				 command[];
};

TAILQ_HEAD(cluster_calls, cluster_call);

struct ct_redis_cluster {
	struct ct_redis		*alone;		/* the one server; NULL: a cluster, which the rest describes */
	struct redis_nodes	 nodes;
	struct cluster_calls	 calls;		/* not answered yet, in the order of their deadlines */
	struct cluster_calls	 waiting;	/* those of them that are sent again with the next tick */
	unsigned		 waiting_n;
	unsigned		 pending;	/* in `calls` */
};

static struct {
	struct redis_address	seeds[CT_REDIS_NODES_MAX];
	unsigned		seeds_n;	/* 0: one server */
	unsigned		without_n;	/* nodes of REDIS_NODES that have no address now */
} settings;

static struct ct_metric	*redirected;

static const char	asking[] = "*1\r\n$6\r\nASKING\r\n";

/* The loop's tick may outlive the client, so it finds it here (NULL: none). */
static struct ct_redis_cluster	*instance;
static bool			 ticking;

/* --- settings --- */

/* Reads "host:port" into settings.seeds. */
static void
cluster_add_seed(const char *word, size_t length)
{
	char			 host[256];
	const char		*colon = NULL;
	char			*end;
	long			 port;
	int			 bracket;
	struct redis_address	*seed = &settings.seeds[settings.seeds_n];

	for (size_t i = 0; i < length; i++) {
		if (word[i] == ':')
			colon = word + i;
	}
	port = colon == NULL ? 0 : strtol(colon + 1, &end, 10);
	if (settings.seeds_n == CT_REDIS_NODES_MAX) {
		ct_config_fail("REDIS_NODES", "it may have at most 16 nodes");
	} else if (colon == NULL || end != word + length || port < 1 || port > 65535 || colon == word ||
	    (size_t)(colon - word) >= sizeof(host)) {
		ct_config_fail("REDIS_NODES", "it is host:port, separated by spaces");
	} else {
		/* An IPv6 address is in brackets. */
		bracket = *word == '[' && colon[-1] == ']';
		(void)snprintf(host, sizeof(host), "%.*s", (int)(colon - word) - 2 * bracket, word + bracket);
		seed->port = (int)port;
		if (ct_resolve(host, seed->text)) {
			settings.seeds_n++;
		} else {
			settings.without_n++;
			ct_log(CT_LOG_WARNING, NULL, "REDIS_NODES: %s has no address now, so this service starts without it", host);
		}
	}
}

void
ct_redis_cluster_configure(void)
{
	const char	*at = ct_config_text("REDIS_NODES");
	size_t		 length;

	ct_redis_configure();
	redirected = ct_metric_counter("redis_redirected_total", "", "Commands that a node of the cluster sent elsewhere");
	settings.seeds_n = settings.without_n = 0;
	for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
		length = strcspn(at, " ");
		cluster_add_seed(at, length);
		at += length;
	}
	if (settings.seeds_n == 0 && settings.without_n > 0)
		ct_config_fail("REDIS_NODES", "none of its hosts has an address");
}

/* --- the end of a call --- */

static void
cluster_call_tell(struct cluster_call *call, const redisReply *reply)
{
	struct ct_trace	before = ct_trace_enter(&call->trace);

	TAILQ_REMOVE(&call->cluster->calls, call, list);
	call->cluster->pending--;
	call->answered = true;
	call->cb(reply, call->arg);
	ct_trace_leave(before);
}

/* The call waits, so no node has executed it: tells the last error. */
static void
cluster_call_refuse(struct cluster_call *call)
{
	redisReply	reply = { .type = REDIS_REPLY_ERROR, .str = call->error, .len = strlen(call->error) };

	TAILQ_REMOVE(&call->cluster->waiting, call, waits);
	call->cluster->waiting_n--;
	cluster_call_tell(call, &reply);
	free(call);
}

/* --- sending --- */

static void	cluster_call_replied(const redisReply *, void *);

static void
cluster_asked(const redisReply *reply, void *arg)
{
	(void)reply;
	(void)arg;
}

/* Returns the node for the next attempt. Without an owner, any node that takes commands tells which one it is. */
static struct redis_cluster_node *
cluster_call_target(const struct cluster_call *call)
{
	struct redis_nodes	*nodes = &call->cluster->nodes;
	uint8_t			 owner = nodes->owners[call->slot];

	if (nodes->closing)
		return (&nodes->at[0]);
	if (call->ask != NULL)
		return (call->ask);
	if (owner != REDIS_NO_NODE)
		return (&nodes->at[owner]);
	for (unsigned i = 0; i < nodes->n; i++) {
		if (ct_redis_ready(nodes->at[i].redis))
			return (&nodes->at[i]);
	}
	return (&nodes->at[0]);
}

/* If the node is not connected, it answers NULL in the next turn of the loop. */
static void
cluster_call_send(struct cluster_call *call, struct redis_cluster_node *node)
{
	struct ct_trace	before = ct_trace_enter(&call->trace);

	call->node = node;
	call->sent++;
	/* The connection keeps the two together. */
	if (node == call->ask)
		ct_redis_send(node->redis, asking, sizeof(asking) - 1, cluster_asked, NULL);
	call->ask = NULL;
	ct_redis_send(node->redis, call->command, call->length, cluster_call_replied, call);
	ct_trace_leave(before);
}

/* --- redirections --- */

/* Returns false if the redirection cannot be followed. */
static bool
cluster_call_redirect(struct cluster_call *call, enum redis_redirect redirect, struct redis_target *target)
{
	struct redis_cluster_node	*node;

	if (redirect == REDIS_REDIRECT_AGAIN)
		return (true);
	if (*target->at.text == '\0')
		memcpy(target->at.text, redis_node_address(call->node->redis)->text, sizeof(target->at.text));
	node = redis_nodes_at(&call->cluster->nodes, &target->at);
	if (node == NULL)
		return (false);
	if (redirect == REDIS_REDIRECT_MOVED) {
		redis_nodes_move_slot(node, target->slot);
	} else {
		redis_nodes_asked(node);
		call->ask = node;
	}
	return (true);
}

/* Sends the call again, at once or with the next tick. Returns false if the error is its answer. */
static bool
cluster_call_again(struct cluster_call *call, const char *error)
{
	struct ct_redis_cluster	*cluster = call->cluster;
	struct redis_target	 target;
	enum redis_redirect	 redirect = redis_redirect(error, &target);
	struct redis_cluster_node	*node;

	if (redirect == REDIS_REDIRECT_NONE || cluster->nodes.closing || cluster->waiting_n >= WAITING_MAX ||
	    !cluster_call_redirect(call, redirect, &target))
		return (false);
	ct_metric_add(redirected, 1);
	(void)snprintf(call->error, sizeof(call->error), "%s", error);
	node = cluster_call_target(call);
	if (redirect != REDIS_REDIRECT_AGAIN && call->sent <= AT_ONCE_MAX && ct_redis_ready(node->redis)) {
		cluster_call_send(call, node);
		return (true);
	}
	call->is_waiting = true;
	TAILQ_INSERT_TAIL(&cluster->waiting, call, waits);
	cluster->waiting_n++;
	return (true);
}

static void
cluster_call_replied(const redisReply *reply, void *arg)
{
	struct cluster_call	*call = arg;
	bool			 is_error = reply != NULL && reply->type == REDIS_REPLY_ERROR;

	if (reply == NULL || (is_error && (strncmp(reply->str, "CLUSTERDOWN ", 12) == 0)))
		call->cluster->nodes.stale = true;
	if (!call->answered && is_error && cluster_call_again(call, reply->str))
		return;
	if (!call->answered)
		cluster_call_tell(call, reply);
	free(call);
}

/* --- time --- */

/* Sends those that wait now. What is redirected meanwhile waits for the next tick. */
static void
cluster_calls_send_waiting(struct ct_redis_cluster *cluster)
{
	struct cluster_call	*call, *next;
	struct redis_cluster_node	*node;

	for (call = TAILQ_FIRST(&cluster->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, waits);
		node = cluster_call_target(call);
		if (!ct_redis_ready(node->redis))
			continue;
		TAILQ_REMOVE(&cluster->waiting, call, waits);
		cluster->waiting_n--;
		call->is_waiting = false;
		cluster_call_send(call, node);
	}
}

static void
cluster_tick(void *arg)
{
	struct ct_redis_cluster	*cluster = instance;
	struct cluster_call	*call;
	uint64_t		 now = ct_loop_now_ms();

	(void)arg;
	if (cluster == NULL)
		return;
	redis_nodes_tick(&cluster->nodes);
	while ((call = TAILQ_FIRST(&cluster->calls)) != NULL && call->deadline_ms <= now) {
		if (call->is_waiting)
			cluster_call_refuse(call);
		else
			cluster_call_tell(call, NULL);
	}
	cluster_calls_send_waiting(cluster);
}

/* --- calls --- */

/* The call has room for a command of `length` bytes. */
static struct cluster_call *
cluster_call_new(struct ct_redis_cluster *cluster, const char *key, const char *command, size_t length, ct_redis_cb cb, void *arg)
{
	struct cluster_call	*call = malloc(sizeof(*call) + length);

	if (call == NULL)
		abort();
	memset(call, 0, sizeof(*call));
	call->cluster = cluster;
	call->cb = cb;
	call->arg = arg;
	call->trace = ct_trace_current;
	call->slot = redis_slot(key, strlen(key));
	call->deadline_ms = ct_loop_now_ms() + redis_timeout_ms();
	call->length = length;
	memcpy(call->command, command, length);
	TAILQ_INSERT_TAIL(&cluster->calls, call, list);
	cluster->pending++;
	return (call);
}

void
ct_redis_cluster_send(struct ct_redis_cluster *cluster, const char *key, const char *command, size_t length, ct_redis_cb cb,
    void *arg)
{
	struct cluster_call	*call;

	if (cluster->alone != NULL) {
		ct_redis_send(cluster->alone, command, length, cb, arg);
		return;
	}
	call = cluster_call_new(cluster, key, command, length, cb, arg);
	cluster_call_send(call, cluster_call_target(call));
}

void
ct_redis_cluster_call(struct ct_redis_cluster *cluster, const char *key, int argc, const char *const *argv, ct_redis_cb cb, void *arg)
{
	const char	*args[CT_REDIS_ARGS_MAX];
	char		*command;
	int		 length;

	if (cluster->alone != NULL) {
		ct_redis_call(cluster->alone, argc, argv, NULL, cb, arg);
		return;
	}
	CT_ASSERT(argc >= 1 && argc <= CT_REDIS_ARGS_MAX);
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	length = (int)redisFormatCommandArgv(&command, argc, args, NULL);
	if (length < 0)
		abort();
	ct_redis_cluster_send(cluster, key, command, (size_t)length, cb, arg);
	redisFreeCommand(command);
}

void
ct_redis_cluster_flush(struct ct_redis_cluster *cluster)
{
	if (cluster->alone != NULL)
		ct_redis_flush(cluster->alone);
	for (unsigned i = 0; i < cluster->nodes.n; i++)
		ct_redis_flush(cluster->nodes.at[i].redis);
}

unsigned
ct_redis_cluster_pending(const struct ct_redis_cluster *cluster)
{
	return (cluster->alone != NULL ? ct_redis_pending(cluster->alone) : cluster->pending);
}

/* --- the client --- */

struct ct_redis_cluster *
ct_redis_cluster_init(void (*on_connect)(struct ct_redis *, void *), void *arg)
{
	struct ct_redis_cluster	*cluster = calloc(1, sizeof(*cluster));

	if (cluster == NULL)
		abort();
	TAILQ_INIT(&cluster->calls);
	TAILQ_INIT(&cluster->waiting);
	if (settings.seeds_n == 0) {
		cluster->alone = ct_redis_init(on_connect, arg);
		return (cluster);
	}
	redis_nodes_init(&cluster->nodes, settings.seeds, settings.seeds_n, on_connect, arg);
	instance = cluster;
	if (!ticking)
		ct_loop_every(CLUSTER_TICK_MS, cluster_tick, NULL);
	ticking = true;
	return (cluster);
}

void
ct_redis_cluster_deinit(struct ct_redis_cluster **clusterp)
{
	struct ct_redis_cluster	*cluster = *clusterp;

	if (cluster == NULL)
		return;
	if (cluster->alone != NULL) {
		ct_redis_deinit(&cluster->alone);
	} else {
		/* Callbacks may add calls. They go to the first node, which refuses them and is freed last. */
		redis_nodes_close(&cluster->nodes);
		while (!TAILQ_EMPTY(&cluster->waiting))
			cluster_call_refuse(TAILQ_FIRST(&cluster->waiting));
		redis_nodes_deinit(&cluster->nodes);
		CT_ASSERT(cluster->pending == 0);
		instance = NULL;
	}
	free(cluster);
	*clusterp = NULL;
}

bool
ct_redis_cluster_ready(const struct ct_redis_cluster *cluster)
{
	return (cluster->alone != NULL ? ct_redis_ready(cluster->alone) : redis_nodes_any_ready(&cluster->nodes));
}

bool
ct_redis_cluster_whole(const struct ct_redis_cluster *cluster)
{
	if (cluster->alone != NULL)
		return (ct_redis_ready(cluster->alone));
	return (redis_nodes_whole(&cluster->nodes));
}

bool
ct_redis_cluster_serves(const struct ct_redis_cluster *cluster, const char *key)
{
	uint8_t	owner;

	if (cluster->alone != NULL)
		return (ct_redis_ready(cluster->alone));
	owner = cluster->nodes.owners[redis_slot(key, strlen(key))];
	return (owner != REDIS_NO_NODE && ct_redis_ready(cluster->nodes.at[owner].redis));
}

enum ct_store_state
ct_redis_cluster_state(const struct ct_redis_cluster *cluster)
{
	enum ct_store_state	state, found = CT_STORE_DOWN;

	if (cluster->alone != NULL)
		return (ct_redis_state(cluster->alone));
	for (unsigned i = 0; i < cluster->nodes.n; i++) {
		state = ct_redis_state(cluster->nodes.at[i].redis);
		if (state == CT_STORE_UP)
			return (CT_STORE_UP);
		/* A replica is read-only, and that says nothing about the cluster. */
		if (state != CT_STORE_DOWN && state != CT_STORE_READ_ONLY)
			found = state;
	}
	return (found);
}

void
ct_redis_cluster_each(struct ct_redis_cluster *cluster, void (*each)(struct ct_redis *, void *), void *arg)
{
	if (cluster->alone != NULL && ct_redis_ready(cluster->alone))
		each(cluster->alone, arg);
	for (unsigned i = 0; i < cluster->nodes.n; i++) {
		if (ct_redis_ready(cluster->nodes.at[i].redis))
			each(cluster->nodes.at[i].redis, arg);
	}
}
