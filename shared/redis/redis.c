/*
 * The client of one Redis server: hiredis' asynchronous context on the event loop.
 *
 * DOWN -> CONNECTING -> READY; CONNECTING and READY also go to DOWN (redis_set_state). Connecting ends with the reply to
 * a PING, sent after AUTH if there is a password. So a server that is still loading its data counts as down. A node of a
 * cluster is also asked for the slots and for its role, and is not used while it is a replica. Replies come in the order
 * of the commands, so the client checks only the deadline of the oldest command.
 *
 * Rules of hiredis 0.14: After an error the context first replies NULL to all its commands and then frees itself. It
 * refuses commands meanwhile. Before it is freed it always calls the `cleanup` hook, but not always the disconnect
 * callback.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "base/assert.h"
#include "base/backoff.h"
#include "base/config.h"
#include "base/metrics.h"
#include "base/outage.h"
#include "base/resolve.h"
#include "loop/loop.h"
#include "redis/redis.h"
#include "redis/redis_login.h"
#include "redis/redis_node.h"
#include "redis/redis_trace.h"

#define REDIS_TICK_MS	50

_Static_assert(CT_REDIS_PENDING_MAX > 0 && CT_REDIS_ARGS_MAX > 0, "a client that accepts no command is useless");

struct redis_call {
	TAILQ_ENTRY(redis_call)	 list;
	ct_redis_cb		 cb;
	void			*arg;
	uint64_t		 sent_ms;
	struct redis_trace	 trace;
};

TAILQ_HEAD(redis_calls, redis_call);

enum redis_state {
	REDIS_DOWN,		/* no context; a new attempt begins when the pause is over */
	REDIS_CONNECTING,	/* up to the reply to PING */
	REDIS_READY,
	REDIS_STATES
};

struct ct_redis {
	TAILQ_ENTRY(ct_redis)	 list;		/* of `clients` */
	struct redis_address	 at;
	char			 name[CT_ADDRESS_TEXT + 16];	/* in the log */
	const struct redis_node_hooks	*hooks;	/* of a node of a cluster; NULL: the one server */
	bool			 used;		/* false: a node that is not wanted now; it has no connection */
	enum redis_state	 state;
	redisAsyncContext	*context;	/* NULL exactly while DOWN */
	struct ct_watch		*watch;
	int			 events;	/* that hiredis waits for: CT_READ, CT_WRITE */
	uint64_t		 deadline_ms;	/* of CONNECTING */
	struct ct_backoff	 backoff;
	struct ct_outage	 outage;
	enum ct_store_state	 problem;	/* why there is no connection; CT_STORE_UP: not known yet */
	bool			 closing;
	bool			 to_write;	/* commands are in hiredis' buffer; they are written in the next turn */
	bool			 writing;	/* hiredis is writing now */
	bool			 accepting;	/* a command is being accepted: no callback may run */
	unsigned		 answering;	/* callbacks that run now */
	struct redis_calls	 sent;		/* oldest first */
	struct redis_calls	 refused;	/* answered in the next turn */
	unsigned		 pending;	/* in `sent` and `refused` */
	uint64_t		 now_ms;	/* read once a turn: when its commands were given, or its replies came */
	void			(*on_connect)(struct ct_redis *, void *);
	void			*arg;		/* of on_connect and the hooks */
};

static struct {
	struct redis_address	 at;
	uint64_t		 timeout_ms;
} settings;

static struct {
	struct ct_metric	*calls;
	struct ct_metric	*unanswered;
	struct ct_metric	*connected;
	struct ct_metric	*pending;
	struct ct_metric	*seconds;
} metrics;

/* The clients of this worker. The loop's ticks may outlive a client, so they find it here. */
static TAILQ_HEAD(, ct_redis)	clients = TAILQ_HEAD_INITIALIZER(clients);
static bool		 ticking;
static bool		 turn_set;	/* redis_turn is deferred */
static unsigned		 connections;	/* clients that are READY */
static unsigned		 pending;	/* calls of all clients that are not answered */

