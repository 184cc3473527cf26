/*
 * User tokens. The header is read first, strictly, to see that it names the
 * algorithm of the configuration and a key that we have. Then the signature is
 * verified with that key, then the claims are read from the verified payload.
 *
 * Of each part only the canonical text is accepted (base64url without padding,
 * left-over bits zero), so a token has one spelling. HS256 needs no cache: one
 * HMAC takes less time than a look into it.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "ct/config.h"
#include "ct/jwt.h"
#include "hmac.h"
#include "json_strict.h"
#include "jwt_internal.h"

#define SECRET_MIN	32	/* RFC 7518, section 3.2 */
#define HEADER_MAX	256

static const char	*algorithm_name;
static enum ct_jwt_algorithm	 algorithm;
static const char	*issuer;	/* "": any */
static const char	*audience;	/* "": any */
static struct ct_hmac	 hmac;		/* of the shared secret */

/* The header of the last verified token, as text: all tokens of one key usually have the same. */
static char			 last_header[HEADER_MAX];
static size_t			 last_header_length;
static const struct ct_jwt_key	*last_key;

/* Stands for the shared secret where a key is asked for. */
static const struct ct_jwt_key	 shared_secret;

/* With HS256 each service could make tokens, and without `iss` and `aud` those made for other systems would be taken. */
static void
check_production(void)
{
	if (!ct_production())
		return;
	if (algorithm == CT_JWT_HS256)
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
	const char			*secret;
	size_t				 length;

	last_header_length = 0;
	last_key = NULL;
	algorithm_name = ct_config_choice("JWT_ALG", algorithms, "HS256");
	algorithm = algorithm_name[0] == 'R' ? CT_JWT_RS256 : algorithm_name[0] == 'E' ? CT_JWT_ES256 : CT_JWT_HS256;
	issuer = ct_config_text("JWT_ISSUER", "");
	audience = ct_config_text("JWT_AUDIENCE", "");
	check_production();

	if (algorithm != CT_JWT_HS256) {
		ct_jwt_keys_load(algorithm);
		return;
	}
	secret = ct_config_secret_file("JWT_SECRET_FILE", SECRET_MIN, &length);
	ct_hmac_init(&hmac, secret, length);
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
static const struct ct_jwt_key *
key_for(const cJSON *header)
{
	const char	*name = text_member(header, "alg"), *kid;

	if (name == NULL || strcmp(name, algorithm_name) != 0)
		return (NULL);
	/* Extensions that must be understood, and are not (RFC 7515, section 4.1.11). */
	if (cJSON_GetObjectItemCaseSensitive(header, "crit") != NULL)
		return (NULL);
	if (algorithm == CT_JWT_HS256)
		return (&shared_secret);
	return ((kid = text_member(header, "kid")) == NULL ? NULL : ct_jwt_key_find(kid));
}

/* `length` bytes of `token` are signed; the signature follows them after a dot. */
static bool
signature_valid(const char *token, size_t length, const struct ct_jwt_key *key)
{
	const char	*signature = token + length + 1;
	unsigned char	 given[SHA256_DIGEST_LENGTH], right[SHA256_DIGEST_LENGTH];

	if (algorithm != CT_JWT_HS256)
		return (ct_jwt_signature_valid(key, token, length, signature, strlen(signature)));
	if (ct_base64url_decode(signature, strlen(signature), given, sizeof(given)) != sizeof(given))
		return (false);
	ct_hmac(&hmac, token, length, right);
	return (CRYPTO_memcmp(given, right, sizeof(right)) == 0);
}

/* Returns false if the claim is present but not a valid date; *time_r stays as it is if the claim is absent. */
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
static const struct ct_jwt_key *
key_for_header(const char *text, size_t length)
{
	const struct ct_jwt_key	*key = NULL;
	cJSON			*header;

	if (last_key != NULL && length == last_header_length && memcmp(text, last_header, length) == 0)
		return (last_key);
	if ((header = part(text, length)) != NULL)
		key = key_for(header);
	cJSON_Delete(header);
	return (key);
}

static void
remember_header(const char *text, size_t length, const struct ct_jwt_key *key)
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
	const struct ct_jwt_key	*key;
	size_t			 header_length;
	cJSON			*payload;
	bool			 valid = false;

	if ((payload_text = strchr(token, '.')) == NULL || (signature = strchr(payload_text + 1, '.')) == NULL ||
	    strchr(signature + 1, '.') != NULL)
		return (false);
	header_length = (size_t)(payload_text - token);
	if ((key = key_for_header(token, header_length)) == NULL ||
	    !signature_valid(token, (size_t)(signature - token), key))
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
	if (algorithm != CT_JWT_HS256 && (known = ct_jwt_cache_get(token, length)) != NULL) {
		*claims_r = *known;
		return (now < claims_r->expires && now >= claims_r->not_before);
	}
	if (!verify(token, claims_r) || now >= claims_r->expires || now < claims_r->not_before)
		return (false);
	/* Only now: a user's expired tokens must not push other users' tokens out. */
	if (algorithm != CT_JWT_HS256)
		ct_jwt_cache_put(token, length, claims_r);
	return (true);
}
