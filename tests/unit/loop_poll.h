/* The tests' event loop on poll(2). The test runs each turn. */
#ifndef LOOP_POLL_H
#define LOOP_POLL_H

#include <stdbool.h>
#include <stdint.h>

/* Runs one turn: waits at most wait_ms for an event, then runs events, ticks and deferred calls. */
void	 loop_poll_turn(int wait_ms);

/* Runs turns until done(arg) is true. Returns false if limit_ms pass before that. */
bool	 loop_poll_until(bool (*done)(void *arg), void *arg, uint64_t limit_ms);

/* Runs turns for `ms` milliseconds. */
void	 loop_poll_for(uint64_t ms);

/*
 * From now on each reading of the clock moves it on by `ms`, 0 to 10, besides the time that passes. So a test sees what happens when
 * time passes between two readings.
 */
void	 loop_poll_step(uint64_t ms);

/* Removes all ticks and frees everything, so that a test ends without a leak. */
void	 loop_poll_reset(void);

#endif