void
ct_redis_configure(void)
{
	settings.at.port = (int)ct_config_number("REDIS_PORT");
	settings.timeout_ms = (uint64_t)ct_config_number("REDIS_TIMEOUT_MS");
	if (!ct_resolve(ct_config_text("REDIS_HOST"), settings.at.text))
		ct_config_fail("REDIS_HOST", "it has no address");
	redis_login_configure();

	metrics.calls = ct_metric_counter("redis_calls_total", "", "Commands given to Redis");
	metrics.unanswered = ct_metric_counter("redis_unanswered_total", "",
	    "Commands that got no answer");
	metrics.connected = ct_metric_gauge("redis_connections", "", "Usable connections");
	metrics.pending = ct_metric_gauge("redis_calls_pending", "", "Commands not yet answered");
	metrics.seconds = ct_metric_histogram("redis_call_seconds", "", "From command to answer");
}

/* --- the state, and the end of calls --- */

/* The only function that changes the state. */
static void
redis_set_state(struct ct_redis *redis, enum redis_state state)
{
	static const bool	allowed[REDIS_STATES][REDIS_STATES] = {
		[REDIS_DOWN] = { [REDIS_CONNECTING] = true },
		[REDIS_CONNECTING] = { [REDIS_READY] = true, [REDIS_DOWN] = true },
		[REDIS_READY] = { [REDIS_DOWN] = true },
	};

	CT_ASSERT(allowed[redis->state][state]);
	connections += state == REDIS_READY;
	connections -= redis->state == REDIS_READY;
	redis->state = state;
	ct_metric_set(metrics.connected, connections);
	if (state == REDIS_DOWN)
		ct_backoff_pause(&redis->backoff, ct_loop_now_ms());
}

static void
redis_log_outage(struct ct_redis *redis, const char *why)
{
	if (!redis->closing && redis->used)
		ct_outage_begin(&redis->outage, why);
}

/* Answers a call, which is in no list any more, and frees it. */
static void
redis_answer(struct ct_redis *redis, struct redis_call *call, const redisReply *reply)
{
	struct ct_trace	before = ct_trace_enter(&call->trace.span.parent);

	CT_ASSERT_MSG(!redis->accepting, "no callback runs before the call returns");
	CT_ASSERT(redis->pending > 0);
	redis->pending--;
	ct_metric_set(metrics.pending, --pending);
	if (reply == NULL)
		ct_metric_add(metrics.unanswered, 1);
	else
		ct_metric_observe(metrics.seconds, (double)(redis->now_ms - call->sent_ms) / 1000.0);
	redis_trace_end(&call->trace, reply);
	redis->answering++;
	call->cb(reply, call->arg);
	redis->answering--;
	ct_trace_leave(before);
	free(call);
}

/* Ends the connection. hiredis frees its context, after it has replied NULL to the commands in flight. */
static void
redis_drop(struct ct_redis *redis, const char *why)
{
	redisAsyncContext	*context = redis->context;

	CT_ASSERT(context != NULL);
	redis_log_outage(redis, why);
	ct_loop_unwatch(&redis->watch);
	redis->context = NULL;
	redis_set_state(redis, REDIS_DOWN);
	redisAsyncFree(context);
}

/* --- replies --- */

/* Returns true if the reply shows that the server is loading its data, or became a replica in a failover. */
static bool
redis_cannot_serve(const redisReply *reply)
{
	return (reply->type == REDIS_REPLY_ERROR && (strncmp(reply->str, "LOADING ", 8) == 0 ||
	    strncmp(reply->str, "READONLY ", 9) == 0 || strncmp(reply->str, "MASTERDOWN ", 11) == 0));
}

/* Only an answered command shows that the server serves, because a replica answers PING too. */
static void
redis_is_serving(struct ct_redis *redis)
{
	ct_backoff_reset(&redis->backoff);
	ct_outage_end(&redis->outage);
}

