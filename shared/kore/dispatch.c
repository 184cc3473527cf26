/*
 * The edge on Kore: makes an exchange from Kore's request, and writes the reply to its connection.
 *
 * This file writes replies itself. Kore's http_response() formats about ten header lines one by one with printf, and for
 * the many status polls that costs too much time.
 *
 * While a handler waits for a store, its request sleeps in Kore. The reply is queued on the connection at once and wakes
 * the request. So Kore calls ct_dispatch() again in the same turn of its loop, and then sends the reply and frees the
 * request.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "base/assert.h"
#include "base/metrics.h"
#include "http/edge.h"
#include "http/exchange.h"
#include "http/serve.h"
#include "http/shared_body.h"
#include "kore/dispatch.h"

/* After the reply is queued, hdlr_extra points to this. */
static char	answered;

static bool	closing;

void
ct_dispatch_close_connections(void)
{
	closing = true;
}

/* Kore calls this when the client has closed its connection. The exchange keeps Kore's buffer, which holds its strings. */
static void
dispatch_detach(struct http_request *req)
{
	struct ct_exchange	*exchange = req->hdlr_extra;

	exchange->http = NULL;
	exchange->request.client_gone = true;
	exchange->kept = req->headers;
	req->headers = NULL;
}

static enum ct_method
dispatch_method_of(const struct http_request *req)
{
	switch (req->method) {
	case HTTP_METHOD_GET:
	case HTTP_METHOD_HEAD:
		return (CT_GET);
	case HTTP_METHOD_POST:
		return (CT_POST);
	case HTTP_METHOD_PUT:
		return (CT_PUT);
	case HTTP_METHOD_PATCH:
		return (CT_PATCH);
	case HTTP_METHOD_DELETE:
		return (CT_DELETE);
	default:
		return (CT_METHODS);
	}
}

static bool
dispatch_has_body(const struct http_request *req)
{
	return (req->method == HTTP_METHOD_POST || req->method == HTTP_METHOD_PUT ||
	    req->method == HTTP_METHOD_PATCH);
}

static void
dispatch_read_headers(struct ct_exchange *exchange, struct http_request *req)
{
	const struct http_header	*header;
	enum ct_known_header		 known;
	unsigned			 lengths = 0;

	TAILQ_FOREACH(header, &req->req_headers, list) {
		known = ct_known_header(header->header);
		switch (known) {
		case CT_HEADER_BODY_LENGTH:
			exchange->misframed = true;
			exchange->body_length = strtoul(header->value, NULL, 10);
			break;
		case CT_HEADER_CONNECTION:
			if (strcasecmp(header->value, "close") == 0)
				exchange->last = true;
			break;
		case CT_HEADER_CONTENT_LENGTH:
			/* Kore would read the body of such a request as the next request. */
			if (++lengths > 1 || (!dispatch_has_body(req) && strcmp(header->value, "0") != 0)) {
				exchange->misframed = true;
				exchange->body_length = strtoul(header->value, NULL, 10);
			}
			break;
		case CT_HEADER_TRANSFER_ENCODING:
			exchange->misframed = true;
			break;
		case CT_HEADER_TRACEPARENT:
			/* Two of them are none (W3C): no trace has this text. */
			exchange->headers[known] = exchange->headers[known] == NULL ? header->value : "";
			break;
		case CT_HEADER_OTHER:
			break;
		default:
			if (exchange->headers[known] != NULL)
				exchange->header_repeated = true;
			exchange->headers[known] = header->value;
		}
	}
}

static struct ct_exchange *
dispatch_receive(struct http_request *req)
{
	struct ct_exchange	*exchange = ct_exchange_new();

	exchange->http = req;
	exchange->method = dispatch_method_of(req);
	exchange->path = req->path;
	exchange->query = req->query_string;
	if (req->http_body != NULL) {
		exchange->body = (const char *)req->http_body->data;
		exchange->body_length = req->http_body_length;
	}
	dispatch_read_headers(exchange, req);
	if (exchange->misframed || closing || (req->flags & HTTP_VERSION_1_0) != 0)
		exchange->last = true;

	/* hdlr_extra belongs to this file: Kore must not free it. */
	req->flags |= HTTP_REQUEST_RETAIN_EXTRA;
	req->hdlr_extra = exchange;
	req->onfree = dispatch_detach;

	/* The body is here. If it came by itself, Kore still measures http_body_timeout, and would answer 408 during the execution. */
	req->owner->http_timeout = 0;
	return (exchange);
}

int
ct_dispatch(struct http_request *req)
{
	if (req->hdlr_extra == NULL) {
		/*
		 * The client has sent this request before the reply to another one with a body. Kore reads both at
		 * once, and the replies could change places.
		 */
		if (TAILQ_FIRST(&req->owner->http_requests) != req)
			return (KORE_RESULT_ERROR);
		ct_serve(dispatch_receive(req));
	}
	if (req->hdlr_extra != &answered) {
		http_request_sleep(req);
		return (KORE_RESULT_RETRY);
	}

	if ((req->owner->flags & CONN_CLOSE_EMPTY) == 0) {
		http_start_recv(req->owner);
		/* Kore waits only http_header_timeout for the next request; an idle connection may wait longer. */
		req->owner->http_timeout = (u_int64_t)http_keepalive_time * 1000;
	}
	return (KORE_RESULT_OK);
}

