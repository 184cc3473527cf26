/* User tokens: claims, keys, times, and the cache of verified tokens. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jwt.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "auth/jwt.h"
#include "auth/jwt_keys_internal.h"
#include "base/config.h"

#define NOW	1000000000L
#define SUB	"\"sub\":\"0190A0B0-c0d0-7000-8000-00000000abcd\""
#define HS256	"{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

static const char	secret[] = "a-secret-for-tests-of-more-than-32-bytes";
static char		dir[] = "/tmp/ct-jwt-XXXXXX";
static char		failed_why[512];

static void
note(const char *name, const char *why)
{
	(void)name;
	(void)snprintf(failed_why, sizeof(failed_why), "%s", why);
}

static char *
path_of(const char *name)
{
	static char	path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return (path);
}

static void
write_file(const char *name, const char *text)
{
	FILE	*file = fopen(path_of(name), "w");

	cr_assert_not_null(file);
	cr_assert_geq(fputs(text, file), 0);
	cr_assert_eq(fclose(file), 0);
}

static void
start(void)
{
	ct_config_fail = note;
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)unsetenv("JWT_ALG");
	(void)unsetenv("JWT_ISSUER");
	(void)unsetenv("JWT_AUDIENCE");
	cr_assert_not_null(mkdtemp(dir));
	write_file("secret", secret);
	(void)setenv("JWT_SECRET_FILE", path_of("secret"), 1);
	ct_jwt_configure();
}

static void
end(void)
{
	char	command[300];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	cr_assert_eq(system(command), 0);
}

TestSuite(jwt, .init = start, .fini = end);

/* Makes a token of this header and payload, signed with HMAC-SHA-256 and `key`. */
static char *
token_of(const char *header, const char *payload, const char *key)
{
	static char	token[8192];
	unsigned char	digest[32];
	size_t		length;

	length = ct_base64url_encode(header, strlen(header), token);
	token[length++] = '.';
	length += ct_base64url_encode(payload, strlen(payload), token + length);
	HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)token, length, digest, NULL);
	token[length++] = '.';
	(void)ct_base64url_encode(digest, sizeof(digest), token + length);
	return (token);
}

static bool
taken(const char *header, const char *payload)
{
	struct ct_jwt_claims	claims;

	return (ct_jwt_verify(token_of(header, payload, secret), NOW, &claims));
}

Test(jwt, valid_token_gives_its_claims)
{
	struct ct_jwt_claims	claims;
	char			*token = token_of(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":999999990}", secret);

	cr_assert(ct_jwt_verify(token, NOW, &claims));
	cr_assert_str_eq(claims.subject_text, "0190a0b0-c0d0-7000-8000-00000000abcd");
	cr_assert_eq(claims.subject.bytes[15], 0xcd);
	cr_assert_eq(claims.expires, NOW + 60);
	cr_assert_eq(claims.not_before, NOW - 10);
	cr_assert_not(claims.operator_role);
}

Test(jwt, token_with_operator_role_is_an_operators)
{
	struct ct_jwt_claims	claims;

	cr_assert(ct_jwt_verify(token_of(HS256, "{" SUB ",\"exp\":1000000060,\"roles\":[\"viewer\",\"operator\"]}", secret),
	    NOW, &claims));
	cr_assert(claims.operator_role);
	cr_assert(ct_jwt_verify(token_of(HS256, "{" SUB ",\"exp\":1000000060,\"roles\":[\"operators\",1]}", secret),
	    NOW, &claims));
	cr_assert_not(claims.operator_role);
	cr_assert(ct_jwt_verify(token_of(HS256, "{" SUB ",\"exp\":1000000060,\"roles\":\"operator\"}", secret),
	    NOW, &claims));
	cr_assert_not(claims.operator_role, "roles is an array");
}

