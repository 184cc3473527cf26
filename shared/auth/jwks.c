/*
 * Reads a JSON Web Key Set (RFC 7517). It leaves out keys for other uses, because sets often hold keys for other algorithms
 * and for encryption. When the set has changed, the log names the keys that it left out.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/sha.h>

#include "auth/jwks.h"
#include "auth/jwt_keys_internal.h"
#include "base/json_strict.h"
#include "base/log.h"

#define LEFT_OUT_TEXT	700

static unsigned char	last_text[SHA256_DIGEST_LENGTH];	/* digest of the set that was logged last */

static const char *
jwks_text_member(const cJSON *object, const char *name)
{
	return (cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name)));
}

static bool
jwks_has_member(const cJSON *object, const char *name)
{
	return (cJSON_GetObjectItemCaseSensitive(object, name) != NULL);
}

/* Allows printable ASCII without space, `"` and `\`, so that a kid can be a metric's label and a part of a log line. */
static bool
jwks_kid_valid(const char *kid)
{
	size_t	i;

	for (i = 0; kid[i] != '\0'; i++) {
		if (i == CT_JWT_KID_MAX || kid[i] <= ' ' || kid[i] > '~' || kid[i] == '"' || kid[i] == '\\')
			return (false);
	}
	return (i > 0);
}

/* Returns true if key_ops (RFC 7517, section 4.3) is absent or names `verify`. */
static bool
jwks_may_verify(const cJSON *jwk)
{
	const cJSON	*operations = cJSON_GetObjectItemCaseSensitive(jwk, "key_ops"), *one;

	if (operations == NULL)
		return (true);
	cJSON_ArrayForEach(one, operations) {
		if (cJSON_IsArray(operations) && cJSON_IsString(one) && strcmp(one->valuestring, "verify") == 0)
			return (true);
	}
	return (false);
}

/* Returns NULL if the key is for signatures of our algorithm, and otherwise the reason why it is not. */
static const char *
jwks_why_unsuited(const cJSON *jwk)
{
	bool		 rsa = ct_jwt_keys_algorithm() == CT_JWT_RS256;
	const char	*type = jwks_text_member(jwk, "kty"), *use = jwks_text_member(jwk, "use"), *name = jwks_text_member(jwk, "alg");
	const char	*kid = jwks_text_member(jwk, "kid"), *curve = jwks_text_member(jwk, "crv");

	if (type == NULL || strcmp(type, rsa ? "RSA" : "EC") != 0)
		return (rsa ? "kty is not RSA" : "kty is not EC");
	if (jwks_has_member(jwk, "alg") && (name == NULL || strcmp(name, rsa ? "RS256" : "ES256") != 0))
		return (rsa ? "alg is not RS256" : "alg is not ES256");
	if (jwks_has_member(jwk, "use") && (use == NULL || strcmp(use, "sig") != 0))
		return ("use is not sig");
	if (!jwks_may_verify(jwk))
		return ("key_ops is without verify");
	if (!rsa && (curve == NULL || strcmp(curve, "P-256") != 0))
		return ("crv is not P-256");
	if (kid == NULL || !jwks_kid_valid(kid))
		return ("kid is missing, or is not 1 to 64 printable characters");
	if (jwks_has_member(jwk, "d"))
		return ("it holds a private key");
	return (NULL);
}

/* Adds the key to the set. Returns NULL, or the reason why it leaves the key out. */
static const char *
jwks_add_key(const cJSON *jwk, struct ct_jwt_keys *set)
{
	const char		*why, *first, *second;
	struct ct_jwt_key	*key = &set->keys[set->count];
	bool			 rsa = ct_jwt_keys_algorithm() == CT_JWT_RS256;

	if (!cJSON_IsObject(jwk))
		return ("it is not an object");
	if ((why = jwks_why_unsuited(jwk)) != NULL)
		return (why);
	if (ct_jwt_keys_has(set, jwks_text_member(jwk, "kid")))
		return ("its kid is there twice");
	first = jwks_text_member(jwk, rsa ? "n" : "x");
	second = jwks_text_member(jwk, rsa ? "e" : "y");
	if (first == NULL || second == NULL ||
	    !(rsa ? ct_jwt_key_from_rsa(key, first, second) : ct_jwt_key_from_p256(key, first, second)))
		return (rsa ? "n and e are not an RSA key of 2,048 to 8,192 bits" : "x and y are not a point of P-256");
	(void)snprintf(key->kid, sizeof(key->kid), "%s", jwks_text_member(jwk, "kid"));
	set->count++;
	return (NULL);
}

/* Adds "kid (why)" to the text, as long as there is room. */
static void
jwks_note_left_out(char text[LEFT_OUT_TEXT], const cJSON *jwk, const char *why)
{
	const char	*kid = jwks_text_member(jwk, "kid");
	size_t		 length = strlen(text);

	(void)snprintf(text + length, LEFT_OUT_TEXT - length, "%s%s (%s)", length == 0 ? "" : ", ",
	    kid != NULL && jwks_kid_valid(kid) ? kid : "a key without a valid kid", why);
}

/* One line for each new content, not for each refresh. */
static void
jwks_log_set(const char *text, size_t length, unsigned used, const char *left_out)
{
	unsigned char	digest[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)text, length, digest);
	if (memcmp(digest, last_text, sizeof(digest)) == 0)
		return;
	memcpy(last_text, digest, sizeof(digest));
	ct_log(*left_out == '\0' ? CT_LOG_INFO : CT_LOG_WARNING, NULL, "JWT_JWKS_URL: loaded a key set with %u keys%s%s", used,
	    *left_out == '\0' ? "" : "; left out: ", left_out);
}

bool
ct_jwks_use(const char *text, size_t length, char why_r[CT_CONFIG_WHY])
{
	static struct ct_jwt_keys	 set;
	char				 left_out[LEFT_OUT_TEXT] = "";
	const cJSON			*keys, *jwk;
	const char			*why;
	cJSON				*tree;
	unsigned			 used;

	if ((tree = ct_json_parse(text, length, &why)) == NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "the answer is not a key set: %s", why);
		return (false);
	}
	keys = cJSON_GetObjectItemCaseSensitive(tree, "keys");
	if (!cJSON_IsArray(keys) || cJSON_GetArraySize(keys) > CT_JWT_KEYS_MAX) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "the answer has no array `keys` of at most %d keys", CT_JWT_KEYS_MAX);
		cJSON_Delete(tree);
		return (false);
	}
	cJSON_ArrayForEach(jwk, keys) {
		if ((why = jwks_add_key(jwk, &set)) != NULL)
			jwks_note_left_out(left_out, jwk, why);
	}
	cJSON_Delete(tree);
	if ((used = set.count) == 0) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "the key set has no key that can be used%s%.400s",
		    *left_out == '\0' ? "" : ": ", left_out);
		return (false);
	}
	ct_jwt_keys_use(&set);
	jwks_log_set(text, length, used, left_out);
	return (true);
}

unsigned
ct_jwks_values(struct ct_loaded_value *values_r)
{
	return (ct_jwt_keys_values(values_r));
}
