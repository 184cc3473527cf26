/* Each reply counts the request, hands it to the edge and frees it. */
#include <stdio.h>
#include <strings.h>

#include "base/assert.h"
#include "base/log.h"
#include "http/edge.h"
#include "http/endpoint.h"
#include "http/exchange.h"
#include "http/problem.h"
#include "http/reply.h"

#define HEAD_MAX	(16 * 1024)
#define PROBLEM_MAX	(1024 * 1024)

static bool
reply_plain(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return (false);
	}
	return (true);
}

void
ct_reply_header(struct ct_request *request, const char *name, const char *value)
{
	struct ct_reply_header	*header;

	/* A line break in a value would start another header. */
	if (!reply_plain(name) || !reply_plain(value)) {
		ct_log(CT_LOG_ERROR, request->id, "the reply header %.40s has a control character and is left out: a "
		    "defect of the handler", name);
		return;
	}
	header = ct_alloc(request, sizeof(*header));
	header->name = ct_printf(request, "%s", name);
	header->value = ct_printf(request, "%s", value);
	header->next = ct_exchange_of(request)->reply_headers;
	ct_exchange_of(request)->reply_headers = header;
}

static bool
reply_has_header(const struct ct_exchange *exchange, const char *name)
{
	const struct ct_reply_header	*header;

	for (header = exchange->reply_headers; header != NULL; header = header->next) {
		if (strcasecmp(header->name, name) == 0)
			return (true);
	}
	return (false);
}

static void
reply_append_header(struct ct_buf *head, const char *name, const char *value)
{
	ct_buf_puts(head, name);
	ct_buf_append(head, ": ", 2);
	ct_buf_puts(head, value);
	ct_buf_append(head, "\r\n", 2);
}

static double
reply_seconds_since(const struct timespec *started)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return ((double)(now.tv_sec - started->tv_sec) + (double)(now.tv_nsec - started->tv_nsec) / 1e9);
}

/* A probe of /livez, /readyz or /metrics has no span. The path is left out, because ids are in it. */
static void
reply_end_span(const struct ct_exchange *exchange, int status)
{
	static const char *const	methods[] = {
		[CT_GET] = "GET", [CT_POST] = "POST", [CT_PUT] = "PUT", [CT_PATCH] = "PATCH", [CT_DELETE] = "DELETE",
		[CT_METHODS] = "_OTHER" };
	const struct ct_route		*route = exchange->request.route;
	const char			*method = methods[exchange->method];
	char				 name[128], code[16];

	if (route != NULL && (route->flags & CT_ROUTE_INTERNAL) != 0)
		return;
	(void)snprintf(name, sizeof(name), "%s%s%s", method, route == NULL ? "" : " ", route == NULL ? "" : route->path);
	(void)snprintf(code, sizeof(code), "%d", status);
	ct_span_end(&exchange->request.span, &(const struct ct_span_facts){ .kind = CT_SPAN_SERVER, .name = name,
	    .failed = status >= 500, .attributes = {
		{ .name = "http.request.method", .text = method },
		{ .name = route == NULL ? NULL : "http.route", .text = route == NULL ? NULL : route->path },
		{ .name = "url.scheme", .text = "http" },
		{ .name = "http.response.status_code", .number = status },
		{ .name = status >= 500 ? "error.type" : NULL, .text = code },
		{ .name = exchange->error_code == NULL ? NULL : "concert.error_code", .text = exchange->error_code },
		{ .name = "concert.request_id", .text = exchange->request.id },
	    } });
}

static void
reply_count(const struct ct_exchange *exchange, int status)
{
	const struct ct_route	*route = exchange->endpoint->route;
	double			 seconds = reply_seconds_since(&exchange->started);

	ct_endpoint_count(exchange->endpoint, status, seconds);
	/* The route and not the path, which may hold anything that a client sends. */
	ct_log(CT_LOG_DEBUG, exchange->request.id, "%s %s: %d in %.1f ms", route == NULL ? "a request" : route->method,
	    route == NULL ? "without a route" : route->path, status, seconds * 1000);
}

