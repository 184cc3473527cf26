/* A simulated issuer of tokens, which serves its public keys (JWT_JWKS_URL) and can fail, hang or answer rubbish. */
#ifndef TESTS_HTTP_JWKS_SERVER_H
#define TESTS_HTTP_JWKS_SERVER_H

#include "harness.h"

struct jwks_key {
	const char	*kid;
	EVP_PKEY	*pair;		/* P-256; NULL: the end of a list */
};

enum jwks_behaviour { JWKS_GOOD, JWKS_FAILS, JWKS_RUBBISH, JWKS_HANGS };

/* Returns the address of the key set. Nothing answers there before jwks_listen. */
const char	*jwks_url(void);
void		 jwks_listen(void);

/* What it does from now on, and the keys of its set (NULL: as before). */
void		 jwks_set(enum jwks_behaviour behaviour, const struct jwks_key *keys);
char		*jwk_of(const struct jwks_key *key);

/* Returns the number of requests so far. */
unsigned	 jwks_fetches(void);

#endif
