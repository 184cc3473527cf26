/*
 * A hostile client for the gateway's tests. It holds many connections open in one of the ways below. For each connection that
 * the gateway closes, it opens a new one.
 *
 *	hostile MODE [-a ADDRESS] [-c CLOSED] [-n CONNECTIONS] [-o OPEN] [-r RATE] [-s SECONDS] [-t STREAMS] [-u PATH] [-w ANSWERS] PORT
 *
 * silent	TCP, and not a byte
 * hello	the first bytes of a ClientHello
 * idle		TLS (HTTP/1.1), and no request
 * idle2	TLS (HTTP/2), and not even its preface
 * header	a request whose header gets a byte a second
 * header2	the same over HTTP/2: CONTINUATION frames of a byte
 * body		a POST whose body gets a byte a second
 * kept		one request, and then the connection is kept
 * ping		HTTP/2: a PING a second and no request
 * stalled	HTTP/2: STREAMS requests for PATH; the window is opened by a byte a second
 * reset	HTTP/2: requests for PATH, each reset at once, as fast as they are taken
 * settings	HTTP/2: SETTINGS, as fast as they are taken
 * pings	HTTP/2: PINGs, as fast as they are taken
 * continuation	HTTP/2: one request of endless CONTINUATION frames
 *
 * It connects from ADDRESS (127.0.0.2), by default with 100 connections for 5 seconds. It ends earlier on SIGTERM, or
 * when the gateway has closed CLOSED connections. It prints "ready" when all connections are open, or after half of the time.
 * With OPEN it is ready when this number is open and another connection was refused; with ANSWERS when it has this number of
 * answers that are no refusals. With RATE it is ready when the gateway has closed a connection and all handshakes are done.
 * From then on it begins at most RATE connections a second. It prints "closed" when the gateway closes the first connection.
 * At the end it prints one line:
 *
 *	open=N peak=N begun=N closed=N answered=N refused=N sent=N
 *
 * open: at the end; closed: by the gateway; answered: HTTP responses; refused: those of them with 429.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#define FRAME_HEADERS		1
#define FRAME_RST_STREAM	3
#define FRAME_SETTINGS		4
#define FRAME_PING		6
#define FRAME_WINDOW_UPDATE	8
#define FRAME_CONTINUATION	9
#define END_STREAM		1
#define END_HEADERS		4

/* The bytes that one turn of a flood sends. */
#define FLOOD_BYTES	16384
#define OUT_BYTES	(FLOOD_BYTES + 4096)

enum mode {
	SILENT, HELLO, IDLE, IDLE2, HEADER, HEADER2, BODY, KEPT, PING, STALLED, RESET, SETTINGS, PINGS, CONTINUATION, MODES
};

static const char	*const names[MODES] = { "silent", "hello", "idle", "idle2", "header", "header2", "body", "kept", "ping",
	"stalled", "reset", "settings", "pings", "continuation" };

enum state { FREE, CONNECTING, SHAKING, OPEN };

struct connection {
	int		 fd;
	enum state	 state;
	SSL		*ssl;
	uint32_t	 stream;	/* HTTP/2: the next one */
	unsigned char	 frame[9];	/* HTTP/2: the header of the frame that is being read */
	size_t		 frame_used;
	size_t		 skip;		/* bytes of the frame that have not come yet */
	bool		 first;		/* the next byte is the first of a HEADERS frame */
	unsigned char	*out;		/* OUT_BYTES; kept for the next connection in this place */
	size_t		 out_length, out_sent;
};

static struct {
	enum mode		 mode;
	struct sockaddr_in	 from, to;
	int			 closed, count, open, rate, seconds, streams, answers;
	const char		*path;
} want = { .count = 100, .seconds = 5, .streams = 20, .path = "/healthz" };

static struct connection	*connections;
static SSL_CTX			*tls;
static int			 poller;
static volatile sig_atomic_t	 stopped;
static long			 opened, peak, begun, closed, answered, refused, sent;

