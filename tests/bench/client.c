/* Connections of the benchmark's people. See people.h. */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "people.h"

#define CONNECTIONS_MAX	4096
#define ANSWER_MAX	8192
#define REQUEST_MAX	2048

struct conn {
	int		 fd;		/* -1: closed, opened again when it is needed */
	SSL		*ssl;
	bool		 busy;
	unsigned	 user;
	uint64_t	 sent_us;
	size_t		 got;
	size_t		 out_length;	/* of what could not be sent at once */
	size_t		 out_sent;
	struct conn	*next_free;
	char		 in[ANSWER_MAX + 1];
	char		 out[REQUEST_MAX];
};

static struct conn	*conns;
static struct conn	*free_conns;
static unsigned		 busy_count;
static int		 poller = -1;
static answer_cb	 callback;
static struct addrinfo	*address;
static SSL_CTX		*tls;
static char		 host[256];

static void
conn_open(struct conn *c)
{
	struct epoll_event	event = { .events = EPOLLIN, .data.ptr = c };
	int			on = 1;

	if ((c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(c->fd, address->ai_addr, address->ai_addrlen) == -1)
		fail("cannot connect: %s", strerror(errno));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (tls != NULL) {
		/* The handshake blocks: it is over before the clock starts, or one of many. */
		if ((c->ssl = SSL_new(tls)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
		    SSL_set_tlsext_host_name(c->ssl, host) != 1 || SSL_connect(c->ssl) != 1)
			fail("no TLS connection");
	}
	if (fcntl(c->fd, F_SETFL, O_NONBLOCK) == -1 || epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) == -1)
		fail("epoll: %s", strerror(errno));
}

static void
conn_close(struct conn *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	(void)close(c->fd);
	c->fd = -1;
}

void
client_open(const char *url, unsigned count, answer_cb cb)
{
	struct addrinfo	hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET };
	char		scheme[8], port[8];
	unsigned	i;

	if (sscanf(url, "%7[a-z]://%255[^:/]:%7[0-9]", scheme, host, port) != 3 ||
	    (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0))
		fail("'%s' is not http[s]://host:port", url);
	if (count < 1 || count > CONNECTIONS_MAX)
		fail("1 to %d connections", CONNECTIONS_MAX);
	if (getaddrinfo(host, port, &hints, &address) != 0)
		fail("%s has no address", host);
	if (strcmp(scheme, "https") == 0 && (tls = SSL_CTX_new(TLS_client_method())) == NULL)
		fail("no TLS");
	callback = cb;
	if ((poller = epoll_create1(EPOLL_CLOEXEC)) == -1 || (conns = calloc(count, sizeof(*conns))) == NULL)
		fail("%s", strerror(errno));
	for (i = 0; i < count; i++) {
		conn_open(&conns[i]);
		conns[i].next_free = free_conns;
		free_conns = &conns[i];
	}
}

/* >0 bytes, 0 would block, -1 lost. */
static long
conn_write(struct conn *c, const char *data, size_t length)
{
	ssize_t	n;

	if (c->ssl != NULL) {
		int	result = SSL_write(c->ssl, data, (int)length);

		if (result > 0)
			return (result);
		result = SSL_get_error(c->ssl, result);
		return (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE ? 0 : -1);
	}
	if ((n = send(c->fd, data, length, MSG_NOSIGNAL)) >= 0)
		return (n);
	return (errno == EAGAIN || errno == EINTR ? 0 : -1);
}

static long
conn_read(struct conn *c, char *data, size_t room)
{
	ssize_t	n;

	if (c->ssl != NULL) {
		int	result = SSL_read(c->ssl, data, (int)room);

		if (result > 0)
			return (result);
		result = SSL_get_error(c->ssl, result);
		return (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE ? 0 : -1);
	}
	if ((n = recv(c->fd, data, room, 0)) > 0)
		return (n);
	return (n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1);
}

static void
finish(struct conn *c, int status, const char *body, bool keep)
{
	struct answer	answer = { .status = status, .body = body, .sent_us = c->sent_us, .got_us = now_us() };
	unsigned	user = c->user;

	c->busy = false;
	busy_count--;
	if (!keep)
		conn_close(c);
	c->next_free = free_conns;
	free_conns = c;
	callback(user, &answer);
}

static void
flush(struct conn *c)
{
	struct epoll_event	event = { .events = EPOLLIN, .data.ptr = c };
	long			n;

	while (c->out_sent < c->out_length) {
		if ((n = conn_write(c, c->out + c->out_sent, c->out_length - c->out_sent)) < 0) {
			finish(c, 0, "", false);
			return;
		}
		if (n == 0)
			break;
		c->out_sent += (size_t)n;
	}
	if (c->out_sent < c->out_length)
		event.events |= EPOLLOUT;
	else if (c->out_length == 0)
		return;
	else
		c->out_length = c->out_sent = 0;
	(void)epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

bool
client_send(unsigned user, const char *text, size_t length)
{
	struct conn	*c = free_conns;
	long		 n;

	if (c == NULL)
		return (false);
	if (length > REQUEST_MAX)
		fail("a request of %zu bytes", length);
	free_conns = c->next_free;
	if (c->fd == -1)
		conn_open(c);
	c->busy = true;
	c->user = user;
	c->got = 0;
	c->sent_us = now_us();
	busy_count++;
	if ((n = conn_write(c, text, length)) == (long)length)
		return (true);
	if (n < 0)
		n = 0;	/* reading will say so, and answer */
	memcpy(c->out, text, length);
	c->out_length = length;
	c->out_sent = (size_t)n;
	flush(c);
	return (true);
}

/* The value of header `name` ("\r\nname:"), or NULL. */
static const char *
header(const char *head, const char *name)
{
	const char	*at = strcasestr(head, name);

	return (at == NULL ? NULL : at + strlen(name) + strspn(at + strlen(name), " "));
}

static void
readable(struct conn *c)
{
	const char	*length_text, *connection;
	char		*end;
	size_t		 head, length = 0;
	long		 n;

	for (;;) {
		n = conn_read(c, c->in + c->got, ANSWER_MAX - c->got);
		if (n == 0)
			return;
		if (n < 0 || !c->busy) {
			/* An idle connection that the server ends is just opened again. */
			if (c->busy)
				finish(c, 0, "", false);
			else
				conn_close(c);
			return;
		}
		c->got += (size_t)n;
		c->in[c->got] = '\0';
		if ((end = strstr(c->in, "\r\n\r\n")) == NULL)
			continue;
		head = (size_t)(end - c->in) + 4;
		*end = '\0';
		if ((length_text = header(c->in, "\r\ncontent-length:")) != NULL)
			length = strtoul(length_text, NULL, 10);
		connection = header(c->in, "\r\nconnection:");
		*end = '\r';
		if (c->got < head + length) {
			if (c->got == ANSWER_MAX)
				fail("an answer longer than %d bytes", ANSWER_MAX);
			continue;
		}
		finish(c, atoi(c->in + 9), c->in + head,
		    connection == NULL || strncasecmp(connection, "close", 5) != 0);
		return;
	}
}

void
client_turn(int timeout_ms)
{
	struct epoll_event	events[256];
	int			count, i;

	count = epoll_wait(poller, events, sizeof(events) / sizeof(events[0]), timeout_ms);
	for (i = 0; i < count; i++) {
		struct conn	*c = events[i].data.ptr;

		if (c->fd != -1 && (events[i].events & EPOLLOUT) != 0)
			flush(c);
		if (c->fd != -1 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			readable(c);
	}
}

unsigned
client_busy(void)
{
	return (busy_count);
}
