/*
 * Admission's clockwork: every worker calls queue2_tick for each schedule with
 * people in its queue. How many are admitted is the function's to say, by
 * Redis' clock; more workers only make it more punctual.
 *
 * Which schedules: those people asked this worker about, and those other
 * workers have put into the set `queues`, read once a second.
 */
#ifndef QUEUE_TICKER_H
#define QUEUE_TICKER_H

#include "ct/buf.h"
#include "queues.h"

/* Registers metrics. Parent. */
void	 ticker_configure(void);

/* Begins to tick. Worker. */
void	 ticker_start(void);

/* A user is in this queue: all workers tick it from now on. `has_come`: the user has just entered, so tick it at once. */
void	 ticker_add(struct queue *queue, bool has_come);

/* Appends the gauges of each live queue, labelled with its schedule. */
void	 ticker_print_metrics(struct ct_buf *buf);

#endif
