/* The X-Queue-Token header of status and leave. */
#ifndef QUEUE_TOKEN_HEADER_H
#define QUEUE_TOKEN_HEADER_H

#include "auth/queue_token.h"
#include "http/handler.h"

/*
 * Reads and verifies the caller's queue token, and returns its text. Without a valid
 * token it replies and returns NULL: 400 if there is none, 404 if the signature is
 * wrong, 403 if the token is another user's.
 */
const char	*token_header_read(struct ct_request *request, struct ct_queue_token *token_r);

#endif
