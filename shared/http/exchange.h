/*
 * One request with its reply, as the library's own files see it. Everything here is free of Kore: the edge (edge.h)
 * fills an exchange and sends its reply.
 */
#ifndef CT_EXCHANGE_H
#define CT_EXCHANGE_H

#include <time.h>

#include "base/buf.h"
#include "http/header_names.h"
#include "http/request.h"

/* The methods that routes may have. Every other method, such as OPTIONS, is CT_METHODS, and no route has it. */
enum ct_method { CT_GET, CT_POST, CT_PUT, CT_PATCH, CT_DELETE, CT_METHODS };

/* An exchange is answered exactly once, and freed by its reply. */
enum ct_exchange_state { CT_EXCHANGE_FREE, CT_EXCHANGE_OPEN, CT_EXCHANGE_ANSWERED };

struct ct_param {
	const char	*name;
	const char	*value;
};

struct ct_reply_header {
	const char		*name;
	const char		*value;
	struct ct_reply_header	*next;
};

struct ct_endpoint;
struct ct_shared;

struct ct_exchange {
	struct ct_request	 request;	/* first: handlers get a pointer to it */
	enum ct_exchange_state	 state;

	/* Set by the edge. Strings live as long as the exchange; body only until ct_serve returns. */
	enum ct_method		 method;	/* HEAD is CT_GET */
	const char		*path;
	const char		*query;		/* NULL: none */
	const char		*headers[CT_HEADERS];
	const char		*body;
	size_t			 body_length;	/* where misframed: the length that the client announced */
	bool			 misframed;	/* a body that is not allowed here, or whose end is unknown: no handler sees it */
	bool			 header_repeated;
	bool			 last;		/* the edge closes the connection after the reply */

	/* Set by the router. */
	const struct ct_endpoint *endpoint;
	const char		*raw_ids[CT_PATH_IDS];

	/* For reading and replying. */
	struct ct_param		*params;	/* NULL: the query is not parsed yet */
	unsigned		 param_count;
	struct ct_buf		 invalid;	/* the invalid fields noted so far: JSON objects with commas between them */
	cJSON			*tree;
	struct ct_reply_header	*reply_headers;
	struct ct_shared	*shared;	/* the reply's body is in here; NULL: the edge must copy the body */
	struct timespec		 started;
	const char		*error_code;	/* of a problem that is the reply, for the span; NULL: none */
	void			*http;		/* the edge's own */
	void			*kept;		/* the edge's own: memory that must outlive the client's connection */
};

/* Start: registers the gauge of requests in flight. */
void			 ct_exchange_configure(void);

/* Returns a new exchange, all zero but for its memory and start time. The reply frees it. */
struct ct_exchange	*ct_exchange_new(void);
void			 ct_exchange_free(struct ct_exchange *exchange);

/* Returns how many exchanges this worker has, including those whose clients are gone. */
unsigned		 ct_exchange_count(void);

static inline struct ct_exchange *
ct_exchange_of(struct ct_request *request)
{
	return ((struct ct_exchange *)request);
}

#endif
