/*
 * JSON Web Tokens. A token is accepted only in its canonical text, for the configured algorithm, and with all required
 * claims. fuzz_jwt_es256.c and fuzz_jwt_rs256.c are this file with another algorithm.
 *
 * Input: the first byte says what follows. 0: a token's text. 1: header and payload with a line end between them, which the
 * target signs. 2: edits of a valid token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "auth/jwt.h"
#include "base/ids.h"
#include "base/json_strict.h"
#include "fuzz.h"

#if !defined(ALGORITHM)
#define ALGORITHM	"HS256"
#endif

#define NOW		1000000000L
#define TEXT_MAX	16384
#define PAYLOAD		"{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060}"

static const char	secret[] = "a-secret-for-fuzzing-of-more-than-32-bytes";
static EVP_PKEY		*pair;		/* NULL: HS256 */
static char		right[TEXT_MAX];
static char		twin[TEXT_MAX];	/* with ES256 the signature (r, n - s); otherwise the same token */

static void
add_part(char *text, size_t *length, const void *part, size_t size)
{
	if (*length > 0)
		text[(*length)++] = '.';
	*length += ct_base64url_encode(part, size, text + *length);
}

/* Makes a signature of ES256: r and s, 32 bytes each. */
static size_t
raw_es256(const unsigned char *der, size_t size, unsigned char raw_r[64])
{
	ECDSA_SIG	*signature = d2i_ECDSA_SIG(NULL, &der, (long)size);

	must(signature != NULL);
	must(BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw_r, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw_r + 32, 32) == 32);
	ECDSA_SIG_free(signature);
	return (64);
}

static void
sign(char *text, size_t *length)
{
	unsigned char	 bytes[512], raw[64];
	size_t		 size = sizeof(bytes);
	EVP_MD_CTX	*context;

	if (pair == NULL) {
		HMAC(EVP_sha256(), secret, sizeof(secret) - 1, (unsigned char *)text, *length, bytes, NULL);
		add_part(text, length, bytes, 32);
		return;
	}
	must((context = EVP_MD_CTX_new()) != NULL && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair) == 1);
	must(EVP_DigestSign(context, bytes, &size, (unsigned char *)text, *length) == 1);
	EVP_MD_CTX_free(context);
	if (EVP_PKEY_get_base_id(pair) == EVP_PKEY_EC)
		add_part(text, length, raw, raw_es256(bytes, size, raw));
	else
		add_part(text, length, bytes, size);
}

/* Computes the second valid signature of ES256 from the first, without the key. */
static void
make_twin(void)
{
	unsigned char	 raw[64];
	char		*signature;
	BIGNUM		*order = NULL, *s;

	(void)strcpy(twin, right);
	if (strcmp(ALGORITHM, "ES256") != 0)
		return;
	signature = strrchr(twin, '.') + 1;
	must(ct_base64url_decode(signature, strlen(signature), raw, sizeof(raw)) == 64);
	must(BN_hex2bn(&order, "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551") > 0);
	s = BN_bin2bn(raw + 32, 32, NULL);
	must(BN_sub(s, order, s) == 1 && BN_bn2binpad(s, raw + 32, 32) == 32);
	(void)ct_base64url_encode(raw, sizeof(raw), signature);
	BN_free(order);
	BN_free(s);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char	header[] = "{\"alg\":\"" ALGORITHM "\",\"kid\":\"first\"}";
	char			dir[] = "/tmp/ct-fuzz-keys-XXXXXX", path[64];
	size_t			length = 0;
	FILE			*file;

	(void)argc;
	(void)argv;
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)unsetenv("JWT_ISSUER");
	(void)unsetenv("JWT_AUDIENCE");
	(void)setenv("JWT_ALG", ALGORITHM, 1);
	fuzz_setting_file("JWT_SECRET_FILE", secret);
	must(mkdtemp(dir) != NULL);
	(void)setenv("JWT_KEYS_DIR", dir, 1);
	(void)snprintf(path, sizeof(path), "%s/first.pem", dir);
	if (ALGORITHM[0] != 'H') {
		pair = ALGORITHM[0] == 'E' ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
		must((file = fopen(path, "w")) != NULL && PEM_write_PUBKEY(file, pair) == 1 && fclose(file) == 0);
	}
	ct_jwt_configure();
	(void)unlink(path);
	(void)rmdir(dir);
	(void)unlink(getenv("JWT_SECRET_FILE"));

	add_part(right, &length, header, strlen(header));
	add_part(right, &length, PAYLOAD, strlen(PAYLOAD));
	sign(right, &length);
	make_twin();
	return (0);
}

/* Checks the rules of an accepted token, with code of its own. */
static void
check_accepted(const char *token, const struct ct_jwt_claims *claims)
{
	static char	 json[TEXT_MAX], again[TEXT_MAX];
	const char	*at = token, *dot, *why, *text;
	cJSON		*parsed;
	size_t		 length, size;
	long		 decoded;
	int		 part;

	for (part = 0; part < 3; part++) {
		dot = strchr(at, '.');
		must((dot == NULL) == (part == 2));
		length = dot == NULL ? strlen(at) : (size_t)(dot - at);
		must((decoded = ct_base64url_decode(at, length, json, sizeof(json))) > 0);
		size = ct_base64url_encode(json, (size_t)decoded, again);
		must(size == length && memcmp(at, again, length) == 0);
		if (part < 2) {
			must((parsed = ct_json_parse(json, (size_t)decoded, &why)) != NULL);
			text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parsed, part == 0 ? "alg" : "sub"));
			must(text != NULL && (part == 1 || strcmp(text, ALGORITHM) == 0));
			must(part == 0 || strcasecmp(text, claims->subject_text) == 0);
			must(part == 0 || cJSON_GetObjectItemCaseSensitive(parsed, "exp")->valuedouble > NOW);
			must(part == 1 || cJSON_GetObjectItemCaseSensitive(parsed, "crit") == NULL);
			cJSON_Delete(parsed);
		}
		at = dot == NULL ? "" : dot + 1;
	}
	must(claims->expires > NOW && claims->not_before <= NOW);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char		 token[TEXT_MAX];
	struct fuzz_input	 input = { data, size > 4000 ? 4000 : size };
	struct ct_jwt_claims	 claims;
	uint8_t			 kind = fuzz_byte(&input) % 3;
	size_t			 length = 0;
	char			*text;

	if (kind == 2) {
		(void)strcpy(token, fuzz_byte(&input) % 2 == 0 ? right : twin);
		fuzz_edit(&input, token, sizeof(token));
		must(ct_jwt_verify(token, NOW, &claims) == (strcmp(token, right) == 0 || strcmp(token, twin) == 0));
		return (0);
	}
	text = fuzz_text(&input, kind == 0 ? '\0' : '\n');
	if (kind == 0) {
		must(!ct_jwt_verify(text, NOW, &claims));
		free(text);
		return (0);
	}
	add_part(token, &length, text, strlen(text));
	add_part(token, &length, input.at, input.left);
	sign(token, &length);
	if (ct_jwt_verify(token, NOW, &claims))
		check_accepted(token, &claims);
	free(text);
	return (0);
}
