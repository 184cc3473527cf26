/*
 * Background work: the work that needs no request, such as sending events or ending holds that ran out. All of it has
 * the same shape:
 *
 * - Every worker of every instance tries, every interval_ms. The SQL function of
 *   the work decides by a lock or a lease which worker does it.
 * - One call does one bounded batch in its own transaction. The next batch follows
 *   at once if the batch was full, else at the next tick.
 * - All progress is in the database. If a worker dies, another one continues with
 *   the next batch, as soon as the lock is free or the lease has ended.
 * - The answer says how much is left, which is the metric of the work.
 *
 * A store that cannot be reached is reported by its client; the next tick tries
 * again. Other failures are logged, at most once a minute for each work.
 */
#ifndef CT_BACKGROUND_WORK_H
#define CT_BACKGROUND_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/metrics.h"
#include "pg/pg.h"

/* How long the number of items that are left is shown without a new answer, besides three intervals of the work. */
#define CT_WORK_LEFT_LIVES_MS	10000

enum ct_work_next {
	CT_WORK_DONE,	/* the batch is done; the next tick calls again */
	CT_WORK_MORE,	/* the batch was full: call the function again at once */
	CT_WORK_PENDING	/* the batch goes on elsewhere, and ends with ct_work_go_on */
};

/* Static data of the owner, one for each kind of work in a worker. */
struct ct_work {
	const char			*name;		/* "sweep": label of the metric, and in log lines */
	const struct ct_pg_statement	*batch;		/* the SQL function that takes the lock and does one batch */
	uint64_t			 interval_ms;
	/*
	 * Fills in the arguments of `batch`; texts must live until ct_pg_call has copied
	 * them. False: do not call it now.
	 */
	bool				(*prepare)(const char *args[CT_PG_ARGS_MAX]);
	/*
	 * Reads the answer. `body` is NULL if the call failed, which is logged already;
	 * the result is ignored then.
	 */
	enum ct_work_next		(*answered)(const cJSON *body, const char *text);
	/*
	 * The member of the answer with the number of items that are due and not done;
	 * absent counts as 0, as where another worker has the lock.
	 */
	const char			*left_member;
	/*
	 * One worker has the lease from batch to batch, so that only its number is not 0. Without a
	 * lease every worker sees the same number, and the first worker of an instance reports it.
	 */
	bool				 leased;

	/* Set by ct_work_configure; an owner that has a metric of its own sets this instead. */
	struct ct_metric		*left;

	/* The library's. */
	struct ct_pg			*pg;
	uint64_t			 logged_ms;
	bool				 running, wanted;
};

/* Parent: registers background_left{work="<name>"}. It is absent while the database does not answer. interval_ms must be set. */
void	 ct_work_configure(struct ct_work *work);

/* Worker: from now on the work runs every interval_ms. */
void	 ct_work_start(struct ct_work *work, struct ct_pg *pg);

/* There may be news: runs a batch now, or as soon as the running one ends and `prepare` agrees. */
void	 ct_work_now(struct ct_work *work);

/* Call it when `prepare` may return true again. Runs the batch that ct_work_now has asked for, if there is one. */
void	 ct_work_resume(struct ct_work *work);

/* Ends a CT_WORK_PENDING batch, with CT_WORK_DONE or CT_WORK_MORE. */
void	 ct_work_go_on(struct ct_work *work, enum ct_work_next next);

/* Returns the number of that member, 0 if there is none. */
double	 ct_work_number(const cJSON *body, const char *member);

#endif
