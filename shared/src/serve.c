/*
 * What every request goes through before a handler sees it, in the contract's
 * order: route and method, load, size, token, role, headers, body, path ids.
 * The first check that fails replies.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ct/idempotency.h"
#include "ct/jwt.h"
#include "exchange.h"
#include "json_strict.h"

static unsigned			 requests_max = 3000;
static struct ct_endpoint	*no_endpoint;
static struct ct_metric		*in_flight;
static struct ct_metric		*shed;

struct ct_endpoint *
ct_endpoint_new(const struct ct_route *route)
{
	static const char	*classes[] = { NULL, NULL, "2xx", "3xx", "4xx", "5xx" };
	struct ct_endpoint	*endpoint;
	struct ct_buf		 labels;
	size_t			 length;
	unsigned		 i;
	char			*without_status;

	if ((endpoint = calloc(1, sizeof(*endpoint))) == NULL)
		abort();
	endpoint->route = route;

	/* Labels are kept by pointer, so each needs its own text for ever. */
	for (i = 2; i < sizeof(classes) / sizeof(classes[0]); i++) {
		ct_buf_init(&labels, 512);
		ct_buf_printf(&labels, "method=\"%s\",route=\"%s\"", route == NULL ? "" : route->method,
		    route == NULL ? "none" : route->path);
		length = labels.length;
		ct_buf_printf(&labels, ",status=\"%s\"", classes[i]);
		endpoint->classes[i] = ct_metric_counter("ct_requests_total", labels.data,
		    "Requests answered, by route and class of status.");
		if (i > 2)
			continue;
		if ((without_status = strndup(labels.data, length)) == NULL)
			abort();
		endpoint->duration = ct_metric_histogram("ct_request_duration_seconds", without_status,
		    "Time from a request's arrival to its reply, by route.");
	}
	return (endpoint);
}

void
ct_serve_configure(unsigned max)
{
	requests_max = max;
	no_endpoint = ct_endpoint_new(NULL);
	in_flight = ct_metric_gauge("ct_requests_in_flight", "", "Requests being worked on.");
	shed = ct_metric_counter("ct_requests_shed_total", "",
	    "Requests refused with 503 because too many were in flight.");
}

void
ct_serve_count(void)
{
	ct_metric_set(in_flight, ct_exchange_count());
}

/* The caller's id if it is one, else a new UUIDv7. */
static void
set_request_id(struct ct_exchange *exchange)
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

/* Each check returns true to go on, false once it has replied. */

static bool
refuse(struct ct_exchange *exchange, enum ct_error error, const char *detail)
{
	ct_reply_error(&exchange->request, error, detail, NULL);
	return (false);
}

static bool
check_route(struct ct_exchange *exchange)
{
	char	allow[CT_ALLOW_TEXT];

	exchange->endpoint = no_endpoint;
	switch (ct_router_find(exchange, allow)) {
	case CT_FOUND_NOTHING:
		return (refuse(exchange, CT_NOT_FOUND, "There is nothing at this path."));
	case CT_FOUND_OTHER_METHOD:
		ct_reply_header(&exchange->request, "allow", allow);
		return (refuse(exchange, CT_METHOD_NOT_ALLOWED, "This path does not have this method."));
	case CT_FOUND:
	default:
		break;
	}
	exchange->request.route = exchange->endpoint->route;
	return (true);
}

static bool
check_load(struct ct_exchange *exchange)
{
	if (ct_exchange_count() <= requests_max || (exchange->request.route->flags & CT_INTERNAL) != 0)
		return (true);
	ct_metric_add(shed, 1);
	return (refuse(exchange, CT_SERVICE_UNAVAILABLE,
	    "Too many requests are being worked on; nothing was done."));
}

static bool
check_token(struct ct_exchange *exchange)
{
	struct ct_request	*request = &exchange->request;
	const char		*value = exchange->headers[CT_HEADER_AUTHORIZATION];
	struct ct_jwt_claims	 claims;

	if (request->route->access == CT_PUBLIC)
		return (true);
	if (value == NULL || strncasecmp(value, "bearer ", 7) != 0)
		return (refuse(exchange, CT_UNAUTHENTICATED,
		    "An Authorization header with a Bearer token is required."));
	value += 7;
	value += strspn(value, " ");
	if (exchange->header_repeated || !ct_jwt_verify(value, time(NULL), &claims))
		return (refuse(exchange, CT_UNAUTHENTICATED, "The token is not valid, or no longer."));

	request->user_id = claims.subject;
	memcpy(request->user, claims.subject_text, sizeof(request->user));
	request->operator_role = claims.operator_role;
	if (request->route->access == CT_OPERATOR && !claims.operator_role)
		return (refuse(exchange, CT_FORBIDDEN, "This needs the role operator."));
	return (true);
}

