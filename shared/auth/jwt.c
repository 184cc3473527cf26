/*
 * Verification of user tokens, in three steps. The header must name the configured algorithm and a known key. Then the
 * signature is verified with that key. Only then are the claims read.
 *
 * Each part must be canonical base64url (no padding, unused bits zero), so each token has only one text. HS256 has no
 * cache: one HMAC is faster than a look-up.
 */
#include <string.h>

#include <openssl/crypto.h>

#include "auth/hmac_keys.h"
#include "auth/jwt.h"
#include "auth/jwt_cache_internal.h"
#include "auth/jwt_keys_internal.h"
#include "base/config.h"
#include "base/json_strict.h"
#include "base/watched.h"

#define HEADER_MAX	256
#define TOKEN_MAX	4096	/* longer tokens are refused at once; the system's own have about 250 bytes */

static const char	*algorithm_name;
static enum ct_jwt_algorithm	 algorithm;
static const char	*issuer;	/* "": any */
static const char	*audience;	/* "": any */
static struct ct_hmac_keys	 secrets;	/* of HS256 */

/* The header of the last verified token, as text. All tokens of one key usually have the same header. */
static unsigned long		 last_sets;	/* the keys in force then: ct_jwt_keys_sets() */
static char			 last_header[HEADER_MAX];
static size_t			 last_header_length;
static const struct ct_jwt_key	*last_key;

/* Represents the shared secret of HS256 where a function returns a key. */
static const struct ct_jwt_key	 shared_secret;

/* With HS256 each service has the secret, so it could sign tokens. Without `iss` and `aud` it would accept tokens made
 * for other systems. */
static void
jwt_check_production(void)
{
	if (!ct_production())
		return;
	if (algorithm == CT_JWT_HS256)
		ct_config_fail("JWT_ALG",
		    "HS256 is for development: use RS256 or ES256, with public keys from JWT_JWKS_URL or JWT_KEYS_DIR");
	if (*issuer == '\0')
		ct_config_fail("JWT_ISSUER", "is required in production: the `iss` of the tokens to accept");
	if (*audience == '\0')
		ct_config_fail("JWT_AUDIENCE", "is required in production: the `aud` of the tokens to accept");
}

static bool
jwt_load_secrets(const char *path, char why_r[CT_CONFIG_WHY])
{
	(void)path;
	return (ct_hmac_keys_read("JWT_SECRET_FILE", &secrets, why_r));
}

static unsigned
jwt_secret_values(struct ct_loaded_value *values_r)
{
	return (ct_hmac_keys_values(&secrets, values_r));
}

/* The keys come from files, or later from JWT_JWKS_URL, which the caller of this file reads. */
static void
jwt_configure_keys(void)
{
	static const struct ct_watched_file	 shared = { "JWT_SECRET_FILE", jwt_load_secrets, jwt_secret_values };
	static const struct ct_watched_file	 public = { "JWT_KEYS_DIR", ct_jwt_keys_load, ct_jwt_keys_values };
	bool					 remote = ct_config_is_set("JWT_JWKS_URL");
	const char				*path;

	if (algorithm == CT_JWT_HS256) {
		if (remote)
			ct_config_fail("JWT_JWKS_URL", "has public keys, and JWT_ALG is HS256: use RS256 or ES256");
		if ((path = ct_config_secret_path("JWT_SECRET_FILE")) != NULL)
			ct_watched_add(&shared, path);
		return;
	}
	ct_jwt_keys_configure(algorithm);
	if (remote && ct_config_is_set("JWT_KEYS_DIR"))
		ct_config_fail("JWT_KEYS_DIR", "JWT_JWKS_URL is set too: the keys come from one of them");
	else if (!remote && *(path = ct_config_text("JWT_KEYS_DIR")) != '\0')
		ct_watched_add(&public, path);
}

void
ct_jwt_configure(void)
{

	last_header_length = 0;
	last_key = NULL;
	algorithm_name = ct_config_choice("JWT_ALG");
	algorithm = algorithm_name[0] == 'R' ? CT_JWT_RS256 : algorithm_name[0] == 'E' ? CT_JWT_ES256 : CT_JWT_HS256;
	issuer = ct_config_text("JWT_ISSUER");
	audience = ct_config_text("JWT_AUDIENCE");
	jwt_check_production();
	jwt_configure_keys();
}

/* Decodes and parses a token's header or payload. The caller frees the result. */
static cJSON *
jwt_part(const char *text, size_t length)
{
	char		 json[TOKEN_MAX];
	const char	*why;
	long		 size;

	if ((size = ct_base64url_decode(text, length, json, sizeof(json))) < 0)
		return (NULL);
	return (ct_json_parse(json, (size_t)size, &why));
}

static const char *
jwt_text_member(const cJSON *object, const char *name)
{
	return (cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

/*
 * Returns the key that the header names, if the header names the configured algorithm too. Sets *unknown_r if only the key
 * is missing.
 */
static const struct ct_jwt_key *
jwt_key_for(const cJSON *header, bool *unknown_r)
{
	const char		*name = jwt_text_member(header, "alg"), *kid;
	const struct ct_jwt_key	*key;

	if (name == NULL || strcmp(name, algorithm_name) != 0)
		return (NULL);
	/* `crit` lists extensions that a reader must know (RFC 7515, section 4.1.11). This one knows none. */
	if (cJSON_GetObjectItemCaseSensitive(header, "crit") != NULL)
		return (NULL);
	if (algorithm == CT_JWT_HS256)
		return (&shared_secret);
	if ((kid = jwt_text_member(header, "kid")) == NULL || *kid == '\0' || strlen(kid) > CT_JWT_KID_MAX)
		return (NULL);
	key = ct_jwt_key_find(kid);
	*unknown_r = key == NULL;
	return (key);
}

/* The first `length` bytes of `token` are signed. The signature follows after a dot. */
static bool
jwt_signature_valid(const char *token, size_t length, const struct ct_jwt_key *key)
{
	const char	*signature = token + length + 1;
	unsigned char	 given[SHA256_DIGEST_LENGTH];

	if (algorithm != CT_JWT_HS256)
		return (ct_jwt_signature_valid(key, token, length, signature, strlen(signature)));
	if (ct_base64url_decode(signature, strlen(signature), given, sizeof(given)) != sizeof(given))
		return (false);
	return (ct_hmac_keys_match(&secrets, token, length, given, sizeof(given)));
}

/* Returns false if the claim is present but not a valid date; *time_r stays as it is if the claim is absent. */
static bool
jwt_time_member(const cJSON *payload, const char *name, time_t *time_r)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(payload, name);

	if (item == NULL)
		return (true);
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble >= 9007199254740992.0)
		return (false);
	*time_r = (time_t)item->valuedouble;
	return (true);
}