static int64_t
now_ms(void)
{
	struct timespec	ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool
is_h2(void)
{
	return want.mode == IDLE2 || want.mode == HEADER2 || want.mode >= PING;
}

static bool
is_flood(void)
{
	return want.mode >= RESET;
}

static void
drop(struct connection *c, bool by_gateway)
{
	if (c->state == OPEN)
		opened--;
	closed += by_gateway;
	if (c->ssl != NULL)
		SSL_free(c->ssl);
	close(c->fd);
	c->ssl = NULL;
	c->state = FREE;
}

/* Adds bytes to the output; false if there is no room for them now. */
static bool
put(struct connection *c, const void *data, size_t length)
{
	if (c->out_sent > 0) {
		memmove(c->out, c->out + c->out_sent, c->out_length - c->out_sent);
		c->out_length -= c->out_sent;
		c->out_sent = 0;
	}
	if (c->out_length + length > OUT_BYTES)
		return false;
	if (c->out == NULL && (c->out = malloc(OUT_BYTES)) == NULL)
		err(1, "malloc");
	memcpy(c->out + c->out_length, data, length);
	c->out_length += length;
	return true;
}

static bool
put_frame(struct connection *c, int type, int flags, uint32_t stream, const void *payload, size_t length)
{
	unsigned char	frame[9 + 1024] = { (unsigned char)(length >> 16), (unsigned char)(length >> 8), (unsigned char)length,
		(unsigned char)type, (unsigned char)flags, (unsigned char)(stream >> 24), (unsigned char)(stream >> 16),
		(unsigned char)(stream >> 8), (unsigned char)stream };

	memcpy(frame + 9, payload, length);
	if (!put(c, frame, 9 + length))
		return false;
	sent++;
	return true;
}

/* A GET of the path: static indexes for method and scheme, literals for path and authority. */
static bool
put_request(struct connection *c, int flags)
{
	unsigned char	block[300] = { 0x82, 0x87, 0x04 };
	size_t		length = strlen(want.path);

	block[3] = (unsigned char)length;
	memcpy(block + 4, want.path, length);
	length += 4;
	memcpy(block + length, "\x01\x09localhost", 11);
	length += 11;
	if (!put_frame(c, FRAME_HEADERS, flags, c->stream, block, length))
		return false;
	return true;
}

/* Sends a connection's first bytes. */
static void
greet(struct connection *c)
{
	static const char	preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
	/* SETTINGS_INITIAL_WINDOW_SIZE */
	static const unsigned char	no_window[] = { 0, 4, 0, 0, 0, 0 };

	c->stream = 1;
	if (want.mode == HELLO)
		put(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
	if (want.mode == HEADER)
		put(c, "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ", 35);
	if (want.mode == BODY) {
		char	text[256];
		int	n = snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n", want.path);
		put(c, text, (size_t)n);
	}
	if (want.mode == KEPT)
		put(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 34);
	if (!is_h2() || want.mode == IDLE2)
		return;
	put(c, preface, sizeof(preface) - 1);
	put_frame(c, FRAME_SETTINGS, 0, 0, no_window, want.mode == STALLED ? sizeof(no_window) : 0);
	if (want.mode == HEADER2 || want.mode == CONTINUATION)
		put_request(c, END_STREAM);
	for (int k = 0; want.mode == STALLED && k < want.streams; k++, c->stream += 2)
		put_request(c, END_STREAM | END_HEADERS);
}

/* Sends the bytes that a connection sends once a second. */
static void
nag(struct connection *c)
{
	static const unsigned char	one[4] = { 0, 0, 0, 1 }, eight[8];

	if (want.mode == HEADER || want.mode == BODY)
		put(c, "x", 1);
	if (want.mode == PING)
		put_frame(c, FRAME_PING, 0, 0, eight, sizeof(eight));
	if (want.mode == HEADER2)
		put_frame(c, FRAME_CONTINUATION, 0, 1, "\x40", 1);
	for (uint32_t stream = 1; want.mode == STALLED && stream < c->stream; stream += 2)
		put_frame(c, FRAME_WINDOW_UPDATE, 0, stream, one, sizeof(one));
}

static void
flood(struct connection *c)
{
	static const unsigned char	none[8], header[] = "\x00\x08x-header\x10" "0123456789abcdef";

	while (c->out_length - c->out_sent < FLOOD_BYTES) {
		if (want.mode == RESET) {
			put_request(c, END_STREAM | END_HEADERS);
			put_frame(c, FRAME_RST_STREAM, 0, c->stream, none, 4);
			c->stream += 2;
		} else if (want.mode == SETTINGS)
			put_frame(c, FRAME_SETTINGS, 0, 0, none, 0);
		else if (want.mode == PINGS)
			put_frame(c, FRAME_PING, 0, 0, none, sizeof(none));
		else
			put_frame(c, FRAME_CONTINUATION, 0, 1, header, sizeof(header) - 1);
	}
}

static void
watch(struct connection *c, int how)
{
	struct epoll_event	event = { .events = EPOLLIN, .data.ptr = c };

	if (c->state == CONNECTING || c->out_length > c->out_sent || is_flood())
		event.events |= EPOLLOUT;
	if (epoll_ctl(poller, how, c->fd, &event) != 0)
		err(1, "epoll_ctl");
}

static void
begin(struct connection *c)
{
	int	on = 1;

	*c = (struct connection){ .out = c->out };
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		err(1, "socket");
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(c->fd, (struct sockaddr *)&want.from, sizeof(want.from)) != 0)
		err(1, "bind");
	c->state = CONNECTING;
	begun++;
	if (connect(c->fd, (struct sockaddr *)&want.to, sizeof(want.to)) != 0 && errno != EINPROGRESS) {
		drop(c, true);
		return;
	}
	watch(c, EPOLL_CTL_ADD);
}

static void
is_open(struct connection *c)
{
	c->state = OPEN;
	if (++opened > peak)
		peak = opened;
	greet(c);
}

static void
handshake(struct connection *c)
{
	int	n, error;

	if (c->state == CONNECTING) {
		socklen_t	length = sizeof(error);

		if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0) {
			drop(c, true);
			return;
		}
		if (want.mode == SILENT || want.mode == HELLO) {
			is_open(c);
			return;
		}
		c->ssl = SSL_new(tls);
		SSL_set_fd(c->ssl, c->fd);
		c->state = SHAKING;
	}
	n = SSL_connect(c->ssl);
	if (n == 1) {
		is_open(c);
		return;
	}
	error = SSL_get_error(c->ssl, n);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		drop(c, true);
}

