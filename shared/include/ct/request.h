/*
 * One HTTP request from route to reply. A service is a table of routes; the
 * library does what every call needs, in the contract's order: route and
 * method, size, JWT, role, headers, body. A handler sees only requests that
 * passed, and answers each exactly once, now or from a later callback.
 */
#ifndef CT_REQUEST_H
#define CT_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "ct/error.h"
#include "ct/ids.h"
#include "ct/pg.h"

struct ct_request;
typedef void (*ct_handler)(struct ct_request *request);

enum ct_access { CT_PUBLIC, CT_USER, CT_OPERATOR };

#define CT_BODY			0x01	/* a JSON object is required */
#define CT_KEY_REQUIRED		0x02	/* Idempotency-Key must be there */
#define CT_KEY_OPTIONAL		0x04
#define CT_INTERNAL		0x08	/* not counted as load, never shed: livez, readyz, metrics */
#define CT_RAW_BODY		0x10	/* a body of any kind is taken unparsed (webhooks) */
#define CT_BODY_OPTIONAL	0x20	/* a body that is there must be a JSON object */

/* `path` may hold up to two "{id}" segments, each a UUID; anything else there is `bad_id`. */
struct ct_route {
	const char	*method;	/* GET also serves HEAD */
	const char	*path;
	enum ct_access	 access;
	int		 flags;
	enum ct_error	 bad_id;	/* e.g. CT_CONCERT_NOT_FOUND */
	ct_handler	 handler;
};

/* What a handler may read. Strings live until the reply. */
struct ct_request {
	const struct ct_route	*route;
	char			 id[65];		/* X-Request-Id */
	char			 user[CT_UUID_TEXT];	/* JWT's sub; "" where public */
	struct ct_uuid		 user_id;
	bool			 operator_role;
	char			 path_id[2][CT_UUID_TEXT];
	const char		*idempotency_key;	/* NULL: none */
	const cJSON		*body;			/* an object where CT_BODY, or given where CT_BODY_OPTIONAL; else NULL */
	const char		*raw_body;		/* where CT_RAW_BODY */
	size_t			 raw_body_length;
	void			*state;			/* the handler's own */
};

/* Memory that lives as long as the request, zeroed. Never NULL. */
void		*ct_alloc(struct ct_request *request, size_t size);
char		*ct_printf(struct ct_request *request, const char *fmt, ...)
		     __attribute__((format(printf, 2, 3)));

/*
 * A request header's value, or NULL. Once the client has gone only those the
 * library itself knows (exchange.h) are still there.
 */
const char	*ct_header(struct ct_request *request, const char *name);

/*
 * Checked reading of query parameters and body members. Each returns true and
 * sets *value_r (to `fallback` or NULL where it is absent and not required);
 * or notes {field, reason} for the 400 and returns false, so that a handler
 * reads them all and then asks ct_invalid().
 */
bool	 ct_query_text(struct ct_request *, const char *name, const char **value_r);
bool	 ct_query_number(struct ct_request *, const char *name, int64_t min, int64_t max,
	     int64_t fallback, int64_t *value_r);
bool	 ct_query_uuid(struct ct_request *, const char *name, bool required, const char **value_r);
bool	 ct_query_date(struct ct_request *, const char *name, const char **value_r);	/* YYYY-MM-DD, a real day */
bool	 ct_query_choice(struct ct_request *, const char *name, const char *const *choices,
	     const char *fallback, const char **value_r);
/* limit (1-100, default 20) and cursor; the cursor comes out as the UUID it stands for, or NULL. */
bool	 ct_query_page(struct ct_request *, const char **limit_r, const char **cursor_r);

/*
 * `at` is the object to read from (request->body or one inside it); a mistake is noted with the field's full path
 * (sections[1].price). A null counts as absent, and is refused where the member is required. Texts have 1 to max_chars
 * characters, none of them a control character; numbers are whole and below 2^53; UUIDs come out in lower case; times
 * come out in UTC with milliseconds and lie in the years 2000 to 2199.
 */
