/*
 * The Redis client of one worker: hiredis' asynchronous client on the event loop. It has one connection, sends commands
 * without waiting for the replies before them, has a time limit for each command, and reconnects by itself.
 */
#ifndef CT_REDIS_H
#define CT_REDIS_H

#include <stdbool.h>
#include <stddef.h>

#include <hiredis/hiredis.h>

#include "base/store_state.h"

#define CT_REDIS_ARGS_MAX	64	/* arguments of one command, its name among them */
#define CT_REDIS_PENDING_MAX	20000	/* commands that may wait for a reply */

struct ct_redis;

/*
 * Runs exactly once for each command, from the event loop, never before ct_redis_call or ct_redis_send returns.
 *
 * reply: the reply, which may be of type REDIS_REPLY_ERROR. It belongs to the client and lives until the callback
 *   returns. NULL: no reply, because the client is not connected, the time limit passed or the connection was lost. A
 *   write may have happened then.
 * arg: as passed with the command.
 *
 * The callback may send commands. It must not call ct_redis_deinit.
 */
typedef void (*ct_redis_cb)(const redisReply *reply, void *arg);

/*
 * Reads the settings, in the parent: REDIS_HOST (its address is looked up now and never again), REDIS_PORT, REDIS_USER
 * (empty: Redis' default user), REDIS_PASSWORD_FILE (required in production and with REDIS_USER), REDIS_TIMEOUT_MS.
 */
void		 ct_redis_configure(void);

/*
 * Starts connecting in the background, and connects again after each loss, with the pauses of base/backoff.h. One client
 * a worker.
 *
 * on_connect, if not NULL, runs from the event loop each time a connection is made, before any other command is accepted.
 * `arg` is passed on. The queue service loads its function library there.
 */
struct ct_redis	*ct_redis_init(void (*on_connect)(struct ct_redis *redis, void *arg), void *arg);

/*
 * Disconnects and frees the client. Before it returns, each command in flight is answered with NULL. Must not be called
 * from a callback of this client, which is asserted. Sets *redis to NULL.
 */
void		 ct_redis_deinit(struct ct_redis **redis);

/* Returns true while the client is connected and the server answers. A server that loads its data does not. */
bool		 ct_redis_ready(const struct ct_redis *redis);

/* Returns CT_STORE_UP while the client is ready, else why it is not. It does not know whether the server takes writes. */
enum ct_store_state	 ct_redis_state(const struct ct_redis *redis);

/*
 * Sends a command of `argc` arguments (asserted: 1 to CT_REDIS_ARGS_MAX) of `lens` bytes, which are copied. `lens` may be
 * NULL for C strings. While there is no connection, or CT_REDIS_PENDING_MAX commands wait, the callback gets NULL in the
 * next turn of the loop. If a command has no reply after REDIS_TIMEOUT_MS, the connection ends, and with it all commands
 * sent after that one.
 */
void		 ct_redis_call(struct ct_redis *redis, int argc, const char *const *argv,
		     const size_t *lens, ct_redis_cb cb, void *arg);

/* The same with a command in Redis' protocol ("*1\r\n$4\r\nPING\r\n") of `length` bytes, which are copied. */
void		 ct_redis_send(struct ct_redis *redis, const char *command, size_t length,
		     ct_redis_cb cb, void *arg);

/*
 * Writes the commands of this turn now. Without it they are written together in the next turn of the loop. Callbacks may
 * run meanwhile.
 */
void		 ct_redis_flush(struct ct_redis *redis);

/* Returns the number of commands without a reply, for a worker that waits for them before it ends. */
unsigned	 ct_redis_pending(const struct ct_redis *redis);

#endif
