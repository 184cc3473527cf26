/*
 * Answers that many readers ask for at once, kept for a moment in this worker,
 * so that under load reading does not cost PostgreSQL a call a request.
 *
 * How old an answer may be:
 * - Few readers: not at all. Each key (a statement and its arguments) has a
 *   budget of calls, 8 at once and 4 a second; while it lasts, every answer
 *   comes from a call that began after the request came in.
 * - Many readers: a copy answers. It is refreshed four times a second, by one
 *   call at a time whoever asks, and never older than half a second when given
 *   out; or a call that is in flight does, if it began no longer than a quarter
 *   of a second ago. However long calls take, a change is visible within a
 *   second everywhere.
 * - Who names a version that he has seen gets no answer of a lower one: if the
 *   copy is, he waits for a call that begins after his request.
 * - PostgreSQL is gone: the copy for that half a second, then 503. A seat map
 *   that nobody can vouch for is worse than none.
 * Only OK is kept; that something does not exist is asked anew.
 *
 * The cost of answers is bounded for all requests:
 * - Calls go through the lane (lane.h), so readers never take more than their
 *   share of PostgreSQL.
 * - A copy of 1 KiB or more is compressed once, before it is given out (pack.h).
 * - Copies are bounded in number and bytes, both forms counted; the one not asked
 *   for longest goes first.
 */
#ifndef RESERVATION_CACHE_H
#define RESERVATION_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/pg.h"
#include "ct/request.h"

#define CACHE_ARGS_MAX	4

/* A budget of calls; all zero is a full one. */
struct cache_budget {
	uint64_t	spent_until_ms;
};

/* True, and one call less, if there is one left. */
bool	 cache_budget_take(struct cache_budget *budget);

/* Parent: metrics. Worker: begins to forget what nobody asks for any more. */
void	 cache_configure(void);
void	 cache_start(void);

/* A reader's question. */
struct cache_question {
	const struct ct_pg_statement	*stmt;
	unsigned			 args_count;	/* up to CACHE_ARGS_MAX */
	const char			*args[CACHE_ARGS_MAX];
	bool				 has_tag;	/* the last argument takes the ETag of the copy at hand, for NOT_MODIFIED */
	int64_t				 seen;		/* the version that the reader has seen; 0: none */
	bool				 once;		/* the answer is of no use to other readers: it is not kept */

	/* Replies with a part of the answer; NULL: with all of it. */
	void				(*reply)(struct ct_request *request, const char *body, size_t length);
};

/*
 * Calls the statement or takes a copy, and replies with the outcome. If it has
 * an ETag that If-None-Match names, the reply is 304. If the request accepts
 * gzip, and the whole answer is compressed, the reply is.
 */
void	 cache_reply(struct ct_request *request, const struct cache_question *question);

/*
 * Given every answer that came from the database for `stmt`, says which version
 * it is of; 0: answers of this kind have none. One for the worker.
 */
void	 cache_watch(int64_t (*version)(const struct ct_pg_statement *stmt, const char *const *args, const char *body));

#endif
