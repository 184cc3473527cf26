/*
 * The checks of each request before its handler, in the contract's order: route and method, load, size, token, role,
 * headers, body, ids in the path. The first check that fails replies.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "auth/jwt.h"
#include "base/json_strict.h"
#include "base/metrics.h"
#include "http/endpoint.h"
#include "http/idempotency.h"
#include "http/invalid.h"
#include "http/key_wait.h"
#include "http/reply.h"
#include "http/router.h"
#include "http/serve.h"
#include "trace/span.h"

static unsigned			 requests_max = 3000;
static struct ct_endpoint	*no_endpoint;
static struct ct_metric		*shed;
static enum ct_keys_asked	(*ask_keys)(void);	/* NULL: all keys are there from the start */

void
ct_serve_configure(unsigned max)
{
	requests_max = max;
	ct_exchange_configure();
	no_endpoint = ct_endpoint_new(NULL);
	ct_key_wait_configure();
	shed = ct_metric_counter("ct_requests_shed_total", "",
	    "Requests refused with 503 because too many were in flight.");
}

/* Uses the client's X-Request-Id if it is valid, otherwise a new UUID. */
static void
serve_set_request_id(struct ct_exchange *exchange)
{
	const char	*given = exchange->headers[CT_HEADER_REQUEST_ID];
	struct ct_uuid	 uuid;
	size_t		 length = 0;

	if (given != NULL) {
		while (length < sizeof(exchange->request.id) && ((given[length] >= 'a' && given[length] <= 'z') ||
		    (given[length] >= 'A' && given[length] <= 'Z') ||
		    (given[length] >= '0' && given[length] <= '9') || given[length] == '-'))
			length++;
		if (length >= 1 && length < sizeof(exchange->request.id) && given[length] == '\0') {
			memcpy(exchange->request.id, given, length + 1);
			return;
		}
	}
	ct_uuid_v7(&uuid);
	ct_uuid_format(&uuid, exchange->request.id);
}

/* Each check returns true if the request passes. Otherwise it replies and returns false. */

static bool
serve_refuse(struct ct_exchange *exchange, enum ct_error error, const char *detail)
{
	ct_reply_error(&exchange->request, error, detail, NULL);
	return (false);
}

static bool
serve_check_route(struct ct_exchange *exchange)
{
	char	allow[CT_ALLOW_TEXT];

	exchange->endpoint = no_endpoint;
	switch (ct_router_find(exchange, allow)) {
	case CT_MATCH_NONE:
		return (serve_refuse(exchange, CT_ERROR_NOT_FOUND, "There is nothing at this path."));
	case CT_MATCH_OTHER_METHOD:
		ct_reply_header(&exchange->request, "allow", allow);
		return (serve_refuse(exchange, CT_ERROR_METHOD_NOT_ALLOWED, "This path does not have this method."));
	case CT_MATCH_ROUTE:
	default:
		break;
	}
	exchange->request.route = exchange->endpoint->route;
	return (true);
}

static bool
serve_check_load(struct ct_exchange *exchange)
{
	if (ct_exchange_count() <= requests_max || (exchange->request.route->flags & CT_ROUTE_INTERNAL) != 0)
		return (true);
	ct_metric_add(shed, 1);
	return (serve_refuse(exchange, CT_ERROR_SERVICE_UNAVAILABLE,
	    "Too many requests are being worked on; nothing was done."));
}

/* No key has the token's kid. The request may wait for new keys. */
static bool
serve_key_unknown(struct ct_exchange *exchange)
{
	enum ct_keys_asked	asked = ask_keys == NULL ? CT_KEYS_NOT_COMING : ask_keys();

	if (asked == CT_KEYS_COMING && ct_key_wait_add(exchange))
		return (false);
	if (asked == CT_KEYS_NEVER_CAME)
		return (serve_refuse(exchange, CT_ERROR_SERVICE_UNAVAILABLE, "The keys that verify tokens cannot be fetched."));
	return (serve_refuse(exchange, CT_ERROR_UNAUTHENTICATED, "The token is not valid, or no longer."));
}

