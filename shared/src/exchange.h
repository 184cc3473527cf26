/*
 * One request with its reply, as the library's own files see it. Everything
 * here is free of Kore: dispatch.c fills an exchange from Kore's request and
 * implements the two ct_edge_ functions; unit tests do the same by hand.
 */
#ifndef CT_EXCHANGE_H
#define CT_EXCHANGE_H

#include <time.h>

#include "ct/buf.h"
#include "ct/metrics.h"
#include "ct/request.h"

#define CT_BODY_MAX	(64 * 1024)

/* What routes are made for. Anything else (OPTIONS) has no route anywhere. */
enum ct_method { CT_GET, CT_POST, CT_PUT, CT_PATCH, CT_DELETE, CT_METHODS };

/* Headers that the library itself reads, found once when the request comes in. */
enum ct_known_header {
	CT_HEADER_AUTHORIZATION,
	CT_HEADER_CONTENT_ENCODING,
	CT_HEADER_CONTENT_TYPE,
	CT_HEADER_IDEMPOTENCY_KEY,
	CT_HEADER_IF_NONE_MATCH,
	CT_HEADER_QUEUE_TOKEN,
	CT_HEADER_REQUEST_ID,
	CT_HEADERS,

	/* These say how the message is framed and are only looked at by the edge. */
	CT_HEADER_BODY_LENGTH = CT_HEADERS,	/* the gateway's: of a body it did not let through */
	CT_HEADER_CONNECTION,
	CT_HEADER_CONTENT_LENGTH,
	CT_HEADER_TRANSFER_ENCODING,
	CT_HEADER_OTHER
};

/* Which of them `name` is; any case. */
enum ct_known_header	 ct_known_header(const char *name);

struct ct_endpoint {
	const struct ct_route	*route;		/* NULL: for what has no route */
	struct ct_metric	*classes[6];	/* by status / 100 */
	struct ct_metric	*duration;
};

struct ct_param {
	const char	*name;
	const char	*value;
};

struct ct_reply_header {
	const char		*name;
	const char		*value;
	struct ct_reply_header	*next;
};

struct ct_chunk;

struct ct_exchange {
	struct ct_request	 request;	/* first: handlers are given this */

	/* From the edge. Strings live as long as the exchange; body only until ct_serve returns. */
	enum ct_method		 method;	/* HEAD is CT_GET */
	const char		*path;
	const char		*query;		/* NULL: none */
	const char		*headers[CT_HEADERS];
	const char		*body;
	size_t			 body_length;	/* as announced, where misframed */
	bool			 misframed;	/* a body that must not be there, or that nobody knows the end of: no handler may see it */
	bool			 header_repeated;

	/* From the router. */
	const struct ct_endpoint *endpoint;
	const char		*raw_ids[2];

	/* Reading and replying. */
	struct ct_param		*params;	/* NULL: the query is not parsed yet */
	unsigned		 param_count;
	struct ct_buf		 invalid;	/* JSON objects noted so far, with commas */
	cJSON			*tree;
	struct ct_reply_header	*reply_headers;
	struct ct_shared	*shared;	/* the body to be sent is in there; NULL: must be copied */
	struct timespec		 started;
	void			*http;		/* the edge's own */
	void			*kept;		/* the edge's own: what must live on when the client has gone */
	struct ct_chunk		*chunks;
};

/* A new exchange, all zero; ct_exchange_free is its reply's business. */
struct ct_exchange	*ct_exchange_new(void);
void			 ct_exchange_free(struct ct_exchange *);

/* How many there are in this worker, those whose client has gone included. */
unsigned	 ct_exchange_count(void);

static inline struct ct_exchange *
ct_exchange_of(struct ct_request *request)
{
	return ((struct ct_exchange *)request);
}

/* Notes that `field` is none of the NULL-terminated choices. */
void	 ct_note_choice(struct ct_request *, const char *field, const char *const *choices);

/* Runs the exchange through the checks, in the contract's order, and then its handler. */
void	 ct_serve(struct ct_exchange *);

/* Above this many in flight a worker sheds load. */
void	 ct_serve_configure(unsigned requests_max);

/* Sets the gauge of requests in flight to what it is now. */
void	 ct_serve_count(void);

/* Registers a route's metrics. NULL: the one endpoint of requests without a route. Start only. */
struct ct_endpoint	*ct_endpoint_new(const struct ct_route *route);

/* The router. Adding is for the start only; it stops the start if two routes are the same. */
void	 ct_router_add(const struct ct_route *route);

enum ct_found { CT_FOUND, CT_FOUND_OTHER_METHOD, CT_FOUND_NOTHING };

/*
 * Finds the endpoint for the exchange's method and path and sets endpoint and
 * raw_ids. For CT_FOUND_OTHER_METHOD, allow_r is the value of the Allow header.
 */
#define CT_ALLOW_TEXT	64
enum ct_found	 ct_router_find(struct ct_exchange *, char allow_r[CT_ALLOW_TEXT]);

/* Implemented by the edge: sends the reply; `head` is header lines, each with CRLF. */
void	 ct_edge_send(struct ct_exchange *, int status, const struct ct_buf *head,
	     const char *body, size_t body_length);

/* Implemented by the edge: a header that is not a known one, or NULL. */
const char	*ct_edge_header(struct ct_exchange *, const char *name);

#endif
