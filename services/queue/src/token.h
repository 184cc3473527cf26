/* The X-Queue-Token header of status and leave. */
#ifndef QUEUE_TOKEN_H
#define QUEUE_TOKEN_H

#include "ct/queue_token.h"
#include "ct/request.h"

/*
 * Reads and verifies the caller's queue token. Returns its text, or replies
 * (400 there is none, 404 we did not make it, 403 it is another user's) and
 * returns NULL.
 */
const char	*token_read(struct ct_request *request, struct ct_queue_token *token_r);

#endif
