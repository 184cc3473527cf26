/* The parts of token verification (jwt.c): public keys (jwt_keys.c) and the cache of verified tokens (jwt_cache.c). */
#ifndef CT_JWT_INTERNAL_H
#define CT_JWT_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "ct/jwt.h"

/* Longer tokens are refused unread; ours have about 250 bytes. */
#define CT_JWT_TOKEN_MAX	4096
#define CT_JWT_KID_MAX		64

enum ct_jwt_algorithm { CT_JWT_HS256, CT_JWT_RS256, CT_JWT_ES256 };

struct ct_jwt_key {
	char		 kid[CT_JWT_KID_MAX + 1];
	EVP_PKEY	*public;
	EVP_PKEY_CTX	*verifier;	/* ready for EVP_PKEY_verify() */
};

/*
 * Reads <kid>.pem for each key in the folder JWT_KEYS_DIR; `algorithm` is
 * RS256 or ES256. Stops the start if a file is not a public key for it, or
 * there is none.
 */
void	 ct_jwt_keys_load(enum ct_jwt_algorithm algorithm);

/* The key called `kid`, or NULL. */
const struct ct_jwt_key	*ct_jwt_key_find(const char *kid);

/*
 * Whether `signature` (base64url) is the key's signature of the text. Each
 * signature has one accepted text: canonical base64url of exactly the
 * algorithm's length, and a value inside its range. ES256 itself has two valid
 * signatures for each text, (r, s) and (r, n - s).
 */
bool	 ct_jwt_signature_valid(const struct ct_jwt_key *key, const char *text, size_t length,
	     const char *signature, size_t signature_length) __attribute__((warn_unused_result));

/* The claims of a token verified before, or NULL. Valid until the next put. */
const struct ct_jwt_claims	*ct_jwt_cache_get(const char *token, size_t length);

/* Remembers a verified token; may push another out. */
void	 ct_jwt_cache_put(const char *token, size_t length, const struct ct_jwt_claims *claims);

#endif