static void
redis_on_reply(redisAsyncContext *context, void *data, void *arg)
{
	struct ct_redis		*redis = context->data;
	const redisReply	*reply = data;
	struct redis_call	*call = arg;
	bool			 unusable;

	CT_ASSERT_MSG(call == TAILQ_FIRST(&redis->sent), "replies come in the order of the commands");
	TAILQ_REMOVE(&redis->sent, call, list);
	unusable = reply != NULL && redis_cannot_serve(reply);
	if (reply != NULL && !unusable)
		redis_is_serving(redis);
	redis_answer(redis, call, reply);
	if (unusable && redis->context == context) {
		redis->problem = ct_store_state_of_redis(reply->str);
		redis_drop(redis, "the server cannot serve now");
	}
}

/* Logs why, with the settings to check. Redis' own text holds no password. */
static void
redis_greeting_refused(struct ct_redis *redis, const char *error)
{
	char	why[512];

	redis->problem = ct_store_state_of_redis(error);
	if (redis->problem == CT_STORE_UNAUTHORIZED)
		(void)snprintf(why, sizeof(why), "%.200s (check REDIS_USER '%.100s', the file of REDIS_PASSWORD_FILE and "
		    "Redis' users)", error, redis_login_user());
	else
		(void)snprintf(why, sizeof(why), "%.400s", error);
	redis_drop(redis, why);
}

static void
redis_heard_slots(struct ct_redis *redis, const redisReply *reply)
{
	/* The hook may end the connection. */
	if (!redis->hooks->slots(redis, reply, redis->arg) && redis->context != NULL)
		redis_drop(redis, "it names no master with an address: it has not joined the cluster, or it announces host names");
}

/* The reply to ROLE. */
static void
redis_heard_role(struct ct_redis *redis, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && reply->element[0]->type == REDIS_REPLY_STRING &&
	    strcmp(reply->element[0]->str, "master") == 0)
		return;
	redis->problem = CT_STORE_READ_ONLY;
	redis_drop(redis, "it is a replica");
}

/* The commands of the greeting, as the argument of their replies. */
static char	auth[] = "AUTH", slots[] = "CLUSTER SLOTS", role[] = "ROLE", ping[] = "PING";

static void
redis_on_greeting(redisAsyncContext *context, void *data, void *arg)
{
	struct ct_redis		*redis = context->data;
	const redisReply	*reply = data;

	if (reply == NULL || redis->context != context)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		redis_greeting_refused(redis, reply->str);
	} else if (arg == slots) {
		redis_heard_slots(redis, reply);
	} else if (arg == role) {
		redis_heard_role(redis, reply);
	} else if (arg == ping) {
		redis->problem = CT_STORE_UP;
		redis_set_state(redis, REDIS_READY);
		if (redis->on_connect != NULL)
			redis->on_connect(redis, redis->arg);
	}
}

static void
redis_answer_refused(struct ct_redis *redis)
{
	struct redis_calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
	struct redis_call	*call;

	TAILQ_CONCAT(&refused, &redis->refused, list);
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		redis_answer(redis, call, NULL);
	}
}

/* --- writing: once in each turn of the loop --- */

/* Writes the commands that hiredis holds. If the socket does not take all, hiredis asks the loop to tell when it takes more. */
static void
redis_write(struct ct_redis *redis)
{
	redis->to_write = false;
	if (redis->context == NULL || redis->state != REDIS_READY)
		return;
	redis->writing = true;
	redisAsyncHandleWrite(redis->context);
	redis->writing = false;
}

static void
redis_turn(void *arg)
{
	struct ct_redis	*redis;

	(void)arg;
	turn_set = false;
	TAILQ_FOREACH(redis, &clients, list) {
		if (redis->to_write)
			redis_write(redis);
		redis_answer_refused(redis);
	}
}

