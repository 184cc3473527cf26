/*
 * The queue's functions as this service calls them: its settings as arguments,
 * and what they answer.
 */
#ifndef QUEUE_STORE_H
#define QUEUE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/queue_store.h"
#include "ct/redis.h"
#include "ct/request.h"

/* What a schedule starts with; operators change the last four for one schedule. */
struct store_settings {
	int64_t		patience_us;	/* a waiter not heard of for so long loses the place */
	int64_t		settle_us;	/* after a store loss nobody is admitted for so long */
	int64_t		tick_us;
	int64_t		max_active;
	int64_t		admit_per_second;
	int64_t		max_waiting;
	int64_t		active_ttl;	/* seconds */
};
extern struct store_settings	store_settings;

enum place_state {
	PLACE_WAITING,
	PLACE_ACTIVE,
	PLACE_USED,
	PLACE_EXPIRED,
	PLACE_CLOSED,	/* no place: nobody enters */
	PLACE_FULL,	/* no place: as many wait as may */
	PLACE_NEW,	/* the store has no such queue: memory_begin, then again */
	PLACE_ASK	/* of an earlier store, and may have been used: the database knows */
};

struct place {
	enum place_state	state;
	uint64_t		seq;
	uint64_t		epoch;		/* of the store, or of the token that asked */
	int64_t			position;	/* 1: the next; 0 unless WAITING */
	int64_t			active_until_ms;
	int64_t			wait;		/* seconds; -1: nobody can say */
	bool			is_new;
	bool			paused;		/* the queue's mode: it admits nobody */
};

/* Reads QUEUE_MAX_ACTIVE and its like; stops the start if they are wrong. */
void	 store_configure(void);

/* Appends all settings, in the functions' order. */
void	 store_append_settings(struct ct_queue_command *command);

/* Sends `command`, and with that ends it, on this worker's connection. */
void	 store_call(struct ct_queue_command *command, ct_redis_cb cb, void *arg);

/* Reads one person's answer of queue2_enter or queue2_status; false if it is none. */
bool	 store_place(const redisReply *reply, struct place *place_r) __attribute__((warn_unused_result));

/* Replies 503: the store cannot be asked now. */
void	 store_unavailable(struct ct_request *request);

/* An answer of `elements` elements (0: not an array), or 503 is replied and false returned. */
bool	 store_answered(struct ct_request *request, const redisReply *reply, size_t elements);

/* Notes in the log that Redis answered with an error; loads the library if that is what it misses. */
void	 store_failed(const char *request_id, const redisReply *reply);

#endif
