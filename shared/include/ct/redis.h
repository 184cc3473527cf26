/*
 * Redis for one worker: hiredis' asynchronous client on the event loop, one
 * connection, pipelined, with a deadline on every command and reconnection
 * with backoff.
 */
#ifndef CT_REDIS_H
#define CT_REDIS_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

struct ct_redis;

/*
 * `reply` is NULL if there was no answer (not connected, timed out, lost): a
 * write may then have happened. Otherwise it may be a REDIS_REPLY_ERROR. It
 * lives until the callback returns. Runs exactly once for each command, from the
 * loop, never before ct_redis_call or ct_redis_send returns.
 */
typedef void (*ct_redis_cb)(const redisReply *reply, void *arg);

/*
 * REDIS_HOST (a name is looked up now and never again), REDIS_PORT,
 * REDIS_USER (empty: Redis' default user), REDIS_PASSWORD_FILE (required in
 * production and with REDIS_USER), REDIS_TIMEOUT_MS.
 */
void		 ct_redis_configure(void);

/*
 * Connects in the background and keeps trying (100 ms doubling to 2 s).
 * on_connect, if not NULL, runs after every connection is made, before any
 * other command: the queue service loads its function library there. A server
 * that is still loading its data counts as not connected. One a worker.
 */
struct ct_redis	*ct_redis_init(void (*on_connect)(struct ct_redis *, void *), void *arg);

/* Disconnects; what is in flight is answered with NULL before this returns. Not from a callback. */
void		 ct_redis_deinit(struct ct_redis **redis);

/* Connected and answering. */
bool		 ct_redis_ready(const struct ct_redis *redis);

/* Not connected because the server refused REDIS_USER, its password or its rights. */
bool		 ct_redis_unauthorized(const struct ct_redis *redis);

/*
 * Sends one command of up to 64 arguments, binary safe and copied; `lens` may be
 * NULL for C strings. While not connected, or with 20,000 calls waiting, the
 * answer is NULL at once. A command without an answer after REDIS_TIMEOUT_MS
 * ends the connection, and with it all that were sent after it.
 */
void		 ct_redis_call(struct ct_redis *redis, int argc, const char *const *argv,
		     const size_t *lens, ct_redis_cb cb, void *arg);

/* The same with a command that is in Redis' own form already ("*1\r\n$4\r\nPING\r\n"), copied. */
void		 ct_redis_send(struct ct_redis *redis, const char *command, size_t length,
		     ct_redis_cb cb, void *arg);

/*
 * Commands are written in the next turn of the loop, all that were given till then at once. This writes them now; callbacks
 * may run meanwhile.
 */
void		 ct_redis_flush(struct ct_redis *redis);

/* Calls not yet answered in full, one of ct_redis_send being one: what a worker waits for before it ends. */
unsigned	 ct_redis_pending(const struct ct_redis *redis);

#endif
