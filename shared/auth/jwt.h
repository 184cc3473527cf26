/*
 * Verifies users' JSON Web Tokens (RFC 7519). The setting JWT_ALG fixes the algorithm; the token cannot choose it.
 */
#ifndef CT_JWT_H
#define CT_JWT_H

#include <stdbool.h>
#include <time.h>

#include "base/ids.h"

struct ct_jwt_claims {
	struct ct_uuid	subject;
	char		subject_text[CT_UUID_TEXT];
	time_t		expires;
	time_t		not_before;	/* 0: none */
	bool		operator_role;
};

enum ct_jwt_result {
	CT_JWT_VERIFIED,
	CT_JWT_REFUSED,
	CT_JWT_KEY_UNKNOWN	/* no key has its kid; nothing else speaks against it */
};

/*
 * Reads JWT_ALG (HS256, RS256 or ES256), JWT_ISSUER, JWT_AUDIENCE, and the keys. HS256: JWT_SECRET_FILE, secrets of at least
 * 32 bytes, one a line. Otherwise JWT_KEYS_DIR with one public key in each <kid>.pem, or JWT_JWKS_URL: then there are no keys
 * until ct_jwks_use (jwks.h). Files are read again when they change (watched.h). Wrong settings are faults (config.h).
 */
void	 ct_jwt_configure(void);

/*
 * Verifies `token` at time `now`. Fills *claims_r if it is verified; otherwise *claims_r is undefined. With public keys each
 * worker caches verified tokens; it still checks the times of each request.
 */
enum ct_jwt_result	 ct_jwt_check(const char *token, time_t now, struct ct_jwt_claims *claims_r)
	     __attribute__((warn_unused_result));

/* Returns true if ct_jwt_check verifies the token. */
bool	 ct_jwt_verify(const char *token, time_t now, struct ct_jwt_claims *claims_r)
	     __attribute__((warn_unused_result));

#endif
