/* One public key of the issuer, and the verification of signatures with it. For the other files of the tokens. */
#ifndef CT_JWT_KEY_INTERNAL_H
#define CT_JWT_KEY_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/evp.h>

#include "base/loaded.h"

#define CT_JWT_KID_MAX		64

_Static_assert(CT_JWT_KID_MAX + 1 == CT_LOADED_TEXT, "a kid fits into a loaded value");

enum ct_jwt_algorithm { CT_JWT_HS256, CT_JWT_RS256, CT_JWT_ES256 };

struct ct_jwt_key {
	char			 kid[CT_JWT_KID_MAX + 1];
	enum ct_jwt_algorithm	 algorithm;
	EVP_PKEY		*public;
	EVP_PKEY_CTX		*verifier;	/* ready for EVP_PKEY_verify() */
	unsigned long		 serial;	/* another one for each key that was ever in force in this process */
};

/*
 * Each makes a key, all but its kid and serial, from a public key in PEM form or from the base64url texts of a
 * JSON Web Key. *key is zero before. Returns false if that is no public key for the algorithm; *key is zero then too.
 */
bool	 ct_jwt_key_from_pem(struct ct_jwt_key *key, enum ct_jwt_algorithm algorithm, const char *pem, size_t length);
bool	 ct_jwt_key_from_rsa(struct ct_jwt_key *key, const char *n_text, const char *e_text);
bool	 ct_jwt_key_from_p256(struct ct_jwt_key *key, const char *x_text, const char *y_text);

/* Frees what the key holds, and sets it to zero. */
void	 ct_jwt_key_drop(struct ct_jwt_key *key);

/* Returns true if both have the same kid and the same public key. */
bool	 ct_jwt_key_same(const struct ct_jwt_key *one, const struct ct_jwt_key *other);

/*
 * Returns true if `signature` (base64url) is the key's signature of the text. Accepts only one text for each signature:
 * canonical base64url of exactly the algorithm's length, with a value in the algorithm's range. ES256 itself allows two
 * signatures for one text, (r, s) and (r, n - s).
 */
bool	 ct_jwt_signature_valid(const struct ct_jwt_key *key, const char *text, size_t length,
	     const char *signature, size_t signature_length) __attribute__((warn_unused_result));

#endif
