/*
 * Copies of answers that many readers ask for at once. This worker keeps each copy
 * for a moment, so that under load a reader does not cost PostgreSQL a call.
 *
 * How old an answer may be:
 * - Few readers: every answer comes from a call that began after the request came
 *   in. Each key (a statement and its arguments) has a budget for such calls: 8 at
 *   once, and 4 per second.
 * - Many readers: a copy answers, at most half a second old. One call at a time
 *   refreshes it, four times a second. Or the answer comes from a call in flight that
 *   began at most a quarter of a second ago. So every reader sees a change within a
 *   second, however long calls take.
 * - A reader that names a version it has seen never gets a lower version. If the
 *   copy is lower, the reader waits for a call that begins after its request.
 * - PostgreSQL is down: the copy answers for that half a second, then 503, because
 *   an old seat map misleads more than no map.
 * Only OK answers are copied. For an id that does not exist, each request asks again.
 *
 * The cost of answers is bounded:
 * - Calls use the readers' share of PostgreSQL (readers_share.h).
 * - A copy of 1 KiB or more is compressed once, before it is given out (gzip.h).
 * - The number and the bytes of copies have a limit, which counts both forms. The
 *   least recently used copy is removed first.
 */
#ifndef RESERVATION_CACHE_H
#define RESERVATION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "http/handler.h"
#include "pg/pg.h"

#define CACHE_ARGS_MAX	4

/* A budget of calls; all zero is a full one. */
struct cache_budget {
	uint64_t	spent_until_ms;
};

/* Takes one call. Returns false if none is left. */
bool	 cache_budget_take(struct cache_budget *budget);

/* Parent: metrics. Worker: starts the removal of idle copies. */
void	 cache_configure(void);
void	 cache_start(void);

/* A reader's question. */
struct cache_question {
	const struct ct_pg_statement	*stmt;
	unsigned			 args_count;	/* up to CACHE_ARGS_MAX */
	const char			*args[CACHE_ARGS_MAX];
	bool				 has_tag;	/* the last argument takes the ETag of the copy, for NOT_MODIFIED */
	int64_t				 seen;		/* the version that the reader has seen; 0: none */
	bool				 once;		/* no other reader needs the answer: keep no copy */

	/* Replies with a part of the answer. NULL: the reply is the whole answer. */
	void				(*reply)(struct ct_request *request, const char *body, size_t length);
};

/*
 * Replies with a copy, or calls the statement and replies with its outcome. 304 if
 * If-None-Match names the answer's ETag. Compressed if the request accepts gzip, the
 * reply is the whole answer, and a compressed copy exists.
 */
void	 cache_reply(struct ct_request *request, const struct cache_question *question);

/*
 * Sets the function that returns the version of an answer of `stmt`, or 0 if such
 * answers have none. It is called for every answer from the database. One per worker.
 */
void	 cache_watch(int64_t (*version)(const struct ct_pg_statement *stmt, const char *const *args, const char *body));

#endif