/* Returns false also if the request waits: then it goes on in serve_token_again. */
static bool
serve_check_token(struct ct_exchange *exchange)
{
	struct ct_request	*request = &exchange->request;
	const char		*value = exchange->headers[CT_HEADER_AUTHORIZATION];
	struct ct_jwt_claims	 claims;
	enum ct_jwt_result	 verified;

	if (request->route->access == CT_ACCESS_PUBLIC)
		return (true);
	if (value == NULL || strncasecmp(value, "bearer ", 7) != 0)
		return (serve_refuse(exchange, CT_ERROR_UNAUTHENTICATED,
		    "An Authorization header with a Bearer token is required."));
	value += 7;
	value += strspn(value, " ");
	verified = exchange->header_repeated ? CT_JWT_REFUSED : ct_jwt_check(value, time(NULL), &claims);
	if (verified == CT_JWT_KEY_UNKNOWN)
		return (serve_key_unknown(exchange));
	if (verified != CT_JWT_VERIFIED)
		return (serve_refuse(exchange, CT_ERROR_UNAUTHENTICATED, "The token is not valid, or no longer."));

	request->user_id = claims.subject;
	memcpy(request->user, claims.subject_text, sizeof(request->user));
	request->operator_role = claims.operator_role;
	if (request->route->access == CT_ACCESS_OPERATOR && !claims.operator_role)
		return (serve_refuse(exchange, CT_ERROR_FORBIDDEN, "This needs the role operator."));
	return (true);
}

static bool
serve_check_framing(struct ct_exchange *exchange)
{
	if (!exchange->misframed)
		return (true);
	return (serve_refuse(exchange, CT_ERROR_INVALID_REQUEST,
	    "A request with this method, or framed like this, has no body."));
}

static bool
serve_check_headers(struct ct_exchange *exchange)
{
	const char	*key = exchange->headers[CT_HEADER_IDEMPOTENCY_KEY];
	int		 flags = exchange->request.route->flags;

	if (exchange->header_repeated)
		return (serve_refuse(exchange, CT_ERROR_INVALID_REQUEST, "A header that may be there once is there twice."));
	if ((flags & (CT_ROUTE_KEY_REQUIRED | CT_ROUTE_KEY_OPTIONAL)) == 0)
		return (true);
	if (key == NULL && (flags & CT_ROUTE_KEY_REQUIRED) != 0)
		return (serve_refuse(exchange, CT_ERROR_IDEMPOTENCY_KEY_REQUIRED,
		    "Send an Idempotency-Key of your own with this call."));
	if (key != NULL && !ct_idempotency_key_valid(key)) {
		ct_note_invalid(&exchange->request, "Idempotency-Key",
		    "must be 1 to 255 printable ASCII characters");
		return (!ct_invalid(&exchange->request));
	}
	exchange->request.idempotency_key = key;
	return (true);
}

/* Returns the end of the token or quoted string at `at`, or NULL if there is none. */
static const char *
serve_skip_parameter_value(const char *at)
{
	static const char	token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~";
	size_t			length;

	if (*at != '"')
		return ((length = strspn(at, token)) > 0 ? at + length : NULL);
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if (*at == '\0')
			return (NULL);
	}
	return (at + 1);
}

/* Returns true if a media type's parameters (RFC 9110, section 8.3.1) are well-formed, and a charset is UTF-8. */
static bool
serve_parameters_fit(const char *at)
{
	static const char	charset[] = "charset=";
	static const char *const utf8[] = { "utf-8", "utf8", "\"utf-8\"", "\"utf8\"" };
	const char		*end;
	bool			 is_utf8;
	unsigned		 i;

	for (;;) {
		at += strspn(at, " \t");
		if (*at == '\0')
			return (true);
		if (*at++ != ';')
			return (false);
		at += strspn(at, " \t");
		if (*at == '\0' || *at == ';')
			continue;
		end = strchr(at, '=');
		if (end == NULL || serve_skip_parameter_value(at) != end || (end = serve_skip_parameter_value(end + 1)) == NULL)
			return (false);
		if (strncasecmp(at, charset, sizeof(charset) - 1) == 0) {
			at += sizeof(charset) - 1;
			is_utf8 = false;
			for (i = 0; i < sizeof(utf8) / sizeof(utf8[0]); i++)
				is_utf8 = is_utf8 || (strlen(utf8[i]) == (size_t)(end - at) &&
				    strncasecmp(at, utf8[i], (size_t)(end - at)) == 0);
			if (!is_utf8)
				return (false);
		}
		at = end;
	}
}

static bool
serve_is_json(const char *type)
{
	static const char	json[] = "application/json";

	return (strncasecmp(type, json, sizeof(json) - 1) == 0 && serve_parameters_fit(type + sizeof(json) - 1));
}

