/*
 * HTTP requests to others (card provider, other services) on Kore's loop: a
 * thin layer over Kore's curl. Only inside a Kore built with CURL=1; unit
 * tests don't link it.
 */
#ifndef CT_HTTP_CLIENT_H
#define CT_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct ct_http_request {
	const char		*method;	/* "GET", "POST", ... */
	const char		*url;		/* http or https */
	const char *const	*headers;	/* "Name: value", NULL-terminated; may be NULL */
	const void		*body;		/* NULL: none */
	size_t			 body_length;
	long			 timeout_ms;	/* of the whole exchange, connecting included */
	size_t			 response_max;	/* bytes of body accepted */
};

enum ct_http_result {
	CT_HTTP_ANSWERED,	/* status and body are whole */
	CT_HTTP_NOT_SENT,	/* certainly not a byte of the request left: no address, no connection, no TLS */
	CT_HTTP_UNKNOWN		/* it may have arrived and been acted upon: time ran out, connection lost, answer too long */
};

/* Pointers live until the callback returns. body is NUL-terminated, for text. */
struct ct_http_response {
	enum ct_http_result	 result;
	long			 status;	/* 0 unless CT_HTTP_ANSWERED */
	const char		*body;
	size_t			 body_length;
	const char		*error;		/* in English, for the log; "" if answered */
};

typedef void (*ct_http_cb)(const struct ct_http_response *response, void *arg);

/*
 * Sends one request; everything is copied. `cb` runs exactly once, from the
 * loop, never before this returns, at the latest about when timeout_ms have
 * passed. Redirects are not followed; certificates are verified; connections
 * are kept for later requests to the same host. If a kept connection turns out
 * to have been closed before a byte came back, curl repeats the request on a
 * new one: whatever must not happen twice carries an idempotency key.
 */
void		 ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg);

/* Requests not yet answered: what a worker waits for before it ends. */
unsigned	 ct_http_pending(void);

#endif
