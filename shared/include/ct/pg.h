/*
 * PostgreSQL for one worker: libpq on the event loop, a small pool, prepared
 * statements, and batches.
 *
 * A service says "call this function with these arguments" and gets one
 * platform.reply back. It cannot tell whether its call went alone: while two
 * sends of a statement are in flight, further calls of it gather, and the next
 * send carries them all as arrays (function called once a row, by LATERAL, rows in
 * lock order). On an idle system every call is sent at once (in the next turn of
 * the loop).
 */
#ifndef CT_PG_H
#define CT_PG_H

#include <stdbool.h>
#include <stddef.h>

#include "ct/error.h"

#define CT_PG_ARGS_MAX	16

/*
 * One SQL function that a service may call; static const data: it is known by
 * its address. At most 64 a worker.
 */
struct ct_pg_statement {
	const char	*function;	/* "reservation.hold" */
	const char	*args;		/* SQL types in order: "uuid, uuid, uuid[], text" */
	unsigned	 batch_max;	/* rows one send may carry, up to 512; 1: never gathered */
	int		 order_by;	/* index of the argument that orders rows (lock order), -1: as they came */
	bool		 write;		/* an answer that never came is then "uncertain" */

	/*
	 * For sends of two calls and more, or NULL: a function that does at once
	 * what `function` does call by call. It takes a text[] for each of `args`,
	 * an element a call, and returns rows of n (from 1: which call) and
	 * platform.reply's columns. Where the database does not have it yet, or it
	 * fails, the calls go alone, through `function`.
	 */
	const char	*many;
};

/*
 * What became of a call. Pointers live until the callback returns.
 *
 * error is CT_OK: the function answered: `outcome` is OK, CREATED, ACCEPTED,
 *   NO_CONTENT, NOT_MODIFIED or an error code of error.h, `body` the JSON it
 *   answered with (for an error code: the extra members of the problem, an
 *   object; may be NULL), `request_id` that of the request that made the body.
 * CT_SERVICE_UNAVAILABLE: the call was certainly not carried out (never sent,
 *   or a read).
 * CT_OUTCOME_UNKNOWN: a write was sent and no answer came: it may have
 *   happened. Never reported as a failure.
 * CT_IDEMPOTENCY_KEY_IN_USE, CT_INTERNAL_ERROR: rolled back, see
 *   ct_error_from_sqlstate. (A deadlock or serialisation failure is first run
 *   again, three times in all; then it is CT_SERVICE_UNAVAILABLE.)
 */
struct ct_outcome {
	enum ct_error	 error;
	const char	*outcome;
	const char	*body;
	size_t		 body_length;
	const char	*etag;
	const char	*request_id;
	bool		 replayed;
};

/* Runs exactly once for each accepted call, from the loop, never before ct_pg_call returns. */
typedef void (*ct_pg_cb)(const struct ct_outcome *outcome, void *arg);

struct ct_pg;

/*
 * PG_CONNINFO (libpq's; no password in it, use passfile=), PG_POOL_SIZE,
 * PG_TIMEOUT_MS, PG_QUEUE_MAX. A host's name is looked up now and never again.
 * PG_TIMEOUT_MS limits the wait for a connection and, once more, that for the
 * answer; the server ends a statement on its own after four fifths of it.
 */
void		 ct_pg_configure(void);

/*
 * Starts connecting in the background and keeps trying (100 ms doubling to 2 s,
 * with jitter). One a worker.
 */
struct ct_pg	*ct_pg_init(void);

/*
 * Closes all connections; calls still waiting end with CT_SERVICE_UNAVAILABLE or
 * CT_OUTCOME_UNKNOWN before this returns. Not from a callback.
 */
void		 ct_pg_deinit(struct ct_pg **pg);

/* At least one connection is usable now. */
bool		 ct_pg_ready(const struct ct_pg *pg);

/*
 * Calls stmt->function with `args`, one text for each type in stmt->args, NULL
 * for SQL null; copied before this returns. If too many calls wait already, or
 * no connection has been usable for a second, the callback says
 * CT_SERVICE_UNAVAILABLE. A batch that fails as a whole is sent again row by
 * row, so a neighbour's failure is never seen here.
 */
void		 ct_pg_call(struct ct_pg *pg, const struct ct_pg_statement *stmt,
		     const char *const *args, ct_pg_cb cb, void *arg);

/* Calls accepted and not yet answered: what a worker waits for before it ends. */
unsigned	 ct_pg_pending(const struct ct_pg *pg);

#endif