Test(jwt, missing_or_wrong_claim_is_refused)
{
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken(HS256, "{" SUB "}"), "no exp");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":999999999}"), "past exp");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":\"1000000060\"}"), "exp as text");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":true}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":-1}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1e300}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":\"0\"}"), "nbf as text");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":-1}"), "nbf before all times");
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":0}"), "from the first moment on");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":0}"), "exp at the first moment");
	cr_assert_not(taken(HS256, "{\"exp\":1000000060}"), "no sub");
	cr_assert_not(taken(HS256, "{\"sub\":\"somebody\",\"exp\":1000000060}"), "sub no UUID");
	cr_assert_not(taken(HS256, "{\"sub\":5,\"exp\":1000000060}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"exp\":2000000060}"), "a claim twice");
	cr_assert_not(taken(HS256, "[]"));
	cr_assert_not(taken(HS256, "not json"));
}

Test(jwt, date_claim_in_any_number_form_is_read)
{
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1.00000006e9}"));
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060.5}"));
	cr_assert(taken(HS256, "{" SUB ",\"exp\":9007199254740991}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":9007199254740992}"), "not exact in a double");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1e400}"), "infinite");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":-0}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":null}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":[1000000060]}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":{\"exp\":1000000060}}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":+1000000060}"), "no JSON");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":0x3b9aca3c}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":01000000060}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":null}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"nbf\":1000000001}"), "not yet");
	cr_assert_not(taken(HS256, "{" SUB ",\"Exp\":1000000060}"), "names have one case");
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iat\":2000000000}"), "iat decides nothing");
}

Test(jwt, repeated_member_or_non_object_is_refused)
{
	cr_assert_not(taken(HS256, "{" SUB "," SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"e\\u0078p\":2000000000}"), "the same name escaped");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"roles\":[],\"roles\":[\"operator\"]}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060} {}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060}x"));
	cr_assert_not(taken(HS256, ""));
	cr_assert_not(taken("{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"none\",\"alg\":\"HS256\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("[\"HS256\"]", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":[\"HS256\"]}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"ALG\":\"HS256\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"HS256\",\"crit\":null}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"HS256\",\"crit\":[]}", "{" SUB ",\"exp\":1000000060}"));
}

Test(jwt, roles_of_wrong_type_give_no_role)
{
	static const char *const	wrong[] = { "null", "{}", "{\"operator\":true}", "\"operator\"", "[[\"operator\"]]",
		"[\"Operator\"]", "[\" operator\"]", "[\"operator \"]", "[{\"operator\":1}]", "[]", "1", "true" };
	struct ct_jwt_claims		claims;
	char				payload[200];
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(payload, sizeof(payload), "{" SUB ",\"exp\":1000000060,\"roles\":%s}", wrong[i]);
		cr_assert(ct_jwt_verify(token_of(HS256, payload, secret), NOW, &claims), "%s", wrong[i]);
		cr_assert_not(claims.operator_role, "%s", wrong[i]);
	}
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"roles\":[\"operator\\u0000x\"]}"), "no such text");
}

Test(jwt, algorithm_other_than_the_configured_one_is_refused)
{
	char	*token;

	cr_assert_not(taken("{\"alg\":\"none\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"None\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"HS512\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"RS256\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"hs256\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"typ\":\"JWT\"}", "{" SUB ",\"exp\":1000000060}"));
	cr_assert_not(taken("{\"alg\":\"HS256\",\"crit\":[\"x\"],\"x\":1}", "{" SUB ",\"exp\":1000000060}"));
	token = token_of("{\"alg\":\"none\"}", "{" SUB ",\"exp\":1000000060}", secret);
	*(strrchr(token, '.') + 1) = '\0';
	cr_assert_not(ct_jwt_verify(token, NOW, &(struct ct_jwt_claims){ 0 }), "no signature");
}

