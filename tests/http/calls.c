/* HTTP calls with libcurl, one or many at a time, and raw sockets for requests that libcurl would not send. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <zlib.h>

#include "harness.h"

#define CALL_SECONDS	240	/* five large halls at once take half a minute, more on a busy machine */

struct exchange {
	const struct call	*call;
	CURL			*curl;
	struct curl_slist	*headers;
	FILE			*body_file, *header_file;
	struct reply		 reply;
	size_t			 header_length;
};

int64_t
now_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

void
pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

char *
format(const char *fmt, ...)
{
	va_list	 args;
	char	*text;

	va_start(args, fmt);
	cr_assert(vasprintf(&text, fmt, args) >= 0);
	va_end(args);
	return (text);
}

const char *
setting(const char *name)
{
	const char	*value = getenv(name);

	cr_assert(value != NULL && *value != '\0', "setting %s is not in the environment: start the tests with tests/run", name);
	return (value);
}

char *
read_file(const char *path)
{
	FILE	*file;
	char	*text = NULL;
	size_t	 size = 0, length;

	file = fopen(path, "r");
	cr_assert(file != NULL, "cannot read %s", path);
	length = (size_t)getdelim(&text, &size, '\0', file);
	(void)fclose(file);
	while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
		text[--length] = '\0';
	return (text);
}

const char *
gateway(void)
{
	return (format("https://localhost:%s", setting("GATEWAY_HTTPS_PORT")));
}

const char *
direct(const char *service)
{
	char	name[32], *c;

	(void)snprintf(name, sizeof(name), "%s_PORT", service);
	for (c = name; *c != '\0'; c++)
		*c = (*c >= 'a' && *c <= 'z') ? (char)(*c - 'a' + 'A') : *c;
	return (format("http://127.0.0.1:%s", setting(name)));
}

static void
add_header(struct exchange *x, const char *name, const char *value)
{
	if (value != NULL)
		x->headers = curl_slist_append(x->headers,
		    *value == '\0' ? format("%s;", name) : format("%s: %s", name, value));
}

static const char *
method_of(const struct call *call)
{
	return (call->method != NULL ? call->method : call->body != NULL ? "POST" : "GET");
}

static void
exchange_begin(struct exchange *x, const struct call *call)
{
	const char	*method = method_of(call);
	const char	*const *line;

	memset(x, 0, sizeof(*x));
	x->call = call;
	x->curl = curl_easy_init();
	cr_assert_not_null(x->curl);
	x->body_file = open_memstream(&x->reply.body, &x->reply.length);
	x->header_file = open_memstream(&x->reply.headers, &x->header_length);

	curl_easy_setopt(x->curl, CURLOPT_URL,
	    format("%s%s", call->base != NULL ? call->base : gateway(), call->path));
	curl_easy_setopt(x->curl, CURLOPT_CAINFO, format("%s/tls/cert.pem", setting("RUN_DIR")));
	curl_easy_setopt(x->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(x->curl, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(x->curl, CURLOPT_TIMEOUT, (long)CALL_SECONDS);
	curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x->body_file);
	curl_easy_setopt(x->curl, CURLOPT_HEADERDATA, x->header_file);
	curl_easy_setopt(x->curl, CURLOPT_PRIVATE, x);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(x->curl, CURLOPT_NOBODY, 1L);
	if (call->body != NULL) {
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)(call->body_length != 0 ? call->body_length : strlen(call->body)));
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, call->body);
	} else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
	    strcmp(method, "DELETE") != 0 && strcmp(method, "OPTIONS") != 0) {
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDSIZE, 0L);
		curl_easy_setopt(x->curl, CURLOPT_POSTFIELDS, "");
	}
	curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, method);

	/* Remove the headers that libcurl adds itself, so that a test sends exactly its own. */
	x->headers = curl_slist_append(NULL, "Expect:");
	if (call->body == NULL || call->content_type != NULL)
		x->headers = curl_slist_append(x->headers, "Content-Type:");
	if (call->body != NULL)
		add_header(x, "Content-Type",
		    call->content_type != NULL ? call->content_type : "application/json");
	if (call->jwt != NULL)
		add_header(x, "Authorization", format("Bearer %s", call->jwt));
	add_header(x, "X-Queue-Token", call->queue_token);
	add_header(x, "Idempotency-Key", call->key);
	add_header(x, "If-None-Match", call->if_none_match);
	for (line = call->headers; line != NULL && *line != NULL; line++)
		x->headers = curl_slist_append(x->headers, *line);
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
}

