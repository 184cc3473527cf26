/* This worker's cache of verified tokens. For jwt.c and jwt_keys.c. */
#ifndef CT_JWT_CACHE_INTERNAL_H
#define CT_JWT_CACHE_INTERNAL_H

#include <stddef.h>

#include "auth/jwt.h"

/* Returns the claims of a token that this worker has verified, or NULL. Valid until the next put or forget. */
const struct ct_jwt_claims	*ct_jwt_cache_get(const char *token, size_t length);

/* Stores a token that the key with this serial has verified. If its set is full, this replaces the oldest one there. */
void	 ct_jwt_cache_put(const char *token, size_t length, unsigned long serial, const struct ct_jwt_claims *claims);

/* Removes all tokens that the key with this serial has verified. */
void	 ct_jwt_cache_forget(unsigned long serial);

#endif