bool	 ct_body_text(struct ct_request *, const cJSON *at, const char *name, size_t max_chars,
	     bool required, const char **value_r);
bool	 ct_body_number(struct ct_request *, const cJSON *at, const char *name, int64_t min,
	     int64_t max, bool required, int64_t *value_r);	/* absent: untouched */
bool	 ct_body_uuid(struct ct_request *, const cJSON *at, const char *name, bool required,
	     const char **value_r);
bool	 ct_body_choice(struct ct_request *, const cJSON *at, const char *name,
	     const char *const *choices, bool required, const char **value_r);
bool	 ct_body_time(struct ct_request *, const cJSON *at, const char *name, bool required,
	     const char **value_r);

/*
 * A name or title, in its stored form: without white space at its ends, in Unicode NFC, 1 to max_chars code points.
 * Refuses a name without a visible character, and control characters, line breaks and characters that change the
 * direction of others.
 */
bool	 ct_body_name(struct ct_request *, const cJSON *at, const char *name, size_t max_chars,
	     bool required, const char **value_r);

/*
 * The visible part of a name: the same text for two names that differ only in invisible characters and in kinds of white
 * space. Only for comparing; the system stores and shows the name itself.
 */
const char	*ct_name_label(struct ct_request *, const char *name);

/* The member of `at`; NULL if it is absent or null. */
const cJSON	*ct_body_member(const cJSON *at, const char *name);

/* Notes that the member `name` of `at` is invalid, with its full path. */
void	 ct_body_note(struct ct_request *, const cJSON *at, const char *name, const char *reason);

/* Notes one more invalid field by its path, of the query, or where the body has it. */
void	 ct_note_invalid(struct ct_request *, const char *field, const char *reason);

/* If anything was noted: replies 400 INVALID_REQUEST with all of it and returns true. */
bool	 ct_invalid(struct ct_request *) __attribute__((warn_unused_result));

/*
 * Replies. Each ends the handler's use of the request: nothing of it may be
 * touched afterwards. If the client has gone, they only free.
 */
void	 ct_reply_header(struct ct_request *, const char *name, const char *value);	/* before a reply */
void	 ct_reply_json(struct ct_request *, int status, const char *body, size_t length);
void	 ct_reply_empty(struct ct_request *, int status);

/*
 * Bytes that many replies send without a copy each. Begins with one reference,
 * the caller's; a reply holds another until its last byte is out or its client
 * has gone.
 */
struct ct_shared {
	unsigned	refs;
	unsigned	sends;		/* the edge's: connections that it is being sent on */
	size_t		length;
	char		data[];		/* and a NUL */
};
struct ct_shared	*ct_shared_new(const char *data, size_t length);
void	 ct_shared_drop(struct ct_shared *shared);	/* NULL: nothing */
void	 ct_reply_shared(struct ct_request *, int status, struct ct_shared *json);

/*
 * `detail` NULL: the title; `extras` NULL or a JSON object whose members are added to the problem.
 * CT_IDEMPOTENCY_KEY_IN_USE goes out as CT_SERVICE_UNAVAILABLE where the request has no key.
 */
void	 ct_reply_error(struct ct_request *, enum ct_error error, const char *detail, const char *extras);
/* What a SQL function answered: the usual last line of a ct_pg_cb. */
void	 ct_reply_outcome(struct ct_request *, const struct ct_outcome *outcome);

/*
 * Writes a problem+json body (RFC 9457) into buf: type, title, status,
 * detail, code, requestId, retryAfterSeconds where the table has it, then the
 * members of `extras`. A pure function of its arguments: a replayed error is
 * built from the stored outcome and must be the same bytes.
 */
struct ct_buf;
void	 ct_problem(struct ct_buf *buf, enum ct_error error, const char *detail,
	     const char *request_id, const char *extras);

/* Calls `stmt` and replies with its outcome. */
void	 ct_call_and_reply(struct ct_request *, const struct ct_pg_statement *stmt, const char *const *args);

#endif