static bool
check_framing(struct ct_exchange *exchange)
{
	if (!exchange->misframed)
		return (true);
	return (refuse(exchange, CT_INVALID_REQUEST,
	    "A request with this method, or framed like this, has no body."));
}

static bool
check_headers(struct ct_exchange *exchange)
{
	const char	*key = exchange->headers[CT_HEADER_IDEMPOTENCY_KEY];
	int		 flags = exchange->request.route->flags;

	if (exchange->header_repeated)
		return (refuse(exchange, CT_INVALID_REQUEST, "A header that may be there once is there twice."));
	if ((flags & (CT_KEY_REQUIRED | CT_KEY_OPTIONAL)) == 0)
		return (true);
	if (key == NULL && (flags & CT_KEY_REQUIRED) != 0)
		return (refuse(exchange, CT_IDEMPOTENCY_KEY_REQUIRED,
		    "Send an Idempotency-Key of your own with this call."));
	if (key != NULL && !ct_idempotency_key_valid(key)) {
		ct_note_invalid(&exchange->request, "Idempotency-Key",
		    "must be 1 to 255 printable ASCII characters");
		return (!ct_invalid(&exchange->request));
	}
	exchange->request.idempotency_key = key;
	return (true);
}

/* Steps over a token or a quoted string; NULL if there is none. */
static const char *
skip_parameter_value(const char *at)
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

/* The parameters of a media type (RFC 9110, section 8.3.1): well-formed, and any charset is UTF-8. */
static bool
parameters_fit(const char *at)
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
		if (end == NULL || skip_parameter_value(at) != end || (end = skip_parameter_value(end + 1)) == NULL)
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
is_json(const char *type)
{
	static const char	json[] = "application/json";

	return (strncasecmp(type, json, sizeof(json) - 1) == 0 && parameters_fit(type + sizeof(json) - 1));
}

/* A body in any content coding but identity is refused, also where it would not be read. */
static bool
check_encoding(struct ct_exchange *exchange)
{
	const char	*encoding = exchange->headers[CT_HEADER_CONTENT_ENCODING];
	bool		 reads = (exchange->request.route->flags & (CT_BODY | CT_RAW_BODY)) != 0;

	if (encoding == NULL || strcasecmp(encoding, "identity") == 0 || (exchange->body_length == 0 && !reads))
		return (true);
	return (refuse(exchange, CT_UNSUPPORTED_MEDIA_TYPE, "Send the body as it is: no Content-Encoding is supported."));
}

static bool
check_body(struct ct_exchange *exchange)
{
	struct ct_request	*request = &exchange->request;
	const char		*type = exchange->headers[CT_HEADER_CONTENT_TYPE], *why;
	char			*copy;

	if ((request->route->flags & CT_RAW_BODY) != 0) {
		copy = ct_alloc(request, exchange->body_length + 1);
		if (exchange->body_length > 0)
			memcpy(copy, exchange->body, exchange->body_length);
		request->raw_body = copy;
		request->raw_body_length = exchange->body_length;
		return (true);
	}
	if ((request->route->flags & (CT_BODY | CT_BODY_OPTIONAL)) == 0 ||
	    ((request->route->flags & CT_BODY) == 0 && exchange->body_length == 0))
		return (true);

	if ((exchange->body_length > 0 || type != NULL) && (type == NULL || !is_json(type)))
		return (refuse(exchange, CT_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json."));
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
check_ids(struct ct_exchange *exchange)
{
	struct ct_uuid	uuid;
	int		i;

	for (i = 0; i < 2 && exchange->raw_ids[i] != NULL; i++) {
		if (!ct_uuid_parse(exchange->raw_ids[i], &uuid))
			return (refuse(exchange, exchange->request.route->bad_id, NULL));
		ct_uuid_format(&uuid, exchange->request.path_id[i]);
	}
	return (true);
}

void
ct_serve(struct ct_exchange *exchange)
{
	ct_serve_count();
	set_request_id(exchange);
	exchange->endpoint = no_endpoint;
	if (!check_route(exchange) || !check_load(exchange))
		return;
	if (exchange->body_length > CT_BODY_MAX) {
		(void)refuse(exchange, CT_PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB.");
		return;
	}
	if (check_token(exchange) && check_framing(exchange) && check_headers(exchange) &&
	    check_encoding(exchange) && check_body(exchange) && check_ids(exchange))
		exchange->request.route->handler(&exchange->request);
}