static void
redis_defer_turn(void)
{
	if (turn_set)
		return;
	turn_set = true;
	ct_loop_defer(redis_turn, NULL);
}

/* --- hiredis on the event loop: by these hooks it tells which events of its socket it waits for --- */

static void
redis_hook_set(struct ct_redis *redis, int events)
{
	if (redis->watch == NULL || redis->events == events)
		return;
	redis->events = events;
	ct_loop_watch_set(redis->watch, events);
}

static void
redis_hook_add_read(void *arg)
{
	struct ct_redis	*redis = arg;

	redis_hook_set(redis, redis->events | CT_READ);
}

static void
redis_hook_del_read(void *arg)
{
	struct ct_redis	*redis = arg;

	redis_hook_set(redis, redis->events & ~CT_READ);
}

/* All commands of a turn are written together. Asking the loop for each would be two system calls more. */
static void
redis_hook_add_write(void *arg)
{
	struct ct_redis	*redis = arg;

	if (redis->state != REDIS_READY || redis->writing) {
		redis_hook_set(redis, redis->events | CT_WRITE);
	} else if ((redis->events & CT_WRITE) == 0) {
		redis->to_write = true;
		redis_defer_turn();
	}
}

static void
redis_hook_del_write(void *arg)
{
	struct ct_redis	*redis = arg;

	redis_hook_set(redis, redis->events & ~CT_WRITE);
}

/* hiredis is about to free the context. If redis_drop began this, nothing is left to do. */
static void
redis_hook_cleanup(void *arg)
{
	struct ct_redis		*redis = arg;
	redisAsyncContext	*context = redis->context;

	if (context == NULL)
		return;
	redis->problem = CT_STORE_DOWN;
	redis_log_outage(redis, context->c.errstr[0] != '\0' ? context->c.errstr : "lost");
	ct_loop_unwatch(&redis->watch);
	redis->context = NULL;
	redis_set_state(redis, REDIS_DOWN);
}

static void
redis_on_event(void *arg, int events)
{
	struct ct_redis		*redis = arg;
	redisAsyncContext	*context = redis->context;

	CT_ASSERT(context != NULL);
	redis->now_ms = ct_loop_now_ms();
	if (events & CT_READ)
		redisAsyncHandleRead(context);
	/* Reading may have ended the connection. Only the tick makes a new context. */
	if ((events & CT_WRITE) && redis->context == context)
		redisAsyncHandleWrite(context);
}

/* --- connecting --- */

/* Sends AUTH, if there is a password, and PING. A node of a cluster is also asked for the slots and its role. */
static void
redis_greet(struct ct_redis *redis)
{
	redisAsyncContext	*context = redis->context;

	redis_login_send(context, redis_on_greeting, auth);
	if (redis->hooks != NULL) {
		(void)redisAsyncCommand(context, redis_on_greeting, slots, slots);
		(void)redisAsyncCommand(context, redis_on_greeting, role, role);
	}
	(void)redisAsyncCommand(context, redis_on_greeting, ping, ping);
}

static void
redis_connect(struct ct_redis *redis)
{
	redisAsyncContext	*context;

	context = redisAsyncConnect(redis->at.text, redis->at.port);
	if (context == NULL)
		abort();
	redis_set_state(redis, REDIS_CONNECTING);
	if (context->err != 0) {
		redis->problem = CT_STORE_DOWN;
		redis_log_outage(redis, context->errstr);
		redis_set_state(redis, REDIS_DOWN);
		redisAsyncFree(context);
		return;
	}
	(void)redisEnableKeepAlive(&context->c);
	context->data = redis;
	context->ev.data = redis;
	context->ev.addRead = redis_hook_add_read;
	context->ev.delRead = redis_hook_del_read;
	context->ev.addWrite = redis_hook_add_write;
	context->ev.delWrite = redis_hook_del_write;
	context->ev.cleanup = redis_hook_cleanup;
	redis->context = context;
	redis->events = CT_WRITE;
	redis->watch = ct_loop_watch(context->c.fd, redis->events, redis_on_event, redis);
	redis->deadline_ms = ct_loop_now_ms() + settings.timeout_ms;
	redis_greet(redis);
}

