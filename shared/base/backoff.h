/*
 * Pauses between attempts to connect to a server. All clients of the library that reconnect use them.
 *
 * Each pause is up to twice as long as the one before, from the minimum to the maximum. A client waits a random part
 * of it, at least half. So workers that lost the same server do not reconnect in step. No I/O, no timer: the caller
 * passes the time of its own clock.
 */
#ifndef CT_BACKOFF_H
#define CT_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* The pauses of the PostgreSQL and Redis clients. */
#define CT_BACKOFF_MIN_MS	100
#define CT_BACKOFF_MAX_MS	2000

/* Read and written by these functions only. */
struct ct_backoff {
	unsigned	min_ms;
	unsigned	max_ms;
	unsigned	next_ms;	/* length of the next pause, before chance shortens it */
	uint64_t	until_ms;	/* end of the current pause */
};

/* No pause yet. 0 < min_ms <= max_ms, which is asserted. */
void	 ct_backoff_init(struct ct_backoff *backoff, unsigned min_ms, unsigned max_ms);

/* An attempt failed, or a connection was lost: begins a pause at now_ms. */
void	 ct_backoff_pause(struct ct_backoff *backoff, uint64_t now_ms);

/* True if now_ms is at or after the end of the pause, or if there was no pause. */
bool	 ct_backoff_is_over(const struct ct_backoff *backoff, uint64_t now_ms);

/* The server works: the next pause is the shortest again. */
void	 ct_backoff_reset(struct ct_backoff *backoff);

#endif
