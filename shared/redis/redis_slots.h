/* The slots of a Redis Cluster: which keys they have, and which node has them. */
#ifndef CT_REDIS_SLOTS_H
#define CT_REDIS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "redis/redis_node.h"

#define REDIS_SLOTS	16384

/*
 * Returns the slot of a key: CRC16 (XMODEM) of its hash tag, which is the text between the first '{' and the next '}', or
 * of the whole key if there is no such text. So a tag alone has the slot of all keys with it.
 */
uint16_t	 redis_slot(const char *key, size_t length);

/* Calls each(range) for each range in the answer of CLUSTER SLOTS. Returns false if the answer has another form. */
struct redis_slot_range {
	uint16_t		first, last;
	struct redis_address	master;		/* "": the node that was asked */
};
typedef void (*redis_slots_cb)(const struct redis_slot_range *range, void *arg);
bool		 redis_slots_each(const redisReply *reply, redis_slots_cb each, void *arg);

/* An error by which a node sends a command elsewhere. */
enum redis_redirect {
	REDIS_REDIRECT_NONE,
	REDIS_REDIRECT_MOVED,	/* the slot is at another node */
	REDIS_REDIRECT_ASK,	/* this command is to go to another node, after ASKING */
	REDIS_REDIRECT_AGAIN	/* the keys are being moved: repeat the command later */
};
struct redis_target {
	uint16_t		slot;
	struct redis_address	at;		/* "": the node that answered, at another port */
};

/* Decodes the text of an error. *target_r is set for MOVED and ASK. */
enum redis_redirect	 redis_redirect(const char *error, struct redis_target *target_r);

#endif
