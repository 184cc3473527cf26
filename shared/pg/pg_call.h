/* One call of an SQL function, from ct_pg_call to its answer, and how many calls are in which state. */
#ifndef CT_PG_CALL_H
#define CT_PG_CALL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pg/pg.h"
#include "pg/pg_statement.h"
#include "pg/pg_trace.h"

#define PG_BATCH_MAX	512	/* the most calls of one send, also if the statement declares more */

struct pg_queue;

enum pg_call_state {
	PG_CALL_NEW,
	PG_CALL_REFUSED,	/* not accepted; answered in the next turn of the loop */
	PG_CALL_WAITING,	/* in a list of its queue */
	PG_CALL_SENT,		/* given to a connection */
	PG_CALL_ANSWERED,	/* its callback runs; it is freed afterwards */
	PG_CALL_STATES
};

/* The texts of the arguments follow in the same allocation. */
struct pg_call {
	TAILQ_ENTRY(pg_call)		 list;
	enum pg_call_state		 state;		/* written by pg_call_set_state only */
	const struct pg_statement	*statement;
	struct pg_queue			*queue;
	ct_pg_cb			 cb;
	void				*arg;
	uint64_t			 number;	/* order of arrival: the lowest has waited longest */
	uint64_t			 queued_ms;
	const char			*order;		/* for pg_sql_sort: the lock key */
	unsigned			 position;	/* for pg_sql_sort: the place before sorting */
	unsigned			 attempts;	/* sends of it alone that ended in a repeat */
	bool				 alone;		/* it was in a batch that failed as a whole */
	size_t				 bytes;		/* of its arguments */
	struct pg_trace			 trace;
	const char			*args[];	/* one for each type; NULL is SQL null */
};

TAILQ_HEAD(pg_calls, pg_call);

/* The calls of one client. Written by the functions of pg_call.c only. */
struct pg_counts {
	unsigned	 in[PG_CALL_STATES];
	uint64_t	 numbers;	/* calls ever made */
	bool		 accepting;	/* ct_pg_call runs: no callback may run */
};

/* A new call with a copy of its arguments. */
struct pg_call	*pg_call_new(struct pg_counts *counts, const struct pg_statement *statement, struct pg_queue *queue,
		     const char *const *args, ct_pg_cb cb, void *arg);

/*
 * The only function that changes a call's state. Asserts that the change is allowed: NEW -> REFUSED or WAITING, WAITING ->
 * SENT, SENT -> WAITING (it is sent again), and REFUSED, WAITING or SENT -> ANSWERED.
 */
void		 pg_call_set_state(struct pg_counts *counts, struct pg_call *call, enum pg_call_state state);

/* Runs the callback, the only time, and frees the call. The call is in no list any more. */
void		 pg_call_answer(struct pg_counts *counts, struct pg_call *call, const struct ct_outcome *outcome);
void		 pg_call_fail(struct pg_counts *counts, struct pg_call *call, enum ct_error error);

/* Returns false if no client waits for the answer any more (ct_pg_statement.wanted). */
bool		 pg_call_is_wanted(const struct pg_call *call);

/* Returns the number of accepted or refused calls without an answer. */
unsigned	 pg_call_pending(const struct pg_counts *counts);

#endif
