/*
 * HTTP requests to other servers, such as the card provider. kore/http_client_kore.c implements this on Kore's curl, so it
 * works only inside a Kore built with CURL=1.
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
	long			 timeout_ms;	/* for the whole exchange, with the connect */
	size_t			 response_max;	/* longest accepted body, in bytes */
};

enum ct_http_result {
	CT_HTTP_ANSWERED,	/* status and body are complete */
	CT_HTTP_NOT_SENT,	/* no byte of the request was sent: no address, no connection or no TLS */
	CT_HTTP_UNKNOWN		/* the server may have acted on the request: timeout, lost connection, or answer too long */
};

/* Pointers live until the callback returns. A NUL follows the body. */
struct ct_http_response {
	enum ct_http_result	 result;
	long			 status;	/* 0 unless CT_HTTP_ANSWERED */
	const char		*body;
	size_t			 body_length;
	const char		*error;		/* for the log; "" if answered */
};

typedef void (*ct_http_cb)(const struct ct_http_response *response, void *arg);

/*
 * Sends one request, and copies all its data first. `cb` runs exactly once, from the loop, never before this returns, and
 * at most about timeout_ms later. Certificates are verified. Redirects are not followed.
 *
 * Connections stay open for later requests to the same host. If the server has closed such a connection before it sent a
 * byte of its answer, curl repeats the request on a new one. So a request that must not take effect twice needs an
 * idempotency key.
 */
void		 ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg);

/* Returns how many requests are not answered yet. A worker waits for them before it ends. */
unsigned	 ct_http_pending(void);

#endif
