/*
 * User tokens. The header is read first, strictly, only to see that it names
 * the algorithm of the configuration and a key we have; the signature is
 * verified with that key, HS256 here and the others by libjwt; the claims are
 * read from the verified payload.
 *
 * HS256 is done here because millions may wait, each with a token of its own:
 * no cache holds them all, and libjwt parses and allocates a tree for each.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "ct/config.h"
#include "ct/jwt.h"
#include "hmac.h"
#include "json_strict.h"
#include "jwt_internal.h"

#define SECRET_MIN	32	/* RFC 7518, section 3.2 */
#define KEYS_MAX	64
#define KEY_FILE_MAX	16384
#define KID_MAX		64
#define RSA_BITS_MIN	2048
#define HEADER_MAX	256

struct key {
	char		 kid[KID_MAX + 1];	/* "" for the shared secret */
	const char	*data;
	int		 length;
};

static const char	*algorithm_name;
static jwt_alg_t	 algorithm;
static struct key	 keys[KEYS_MAX];
static unsigned		 key_count;
static const char	*issuer;	/* "": any */
static const char	*audience;	/* "": any */
static struct ct_hmac	 hmac;		/* of the shared secret */

/* The header of the last token verified, as it stood: an issuer's are all the same. */
static char			 last_header[HEADER_MAX];
static size_t			 last_header_length;
static const struct key		*last_key;

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
	return (length >= 1 && length <= KID_MAX);
}

/* Whether the PEM text is a public key that fits the algorithm. */
static bool
key_fits(const char *pem, int length)
{
	EVP_PKEY	*pkey;
	BIO		*bio;
	char		 group[64];
	bool		 fits = false;

	if ((bio = BIO_new_mem_buf(pem, length)) == NULL)
		abort();
	if ((pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL)) != NULL) {
		if (algorithm == JWT_ALG_RS256)
			fits = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA && EVP_PKEY_get_bits(pkey) >= RSA_BITS_MIN;
		else
			fits = EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
			    EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
			    strcmp(group, "prime256v1") == 0;
	}
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	return (fits);
}

static void
load_key(const char *dir, const char *name, size_t kid_length)
{
	struct key	*key = &keys[key_count];
	char		 path[1024], why[1200], *pem;
	FILE		*file;

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
	if ((pem = calloc(1, KEY_FILE_MAX)) == NULL)
		abort();
	key->length = (int)fread(pem, 1, KEY_FILE_MAX - 1, file);
	(void)fclose(file);
	if (!key_fits(pem, key->length)) {
		(void)snprintf(why, sizeof(why), "%s is not a public key for %s in PEM form", path, algorithm_name);
		ct_config_fail("JWT_KEYS_DIR", why);
		free(pem);
		return;
	}
	key->data = pem;
	memcpy(key->kid, name, kid_length);
	key->kid[kid_length] = '\0';
	key_count++;
}

