/*
 * A service is a table of routes. A handler sees only requests that passed the route's checks, and replies to each
 * exactly once, now or from a later callback. handler.h includes all that a handler uses.
 */
#ifndef CT_REQUEST_H
#define CT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/ids.h"
#include "trace/span.h"

struct ct_request;
typedef void (*ct_handler)(struct ct_request *request);

enum ct_access {
	CT_ACCESS_PUBLIC,	/* no token is read */
	CT_ACCESS_USER,		/* a valid JWT */
	CT_ACCESS_OPERATOR	/* a valid JWT with the role operator */
};

/* Flags of a route. */
#define CT_ROUTE_BODY		0x01	/* a JSON object is required */
#define CT_ROUTE_KEY_REQUIRED	0x02	/* an Idempotency-Key is required */
#define CT_ROUTE_KEY_OPTIONAL	0x04	/* an Idempotency-Key is checked if it is there */
#define CT_ROUTE_INTERNAL	0x08	/* livez, readyz, metrics: the load limit does not refuse it */
#define CT_ROUTE_RAW_BODY	0x10	/* a body of any type is handed on unparsed (webhooks) */
#define CT_ROUTE_BODY_OPTIONAL	0x20	/* a body that is there must be a JSON object */

/* A path may hold up to CT_PATH_IDS segments "{id}". Each must be a UUID; for any other text the answer is `bad_id`. */
#define CT_PATH_IDS	2

struct ct_route {
	const char	*method;	/* GET also serves HEAD */
	const char	*path;
	enum ct_access	 access;
	int		 flags;
	enum ct_error	 bad_id;	/* e.g. CT_ERROR_CONCERT_NOT_FOUND */
	ct_handler	 handler;
};

/* The fields that a handler may read. Strings live until the reply. */
struct ct_request {
	const struct ct_route	*route;
	char			 id[65];			/* X-Request-Id */
	char			 user[CT_UUID_TEXT];		/* the JWT's sub; "" where the route is public */
	struct ct_uuid		 user_id;
	bool			 operator_role;
	char			 path_id[CT_PATH_IDS][CT_UUID_TEXT];
	const char		*idempotency_key;		/* NULL: none */
	const cJSON		*body;				/* the JSON object, or NULL */
	const char		*raw_body;			/* where CT_ROUTE_RAW_BODY */
	size_t			 raw_body_length;
	void			*state;				/* the handler's own */

	/* The library's own. */
	struct ct_arena		 memory;
	struct ct_trace		 trace;		/* current while this request is worked on; read only */
	struct ct_span		 span;
	bool			 client_gone;
};

/* Returns zeroed memory that lives until the reply. Never NULL. */
void	*ct_alloc(struct ct_request *request, size_t size);
char	*ct_printf(struct ct_request *request, const char *fmt, ...)
	     __attribute__((format(printf, 2, 3)));

/* Takes a struct ct_request. Returns true while the client waits for the reply, false after it has closed its connection. */
bool	 ct_request_wanted(const void *request);

#endif
