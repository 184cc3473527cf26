/*
 * Verification of users' JSON Web Tokens (RFC 7519). The algorithm
 * is pinned by configuration and never taken from the token.
 */
#ifndef CT_JWT_H
#define CT_JWT_H

#include <stdbool.h>
#include <time.h>

#include "ct/ids.h"

struct ct_jwt_claims {
	struct ct_uuid	subject;
	char		subject_text[CT_UUID_TEXT];
	time_t		expires;
	time_t		not_before;	/* 0: none */
	bool		operator_role;
};

/*
 * Reads JWT_ALG (HS256, RS256 or ES256), JWT_SECRET_FILE (HS256) or
 * JWT_KEYS_DIR (<kid>.pem, one public key each), JWT_ISSUER, JWT_AUDIENCE.
 * Stops the start if they are wrong.
 */
void	 ct_jwt_configure(void);

/*
 * Verifies `token` at time `now` and fills *claims_r. False for anything that
 * is not a token this system accepts; *claims_r is then undefined. Signatures
 * already verified by this worker are remembered (bounded; the whole token is
 * compared, in constant time), times are checked every time.
 */
bool	 ct_jwt_verify(const char *token, time_t now, struct ct_jwt_claims *claims_r)
	     __attribute__((warn_unused_result));

#endif