Test(jwt, token_of_another_key_or_altered_is_refused)
{
	struct ct_jwt_claims	claims;
	char			token[8192], changed[8192];
	size_t			i, length;

	cr_assert_not(ct_jwt_verify(token_of(HS256, "{" SUB ",\"exp\":1000000060}",
	    "another-secret-for-tests-of-more-than-32"), NOW, &claims));
	(void)snprintf(token, sizeof(token), "%s", token_of(HS256, "{" SUB ",\"exp\":1000000060}", secret));
	cr_assert(ct_jwt_verify(token, NOW, &claims));
	length = strlen(token);
	for (i = 0; i < length; i++) {
		memcpy(changed, token, length + 1);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		cr_assert_not(ct_jwt_verify(changed, NOW, &claims), "character %zu", i);
	}
}

Test(jwt, text_that_is_not_a_token_is_refused)
{
	static const char *const	wrong[] = { "", ".", "..", "...", "a", "a.b", "a.b.c", "a.b.c.d" };
	struct ct_jwt_claims		claims;
	char				token[8192], *good;
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(ct_jwt_verify(wrong[i], NOW, &claims), "%s", wrong[i]);
	good = token_of(HS256, "{" SUB ",\"exp\":1000000060}", secret);
	(void)snprintf(token, sizeof(token), "%s.", good);
	cr_assert_not(ct_jwt_verify(token, NOW, &claims), "a part too many");
	(void)snprintf(token, sizeof(token), "%s ", good);
	cr_assert_not(ct_jwt_verify(token, NOW, &claims));
}

Test(jwt, token_over_4_kib_is_refused)
{
	char	payload[5000], filler[4000];

	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	(void)snprintf(payload, sizeof(payload), "{" SUB ",\"exp\":1000000060,\"x\":\"%.2000s\"}", filler);
	cr_assert(taken(HS256, payload));
	(void)snprintf(payload, sizeof(payload), "{" SUB ",\"exp\":1000000060,\"x\":\"%s\"}", filler);
	cr_assert_not(taken(HS256, payload));
}

Test(jwt, other_issuer_or_audience_than_configured_is_refused)
{
	(void)setenv("JWT_ISSUER", "https://issuer", 1);
	(void)setenv("JWT_AUDIENCE", "concert", 1);
	ct_jwt_configure();
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"https://issuer\",\"aud\":\"concert\"}"));
	cr_assert(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"https://issuer\",\"aud\":[\"a\",\"concert\"]}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"aud\":\"concert\"}"), "no iss");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"https://issuer\"}"), "no aud");
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"x\",\"aud\":\"concert\"}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"https://issuer\",\"aud\":[\"concerts\"]}"));
	cr_assert_not(taken(HS256, "{" SUB ",\"exp\":1000000060,\"iss\":\"https://issuer\",\"aud\":{}}"));
}

/* Makes a key pair. Writes the public key to <kid>.pem and returns the private key. */
static char *
new_key(const char *kid, EVP_PKEY *pair)
{
	static char	private[8192];
	char		name[100];
	BIO		*bio = BIO_new(BIO_s_mem());
	FILE		*file;
	int		length;

	cr_assert_not_null(pair);
	(void)snprintf(name, sizeof(name), "%s.pem", kid);
	cr_assert_not_null(file = fopen(path_of(name), "w"));
	cr_assert_eq(PEM_write_PUBKEY(file, pair), 1);
	(void)fclose(file);
	cr_assert_eq(PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL), 1);
	length = BIO_read(bio, private, sizeof(private) - 1);
	private[length] = '\0';
	BIO_free(bio);
	EVP_PKEY_free(pair);
	return (private);
}

