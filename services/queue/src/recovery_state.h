/*
 * The recovery state: what PostgreSQL keeps of a queue, so that it can go on after
 * Redis has lost data. It holds what operators set, and how far the queue has
 * admitted. The places themselves are in the users' tokens.
 */
#ifndef QUEUE_RECOVERY_STATE_H
#define QUEUE_RECOVERY_STATE_H

#include "base/error.h"
#include "http/handler.h"
#include "queue_answers.h"
#include "queue_client/queue_store.h"
#include "queue_table.h"

/* How far a queue has come; the fields of struct tick_answer. */
struct progress {
	int64_t		generation, last, admitted_to, ended;
};
_Static_assert(sizeof(struct progress) == 4 * sizeof(int64_t), "memcmp compares it, so it has no padding");

extern const struct queue_part	recovery_state_part;

/* `error` is CT_OK or CT_ERROR_SERVICE_UNAVAILABLE. */
typedef void (*recovery_state_cb)(enum ct_error error, void *arg);

/*
 * Redis answered NEW: it has lost the queue, or was restarted. Begins the queue
 * there with the recovery state (queue3_begin). `cb` runs once, later; after CT_OK
 * repeat the call that was answered NEW. `request` may be NULL; otherwise it owns the memory.
 */
void	 recovery_state_begin(struct ct_request *request, const struct ct_uuid *schedule, recovery_state_cb cb, void *arg);

/* Saves the progress: at once the first time, then about once a second while it changes. */
void	 recovery_state_save_progress(struct queue *queue, const struct progress *progress);

/* Has the database confirmed exactly this progress? */
bool	 recovery_state_is_saved(const struct queue *queue, const struct progress *progress);

/* Saves what operators have set, as queue3_control_set answered. `cb` runs once, later. */
void	 recovery_state_save_control(struct ct_request *request, const char *schedule,
	     const struct control_answer *control, recovery_state_cb cb, void *arg);

/*
 * Asks whether a lost place may come back. `cb` runs once, later, with CT_ERROR_QUEUE_TOKEN_USED if a hold was made with the
 * place, CT_ERROR_QUEUE_TOKEN_EXPIRED if the user made a hold with a later place, CT_OK if neither, or CT_ERROR_SERVICE_UNAVAILABLE if
 * the database does not answer.
 */
void	 recovery_state_ask_place(struct ct_request *request, const struct ct_queue_token *token, recovery_state_cb cb,
	     void *arg);

#endif