static void
redis_tick_one(struct ct_redis *redis, uint64_t now)
{
	struct redis_call	*oldest;

	switch (redis->state) {
	case REDIS_DOWN:
		if (redis->used && ct_backoff_is_over(&redis->backoff, now))
			redis_connect(redis);
		break;
	case REDIS_CONNECTING:
		if (now >= redis->deadline_ms) {
			redis->problem = CT_STORE_DOWN;
			redis_drop(redis, "cannot connect in time");
		}
		break;
	case REDIS_READY:
		oldest = TAILQ_FIRST(&redis->sent);
		/* A callback of the client before this one may have just sent it, after `now`. */
		if (oldest != NULL && now >= oldest->sent_ms + settings.timeout_ms)
			redis_drop(redis, "no answer in time");
		break;
	case REDIS_STATES:
		break;
	}
}

static void
redis_tick(void *arg)
{
	struct ct_redis	*redis;
	uint64_t	 now = ct_loop_now_ms();

	(void)arg;
	TAILQ_FOREACH(redis, &clients, list)
		redis_tick_one(redis, now);
}

/* --- the client --- */

static struct ct_redis *
redis_new(const struct redis_address *at, void (*on_connect)(struct ct_redis *, void *), void *arg)
{
	struct ct_redis	*redis;

	redis = calloc(1, sizeof(*redis));
	if (redis == NULL)
		abort();
	redis->at = *at;
	(void)snprintf(redis->name, sizeof(redis->name), "redis");
	ct_backoff_init(&redis->backoff, CT_BACKOFF_MIN_MS, CT_BACKOFF_MAX_MS);
	ct_outage_init(&redis->outage, redis->name);
	redis->on_connect = on_connect;
	redis->arg = arg;
	TAILQ_INIT(&redis->sent);
	TAILQ_INIT(&redis->refused);
	TAILQ_INSERT_TAIL(&clients, redis, list);
	if (!ticking)
		ct_loop_every(REDIS_TICK_MS, redis_tick, NULL);
	ticking = true;
	return (redis);
}

struct ct_redis *
ct_redis_init(void (*on_connect)(struct ct_redis *, void *), void *arg)
{
	struct ct_redis	*redis = redis_new(&settings.at, on_connect, arg);

	redis->used = true;
	redis_connect(redis);
	return (redis);
}

void
ct_redis_deinit(struct ct_redis **redisp)
{
	struct ct_redis	*redis = *redisp;

	if (redis == NULL)
		return;
	CT_ASSERT_MSG(redis->answering == 0, "a callback must not close the client");
	redis->closing = true;
	if (redis->context != NULL)
		redis_drop(redis, "closing");
	while (!TAILQ_EMPTY(&redis->refused))
		redis_answer_refused(redis);
	CT_ASSERT(redis->pending == 0 && TAILQ_EMPTY(&redis->sent));
	TAILQ_REMOVE(&clients, redis, list);
	free(redis);
	*redisp = NULL;
}

/* --- a node of a cluster --- */

static void
redis_node_place(struct ct_redis *redis, const struct redis_address *at)
{
	redis->at = *at;
	(void)snprintf(redis->name, sizeof(redis->name), "redis %s:%d", at->text, at->port);
	ct_backoff_init(&redis->backoff, CT_BACKOFF_MIN_MS, CT_BACKOFF_MAX_MS);
	ct_outage_init(&redis->outage, redis->name);
	redis->problem = CT_STORE_UP;
}

struct ct_redis *
redis_node_init(const struct redis_address *at, const struct redis_node_hooks *hooks, void *arg)
{
	struct ct_redis	*redis = redis_new(at, hooks->connected, arg);

	redis->hooks = hooks;
	redis_node_place(redis, at);
	return (redis);
}

