/*
 * Decodes the answers of the queue's Redis functions (services/queue/redis) into
 * structs. Every function checks the types and the number of all elements. It
 * returns false if they differ from what this release expects, or if `reply` is
 * NULL or an error; then nothing is written.
 *
 * The answers of queue3_check and queue3_use are decoded by ct_queue_store_state.
 */
#ifndef QUEUE_QUEUE_ANSWERS_H
#define QUEUE_QUEUE_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "queue_constants.h"

enum queue_mode {
	QUEUE_MODE_NEW,		/* this Redis process does not keep the queue: recovery_state_begin, then again */
	QUEUE_MODE_OPEN,
	QUEUE_MODE_PAUSED,	/* admits nobody */
	QUEUE_MODE_CLOSED	/* gives no new places */
};

enum place_state {
	PLACE_WAITING,
	PLACE_ACTIVE,
	PLACE_USED,
	PLACE_EXPIRED,
	PLACE_CLOSED,	/* no place: the mode is CLOSED */
	PLACE_FULL,	/* no place: maxWaiting users wait */
	PLACE_NEW,	/* as QUEUE_MODE_NEW */
	PLACE_ASK	/* of an earlier generation, and may have been used: the database knows */
};

struct place {
	enum place_state	state;
	int64_t			seq;
	int64_t			generation;	/* of the store, or of the token that asked */
	int64_t			position;	/* 1: the next; 0 unless WAITING */
	int64_t			active_until_ms;
	int64_t			wait;		/* seconds; -1: not known */
	bool			is_new;
	bool			paused;		/* the queue's mode is PAUSED */
};

/* The head of the answers of queue3_enter and queue3_status. */
struct place_answers {
	size_t		count;		/* of users */
	int64_t		speed;		/* users per QUEUE_SPEED_SCALE seconds; 0: not known; QUEUE_SPEED_PAUSED */
	int64_t		opens_in_ms;	/* until the sale opens; 0: it has opened */
};

enum begin_result { BEGIN_NOT_NEEDED, BEGIN_NEW_GENERATION, BEGIN_AFTER_RESTART, BEGIN_RESULTS };

struct tick_answer {
	enum queue_mode	mode;		/* QUEUE_MODE_NEW: the rest is 0 */
	int64_t		waiting, active;
	int64_t		admitted, expired, abandoned;		/* by this tick */
	int64_t		generation, last, admitted_to, ended;	/* for the recovery state */
	int64_t		speed;		/* users per QUEUE_TICK_SPEED_SCALE seconds */
};

/* A sampled user whom a tick admitted: the estimate on entering, and the real wait. */
struct tick_waits {
	size_t		count;
	struct {
		int64_t	told_ms, waited_ms;
	}		at[QUEUE_ADMIT_MAX];
};

/* The fields that operators set, as texts: mode, max_active, admit, max_waiting, ttl. */
#define OPERATOR_FIELDS	5

struct control_answer {
	enum queue_mode	mode;		/* QUEUE_MODE_NEW: nothing was set */
	int64_t		max_active, admit, max_waiting, ttl;
	int64_t		waiting, active, admitted, used, expired;
	const char	*updated_by;	/* "": nobody. This and the fields below live as long as the reply */
	int64_t		updated_at_ms;
	int64_t		revision;
	const char	*set[OPERATOR_FIELDS];	/* "": not set */
};

/* Reads the head; `users` is how many users the command was about. */
bool	 queue_answers_places(const redisReply *reply, size_t users, struct place_answers *answers_r)
	     __attribute__((warn_unused_result));

/*
 * The answer about user `i`, after queue_answers_places. `asked` is the place that queue3_status was asked about; NULL for
 * queue3_enter.
 */
bool	 queue_answers_place(const redisReply *reply, const struct place_answers *answers, size_t i,
	     const struct place *asked, struct place *place_r) __attribute__((warn_unused_result));

bool	 queue_answers_begin(const redisReply *reply, enum begin_result *result_r) __attribute__((warn_unused_result));
bool	 queue_answers_leave(const redisReply *reply, bool *had_place_r) __attribute__((warn_unused_result));
bool	 queue_answers_tick(const redisReply *reply, struct tick_answer *answer_r, struct tick_waits *waits_r)
	     __attribute__((warn_unused_result));
/*
 * Returns the wait of a user behind `waiting` others at the speed of the tick: seconds, rounded up. -1 if nobody is
 * admitted. The time until the sale opens is not part of it.
 */
int64_t	 queue_answers_tick_wait(const struct tick_answer *tick, int64_t waiting);
bool	 queue_answers_control(const redisReply *reply, struct control_answer *answer_r)
	     __attribute__((warn_unused_result));

/* A waiting place that is known from its position, and from the speed and the opening of a place_answers. */
struct place	 queue_answers_waiting(const struct place *asked, int64_t position, int64_t speed, int64_t opens_in_ms);

const char	*queue_answers_mode_name(enum queue_mode mode);
const char	*queue_answers_state_name(enum place_state state);

#endif
