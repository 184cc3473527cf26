/*
 * The users' public keys from JWT_JWKS_URL, a JSON Web Key Set (RFC 7517).
 *
 * Each worker fetches the set when it starts, every JWT_JWKS_REFRESH_SECONDS, and when a token has a kid that no key has: at
 * most once in ten seconds. A fetch never blocks; the request with that token waits for it. If a fetch fails, or if the set
 * has no usable key, the worker keeps the keys that it has and tries again.
 */
#ifndef CT_KEY_FETCH_H
#define CT_KEY_FETCH_H

#include <stdbool.h>

/* Parent: reads the settings. */
void	 ct_key_fetch_configure(void);

/* Worker: starts the first fetch. Does nothing if JWT_JWKS_URL is not set. */
void	 ct_key_fetch_start(void);

/* Returns true if JWT_JWKS_URL is set; and if this worker has had a set of keys. */
bool	 ct_key_fetch_used(void);
bool	 ct_key_fetch_ready(void);

#endif