char *
gunzipped(const struct reply *reply)
{
	z_stream	 stream = { .next_in = (unsigned char *)reply->body, .avail_in = (unsigned)reply->length };
	size_t		 room = 16 * 1024 * 1024;
	char		*text = calloc(1, room + 1);

	cr_assert_not_null(text);
	stream.next_out = (unsigned char *)text;
	stream.avail_out = (unsigned)room;
	cr_assert_eq(inflateInit2(&stream, 15 + 16), Z_OK);
	cr_assert_eq(inflate(&stream, Z_FINISH), Z_STREAM_END, "the body is not complete gzip");
	(void)inflateEnd(&stream);
	return (text);
}

/* Appends one JSON line per call to API_RECORD; tests/api checks these calls against docs/api-spec.yaml. */
static void
record(const struct exchange *x)
{
	const char	*path = getenv("API_RECORD"), *line, *end, *colon, *coding;
	cJSON		*entry, *headers;
	char		*name, *text, *body;
	int		 fd;

	if (path == NULL || *path == '\0' || x->call->base != NULL || x->reply.status == 0)
		return;

	entry = cJSON_CreateObject();
	cJSON_AddStringToObject(entry, "method", method_of(x->call));
	cJSON_AddStringToObject(entry, "path", x->call->path);
	cJSON_AddNumberToObject(entry, "status", (double)x->reply.status);
	headers = cJSON_AddObjectToObject(entry, "requestHeaders");
	if (x->call->queue_token != NULL)
		cJSON_AddStringToObject(headers, "X-Queue-Token", x->call->queue_token);
	if (x->call->key != NULL)
		cJSON_AddStringToObject(headers, "Idempotency-Key", x->call->key);
	if (x->call->jwt != NULL)
		cJSON_AddStringToObject(headers, "Authorization", "Bearer");
	if (x->call->body != NULL && x->call->body_length == 0)
		cJSON_AddStringToObject(entry, "requestBody", x->call->body);
	else
		cJSON_AddNullToObject(entry, "requestBody");
	headers = cJSON_AddObjectToObject(entry, "responseHeaders");
	for (line = x->reply.headers; line != NULL && *line != '\0'; line = *end != '\0' ? end + 2 : end) {
		if ((end = strstr(line, "\r\n")) == NULL)
			break;
		if ((colon = memchr(line, ':', (size_t)(end - line))) == NULL)
			continue;
		name = strndup(line, (size_t)(colon - line));
		text = strndup(colon + 2, (size_t)(end - colon > 2 ? end - colon - 2 : 0));
		cJSON_AddStringToObject(headers, name, text);
		free(name);
		free(text);
	}
	coding = header(&x->reply, "Content-Encoding");
	body = coding != NULL && strcmp(coding, "gzip") == 0 && x->reply.length > 0 ? gunzipped(&x->reply) : NULL;
	cJSON_AddStringToObject(entry, "responseBody", body != NULL ? body : x->reply.body);
	free(body);

	text = cJSON_PrintUnformatted(entry);
	line = format("%s\n", text);
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	cr_assert(fd >= 0 && write(fd, line, strlen(line)) == (ssize_t)strlen(line),
	    "cannot write %s", path);
	(void)close(fd);
	cJSON_Delete(entry);
}

/*
 * Whoever reads JSON must be able to: each whole body that says it is JSON is a JSON text, and nothing follows it. Only the
 * simulator of the card network may answer otherwise, when it is told to.
 */
static void
check_json(const struct exchange *x)
{
	const char	*type = header(&x->reply, "Content-Type"), *coding = header(&x->reply, "Content-Encoding"), *end = NULL;
	char		*text;
	cJSON		*json;

	if (type == NULL || strstr(type, "json") == NULL || x->reply.length == 0 ||
	    (x->call->base != NULL && strcmp(x->call->base, direct("toss")) == 0))
		return;
	text = coding != NULL && strcmp(coding, "gzip") == 0 ? gunzipped(&x->reply) : strndup(x->reply.body, x->reply.length);
	json = cJSON_ParseWithOpts(text, &end, true);
	cr_assert_not_null(json, "%s %s answers no JSON, at: %.100s", method_of(x->call), x->call->path, end);
	cJSON_Delete(json);
	free(text);
}

static void
exchange_end(struct exchange *x, CURLcode code)
{
	(void)fclose(x->body_file);
	(void)fclose(x->header_file);
	if (code == CURLE_OK)
		curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->reply.status);
	else	/* libcurl's reason why there is no answer */
		x->reply.body = strdup(curl_easy_strerror(code));
	x->reply.json = cJSON_ParseWithLength(x->reply.body, x->reply.length);
	if (code == CURLE_OK)
		check_json(x);
	curl_slist_free_all(x->headers);
	curl_easy_cleanup(x->curl);
	record(x);
}

