/*
 * Drives admission: every worker calls queue3_tick for each schedule with users in
 * its queue. The function decides by Redis' clock how many users it admits, so more
 * workers only make admission more punctual.
 *
 * A worker ticks the queues that users have asked it about, and those in the set
 * `queues` in Redis. Workers add queues to the set, and read it once a second.
 */
#ifndef QUEUE_TICKER_H
#define QUEUE_TICKER_H

#include <stdint.h>

#include "queue_answers.h"
#include "queue_table.h"

extern const struct queue_part	ticker_part;

/* Registers the metrics. Runs in the parent process. */
void	 ticker_configure(void);

/* Begins to tick. Runs in each worker. */
void	 ticker_start(void);

/* A user is in this queue, so all workers tick it from now on. `has_come`: the user has just entered; tick it at once. */
void	 ticker_add(struct queue *queue, bool has_come);

/* The answer of the last tick; NULL if there was none yet. */
const struct tick_answer	*ticker_last(const struct queue *queue);

/* Was the last tick answered at most `ms` ago? */
bool	 ticker_is_recent(const struct queue *queue, uint64_t ms);

/*
 * For how long users have waited, as far as this worker knows, while the sale is open, the mode is not PAUSED and no user is admitted. 0:
 * the queue moves, or need not. It goes on to grow while ticks are not answered.
 */
uint64_t ticker_still_ms(const struct queue *queue);

/*
 * Reads the queues that other workers have added, up to 1,000 of them, as every second. `cb` runs once, later; `ok` is false if Redis does
 * not answer. After it, ticker_each_live knows the queues.
 */
typedef void (*ticker_learned_cb)(bool ok, void *arg);
void	 ticker_learn(ticker_learned_cb cb, void *arg);

/*
 * ADMISSIONS_MAX_PER_SECOND, and the share that each queue has of it now: users per QUEUE_TICK_SPEED_SCALE seconds. 0: no
 * limit.
 */
int64_t	 ticker_admissions_max(void);
int64_t	 ticker_admissions_share(void);

/* Calls `each` for the queues that may have users: those that this worker ticks. */
void	 ticker_each_live(void (*each)(struct queue *));

/* Calls `each` for the queues that have users and whose last tick is recent enough to be shown. */
void	 ticker_each_shown(void (*each)(struct queue *));

#endif
