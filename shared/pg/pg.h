/*
 * The PostgreSQL client of one worker: libpq on the event loop, with a small pool of connections, prepared statements and
 * batches.
 *
 * A service calls one SQL function with its arguments and gets one platform.reply, whether the call was sent alone or in a
 * batch. While two sends of a statement are in flight, further calls of it wait. The next send carries them all as arrays,
 * and the function runs once for each row (LATERAL), in lock order. On an idle system each call is sent in the next turn of
 * the loop.
 */
#ifndef CT_PG_H
#define CT_PG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/store_state.h"

#define CT_PG_ARGS_MAX	16	/* arguments of an SQL function */

/*
 * One SQL function that a service may call: static const data, known by its address. A worker may call 64 of them, which
 * is asserted.
 */
struct ct_pg_statement {
	const char	*function;	/* "reservation.hold" */
	const char	*args;		/* SQL types in order: "uuid, uuid, uuid[], text" */
	unsigned	 batch_max;	/* calls that one send may carry, 1 to 512; 1: no batches */
	int		 order_by;	/* index of the argument that orders the calls of a batch (lock order); -1: as they came */
	bool		 write;		/* true: without an answer the outcome is CT_ERROR_OUTCOME_UNKNOWN */

	/*
	 * The function for sends of two calls and more, or NULL. It does the work of
	 * `function` for many calls at once. It takes a text[] for each of `args`, with
	 * one element for each call. It returns rows of n (the number of the call, from 1)
	 * and platform.reply's columns. If the database does not have it yet, or it fails,
	 * each call is sent alone through `function`.
	 */
	const char	*many;

	/*
	 * The function for work that takes longer than the time limit of a statement, or
	 * NULL; batch_max is 1 then. While the outcome is MORE, the client calls `next` with the last answer's
	 * body as its one argument (a text). All calls are one transaction, which commits
	 * at another outcome. Each call has a statement's time limit for itself; the
	 * transaction has none. One transaction of a statement runs at a time. Other calls
	 * wait for at most five minutes, at most an eighth of PG_QUEUE_MAX of them; more are
	 * refused at once. The outcome is unknown only after COMMIT is sent.
	 */
	const char	*next;

	/*
	 * With `next`, or NULL: returns true while a client waits for the answer. `arg`
	 * is that of ct_pg_call. The library asks while the call waits, between the calls
	 * of its transaction, and before the commit. If no client waits, the transaction
	 * is rolled back or never begun: CT_ERROR_SERVICE_UNAVAILABLE.
	 */
	bool		(*wanted)(const void *arg);
};

/*
 * What happened to a call. Pointers live until the callback returns. By `error`:
 *
 * CT_OK: the function answered. `outcome` is OK, CREATED, ACCEPTED, NO_CONTENT, NOT_MODIFIED or an error code of error.h.
 *   `body` is its JSON; for an error code an object with extra members of the problem, or NULL. `request_id` is that of
 *   the request that made the body.
 * CT_ERROR_SERVICE_UNAVAILABLE: the call was certainly not carried out, or it was a read.
 * CT_ERROR_OUTCOME_UNKNOWN: a write was sent and no answer came, so it may have happened. Never report it as a failure.
 * CT_ERROR_IDEMPOTENCY_KEY_IN_USE, CT_ERROR_INTERNAL_ERROR: the call was rolled back, see ct_error_from_sqlstate. (After a
 *   deadlock or serialisation failure the client sends the call again, three times in all; then it is
 *   CT_ERROR_SERVICE_UNAVAILABLE.)
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

/*
 * Runs exactly once for each call, from the event loop, never before ct_pg_call returns. `arg` is that of ct_pg_call. The
 * callback may make calls. It must not call ct_pg_deinit.
 */
typedef void (*ct_pg_cb)(const struct ct_outcome *outcome, void *arg);

struct ct_pg;

/*
 * Reads the settings, in the parent: PG_CONNINFO (libpq's, with one host or a list; no password in it, use passfile=),
 * PG_POOL_SIZE, PG_TIMEOUT_MS, PG_QUEUE_MAX. Addresses of names are looked up now, and again in a thread after failed attempts.
 * PG_TIMEOUT_MS limits the wait for a connection and, once more, the wait for the answer. The server ends a statement after
 * four fifths of it.
 */
void		 ct_pg_configure(void);

/* Starts connecting in the background, with the pauses of base/backoff.h. One client a worker, which is asserted. */
struct ct_pg	*ct_pg_init(void);

/*
 * Closes all connections and frees the client. Before it returns, each waiting call ends with
 * CT_ERROR_SERVICE_UNAVAILABLE, and each sent one with CT_ERROR_SERVICE_UNAVAILABLE or CT_ERROR_OUTCOME_UNKNOWN. Must not be
 * called from a callback of this client, which is asserted. Sets *pg to NULL.
 */
void		 ct_pg_deinit(struct ct_pg **pg);

/* Returns true while at least one connection is usable. */
bool		 ct_pg_ready(const struct ct_pg *pg);

/*
 * Returns CT_STORE_UP if a connection is usable and the server takes writes, as far as this client knows. Otherwise why not:
 * the reason of the last failed connection, a write that the server refused for lack of something in the last 10 seconds, or
 * CT_STORE_DOWN if a statement or a probe (PG_PROBE_MS) got no answer in time and the server has answered nothing since it was sent.
 */
enum ct_store_state	 ct_pg_state(const struct ct_pg *pg);

/*
 * Calls stmt->function with `args`, one text for each type in stmt->args, NULL for SQL null. They are copied. If
 * PG_QUEUE_MAX calls wait already, or no connection has been usable for a second, the callback gets
 * CT_ERROR_SERVICE_UNAVAILABLE in the next turn of the loop. If a batch fails as a whole, its calls are sent again one by
 * one, so a call never gets the error of another one.
 */
void		 ct_pg_call(struct ct_pg *pg, const struct ct_pg_statement *stmt,
		     const char *const *args, ct_pg_cb cb, void *arg);

/* Returns the number of calls without an answer, for a worker that waits for them before it ends. */
unsigned	 ct_pg_pending(const struct ct_pg *pg);

#endif
