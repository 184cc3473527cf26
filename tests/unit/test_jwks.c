/* Key sets: which keys are used, what a change of the set does to tokens, and requests that wait for keys. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jwt.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "auth/jwks.h"
#include "auth/jwt.h"
#include "base/ids.h"
#include "edge.h"
#include "http/endpoint.h"
#include "http/handler.h"
#include "http/router.h"
#include "http/serve.h"

#define USER	"0190a0b0-c0d0-7000-8000-00000000abcd"

struct pair {
	char	private[8192];
	char	members[3000];	/* of the public key, as JSON */
};

static char	failed_name[64];
static char	why[CT_CONFIG_WHY];
static char	set[200000];

static void
note(const char *name, const char *text)
{
	(void)snprintf(failed_name, sizeof(failed_name), "%s", name);
	(void)snprintf(why, sizeof(why), "%s", text);
}

static void
use_algorithm(const char *name)
{
	(void)setenv("JWT_ALG", name, 1);
	ct_jwt_configure();
}

static void
start(void)
{
	ct_config_fail = note;
	failed_name[0] = '\0';
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("JWT_JWKS_URL", "http://127.0.0.1/keys", 1);
	(void)unsetenv("JWT_KEYS_DIR");
	use_algorithm("ES256");
}

TestSuite(jwks, .init = start);

static void
read_private(struct pair *pair_r, EVP_PKEY *key)
{
	BIO	*bio = BIO_new(BIO_s_mem());
	int	 length;

	cr_assert_eq(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	length = BIO_read(bio, pair_r->private, sizeof(pair_r->private) - 1);
	pair_r->private[length] = '\0';
	BIO_free(bio);
}

static struct pair
rsa(unsigned bits)
{
	EVP_PKEY	*key = EVP_RSA_gen(bits);
	BIGNUM		*n = NULL;
	unsigned char	 bytes[2048];
	char		 text[2800];
	struct pair	 pair;

	cr_assert_not_null(key);
	read_private(&pair, key);
	cr_assert_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	(void)ct_base64url_encode(bytes, (size_t)BN_bn2bin(n, bytes), text);
	(void)snprintf(pair.members, sizeof(pair.members), "\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"%s\"", text);
	BN_free(n);
	EVP_PKEY_free(key);
	return (pair);
}

static struct pair
p256(void)
{
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	BIGNUM		*x = NULL, *y = NULL;
	unsigned char	 bytes[32];
	char		 x_text[50], y_text[50];
	struct pair	 pair;

	cr_assert_not_null(key);
	read_private(&pair, key);
	cr_assert_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x), 1);
	cr_assert_eq(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y), 1);
	cr_assert_eq(BN_bn2binpad(x, bytes, 32), 32);
	(void)ct_base64url_encode(bytes, 32, x_text);
	cr_assert_eq(BN_bn2binpad(y, bytes, 32), 32);
	(void)ct_base64url_encode(bytes, 32, y_text);
	(void)snprintf(pair.members, sizeof(pair.members), "\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"", x_text, y_text);
	BN_free(x);
	BN_free(y);
	EVP_PKEY_free(key);
	return (pair);
}

/* Puts a set with these keys in force; each is the inside of an object. */
static bool
use(const char *const *keys)
{
	size_t	length = 0;

	length += (size_t)snprintf(set, sizeof(set), "{\"keys\":[");
	for (; *keys != NULL; keys++)
		length += (size_t)snprintf(set + length, sizeof(set) - length, "{%s}%s", *keys, keys[1] == NULL ? "" : ",");
	(void)snprintf(set + length, sizeof(set) - length, "]}");
	return (ct_jwks_use(set, strlen(set), why));
}

/* "kid":"...", the key's members, and `more`. */
static const char *
key(const char *kid, const struct pair *pair, const char *more)
{
	static char	texts[8][4000];
	static unsigned	next;
	char		*text = texts[next++ % 8];

	(void)snprintf(text, sizeof(texts[0]), "\"kid\":\"%s\",%s%s", kid, pair->members, more);
	return (text);
}

static bool
use_one(const char *one)
{
	return (use((const char *const[]){ one, NULL }));
}

/* The caller frees it. */
static char *
token(jwt_alg_t alg, const char *kid, const struct pair *pair, long seconds)
{
	jwt_t	*jwt;
	char	*text;

	cr_assert_eq(jwt_new(&jwt), 0);
	cr_assert_eq(jwt_set_alg(jwt, alg, (const unsigned char *)pair->private, (int)strlen(pair->private)), 0);
	cr_assert_eq(jwt_add_header(jwt, "kid", kid), 0);
	cr_assert_eq(jwt_add_grant(jwt, "sub", USER), 0);
	cr_assert_eq(jwt_add_grant_int(jwt, "exp", (long)time(NULL) + seconds), 0);
	text = jwt_encode_str(jwt);
	cr_assert_not_null(text);
	jwt_free(jwt);
	return (text);
}

