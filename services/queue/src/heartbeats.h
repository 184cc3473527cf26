/*
 * Remembers recent WAITING answers of this worker, so that repeat polls can skip
 * the heartbeat. The table is bounded: a newer entry may replace an older one. A
 * poll without an entry takes the full path.
 */
#ifndef QUEUE_HEARTBEATS_H
#define QUEUE_HEARTBEATS_H

#include <stdbool.h>

#include "auth/queue_token.h"

/* True if heartbeats_note was called for this place within the last eighth (QUEUE_HEARTBEAT_PARTS) of the patience. */
bool	 heartbeats_is_recent(const struct ct_queue_token *token);

/* queue3_enter or queue3_status has just checked the heartbeat of this place, and the place waits. */
void	 heartbeats_note(const struct ct_queue_token *token);

#endif
