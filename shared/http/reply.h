/*
 * Replies. Each reply frees the request: the handler must not touch it afterwards. If the client has closed its
 * connection, the reply only frees the request.
 */
#ifndef CT_REPLY_H
#define CT_REPLY_H

#include "base/error.h"
#include "http/request.h"
#include "http/shared_body.h"

/* Adds a header to the reply that follows. */
void	 ct_reply_header(struct ct_request *request, const char *name, const char *value);

void	 ct_reply_json(struct ct_request *request, int status, const char *body, size_t length);
void	 ct_reply_empty(struct ct_request *request, int status);

/* Replies with a shared body of JSON, and holds one reference to it until the last byte is sent. */
void	 ct_reply_shared(struct ct_request *request, int status, struct ct_shared *json);

/*
 * Replies with a problem. `detail` NULL means the error's title. `extras` is NULL or the text of a JSON object, whose
 * members are added to the problem. CT_ERROR_IDEMPOTENCY_KEY_IN_USE becomes CT_ERROR_SERVICE_UNAVAILABLE if the request has no key.
 */
void	 ct_reply_error(struct ct_request *request, enum ct_error error, const char *detail, const char *extras);

/* Replays an error: its problem names `request_id`, the request that got the error first. */
void	 ct_reply_replayed_error(struct ct_request *request, enum ct_error error, const char *request_id,
	     const char *extras);

#endif
