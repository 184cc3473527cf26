/*
 * Each token has exactly one accepted text. A second one would escape the gateway's limit per user, and fill the cache. Each
 * test signs a token with a real key, alters its text, and expects a refusal of each altered text.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "auth/jwt.h"
#include "auth/jwt_cache_internal.h"

#define NOW		1000000000L
#define PAYLOAD		"{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060}"
#define EXPIRED		"{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":999999999}"
#define TEXT_MAX	8192
#define ALPHABET	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

static const char	secret[] = "a-secret-for-tests-of-more-than-32-bytes";
static char		dir[] = "/tmp/ct-spelling-XXXXXX";
static char		path[256];
static EVP_PKEY		*pair;		/* NULL: HS256 */

static void
start(const char *algorithm)
{
	FILE	*file;

	cr_assert_not_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/first.pem", dir);
	cr_assert_not_null(file = fopen(path, "w"));
	if (strcmp(algorithm, "RS256") == 0)
		pair = EVP_RSA_gen(2048);
	else if (strcmp(algorithm, "ES256") == 0)
		pair = EVP_EC_gen("P-256");
	if (pair == NULL)
		cr_assert_geq(fputs(secret, file), 0);
	else
		cr_assert_eq(PEM_write_PUBKEY(file, pair), 1);
	cr_assert_eq(fclose(file), 0);
	(void)unsetenv("JWT_ISSUER");
	(void)unsetenv("JWT_AUDIENCE");
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("JWT_ALG", algorithm, 1);
	(void)setenv("JWT_SECRET_FILE", path, 1);
	(void)setenv("JWT_KEYS_DIR", dir, 1);
	ct_jwt_configure();
}

static void
end(void)
{
	EVP_PKEY_free(pair);
	pair = NULL;
	(void)unlink(path);
	(void)rmdir(dir);
}

TestSuite(jwt_spelling, .fini = end);

static bool
taken(const char *token)
{
	struct ct_jwt_claims	claims;

	return (ct_jwt_verify(token, NOW, &claims));
}

/* Signs the text and writes the signature's bytes in the form of a token. Returns their number. */
static size_t
sign(const char *text, unsigned char raw_r[512])
{
	unsigned char		 der[512];
	const unsigned char	*at = der;
	size_t			 length = sizeof(der);
	EVP_MD_CTX		*context;
	ECDSA_SIG		*signature;

	if (pair == NULL) {
		HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)text, strlen(text), raw_r, NULL);
		return (32);
	}
	cr_assert_not_null(context = EVP_MD_CTX_new());
	cr_assert_eq(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair), 1);
	cr_assert_eq(EVP_DigestSign(context, der, &length, (const unsigned char *)text, strlen(text)), 1);
	EVP_MD_CTX_free(context);
	if (EVP_PKEY_get_base_id(pair) == EVP_PKEY_RSA) {
		memcpy(raw_r, der, length);
		return (length);
	}
	cr_assert_not_null(signature = d2i_ECDSA_SIG(NULL, &at, (long)length));
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw_r, 32), 32);
	cr_assert_eq(BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw_r + 32, 32), 32);
	ECDSA_SIG_free(signature);
	return (64);
}

/* Makes the signed parts of a token, header and payload, from their JSON. */
static void
signed_text(const char *payload, char text_r[TEXT_MAX])
{
	char	header[64];
	size_t	length;

	(void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"first\"}", getenv("JWT_ALG"));
	length = ct_base64url_encode(header, strlen(header), text_r);
	text_r[length++] = '.';
	(void)ct_base64url_encode(payload, strlen(payload), text_r + length);
}

static void
with_signature(const char *text, const unsigned char *raw, size_t size, char token_r[TEXT_MAX])
{
	size_t	length = strlen(text);

	memcpy(token_r, text, length);
	token_r[length++] = '.';
	(void)ct_base64url_encode(raw, size, token_r + length);
}

static void
token_of(const char *payload, char token_r[TEXT_MAX])
{
	unsigned char	raw[512];
	char		text[TEXT_MAX];

	signed_text(payload, text);
	with_signature(text, raw, sign(text, raw), token_r);
}