/* Refuses a body with a content coding other than identity, even if the route reads no body. */
static bool
serve_check_encoding(struct ct_exchange *exchange)
{
	const char	*encoding = exchange->headers[CT_HEADER_CONTENT_ENCODING];
	bool		 reads = (exchange->request.route->flags & (CT_ROUTE_BODY | CT_ROUTE_RAW_BODY)) != 0;

	if (encoding == NULL || strcasecmp(encoding, "identity") == 0 || (exchange->body_length == 0 && !reads))
		return (true);
	return (serve_refuse(exchange, CT_ERROR_UNSUPPORTED_MEDIA_TYPE, "Send the body as it is: no Content-Encoding is supported."));
}

static bool
serve_check_body(struct ct_exchange *exchange)
{
	struct ct_request	*request = &exchange->request;
	const char		*type = exchange->headers[CT_HEADER_CONTENT_TYPE], *why;
	char			*copy;

	if ((request->route->flags & CT_ROUTE_RAW_BODY) != 0) {
		copy = ct_alloc(request, exchange->body_length + 1);
		if (exchange->body_length > 0)
			memcpy(copy, exchange->body, exchange->body_length);
		request->raw_body = copy;
		request->raw_body_length = exchange->body_length;
		return (true);
	}
	if ((request->route->flags & (CT_ROUTE_BODY | CT_ROUTE_BODY_OPTIONAL)) == 0 ||
	    ((request->route->flags & CT_ROUTE_BODY) == 0 && exchange->body_length == 0))
		return (true);

	if ((exchange->body_length > 0 || type != NULL) && (type == NULL || !serve_is_json(type)))
		return (serve_refuse(exchange, CT_ERROR_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."));
	exchange->tree = ct_json_parse(exchange->body_length > 0 ? exchange->body : "", exchange->body_length,
	    &why);
	if (exchange->tree == NULL) {
		ct_note_invalid(request, "body", why);
		return (!ct_invalid(request));
	}
	request->body = exchange->tree;
	return (true);
}

static bool
serve_check_ids(struct ct_exchange *exchange)
{
	struct ct_uuid	uuid;
	int		i;

	for (i = 0; i < CT_PATH_IDS && exchange->raw_ids[i] != NULL; i++) {
		if (!ct_uuid_parse(exchange->raw_ids[i], &uuid))
			return (serve_refuse(exchange, exchange->request.route->bad_id, NULL));
		ct_uuid_format(&uuid, exchange->request.path_id[i]);
	}
	return (true);
}

/* The checks from the token on, and the handler. */
static void
serve_user(struct ct_exchange *exchange)
{
	if (serve_check_token(exchange) && serve_check_framing(exchange) && serve_check_headers(exchange) &&
	    serve_check_encoding(exchange) && serve_check_body(exchange) && serve_check_ids(exchange))
		exchange->request.route->handler(&exchange->request);
}

static void
serve_check_and_handle(struct ct_exchange *exchange)
{
	if (!serve_check_route(exchange) || !serve_check_load(exchange))
		return;
	if (exchange->body_length > CT_BODY_MAX) {
		(void)serve_refuse(exchange, CT_ERROR_PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB.");
		return;
	}
	serve_user(exchange);
}

void
ct_serve_ask_keys(enum ct_keys_asked (*ask)(void))
{
	ask_keys = ask;
}

/* If the client has gone, the edge has some of the request's headers no longer. Nothing was done. */
static void
serve_token_again(struct ct_exchange *exchange)
{
	struct ct_trace	before = ct_trace_enter(&exchange->request.trace);

	if (exchange->request.client_gone)
		(void)serve_refuse(exchange, CT_ERROR_SERVICE_UNAVAILABLE, "The client has gone.");
	else
		serve_user(exchange);
	ct_trace_leave(before);
}

void
ct_serve_keys_came(void)
{
	ct_key_wait_end(serve_token_again);
}

static void
serve_refuse_stopping(struct ct_exchange *exchange)
{
	(void)serve_refuse(exchange, CT_ERROR_SERVICE_UNAVAILABLE, "The service is stopping; nothing was done.");
}

void
ct_serve_stop(void)
{
	ct_key_wait_end(serve_refuse_stopping);
}

void
ct_serve(struct ct_exchange *exchange)
{
	struct ct_trace	before;

	serve_set_request_id(exchange);
	exchange->endpoint = no_endpoint;
	if (exchange->headers[CT_HEADER_TRACEPARENT] != NULL || ct_spans_enabled())
		ct_span_receive(&exchange->request.span, exchange->headers[CT_HEADER_TRACEPARENT], &exchange->request.trace);
	before = ct_trace_enter(&exchange->request.trace);
	serve_check_and_handle(exchange);
	ct_trace_leave(before);
}