void
redis_node_use(struct ct_redis *redis, bool used)
{
	if (redis->used == used)
		return;
	redis->used = used;
	if (!used && redis->context != NULL)
		redis_drop(redis, "not used");
	else if (used && redis->state == REDIS_DOWN && ct_backoff_is_over(&redis->backoff, ct_loop_now_ms()))
		redis_connect(redis);
}

bool
redis_node_is_free(const struct ct_redis *redis)
{
	return (!redis->used && redis->state == REDIS_DOWN && redis->pending == 0 && redis->answering == 0);
}

void
redis_node_move(struct ct_redis *redis, const struct redis_address *at)
{
	CT_ASSERT(redis_node_is_free(redis));
	redis_node_place(redis, at);
}

const struct redis_address *
redis_node_address(const struct ct_redis *redis)
{
	return (&redis->at);
}

uint64_t
redis_timeout_ms(void)
{
	return (settings.timeout_ms);
}

bool
ct_redis_ready(const struct ct_redis *redis)
{
	return (redis->state == REDIS_READY);
}

enum ct_store_state
ct_redis_state(const struct ct_redis *redis)
{
	if (redis->state == REDIS_READY)
		return (CT_STORE_UP);
	return (redis->problem == CT_STORE_UP ? CT_STORE_DOWN : redis->problem);
}

unsigned
ct_redis_pending(const struct ct_redis *redis)
{
	return (redis->pending);
}

/* --- commands --- */

static struct redis_call *
redis_call_new(struct ct_redis *redis, ct_redis_cb cb, void *arg)
{
	struct redis_call	*call;

	call = calloc(1, sizeof(*call));
	if (call == NULL)
		abort();
	call->cb = cb;
	call->arg = arg;
	if (!redis->to_write)
		redis->now_ms = ct_loop_now_ms();
	call->sent_ms = redis->now_ms;
	redis->pending++;
	ct_metric_add(metrics.calls, 1);
	ct_metric_set(metrics.pending, ++pending);
	return (call);
}

/* `taken` is hiredis' answer to the command: REDIS_OK if it will be sent. */
static void
redis_call_sent(struct ct_redis *redis, struct redis_call *call, int taken)
{
	if (taken == REDIS_OK) {
		TAILQ_INSERT_TAIL(&redis->sent, call, list);
	} else {
		TAILQ_INSERT_TAIL(&redis->refused, call, list);
		redis_defer_turn();
	}
}

static bool
redis_takes_calls(const struct ct_redis *redis)
{
	return (redis->state == REDIS_READY && redis->pending <= CT_REDIS_PENDING_MAX);
}

void
ct_redis_call(struct ct_redis *redis, int argc, const char *const *argv, const size_t *lens,
    ct_redis_cb cb, void *arg)
{
	struct redis_call	*call = redis_call_new(redis, cb, arg);
	const char		*args[CT_REDIS_ARGS_MAX];

	CT_ASSERT(argc >= 1 && argc <= CT_REDIS_ARGS_MAX);
	redis_trace_begin_args(&call->trace, argc, argv);
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	redis->accepting = true;
	redis_call_sent(redis, call, !redis_takes_calls(redis) ? REDIS_ERR :
	    redisAsyncCommandArgv(redis->context, redis_on_reply, call, argc, args, lens));
	redis->accepting = false;
}

void
ct_redis_send(struct ct_redis *redis, const char *command, size_t length, ct_redis_cb cb, void *arg)
{
	struct redis_call	*call = redis_call_new(redis, cb, arg);

	redis_trace_begin(&call->trace, command, length);
	redis->accepting = true;
	redis_call_sent(redis, call, !redis_takes_calls(redis) ? REDIS_ERR :
	    redisAsyncFormattedCommand(redis->context, redis_on_reply, call, command, length));
	redis->accepting = false;
}

void
ct_redis_flush(struct ct_redis *redis)
{
	if (redis->to_write)
		redis_write(redis);
}
