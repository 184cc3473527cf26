/* A collector for the tests of tracing. See collector.h. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "collector.h"

#define BODIES_MAX	4096
#define REQUEST_MAX	(2UL * 1024 * 1024)

static pthread_mutex_t	 lock = PTHREAD_MUTEX_INITIALIZER;
static char		*bodies[BODIES_MAX];
static char		*refused[BODIES_MAX];	/* bodies of requests that were answered with another status than 200 */
static int		 bodies_count, refused_count, requests;
static size_t		 largest;
static int		 answer = 200;
static int		 server = -1;
static int		 arrived;	/* requests with spans */
static int		 waiting = -1;	/* the connection of the newest of them, until it is answered */
static char		 provider_traceparent[128];
static const char	*wrong;		/* why a request is no OTLP/HTTP JSON */

/* --- the server: a thread for each connection ------------------------------------------------- */

static int
current_answer(void)
{
	int	status;

	(void)pthread_mutex_lock(&lock);
	status = answer;
	(void)pthread_mutex_unlock(&lock);
	return (status);
}

static void
note_provider(const char *head)
{
	const char	*line = strcasestr(head, "\r\ntraceparent: ");

	if (line != NULL)
		(void)sscanf(line + 15, "%127[^\r]", provider_traceparent);
}

/*
 * Returns the status of the answer. As a card provider it declines a confirm, and answers nothing else with certainty: the resolver of
 * the service asks about the card payments of other tests too.
 */
static int
take(int fd, const char *head, const char *body, size_t length)
{
	bool	traces = strncmp(head, "POST /v1/traces HTTP/1.1\r\n", 26) == 0;
	bool	confirm = strncmp(head, "POST /v1/payments/confirm ", 26) == 0;
	int	status;

	(void)pthread_mutex_lock(&lock);
	arrived += traces;
	waiting = traces ? fd : waiting;
	(void)pthread_mutex_unlock(&lock);
	while ((status = current_answer()) == 0)
		(void)usleep(20000);
	(void)pthread_mutex_lock(&lock);
	waiting = waiting == fd ? -1 : waiting;
	if (confirm) {
		note_provider(head);
		status = 403;
	} else if (!traces) {
		status = 503;
	} else {
		requests++;
		if (length > largest)
			largest = length;
		if (strcasestr(head, "\r\nContent-Type: application/json\r\n") == NULL)
			wrong = "the content type is not application/json";
		if (bodies_count == BODIES_MAX)
			wrong = "too many requests";
		else if (status == 200)
			bodies[bodies_count++] = strndup(body, length);
		else if (refused_count < BODIES_MAX)
			refused[refused_count++] = strndup(body, length);
	}
	(void)pthread_mutex_unlock(&lock);
	return (status);
}

static bool
reply_with(int fd, int status)
{
	const char	*body = status == 403 ? "{\"code\":\"REJECT_CARD_PAYMENT\",\"message\":\"no\"}" : "{\"partialSuccess\":{}}";
	char		 text[256];
	int		 length;

	length = snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status,
	    strlen(body), body);
	return (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length);
}

static void *
serve_connection(void *arg)
{
	int		 fd = (int)(intptr_t)arg;
	char		*data = calloc(1, REQUEST_MAX + 1), *end, *field;
	size_t		 used = 0, head, length;
	ssize_t		 got;

	while (used < REQUEST_MAX && (got = recv(fd, data + used, REQUEST_MAX - used, 0)) > 0) {
		used += (size_t)got;
		data[used] = '\0';
		if ((end = strstr(data, "\r\n\r\n")) == NULL)
			continue;
		head = (size_t)(end - data) + 4;
		field = strcasestr(data, "\r\nContent-Length: ");
		length = field == NULL || field > end ? 0 : strtoul(field + 18, NULL, 10);
		if (used < head + length)
			continue;
		end[2] = '\0';
		if (!reply_with(fd, take(fd, data, data + head, length)))
			break;
		used = 0;
	}
	(void)close(fd);
	free(data);
	return (NULL);
}

