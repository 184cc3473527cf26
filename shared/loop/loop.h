/*
 * The event loop as the clients (PostgreSQL, Redis) and the services use it. kore/loop_kore.c implements it on Kore's loop.
 * The tests link their own version on poll(2).
 *
 * All callbacks run from the loop, never inside one of these calls.
 */
#ifndef CT_LOOP_H
#define CT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define CT_READ		0x01
#define CT_WRITE	0x02

struct ct_watch;

/* `events`: what the descriptor is ready for, CT_READ or CT_WRITE. An error or hang-up sets both. */
typedef void (*ct_watch_cb)(void *arg, int events);

/* Watches `fd` for `events` (may be 0), level-triggered. The caller closes `fd`. */
struct ct_watch	*ct_loop_watch(int fd, int events, ct_watch_cb cb, void *arg);
void		 ct_loop_watch_set(struct ct_watch *watch, int events);

/*
 * Stops watching and sets *watch to NULL. Call it before closing the descriptor. Safe inside any callback: events that the
 * loop has already fetched are not delivered. The descriptor may also be closed already, if no other one was opened since.
 */
void		 ct_loop_unwatch(struct ct_watch **watch);

/* Returns monotonic milliseconds, from the clock at each call. */
uint64_t	 ct_loop_now_ms(void);

/*
 * Returns the same clock, up to some milliseconds late, for a fifth of the cost. Do not subtract it from
 * ct_loop_now_ms(), or the other way round.
 */
uint64_t	 ct_loop_about_ms(void);

/*
 * Calls cb(arg) about every interval_ms until the worker ends. A module has one such tick and checks all its deadlines
 * there, because many timers are slow.
 */
void		 ct_loop_every(uint64_t interval_ms, void (*cb)(void *arg), void *arg);

/* Calls cb(arg) once, in the next turn of the loop. Calls run in the order of ct_loop_defer(). */
void		 ct_loop_defer(void (*cb)(void *arg), void *arg);

/* Calls cb(arg) once, after at least delay_ms. Use few at a time: Kore keeps its timers in a sorted list. */
void		 ct_loop_after(uint64_t delay_ms, void (*cb)(void *arg), void *arg);

#endif
