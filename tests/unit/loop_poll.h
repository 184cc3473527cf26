/* The tests' event loop: loop.h on poll(2), driven by hand. */
#ifndef LOOP_POLL_H
#define LOOP_POLL_H

#include <stdbool.h>
#include <stdint.h>

/* One turn: waits at most wait_ms for an event, then runs events, ticks and what was deferred. */
void	 loop_poll_turn(int wait_ms);

/* Turns until done(arg) is true; false if limit_ms pass first. */
bool	 loop_poll_until(bool (*done)(void *arg), void *arg, uint64_t limit_ms);

/* Turns for `ms` milliseconds. */
void	 loop_poll_for(uint64_t ms);

/* Forgets ticks and frees everything, so that a test may end without a leak. */
void	 loop_poll_reset(void);

#endif
