/*
 * Stands between the services and a store, and holds bytes back on command, like a stalled network.
 *
 *   proxy LISTEN-PORT STORE-PORT < commands
 *
 * One command a line:
 *   hold requests    keep what the services send: the store never sees it
 *   hold answers     keep what the store answers: the command is done, but the service gets no answer
 *   hold both
 *   go               forward everything that was kept
 *   cut              close every connection and drop everything that was kept
 * After each `go` it prints the numbers of pieces kept and of connections cut since the last hold. It ends with its
 * input. Two threads per connection, one for each direction; the services' pools are few connections.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum way { REQUESTS, ANSWERS };

struct pair {
	int		 fd[2];		/* of the service, of the store */
	int		 ends;		/* threads that have ended; the second one frees the pair */
	struct pair	*next, *before;
};

struct end {
	struct pair	*pair;
	enum way	 way;
};

static pthread_mutex_t	lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t	changed = PTHREAD_COND_INITIALIZER;
static bool		held[2];
static unsigned long	cuts;		/* number of cuts; bytes read before a cut are dropped after it */
static unsigned long	pieces_held, pairs_cut;		/* since the last hold command */
static struct pair	*pairs;
static in_port_t	store_port;

static void	die(const char *) __attribute__((noreturn));

static void
die(const char *what)
{
	fprintf(stderr, "proxy: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct sockaddr_in
loopback(int port)
{
	struct sockaddr_in	address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return (address);
}

/* Ends both directions together. */
static void
thread_ends(struct pair *pair)
{
	(void)pthread_mutex_lock(&lock);
	(void)shutdown(pair->fd[0], SHUT_RDWR);
	(void)shutdown(pair->fd[1], SHUT_RDWR);
	if (++pair->ends == 2) {
		(void)close(pair->fd[0]);
		(void)close(pair->fd[1]);
		if (pair->next != NULL)
			pair->next->before = pair->before;
		*(pair->before != NULL ? &pair->before->next : &pairs) = pair->next;
		free(pair);
	}
	(void)pthread_mutex_unlock(&lock);
}

static bool
write_all(int fd, const char *data, ssize_t length)
{
	ssize_t	n;

	for (; length > 0; data += n, length -= n) {
		if ((n = send(fd, data, (size_t)length, MSG_NOSIGNAL)) <= 0)
			return (false);
	}
	return (true);
}

static void *
carry(void *arg)
{
	struct end	 end = *(struct end *)arg;
	int		 from = end.pair->fd[end.way == REQUESTS ? 0 : 1];
	int		 to = end.pair->fd[end.way == REQUESTS ? 1 : 0];
	unsigned long	 cuts_before;
	char		 bytes[16384];
	ssize_t		 n;

	free(arg);
	for (;;) {
		(void)pthread_mutex_lock(&lock);
		cuts_before = cuts;
		(void)pthread_mutex_unlock(&lock);
		if ((n = recv(from, bytes, sizeof(bytes), 0)) <= 0)
			break;
		(void)pthread_mutex_lock(&lock);
		pieces_held += held[end.way] && cuts == cuts_before;
		while (held[end.way] && cuts == cuts_before)
			(void)pthread_cond_wait(&changed, &lock);
		if (cuts != cuts_before)
			n = 0;
		(void)pthread_mutex_unlock(&lock);
		if (n == 0 || !write_all(to, bytes, n))
			break;
	}
	thread_ends(end.pair);
	return (NULL);
}

static void
carry_start(struct pair *pair, enum way way)
{
	struct end	*end = malloc(sizeof(*end));
	pthread_t	 thread;

	if (end == NULL)
		die("memory");
	end->pair = pair;
	end->way = way;
	if ((errno = pthread_create(&thread, NULL, carry, end)) != 0)
		die("thread");
	(void)pthread_detach(thread);
}

static void
connect_pair(int service)
{
	struct sockaddr_in	 address = loopback(store_port);
	struct pair		*pair;
	int			 store, on = 1;

	/* If the store refuses the connection, close the service's connection too. */
	if ((store = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    connect(store, (struct sockaddr *)&address, sizeof(address)) == -1) {
		(void)close(store);
		(void)close(service);
		return;
	}
	(void)setsockopt(service, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(store, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if ((pair = calloc(1, sizeof(*pair))) == NULL)
		die("memory");
	pair->fd[0] = service;
	pair->fd[1] = store;
	(void)pthread_mutex_lock(&lock);
	if ((pair->next = pairs) != NULL)
		pairs->before = pair;
	pairs = pair;
	(void)pthread_mutex_unlock(&lock);
	carry_start(pair, REQUESTS);
	carry_start(pair, ANSWERS);
}

static void *
accept_all(void *arg)
{
	int	listener = *(int *)arg, service;

	for (;;) {
		if ((service = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) != -1)
			connect_pair(service);
		else if (errno != EINTR && errno != ECONNABORTED)
			die("accept");
	}
}

static void
obey(const char *command)
{
	struct pair	*pair;

	(void)pthread_mutex_lock(&lock);
	if (strncmp(command, "hold ", 5) == 0) {
		pieces_held = pairs_cut = 0;
		held[REQUESTS] = strcmp(command, "hold answers") != 0;
		held[ANSWERS] = strcmp(command, "hold requests") != 0;
	} else if (strcmp(command, "go") == 0) {
		held[REQUESTS] = held[ANSWERS] = false;
		printf("%lu %lu\n", pieces_held, pairs_cut);
		(void)fflush(stdout);
	} else if (strcmp(command, "cut") == 0) {
		cuts++;
		for (pair = pairs; pair != NULL; pair = pair->next) {
			pairs_cut++;
			(void)shutdown(pair->fd[0], SHUT_RDWR);
			(void)shutdown(pair->fd[1], SHUT_RDWR);
		}
	} else
		fprintf(stderr, "proxy: unknown command '%s'\n", command);
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&lock);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in	 address;
	pthread_t		 thread;
	char			 line[64];
	int			 listener, on = 1;

	if (argc != 3)
		die("usage: proxy LISTEN-PORT STORE-PORT");
	address = loopback(atoi(argv[1]));
	store_port = (in_port_t)atoi(argv[2]);
	if ((listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) == -1 || listen(listener, 128) == -1)
		die(argv[1]);
	if ((errno = pthread_create(&thread, NULL, accept_all, &listener)) != 0)
		die("thread");
	while (fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		obey(line);
	}
	return (0);
}
