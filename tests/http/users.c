/* Users and their JSON Web Tokens, good ones and any other kind. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "harness.h"

static char *
base64url(const void *data, size_t length)
{
	char	*text, *c;

	text = calloc(1, length * 4 / 3 + 8);
	EVP_EncodeBlock((unsigned char *)text, data, (int)length);
	for (c = text; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	while (c > text && c[-1] == '=')
		*--c = '\0';
	return (text);
}

char *
jwt_of(const char *header_json, const char *payload_json, const char *secret)
{
	unsigned char	 mac[EVP_MAX_MD_SIZE];
	unsigned int	 mac_length;
	char		*signed_part;

	if (secret == NULL)
		secret = read_file(format("%s/secrets/jwt", setting("RUN_DIR")));
	signed_part = format("%s.%s", base64url(header_json, strlen(header_json)),
	    base64url(payload_json, strlen(payload_json)));
	HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)signed_part,
	    strlen(signed_part), mac, &mac_length);
	return (format("%s.%s", signed_part, base64url(mac, mac_length)));
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

	signed_part = format("%s.%s", base64url(header_json, strlen(header_json)),
	    base64url(payload_json, strlen(payload_json)));
	cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair), 1);
	cr_assert_eq(EVP_DigestSign(context, der, &length, (unsigned char *)signed_part, strlen(signed_part)), 1);
	EVP_MD_CTX_free(context);
	/* r and s in 32 bytes each (RFC 7518, section 3.4). */
	signature = d2i_ECDSA_SIG(NULL, &at, (long)length);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32), 32);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32), 32);
	ECDSA_SIG_free(signature);
	return (format("%s.%s", signed_part, base64url(raw, sizeof(raw))));
}

void
uuid_new(char text_r[UUID_TEXT])
{
	unsigned char	b[16];

	cr_assert_eq(RAND_bytes(b, sizeof(b)), 1);
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(text_r, UUID_TEXT,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	    b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
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