static void
load_keys(void)
{
	const char	*path = ct_config_text("JWT_KEYS_DIR", NULL);
	struct dirent	*entry;
	size_t		 length;
	char		 why[1200];
	DIR		*dir;

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

/* With HS256 each service could make tokens, and without `iss` and `aud` those made for other systems would be taken. */
static void
check_production(void)
{
	if (!ct_production())
		return;
	if (algorithm == JWT_ALG_HS256)
		ct_config_fail("JWT_ALG", "HS256 is for development: use RS256 or ES256, with the public keys in JWT_KEYS_DIR");
	if (*issuer == '\0')
		ct_config_fail("JWT_ISSUER", "is required in production: the `iss` of the tokens to accept");
	if (*audience == '\0')
		ct_config_fail("JWT_AUDIENCE", "is required in production: the `aud` of the tokens to accept");
}

void
ct_jwt_configure(void)
{
	static const char *const	algorithms[] = { "HS256", "RS256", "ES256", NULL };
	size_t				length;

	key_count = 0;
	last_key = NULL;
	algorithm_name = ct_config_choice("JWT_ALG", algorithms, "HS256");
	algorithm = jwt_str_alg(algorithm_name);
	issuer = ct_config_text("JWT_ISSUER", "");
	audience = ct_config_text("JWT_AUDIENCE", "");
	check_production();

	if (algorithm != JWT_ALG_HS256) {
		load_keys();
		return;
	}
	keys[0].kid[0] = '\0';
	keys[0].data = ct_config_secret_file("JWT_SECRET_FILE", SECRET_MIN, &length);
	keys[0].length = (int)length;
	ct_hmac_init(&hmac, keys[0].data, length);
	key_count = 1;
}

/* Decodes one of a token's first two parts and parses it. The caller deletes what comes back. */
static cJSON *
part(const char *text, size_t length)
{
	char		 json[CT_JWT_TOKEN_MAX];
	const char	*why;
	long		 size;

	if ((size = ct_base64url_decode(text, length, json, sizeof(json))) < 0)
		return (NULL);
	return (ct_json_parse(json, (size_t)size, &why));
}

static const char *
text_member(const cJSON *object, const char *name)
{
	return (cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

/* The key that the header asks for, if it is for the configured algorithm. */
static const struct key *
key_for(const cJSON *header)
{
	const char	*name = text_member(header, "alg"), *kid;
	unsigned	 i;

	if (name == NULL || strcmp(name, algorithm_name) != 0)
		return (NULL);
	/* Extensions that must be understood, and are not (RFC 7515, section 4.1.11). */
	if (cJSON_GetObjectItemCaseSensitive(header, "crit") != NULL)
		return (NULL);
	if (algorithm == JWT_ALG_HS256)
		return (key_count == 1 ? &keys[0] : NULL);
	if ((kid = text_member(header, "kid")) == NULL)
		return (NULL);
	for (i = 0; i < key_count; i++) {
		if (strcmp(keys[i].kid, kid) == 0)
			return (&keys[i]);
	}
	return (NULL);
}

/* `signature` is where it begins in `token`, after the second dot. */
static bool
signature_valid(const char *token, const char *signature, const struct key *key)
{
	unsigned char	 given[SHA256_DIGEST_LENGTH], right[SHA256_DIGEST_LENGTH];
	jwt_t		*jwt = NULL;
	bool		 valid;

	if (algorithm == JWT_ALG_HS256) {
		if (ct_base64url_decode(signature, strlen(signature), given, sizeof(given)) != sizeof(given))
			return (false);
		ct_hmac(&hmac, token, (size_t)(signature - 1 - token), right);
		return (CRYPTO_memcmp(given, right, sizeof(right)) == 0);
	}
	valid = jwt_decode(&jwt, token, (const unsigned char *)key->data, key->length) == 0 &&
	    jwt_get_alg(jwt) == algorithm;
	jwt_free(jwt);
	return (valid);
}

/* A NumericDate. False if the member is there and is none; *time_r stays if it is not there. */
static bool
time_member(const cJSON *payload, const char *name, time_t *time_r)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(payload, name);

	if (item == NULL)
		return (true);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble >= 9007199254740992.0)
		return (false);
	*time_r = (time_t)item->valuedouble;
	return (true);
}

/* `item` is the text `wanted`, or an array that holds it. */
static bool
holds(const cJSON *item, const char *wanted)
{
	const cJSON	*child;

	if (cJSON_IsString(item))
		return (strcmp(item->valuestring, wanted) == 0);
	if (!cJSON_IsArray(item))
		return (false);
	cJSON_ArrayForEach(child, item) {
		if (cJSON_IsString(child) && strcmp(child->valuestring, wanted) == 0)
			return (true);
	}
	return (false);
}

static bool
read_claims(const cJSON *payload, struct ct_jwt_claims *claims)
{
	const char	*subject = text_member(payload, "sub"), *from = text_member(payload, "iss");
	const cJSON	*roles = cJSON_GetObjectItemCaseSensitive(payload, "roles");

	memset(claims, 0, sizeof(*claims));
	if (subject == NULL || !ct_uuid_parse(subject, &claims->subject))
		return (false);
	ct_uuid_format(&claims->subject, claims->subject_text);
	if (!time_member(payload, "exp", &claims->expires) || claims->expires == 0 ||
	    !time_member(payload, "nbf", &claims->not_before))
		return (false);
	if (*issuer != '\0' && (from == NULL || strcmp(from, issuer) != 0))
		return (false);
	if (*audience != '\0' && !holds(cJSON_GetObjectItemCaseSensitive(payload, "aud"), audience))
		return (false);
	claims->operator_role = cJSON_IsArray(roles) && holds(roles, "operator");
	return (true);
}

/* The key for a token with this header, the first part of the token; NULL if there is none. */
static const struct key *
key_for_header(const char *text, size_t length)
{
	const struct key	*key = NULL;
	cJSON			*header;

	if (last_key != NULL && length == last_header_length && memcmp(text, last_header, length) == 0)
		return (last_key);
	if ((header = part(text, length)) != NULL)
		key = key_for(header);
	cJSON_Delete(header);
	return (key);
}

static void
remember_header(const char *text, size_t length, const struct key *key)
{
	if (length > HEADER_MAX)
		return;
	memcpy(last_header, text, length);
	last_header_length = length;
	last_key = key;
}

static bool
verify(const char *token, struct ct_jwt_claims *claims)
{
	const char		*payload_text, *signature;
	const struct key	*key;
	size_t			 header_length;
	cJSON			*payload;
	bool			 valid = false;

	if ((payload_text = strchr(token, '.')) == NULL || (signature = strchr(payload_text + 1, '.')) == NULL ||
	    strchr(signature + 1, '.') != NULL)
		return (false);
	header_length = (size_t)(payload_text - token);
	if ((key = key_for_header(token, header_length)) == NULL || !signature_valid(token, signature + 1, key))
		return (false);
	remember_header(token, header_length, key);
	if ((payload = part(payload_text + 1, (size_t)(signature - payload_text - 1))) != NULL)
		valid = read_claims(payload, claims);
	cJSON_Delete(payload);
	return (valid);
}

bool
ct_jwt_verify(const char *token, time_t now, struct ct_jwt_claims *claims_r)
{
	const struct ct_jwt_claims	*known;
	size_t				 length = strnlen(token, CT_JWT_TOKEN_MAX + 1);

	if (length > CT_JWT_TOKEN_MAX)
		return (false);
	/* An HS256 token is verified sooner than it is found and put away. */
	if (algorithm == JWT_ALG_HS256) {
		if (!verify(token, claims_r))
			return (false);
	} else if ((known = ct_jwt_cache_get(token, length)) != NULL) {
		*claims_r = *known;
	} else {
		if (!verify(token, claims_r))
			return (false);
		ct_jwt_cache_put(token, length, claims_r);
	}
	return (now < claims_r->expires && now >= claims_r->not_before);
}
