/*
 * Replaces the services in the gateway's tests. It answers every request with the bytes of the request itself, so a
 * test sees exactly what the gateway passes on. Like Kore, it reads a body only if Content-Length announces one with
 * POST, PUT or PATCH. Other bytes are the next request.
 *
 *	upstream LOGFILE [ADDRESS:]PORT...
 *
 * Without an address it listens at 127.0.0.1. LOGFILE gets a line for each request: the argument, method and target. Words in the path
 * change the answer: "hang" gets none, "held" waits for the file LOGFILE.release, "break" (also in the body) closes without one, "junk"
 * is no header, "half" closes within one, "big" is 2 MiB of JSON, "conflict" is a 409 with a body of the service's own, "missing" a
 * 404, "readonly" has no method but GET, "slow" takes 300 ms, "slowly" 600. A write without Authorization gets a 401, except for "webhooks". A read
 * whose X-Body-Length shows a body gets a 400, or a 413 above 64 KiB.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE	(256 * 1024)
#define BIG_SIZE	(2 * 1024 * 1024)

struct client {
	int		 fd;
	const char	*at;
};

static FILE	*request_log;
static char	 release[4096];	/* "held" waits for this file */

static bool
send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		data += n;
		length -= (size_t)n;
	}
	return true;
}

static bool
answer(int fd, const char *status, const char *headers, const char *body, size_t length, bool head)
{
	char	out[1024];
	int	n;

	n = snprintf(out, sizeof(out), "HTTP/1.1 %s\r\nserver: upstream\r\nconnection: keep-alive\r\n"
	    "keep-alive: timeout=75\r\nx-request-id: the-services-own\r\n%scontent-length: %zu\r\n\r\n",
	    status, headers, length);
	return send_all(fd, out, (size_t)n) && (head || send_all(fd, body, length));
}

static bool
answer_big(int fd)
{
	char	*body = malloc(BIG_SIZE);
	bool	 ok;

	if (body == NULL)
		return false;
	memset(body, ' ', BIG_SIZE);
	memcpy(body, "{}", 2);
	ok = answer(fd, "200 OK", "content-type: application/json\r\netag: \"strong\"\r\n", body, BIG_SIZE, false);
	free(body);
	return ok;
}

/* Waits until the test releases the answer, for at most 60 s. */
static void
hold(void)
{
	for (int i = 0; i < 6000 && access(release, F_OK) != 0; i++)
		usleep(10000);
}

/* Answers one whole request of `length` bytes. Returns false to close the connection. */
static bool
serve(const struct client *client, char *request, size_t length)
{
	static const char	problem[] = "application/problem+json\r\n";
	char			method[16] = "", target[4096] = "", headers[256];
	const char		*kept_back;
	bool			write_method, authorized;

	request[length] = '\0';
	if (sscanf(request, "%15s %4095s", method, target) != 2)
		return false;
	fprintf(request_log, "%s %s %s\n", client->at, method, target);
	fflush(request_log);

	write_method = !strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH");
	authorized = strcasestr(request, "\r\nauthorization: ") != NULL;
	if (strstr(target, "hang") != NULL) {
		pause();
		return false;
	}
	if (strstr(target, "held") != NULL)
		hold();
	if (strstr(target, "break") != NULL || strstr(strstr(request, "\r\n\r\n"), "break") != NULL)
		return false;
	if (strstr(target, "junk") != NULL)
		return send_all(client->fd, "HTTP/1.1 200 OK\r\nno header\r\n\r\n", 30) && false;
	if (strstr(target, "half") != NULL)
		return send_all(client->fd, "HTTP/1.1 200 OK\r\ncontent-le", 27) && false;
	if (strstr(target, "slow") != NULL)
		usleep((strstr(target, "slowly") != NULL ? 600 : 300) * 1000);
	if (strstr(target, "big") != NULL)
		return answer_big(client->fd);
	snprintf(headers, sizeof(headers), "content-type: %s", problem);
	if (strstr(target, "missing") != NULL)
		return answer(client->fd, "404 Not Found", headers, "{\"by\":\"service\"}", 16, !strcmp(method, "HEAD"));
	if (strstr(target, "readonly") != NULL && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		snprintf(headers, sizeof(headers), "allow: GET, HEAD\r\ncontent-type: %s", problem);
		return answer(client->fd, "405 Method Not Allowed", headers, "{\"by\":\"service\"}", 16, false);
	}
	kept_back = strcasestr(request, "\r\nx-body-length: ");
	if (kept_back != NULL)
		return answer(client->fd, strtoul(kept_back + 17, NULL, 10) > 64 * 1024 ? "413 Payload Too Large" :
		    "400 Bad Request", headers, "{\"by\":\"service\"}", 16, !strcmp(method, "HEAD"));
	if (write_method && !authorized && strstr(target, "webhooks") == NULL)
		return answer(client->fd, "401 Unauthorized", headers, "{\"by\":\"service\"}", 16, false);
	if (strstr(target, "conflict") != NULL)
		return answer(client->fd, "409 Conflict", headers, "{\"by\":\"service\"}", 16, false);
	return answer(client->fd, "200 OK", "content-type: application/json\r\netag: \"strong\"\r\n",
	    request, length, !strcmp(method, "HEAD"));
}

