/*
 * What this worker knows of each schedule's queue: a bounded table. The facts
 * about the schedule come from the database (facts.c), whether anybody is in
 * the queue from the store (ticker.c).
 */
#ifndef QUEUE_QUEUES_H
#define QUEUE_QUEUES_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/ids.h"
#include "sale.h"

#define QUEUES_MAX	8192

/* What is asked of a place: a quick look, queue2_status, queue2_enter. */
enum place_kind { PLACE_LOOK, PLACE_STATUS, PLACE_ENTER, PLACE_KINDS };

struct copy;
struct facts_wait;
struct place_call;

struct queue {
	struct queue		*next;		/* of the same bucket */
	struct ct_uuid		 schedule;
	char			 schedule_text[CT_UUID_TEXT];
	uint64_t		 used_ms;	/* when it was last looked up */

	/* facts.c */
	char			 concert[CT_UUID_TEXT];
	struct sale		 sale;
	int64_t			 seats_left;
	bool			 draw;		/* who comes before the opening is drawn */
	uint8_t			 draw_seed[32];
	uint64_t		 facts_ms;	/* when all of them were read; 0: never */
	uint64_t		 sale_ms;	/* when those without seats_left were read; 0: never */
	uint64_t		 asked_ms;
	uint64_t		 window_ms;	/* the second in which asked_in_window were asked */
	unsigned		 asked_in_window;
	bool			 asking;
	bool			 ask_failed;
	bool			 asks_all;	/* the question under way is about seats_left too */
	struct facts_wait	*waiting;	/* oldest first */
	struct facts_wait	*waiting_last;

	/* ticker.c */
	bool			 live;		/* somebody waits or is ACTIVE, as far as known */
	bool			 ticking;	/* a tick is under way */
	bool			 awake;		/* a user has entered since the last tick was sent */
	uint64_t		 tick_sent_ms;
	bool			 empty;		/* as the last tick said, and nobody has come since */
	int64_t			 waits;		/* how many wait and are ACTIVE, as the last tick said */
	int64_t			 active;
	int64_t			 speed;		/* thousandths of a person a second leave the front of the line */
	char			 mode[8];
	uint64_t		 ticked_ms;	/* when that was; 0: never */
	uint64_t		 begun_ms;	/* when the ticker last had it begun */

	/* copies.c */
	struct copy		*copy;		/* of who stands in line; NULL: none */

	/* memory.c: what the database was last told */
	struct progress {
		int64_t		epoch, last, admitted_to, ended;
	}			 saved;
	uint64_t		 saved_ms;
	bool			 saving;

	/* places.c: who gathers for the next call of that kind, first come first */
	struct place_calls {
		struct queue		*queue;
		struct place_call	*first, *last;
		unsigned		 gathered;
		unsigned		 put_back;	/* so many in front wait for the queue to begin */
		unsigned		 under_way;
		bool			 begun;		/* the store had the queue when it was last asked */
		bool			 turn_set;	/* to be sent in the next turn of the loop */
		bool			 resting;	/* a call has been sent this very moment */
	}			 calls[PLACE_KINDS];
};

/* The schedule's entry, or NULL if it has none. */
struct queue	*queues_find(const struct ct_uuid *schedule);

/*
 * The schedule's entry, made if need be; one that was not used for long makes room.
 * NULL if all are busy, which takes QUEUES_MAX queues with people in them.
 * Entries stay where they are; one that is live, asking, ticking, saving, with a
 * copy, people who gather or a call under way is never given to another schedule.
 */
struct queue	*queues_get(const struct ct_uuid *schedule);

/* Calls `each` for all entries. */
void		 queues_each(void (*each)(struct queue *));

/* Calls `each` for all live queues. */
void		 queues_each_live(void (*each)(struct queue *));

#endif