/* The caller frees it. */
static char *
token_by(jwt_alg_t alg, const char *kid, const char *private, const char *subject, long not_before)
{
	jwt_t	*jwt;
	char	*token;

	cr_assert_eq(jwt_new(&jwt), 0);
	cr_assert_eq(jwt_set_alg(jwt, alg, (const unsigned char *)private, (int)strlen(private)), 0);
	if (kid != NULL)
		cr_assert_eq(jwt_add_header(jwt, "kid", kid), 0);
	cr_assert_eq(jwt_add_grant(jwt, "sub", subject), 0);
	cr_assert_eq(jwt_add_grant_int(jwt, "exp", NOW + 60), 0);
	cr_assert_eq(jwt_add_grant_int(jwt, "nbf", not_before), 0);
	token = jwt_encode_str(jwt);
	cr_assert_not_null(token);
	jwt_free(jwt);
	return (token);
}

static const char *
signed_by(jwt_alg_t alg, const char *kid, const char *private)
{
	static char	*token;

	free(token);
	token = token_by(alg, kid, private, "0190a0b0-c0d0-7000-8000-00000000abcd", 0);
	return (token);
}

static void
use_keys(const char *alg)
{
	(void)setenv("JWT_ALG", alg, 1);
	(void)setenv("JWT_KEYS_DIR", dir, 1);
	failed_why[0] = '\0';
	ct_jwt_configure();
}

Test(jwt, rs256_token_is_verified_with_the_key_of_its_kid)
{
	struct ct_jwt_claims	claims;
	char			first[8192], *second, *public, *token;
	FILE			*file;

	(void)snprintf(first, sizeof(first), "%s", new_key("first", EVP_RSA_gen(2048)));
	second = new_key("second-2", EVP_RSA_gen(2048));
	use_keys("RS256");
	cr_assert_str_eq(failed_why, "");
	cr_assert(ct_jwt_verify(signed_by(JWT_ALG_RS256, "first", first), NOW, &claims));
	cr_assert(ct_jwt_verify(signed_by(JWT_ALG_RS256, "second-2", second), NOW, &claims));
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, "first", second), NOW, &claims), "another key");
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, NULL, first), NOW, &claims), "no kid");
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, "../first", first), NOW, &claims), "a path");
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, "first.pem", first), NOW, &claims));
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, "First", first), NOW, &claims));
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS256, "", first), NOW, &claims));
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_RS384, "first", first), NOW, &claims), "RS384");

	/* Everybody knows the public key, so it must not work as an HMAC secret. */
	cr_assert_not_null(file = fopen(path_of("first.pem"), "r"));
	public = calloc(1, 8192);
	cr_assert_gt(fread(public, 1, 8191, file), 0);
	(void)fclose(file);
	token = token_of("{\"alg\":\"HS256\",\"kid\":\"first\"}",
	    "{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060}", public);
	cr_assert_not(ct_jwt_verify(token, NOW, &claims));
	token = token_of("{\"alg\":\"RS256\",\"kid\":\"first\"}",
	    "{\"sub\":\"0190a0b0-c0d0-7000-8000-00000000abcd\",\"exp\":1000000060}", public);
	cr_assert_not(ct_jwt_verify(token, NOW, &claims));
	free(public);
}

Test(jwt, es256_token_is_verified_with_the_key_of_its_kid)
{
	struct ct_jwt_claims	claims;
	char			*private = new_key("curve", EVP_EC_gen("P-256"));

	use_keys("ES256");
	cr_assert_str_eq(failed_why, "");
	cr_assert(ct_jwt_verify(signed_by(JWT_ALG_ES256, "curve", private), NOW, &claims));
	cr_assert_not(ct_jwt_verify(signed_by(JWT_ALG_ES256, "other", private), NOW, &claims));
}

/* Tests of the cache of verified tokens. HS256 has none. */

