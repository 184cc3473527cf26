/*
 * The issuer's public keys, and the verification of their signatures.
 *
 * The text of a signature is checked here, strictly, before OpenSSL sees its
 * bytes. A second accepted text for one signature would be a second token to
 * everything that compares tokens as text: the gateway's limit by user and the
 * cache of verified tokens.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#include "ct/config.h"
#include "ct/ids.h"
#include "jwt_internal.h"

#define KEYS_MAX	64
#define KEY_FILE_MAX	16384
#define RSA_BITS_MIN	2048	/* RFC 7518, section 3.3 */
#define RSA_BITS_MAX	8192	/* a verification takes 16 times as long as with 2,048 */
#define P256_BYTES	32
#define ECDSA_DER_MAX	80

static struct ct_jwt_key	keys[KEYS_MAX];
static unsigned			key_count;
static enum ct_jwt_algorithm	algorithm;

/* [A-Za-z0-9_-]{1,64}: no dots or slashes, so a kid is never a path. */
static bool
kid_valid(const char *kid, size_t length)
{
	size_t	i;

	for (i = 0; i < length; i++) {
		if (!((kid[i] >= 'A' && kid[i] <= 'Z') || (kid[i] >= 'a' && kid[i] <= 'z') ||
		    (kid[i] >= '0' && kid[i] <= '9') || kid[i] == '-' || kid[i] == '_'))
			return (false);
	}
	return (length >= 1 && length <= CT_JWT_KID_MAX);
}

static bool
key_fits(EVP_PKEY *key)
{
	char	group[64];

	if (algorithm == CT_JWT_RS256)
		return (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
		    EVP_PKEY_get_bits(key) <= RSA_BITS_MAX);
	return (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
	    EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, "prime256v1") == 0);
}

/* Makes the key ready; false if the PEM text is not a public key for the algorithm. */
static bool
read_key(struct ct_jwt_key *key, const char *pem, int length)
{
	BIO	*bio;
	bool	 fits;

	if ((bio = BIO_new_mem_buf(pem, length)) == NULL)
		abort();
	key->public = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	BIO_free(bio);
	fits = key->public != NULL && key_fits(key->public) &&
	    (key->verifier = EVP_PKEY_CTX_new(key->public, NULL)) != NULL &&
	    EVP_PKEY_public_check(key->verifier) == 1 && EVP_PKEY_verify_init(key->verifier) == 1 &&
	    (algorithm != CT_JWT_RS256 || EVP_PKEY_CTX_set_rsa_padding(key->verifier, RSA_PKCS1_PADDING) == 1) &&
	    EVP_PKEY_CTX_set_signature_md(key->verifier, EVP_sha256()) == 1;
	ERR_clear_error();
	return (fits);
}

static void
drop_key(struct ct_jwt_key *key)
{
	EVP_PKEY_CTX_free(key->verifier);
	EVP_PKEY_free(key->public);
	memset(key, 0, sizeof(*key));
}

static void
load_key(const char *dir, const char *name, size_t kid_length)
{
	struct ct_jwt_key	*key = &keys[key_count];
	char			 path[1024], why[1200], pem[KEY_FILE_MAX];
	FILE			*file;
	size_t			 length;

	if (key_count == KEYS_MAX) {
		ct_config_fail("JWT_KEYS_DIR", "holds more than 64 keys");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((file = fopen(path, "re")) == NULL) {
		(void)snprintf(why, sizeof(why), "cannot read %s: %s", path, strerror(errno));
		ct_config_fail("JWT_KEYS_DIR", why);
		return;
	}
	length = fread(pem, 1, sizeof(pem), file);
	(void)fclose(file);
	if (!read_key(key, pem, (int)length)) {
		(void)snprintf(why, sizeof(why), "%s is not a public key for %s in PEM form", path,
		    algorithm == CT_JWT_RS256 ? "RS256" : "ES256");
		ct_config_fail("JWT_KEYS_DIR", why);
		drop_key(key);
		return;
	}
	memcpy(key->kid, name, kid_length);
	key_count++;
}

void
ct_jwt_keys_load(enum ct_jwt_algorithm wanted)
{
	const char	*path = ct_config_text("JWT_KEYS_DIR", NULL);
	struct dirent	*entry;
	size_t		 length;
	char		 why[1200];
	DIR		*dir;

	algorithm = wanted;
	while (key_count > 0)
		drop_key(&keys[--key_count]);
	if (path == NULL)
		return;
	if ((dir = opendir(path)) == NULL) {
		(void)snprintf(why, sizeof(why), "cannot read %s: %s", path, strerror(errno));
		ct_config_fail("JWT_KEYS_DIR", why);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		length = strlen(entry->d_name);
		if (length > 4 && strcmp(entry->d_name + length - 4, ".pem") == 0 &&
		    kid_valid(entry->d_name, length - 4))
			load_key(path, entry->d_name, length - 4);
	}
	(void)closedir(dir);
	if (key_count == 0)
		ct_config_fail("JWT_KEYS_DIR", "holds no <kid>.pem");
}

const struct ct_jwt_key *
ct_jwt_key_find(const char *kid)
{
	unsigned	i;

	for (i = 0; i < key_count; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			return (&keys[i]);
	}
	return (NULL);
}

/* r and s, 32 bytes each (RFC 7518, section 3.4), in the form that OpenSSL reads. Returns its length, 0: none. */
static size_t
to_der(const unsigned char *raw, unsigned char der_r[ECDSA_DER_MAX])
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
	size_t		size = algorithm == CT_JWT_RS256 ? (size_t)EVP_PKEY_get_size(key->public) : 2 * P256_BYTES;
	bool		valid;

	if (ct_base64url_decode(signature, signature_length, raw, sizeof(raw)) != (long)size)
		return (false);
	if (algorithm == CT_JWT_ES256) {
		if ((size = to_der(raw, der)) == 0)
			return (false);
		bytes = der;
	}
	SHA256((const unsigned char *)text, length, digest);
	/* OpenSSL refuses an RS256 value of the modulus or more, and r or s that are 0 or the order or more. */
	valid = EVP_PKEY_verify(key->verifier, bytes, size, digest, sizeof(digest)) == 1;
	/* Left in the queue, the reason would be taken for the failure of a later call of libpq or libcurl. */
	ERR_clear_error();
	return (valid);
}
