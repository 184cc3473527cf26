/*
 * HTTP requests to others, see http_client.h. Kore drives curl; this adds
 * limits, and the one thing a caller cannot find out from curl's error codes:
 * whether the request may have left.
 */
#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/curl.h>

#include "ct/buf.h"
#include "ct/http_client.h"
#include "ct/loop.h"

#define IDLE_MAX_SECONDS	5L

struct http_call {
	struct kore_curl	 curl;
	struct curl_slist	*headers;
	char			*body;		/* of the request: curl does not copy */
	struct ct_buf		 answer;
	bool			 begun;		/* connected, TLS done: the request is being written */
	ct_http_cb		 cb;
	void			*arg;
};

static unsigned	pending;

/* curl calls this when a connection is ready and nothing of the request is written yet. */
static int
on_ready(void *arg, char *peer_address, char *local_address, int peer_port, int local_port)
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
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_call	*call = arg;

	ct_buf_append(&call->answer, data, size * count);
	return (call->answer.failed ? 0 : size * count);
}

/* Kore has freed curl's handle by now, which is why the status is asked of Kore. */
static void
on_done(struct kore_curl *curl, void *arg)
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

/* Kore starts new transfers between its timers and its HTTP requests: from a timer it is this very turn. */
static void
start(void *arg)
{
	struct http_call	*call = arg;

	kore_curl_run(&call->curl);
}

static void
add_header(struct http_call *call, const char *line)
{
	struct curl_slist	*longer = curl_slist_append(call->headers, line);

	/* Half a request's headers (its credentials, its idempotency key) must never go out. */
	if (longer == NULL)
		abort();
	call->headers = longer;
}

static void
set_options(struct http_call *call, const struct ct_http_request *request)
{
	CURL	*handle = call->curl.handle;
	size_t	 i;

	for (i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
		add_header(call, request->headers[i]);
	/* No waiting for a 100 Continue. */
	add_header(call, "Expect:");
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
	/* A connection idle for longer may be just about to be closed, or its end be waiting in it as an answer (408). */
	curl_easy_setopt(handle, CURLOPT_MAXAGE_CONN, IDLE_MAX_SECONDS);
	curl_easy_setopt(handle, CURLOPT_PREREQFUNCTION, on_ready);
	curl_easy_setopt(handle, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, call);
}

void
ct_http_call(const struct ct_http_request *request, ct_http_cb cb, void *arg)
{
	struct http_call	*call;

	call = calloc(1, sizeof(*call));
	if (call == NULL || !kore_curl_init(&call->curl, request->url, KORE_CURL_ASYNC))
		abort();
	call->curl.type = KORE_CURL_TYPE_HTTP_CLIENT;	/* so that Kore keeps the status */
	call->cb = cb;
	call->arg = arg;
	ct_buf_init(&call->answer, request->response_max);
	if (request->body != NULL) {
		call->body = malloc(request->body_length + 1);
		if (call->body == NULL)
			abort();
		memcpy(call->body, request->body, request->body_length);
	}
	set_options(call, request);
	kore_curl_bind_callback(&call->curl, on_done, call);
	pending++;
	ct_loop_defer(start, call);
}

unsigned
ct_http_pending(void)
{
	return (pending);
}