/* Counts the answers in the received bytes. In HTTP/2 it counts HEADERS frames, whose first byte is the status
 * (static index, or a literal of it with more bytes: 429 begins with 0x48). */
static void
hear(struct connection *c, const unsigned char *data, size_t length)
{
	if (!is_h2()) {
		for (const unsigned char *p = data; (p = memmem(p, length - (size_t)(p - data), "HTTP/1.1 ", 9)) != NULL; p += 9) {
			answered++;
			refused += p + 12 <= data + length && memcmp(p + 9, "429", 3) == 0;
		}
		return;
	}
	while (length > 0) {
		if (c->skip > 0) {
			size_t	n = c->skip < length ? c->skip : length;

			if (c->first) {
				answered++;
				refused += data[0] < 0x80;
				c->first = false;
			}
			c->skip -= n;
			data += n;
			length -= n;
			continue;
		}
		c->frame[c->frame_used++] = *data++;
		length--;
		if (c->frame_used == sizeof(c->frame)) {
			c->skip = (size_t)c->frame[0] << 16 | (size_t)c->frame[1] << 8 | c->frame[2];
			c->first = c->frame[3] == FRAME_HEADERS;
			c->frame_used = 0;
		}
	}
}

static void
turn(struct connection *c)
{
	static unsigned char	data[65536];
	int			n;

	if (c->state != OPEN) {
		handshake(c);
		if (c->state == FREE)
			return;
	}
	if (c->state == OPEN) {
		for (;;) {
			n = c->ssl != NULL ? SSL_read(c->ssl, data, sizeof(data)) : (int)read(c->fd, data, sizeof(data));
			if (n <= 0)
				break;
			hear(c, data, (size_t)n);
		}
		if (c->ssl != NULL ? SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ : n == 0 || errno != EAGAIN) {
			drop(c, true);
			return;
		}
		if (is_flood())
			flood(c);
		while (c->out_sent < c->out_length) {
			size_t	left = c->out_length - c->out_sent;

			n = c->ssl != NULL ? SSL_write(c->ssl, c->out + c->out_sent, (int)left) : (int)write(c->fd, c->out + c->out_sent, left);
			if (n <= 0)
				break;
			c->out_sent += (size_t)n;
		}
		if (c->out_sent < c->out_length && c->ssl != NULL && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_WRITE) {
			drop(c, true);
			return;
		}
	}
	watch(c, EPOLL_CTL_MOD);
}

