/*
 * The quick look at a place: nearly everybody who asks is somebody who waits and
 * has been heard of lately, and goes on waiting. Three plain reads tell that, at
 * a third of what queue1_status costs the store, which everybody shares. In all
 * other cases, and whenever anything is in doubt, the function is asked.
 */
#ifndef QUEUE_GLANCE_H
#define QUEUE_GLANCE_H

#include "ct/queue_token.h"
#include "queues.h"
#include "store.h"

/* `place` is NULL if the function has to be asked. */
typedef void (*glance_cb)(const struct place *place, void *arg);

/* Room for one look; lives until the callback has run. */
struct glance {
	const struct ct_queue_token	*token;
	glance_cb			 cb;
	void				*arg;
	int				 answers;	/* how many have come */
	bool				 placed;
	int64_t				 position;
};

/*
 * Looks for the place of `token`, and calls back once, later. Returns false,
 * without a callback, where a quick look cannot tell: before the opening, while
 * nothing is known of the speed, and once a second, so that the store learns of
 * what has changed in the facts.
 */
bool	 glance(struct glance *look, struct queue *queue, const struct ct_queue_token *token,
	     glance_cb cb, void *arg) __attribute__((warn_unused_result));

#endif
