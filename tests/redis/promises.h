/*
 * Checks the promises of docs/queue.md against the users' answers and the store's sets. It uses no formula of the queue
 * or of the model, only the order in which users came and a clock that is never set.
 */
#ifndef TESTS_REDIS_PROMISES_H
#define TESTS_REDIS_PROMISES_H

#include "model.h"

/* A trace begins. A failure prints `name`. */
void		 promises_start(const char *name, int64_t opens, bool draw);

/* Time has passed; or the clock was set by `us` without time passing. */
void		 promises_passed(int64_t us);
void		 promises_clock_set(int64_t us);

/* The store has lost everything. */
void		 promises_store_lost(void);

/* The store writes its file; another Redis process continues with that file. */
void		 promises_store_kept(void);
void		 promises_store_restarted(void);

/* Operators have changed the settings to these rules. */
struct rules {
	bool		paused;
	int64_t		closes;		/* when the sale ends, by the store's clock; 0: never */
	int64_t		max_active, admit, ttl;
};
void		 promises_rules(struct rules rules);

/* A user's answer of enter, or of status. */
void		 promises_entered(int user, struct place place, int64_t clock);
void		 promises_asked(int user, struct place place);

/* The user gave up the place or used it; or left with the token of any place. */
void		 promises_given_up(int user);
void		 promises_left(int user, struct place place);

/* Reads and checks the sets: after a tick, and after any other call. */
void		 promises_ticked(int64_t clock);
void		 promises_look(void);

/* How many users the trace has admitted, and how many lost places came back after a restart. */
int64_t		 promises_admitted(void);
int64_t		 promises_restored(void);

#endif
