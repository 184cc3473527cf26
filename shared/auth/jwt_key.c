/*
 * One public key of the issuer: made from PEM or from the numbers of a JSON Web Key, and the verification of signatures.
 *
 * This file checks a signature's text strictly before OpenSSL gets the bytes. The gateway's limit per user and the cache
 * compare tokens as texts. If one signature had two accepted texts, they would see two tokens.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "auth/jwt_key_internal.h"
#include "base/ids.h"

#define RSA_BITS_MIN	2048	/* RFC 7518, section 3.3 */
#define RSA_BITS_MAX	8192	/* one verification takes 16 times as long as with 2,048 bits */
#define P256_BYTES	32
#define ECDSA_DER_MAX	80

static bool
jwt_key_fits(EVP_PKEY *key, enum ct_jwt_algorithm algorithm)
{
	char	group[64];

	if (algorithm == CT_JWT_RS256)
		return (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
		    EVP_PKEY_get_bits(key) <= RSA_BITS_MAX);
	return (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, "prime256v1") == 0);
}

/* Prepares `public` (NULL: none) for verification. On failure it frees it. */
static bool
jwt_key_init(struct ct_jwt_key *key, EVP_PKEY *public, enum ct_jwt_algorithm algorithm)
{
	bool	fits;

	key->public = public;
	key->verifier = NULL;
	key->algorithm = algorithm;
	fits = public != NULL && jwt_key_fits(public, algorithm) &&
	    (key->verifier = EVP_PKEY_CTX_new(public, NULL)) != NULL &&
	    EVP_PKEY_public_check(key->verifier) == 1 && EVP_PKEY_verify_init(key->verifier) == 1 &&
	    (algorithm != CT_JWT_RS256 || EVP_PKEY_CTX_set_rsa_padding(key->verifier, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(key->verifier, EVP_sha256()) == 1;
	/* libpq and libcurl would take an error left in OpenSSL's queue for a failure of their own calls. */
	ERR_clear_error();
	if (!fits)
		ct_jwt_key_drop(key);
	return (fits);
}

void
ct_jwt_key_drop(struct ct_jwt_key *key)
{
	EVP_PKEY_CTX_free(key->verifier);
	EVP_PKEY_free(key->public);
	memset(key, 0, sizeof(*key));
}

bool
ct_jwt_key_same(const struct ct_jwt_key *one, const struct ct_jwt_key *other)
{
	bool	same = strcmp(one->kid, other->kid) == 0 && EVP_PKEY_eq(one->public, other->public) == 1;

	ERR_clear_error();
	return (same);
}

bool
ct_jwt_key_from_pem(struct ct_jwt_key *key, enum ct_jwt_algorithm algorithm, const char *pem, size_t length)
{
	BIO		*bio;
	EVP_PKEY	*public;

	if ((bio = BIO_new_mem_buf(pem, (int)length)) == NULL)
		abort();
	public = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return (jwt_key_init(key, public, algorithm));
}

/* Makes a key of this type ("RSA" or "EC") from `params`, which it frees. Returns NULL if OpenSSL refuses them. */
static EVP_PKEY *
jwt_key_from_params(const char *type, OSSL_PARAM_BLD *builder)
{
	OSSL_PARAM	*params = OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY_CTX	*maker = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY	*public = NULL;

	if (params == NULL || maker == NULL)
		abort();
	if (EVP_PKEY_fromdata_init(maker) != 1 || EVP_PKEY_fromdata(maker, &public, EVP_PKEY_PUBLIC_KEY, params) != 1)
		public = NULL;
	EVP_PKEY_CTX_free(maker);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	return (public);
}

bool
ct_jwt_key_from_rsa(struct ct_jwt_key *key, const char *n_text, const char *e_text)
{
	unsigned char	 n_bytes[RSA_BITS_MAX / 8 + 1], e_bytes[4];
	long		 n_size = ct_base64url_decode(n_text, strlen(n_text), n_bytes, sizeof(n_bytes));
	long		 e_size = ct_base64url_decode(e_text, strlen(e_text), e_bytes, sizeof(e_bytes));
	OSSL_PARAM_BLD	*builder;
	BIGNUM		*n, *e;
	EVP_PKEY	*public;

	/* The time of a verification grows with the exponent: usual is 65537. An even one belongs to no RSA key. */
	if (n_size <= 0 || e_size <= 0 || e_bytes[e_size - 1] % 2 == 0)
		return (false);
	n = BN_bin2bn(n_bytes, (int)n_size, NULL);
	e = BN_bin2bn(e_bytes, (int)e_size, NULL);
	builder = OSSL_PARAM_BLD_new();
	if (n == NULL || e == NULL || builder == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1)
		abort();
	public = BN_is_one(e) ? NULL : jwt_key_from_params("RSA", builder);
	if (BN_is_one(e))
		OSSL_PARAM_BLD_free(builder);
	BN_free(n);
	BN_free(e);
	return (jwt_key_init(key, public, CT_JWT_RS256));
}

bool
ct_jwt_key_from_p256(struct ct_jwt_key *key, const char *x_text, const char *y_text)
{
	unsigned char	 point[1 + 2 * P256_BYTES] = { POINT_CONVERSION_UNCOMPRESSED };
	OSSL_PARAM_BLD	*builder;

	if (ct_base64url_decode(x_text, strlen(x_text), point + 1, P256_BYTES) != P256_BYTES ||
	    ct_base64url_decode(y_text, strlen(y_text), point + 1 + P256_BYTES, P256_BYTES) != P256_BYTES)
		return (false);
	builder = OSSL_PARAM_BLD_new();
	if (builder == NULL ||
	    OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1 ||
	    OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) != 1)
		abort();
	return (jwt_key_init(key, jwt_key_from_params("EC", builder), CT_JWT_ES256));
}

/* Converts r and s, 32 bytes each (RFC 7518, section 3.4), to DER for OpenSSL. Returns the length, or 0. */
static size_t
jwt_key_to_der(const unsigned char *raw, unsigned char der_r[ECDSA_DER_MAX])
{
	ECDSA_SIG	*pair = ECDSA_SIG_new();
	BIGNUM		*r = BN_bin2bn(raw, P256_BYTES, NULL), *s = BN_bin2bn(raw + P256_BYTES, P256_BYTES, NULL);
	int		 length;

	if (pair == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(pair, r, s) != 1)
		abort();
	length = i2d_ECDSA_SIG(pair, NULL);
	if (length > 0 && length <= ECDSA_DER_MAX)
		length = i2d_ECDSA_SIG(pair, &der_r);
	else
		length = 0;
	ECDSA_SIG_free(pair);
	return (length > 0 ? (size_t)length : 0);
}

bool
ct_jwt_signature_valid(const struct ct_jwt_key *key, const char *text, size_t length, const char *signature,
    size_t signature_length)
{
	unsigned char	raw[RSA_BITS_MAX / 8], der[ECDSA_DER_MAX], digest[SHA256_DIGEST_LENGTH], *bytes = raw;
	size_t		size = key->algorithm == CT_JWT_RS256 ? (size_t)EVP_PKEY_get_size(key->public) : 2 * P256_BYTES;
	bool		valid;

	if (ct_base64url_decode(signature, signature_length, raw, sizeof(raw)) != (long)size)
		return (false);
	if (key->algorithm == CT_JWT_ES256) {
		if ((size = jwt_key_to_der(raw, der)) == 0)
			return (false);
		bytes = der;
	}
	SHA256((const unsigned char *)text, length, digest);
	/* OpenSSL checks the ranges: an RS256 value below the modulus; r and s above 0 and below the order. */
	valid = EVP_PKEY_verify(key->verifier, bytes, size, digest, sizeof(digest)) == 1;
	/* libpq and libcurl would take an error left in OpenSSL's queue for a failure of their own calls. */
	ERR_clear_error();
	return (valid);
}