/* Replaces the character at each place by each other one of the alphabet, then removes it. */
static void
alter_each_character(const char *token)
{
	char	altered[TEXT_MAX];
	size_t	length = strlen(token), i, c;

	for (i = 0; i < length; i++) {
		for (c = 0; c < sizeof(ALPHABET) - 1; c++) {
			memcpy(altered, token, length + 1);
			altered[i] = ALPHABET[c];
			/* For the signed parts, which are long, one change at each place is enough. */
			if (altered[i] != token[i] && (i >= length - 90 || c == i % 64))
				cr_assert_not(taken(altered), "%c at %zu", altered[i], i);
		}
		(void)snprintf(altered, sizeof(altered), "%.*s%s", (int)i, token, token + i + 1);
		cr_assert_not(taken(altered), "without %zu", i);
	}
}

/* Inserts each of these bytes at each place, and texts at both ends. */
static void
insert_everywhere(const char *token)
{
	static const char	 bytes[] = "=.+/-_A \t\r\n%&,;\"\x01\x7f\x80\xff";
	static const char *const texts[] = { "=", "==", ".", "..", ".e30", "A", "AA", "AAA", "AAAA", "\r\n", " ", "%3D" };
	char			 altered[TEXT_MAX];
	size_t			 length = strlen(token), i, b;

	for (i = 0; i <= length; i++) {
		for (b = 0; b < sizeof(bytes) - 1; b++) {
			(void)snprintf(altered, sizeof(altered), "%.*s%c%s", (int)i, token, bytes[b], token + i);
			cr_assert_not(taken(altered), "byte %u before %zu", (unsigned char)bytes[b], i);
		}
	}
	for (b = 0; b < sizeof(texts) / sizeof(texts[0]); b++) {
		(void)snprintf(altered, sizeof(altered), "%s%s", token, texts[b]);
		cr_assert_not(taken(altered), "%s behind it", texts[b]);
		(void)snprintf(altered, sizeof(altered), "%s%s", texts[b], token);
		cr_assert_not(taken(altered), "%s before it", texts[b]);
	}
}

static void
check_spellings(const char *algorithm)
{
	char	token[TEXT_MAX];

	start(algorithm);
	token_of(PAYLOAD, token);
	cr_assert(taken(token));
	alter_each_character(token);
	insert_everywhere(token);
	cr_assert(taken(token));
}

Test(jwt_spelling, altered_hs256_token_is_refused, .timeout = 120)
{
	check_spellings("HS256");
}

Test(jwt_spelling, altered_rs256_token_is_refused, .timeout = 120)
{
	check_spellings("RS256");
}

Test(jwt_spelling, altered_es256_token_is_refused, .timeout = 120)
{
	check_spellings("ES256");
}

/* The last character of a signature has bits that belong to no byte. They must be zero. */
Test(jwt_spelling, signature_with_unused_bits_set_is_refused)
{
	static const char *const	algorithms[] = { "HS256", "RS256", "ES256" };
	char				token[TEXT_MAX], *last;
	size_t				a, bits, was;

	for (a = 0; a < 3; a++) {
		start(algorithms[a]);
		token_of(PAYLOAD, token);
		last = token + strlen(token) - 1;
		was = (size_t)(strchr(ALPHABET, *last) - ALPHABET);
		for (bits = 1; bits < (a == 0 ? 4 : 16); bits++) {
			*last = ALPHABET[was | bits];
			cr_assert_not(taken(token), "%s, bits %zu", algorithms[a], bits);
		}
		*last = ALPHABET[was];
		cr_assert(taken(token), "%s", algorithms[a]);
		end();
		memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	}
}

