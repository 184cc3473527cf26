/*
 * Who was told lately by this worker that he waits: for him the store need not
 * look at the heartbeat again yet. Bounded: newer ones take the room of older
 * ones, and who is forgotten is only looked at again.
 */
#ifndef QUEUE_HEARD_H
#define QUEUE_HEARD_H

#include <stdbool.h>

#include "ct/queue_token.h"

/* True if heard_note was called for this place within the last eighth of the patience. */
bool	 heard_lately(const struct ct_queue_token *token);

/* queue2_status has looked at the place's heartbeat now, and it waits. */
void	 heard_note(const struct ct_queue_token *token);

#endif
