/*
 * The database's facts of a schedule: its concert, when it is on sale, how many
 * seats are left. Kept for about a second. At most one question
 * per schedule and worker is under way; other callers wait for its answer.
 * Counting the seats of a large hall takes PostgreSQL some milliseconds, so
 * they are counted at most once a second; a question without them reads one row.
 */
#ifndef QUEUE_FACTS_H
#define QUEUE_FACTS_H

#include <stdbool.h>

#include "ct/error.h"
#include "ct/pg.h"
#include "queues.h"

/* Arguments: concert (or NULL) and schedule. For questions whose answer no other caller may share. */
extern const struct ct_pg_statement	facts_statement;

/* `error` is CT_OK (the queue's facts are fresh), CT_SCHEDULE_NOT_FOUND or CT_SERVICE_UNAVAILABLE. */
typedef void (*facts_cb)(struct queue *queue, enum ct_error error, void *arg);

/* Room for one who waits; lives until the callback has run. */
struct facts_wait {
	struct facts_wait	*next;
	facts_cb		 cb;
	void			*arg;
};

/*
 * True if the facts at hand will do for showing them: some seconds old, or as
 * old as they are while the database does not answer. Asks anew in the
 * background when they are older than a second, or not there at all.
 */
bool	 facts_will_do(struct queue *queue);

/*
 * True if the facts at hand will do for deciding who may enter. Up to 20
 * times a second the database is asked instead, so that what an operator has
 * just changed holds at once; in a rush they are up to a second old.
 */
bool	 facts_are_fresh(struct queue *queue);

/*
 * Until when may the queue admit, as far as this worker knows? Unix time in ms;
 * 0: the sale is not open, or its state was last read more than 5 seconds ago.
 * Asks anew in the background when it is older than a second.
 */
int64_t	 facts_admit_until(struct queue *queue);

/* Asks, or waits for the question that is under way. `cb` runs once, later. */
void	 facts_ask(struct queue *queue, struct facts_wait *wait, facts_cb cb, void *arg);

#endif
