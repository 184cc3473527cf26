/*
 * Places in line, entered and asked for. In a rush a call of a Redis function
 * costs more than what it does for one person. So all who enter a queue in one
 * turn of the loop go in one call, and all who ask for their places in it; and
 * after a call the others gather for a millisecond, or until they are enough.
 * Up to three calls are under way at a time, in the order people came; one, as
 * long as the store may not have the queue.
 *
 * Nearly everybody who asks waits, has asked a short while ago (heard.h) and
 * goes on waiting. That is told by a plain read, of the seq at which the user
 * stands, and a second one, of the rank, unless this worker has a copy of the
 * line (copies.h). For Redis the two are a third of the work that the function
 * is. In all other cases, and whenever anything is in doubt, the function is asked.
 */
#ifndef QUEUE_PLACES_H
#define QUEUE_PLACES_H

#include "ct/queue_token.h"
#include "ct/request.h"
#include "queues.h"
#include "store.h"

/* `place` is NULL if the store cannot be asked now; else it lives until the callback returns. */
typedef void (*place_cb)(const struct place *place, void *arg);

/* Room for one who enters or asks; lives until the callback has run. */
struct place_call {
	struct place_call	*next;
	struct ct_request	*request;
	struct ct_queue_token	 token;		/* entering: only user and schedule */
	int64_t			 drawn;		/* entering: the seq by lot; 0: by arrival */
	bool			 unused;	/* asking: the database says that no hold was made with it */
	place_cb		 cb;
	void			*arg;

	/* places.c */
	enum place_kind		 kind;
	bool			 gathered;	/* the first of those that were sent together */
	bool			 begun;		/* the store had no queue: it was begun, and this is the second try */
	bool			 stands;	/* the look: the user stands at this seq, */
	int64_t			 position;	/* and there; 0: not told. */
	unsigned		 looks;		/* Reads not answered yet */
};

/*
 * queue2_enter for the token's user. A queue that the store does not have is
 * begun first. `cb` runs once, later.
 */
void	 places_enter(struct queue *queue, struct place_call *call);

/* queue2_status for the token's place; the same. */
void	 places_ask(struct queue *queue, struct place_call *call);

/* The worker ends, and no turn of the loop will come: all who gather are told that the store cannot be asked. */
void	 places_end(void);

#endif
