/*
 * Verified tokens of this worker: 2,048 sets of 4, by a keyed hash of the
 * token. Only tokens whose signature was verified ever come in, so a stranger
 * can neither fill it nor choose where in it something lands.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "jwt_internal.h"

#define SETS	2048
#define WAYS	4

struct entry {
	char			*token;		/* length bytes, no NUL; NULL: free */
	size_t			 length;
	uint64_t		 hash;
	struct ct_jwt_claims	 claims;
};

static struct entry	(*sets)[WAYS];
static unsigned char	 next_way[SETS];	/* which goes next, in turn */
static uint64_t		 keys[2];

/* Two keyed multiplications over the token's last 16 bytes: its signature's, which are as good as random. */
static uint64_t
hash_of(const char *token, size_t length)
{
	uint64_t	tail[2] = { 0, 0 };
	unsigned __int128 product;

	memcpy(tail, token + (length > sizeof(tail) ? length - sizeof(tail) : 0),
	    length > sizeof(tail) ? sizeof(tail) : length);
	product = (unsigned __int128)(tail[0] ^ keys[0]) * (tail[1] ^ keys[1] ^ length);
	return ((uint64_t)product ^ (uint64_t)(product >> 64));
}

static void
start(void)
{
	if ((sets = calloc(SETS, sizeof(*sets))) == NULL ||
	    RAND_bytes((unsigned char *)keys, sizeof(keys)) != 1)
		abort();
}

const struct ct_jwt_claims *
ct_jwt_cache_get(const char *token, size_t length)
{
	struct entry	*set;
	uint64_t	 hash;
	int		 i;

	if (sets == NULL)
		return (NULL);
	hash = hash_of(token, length);
	set = sets[hash % SETS];
	for (i = 0; i < WAYS; i++) {
		if (set[i].token != NULL && set[i].hash == hash && set[i].length == length &&
		    CRYPTO_memcmp(set[i].token, token, length) == 0)
			return (&set[i].claims);
	}
	return (NULL);
}

void
ct_jwt_cache_put(const char *token, size_t length, const struct ct_jwt_claims *claims)
{
	struct entry	*entry;
	uint64_t	 hash;
	unsigned	 set;
	char		*copy;

	if (sets == NULL)
		start();
	/* Without memory it is just not remembered. */
	if ((copy = malloc(length)) == NULL)
		return;
	memcpy(copy, token, length);

	hash = hash_of(token, length);
	set = (unsigned)(hash % SETS);
	entry = &sets[set][next_way[set]];
	next_way[set] = (unsigned char)((next_way[set] + 1) % WAYS);
	free(entry->token);
	entry->token = copy;
	entry->length = length;
	entry->hash = hash;
	entry->claims = *claims;
}
