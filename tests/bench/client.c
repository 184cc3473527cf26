/* Connections of the load generators. See load.h. */
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

#include "load.h"

#define CONNECTIONS_MAX	4096
#define ANSWER_MAX	8192
#define REQUEST_MAX	2048
#define TLS_RECORD	16384

struct conn {
	int		 fd;		/* -1: closed; the next request opens it again */
	SSL		*ssl;
	bool		 busy;
	unsigned	 user;
	uint64_t	 sent_us;
	size_t		 got;		/* received bytes of the answer */
	size_t		 head;		/* length of its head; 0: the head is incomplete */
	size_t		 length;	/* of the body, from Content-Length */
	bool		 any_length;	/* the body may be longer than `in` */
	struct long_body	*long_body;
	bool		 keep;
	bool		 wants_write;	/* TLS waits until it can write */
	size_t		 out_length;	/* length of the request if it was not sent at once */
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
static unsigned		 addresses;	/* number of loopback addresses that connections come from in turn; 0: the kernel chooses one */

/* Binds to the next of the addresses 127.1.0.1, 127.1.0.2, ... */
static bool
bind_next(int fd)
{
	static unsigned		next;
	struct sockaddr_in	from = { .sin_family = AF_INET };
	int			on = 1;

	if (addresses == 0)
		return (true);
	from.sin_addr.s_addr = htonl(0x7f010000 + 1 + next++ % addresses);
	/* The kernel chooses the port at connect(), so that ports can repeat per destination. */
	return (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
	    bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
}

/*
 * Opens a connection. `wait`: completes the TLS handshake, before the clock starts. Otherwise the handshake runs with
 * the first write, so that other connections need not wait for it.
 */
static void
conn_open(struct conn *c, bool wait)
{
	struct epoll_event	event = { .events = EPOLLIN, .data.ptr = c };
	int			on = 1;

	if ((c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 || !bind_next(c->fd) ||
	    connect(c->fd, address->ai_addr, address->ai_addrlen) == -1)
		fail("cannot connect: %s", strerror(errno));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (tls != NULL) {
		if ((c->ssl = SSL_new(tls)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1 ||
		    SSL_set_tlsext_host_name(c->ssl, host) != 1)
			fail("the TLS handshake failed");
		SSL_set_connect_state(c->ssl);
		if (wait && SSL_do_handshake(c->ssl) != 1)
			fail("the TLS handshake failed");
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
client_addresses(unsigned count)
{
	addresses = count;
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
		fail("--connections must be from 1 to %d", CONNECTIONS_MAX);
	if (getaddrinfo(host, port, &hints, &address) != 0)
		fail("%s has no address", host);
	if (strcmp(scheme, "https") == 0) {
		if ((tls = SSL_CTX_new(TLS_client_method())) == NULL)
			fail("cannot start TLS");
		/* The rest of a request is written from conn.out, which OpenSSL must accept as another address. */
		(void)SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	}
	callback = cb;
	if ((poller = epoll_create1(EPOLL_CLOEXEC)) == -1 || (conns = calloc(count, sizeof(*conns))) == NULL)
		fail("%s", strerror(errno));
	for (i = 0; i < count; i++) {
		conn_open(&conns[i], true);
		conns[i].next_free = free_conns;
		free_conns = &conns[i];
	}
}

/* Returns the number of bytes written, 0 if it would block, -1 if the connection is lost. */
static long
conn_write(struct conn *c, const char *data, size_t length)
{
	ssize_t	n;

	c->wants_write = true;
	if (c->ssl != NULL) {
		int	result = SSL_write(c->ssl, data, (int)length);

		if (result > 0)
			return (result);
		result = SSL_get_error(c->ssl, result);
		c->wants_write = result == SSL_ERROR_WANT_WRITE;
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
	struct answer	answer = { .status = status, .body = body, .bytes = c->got, .sent_us = c->sent_us,
			    .got_us = now_us() };
	unsigned	user = c->user;

	c->busy = false;
	busy_count--;
	if (!keep)
		conn_close(c);
	c->next_free = free_conns;
	free_conns = c;
	callback(user, &answer);
}

/* Registers the events that the connection waits for. */
static void
arm(struct conn *c)
{
	struct epoll_event	event = { .events = EPOLLIN, .data.ptr = c };

	if (c->out_length != 0 && c->wants_write)
		event.events |= EPOLLOUT;
	(void)epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void
flush(struct conn *c)
{
	long	n;

	while (c->out_sent < c->out_length) {
		if ((n = conn_write(c, c->out + c->out_sent, c->out_length - c->out_sent)) < 0) {
			finish(c, 0, "", false);
			return;
		}
		if (n == 0)
			break;
		c->out_sent += (size_t)n;
	}
	if (c->out_sent == c->out_length)
		c->out_length = c->out_sent = 0;
	arm(c);
}

static bool
start(unsigned user, const char *text, size_t length, bool any_length, struct long_body *body)
{
	struct conn	*c = free_conns;
	long		 n;

	if (c == NULL)
		return (false);
	if (length > REQUEST_MAX)
		fail("a request of %zu bytes is too long", length);
	free_conns = c->next_free;
	if (c->fd == -1)
		conn_open(c, false);
	c->busy = true;
	c->user = user;
	c->got = c->head = 0;
	c->any_length = any_length;
	c->long_body = body;
	c->out_length = c->out_sent = 0;
	c->sent_us = now_us();
	busy_count++;
	if ((n = conn_write(c, text, length)) == (long)length)
		return (true);
	if (n < 0) {
		n = 0;	/* client_turn detects the loss and calls back; client_send never does */
		c->wants_write = true;
	}
	memcpy(c->out, text, length);
	c->out_length = length;
	c->out_sent = (size_t)n;
	arm(c);
	return (true);
}

bool
client_send(unsigned user, const char *text, size_t length)
{
	return (start(user, text, length, false, NULL));
}

void
client_only(unsigned n)
{
	conns[n].next_free = NULL;
	free_conns = &conns[n];
}

bool
client_send_long(unsigned user, const char *text, size_t length, struct long_body *body)
{
	return (start(user, text, length, true, body));
}

/* Returns the value of the header `name` (lower case, with its colon), or NULL. */
static const char *
header(const char *head, const char *name)
{
	size_t		 length = strlen(name);
	const char	*line;

	for (line = strchr(head, '\n'); line != NULL; line = strchr(line, '\n')) {
		line++;
		if ((*line | ' ') == *name && strncasecmp(line, name, length) == 0)
			return (line + length + strspn(line + length, " "));
	}
	return (NULL);
}

static void
keep_long(struct conn *c, const char *data, size_t length)
{
	struct long_body	*body = c->long_body;
	char			*more;

	if (body == NULL || length == 0)
		return;
	if (body->length + length > body->limit)
		fail("the answer is longer than %zu bytes", body->limit);
	if (body->length + length > body->room) {
		body->room = 2 * (body->length + length);
		if ((more = realloc(body->data, body->room)) == NULL)
			fail("no memory for the answer");
		body->data = more;
	}
	memcpy(body->data + body->length, data, length);
	body->length += length;
}

/* Parses the head once it is complete. */
static void
take_head(struct conn *c)
{
	const char	*length_text, *connection;
	char		*end = strstr(c->in, "\r\n\r\n");

	if (end == NULL)
		return;
	*end = '\0';
	length_text = header(c->in, "content-length:");
	if (length_text == NULL && header(c->in, "transfer-encoding:") != NULL)
		fail("the answer is chunked");
	connection = header(c->in, "connection:");
	c->length = length_text == NULL ? 0 : strtoul(length_text, NULL, 10);
	c->keep = connection == NULL || strncasecmp(connection, "close", 5) != 0;
	*end = '\r';
	c->head = (size_t)(end - c->in) + 4;
	if (!c->any_length && c->head + c->length > ANSWER_MAX)
		fail("the answer is longer than %d bytes", ANSWER_MAX);
	keep_long(c, c->in + c->head, c->got - c->head);
}

static void
readable(struct conn *c)
{
	static char	 rest[TLS_RECORD];
	char		*to;
	long		 n;

	for (;;) {
		/* Bytes beyond `in` are only counted, and kept in the long body if there is one. */
		to = c->got < ANSWER_MAX ? c->in + c->got : rest;
		n = conn_read(c, to, to == rest ? sizeof(rest) : ANSWER_MAX - c->got);
		if (n == 0)
			return;
		if (n < 0 || !c->busy) {
			/* If the server closes an idle connection, the next request opens it again. */
			if (c->busy)
				finish(c, 0, "", false);
			else
				conn_close(c);
			return;
		}
		c->got += (size_t)n;
		if (to != rest)
			c->in[c->got] = '\0';
		if (c->head != 0)
			keep_long(c, to, (size_t)n);
		else
			take_head(c);
		if (c->head != 0 && c->got >= c->head + c->length) {
			finish(c, atoi(c->in + 9), c->in + c->head, c->keep);
			return;
		}
		if (c->head == 0 && c->got >= ANSWER_MAX)
			fail("the head of the answer is longer than %d bytes", ANSWER_MAX);
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

		if (c->fd != -1 && c->out_length != 0)
			flush(c);
		/* Do not read while a request is unsent: the write continues the handshake. */
		if (c->fd != -1 && c->out_length == 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
			readable(c);
	}
}

unsigned
client_handshakes(unsigned count, uint64_t until_us)
{
	struct epoll_event	events[256];
	unsigned		made = 0, i;
	int			ready, k, result;

	if (tls == NULL)
		fail("--handshakes needs an https:// URL");
	for (i = 0; i < count; i++) {
		conn_close(&conns[i]);
		conn_open(&conns[i], false);
		(void)SSL_connect(conns[i].ssl);
	}
	while (now_us() < until_us) {
		ready = epoll_wait(poller, events, sizeof(events) / sizeof(events[0]), 1000);
		for (k = 0; k < ready; k++) {
			struct conn	*c = events[k].data.ptr;

			if ((result = SSL_connect(c->ssl)) != 1) {
				if (SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_READ)
					fail("a TLS handshake failed");
				continue;
			}
			made++;
			conn_close(c);
			conn_open(c, false);
			(void)SSL_connect(c->ssl);
		}
	}
	return (made);
}

unsigned
client_busy(void)
{
	return (busy_count);
}
