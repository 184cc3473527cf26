/*
 * Replaces Kore for shared/kore/dispatch.c: reads a request from a text, lets it sleep and wakes it, and keeps the
 * connection's output.
 *
 * It frees memory as early as Kore does: the body after the handler has returned, and the rest with the request. So
 * AddressSanitizer finds code that keeps a pointer too long.
 */
#define _GNU_SOURCE
#include <sys/types.h>
#include <sys/queue.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <kore/kore.h>
#include <kore/http.h>

#include "fuzz.h"
#include "http/exchange.h"
#include "kore/dispatch.h"
#include "requests.h"

#define HEADERS_MAX	25	/* Kore reads at most this many lines, with the request line */
#define OUTPUT_MAX	(4 * 1024 * 1024)
#define STEPS_MAX	2000

u_int16_t	 http_keepalive_time = 20;

const char	*(*kore_value)(const char *name, const char *value);

static char		*output;
static size_t		 output_length;
static bool		 woken;
static struct netbuf	*streams[4];
static unsigned		 stream_count;

/* --- Kore's functions that dispatch.c calls ---------------------------------------- */

const char *
http_status_text(int status)
{
	(void)status;
	return ("Text");
}

void
net_send_queue(struct connection *c, const void *data, size_t length)
{
	must(c != NULL && output_length + length <= OUTPUT_MAX);
	if (length > 0)
		memcpy(output + output_length, data, length);
	output_length += length;
}

void
net_send_stream(struct connection *c, void *data, size_t length, int (*cb)(struct netbuf *), struct netbuf **nb_r)
{
	struct netbuf	*nb = calloc(1, sizeof(*nb));

	must(nb != NULL && stream_count < 4);
	nb->cb = cb;
	streams[stream_count++] = nb;
	*nb_r = nb;
	net_send_queue(c, data, length);
}

void
http_request_sleep(struct http_request *req)
{
	req->flags |= HTTP_REQUEST_SLEEPING;
}

void
http_request_wakeup(struct http_request *req)
{
	req->flags &= (u_int16_t)~HTTP_REQUEST_SLEEPING;
	woken = true;
}

void
http_start_recv(struct connection *c)
{
	(void)c;
}

int
http_request_header(struct http_request *req, const char *name, const char **value_r)
{
	const struct http_header	*header;

	TAILQ_FOREACH(header, &req->req_headers, list) {
		if (strcasecmp(header->header, name) == 0) {
			*value_r = header->value;
			return (KORE_RESULT_OK);
		}
	}
	return (KORE_RESULT_ERROR);
}

/* For slow readers only, and this client reads everything at once. */
void
kore_connection_disconnect(struct connection *c)
{
	must(c == NULL);
}

void *
kore_calloc(size_t count, size_t size)
{
	void	*memory = calloc(count, size);

	must(memory != NULL);
	return (memory);
}

void
kore_free(void *memory)
{
	free(memory);
}

/* --- a request from a text ------------------------------------------------------- */

static int
method_from(const char *name)
{
	static const struct { const char *name; int method; } methods[] = {
		{ "GET", HTTP_METHOD_GET }, { "HEAD", HTTP_METHOD_HEAD }, { "POST", HTTP_METHOD_POST },
		{ "PUT", HTTP_METHOD_PUT }, { "PATCH", HTTP_METHOD_PATCH }, { "DELETE", HTTP_METHOD_DELETE },
		{ "OPTIONS", HTTP_METHOD_OPTIONS } };
	size_t	i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(methods[i].name, name) == 0)
			return (methods[i].method);
	}
	return (-1);
}

static bool
printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			return (false);
	}
	return (true);
}

static bool
add_header(struct http_request *req, char *line)
{
	struct http_header	*header;
	char			*colon = strchr(line, ':'), *c;

	if (colon == NULL || colon == line)
		return (false);
	*colon++ = '\0';
	for (c = line; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return (false);
	}
	while (*colon == ' ' || *colon == '\t')
		colon++;
	for (c = colon + strlen(colon); c > colon && (c[-1] == ' ' || c[-1] == '\t');)
		*--c = '\0';
	if (*colon == '\0' || !printable(colon))
		return (false);
	if ((header = calloc(1, sizeof(*header))) == NULL)
		abort();
	header->header = line;
	header->value = (char *)(uintptr_t)kore_value(line, colon);
	TAILQ_INSERT_TAIL(&req->req_headers, header, list);
	return (true);
}

/* Reads the head. Changes it, and keeps pointers into it for the request's life. */
static bool
read_head(struct http_request *req, char *head)
{
	char		*line = strsep(&head, "\n"), *path = strchr(line, ' ');
	unsigned	 count = 1;
	int		 method;

	if (path == NULL || *(path + 1) != '/' || strlen(path) > 1998)
		return (false);
	*path++ = '\0';
	if ((method = method_from(line)) == -1 || !printable(path) || strchr(path, ' ') != NULL)
		return (false);
	req->method = (u_int8_t)method;
	req->path = path;
	if ((req->query_string = strchr(path, '?')) != NULL)
		*req->query_string++ = '\0';
	while ((line = strsep(&head, "\n")) != NULL) {
		if (*line == '\0')
			continue;
		if (count++ >= HEADERS_MAX)
			break;
		if (!add_header(req, line))
			return (false);
	}
	return (true);
}

