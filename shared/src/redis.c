/*
 * The Redis client: hiredis' asynchronous context on the event loop.
 *
 * DOWN -> CONNECTING -> READY, and back to DOWN from anywhere. Connecting ends
 * with the answer to a PING (after AUTH where there is a password), so that a
 * server which is still loading its data counts as down. Replies come in the
 * order of the commands: the oldest one's deadline decides for all.
 *
 * What hiredis 0.14 wants observed: the context frees itself on an error,
 * having first answered all its commands with NULL; commands given to it
 * meanwhile fail; the one thing always called before it is gone is the
 * `cleanup` hook, also where the disconnect callback is not.
 */
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

#include "ct/config.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/redis.h"
#include "ct/resolve.h"

#define TICK_MS		50
#define BACKOFF_MIN_MS	100
#define BACKOFF_MAX_MS	2000
#define PENDING_MAX	20000
#define ARGS_MAX	64

struct redis_call {
	TAILQ_ENTRY(redis_call)	 list;
	ct_redis_cb		 cb;
	void			*arg;
	uint64_t		 sent_ms;
};

TAILQ_HEAD(redis_calls, redis_call);

enum redis_state { REDIS_DOWN, REDIS_CONNECTING, REDIS_READY };

struct ct_redis {
	enum redis_state	 state;
	redisAsyncContext	*context;
	struct ct_watch		*watch;
	int			 events;
	uint64_t		 deadline_ms;	/* of CONNECTING */
	uint64_t		 retry_ms;
	unsigned		 backoff_ms;
	bool			 outage_logged;
	bool			 unauthorized;	/* the server refused the user or the password */
	bool			 closing;
	bool			 turn_set;
	bool			 to_write;	/* commands are in hiredis' buffer: written in the next turn */
	bool			 writing;
	struct redis_calls	 sent;		/* oldest first */
	struct redis_calls	 refused;	/* told in the next turn */
	unsigned		 pending;
	uint64_t		 now_ms;	/* when these commands were given, or these answers came: once a turn */
	void			(*on_connect)(struct ct_redis *, void *);
	void			*on_connect_arg;
};

static struct {
	const char	*host;
	char		 address[CT_ADDRESS_TEXT];
	int		 port;
	const char	*user;		/* "": the default user */
	const char	*password;	/* NULL: none */
	size_t		 password_length;
	uint64_t	 timeout_ms;
} settings;

static struct {
	struct ct_metric	*calls;
	struct ct_metric	*unanswered;
	struct ct_metric	*connected;
	struct ct_metric	*pending;
	struct ct_metric	*seconds;
} metrics;

/* The loop's ticks live as long as the worker and the client may not: they look here. */
static struct ct_redis	*instance;
static bool		 ticking;

void
ct_redis_configure(void)
{
	settings.host = ct_config_text("REDIS_HOST", "127.0.0.1");
	settings.port = (int)ct_config_number("REDIS_PORT", 1, 65535, 6379);
	settings.timeout_ms = (uint64_t)ct_config_number("REDIS_TIMEOUT_MS", 10, 60000, 1000);
	if (!ct_resolve(settings.host, settings.address))
		ct_config_fail("REDIS_HOST", "it has no address");
	settings.user = ct_config_text("REDIS_USER", "");
	settings.password = NULL;
	if (*ct_config_text("REDIS_PASSWORD_FILE", "") != '\0')
		settings.password = ct_config_secret_file("REDIS_PASSWORD_FILE", 1, &settings.password_length);
	else if (ct_production())
		ct_config_fail("REDIS_PASSWORD_FILE", "is required in production: the file with the password of REDIS_USER");
	else if (*settings.user != '\0')
		ct_config_fail("REDIS_PASSWORD_FILE", "is required with REDIS_USER");

	metrics.calls = ct_metric_counter("redis_calls_total", "", "Commands given to Redis");
	metrics.unanswered = ct_metric_counter("redis_unanswered_total", "",
	    "Commands that got no answer");
	metrics.connected = ct_metric_gauge("redis_connections", "", "Usable connections");
	metrics.pending = ct_metric_gauge("redis_calls_pending", "", "Commands not yet answered");
	metrics.seconds = ct_metric_histogram("redis_call_seconds", "", "From command to answer");
}

