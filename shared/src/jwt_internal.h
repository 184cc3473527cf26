/* The cache of verified tokens, apart from verification itself (jwt.c). */
#ifndef CT_JWT_INTERNAL_H
#define CT_JWT_INTERNAL_H

#include <stddef.h>

#include "ct/jwt.h"

/* Longer ones are refused unread; ours are some 250 bytes. */
#define CT_JWT_TOKEN_MAX	4096

/* The claims of a token verified before, or NULL. Valid until the next put. */
const struct ct_jwt_claims	*ct_jwt_cache_get(const char *token, size_t length);

/* Remembers a verified token; may push another out. */
void	 ct_jwt_cache_put(const char *token, size_t length, const struct ct_jwt_claims *claims);

#endif
