/* Replies: each counts the request, gives it to the edge and frees it. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ct/log.h"
#include "exchange.h"

#define HEAD_MAX	(16 * 1024)
#define PROBLEM_MAX	(1024 * 1024)

static bool
plain(const char *text)
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

	/* A line break in a value would begin another header. */
	if (!plain(name) || !plain(value)) {
		ct_log(CT_LOG_ERROR, request->id, "a reply header with a control character was left out");
		return;
	}
	header = ct_alloc(request, sizeof(*header));
	header->name = ct_printf(request, "%s", name);
	header->value = ct_printf(request, "%s", value);
	header->next = ct_exchange_of(request)->reply_headers;
	ct_exchange_of(request)->reply_headers = header;
}

static bool
has_header(const struct ct_exchange *exchange, const char *name)
{
	const struct ct_reply_header	*header;

	for (header = exchange->reply_headers; header != NULL; header = header->next) {
		if (strcasecmp(header->name, name) == 0)
			return (true);
	}
	return (false);
}

static void
append_header(struct ct_buf *head, const char *name, const char *value)
{
	ct_buf_puts(head, name);
	ct_buf_append(head, ": ", 2);
	ct_buf_puts(head, value);
	ct_buf_append(head, "\r\n", 2);
}

static void
count(const struct ct_exchange *exchange, int status)
{
	struct timespec	now;

	if (exchange->endpoint == NULL || status < 100 || status > 599)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ct_metric_add(exchange->endpoint->classes[status / 100], 1);
	ct_metric_observe(exchange->endpoint->duration, (double)(now.tv_sec - exchange->started.tv_sec) +
	    (double)(now.tv_nsec - exchange->started.tv_nsec) / 1e9);
}

/* The one way out for every reply. */
static void
finish(struct ct_exchange *exchange, int status, const char *type, const char *body, size_t length)
{
	/* Kept from reply to reply: the edge copies what it is given. */
	static struct ct_buf		 head;
	const struct ct_reply_header	*header;

	if (head.ceiling == 0)
		ct_buf_init(&head, HEAD_MAX);
	head.length = 0;
	head.failed = false;
	if (type != NULL && !has_header(exchange, "content-type"))
		append_header(&head, "content-type", type);
	if (!has_header(exchange, "cache-control"))
		append_header(&head, "cache-control", "no-store");
	append_header(&head, "x-request-id", exchange->request.id);
	for (header = exchange->reply_headers; header != NULL; header = header->next)
		append_header(&head, header->name, header->value);

	count(exchange, status);
	ct_edge_send(exchange, status, &head, body, length);
	ct_exchange_free(exchange);
	ct_serve_count();
}

void
ct_reply_json(struct ct_request *request, int status, const char *body, size_t length)
{
	finish(ct_exchange_of(request), status, "application/json", body, length);
}

struct ct_shared *
ct_shared_new(const char *data, size_t length)
{
	struct ct_shared	*shared = malloc(sizeof(*shared) + length + 1);

	if (shared == NULL)
		abort();
	shared->refs = 1;
	shared->sends = 0;
	shared->length = length;
	memcpy(shared->data, data, length);
	shared->data[length] = '\0';
	return (shared);
}

void
ct_shared_drop(struct ct_shared *shared)
{
	if (shared != NULL && --shared->refs == 0)
		free(shared);
}

void
ct_reply_shared(struct ct_request *request, int status, struct ct_shared *json)
{
	ct_exchange_of(request)->shared = json;
	finish(ct_exchange_of(request), status, "application/json", json->data, json->length);
}

void
ct_reply_empty(struct ct_request *request, int status)
{
	finish(ct_exchange_of(request), status, NULL, NULL, 0);
}

/* A problem whose body names the request `of`: this one, or the one whose answer is given again. */
static void
problem(struct ct_request *request, enum ct_error error, const char *detail, const char *of,
    const char *extras)
{
	const struct ct_error_info	*info = ct_error_info(error);
	struct ct_buf			 body;

	if (info->status >= 500) {
		ct_log(info->status == 500 ? CT_LOG_ERROR : CT_LOG_WARNING, request->id, "%s %s: %s",
		    request->route == NULL ? "no" : request->route->method,
		    request->route == NULL ? "route" : request->route->path, detail == NULL ? info->code : detail);
	}
	if (info->retry_after > 0)
		ct_reply_header(request, "retry-after", ct_printf(request, "%d", info->retry_after));
	if (info->status == 401)
		ct_reply_header(request, "www-authenticate", "Bearer");

	ct_buf_init(&body, PROBLEM_MAX);
	ct_problem(&body, error, detail, of, extras);
	if (body.failed) {
		/* Extra members beyond all measure: the problem without them still says what happened. */
		ct_buf_deinit(&body);
		ct_problem(&body, error, NULL, of, NULL);
	}
	finish(ct_exchange_of(request), info->status, "application/problem+json", body.data, body.length);
	ct_buf_deinit(&body);
}

void
ct_reply_error(struct ct_request *request, enum ct_error error, const char *detail, const char *extras)
{
	/* A lock that could not be had: only who sent a key can have a first request that holds it. */
	if (error == CT_IDEMPOTENCY_KEY_IN_USE && request->idempotency_key == NULL)
		error = CT_SERVICE_UNAVAILABLE;
	problem(request, error, detail, request->id, extras);
}

void
ct_reply_outcome(struct ct_request *request, const struct ct_outcome *outcome)
{
	static const struct { const char *name; int status; }	successes[] = {
		{ "OK", 200 }, { "CREATED", 201 }, { "ACCEPTED", 202 }, { "NO_CONTENT", 204 },
		{ "NOT_MODIFIED", 304 } };
	enum ct_error						error;
	unsigned						i;

	if (outcome->error != CT_OK) {
		ct_reply_error(request, outcome->error, NULL, NULL);
		return;
	}
	if (outcome->etag != NULL)
		ct_reply_header(request, "etag", outcome->etag);
	if (outcome->replayed)
		ct_reply_header(request, "idempotent-replayed", "true");

	for (i = 0; i < sizeof(successes) / sizeof(successes[0]); i++) {
		if (outcome->outcome == NULL || strcmp(successes[i].name, outcome->outcome) != 0)
			continue;
		if (successes[i].status == 204 || successes[i].status == 304 || outcome->body == NULL)
			ct_reply_empty(request, successes[i].status);
		else
			ct_reply_json(request, successes[i].status, outcome->body, outcome->body_length);
		return;
	}
	error = ct_error_from_code(outcome->outcome);
	/* An unknown outcome is an error of ours: the client must not see the text that came with it. */
	problem(request, error, NULL,
	    outcome->replayed && outcome->request_id != NULL ? outcome->request_id : request->id,
	    error == CT_INTERNAL_ERROR ? NULL : outcome->body);
}
