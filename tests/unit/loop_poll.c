/*
 * Implements loop.h on poll(2), for tests without Kore. The test runs each turn.
 *
 * It keeps the rules of the real loop: it frees watches only between turns, delivers no events to a removed watch, and runs
 * calls that deferred calls defer in the next turn. Only its clock differs: see below.
 */
#include <sys/queue.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "loop/loop.h"
#include "loop_poll.h"

#define WATCHES_MAX	256
#define TICKS_MAX	16
#define STALL_MS	12	/* longer than a turn waits */

struct ct_watch {
	int		 fd;
	int		 events;
	ct_watch_cb	 cb;		/* NULL: removed */
	void		*arg;
};

struct deferred {
	void			 (*cb)(void *);
	void			*arg;
	STAILQ_ENTRY(deferred)	 list;
};

/* A call of ct_loop_after. */
struct later {
	uint64_t		 due_ms;
	void			 (*cb)(void *);
	void			*arg;
	STAILQ_ENTRY(later)	 list;
};

struct tick {
	uint64_t	  interval;
	uint64_t	  next;
	void		 (*cb)(void *);
	void		 *arg;
};

static struct ct_watch		*watches[WATCHES_MAX];
static unsigned			 watches_count;
static struct tick		 ticks[TICKS_MAX];
static unsigned			 ticks_count;
static uint64_t			 step_ms;	/* of each reading of the clock */
static STAILQ_HEAD(, deferred)	 deferred = STAILQ_HEAD_INITIALIZER(deferred);
static STAILQ_HEAD(, later)	 laters = STAILQ_HEAD_INITIALIZER(laters);

struct ct_watch *
ct_loop_watch(int fd, int events, ct_watch_cb cb, void *arg)
{
	struct ct_watch	*watch;

	assert(watches_count < WATCHES_MAX);
	watch = calloc(1, sizeof(*watch));
	assert(watch != NULL);
	watch->fd = fd;
	watch->events = events;
	watch->cb = cb;
	watch->arg = arg;
	watches[watches_count++] = watch;
	return (watch);
}

void
ct_loop_watch_set(struct ct_watch *watch, int events)
{
	watch->events = events;
}

void
ct_loop_unwatch(struct ct_watch **watchp)
{
	if (*watchp == NULL)
		return;
	(*watchp)->events = 0;
	(*watchp)->cb = NULL;
	*watchp = NULL;
}

/* This clock leaves out the time in which a busy machine does not run this process, so that no deadline passes then. */
uint64_t
ct_loop_now_ms(void)
{
	static uint64_t	last, stalled, ahead;
	struct timespec	at;
	uint64_t	now;

	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	now = (uint64_t)at.tv_sec * 1000 + (uint64_t)at.tv_nsec / 1000000 - stalled + (ahead += step_ms);
	if (last != 0 && now - last > STALL_MS) {
		stalled += now - last - STALL_MS;
		now = last + STALL_MS;
	}
	last = now;
	return (now);
}

uint64_t
ct_loop_about_ms(void)
{
	return (ct_loop_now_ms());
}

void
ct_loop_every(uint64_t interval_ms, void (*cb)(void *arg), void *arg)
{
	assert(ticks_count < TICKS_MAX);
	ticks[ticks_count].interval = interval_ms;
	ticks[ticks_count].next = ct_loop_now_ms() + interval_ms;
	ticks[ticks_count].cb = cb;
	ticks[ticks_count].arg = arg;
	ticks_count++;
}

void
ct_loop_defer(void (*cb)(void *arg), void *arg)
{
	struct deferred	*item;

	item = calloc(1, sizeof(*item));
	assert(item != NULL);
	item->cb = cb;
	item->arg = arg;
	STAILQ_INSERT_TAIL(&deferred, item, list);
}

void
ct_loop_after(uint64_t delay_ms, void (*cb)(void *arg), void *arg)
{
	struct later	*item;

	item = calloc(1, sizeof(*item));
	assert(item != NULL);
	item->due_ms = ct_loop_now_ms() + delay_ms;
	item->cb = cb;
	item->arg = arg;
	STAILQ_INSERT_TAIL(&laters, item, list);
}