static void
options(int argc, char **argv)
{
	int	option;

	for (want.mode = 0; want.mode < MODES && (argc < 2 || strcmp(argv[1], names[want.mode]) != 0); want.mode++)
		continue;
	want.from = want.to = (struct sockaddr_in){ .sin_family = AF_INET };
	want.from.sin_addr.s_addr = inet_addr("127.0.0.2");
	want.to.sin_addr.s_addr = inet_addr("127.0.0.1");
	optind = 2;
	while ((option = getopt(argc, argv, "a:c:n:o:r:s:t:u:w:")) != -1) {
		switch (option) {
		case 'a': want.from.sin_addr.s_addr = inet_addr(optarg); break;
		case 'c': want.closed = atoi(optarg); break;
		case 'n': want.count = atoi(optarg); break;
		case 'o': want.open = atoi(optarg); break;
		case 'r': want.rate = atoi(optarg); break;
		case 's': want.seconds = atoi(optarg); break;
		case 't': want.streams = atoi(optarg); break;
		case 'u': want.path = optarg; break;
		case 'w': want.answers = atoi(optarg); break;
		default: want.mode = MODES; break;
		}
	}
	if (want.mode == MODES || optind != argc - 1 || strlen(want.path) > 120)
		errx(2, "usage: hostile MODE [-a ADDRESS] [-c CLOSED] [-n CONNECTIONS] [-o OPEN] [-r RATE] [-s SECONDS] [-t STREAMS] "
		    "[-u PATH] [-w ANSWERS] PORT");
	want.to.sin_port = htons((uint16_t)atoi(argv[optind]));
}

static void
stop(int number)
{
	(void)number;
	stopped = 1;
}

static void
prepare(void)
{
	struct rlimit	files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, stop);
	connections = calloc((size_t)want.count, sizeof(*connections));
	tls = SSL_CTX_new(TLS_client_method());
	poller = epoll_create1(0);
	if (connections == NULL || tls == NULL || poller < 0)
		err(1, "start");
	SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set1_groups_list(tls, "X25519");
	if (is_h2())
		SSL_CTX_set_alpn_protos(tls, (const unsigned char *)"\x02h2", 3);
}

/* Returns how many connections may begin in this turn of the loop. */
static int
beginning(void)
{
	static int64_t	since;
	static long	before;
	long		due;

	if (want.rate == 0)
		return 200;
	if (closed == 0)
		return 20;
	if (since == 0) {
		since = now_ms();
		before = begun;
	}
	due = before + (long)((now_ms() - since) * want.rate / 1000) - begun;
	return (int)(due < 0 ? 0 : due);
}

static bool
is_full(void)
{
	if (want.rate != 0)
		return closed > 0 && begun - closed == opened;
	if (want.open != 0)
		return opened >= want.open && closed > 0;
	if (want.answers != 0)
		return answered - refused >= want.answers;
	return opened == want.count;
}

int
main(int argc, char **argv)
{
	static struct epoll_event	events[256];
	int64_t				began, nagged, ends;
	bool				ready = false, told = false;

	options(argc, argv);
	prepare();
	began = nagged = now_ms();
	ends = began + (int64_t)want.seconds * 1000;
	while (now_ms() < ends && !stopped && (want.closed == 0 || closed < want.closed)) {
		/* Opens a few at a time, so that the test does not measure the gateway's backlog. */
		for (int k = 0, room = beginning(); k < want.count && room > 0; k++) {
			if (connections[k].state == FREE) {
				begin(&connections[k]);
				room--;
			}
		}
		for (int round = 0; round < 8; round++) {
			int	n = epoll_wait(poller, events, 256, round == 0 ? 20 : 0);

			for (int i = 0; i < n; i++)
				turn(events[i].data.ptr);
			if (n < 256)
				break;
		}
		if (!ready && (is_full() || now_ms() - began > want.seconds * 500)) {
			ready = true;
			printf("ready\n");
			fflush(stdout);
		}
		if (!told && closed > 0) {
			told = true;
			printf("closed\n");
			fflush(stdout);
		}
		if (now_ms() - nagged < 1000)
			continue;
		nagged = now_ms();
		for (int k = 0; k < want.count; k++) {
			if (connections[k].state == OPEN) {
				nag(&connections[k]);
				turn(&connections[k]);
			}
		}
	}
	if (!ready)
		printf("ready\n");
	printf("open=%ld peak=%ld begun=%ld closed=%ld answered=%ld refused=%ld sent=%ld\n", opened, peak, begun, closed, answered,
	    refused, sent);
	return 0;
}
