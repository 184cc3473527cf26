/*
 * The schedule facts: concert, sale and the number of seats left, as the database has them. The facts are kept for
 * about a second. At most one question per schedule and worker is under way; further callers wait for its answer.
 *
 * Counting the seats of a large hall takes PostgreSQL some milliseconds, so it
 * happens at most once a second. A question without them reads one row.
 */
#ifndef QUEUE_SCHEDULE_FACTS_H
#define QUEUE_SCHEDULE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/trace_context.h"
#include "pg/pg.h"
#include "queue_table.h"
#include "sale.h"

struct schedule_facts {
	char		concert[CT_UUID_TEXT];
	struct sale	sale;
	int64_t		seats_left;
	bool		has_draw;	/* users who enter before the opening draw their places */
	uint8_t		draw_seed[32];
};

extern const struct queue_part	schedule_facts_part;

/* Arguments: concert (or NULL) and schedule. For questions that other callers do not share. */
extern const struct ct_pg_statement	schedule_facts_statement;

/* `error` is CT_OK (the facts are fresh), CT_ERROR_SCHEDULE_NOT_FOUND or CT_ERROR_SERVICE_UNAVAILABLE. */
typedef void (*schedule_facts_cb)(struct queue *queue, enum ct_error error, void *arg);

/* Memory for one caller that waits. It must live until the callback has run. */
struct schedule_facts_wait {
	struct schedule_facts_wait	*next;
	schedule_facts_cb		 cb;
	void				*arg;
	struct ct_trace			 trace;	/* the caller's; current in the callback */
};

/* The facts as last read, of whatever age; NULL if they were never read in full. */
const struct schedule_facts	*schedule_facts_get(const struct queue *queue);

/* The sale as last read, of whatever age; NULL if it was never read. */
const struct sale		*schedule_facts_sale(const struct queue *queue);

/*
 * True if a ticket may show the facts: they are at most two seconds old, or five
 * while the database has not answered, or it cannot answer. Asks in the background
 * if they are older than a second.
 */
bool	 schedule_facts_are_showable(struct queue *queue);

/* The same for gauges: false for facts of more than 10 seconds, even if the database does not answer. Old numbers look healthy. */
bool	 schedule_facts_are_recent(struct queue *queue);

/*
 * True if the facts may decide who enters. Up to 20 times a second the answer is
 * no, so that the caller asks the database and an operator's change holds at once.
 * In a rush the facts are up to a second old.
 */
bool	 schedule_facts_are_fresh(struct queue *queue);

/*
 * Until when the queue may admit, as far as this worker knows: Unix time in ms.
 * 0 if the sale is not on, or was last read more than 5 seconds ago. Asks in the
 * background if that is more than a second ago.
 */
int64_t	 schedule_facts_admit_until(struct queue *queue);

/* Asks, or waits for the question that is under way. `cb` runs once, later. */
void	 schedule_facts_ask(struct queue *queue, struct schedule_facts_wait *wait, schedule_facts_cb cb, void *arg);

#endif