static void
free_request(struct http_request *req, bool with_memory)
{
	struct http_header	*header;

	while ((header = TAILQ_FIRST(&req->req_headers)) != NULL) {
		TAILQ_REMOVE(&req->req_headers, header, list);
		free(header);
	}
	if (with_memory)
		free(req->headers);
	free(req);
}

static void
free_body(struct http_request *req, struct kore_buf *body)
{
	if (body != NULL)
		free(body->data);
	free(body);
	req->http_body = NULL;
}

static struct kore_buf *
body_from(const char *data, size_t length)
{
	struct kore_buf	*body = calloc(1, sizeof(*body));

	if (body == NULL || (body->data = malloc(length)) == NULL)
		abort();
	memcpy(body->data, data, length);
	body->length = length;
	body->offset = length;
	return (body);
}

/* --- the answer ------------------------------------------------------------------ */

static void
read_answer(struct answer *answer, bool is_head)
{
	char	*end, *length_at;
	size_t	 head_length;

	answer->status = 0;
	if (output_length == 0)
		return;
	output[output_length] = '\0';
	must(strncmp(output, "HTTP/1.1 ", 9) == 0);
	answer->status = atoi(output + 9);
	must((end = strstr(output, "\r\n\r\n")) != NULL);
	head_length = (size_t)(end + 4 - output);
	answer->head = strndup(output, head_length - 2);
	answer->body_length = output_length - head_length;
	if ((answer->body = malloc(answer->body_length + 1)) == NULL)
		abort();
	memcpy(answer->body, output + head_length, answer->body_length);
	answer->body[answer->body_length] = '\0';

	/* Exactly one answer: the bytes after the head have the announced length. */
	length_at = strstr(answer->head, "\r\ncontent-length: ");
	if (answer->status == 204 || answer->status == 304) {
		must(length_at == NULL && answer->body_length == 0);
		return;
	}
	must(length_at != NULL);
	must(is_head ? answer->body_length == 0 : strtoul(length_at + 18, NULL, 10) == answer->body_length);
}

static void
run_until_answered(struct http_request *req)
{
	int	steps;

	for (steps = 0; !woken && steps < STEPS_MAX; steps++) {
		if (!stores_turn() && !woken)
			stores_wait();
	}
	must(woken);
	must(ct_dispatch(req) == KORE_RESULT_OK);
}

/* Runs the calls that are still in flight after the answer, or after the client has disconnected. */
static void
run_to_the_end(void)
{
	int	steps;

	for (steps = 0; (stores_turn() || ct_exchange_count() > 0) && steps < STEPS_MAX; steps++) {
		if (ct_exchange_count() > 0)
			stores_wait();
	}
	must(ct_exchange_count() == 0);
	for (; stream_count > 0; stream_count--) {
		must(streams[stream_count - 1]->cb(streams[stream_count - 1]) == KORE_RESULT_OK);
		free(streams[stream_count - 1]);
	}
}

bool
kore_send(const char *text, size_t length, bool leaves, struct answer *answer_r)
{
	struct http_request	*req = calloc(1, sizeof(*req));
	struct connection	 connection;
	const char		*body = memmem(text, length, "\n\n", 2);
	size_t			 head_length = body == NULL ? length : (size_t)(body - text), body_length;
	struct kore_buf		*buf = NULL;
	int			 result;
	bool			 is_head;

	if (req == NULL || (output == NULL && (output = malloc(OUTPUT_MAX + 1)) == NULL))
		abort();
	memset(answer_r, 0, sizeof(*answer_r));
	TAILQ_INIT(&req->req_headers);
	if ((req->headers = malloc(head_length + 1)) == NULL)
		abort();
	memcpy(req->headers, text, head_length);
	req->headers[head_length] = '\0';
	if (memchr(text, 0, head_length) != NULL || !read_head(req, (char *)req->headers)) {
		free_request(req, true);
		return (false);
	}
	body_length = body == NULL ? 0 : length - head_length - 2;
	if (body_length > 0 && (req->method == HTTP_METHOD_POST || req->method == HTTP_METHOD_PUT ||
	    req->method == HTTP_METHOD_PATCH)) {
		buf = req->http_body = body_from(body + 2, body_length);
		req->http_body_length = body_length;
	}
	memset(&connection, 0, sizeof(connection));
	TAILQ_INIT(&connection.http_requests);
	TAILQ_INSERT_TAIL(&connection.http_requests, req, olist);
	req->owner = &connection;
	is_head = req->method == HTTP_METHOD_HEAD;
	output_length = 0;
	woken = false;

	result = ct_dispatch(req);
	free_body(req, buf);
	if (result == KORE_RESULT_RETRY && leaves) {
		/* Kore frees the request; onfree tells the handler's code to drop its pointers. */
		if (req->onfree != NULL)
			req->onfree(req);
		free_request(req, req->headers != NULL);
		run_to_the_end();
		must(output_length == 0);
		return (true);
	}
	if (result == KORE_RESULT_RETRY)
		run_until_answered(req);
	else
		must(result == KORE_RESULT_OK);
	read_answer(answer_r, is_head);
	free_request(req, true);
	run_to_the_end();
	return (true);
}

void
answer_free(struct answer *answer)
{
	free(answer->head);
	free(answer->body);
	memset(answer, 0, sizeof(*answer));
}