/* ES256: (r, n - s) is the only other valid signature that can be computed without the key. */
Test(jwt_spelling, es256_has_two_signatures_and_no_other_form)
{
	unsigned char	raw[512], other[80] = { 0 }, der[80], *at = der;
	char		text[TEXT_MAX], token[TEXT_MAX];
	BIGNUM		*order = NULL, *s = BN_new();
	ECDSA_SIG	*signature = ECDSA_SIG_new();
	int		 length;

	start("ES256");
	cr_assert_neq(BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"), 0);
	signed_text(PAYLOAD, text);
	cr_assert_eq(sign(text, raw), 64);
	with_signature(text, raw, 64, token);
	cr_assert(taken(token));

	memcpy(other, raw, 32);
	cr_assert_eq(BN_sub(s, order, BN_bin2bn(raw + 32, 32, s)), 1);
	cr_assert_eq(BN_bn2binpad(s, other + 32, 32), 32);
	with_signature(text, other, 64, token);
	cr_assert(taken(token), "n - s");

	/* 33 bytes each: with one more zero. */
	memset(other, 0, sizeof(other));
	memcpy(other + 1, raw, 32);
	memcpy(other + 34, raw + 32, 32);
	with_signature(text, other, 66, token);
	cr_assert_not(taken(token), "leading zeros");
	with_signature(text, raw, 63, token);
	cr_assert_not(taken(token), "63 bytes");
	memcpy(other, raw, 64);
	other[64] = 0;
	with_signature(text, other, 65, token);
	cr_assert_not(taken(token), "65 bytes");

	cr_assert_eq(ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)), 1);
	length = i2d_ECDSA_SIG(signature, &at);
	with_signature(text, der, (size_t)length, token);
	cr_assert_not(taken(token), "DER");
	ECDSA_SIG_free(signature);
	BN_free(order);
	BN_free(s);
}

Test(jwt_spelling, es256_values_out_of_range_are_refused)
{
	static const char *const	wrong[] = { "0", "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
		"FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632552",
		"FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF" };
	unsigned char			raw[512], other[64];
	char				text[TEXT_MAX], token[TEXT_MAX];
	BIGNUM				*value = NULL;
	size_t				i;

	start("ES256");
	signed_text(PAYLOAD, text);
	cr_assert_eq(sign(text, raw), 64);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_neq(BN_hex2bn(&value, wrong[i]), 0);
		memcpy(other, raw, 64);
		cr_assert_eq(BN_bn2binpad(value, other, 32), 32);
		with_signature(text, other, 64, token);
		cr_assert_not(taken(token), "r %s", wrong[i]);
		memcpy(other, raw, 64);
		cr_assert_eq(BN_bn2binpad(value, other + 32, 32), 32);
		with_signature(text, other, 64, token);
		cr_assert_not(taken(token), "s %s", wrong[i]);
		cr_assert_eq(BN_bn2binpad(value, other, 32), 32);
		with_signature(text, other, 64, token);
		cr_assert_not(taken(token), "both %s", wrong[i]);
	}
	BN_free(value);
}

/*
 * The sum of signature and modulus has the same remainder, and often the same length. If the modulus is close to 2^2048, few sums have it.
 * All of n tries are in vain with a probability of 16/n^2, because the key is random too.
 */