static enum ct_jwt_result
check(const char *text)
{
	struct ct_jwt_claims	claims;

	return (ct_jwt_check(text, time(NULL), &claims));
}

Test(jwks, tokens_of_the_sets_keys_are_verified)
{
	struct pair	first = p256(), second = p256();
	char		*one = token(JWT_ALG_ES256, "a/+=.1", &first, 60), *two = token(JWT_ALG_ES256, "two", &second, 60);

	cr_assert_eq(check(one), CT_JWT_KEY_UNKNOWN);
	cr_assert(use((const char *const[]){ key("a/+=.1", &first, ",\"use\":\"sig\",\"alg\":\"ES256\",\"key_ops\":[\"sign\",\"verify\"]"),
	    key("two", &second, ",\"x5c\":[\"MII\"]"), NULL }), "%s", why);
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	free(one);
	free(two);
}

Test(jwks, rsa_keys_are_used_with_rs256)
{
	struct pair	pair = rsa(2048), small = rsa(1024);
	char		*one;

	use_algorithm("RS256");
	one = token(JWT_ALG_RS256, "r", &pair, 60);
	cr_assert(use((const char *const[]){ key("small", &small, ""), key("r", &pair, ""), NULL }), "%s", why);
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert_not(use_one(key("small", &small, "")), "1,024 bits");
	free(one);
}

Test(jwks, key_that_is_not_for_us_is_left_out)
{
	struct pair			 pair = p256(), other = rsa(2048);
	static const char *const	 more[] = { ",\"use\":\"enc\"", ",\"use\":1", ",\"alg\":\"ES384\"", ",\"alg\":\"RS256\"", ",\"alg\":null",
		",\"key_ops\":[\"sign\"]", ",\"key_ops\":[]", ",\"key_ops\":\"verify\"", ",\"d\":\"AA\"" };
	size_t				 i;

	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		cr_assert_not(use_one(key("k", &pair, more[i])), "%s", more[i]);
	cr_assert_not(use_one(key("", &pair, "")), "an empty kid");
	cr_assert_not(use_one(key("a b", &pair, "")), "a space");
	cr_assert_not(use_one(key("a\\\"", &pair, "")), "a quote");
	cr_assert_not(use_one(key("0123456789012345678901234567890123456789012345678901234567890123x", &pair, "")), "65 characters");
	cr_assert_not(use_one(pair.members), "no kid");
	cr_assert_not(use_one(key("k", &other, "")), "RSA");
	cr_assert(use_one(key("k", &pair, "")), "%s", why);
}

Test(jwks, wrong_numbers_of_a_key_are_left_out)
{
	static const char *const	 points[] = { "\"x\":\"AA\",\"y\":\"AA\"", "\"x\":\"\"", "\"x\":1,\"y\":2",
		"\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"" };
	static const char *const	 exponents[] = { "AQ", "Ag", "AQABAAE", "", "=" };
	struct pair			 pair = rsa(2048), curve = p256();
	char				 text[4000], *n = strstr(pair.members, "\"n\"");
	size_t				 i;

	for (i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		(void)snprintf(text, sizeof(text), "\"kid\":\"k\",\"kty\":\"EC\",\"crv\":\"P-256\",%s", points[i]);
		cr_assert_not(use_one(text), "%s", text);
	}
	(void)snprintf(text, sizeof(text), "%s", key("k", &curve, ""));
	memcpy(strstr(text, "P-256"), "P-384", 5);
	cr_assert_not(use_one(text), "another curve");
	use_algorithm("RS256");
	for (i = 0; i < sizeof(exponents) / sizeof(exponents[0]); i++) {
		(void)snprintf(text, sizeof(text), "\"kid\":\"k\",\"kty\":\"RSA\",\"e\":\"%s\",%s", exponents[i], n);
		cr_assert_not(use_one(text), "e %s", exponents[i]);
	}
}

Test(jwks, unsuitable_key_of_a_later_set_leaves_the_others_in_use)
{
	struct pair	pair = rsa(2048), small = rsa(1024);
	char		*one, *two;

	use_algorithm("RS256");
	one = token(JWT_ALG_RS256, "r", &pair, 60);
	two = token(JWT_ALG_RS256, "r", &pair, 61);
	cr_assert(use_one(key("r", &pair, "")), "%s", why);
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert_not(use_one(key("small", &small, "")), "1,024 bits");
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	cr_assert(use((const char *const[]){ key("small", &small, ""), key("r", &pair, ""), NULL }), "%s", why);
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	free(one);
	free(two);
}

Test(jwks, text_that_is_no_set_changes_nothing)
{
	static const char *const	 wrong[] = { "", "[]", "{}", "{\"keys\":[]}", "{\"keys\":{}}", "{\"keys\":[1,null,[]]}", "<html>",
		"{\"keys\":[],\"keys\":[]}", "{\"keys\":[" };
	struct pair			 pair = p256();
	char				*one = token(JWT_ALG_ES256, "k", &pair, 60);
	size_t				 i, length;

	cr_assert(use_one(key("k", &pair, "")));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why[0] = '\0';
		cr_assert_not(ct_jwks_use(wrong[i], strlen(wrong[i]), why), "%s", wrong[i]);
		cr_assert_str_neq(why, "");
		cr_assert_eq(check(one), CT_JWT_VERIFIED, "%s", wrong[i]);
	}
	length = (size_t)snprintf(set, sizeof(set), "{\"keys\":[{%s}", key("k", &pair, ""));
	for (i = 0; i < 64; i++)
		length += (size_t)snprintf(set + length, sizeof(set) - length, ",{}");
	(void)snprintf(set + length, sizeof(set) - length, "]}");
	cr_assert_not(ct_jwks_use(set, strlen(set), why), "65 keys");
	free(one);
}