/*
 * Shared bodies that are being sent, the oldest first. A client that reads slowly keeps its body in memory after a newer
 * body has replaced it. If these bodies have more than SENDING_MAX bytes, the connections that take longest are closed.
 */
#define SENDING_MAX	(128UL * 1024 * 1024)

struct sending {
	TAILQ_ENTRY(sending)	 list;
	struct connection	*c;		/* NULL: closed */
	struct ct_shared	*shared;
};

static TAILQ_HEAD(, sending)	 sending = TAILQ_HEAD_INITIALIZER(sending);
static size_t			 sending_bytes;		/* each body counted once */
static struct ct_metric		*sending_now, *slow_closed;

static void
dispatch_sending_end(struct sending *one)
{
	if (one->c == NULL)
		return;
	one->c = NULL;
	TAILQ_REMOVE(&sending, one, list);
	if (--one->shared->sends == 0)
		sending_bytes -= one->shared->length;
	ct_metric_set(sending_now, (int64_t)sending_bytes);
}

/* Kore calls this when it has sent the body, or when the connection is closed. */
static int
dispatch_release_shared(struct netbuf *nb)
{
	struct sending	*one = nb->extra;

	dispatch_sending_end(one);
	ct_shared_drop(one->shared);
	kore_free(one);
	return (KORE_RESULT_OK);
}

static void
dispatch_write_shared(struct connection *c, struct ct_shared *shared)
{
	struct sending		*one = kore_calloc(1, sizeof(*one)), *oldest;
	struct connection	*slow;
	struct netbuf		*nb;

	net_send_stream(c, shared->data, shared->length, dispatch_release_shared, &nb);
	nb->extra = one;
	one->c = c;
	one->shared = shared;
	shared->refs++;
	if (shared->sends++ == 0)
		sending_bytes += shared->length;
	TAILQ_INSERT_TAIL(&sending, one, list);

	while (sending_bytes > SENDING_MAX && (oldest = TAILQ_FIRST(&sending)) != one) {
		slow = oldest->c;
		dispatch_sending_end(oldest);
		ct_metric_add(slow_closed, 1);
		kore_connection_disconnect(slow);
	}
	ct_metric_set(sending_now, (int64_t)sending_bytes);
}

static void
dispatch_write_reply(struct http_request *req, const struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body,
    size_t length)
{
	static struct ct_buf	out;
	struct connection	*c = req->owner;

	if (out.ceiling == 0)
		ct_buf_init(&out, 64 * 1024);
	out.length = 0;
	out.failed = false;
	ct_buf_append(&out, "HTTP/1.1 ", 9);
	ct_buf_number(&out, status);
	ct_buf_append(&out, " ", 1);
	ct_buf_puts(&out, http_status_text(status));
	ct_buf_append(&out, "\r\n", 2);
	ct_buf_append(&out, head->data, head->length);
	if (status != 204 && status != 304) {
		ct_buf_append(&out, "content-length: ", 16);
		ct_buf_number(&out, (int64_t)length);
		ct_buf_append(&out, "\r\n", 2);
	}
	ct_buf_puts(&out, exchange->last ? "connection: close\r\n\r\n" : "connection: keep-alive\r\n\r\n");

	net_send_queue(c, out.data, out.length);
	/*
	 * Only now: Kore closes such a connection at its next event without anything to send. An event may come before the
	 * reply, for example if epoll reports once more that the client can take bytes.
	 */
	if (exchange->last)
		c->flags |= CONN_CLOSE_EMPTY;
	if (length > 0 && req->method != HTTP_METHOD_HEAD) {
		if (exchange->shared != NULL)
			dispatch_write_shared(c, exchange->shared);
		else
			net_send_queue(c, body, length);
	}
	req->status = (u_int16_t)status;
}

static void
dispatch_edge_send(struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body, size_t body_length)
{
	struct http_request	*req = exchange->http;

	CT_ASSERT_MSG(req == NULL || req->hdlr_extra == exchange, "a request is answered exactly once");
	if (req != NULL) {
		/* Without an owner: the connection was closed in this turn of the loop. */
		if (req->owner != NULL)
			dispatch_write_reply(req, exchange, status, head, body, body_length);
		req->hdlr_extra = &answered;
		req->onfree = NULL;
		http_request_wakeup(req);
	}
	kore_free(exchange->kept);
}

static const char *
dispatch_edge_header(struct ct_exchange *exchange, const char *name)
{
	const char	*value;

	if (exchange->http == NULL || http_request_header(exchange->http, name, &value) != KORE_RESULT_OK)
		return (NULL);
	return (value);
}

void
ct_dispatch_configure(void)
{
	static const struct ct_edge	edge = { dispatch_edge_send, dispatch_edge_header };

	ct_edge_register(&edge);
	sending_now = ct_metric_gauge("ct_sending_bytes", "", "Bytes of shared bodies that clients have not taken in full.");
	slow_closed = ct_metric_counter("ct_slow_readers_closed_total", "",
	    "Connections closed because their clients read too slowly while too many bytes waited.");
}
