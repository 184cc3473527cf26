/*
 * Batches of calls about places. A call of a Redis function costs more than its
 * work for one user. So one command carries all users who enter a queue in one turn
 * of the loop, and another one all who ask for their places. After a command,
 * further calls gather for a millisecond, or until there are enough of them. At
 * most three commands of a kind are under way, in the order in which the users
 * came; at most one while Redis may not have the queue.
 *
 * Most polls are of users who wait, have asked shortly before (heartbeats.h) and go
 * on waiting. Two plain reads answer them: the seq of the user, and the rank. They
 * cost Redis a third of what the function costs. In all other cases, and if
 * anything is uncertain, the worker calls the function.
 */
#ifndef QUEUE_PLACE_BATCHES_H
#define QUEUE_PLACE_BATCHES_H

#include "auth/queue_token.h"
#include "http/handler.h"
#include "queue_answers.h"
#include "queue_table.h"

extern const struct queue_part	place_batches_part;

/* `place` is NULL if Redis cannot be asked now; else it is valid until the callback returns. */
typedef void (*place_batches_cb)(const struct place *place, void *arg);

/* The kinds of commands: plain reads, queue3_status, queue3_enter. */
enum place_kind { PLACE_LOOK, PLACE_STATUS, PLACE_ENTER, PLACE_KINDS };

/* One user's call. It must live until the callback has run. */
struct place_call {
	struct place_call	*next;
	struct ct_request	*request;
	struct ct_queue_token	 token;		/* entering: only user and schedule */
	int64_t			 drawn;		/* entering: the drawn seq; 0: by arrival */
	bool			 unused;	/* asking: the database says that no hold was made with the place */
	place_batches_cb	 cb;
	void			*arg;

	/* Private to place_batches.c. */
	enum place_kind		 kind;
	bool			 gathered;	/* the first call of a command that came from a batch */
	bool			 begun;		/* second try: Redis did not have the queue and has begun it */
	bool			 stands;	/* a look: the user waits at the token's seq, */
	int64_t			 position;	/* at this position; 0: not known */
	unsigned		 looks;		/* reads that are not answered yet */
	struct ct_span		 span;
	uint64_t		 sent_ns;	/* of a span that is recorded */
};

/* Enters the token's user (queue3_enter). Begins the queue first if Redis does not have it. `cb` runs once, later. */
void	 place_batches_enter(struct queue *queue, struct place_call *call);

/* Asks for the token's place (plain reads, or queue3_status); otherwise as place_batches_enter. */
void	 place_batches_ask(struct queue *queue, struct place_call *call);

/* Answers all gathered calls with NULL. The worker ends, so no further turn of the loop sends them. */
void	 place_batches_end(void);

#endif
