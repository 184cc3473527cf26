/*
 * How a schedule's queue is spoken to in Redis: the names of its keys and the
 * commands that call the queue's own functions (services/queue/redis/queue.lua).
 *
 * The queue service owns these keys. The reservation service asks and tells
 * it two things, through two functions: is this token's place ACTIVE
 * (queue2_check, reads only), and this place is used up (queue2_use). Both
 * build their commands here, so that nobody else knows a key's name.
 */
#ifndef CT_QUEUE_STORE_H
#define CT_QUEUE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "ct/ids.h"
#include "ct/queue_token.h"

/*
 * The keys of a schedule, all under one hash tag, so that Redis Cluster holds
 * them together. Every function takes all of them, in the order of queue.lua.
 */
#define CT_QUEUE_KEYS		9

/* How many people one command may be about: what fits whatever is said of each. */
#define CT_QUEUE_PEOPLE_MAX	64

/* One Redis command in Redis' own form. Big (8 KiB), no allocation. */
struct ct_queue_command {
	unsigned	argc;
	size_t		used;
	char		bytes[8192];
};

enum ct_queue_state {
	CT_QUEUE_UNKNOWN,	/* no answer, or an error: the store cannot be asked now */
	CT_QUEUE_WAITING,
	CT_QUEUE_ACTIVE,
	CT_QUEUE_USED,
	CT_QUEUE_EXPIRED
};

/* "FCALL function 9 keys..." for `schedule`; arguments follow by the calls below. */
void	 ct_queue_command_init(struct ct_queue_command *command, const char *function,
	     const struct ct_uuid *schedule);
/* "command key" of who waits (users by seq), for the queue service's own reads; the same. */
void	 ct_queue_read_init(struct ct_queue_command *command, const char *name, const struct ct_uuid *schedule);
void	 ct_queue_command_bytes(struct ct_queue_command *command, const void *data, size_t len);
void	 ct_queue_command_text(struct ct_queue_command *command, const char *text);
void	 ct_queue_command_number(struct ct_queue_command *command, int64_t number);

/* The three arguments that name a place: user (16 bytes), seq, epoch. */
void	 ct_queue_command_place(struct ct_queue_command *command, const struct ct_queue_token *token);

/* The whole command, for ct_redis_send; it is in `command`. Nothing can be appended any more. */
const char	*ct_queue_command_end(struct ct_queue_command *command, size_t *length_r);

/*
 * queue2_check: the state of the token's place, without changing anything.
 * Read the answer with ct_queue_store_state.
 */
void	 ct_queue_store_check(const struct ct_queue_token *token, struct ct_queue_command *command_r);

/*
 * queue2_use: the token's place is used up, for ever. To be sent after the
 * hold is committed, and again when a hold was refused with QUEUE_TOKEN_USED:
 * it may be repeated, and after a store loss it may be the first the store
 * hears of that place. Answers USED.
 */
void	 ct_queue_store_use(const struct ct_queue_token *token, struct ct_queue_command *command_r);

/* What queue2_check or queue2_use answered; `reply` may be NULL or an error. */
enum ct_queue_state	 ct_queue_store_state(const redisReply *reply);

#endif