struct reply
http(struct call call)
{
	struct exchange	x;

	for (;;) {
		exchange_begin(&x, &call);
		exchange_end(&x, curl_easy_perform(x.curl));
		if (x.reply.status != 429 || call.keep_429 || header(&x.reply, "Retry-After") == NULL)
			return (x.reply);
		/* Obey Retry-After like a well-behaved client, then repeat the call. */
		pause_ms(1000 * atoi(header(&x.reply, "Retry-After")));
	}
}

void
http_all(const struct call *calls, struct reply *replies, size_t n)
{
	struct exchange	*all;
	CURLM		*multi;
	CURLMsg		*message;
	int		 running, left;
	size_t		 i;
	char		*private;

	all = calloc(n, sizeof(*all));
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	for (i = 0; i < n; i++) {
		exchange_begin(&all[i], &calls[i]);
		curl_multi_add_handle(multi, all[i].curl);
	}
	do {
		cr_assert_eq(curl_multi_perform(multi, &running), CURLM_OK);
		while ((message = curl_multi_info_read(multi, &left)) != NULL) {
			if (message->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
			curl_multi_remove_handle(multi, message->easy_handle);
			exchange_end((struct exchange *)(void *)private, message->data.result);
		}
		if (running > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	} while (running > 0);
	for (i = 0; i < n; i++)
		replies[i] = all[i].reply;
	curl_multi_cleanup(multi);
	free(all);
}

const char *
header(const struct reply *reply, const char *name)
{
	size_t		 length = strlen(name);
	const char	*line, *value = NULL;

	for (line = reply->headers; line != NULL && *line != '\0'; line++) {
		if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
			value = line + length + 1 + strspn(line + length + 1, " ");
			return (strndup(value, strcspn(value, "\r\n")));
		}
		if ((line = strchr(line, '\n')) == NULL)
			break;
	}
	return (NULL);
}

static int
connect_to(int port)
{
	struct sockaddr_in	to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int			fd, one = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "cannot connect to port %d", port);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return (fd);
}

char *
raw_tls(const char *bytes, size_t length, int seconds)
{
	struct timeval	 limit = { .tv_sec = seconds }, call_limit = { .tv_sec = CALL_SECONDS };
	SSL_CTX		*context;
	SSL		*ssl;
	FILE		*answer;
	char		*text = NULL, part[4096];
	size_t		 size = 0;
	int		 fd, got;

	fd = connect_to(atoi(setting("GATEWAY_HTTPS_PORT")));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &call_limit, sizeof(call_limit));
	context = SSL_CTX_new(TLS_client_method());
	ssl = SSL_new(context);
	SSL_set_fd(ssl, fd);
	SSL_set_tlsext_host_name(ssl, "localhost");
	cr_assert_eq(SSL_connect(ssl), 1);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	cr_assert(SSL_write(ssl, bytes, (int)length) > 0);
	answer = open_memstream(&text, &size);
	while ((got = SSL_read(ssl, part, sizeof(part))) > 0)
		(void)fwrite(part, 1, (size_t)got, answer);
	(void)fclose(answer);
	SSL_free(ssl);
	SSL_CTX_free(context);
	(void)close(fd);
	return (text);
}

char *
raw_tcp(int port, const char *first, const char *second, int seconds)
{
	struct timeval	 limit = { .tv_sec = seconds };
	struct tcp_info	 info;
	socklen_t	 info_size;
	FILE		*answer;
	char		*text = NULL, part[4096];
	size_t		 size = 0;
	ssize_t		 got;
	int		 fd;

	fd = connect_to(port);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	cr_assert(send(fd, first, strlen(first), MSG_NOSIGNAL) > 0);
	if (second != NULL) {
		/* Wait until the server has acknowledged the first segment, so that the second one is separate. */
		do {
			info_size = sizeof(info);
			cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size), 0);
		} while (info.tcpi_unacked != 0);
		(void)send(fd, second, strlen(second), MSG_NOSIGNAL);
	}
	answer = open_memstream(&text, &size);
	while ((got = recv(fd, part, sizeof(part), 0)) > 0)
		(void)fwrite(part, 1, (size_t)got, answer);
	(void)fclose(answer);
	(void)close(fd);
	return (text);
}

int
raw_send(int port, const char *request)
{
	int	fd = connect_to(port);

	cr_assert_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	return (fd);
}

size_t
count_of(const char *text, const char *needle)
{
	size_t	n = 0;

	while ((text = strstr(text, needle)) != NULL) {
		n++;
		text += strlen(needle);
	}
	return (n);
}