static void *
serve(void *arg)
{
	pthread_t	thread;
	int		fd;

	while ((fd = accept((int)(intptr_t)arg, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd) == 0)
			(void)pthread_detach(thread);
	}
	return (NULL);
}

int
collector_start(void)
{
	struct sockaddr_in	address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t		size = sizeof(address);
	pthread_t		thread;
	int			fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 64) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	cr_assert_eq(pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd), 0);
	server = fd;
	return (ntohs(address.sin_port));
}

void
collector_stop(void)
{
	cr_assert_eq(shutdown(server, SHUT_RDWR), 0);
}

int
collector_waiting(void)
{
	char	byte;
	int	request = 0;

	(void)pthread_mutex_lock(&lock);
	/* A client that gives up closes its connection. */
	if (waiting != -1 && recv(waiting, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 && errno == EAGAIN)
		request = arrived;
	(void)pthread_mutex_unlock(&lock);
	return (request);
}

void
collector_answers(int status)
{
	(void)pthread_mutex_lock(&lock);
	answer = status;
	(void)pthread_mutex_unlock(&lock);
}

int
collector_requests(void)
{
	int	count;

	(void)pthread_mutex_lock(&lock);
	count = requests;
	(void)pthread_mutex_unlock(&lock);
	return (count);
}

int
collector_refused(const char *text)
{
	const char	*at;
	int		 count = 0, i;

	(void)pthread_mutex_lock(&lock);
	for (i = 0; i < refused_count; i++) {
		for (at = refused[i]; (at = strstr(at, text)) != NULL; at += strlen(text))
			count++;
	}
	(void)pthread_mutex_unlock(&lock);
	return (count);
}

size_t
collector_largest(void)
{
	return (largest);
}

const char *
collector_provider_traceparent(void)
{
	return (provider_traceparent);
}

/* --- each field, as the OTLP specification has it ---------------------------------------------- */

/* Fails the test if the object has a member that is not one of `names`, which are separated by spaces. */
static void
only(const cJSON *object, const char *names)
{
	const cJSON	*member;

	cr_assert(cJSON_IsObject(object));
	cJSON_ArrayForEach(member, object)
		cr_assert_not_null(strstr(names, format(" %s ", member->string)), "unexpected member %s", member->string);
}

static bool
is_id(const char *text, size_t digits)
{
	return (strlen(text) == digits && strspn(text, "0123456789abcdef") == digits && strspn(text, "0") < digits);
}

static void
check_attributes(const cJSON *attributes)
{
	const cJSON	*one, *other, *value;
	const char	*number;

	cr_assert(cJSON_IsArray(attributes));
	cJSON_ArrayForEach(one, attributes) {
		only(one, " key value ");
		cr_assert_gt(strlen(text_at(one, "key")), 0);
		value = at(one, "value");
		only(value, " stringValue intValue ");
		cr_assert_eq(cJSON_GetArraySize(value), 1);
		if (cJSON_GetObjectItem(value, "intValue") != NULL) {
			number = text_at(value, "intValue");
			cr_assert(strlen(number) > 0 && strspn(number, "-0123456789") == strlen(number), "%s", number);
		} else
			cr_assert_not_null(text_at(value, "stringValue"));
		for (other = one->next; other != NULL; other = other->next)
			cr_assert_str_neq(text_at(one, "key"), text_at(other, "key"));
	}
}

static void
check_span(const cJSON *span)
{
	const char	*started, *ended;
	int		 kind = (int)number_at(span, "kind");

	only(span, " traceId spanId parentSpanId flags name kind startTimeUnixNano endTimeUnixNano attributes status ");
	cr_assert(is_id(text_at(span, "traceId"), 32), "%s", text_at(span, "traceId"));
	cr_assert(is_id(text_at(span, "spanId"), 16), "%s", text_at(span, "spanId"));
	if (cJSON_GetObjectItem(span, "parentSpanId") != NULL)
		cr_assert(is_id(text_at(span, "parentSpanId"), 16));
	cr_assert_eq(number_at(span, "flags") & ~0x200, 0x101);
	cr_assert(strlen(text_at(span, "name")) > 0 && kind >= 1 && kind <= 3);
	started = text_at(span, "startTimeUnixNano");
	ended = text_at(span, "endTimeUnixNano");
	cr_assert(strlen(started) == 19 && strspn(started, "0123456789") == 19 && strlen(ended) == 19, "%s", started);
	cr_assert_leq(strcmp(started, ended), 0);
	check_attributes(at(span, "attributes"));
	if (cJSON_GetObjectItem(span, "status") != NULL) {
		only(at(span, "status"), " code ");
		cr_assert_eq(number_at(span, "status.code"), 2);
	}
}

static cJSON *
resource_of(const cJSON *entry)
{
	cJSON		*resource = cJSON_CreateObject();
	const cJSON	*one;

	only(at(entry, "resource"), " attributes ");
	check_attributes(at(entry, "resource.attributes"));
	cJSON_ArrayForEach(one, at(entry, "resource.attributes"))
		cJSON_AddItemToObject(resource, text_at(one, "key"), cJSON_Duplicate(at(one, "value")->child, 1));
	return (resource);
}

/* Moves the spans of one body into `spans`. */
static void
add_spans(cJSON *spans, const char *body)
{
	cJSON		*tree = cJSON_Parse(body), *span;
	const cJSON	*entry, *scope;

	cr_assert_not_null(tree, "no JSON: %.200s", body);
	only(tree, " resourceSpans ");
	cJSON_ArrayForEach(entry, at(tree, "resourceSpans")) {
		only(entry, " resource schemaUrl scopeSpans ");
		cJSON_ArrayForEach(scope, at(entry, "scopeSpans")) {
			only(scope, " scope schemaUrl spans ");
			only(at(scope, "scope"), " name ");
			cr_assert_gt(cJSON_GetArraySize(at(scope, "spans")), 0);
			while ((span = cJSON_DetachItemFromArray(cJSON_GetObjectItem(scope, "spans"), 0)) != NULL) {
				check_span(span);
				cJSON_AddItemToObject(span, "resource", resource_of(entry));
				cJSON_AddItemToArray(spans, span);
			}
		}
	}
	cJSON_Delete(tree);
}

cJSON *
collector_spans(void)
{
	cJSON	*spans = cJSON_CreateArray();
	int	 i;

	(void)pthread_mutex_lock(&lock);
	cr_assert_null(wrong, "%s", wrong);
	for (i = 0; i < bodies_count; i++)
		add_spans(spans, bodies[i]);
	(void)pthread_mutex_unlock(&lock);
	return (spans);
}

static const cJSON *
find_span(const char *trace, const char *name)
{
	const cJSON	*span, *found = NULL;

	cJSON_ArrayForEach(span, collector_spans()) {
		if (strcmp(text_at(span, "traceId"), trace) != 0 || strcmp(text_at(span, "name"), name) != 0)
			continue;
		cr_assert_null(found, "two spans %s", name);
		found = span;
	}
	return (found);
}

const cJSON *
collector_span(const char *trace, const char *name, int seconds)
{
	const cJSON	*found;

	wait_for((found = find_span(trace, name)) != NULL, seconds);
	return (found);
}

int
collector_count(const char *trace)
{
	const cJSON	*span;
	int		 count = 0;

	cJSON_ArrayForEach(span, collector_spans())
		count += strcmp(text_at(span, "traceId"), trace) == 0;
	return (count);
}

const char *
span_attribute(const cJSON *span, const char *name)
{
	const cJSON	*one;

	cJSON_ArrayForEach(one, at(span, "attributes")) {
		if (strcmp(text_at(one, "key"), name) == 0)
			return (at(one, "value")->child->valuestring);
	}
	return ("");
}