Test(jwt_spelling, rs256_value_above_the_modulus_is_refused, .timeout = 300)
{
	unsigned char	raw[512], sum[300];
	char		payload[200], text[TEXT_MAX], token[TEXT_MAX];
	BIGNUM		*modulus = NULL, *value = BN_new();
	int		 i;

	start("RS256");
	cr_assert_eq(EVP_PKEY_get_bn_param(pair, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
	for (i = 0; i < 20000; i++) {
		(void)snprintf(payload, sizeof(payload), "{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060,\"i\":%d}", i);
		signed_text(payload, text);
		cr_assert_eq(sign(text, raw), 256);
		with_signature(text, raw, 256, token);
		cr_assert(taken(token));
		cr_assert_eq(BN_add(value, modulus, BN_bin2bn(raw, 256, value)), 1);
		cr_assert_gt(BN_bn2binpad(value, sum, 257), 0);
		with_signature(text, sum, 257, token);
		cr_assert_not(taken(token), "257 bytes");
		if (sum[0] == 0) {
			with_signature(text, sum + 1, 256, token);
			cr_assert_not(taken(token), "%d", i);
			break;
		}
	}
	cr_assert_lt(i, 20000, "no sum has fitted into 256 bytes");
	cr_assert_eq(BN_bn2binpad(modulus, sum, 256), 256);
	with_signature(text, sum, 256, token);
	cr_assert_not(taken(token), "the modulus itself");
	BN_free(modulus);
	BN_free(value);
}

/* A signature that begins with a zero byte has the same value without it. */
Test(jwt_spelling, signature_without_leading_zero_is_refused, .timeout = 120)
{
	static const char *const	algorithms[] = { "RS256", "ES256" };
	unsigned char			raw[512];
	char				payload[200], text[TEXT_MAX], token[TEXT_MAX];
	size_t				size;
	int				a, i;

	for (a = 0; a < 2; a++) {
		start(algorithms[a]);
		for (i = 0; i < 20000; i++) {
			(void)snprintf(payload, sizeof(payload),
			    "{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060,\"i\":%d}", i);
			signed_text(payload, text);
			if (size = sign(text, raw), raw[0] == 0)
				break;
		}
		cr_assert_lt(i, 20000);
		with_signature(text, raw, size, token);
		cr_assert(taken(token));
		with_signature(text, raw + 1, size - 1, token);
		cr_assert_not(taken(token), "%s", algorithms[a]);
		end();
		memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	}
}

/* A text that is not canonical is refused even if the issuer itself has signed it. */
Test(jwt_spelling, second_text_of_header_or_payload_is_refused)
{
	static const char *const	algorithms[] = { "HS256", "RS256", "ES256" };
	/* {"alg":"..256","kid":"first"} has 29 bytes: one character of padding, and two unused bits. */
	static const char *const	behind[] = { "=", "==", "\n", " ", "A", "." };
	unsigned char			raw[512];
	char				text[TEXT_MAX], other[TEXT_MAX], token[TEXT_MAX], *dot;
	size_t				a, i;

	for (a = 0; a < 3; a++) {
		start(algorithms[a]);
		signed_text(PAYLOAD, text);
		for (i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
			(void)snprintf(other, sizeof(other), "%s%s", text, behind[i]);
			with_signature(other, raw, sign(other, raw), token);
			cr_assert_not(taken(token), "%s: payload and '%s'", algorithms[a], behind[i]);
			dot = strchr(text, '.');
			(void)snprintf(other, sizeof(other), "%.*s%s%s", (int)(dot - text), text, behind[i], dot);
			with_signature(other, raw, sign(other, raw), token);
			cr_assert_not(taken(token), "%s: header and '%s'", algorithms[a], behind[i]);
		}
		(void)snprintf(other, sizeof(other), "%s", text);
		dot = strchr(other, '.');
		dot[-1] = (char)(dot[-1] + 1);
		with_signature(other, raw, sign(other, raw), token);
		cr_assert_not(taken(token), "%s: left-over bits of the header", algorithms[a]);
		with_signature(text, raw, sign(text, raw), token);
		cr_assert(taken(token));
		end();
		memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	}
}

/* The cache of verified tokens. */

static bool
known(const char *token)
{
	return (ct_jwt_cache_get(token, strlen(token)) != NULL);
}

Test(jwt_spelling, altered_tokens_do_not_change_the_cache, .timeout = 120)
{
	char	victim[TEXT_MAX], own[TEXT_MAX];

	start("RS256");
	token_of("{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abce\",\"exp\":1000000060}", victim);
	cr_assert(taken(victim));
	cr_assert(known(victim));
	token_of(PAYLOAD, own);
	cr_assert(taken(own));
	alter_each_character(own);
	cr_assert(known(victim));
	cr_assert(known(own));
}

/* A user can collect thousands of expired tokens, which must not replace valid ones. */
Test(jwt_spelling, expired_or_early_tokens_are_not_cached)
{
	char	token[TEXT_MAX];

	start("ES256");
	token_of(EXPIRED, token);
	cr_assert_not(taken(token));
	cr_assert_not(known(token));
	token_of("{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060,\"nbf\":1000000010}", token);
	cr_assert_not(taken(token));
	cr_assert_not(known(token));
}
