/*
 * What the database remembers of a queue, so that a store which was lost begins
 * again where it must: what operators had set, and how far the line had come
 * (who had been admitted, whose turn was over). Places themselves are in the
 * tokens.
 */
#ifndef QUEUE_MEMORY_H
#define QUEUE_MEMORY_H

#include "ct/error.h"
#include "ct/request.h"
#include "queues.h"
#include "store.h"

/* `error` is CT_OK or CT_SERVICE_UNAVAILABLE. */
typedef void (*memory_cb)(enum ct_error error, void *arg);

/*
 * The store answered NEW, for it has lost the queue or was restarted: begins it
 * there with what the database remembers. `cb` runs once, later; then the call is
 * to be made again. Allocated with `request`, which may be NULL.
 */
void	 memory_begin(struct ct_request *request, const struct ct_uuid *schedule, memory_cb cb, void *arg);

/*
 * Remembers how far the line has come: at once if the queue is a new one, else
 * about once a second while it moves.
 */
void	 memory_note_progress(struct queue *queue, const struct progress *progress);

/* Is that what the database was last told, and has it said so? */
bool	 memory_has(const struct queue *queue, const struct progress *progress);

/* What operators have set, as queue2_control_set answered (18 elements). `cb` runs once, later. */
void	 memory_save_control(struct ct_request *request, const char *schedule, const redisReply *reply,
	     memory_cb cb, void *arg);

/*
 * May the place still be one? CT_QUEUE_TOKEN_USED if a hold was made with it, CT_QUEUE_TOKEN_EXPIRED if the
 * user made one with a later place, CT_OK if neither, CT_SERVICE_UNAVAILABLE if the database does not say.
 * `cb` runs once, later.
 */
void	 memory_ask_place(struct ct_request *request, const struct ct_queue_token *token, memory_cb cb, void *arg);

#endif