Test(jwt, cached_token_is_refused_after_its_end)
{
	struct ct_jwt_claims	claims;
	char			*private = new_key("curve", EVP_EC_gen("P-256")), *token;

	use_keys("ES256");
	token = token_by(JWT_ALG_ES256, "curve", private, "0190a0b0-c0d0-7000-8000-00000000abcd", NOW + 10);
	cr_assert_not(ct_jwt_verify(token, NOW, &claims), "not yet");
	cr_assert(ct_jwt_verify(token, NOW + 10, &claims));
	cr_assert_str_eq(claims.subject_text, "0190a0b0-c0d0-7000-8000-00000000abcd");
	cr_assert_eq(claims.not_before, NOW + 10);
	cr_assert(ct_jwt_verify(token, NOW + 59, &claims));
	cr_assert_not(ct_jwt_verify(token, NOW + 60, &claims), "no longer");
	cr_assert_not(ct_jwt_verify(token, NOW + 1000, &claims));
	free(token);
}

/* A cached token is not verified again, so the cache must compare the whole token. */
Test(jwt, altered_token_is_refused_while_the_valid_one_is_cached)
{
	struct ct_jwt_claims	claims;
	char			*private = new_key("curve", EVP_EC_gen("P-256")), *token, was;
	size_t			 i, length;

	use_keys("ES256");
	token = token_by(JWT_ALG_ES256, "curve", private, "0190a0b0-c0d0-7000-8000-00000000abcd", 0);
	length = strlen(token);
	for (i = 0; i < length; i++) {
		cr_assert(ct_jwt_verify(token, NOW, &claims));
		was = token[i];
		token[i] = was == 'A' ? 'B' : 'A';
		cr_assert_not(ct_jwt_verify(token, NOW, &claims), "character %zu", i);
		token[i] = was;
	}
	free(token);
}

Test(jwt, more_tokens_than_the_cache_holds_all_verify)
{
	enum { TOKENS = 10000 };
	static char		*tokens[TOKENS];
	struct ct_jwt_claims	 claims;
	char			*private = new_key("curve", EVP_EC_gen("P-256")), subject[CT_UUID_TEXT];
	int			 round, i;

	use_keys("ES256");
	for (i = 0; i < TOKENS; i++) {
		(void)snprintf(subject, sizeof(subject), "0190a0b0-c0d0-7000-8000-%012d", i);
		tokens[i] = token_by(JWT_ALG_ES256, "curve", private, subject, 0);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < TOKENS; i++) {
			cr_assert(ct_jwt_verify(tokens[i], NOW, &claims));
			cr_assert_eq(atoi(claims.subject_text + 24), i);
		}
	}
	for (i = 0; i < TOKENS; i++)
		free(tokens[i]);
}

Test(jwt, refused_folder_leaves_the_keys_in_use)
{
	struct ct_jwt_claims	claims;
	char			why[CT_CONFIG_WHY], *private = new_key("first", EVP_RSA_gen(2048));

	use_keys("RS256");
	write_file("broken.pem", "no key");
	cr_assert_not(ct_jwt_keys_load(dir, why));
	cr_assert_not(ct_jwt_keys_load(dir, why));
	cr_assert_not_null(strstr(why, "broken.pem is not a public key"), "%s", why);
	cr_assert(ct_jwt_verify(signed_by(JWT_ALG_RS256, "first", private), NOW, &claims));
	(void)unlink(path_of("broken.pem"));
	cr_assert(ct_jwt_keys_load(dir, why));
	cr_assert(ct_jwt_verify(signed_by(JWT_ALG_RS256, "first", private), NOW, &claims));
}

Test(jwt, unsuitable_key_stops_the_start)
{
	(void)new_key("curve", EVP_EC_gen("P-256"));
	use_keys("RS256");
	cr_assert_not_null(strstr(failed_why, "curve.pem is not a public key for RS256"), "%s", failed_why);
	write_file("broken.pem", "-----BEGIN PUBLIC KEY-----\n");
	(void)unlink(path_of("curve.pem"));
	use_keys("ES256");
	cr_assert_str_neq(failed_why, "");
	(void)unlink(path_of("broken.pem"));
	use_keys("ES256");
	cr_assert_not_null(strstr(failed_why, "no <kid>.pem"), "%s", failed_why);
}