/* Runs each call that is due. A call may add further ones. */
static void
run_laters(uint64_t now)
{
	struct later	*item, *next;

	for (item = STAILQ_FIRST(&laters); item != NULL; item = next) {
		next = STAILQ_NEXT(item, list);
		if (item->due_ms > now)
			continue;
		STAILQ_REMOVE(&laters, item, later, list);
		item->cb(item->arg);
		free(item);
	}
}

static void
sweep(void)
{
	unsigned	i, kept = 0;

	for (i = 0; i < watches_count; i++) {
		if (watches[i]->cb == NULL)
			free(watches[i]);
		else
			watches[kept++] = watches[i];
	}
	watches_count = kept;
}

static void
run_events(int wait_ms)
{
	struct pollfd	 fds[WATCHES_MAX];
	struct ct_watch	*polled[WATCHES_MAX];
	unsigned	 i, n = 0;
	int		 events;

	for (i = 0; i < watches_count; i++) {
		if (watches[i]->events == 0)
			continue;
		polled[n] = watches[i];
		fds[n].fd = watches[i]->fd;
		fds[n].revents = 0;
		fds[n].events = (short)((watches[i]->events & CT_READ ? POLLIN : 0) |
		    (watches[i]->events & CT_WRITE ? POLLOUT : 0));
		n++;
	}
	if (poll(fds, n, wait_ms) == -1) {
		assert(errno == EINTR);
		return;
	}
	for (i = 0; i < n; i++) {
		/* The descriptor was closed while a watch was on it. epoll would have hidden this mistake. */
		assert(!(fds[i].revents & POLLNVAL));
		if (fds[i].revents & (POLLERR | POLLHUP))
			events = CT_READ | CT_WRITE;
		else
			events = (fds[i].revents & POLLIN ? CT_READ : 0) |
			    (fds[i].revents & POLLOUT ? CT_WRITE : 0);
		if (events != 0 && polled[i]->cb != NULL)
			polled[i]->cb(polled[i]->arg, events);
	}
}

void
loop_poll_turn(int wait_ms)
{
	STAILQ_HEAD(, deferred)	 batch = STAILQ_HEAD_INITIALIZER(batch);
	struct deferred		*item;
	unsigned		 i;
	uint64_t		 now;

	run_events(STAILQ_EMPTY(&deferred) ? wait_ms : 0);

	now = ct_loop_now_ms();
	for (i = 0; i < ticks_count; i++) {
		if (ticks[i].next > now)
			continue;
		ticks[i].next = now + ticks[i].interval;
		ticks[i].cb(ticks[i].arg);
	}
	run_laters(now);

	STAILQ_CONCAT(&batch, &deferred);
	while ((item = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, list);
		item->cb(item->arg);
		free(item);
	}
	sweep();
}

bool
loop_poll_until(bool (*done)(void *arg), void *arg, uint64_t limit_ms)
{
	uint64_t	end = ct_loop_now_ms() + limit_ms;

	while (!done(arg)) {
		if (ct_loop_now_ms() >= end)
			return (false);
		loop_poll_turn(10);
	}
	return (true);
}

void
loop_poll_for(uint64_t ms)
{
	uint64_t	end = ct_loop_now_ms() + ms;

	while (ct_loop_now_ms() < end)
		loop_poll_turn(10);
}

void
loop_poll_step(uint64_t ms)
{
	assert(ms <= 10);
	step_ms = ms;
}

void
loop_poll_reset(void)
{
	struct deferred	*item;
	struct later	*later;

	ticks_count = 0;
	while ((item = STAILQ_FIRST(&deferred)) != NULL) {
		STAILQ_REMOVE_HEAD(&deferred, list);
		free(item);
	}
	while ((later = STAILQ_FIRST(&laters)) != NULL) {
		STAILQ_REMOVE_HEAD(&laters, list);
		free(later);
	}
	sweep();
	assert(watches_count == 0);
}