static void
set_state(struct ct_redis *redis, enum redis_state state)
{
	if (redis->state == state)
		return;
	redis->state = state;
	ct_metric_set(metrics.connected, state == REDIS_READY);
	if (state == REDIS_DOWN) {
		redis->retry_ms = ct_loop_now_ms() + redis->backoff_ms / 2 +
		    (unsigned)random() % (redis->backoff_ms / 2 + 1);
		redis->backoff_ms *= 2;
		if (redis->backoff_ms > BACKOFF_MAX_MS)
			redis->backoff_ms = BACKOFF_MAX_MS;
	}
}

/* Says once an outage why there is no connection. */
static void
log_outage(struct ct_redis *redis, const char *why)
{
	if (redis->outage_logged || redis->closing)
		return;
	redis->outage_logged = true;
	ct_log(CT_LOG_WARNING, NULL, "redis: no connection: %s", why);
}

static void
call_answer(struct ct_redis *redis, struct redis_call *call, const redisReply *reply)
{
	redis->pending--;
	ct_metric_set(metrics.pending, redis->pending);
	if (reply == NULL)
		ct_metric_add(metrics.unanswered, 1);
	else
		ct_metric_observe(metrics.seconds,
		    (double)(redis->now_ms - call->sent_ms) / 1000.0);
	call->cb(reply, call->arg);
	free(call);
}

/* From here on hiredis' context is none of ours; unanswered commands are told by it, with NULL. */
static void
drop(struct ct_redis *redis, const char *why)
{
	redisAsyncContext	*context = redis->context;

	log_outage(redis, why);
	ct_loop_unwatch(&redis->watch);
	redis->context = NULL;
	set_state(redis, REDIS_DOWN);
	redisAsyncFree(context);
}

/* A server that answers so cannot be used now: loading its data, or a replica after a failover. */
static bool
cannot_serve(const redisReply *reply)
{
	return (reply->type == REDIS_REPLY_ERROR && (strncmp(reply->str, "LOADING ", 8) == 0 ||
	    strncmp(reply->str, "READONLY ", 9) == 0));
}

/* A greeting does not show that it serves (a replica answers PING too): an answer to a command does. */
static void
is_serving(struct ct_redis *redis)
{
	redis->backoff_ms = BACKOFF_MIN_MS;
	if (redis->outage_logged)
		ct_log(CT_LOG_INFO, NULL, "redis: connected again");
	redis->outage_logged = false;
}

static void
on_reply(redisAsyncContext *context, void *data, void *arg)
{
	struct ct_redis		*redis = context->data;
	const redisReply	*reply = data;
	struct redis_call	*call = arg;
	bool			 unusable;

	TAILQ_REMOVE(&redis->sent, call, list);
	unusable = reply != NULL && cannot_serve(reply);
	if (reply != NULL && !unusable)
		is_serving(redis);
	call_answer(redis, call, reply);
	if (unusable && redis->context == context)
		drop(redis, "the server cannot serve now");
}

/* Redis' errors for a refused user: no password sent, a wrong one, or missing rights. */
static bool
is_unauthorized(const char *error)
{
	return (strncmp(error, "NOAUTH ", 7) == 0 || strncmp(error, "WRONGPASS ", 10) == 0 || strncmp(error, "NOPERM ", 7) == 0);
}

/* The message names the settings to check. Redis' own text holds no password. */
static void
greeting_refused(struct ct_redis *redis, const char *error)
{
	char	why[512];

	redis->unauthorized = is_unauthorized(error);
	if (redis->unauthorized)
		(void)snprintf(why, sizeof(why), "%.200s (check REDIS_USER '%.100s', the file of REDIS_PASSWORD_FILE and "
		    "Redis' users)", error, settings.user);
	else
		(void)snprintf(why, sizeof(why), "%.400s", error);
	drop(redis, why);
}

/* The answers to AUTH and PING. */
static void
on_greeting(redisAsyncContext *context, void *data, void *arg)
{
	struct ct_redis		*redis = context->data;
	const redisReply	*reply = data;

	if (reply == NULL || redis->context != context)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		greeting_refused(redis, reply->str);
		return;
	}
	if (arg == NULL)
		return;		/* AUTH's; PING's follows */
	redis->unauthorized = false;
	set_state(redis, REDIS_READY);
	if (redis->on_connect != NULL)
		redis->on_connect(redis, redis->on_connect_arg);
}

