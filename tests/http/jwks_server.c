/* The simulated issuer of tokens: serves a JSON Web Key Set, from a thread of the test. */
#include <netinet/in.h>
#include <sys/socket.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "jwks_server.h"

#define CONNECTIONS	64

static pthread_mutex_t		 mutex = PTHREAD_MUTEX_INITIALIZER;
static enum jwks_behaviour	 behaviour;
static char			*set;
static int			 port, listener = -1;
static atomic_uint		 fetches;

/* Returns the whole answer, or NULL: none. */
static char *
answer(void)
{
	char	*text = NULL;

	(void)pthread_mutex_lock(&mutex);
	if (behaviour == JWKS_GOOD)
		text = format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
		    strlen(set), set);
	else if (behaviour == JWKS_FAILS)
		text = format("HTTP/1.1 500 Internal Server Error\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s", strlen(set), set);
	else if (behaviour == JWKS_RUBBISH)
		text = format("HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<html></html>\n");
	(void)pthread_mutex_unlock(&mutex);
	return (text);
}

static void
serve(int fd)
{
	char	 request[4096], *text;

	if (recv(fd, request, sizeof(request), 0) > 0)
		fetches++;
	text = answer();
	/* A fetch that hangs keeps its connection until the client gives up. */
	while (text == NULL && recv(fd, request, sizeof(request), 0) > 0)
		;
	if (text != NULL)
		(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)close(fd);
	free(text);
}

static void *
run(void *arg)
{
	int	fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) != -1)
		serve(fd);
	return (NULL);
}

void
jwks_set(enum jwks_behaviour wanted, const struct jwks_key *keys)
{
	char	*text = format("{\"keys\":["), *longer;

	for (; keys != NULL && keys->pair != NULL; keys++) {
		longer = format("%s%s%s", text, text[strlen(text) - 1] == '[' ? "" : ",", jwk_of(keys));
		free(text);
		text = longer;
	}
	longer = format("%s]}", text);
	free(text);
	(void)pthread_mutex_lock(&mutex);
	behaviour = wanted;
	if (keys != NULL || set == NULL)
		set = longer;
	(void)pthread_mutex_unlock(&mutex);
}

/* Returns the public key as a JSON Web Key. */
char *
jwk_of(const struct jwks_key *key)
{
	BIGNUM		*x = NULL, *y = NULL;
	unsigned char	 bytes[32];
	char		 x_text[50], y_text[50];

	cr_assert(EVP_PKEY_get_bn_param(key->pair, OSSL_PKEY_PARAM_EC_PUB_X, &x) == 1 &&
	    EVP_PKEY_get_bn_param(key->pair, OSSL_PKEY_PARAM_EC_PUB_Y, &y) == 1);
	(void)BN_bn2binpad(x, bytes, 32);
	(void)base64url(bytes, 32, x_text);
	(void)BN_bn2binpad(y, bytes, 32);
	(void)base64url(bytes, 32, y_text);
	BN_free(x);
	BN_free(y);
	return (format("{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\",\"alg\":\"ES256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}",
	    key->kid, x_text, y_text));
}

const char *
jwks_url(void)
{
	struct sockaddr_in	address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t		length = sizeof(address);
	int			fd = socket(AF_INET, SOCK_STREAM, 0);

	/* The port stays ours while the socket is bound; nothing listens on it before jwks_listen. */
	cr_assert(fd != -1 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &length) == 0);
	listener = fd;
	port = ntohs(address.sin_port);
	return (format("http://127.0.0.1:%d/keys", port));
}

void
jwks_listen(void)
{
	pthread_t	thread;

	cr_assert_eq(listen(listener, CONNECTIONS), 0);
	cr_assert_eq(pthread_create(&thread, NULL, run, NULL), 0);
	(void)pthread_detach(thread);
}

unsigned
jwks_fetches(void)
{
	return (fetches);
}