Test(jwks, second_key_with_a_kid_is_left_out)
{
	struct pair	first = p256(), second = p256();
	char		*one = token(JWT_ALG_ES256, "k", &first, 60), *two = token(JWT_ALG_ES256, "k", &second, 60);

	cr_assert(use((const char *const[]){ key("k", &first, ""), key("k", &second, ""), NULL }));
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert_eq(check(two), CT_JWT_REFUSED);
	free(one);
	free(two);
}

/* A cached token would otherwise outlive its key. */
Test(jwks, token_of_a_key_that_left_the_set_is_refused)
{
	struct pair	first = p256(), second = p256();
	char		*one = token(JWT_ALG_ES256, "one", &first, 60), *two = token(JWT_ALG_ES256, "two", &second, 60);

	cr_assert(use((const char *const[]){ key("one", &first, ""), key("two", &second, ""), NULL }));
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert_eq(check(one), CT_JWT_VERIFIED, "from the cache");
	cr_assert(use_one(key("two", &second, "")));
	cr_assert_eq(check(one), CT_JWT_KEY_UNKNOWN);
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	free(one);
	free(two);
}

Test(jwks, token_of_a_key_with_a_new_value_is_refused)
{
	struct pair	first = p256(), second = p256();
	char		*one = token(JWT_ALG_ES256, "k", &first, 60), *two = token(JWT_ALG_ES256, "k", &second, 60);

	cr_assert(use_one(key("k", &first, "")));
	cr_assert_eq(check(one), CT_JWT_VERIFIED);
	cr_assert(use_one(key("k", &second, "")));
	cr_assert_eq(check(one), CT_JWT_REFUSED);
	cr_assert_eq(check(two), CT_JWT_VERIFIED);
	free(one);
	free(two);
}

Test(jwks, token_that_no_key_can_make_valid_asks_for_no_key)
{
	struct pair	pair = p256();
	char		*late = token(JWT_ALG_ES256, "k", &pair, -1), *hs, *good = token(JWT_ALG_ES256, "k", &pair, 60);

	cr_assert_eq(check(late), CT_JWT_REFUSED, "expired");
	cr_assert_eq(check("a.b.c"), CT_JWT_REFUSED);
	hs = token(JWT_ALG_HS256, "k", &pair, 60);
	cr_assert_eq(check(hs), CT_JWT_REFUSED, "another algorithm");
	cr_assert_eq(check(good), CT_JWT_KEY_UNKNOWN);
	free(late);
	free(hs);
	free(good);
}

Test(jwks, url_with_other_keys_is_a_fault)
{
	(void)setenv("JWT_KEYS_DIR", "/tmp", 1);
	ct_jwt_configure();
	cr_assert_str_eq(failed_name, "JWT_KEYS_DIR");
	(void)unsetenv("JWT_KEYS_DIR");
	(void)setenv("JWT_SECRET_FILE", "/dev/null", 1);
	failed_name[0] = '\0';
	(void)setenv("JWT_ALG", "HS256", 1);
	ct_jwt_configure();
	cr_assert_str_neq(failed_name, "");
}