static void
tell_refused(struct ct_redis *redis)
{
	struct redis_calls	 refused = TAILQ_HEAD_INITIALIZER(refused);
	struct redis_call	*call;

	TAILQ_CONCAT(&refused, &redis->refused, list);
	while ((call = TAILQ_FIRST(&refused)) != NULL) {
		TAILQ_REMOVE(&refused, call, list);
		call_answer(redis, call, NULL);
	}
}

/* What the socket does not take is left to the loop. */
static void
write_commands(struct ct_redis *redis)
{
	redis->to_write = false;
	if (redis->context == NULL || redis->state != REDIS_READY)
		return;
	redis->writing = true;
	redisAsyncHandleWrite(redis->context);
	redis->writing = false;
}

static void
turn(void *arg)
{
	(void)arg;
	if (instance == NULL)
		return;
	instance->turn_set = false;
	if (instance->to_write)
		write_commands(instance);
	tell_refused(instance);
}

static void
turn_later(struct ct_redis *redis)
{
	if (redis->turn_set)
		return;
	redis->turn_set = true;
	ct_loop_defer(turn, NULL);
}

/* hiredis' hooks. */

static void
hook_set(struct ct_redis *redis, int events)
{
	if (redis->watch == NULL || redis->events == events)
		return;
	redis->events = events;
	ct_loop_watch_set(redis->watch, events);
}

static void
hook_add_read(void *arg)
{
	struct ct_redis	*redis = arg;

	hook_set(redis, redis->events | CT_READ);
}

static void
hook_del_read(void *arg)
{
	struct ct_redis	*redis = arg;

	hook_set(redis, redis->events & ~CT_READ);
}

/* Once a turn for all that was given to hiredis in the last one: asking the loop for each would be two system calls more. */
static void
hook_add_write(void *arg)
{
	struct ct_redis	*redis = arg;

	if (redis->state != REDIS_READY || redis->writing) {
		hook_set(redis, redis->events | CT_WRITE);
	} else if ((redis->events & CT_WRITE) == 0) {
		redis->to_write = true;
		turn_later(redis);
	}
}

static void
hook_del_write(void *arg)
{
	struct ct_redis	*redis = arg;

	hook_set(redis, redis->events & ~CT_WRITE);
}

/* The context is about to be freed. If drop() began it, this has nothing left to do. */
static void
hook_cleanup(void *arg)
{
	struct ct_redis		*redis = arg;
	redisAsyncContext	*context = redis->context;

	if (context == NULL)
		return;
	redis->unauthorized = false;
	log_outage(redis, context->c.errstr[0] != '\0' ? context->c.errstr : "lost");
	ct_loop_unwatch(&redis->watch);
	redis->context = NULL;
	set_state(redis, REDIS_DOWN);
}

static void
on_event(void *arg, int events)
{
	struct ct_redis		*redis = arg;
	redisAsyncContext	*context = redis->context;

	redis->now_ms = ct_loop_now_ms();
	if (events & CT_READ)
		redisAsyncHandleRead(context);
	/* Reading may have found the end; a new context is only ever made by the tick. */
	if ((events & CT_WRITE) && redis->context == context)
		redisAsyncHandleWrite(context);
}

static void
connect_start(struct ct_redis *redis)
{
	redisAsyncContext	*context;
	const char		*auth[3] = { "AUTH", settings.user, settings.password };
	size_t			 lens[3] = { 4, strlen(settings.user), settings.password_length };

	context = redisAsyncConnect(settings.address, settings.port);
	if (context == NULL)
		abort();
	set_state(redis, REDIS_CONNECTING);
	if (context->err != 0) {
		log_outage(redis, context->errstr);
		set_state(redis, REDIS_DOWN);
		redisAsyncFree(context);
		return;
	}
	(void)redisEnableKeepAlive(&context->c);
	context->data = redis;
	context->ev.data = redis;
	context->ev.addRead = hook_add_read;
	context->ev.delRead = hook_del_read;
	context->ev.addWrite = hook_add_write;
	context->ev.delWrite = hook_del_write;
	context->ev.cleanup = hook_cleanup;
	redis->context = context;
	redis->events = CT_WRITE;
	redis->watch = ct_loop_watch(context->c.fd, redis->events, on_event, redis);
	redis->deadline_ms = ct_loop_now_ms() + settings.timeout_ms;

	if (settings.password != NULL && *settings.user != '\0') {
		(void)redisAsyncCommandArgv(context, on_greeting, NULL, 3, auth, lens);
	} else if (settings.password != NULL) {
		auth[1] = settings.password;
		lens[1] = settings.password_length;
		(void)redisAsyncCommandArgv(context, on_greeting, NULL, 2, auth, lens);
	}
	(void)redisAsyncCommand(context, on_greeting, redis, "PING");
}

