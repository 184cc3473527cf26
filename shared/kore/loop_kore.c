/*
 * Implements loop.h on Kore's event loop. Kore can call any object that begins with a struct kore_event. Its epoll set is
 * private. kore_platform_event_schedule() adds or changes an entry; kore_platform_disable_read() removes one, despite its
 * name.
 *
 * In each turn of its loop Kore handles epoll events, then timers, then curl, then HTTP requests. So a request that a
 * callback wakes is answered in the same turn.
 */
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>

#include <kore/kore.h>

#include "loop/loop.h"

struct ct_watch {
	struct kore_event	 evt;		/* first: Kore casts a pointer to the watch */
	int			 fd;
	int			 events;
	bool			 registered;	/* in the epoll set */
	ct_watch_cb		 cb;		/* NULL: unwatched, and to be freed */
	void			*arg;
};

struct deferred {
	void			 (*cb)(void *);
	void			*arg;
	STAILQ_ENTRY(deferred)	 list;
};

struct tick {
	void			 (*cb)(void *);
	void			*arg;
};

static STAILQ_HEAD(, deferred)	deferred = STAILQ_HEAD_INITIALIZER(deferred);
static bool			timer_set;

/*
 * Kore sets bits of evt.flags and never clears them. An error without EPOLLIN or EPOLLOUT must also reach the callback: its
 * next read returns the error.
 */
static void
loop_watch_handle(void *udata, int error)
{
	struct ct_watch	*watch = udata;
	int		 events = 0;

	if (watch->evt.flags & KORE_EVENT_READ)
		events |= CT_READ;
	if (watch->evt.flags & KORE_EVENT_WRITE)
		events |= CT_WRITE;
	if (error)
		events = CT_READ | CT_WRITE;
	watch->evt.flags = 0;

	if (watch->cb != NULL && events != 0)
		watch->cb(watch->arg, events);
}

/* epoll reports errors and hang-ups again and again, even for no events. So a watch for no events leaves the epoll set. */
static void
loop_watch_apply(struct ct_watch *watch)
{
	int	type = 0;

	if (watch->events & CT_READ)
		type |= EPOLLIN | EPOLLRDHUP;
	if (watch->events & CT_WRITE)
		type |= EPOLLOUT;

	if (type != 0) {
		kore_platform_event_schedule(watch->fd, type, 0, watch);
		watch->registered = true;
		return;
	}

	/*
	 * A descriptor that is already closed has left the epoll set by itself. To remove it again would end the worker.
	 */
	if (watch->registered && fcntl(watch->fd, F_GETFD) != -1)
		kore_platform_disable_read(watch->fd);
	watch->registered = false;
}

struct ct_watch *
ct_loop_watch(int fd, int events, ct_watch_cb cb, void *arg)
{
	struct ct_watch	*watch;

	watch = kore_calloc(1, sizeof(*watch));
	watch->evt.handle = loop_watch_handle;
	watch->fd = fd;
	watch->events = events;
	watch->cb = cb;
	watch->arg = arg;
	if (events != 0)
		loop_watch_apply(watch);
	return (watch);
}

void
ct_loop_watch_set(struct ct_watch *watch, int events)
{
	if (watch->events == events)
		return;
	watch->events = events;
	loop_watch_apply(watch);
}

static void
loop_watch_free(void *arg)
{
	kore_free(arg);
}

/* Events that epoll returned in this turn may still point to the watch, so the next turn frees it. */
void
ct_loop_unwatch(struct ct_watch **watchp)
{
	struct ct_watch	*watch = *watchp;

	if (watch == NULL)
		return;
	*watchp = NULL;
	watch->events = 0;
	watch->cb = NULL;
	loop_watch_apply(watch);
	ct_loop_defer(loop_watch_free, watch);
}

uint64_t
ct_loop_now_ms(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

uint64_t
ct_loop_about_ms(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void
loop_tick_run(void *arg, u_int64_t now)
{
	struct tick	*tick = arg;

	(void)now;
	tick->cb(tick->arg);
}

void
ct_loop_every(uint64_t interval_ms, void (*cb)(void *arg), void *arg)
{
	struct tick	*tick;

	tick = kore_calloc(1, sizeof(*tick));
	tick->cb = cb;
	tick->arg = arg;
	(void)kore_timer_add(loop_tick_run, interval_ms, tick, 0);
}

/* Runs the calls deferred so far. Calls that these defer run in a later turn. */
static void
loop_deferred_run(void *arg, u_int64_t now)
{
	STAILQ_HEAD(, deferred)	 batch = STAILQ_HEAD_INITIALIZER(batch);
	struct deferred		*item;

	(void)arg;
	(void)now;
	timer_set = false;
	STAILQ_CONCAT(&batch, &deferred);

	while ((item = STAILQ_FIRST(&batch)) != NULL) {
		STAILQ_REMOVE_HEAD(&batch, list);
		item->cb(item->arg);
		kore_free(item);
	}
}

void
ct_loop_defer(void (*cb)(void *arg), void *arg)
{
	struct deferred	*item;

	item = kore_calloc(1, sizeof(*item));
	item->cb = cb;
	item->arg = arg;
	STAILQ_INSERT_TAIL(&deferred, item, list);

	/* One timer for all deferred calls, because Kore keeps its timers in a sorted list. */
	if (!timer_set) {
		timer_set = true;
		(void)kore_timer_add(loop_deferred_run, 0, NULL, KORE_TIMER_ONESHOT);
	}
}

static void
loop_after_run(void *arg, u_int64_t now)
{
	struct tick	once = *(struct tick *)arg;

	(void)now;
	kore_free(arg);
	once.cb(once.arg);
}

void
ct_loop_after(uint64_t delay_ms, void (*cb)(void *arg), void *arg)
{
	struct tick	*once;

	once = kore_calloc(1, sizeof(*once));
	once->cb = cb;
	once->arg = arg;
	(void)kore_timer_add(loop_after_run, delay_ms, once, KORE_TIMER_ONESHOT);
}