/* --- Requests that wait for keys. --- */

static enum ct_keys_asked	answer;
static unsigned			asked, handled;
static char			body_seen[100];

static enum ct_keys_asked
ask(void)
{
	asked++;
	return (answer);
}

static void
handler(struct ct_request *request)
{
	handled++;
	(void)snprintf(body_seen, sizeof(body_seen), "%s", request->body == NULL ? "" : cJSON_GetStringValue(cJSON_GetObjectItem(request->body, "a")));
	ct_reply_json(request, 200, "{}", 2);
}

static const struct ct_route	routes[] = {
	{ "POST", "/do", CT_ACCESS_USER, CT_ROUTE_BODY, CT_OK, handler },
	{ 0 }
};

static void
start_serving(void)
{
	start();
	ct_serve_configure(1000);
	ct_router_add(&routes[0]);
	ct_serve_ask_keys(ask);
}

TestSuite(key_wait, .init = start_serving);

static struct ct_exchange *
serve(const char *authorization, char *body)
{
	struct ct_exchange	*exchange = edge_request(CT_POST, "/do");

	exchange->headers[CT_HEADER_AUTHORIZATION] = authorization;
	edge_body(exchange, body);
	ct_serve(exchange);
	/* The edge keeps the body only until ct_serve returns. */
	memset(body, '#', strlen(body));
	return (exchange);
}

static const char *
bearer(const char *text)
{
	static char	line[2000];

	(void)snprintf(line, sizeof(line), "Bearer %s", text);
	return (line);
}

Test(key_wait, request_with_a_new_key_waits_for_it)
{
	struct pair	pair = p256();
	char		*text = token(JWT_ALG_ES256, "new", &pair, 60), body[] = "{\"a\":\"b\"}";

	answer = CT_KEYS_COMING;
	(void)serve(bearer(text), body);
	cr_assert_eq(sent.count, 0);
	cr_assert(use_one(key("new", &pair, "")));
	ct_serve_keys_came();
	cr_assert_eq(sent.status, 200);
	cr_assert_eq(handled, 1);
	cr_assert_str_eq(body_seen, "b");
	cr_assert_eq(ct_exchange_count(), 0);
	free(text);
}

Test(key_wait, request_whose_key_did_not_come_is_401)
{
	struct pair	pair = p256();
	char		*text = token(JWT_ALG_ES256, "new", &pair, 60), body[] = "{\"a\":\"b\"}";

	answer = CT_KEYS_COMING;
	(void)serve(bearer(text), body);
	answer = CT_KEYS_NOT_COMING;
	ct_serve_keys_came();
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	cr_assert_eq(handled, 0);
	free(text);
}

Test(key_wait, request_is_503_while_there_were_never_keys)
{
	struct pair	pair = p256();
	char		*text = token(JWT_ALG_ES256, "new", &pair, 60), body[] = "{\"a\":\"b\"}";

	answer = CT_KEYS_NEVER_CAME;
	(void)serve(bearer(text), body);
	cr_assert(edge_problem(503, "SERVICE_UNAVAILABLE"));
	free(text);
}

Test(key_wait, request_over_the_number_that_may_wait_is_401)
{
	struct pair	pair = p256();
	char		*text = token(JWT_ALG_ES256, "new", &pair, 60);
	unsigned	i;

	answer = CT_KEYS_COMING;
	for (i = 0; i < 128; i++) {
		char	body[] = "{\"a\":\"b\"}";

		(void)serve(bearer(text), body);
	}
	cr_assert_eq(sent.count, 0);
	for (i = 0; i < 10; i++) {
		char	body[] = "{\"a\":\"b\"}";

		(void)serve(bearer(text), body);
		cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	}
	cr_assert_eq(sent.count, 10);
	ct_serve_stop();
	cr_assert(edge_problem(503, "SERVICE_UNAVAILABLE"));
	cr_assert_eq(sent.count, 138);
	cr_assert_eq(ct_exchange_count(), 0);
	free(text);
}

Test(key_wait, request_whose_client_has_gone_is_not_handled)
{
	struct pair		 pair = p256();
	char			*text = token(JWT_ALG_ES256, "new", &pair, 60), body[] = "{\"a\":\"b\"}";
	struct ct_exchange	*exchange;

	answer = CT_KEYS_COMING;
	exchange = serve(bearer(text), body);
	exchange->request.client_gone = true;
	cr_assert(use_one(key("new", &pair, "")));
	ct_serve_keys_came();
	cr_assert_eq(handled, 0);
	cr_assert_eq(ct_exchange_count(), 0);
	free(text);
}
