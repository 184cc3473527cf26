/*
 * HTTP requests to other servers, on Kore's curl. This file adds limits, and finds out whether the request may have been
 * sent: curl's error codes do not say that.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/curl.h>

#include "base/buf.h"
#include "http_client/http_client.h"
#include "loop/loop.h"

#define IDLE_MAX_SECONDS	5L

struct http_call {
	struct kore_curl	 curl;
	struct curl_slist	*headers;
	char			*body;		/* the request's body: curl does not copy it */
	struct ct_buf		 answer;
	bool			 begun;		/* connected, with TLS: bytes of the request may have been sent */
	ct_http_cb		 cb;
	void			*arg;
};

static unsigned	pending;

/* curl calls this when the connection is ready, before it sends the request. */
static int
http_client_on_ready(void *arg, char *peer_address, char *local_address, int peer_port, int local_port)
{
	struct http_call	*call = arg;

	(void)peer_address;
	(void)local_address;
	(void)peer_port;
	(void)local_port;
	call->begun = true;
	return (CURL_PREREQFUNC_OK);
}

static size_t
http_client_on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_call	*call = arg;

	ct_buf_append(&call->answer, data, size * count);
	return (call->answer.failed ? 0 : size * count);
}

/* Kore has already freed curl's handle, so this takes the status from Kore. */
static void
http_client_on_done(struct kore_curl *curl, void *arg)
{
	struct http_call	*call = arg;
	struct ct_http_response	 response = { .body = "", .error = "" };

	if (kore_curl_success(curl)) {
		response.result = CT_HTTP_ANSWERED;
		response.status = curl->http.status;
		response.body_length = call->answer.length;
		if (call->answer.data != NULL)
			response.body = call->answer.data;
	} else {
		response.result = call->begun ? CT_HTTP_UNKNOWN : CT_HTTP_NOT_SENT;
		response.error = kore_curl_strerror(curl);
	}
	pending--;
	call->cb(&response, call->arg);

	kore_curl_cleanup(curl);
	curl_slist_free_all(call->headers);
	ct_buf_deinit(&call->answer);
	free(call->body);
	free(call);
}

/* Runs from a timer. Kore starts new transfers after its timers, so the request leaves in the same turn. */
static void
http_client_start(void *arg)
{
	struct http_call	*call = arg;

	kore_curl_run(&call->curl);
}

static void
http_client_add_header(struct http_call *call, const char *line)
{
	struct curl_slist	*longer = curl_slist_append(call->headers, line);

	/* A request must never be sent without one of its headers, such as its credentials or idempotency key. */
	if (longer == NULL)
		abort();
	call->headers = longer;
}

static void
http_client_set_options(struct http_call *call, const struct ct_http_request *request)
{
	CURL	*handle = call->curl.handle;
	size_t	 i;

	for (i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
		http_client_add_header(call, request->headers[i]);
	/* Without this curl waits for a 100 Continue. */
	http_client_add_header(call, "Expect:");
	curl_easy_setopt(handle, CURLOPT_HTTPHEADER, call->headers);

	if (request->body != NULL) {
		curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
		curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body);
	}
	if (strcmp(request->method, "HEAD") == 0)
		curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, request->method);

	curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, request->timeout_ms);
	/* The server may be about to close a connection that is idle for longer, or may have sent a 408 on it. */
	curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, IDLE_MAX_SECONDS);
	curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, http_client_on_ready);
	curl_easy_setopt(handle, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, http_client_on_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, call);
}

void
ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg)
{
	struct http_call	*call;

	call = calloc(1, sizeof(*call));
	if (call == NULL || !kore_curl_init(&call->curl, request->url, KORE_CURL_ASYNC))
		abort();
	call->curl.type = KORE_CURL_TYPE_HTTP_CLIENT;	/* then Kore keeps the status */
	call->cb = cb;
	call->arg = arg;
	ct_buf_init(&call->answer, request->response_max);
	if (request->body != NULL) {
		call->body = malloc(request->body_length + 1);
		if (call->body == NULL)
			abort();
		memcpy(call->body, request->body, request->body_length);
	}
	http_client_set_options(call, request);
	kore_curl_bind_callback(&call->curl, http_client_on_done, call);
	pending++;
	ct_loop_defer(http_client_start, call);
}

unsigned
ct_http_pending(void)
{
	return (pending);
}
