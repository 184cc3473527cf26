/*
 * Copies of long lines. Where somebody stands is a look at a set of a million
 * for Redis, most of what a status cost it; so each worker keeps the seqs of
 * those who wait and counts for itself. Every twentieth of a second it reads
 * what has come and gone (queue2_line), and whether as many wait as it has; if
 * not it begins anew. Redis is asked for whom it does not have yet, and while it
 * is not right. A copy is never more than half a second old; whether a place
 * still is one is not taken from it.
 */
#ifndef QUEUE_COPIES_H
#define QUEUE_COPIES_H

#include <stdint.h>

#include "queues.h"

/* Registers the metrics; before the workers are made. */
void	 copies_configure(void);

/* Begins to keep copies of live queues in which QUEUE_COPY_FROM wait, as of the last tick; not before a draw. */
void	 copies_start(void);

/* copies_position will be called for `seq` soon. */
void	 copies_expect(const struct queue *queue, uint64_t seq);

/* How many stand at `seq` or before it, if that is known and somebody does; else 0, and the store has to be asked. */
int64_t	 copies_position(const struct queue *queue, uint64_t seq);

#endif
