/*
 * The commands that call the Redis functions of the queue
 * (services/queue/redis/library.lua), with the names of the keys.
 *
 * The queue service owns the keys. The reservation service calls two functions:
 * queue3_check, to see whether a token's place is ACTIVE, and queue3_use, to note
 * that a hold was made with it. Both services build their commands here, so only
 * this module and the Lua code know the keys.
 */
#ifndef CT_QUEUE_STORE_H
#define CT_QUEUE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "auth/queue_token.h"
#include "base/ids.h"

/*
 * The number of keys of a schedule. All have one hash tag, so that Redis Cluster
 * keeps them on one node. Every function takes all of them, in the order of library.lua.
 */
#define CT_QUEUE_KEYS		8

/* A command is about at most this many users. That many fit with the longest arguments. */
#define CT_QUEUE_PEOPLE_MAX	64

/* A Redis command in the form of the protocol. 8 KiB, so no allocation is necessary. */
struct ct_queue_command {
	char		schedule[CT_UUID_TEXT];	/* the hash tag of its keys */
	unsigned	argc;
	size_t		used;
	char		bytes[8192];
};

enum ct_queue_state {
	CT_QUEUE_UNKNOWN,	/* no answer, or an error: Redis cannot be asked now */
	CT_QUEUE_WAITING,
	CT_QUEUE_ACTIVE,
	CT_QUEUE_USED,
	CT_QUEUE_EXPIRED
};

/* Begins "FCALL function 8 keys..." for `schedule`. The calls below append the arguments. */
void	 ct_queue_command_init(struct ct_queue_command *command, const char *function,
	     const struct ct_uuid *schedule);
/* Begins "command key" with the key of the waiting users, a sorted set by seq. The queue service reads it. */
void	 ct_queue_read_init(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule);
void	 ct_queue_command_bytes(struct ct_queue_command *command, const void *data, size_t len);
void	 ct_queue_command_text(struct ct_queue_command *command, const char *text);
void	 ct_queue_command_number(struct ct_queue_command *command, int64_t number);

/* Appends the three arguments that name a place: user (16 bytes), seq, store generation. */
void	 ct_queue_command_place(struct ct_queue_command *command, const struct ct_queue_token *token);

/* Ends the command, and returns its text for ct_redis_send. The text is inside `command`. Append nothing afterwards. */
const char	*ct_queue_command_end(struct ct_queue_command *command, size_t *length_r);

/*
 * Builds queue3_check: the state of the token's place. It changes nothing.
 * ct_queue_store_state decodes the answer.
 */
void	 ct_queue_store_check(const struct ct_queue_token *token, struct ct_queue_command *command_r);

/*
 * Builds queue3_use: the token's place is used for good. Send it after the hold is
 * committed, and again if a hold is refused with QUEUE_TOKEN_USED, because after a
 * store loss Redis may not know the use. It may be repeated, and answers USED.
 */
void	 ct_queue_store_use(const struct ct_queue_token *token, struct ct_queue_command *command_r);

/* Decodes the answer of queue3_check or queue3_use. `reply` may be NULL or an error. */
enum ct_queue_state	 ct_queue_store_state(const redisReply *reply);

#endif