static void
tick(void *arg)
{
	struct ct_redis		*redis = instance;
	struct redis_call	*oldest;
	uint64_t		 now = ct_loop_now_ms();

	(void)arg;
	if (redis == NULL)
		return;
	switch (redis->state) {
	case REDIS_DOWN:
		if (now >= redis->retry_ms)
			connect_start(redis);
		break;
	case REDIS_CONNECTING:
		if (now >= redis->deadline_ms) {
			redis->unauthorized = false;
			drop(redis, "cannot connect in time");
		}
		break;
	case REDIS_READY:
		oldest = TAILQ_FIRST(&redis->sent);
		if (oldest != NULL && now - oldest->sent_ms >= settings.timeout_ms)
			drop(redis, "no answer in time");
		break;
	}
}

struct ct_redis *
ct_redis_init(void (*on_connect)(struct ct_redis *, void *), void *arg)
{
	struct ct_redis	*redis;

	redis = calloc(1, sizeof(*redis));
	if (redis == NULL)
		abort();
	redis->backoff_ms = BACKOFF_MIN_MS;
	redis->on_connect = on_connect;
	redis->on_connect_arg = arg;
	TAILQ_INIT(&redis->sent);
	TAILQ_INIT(&redis->refused);
	instance = redis;
	connect_start(redis);
	if (!ticking)
		ct_loop_every(TICK_MS, tick, NULL);
	ticking = true;
	return (redis);
}

void
ct_redis_deinit(struct ct_redis **redisp)
{
	struct ct_redis	*redis = *redisp;

	if (redis == NULL)
		return;
	redis->closing = true;
	if (redis->context != NULL)
		drop(redis, "closing");
	while (!TAILQ_EMPTY(&redis->refused))
		tell_refused(redis);
	instance = NULL;
	free(redis);
	*redisp = NULL;
}

bool
ct_redis_ready(const struct ct_redis *redis)
{
	return (redis->state == REDIS_READY);
}

bool
ct_redis_unauthorized(const struct ct_redis *redis)
{
	return (redis->unauthorized);
}

unsigned
ct_redis_pending(const struct ct_redis *redis)
{
	return (redis->pending);
}

static struct redis_call *
call_new(struct ct_redis *redis, ct_redis_cb cb, void *arg)
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
	ct_metric_set(metrics.pending, redis->pending);
	return (call);
}

/* `taken` is what hiredis said of the call's command. */
static void
call_sent(struct ct_redis *redis, struct redis_call *call, int taken)
{
	if (taken == REDIS_OK) {
		TAILQ_INSERT_TAIL(&redis->sent, call, list);
	} else {
		TAILQ_INSERT_TAIL(&redis->refused, call, list);
		turn_later(redis);
	}
}

static bool
takes_calls(const struct ct_redis *redis)
{
	return (redis->state == REDIS_READY && redis->pending <= PENDING_MAX);
}

void
ct_redis_call(struct ct_redis *redis, int argc, const char *const *argv, const size_t *lens,
    ct_redis_cb cb, void *arg)
{
	struct redis_call	*call = call_new(redis, cb, arg);
	const char		*args[ARGS_MAX];

	if (argc < 1 || argc > ARGS_MAX)
		abort();
	memcpy(args, argv, (size_t)argc * sizeof(*args));
	call_sent(redis, call, !takes_calls(redis) ? REDIS_ERR :
	    redisAsyncCommandArgv(redis->context, on_reply, call, argc, args, lens));
}

void
ct_redis_send(struct ct_redis *redis, const char *command, size_t length, ct_redis_cb cb, void *arg)
{
	struct redis_call	*call = call_new(redis, cb, arg);

	call_sent(redis, call, !takes_calls(redis) ? REDIS_ERR :
	    redisAsyncFormattedCommand(redis->context, on_reply, call, command, length));
}

void
ct_redis_flush(struct ct_redis *redis)
{
	if (redis->to_write)
		write_commands(redis);
}
