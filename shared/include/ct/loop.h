/*
 * The seam between the clients (postgres, redis) and the event loop: the only
 * thing unit tests replace. loop_kore.c puts it on Kore's loop; the unit
 * tests link a poll(2) version.
 *
 * All callbacks run from the loop, never from inside one of these calls.
 */
#ifndef CT_LOOP_H
#define CT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define CT_READ		0x01
#define CT_WRITE	0x02

struct ct_watch;

/* `events` says what is ready (CT_READ, CT_WRITE); an error or hang-up sets both. */
typedef void (*ct_watch_cb)(void *arg, int events);

/* Watches fd, level-triggered, for `events` (may be 0). Does not own fd. */
struct ct_watch	*ct_loop_watch(int fd, int events, ct_watch_cb cb, void *arg);
void		 ct_loop_watch_set(struct ct_watch *watch, int events);

/*
 * Stops watching and sets *watch to NULL; call it before closing the fd. Safe
 * inside any callback: events already fetched for it are not delivered. (An fd
 * that its library has just closed by itself is tolerated, if nothing was
 * opened since.)
 */
void		 ct_loop_unwatch(struct ct_watch **watch);

/* Monotonic milliseconds, read once a loop turn is not promised: a plain clock. */
uint64_t	 ct_loop_now_ms(void);

/* The same clock as of its last tick, some milliseconds behind: a fifth of the cost. Not to be taken from the other's times. */
uint64_t	 ct_loop_about_ms(void);

/*
 * Calls cb(arg) about every interval_ms for the life of the worker. For one
 * coarse tick a module: deadlines are checked there, never by a timer each.
 */
void		 ct_loop_every(uint64_t interval_ms, void (*cb)(void *arg), void *arg);

/* Calls cb(arg) once, in the next turn of the loop. Calls run in the order they were given. */
void		 ct_loop_defer(void (*cb)(void *arg), void *arg);

/* Calls cb(arg) once, after delay_ms at the least. Few at a time: Kore's timers are a sorted list. */
void		 ct_loop_after(uint64_t delay_ms, void (*cb)(void *arg), void *arg);

#endif