/* All replies end here. */
static void
reply_finish(struct ct_exchange *exchange, int status, const char *type, const char *body, size_t length)
{
	/* One buffer for all replies: the edge copies it. */
	static struct ct_buf		 head;
	const struct ct_reply_header	*header;

	CT_ASSERT_MSG(exchange->state == CT_EXCHANGE_OPEN, "a request is answered exactly once");
	exchange->state = CT_EXCHANGE_ANSWERED;
	if (head.ceiling == 0)
		ct_buf_init(&head, HEAD_MAX);
	head.length = 0;
	head.failed = false;
	if (type != NULL && !reply_has_header(exchange, "content-type"))
		reply_append_header(&head, "content-type", type);
	if (!reply_has_header(exchange, "cache-control"))
		reply_append_header(&head, "cache-control", "no-store");
	reply_append_header(&head, "x-request-id", exchange->request.id);
	for (header = exchange->reply_headers; header != NULL; header = header->next)
		reply_append_header(&head, header->name, header->value);

	if (ct_span_is_recorded(&exchange->request.span))
		reply_end_span(exchange, status);
	if (exchange->endpoint != NULL)
		reply_count(exchange, status);
	ct_edge_send(exchange, status, &head, body, length);
	ct_exchange_free(exchange);
}

void
ct_reply_json(struct ct_request *request, int status, const char *body, size_t length)
{
	reply_finish(ct_exchange_of(request), status, "application/json", body, length);
}

void
ct_reply_shared(struct ct_request *request, int status, struct ct_shared *json)
{
	ct_exchange_of(request)->shared = json;
	reply_finish(ct_exchange_of(request), status, "application/json", json->data, json->length);
}

void
ct_reply_empty(struct ct_request *request, int status)
{
	reply_finish(ct_exchange_of(request), status, NULL, NULL, 0);
}

/* Replies with a problem that names the request id `of`: this request's, or that of a replayed answer. */
static void
reply_problem(struct ct_request *request, enum ct_error error, const char *detail, const char *of,
    const char *extras)
{
	const struct ct_error_info	*info = ct_error_info(error);
	struct ct_trace			 before = ct_trace_enter(&request->trace);
	struct ct_buf			 body;

	if (info->status >= 500) {
		ct_log(info->status == 500 ? CT_LOG_ERROR : CT_LOG_WARNING, request->id, "%s %s: %s",
		    request->route == NULL ? "no" : request->route->method,
		    request->route == NULL ? "route" : request->route->path, detail == NULL ? info->code : detail);
	}
	ct_trace_leave(before);
	ct_exchange_of(request)->error_code = info->code;
	if (info->retry_after > 0)
		ct_reply_header(request, "retry-after", ct_printf(request, "%d", info->retry_after));
	if (info->status == 401)
		ct_reply_header(request, "www-authenticate", "Bearer");

	ct_buf_init(&body, PROBLEM_MAX);
	ct_problem(&body, error, detail, of, extras);
	if (body.failed) {
		/* The extra members are too long. The problem without them still names the error. */
		ct_buf_deinit(&body);
		ct_problem(&body, error, NULL, of, NULL);
	}
	reply_finish(ct_exchange_of(request), info->status, "application/problem+json", body.data, body.length);
	ct_buf_deinit(&body);
}

void
ct_reply_error(struct ct_request *request, enum ct_error error, const char *detail, const char *extras)
{
	/* A lock timeout means "the first request is still running" only if this request has an idempotency key. */
	if (error == CT_ERROR_IDEMPOTENCY_KEY_IN_USE && request->idempotency_key == NULL)
		error = CT_ERROR_SERVICE_UNAVAILABLE;
	reply_problem(request, error, detail, request->id, extras);
}

void
ct_reply_replayed_error(struct ct_request *request, enum ct_error error, const char *request_id, const char *extras)
{
	reply_problem(request, error, NULL, request_id, extras);
}