/* Returns true if `item` is the text `wanted`, or an array that holds it. */
static bool
jwt_holds(const cJSON *item, const char *wanted)
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
jwt_read_claims(const cJSON *payload, struct ct_jwt_claims *claims)
{
	const char	*subject = jwt_text_member(payload, "sub"), *from = jwt_text_member(payload, "iss");
	const cJSON	*roles = cJSON_GetObjectItemCaseSensitive(payload, "roles");

	memset(claims, 0, sizeof(*claims));
	if (subject == NULL || !ct_uuid_parse(subject, &claims->subject))
		return (false);
	ct_uuid_format(&claims->subject, claims->subject_text);
	if (!jwt_time_member(payload, "exp", &claims->expires) || claims->expires == 0 ||
	    !jwt_time_member(payload, "nbf", &claims->not_before))
		return (false);
	if (*issuer != '\0' && (from == NULL || strcmp(from, issuer) != 0))
		return (false);
	if (*audience != '\0' && !jwt_holds(cJSON_GetObjectItemCaseSensitive(payload, "aud"), audience))
		return (false);
	claims->operator_role = cJSON_IsArray(roles) && jwt_holds(roles, "operator");
	return (true);
}

/* Returns the key for a token with this header, or NULL; see key_for. */
static const struct ct_jwt_key *
jwt_key_for_header(const char *text, size_t length, bool *unknown_r)
{
	const struct ct_jwt_key	*key = NULL;
	cJSON			*header;

	if (last_key != NULL && last_sets == ct_jwt_keys_sets() && length == last_header_length &&
	    memcmp(text, last_header, length) == 0)
		return (last_key);
	if ((header = jwt_part(text, length)) != NULL)
		key = jwt_key_for(header, unknown_r);
	cJSON_Delete(header);
	return (key);
}

static void
jwt_remember_header(const char *text, size_t length, const struct ct_jwt_key *key)
{
	if (length > HEADER_MAX)
		return;
	memcpy(last_header, text, length);
	last_header_length = length;
	last_key = key;
	last_sets = ct_jwt_keys_sets();
}

/* Reads the claims, and checks their times. */
static bool
jwt_claims_good(const char *text, size_t length, time_t now, struct ct_jwt_claims *claims)
{
	cJSON	*payload = jwt_part(text, length);
	bool	 good = payload != NULL && jwt_read_claims(payload, claims) && now < claims->expires && now >= claims->not_before;

	cJSON_Delete(payload);
	return (good);
}

static enum ct_jwt_result
jwt_verify(const char *token, size_t length, time_t now, struct ct_jwt_claims *claims)
{
	const char		*payload, *signature;
	const struct ct_jwt_key	*key;
	size_t			 header_length;
	bool			 unknown = false;

	if ((payload = strchr(token, '.')) == NULL || (signature = strchr(payload + 1, '.')) == NULL ||
	    strchr(signature + 1, '.') != NULL)
		return (CT_JWT_REFUSED);
	header_length = (size_t)(payload++ - token);
	key = jwt_key_for_header(token, header_length, &unknown);
	/* A token that no key could make valid is no reason to ask for keys. */
	if (unknown)
		return (jwt_claims_good(payload, (size_t)(signature - payload), now, claims) ? CT_JWT_KEY_UNKNOWN : CT_JWT_REFUSED);
	if (key == NULL || !jwt_signature_valid(token, (size_t)(signature - token), key))
		return (CT_JWT_REFUSED);
	jwt_remember_header(token, header_length, key);
	if (!jwt_claims_good(payload, (size_t)(signature - payload), now, claims))
		return (CT_JWT_REFUSED);
	/* Expired tokens are not stored, so that they cannot replace valid ones. */
	if (algorithm != CT_JWT_HS256)
		ct_jwt_cache_put(token, length, key->serial, claims);
	return (CT_JWT_VERIFIED);
}

enum ct_jwt_result
ct_jwt_check(const char *token, time_t now, struct ct_jwt_claims *claims_r)
{
	const struct ct_jwt_claims	*known;
	size_t				 length = strnlen(token, TOKEN_MAX + 1);

	if (length > TOKEN_MAX)
		return (CT_JWT_REFUSED);
	if (algorithm != CT_JWT_HS256 && (known = ct_jwt_cache_get(token, length)) != NULL) {
		*claims_r = *known;
		return (now < claims_r->expires && now >= claims_r->not_before ? CT_JWT_VERIFIED : CT_JWT_REFUSED);
	}
	return (jwt_verify(token, length, now, claims_r));
}

bool
ct_jwt_verify(const char *token, time_t now, struct ct_jwt_claims *claims_r)
{
	return (ct_jwt_check(token, now, claims_r) == CT_JWT_VERIFIED);
}
