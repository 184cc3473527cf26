/* Users and their JSON Web Tokens, valid and invalid ones. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include "harness.h"

static char *
encoded(const void *data, size_t length)
{
	char	*text = malloc(length * 4 / 3 + 8);

	cr_assert_not_null(text);
	(void)base64url(data, length, text);
	return (text);
}

char *
jwt_of(const char *header_json, const char *payload_json, const char *secret)
{
	return (jwt_hs256(header_json, payload_json, secret != NULL ? secret :
	    read_file(format("%s/secrets/jwt", setting("RUN_DIR")))));
}

char *
jwt_es256(EVP_PKEY *pair, const char *kid, const char *user)
{
	char			*header_json = format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid), *signed_part;
	char			*payload_json = format("{\"sub\":\"%s\",\"exp\":%ld}", user, (long)time(NULL) + 300);
	unsigned char		 der[128], raw[64];
	const unsigned char	*at = der;
	size_t			 length = sizeof(der);
	EVP_MD_CTX		*context = EVP_MD_CTX_new();
	ECDSA_SIG		*signature;

	signed_part = format("%s.%s", encoded(header_json, strlen(header_json)),
	    encoded(payload_json, strlen(payload_json)));
	cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair), 1);
	cr_assert_eq(EVP_DigestSign(context, der, &length, (unsigned char *)signed_part, strlen(signed_part)), 1);
	EVP_MD_CTX_free(context);
	/* r and s in 32 bytes each (RFC 7518, section 3.4). */
	signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32), 32);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32), 32);
	ECDSA_SIG_free(signature);
	return (format("%s.%s", signed_part, encoded(raw, sizeof(raw))));
}

static struct user
user_with_roles(const char *roles)
{
	struct user	user;

	uuid_new(user.id);
	user.jwt = jwt_of("{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
	    format("{\"sub\":\"%s\",\"exp\":%ld%s}", user.id, (long)time(NULL) + 3600, roles), NULL);
	return (user);
}

struct user
user_new(void)
{
	return (user_with_roles(""));
}

struct user
operator_new(void)
{
	return (user_with_roles(",\"roles\":[\"operator\"]"));
}
