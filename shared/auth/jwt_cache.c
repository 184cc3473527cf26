/*
 * This worker's cache of verified tokens: 2,048 sets of 4, selected by a keyed hash. Only tokens with a verified signature
 * are stored. So an attacker without valid tokens cannot fill the cache or choose a token's set.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "auth/jwt_cache_internal.h"

#define SETS	2048
#define WAYS	4

struct entry {
	char			*token;		/* length bytes, no NUL; NULL: free */
	size_t			 length;
	uint64_t		 hash;
	unsigned long		 serial;	/* of the key that verified it */
	struct ct_jwt_claims	 claims;
};

static struct entry	(*sets)[WAYS];
static unsigned char	 next_way[SETS];	/* the entry that the next put replaces */
static uint64_t		 keys[2];

/* Hashes the token's last 16 bytes, part of its signature and as good as random, with two secret keys. */
static uint64_t
jwt_cache_hash(const char *token, size_t length)
{
	uint64_t	tail[2] = { 0, 0 };
	unsigned __int128 product;

	memcpy(tail, token + (length > sizeof(tail) ? length - sizeof(tail) : 0),
	    length > sizeof(tail) ? sizeof(tail) : length);
	product = (unsigned __int128)(tail[0] ^ keys[0]) * (tail[1] ^ keys[1] ^ length);
	return ((uint64_t)product ^ (uint64_t)(product >> 64));
}

static void
jwt_cache_start(void)
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
	hash = jwt_cache_hash(token, length);
	set = sets[hash % SETS];
	for (i = 0; i < WAYS; i++) {
		if (set[i].token != NULL && set[i].hash == hash && set[i].length == length &&
		    CRYPTO_memcmp(set[i].token, token, length) == 0)
			return (&set[i].claims);
	}
	return (NULL);
}

void
ct_jwt_cache_put(const char *token, size_t length, unsigned long serial, const struct ct_jwt_claims *claims)
{
	struct entry	*entry;
	uint64_t	 hash;
	unsigned	 set;
	char		*copy;

	if (sets == NULL)
		jwt_cache_start();
	/* Without memory the token is not cached, and is verified again next time. */
	if ((copy = malloc(length)) == NULL)
		return;
	memcpy(copy, token, length);

	hash = jwt_cache_hash(token, length);
	set = (unsigned)(hash % SETS);
	entry = &sets[set][next_way[set]];
	next_way[set] = (unsigned char)((next_way[set] + 1) % WAYS);
	free(entry->token);
	entry->token = copy;
	entry->length = length;
	entry->hash = hash;
	entry->serial = serial;
	entry->claims = *claims;
}

void
ct_jwt_cache_forget(unsigned long serial)
{
	struct entry	*entry;
	unsigned	 set;

	for (set = 0; sets != NULL && set < SETS; set++) {
		for (entry = sets[set]; entry < sets[set] + WAYS; entry++) {
			if (entry->token != NULL && entry->serial == serial) {
				free(entry->token);
				*entry = (struct entry){ .token = NULL };
			}
		}
	}
}