/* Returns the length of the first request in the buffer, or 0 if it is not complete yet. */
static size_t
request_length(const char *buffer, size_t used)
{
	const char	*end = memmem(buffer, used, "\r\n\r\n", 4);
	const char	*header;
	size_t		 head, body = 0;

	if (end == NULL)
		return 0;
	head = (size_t)(end - buffer) + 4;
	if (!strncmp(buffer, "POST ", 5) || !strncmp(buffer, "PUT ", 4) || !strncmp(buffer, "PATCH ", 6)) {
		header = strcasestr(buffer, "\r\ncontent-length:");
		if (header != NULL && header < end)
			body = strtoul(header + 17, NULL, 10);
	}
	return head + body <= used ? head + body : 0;
}

static void *
client_run(void *arg)
{
	struct client	*client = arg;
	char		*buffer = malloc(BUFFER_SIZE + 1), *one = malloc(BUFFER_SIZE + 1);
	size_t		 used = 0, length;
	ssize_t		 n;

	if (buffer == NULL || one == NULL)
		goto close;
	while (used < BUFFER_SIZE && (n = recv(client->fd, buffer + used, BUFFER_SIZE - used, 0)) > 0) {
		used += (size_t)n;
		buffer[used] = '\0';
		while ((length = request_length(buffer, used)) > 0) {
			memcpy(one, buffer, length);
			memmove(buffer, buffer + length, used - length + 1);
			used -= length;
			if (!serve(client, one, length))
				goto close;
		}
	}
close:
	close(client->fd);
	free(buffer);
	free(one);
	free(client);
	return NULL;
}

struct listener {
	int		 fd;
	const char	*at;	/* the argument */
};

static void *
listener_run(void *arg)
{
	const struct listener	*listener = arg;

	for (;;) {
		struct client	*client;
		pthread_t	 thread;
		int		 fd = accept(listener->fd, NULL, NULL), on = 1;

		if (fd < 0)
			continue;
		client = malloc(sizeof(*client));
		if (client == NULL)
			err(1, "malloc");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		client->fd = fd;
		client->at = listener->at;
		if (pthread_create(&thread, NULL, client_run, client) != 0)
			errx(1, "pthread_create");
		pthread_detach(thread);
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	static struct listener	listeners[16];

	if (argc < 3 || argc > 17)
		errx(1, "usage: upstream LOGFILE [ADDRESS:]PORT...");
	request_log = fopen(argv[1], "a");
	if (request_log == NULL)
		err(1, "%s", argv[1]);
	snprintf(release, sizeof(release), "%s.release", argv[1]);
	signal(SIGPIPE, SIG_IGN);

	for (int i = 2; i < argc; i++) {
		struct listener		*listener = &listeners[i - 2];
		struct sockaddr_in	 address = { .sin_family = AF_INET };
		pthread_t		 thread;
		const char		*colon = strchr(argv[i], ':');
		char			 host[INET_ADDRSTRLEN] = "127.0.0.1";
		int			 on = 1;

		if (colon != NULL)
			snprintf(host, sizeof(host), "%.*s", (int)(colon - argv[i]), argv[i]);
		listener->at = argv[i];
		listener->fd = socket(AF_INET, SOCK_STREAM, 0);
		address.sin_port = htons((uint16_t)atoi(colon != NULL ? colon + 1 : argv[i]));
		if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
			errx(1, "%s is no address", argv[i]);
		setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(listener->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
		    listen(listener->fd, 1024) != 0)
			err(1, "%s", argv[i]);
		if (pthread_create(&thread, NULL, listener_run, listener) != 0)
			errx(1, "pthread_create");
	}
	pause();
	return 0;
}
