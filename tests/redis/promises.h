/*
 * What docs/queue.md promises, held against what people are answered and who
 * stands in the store's sets. It knows none of the queue's formulas and nothing
 * of the model's: only who came when, by a clock that is never set.
 */
#ifndef TESTS_REDIS_PROMISES_H
#define TESTS_REDIS_PROMISES_H

#include "model.h"

/* A trace begins; `name` is said with whatever fails. */
void		 promises_start(const char *name, int64_t opens, bool draw);

/* Time has passed; or the clock was set, by so much, and no time has passed. */
void		 promises_passed(int64_t us);
void		 promises_clock_set(int64_t us);

/* The store has lost everything. */
void		 promises_store_lost(void);

/* What the store has now is in its file; another server goes on with that. */
void		 promises_store_kept(void);
void		 promises_store_restarted(void);

/* Operators have changed something. The rules are what they have set. */
struct rules {
	bool		paused;
	int64_t		closes;		/* when the sale ends, by the clock; 0: never */
	int64_t		max_active, admit, ttl;
};
void		 promises_rules(struct rules rules);

/* What a user was answered by enter, or by status. */
void		 promises_entered(int user, struct place place, int64_t clock);
void		 promises_asked(int user, struct place place);

/* The user gave a place up, or used it; or left with a token, of whatever place. */
void		 promises_given_up(int user);
void		 promises_left(int user, struct place place);

/* After a tick, and after any other call: looks at the sets. */
void		 promises_ticked(int64_t clock);
void		 promises_look(void);

/* How many have been admitted in all of the trace, and how many came back whom a restart had lost. */
int64_t		 promises_admitted(void);
int64_t		 promises_restored(void);

#endif
