/* The checks of each request, their order, and replies. */
#include <criterion/criterion.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jwt.h>

#include "auth/jwt.h"
#include "base/config.h"
#include "edge.h"
#include "http/endpoint.h"
#include "http/handler.h"
#include "http/router.h"
#include "http/serve.h"

#define ID	"0190a0b0-c0d0-7000-8000-00000000abcd"

static unsigned			 handled;
static struct ct_request	*held[64];
static unsigned			 held_count;
static struct {
	char	user[CT_UUID_TEXT], ids[2][CT_UUID_TEXT], key[300], id[65];
	char	raw[100];
	bool	has_body;
} seen;

static void
handler(struct ct_request *request)
{
	handled++;
	memcpy(seen.user, request->user, sizeof(seen.user));
	memcpy(seen.ids, request->path_id, sizeof(seen.ids));
	memcpy(seen.id, request->id, sizeof(seen.id));
	(void)snprintf(seen.key, sizeof(seen.key), "%s", request->idempotency_key == NULL ? "" : request->idempotency_key);
	(void)snprintf(seen.raw, sizeof(seen.raw), "%s", request->raw_body == NULL ? "" : request->raw_body);
	seen.has_body = request->body != NULL;
	ct_reply_json(request, 200, "{}", 2);
}

static void
hold_it(struct ct_request *request)
{
	held[held_count++] = request;
}

static const struct ct_route	routes[] = {
	{ "GET", "/concerts", CT_ACCESS_PUBLIC, 0, CT_OK, handler },
	{ "GET", "/concerts/{id}", CT_ACCESS_PUBLIC, 0, CT_ERROR_CONCERT_NOT_FOUND, handler },
	{ "GET", "/points", CT_ACCESS_USER, 0, CT_OK, handler },
	{ "POST", "/points/charge", CT_ACCESS_USER, CT_ROUTE_BODY | CT_ROUTE_KEY_REQUIRED, CT_OK, handler },
	{ "POST", "/hold", CT_ACCESS_USER, CT_ROUTE_BODY | CT_ROUTE_KEY_OPTIONAL, CT_OK, handler },
	{ "POST", "/leave", CT_ACCESS_USER, 0, CT_OK, handler },
	{ "POST", "/cancel", CT_ACCESS_USER, CT_ROUTE_BODY_OPTIONAL, CT_OK, handler },
	{ "GET", "/admin/{id}", CT_ACCESS_OPERATOR, 0, CT_ERROR_SCHEDULE_NOT_FOUND, handler },
	{ "PUT", "/admin/{id}", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_SCHEDULE_NOT_FOUND, handler },
	{ "PUT", "/admin/{id}/of/{id}", CT_ACCESS_OPERATOR, CT_ROUTE_BODY, CT_ERROR_SCHEDULE_NOT_FOUND, handler },
	{ "POST", "/webhook", CT_ACCESS_PUBLIC, CT_ROUTE_RAW_BODY, CT_OK, handler },
	{ "GET", "/slow", CT_ACCESS_PUBLIC, 0, CT_OK, hold_it },
	{ "GET", "/livez", CT_ACCESS_PUBLIC, CT_ROUTE_INTERNAL, CT_OK, handler },
	{ 0 }
};

static char	user_token[1000], operator_token[1000];

static void
make_token(char *token_r, bool operator_role)
{
	static const char	secret[] = "a-secret-for-tests-of-more-than-32-bytes";
	jwt_t			*jwt;
	char			*text;

	cr_assert_eq(jwt_new(&jwt), 0);
	cr_assert_eq(jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret, sizeof(secret) - 1), 0);
	cr_assert_eq(jwt_add_grant(jwt, "sub", ID), 0);
	cr_assert_eq(jwt_add_grant_int(jwt, "exp", (long)time(NULL) + 600), 0);
	if (operator_role)
		cr_assert_eq(jwt_add_grants_json(jwt, "{\"roles\":[\"operator\"]}"), 0);
	text = jwt_encode_str(jwt);
	(void)snprintf(token_r, 1000, "Bearer %s", text);
	free(text);
	jwt_free(jwt);
}

static void
start(void)
{
	char	path[] = "/tmp/ct-serve-XXXXXX";
	int	fd = mkstemp(path), i;

	cr_assert_eq(write(fd, "a-secret-for-tests-of-more-than-32-bytes", 40), 40);
	(void)close(fd);
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("JWT_SECRET_FILE", path, 1);
	ct_jwt_configure();
	(void)unlink(path);
	ct_serve_configure(10);
	for (i = 0; routes[i].path != NULL; i++)
		ct_router_add(&routes[i]);
	make_token(user_token, false);
	make_token(operator_token, true);
}

TestSuite(serve, .init = start);

/* Makes a request from `given` and serves it. */
struct given {
	enum ct_method	 method;
	const char	*path, *token, *key, *type, *body, *request_id, *encoding;
	size_t		 body_length;
	bool		 misframed, repeated;
};

static void
serve(struct given given)
{
	struct ct_exchange	*exchange = edge_request(given.method, given.path);

	exchange->headers[CT_HEADER_AUTHORIZATION] = given.token;
	exchange->headers[CT_HEADER_IDEMPOTENCY_KEY] = given.key;
	exchange->headers[CT_HEADER_CONTENT_TYPE] = given.type;
	exchange->headers[CT_HEADER_CONTENT_ENCODING] = given.encoding;
	exchange->headers[CT_HEADER_REQUEST_ID] = given.request_id;
	exchange->body = given.body;
	exchange->body_length = given.body_length != 0 ? given.body_length : given.body == NULL ? 0 : strlen(given.body);
	exchange->misframed = given.misframed;
	exchange->header_repeated = given.repeated;
	ct_serve(exchange);
}

#define JSON	"application/json"

Test(serve, valid_request_reaches_its_handler)
{
	serve((struct given){ .method = CT_POST, "/points/charge", user_token, "key 1", JSON, "{\"amount\":1}" });
	cr_assert_eq(sent.status, 200);
	cr_assert_eq(handled, 1);
	cr_assert_str_eq(seen.user, ID);
	cr_assert_str_eq(seen.key, "key 1");
	cr_assert(seen.has_body);
	cr_assert_eq(ct_exchange_count(), 0);
}

Test(serve, partial_path_is_404)
{
	static const char *const	nothing[] = { "/", "", "/concert", "/concertsX", "/concerts/", "//concerts", ("/concerts/" ID "/x"),
		"/Concerts", "concerts", "/points/charge/", "/admin", "/admin/", "/%63oncerts" };
	size_t				i;

	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		serve((struct given){ .method = CT_GET, nothing[i] });
		cr_assert(edge_problem(404, "NOT_FOUND"), "%s: %s", nothing[i], sent.body);
	}
	serve((struct given){ .method = CT_GET, "/concerts?x=/a/b" });
	cr_assert_eq(sent.status, 200);
}

Test(serve, other_method_is_405_with_allow)
{
	serve((struct given){ .method = CT_POST, "/concerts" });
	cr_assert(edge_problem(405, "METHOD_NOT_ALLOWED"));
	cr_assert(edge_has("allow: GET, HEAD"), "%s", sent.head);
	serve((struct given){ .method = CT_DELETE, "/admin/" ID });
	cr_assert(edge_has("allow: GET, HEAD, PUT"), "%s", sent.head);
	serve((struct given){ .method = CT_METHODS, "/points/charge" });
	cr_assert(edge_problem(405, "METHOD_NOT_ALLOWED"));
	cr_assert(edge_has("allow: POST"), "%s", sent.head);
}

Test(serve, several_faults_reply_the_first_in_the_contracts_order)
{
	static char	big[CT_BODY_MAX + 2];

	memset(big, 'x', sizeof(big) - 1);
	/* The first request has all faults. Each next one has the first fault corrected. */
	serve((struct given){ .method = CT_POST, "/nothing", NULL, NULL, "text/plain", big });
	cr_assert(edge_problem(404, "NOT_FOUND"));
	serve((struct given){ .method = CT_POST, "/admin/x/of/y", NULL, NULL, "text/plain", big });
	cr_assert(edge_problem(405, "METHOD_NOT_ALLOWED"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", NULL, NULL, "text/plain", big });
	cr_assert(edge_problem(413, "PAYLOAD_TOO_LARGE"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", NULL, NULL, "text/plain", "[" });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	cr_assert(edge_has("www-authenticate: Bearer"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", user_token, NULL, "text/plain", "[" });
	cr_assert(edge_problem(403, "FORBIDDEN"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", operator_token, NULL, "text/plain", "[" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", operator_token, NULL, JSON, "[" });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_PUT, "/admin/x/of/y", operator_token, NULL, JSON, "{}" });
	cr_assert(edge_problem(404, "SCHEDULE_NOT_FOUND"));
	serve((struct given){ .method = CT_PUT, "/admin/" ID "/of/y", operator_token, NULL, JSON, "{}" });
	cr_assert(edge_problem(404, "SCHEDULE_NOT_FOUND"));
	cr_assert_eq(handled, 0);
	serve((struct given){ .method = CT_PUT, "/admin/" ID "/of/0190A0B0-C0D0-7000-8000-00000000ABCE", operator_token, NULL, JSON, "{}" });
	cr_assert_eq(handled, 1);
	cr_assert_str_eq(seen.ids[0], ID);
	cr_assert_str_eq(seen.ids[1], "0190a0b0-c0d0-7000-8000-00000000abce", "in lower case");
}

Test(serve, idempotency_key_is_checked_after_token_and_before_body)
{
	static char	long_key[300];

	memset(long_key, 'k', 256);
	serve((struct given){ .method = CT_POST, "/points/charge", NULL, NULL, JSON, "{" });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_POST, "/points/charge", user_token, NULL, JSON, "{" });
	cr_assert(edge_problem(400, "IDEMPOTENCY_KEY_REQUIRED"));
	serve((struct given){ .method = CT_POST, "/points/charge", user_token, long_key, JSON, "{" });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	cr_assert_not_null(strstr(sent.body, "Idempotency-Key"));
	serve((struct given){ .method = CT_POST, "/hold", user_token, long_key, JSON, "{}" });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, JSON, "{}" });
	cr_assert_eq(sent.status, 200);
	cr_assert_str_eq(seen.key, "");
	serve((struct given){ .method = CT_POST, "/leave", user_token, long_key, NULL, NULL });
	cr_assert_eq(sent.status, 200, "where none is read, none is checked");
}

Test(serve, authorization_without_valid_bearer_token_is_401)
{
	char	lower[1100], basic[1100];

	(void)snprintf(lower, sizeof(lower), "bearer  %s", user_token + 7);
	(void)snprintf(basic, sizeof(basic), "Basic %s", user_token + 7);
	serve((struct given){ .method = CT_GET, "/points", lower });
	cr_assert_eq(sent.status, 200);
	serve((struct given){ .method = CT_GET, "/points", basic });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_GET, "/points", user_token + 7 });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_GET, "/points", "Bearer " });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_GET, "/concerts", "Bearer rubbish" });
	cr_assert_eq(sent.status, 200, "nobody looks at it where it is not needed");
}

Test(serve, body_of_other_type_is_415_and_invalid_json_is_400)
{
	static const char *const	right[] = { "application/json", "Application/JSON", "application/json; charset=utf-8",
		"application/json;charset=UTF-8", "application/json; charset=\"utf-8\"", "application/json;", "application/json \t",
		"application/json; ; charset=utf-8;", "application/json;version=1;Charset=utf8", "application/json; a=\"b;\\\"c\"" };
	static const char *const	wrong[] = { "text/plain", "application/jsonx", "application/json; charset=latin1",
		"application/x-www-form-urlencoded", "application/json, text/plain", "json", "", "application/json charset=utf-8",
		"application/json; charset=", "application/json; charset=utf-16", "application/json; charset=\"utf-8",
		"application/json; charset=utf-8, text/plain", "application/json; charset=utf-8; charset=latin1",
		"application/json; charset", "application/json; =x", "application/json; a=\"\\", "application/problem+json",
		"application/json\v", "*/*", "application/*" };
	size_t				i;

	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, right[i], "{}" });
		cr_assert_eq(sent.status, 200, "%s", right[i]);
	}
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, wrong[i], "{}" });
		cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "%s", wrong[i]);
	}
	serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, NULL, "{}" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "none");
	serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, NULL, NULL });
	cr_assert(edge_problem(400, "INVALID_REQUEST"), "no body at all");
	serve((struct given){ .method = CT_POST, .path = "/hold", .token = user_token, .type = JSON, .body = "{}\0{}", .body_length = 5 });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_POST, "/leave", user_token, NULL, "text/plain", "whatever" });
	cr_assert_eq(sent.status, 200, "a body that is not read is not checked");
}

Test(serve, optional_body_is_checked_if_present)
{
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, NULL, NULL });
	cr_assert_eq(sent.status, 200);
	cr_assert_not(seen.has_body);
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, "text/plain", NULL });
	cr_assert_eq(sent.status, 200, "a type without a body says nothing");
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, JSON, "{}" });
	cr_assert_eq(sent.status, 200);
	cr_assert(seen.has_body);
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, JSON, "{" });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, JSON, "null" });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_POST, "/cancel", user_token, NULL, "text/plain", "{}" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"));
}

Test(serve, content_encoding_other_than_identity_is_415)
{
	static const char *const	wrong[] = { "gzip", "GZIP", "deflate", "br", "zstd", "x-gzip", "identity, gzip", "gzip, identity",
		"gzip,gzip", "chunked", "invalid", ",", "identity;q=1", "" };
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, JSON, "{}", .encoding = wrong[i] });
		cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "%s", wrong[i]);
	}
	serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, JSON, "\x1f\x8b\x08", .encoding = "gzip" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "before the JSON");
	serve((struct given){ .method = CT_POST, "/hold", NULL, NULL, JSON, "{}", .encoding = "gzip" });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_POST, "/points/charge", user_token, NULL, JSON, "{}", .encoding = "gzip" });
	cr_assert(edge_problem(400, "IDEMPOTENCY_KEY_REQUIRED"));
	serve((struct given){ .method = CT_POST, "/webhook", NULL, NULL, JSON, "{}", .encoding = "gzip" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "a body that is read raw");
	serve((struct given){ .method = CT_POST, "/leave", user_token, NULL, NULL, "{}", .encoding = "gzip" });
	cr_assert(edge_problem(415, "UNSUPPORTED_MEDIA_TYPE"), "a body that is not read");
	cr_assert_eq(handled, 0);
	serve((struct given){ .method = CT_POST, "/leave", user_token, .encoding = "gzip" });
	cr_assert_eq(sent.status, 200, "no body");
	serve((struct given){ .method = CT_GET, "/points", user_token, .encoding = "gzip" });
	cr_assert_eq(sent.status, 200, "no body");
	serve((struct given){ .method = CT_POST, "/hold", user_token, NULL, JSON, "{}", .encoding = "Identity" });
	cr_assert_eq(sent.status, 200);
}

Test(serve, raw_body_reaches_the_handler_unchanged)
{
	serve((struct given){ .method = CT_POST, "/webhook", NULL, NULL, "text/plain", "not {json" });
	cr_assert_eq(sent.status, 200);
	cr_assert_str_eq(seen.raw, "not {json");
	cr_assert_not(seen.has_body);
}

Test(serve, valid_request_id_of_the_client_is_kept)
{
	static const char *const	wrong[] = { "", "with space", "under_score", "a\r\nb",
		"12345678901234567890123456789012345678901234567890123456789012345" };
	struct ct_uuid			uuid;
	size_t				i;

	serve((struct given){ .method = CT_GET, "/concerts", .request_id = "Caller-7" });
	cr_assert(edge_has("x-request-id: Caller-7"));
	serve((struct given){ .method = CT_GET, "/concerts",
	    .request_id = "1234567890123456789012345678901234567890123456789012345678901234" });
	cr_assert_eq(strlen(seen.id), 64);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		serve((struct given){ .method = CT_GET, "/concerts", .request_id = wrong[i] });
		cr_assert(ct_uuid_parse(seen.id, &uuid), "%s", wrong[i]);
	}
	serve((struct given){ .method = CT_GET, "/nothing", .request_id = "Caller-7" });
	cr_assert(edge_has("x-request-id: Caller-7"), "errors too");
	cr_assert_not_null(strstr(sent.body, "\"requestId\":\"Caller-7\""));
}

Test(serve, body_on_a_method_without_one_is_400)
{
	serve((struct given){ .method = CT_GET, "/nothing", .misframed = true });
	cr_assert(edge_problem(404, "NOT_FOUND"));
	serve((struct given){ .method = CT_GET, "/concerts", .misframed = true, .body_length = 64 * 1024 + 1 });
	cr_assert(edge_problem(413, "PAYLOAD_TOO_LARGE"));
	serve((struct given){ .method = CT_GET, "/concerts", .misframed = true, .body_length = 5 });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	serve((struct given){ .method = CT_POST, "/points/charge", .misframed = true });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_POST, "/points/charge", .token = user_token, .misframed = true });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	cr_assert_eq(handled, 0);
}

Test(serve, repeated_header_is_refused)
{
	serve((struct given){ .method = CT_GET, "/points", user_token, .repeated = true });
	cr_assert(edge_problem(401, "UNAUTHENTICATED"));
	serve((struct given){ .method = CT_GET, "/concerts", .repeated = true });
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	cr_assert_eq(handled, 0);
}

Test(serve, overload_is_503_but_livez_still_answers)
{
	unsigned	i;

	for (i = 0; i < 10; i++)
		serve((struct given){ .method = CT_GET, "/slow" });
	cr_assert_eq(sent.count, 0);
	cr_assert_eq(ct_exchange_count(), 10);
	serve((struct given){ .method = CT_GET, "/slow" });
	cr_assert(edge_problem(503, "SERVICE_UNAVAILABLE"));
	cr_assert(edge_has("retry-after: 1"));
	serve((struct given){ .method = CT_GET, "/livez" });
	cr_assert_eq(sent.status, 200);
	for (i = 0; i < held_count; i++)
		ct_reply_empty(held[i], 204);
	cr_assert_eq(ct_exchange_count(), 0);
	serve((struct given){ .method = CT_GET, "/concerts" });
	cr_assert_eq(sent.status, 200);
}

Test(serve, header_name_in_any_case_is_known)
{
	struct ct_exchange	*exchange = edge_request(CT_GET, "/concerts");

	cr_assert_eq(ct_known_header("Authorization"), CT_HEADER_AUTHORIZATION);
	cr_assert_eq(ct_known_header("X-QUEUE-TOKEN"), CT_HEADER_QUEUE_TOKEN);
	cr_assert_eq(ct_known_header("idempotency-key"), CT_HEADER_IDEMPOTENCY_KEY);
	cr_assert_eq(ct_known_header("Content-encoding"), CT_HEADER_CONTENT_ENCODING);
	cr_assert_eq(ct_known_header("Transfer-Encoding"), CT_HEADER_TRANSFER_ENCODING);
	cr_assert_eq(ct_known_header("x-queue-tokeX"), CT_HEADER_OTHER);
	cr_assert_eq(ct_known_header(""), CT_HEADER_OTHER);
	cr_assert_eq(ct_known_header("a-header-name-longer-than-any-of-ours"), CT_HEADER_OTHER);
	exchange->headers[CT_HEADER_IF_NONE_MATCH] = "W/\"1\"";
	cr_assert_str_eq(ct_header(&exchange->request, "If-None-Match"), "W/\"1\"");
	cr_assert_null(ct_header(&exchange->request, "X-Queue-Token"));
	cr_assert_str_eq(ct_header(&exchange->request, "x-other"), "other");
	ct_exchange_free(exchange);
}

Test(serve, request_memory_is_zeroed_and_not_shared)
{
	struct ct_exchange	*exchange = edge_request(CT_GET, "/concerts");
	unsigned char		*small[200], *large;
	int			 i, j;

	for (i = 0; i < 200; i++) {
		small[i] = ct_alloc(&exchange->request, 50);
		for (j = 0; j < 50; j++)
			cr_assert_eq(small[i][j], 0);
		memset(small[i], i + 1, 50);
	}
	large = ct_alloc(&exchange->request, 1000000);
	cr_assert_eq(large[999999], 0);
	memset(large, 0xff, 1000000);
	for (i = 0; i < 200; i++)
		cr_assert(small[i][0] == (unsigned char)(i + 1) && small[i][49] == (unsigned char)(i + 1));
	ct_exchange_free(exchange);
	exchange = edge_request(CT_GET, "/concerts");
	small[0] = ct_alloc(&exchange->request, 2000);
	for (j = 0; j < 2000; j++)
		cr_assert_eq(small[0][j], 0, "also when the block is used again");
	ct_exchange_free(exchange);
}

/* Under AddressSanitizer freed exchanges are not used again, and it reports a second reply itself. */
#if !defined(__SANITIZE_ADDRESS__)
Test(serve, second_empty_reply_aborts, .signal = SIGABRT)
{
	serve((struct given){ .method = CT_GET, "/slow" });
	ct_reply_empty(held[0], 204);
	ct_reply_empty(held[0], 204);
}

Test(serve, second_reply_with_a_problem_aborts, .signal = SIGABRT)
{
	serve((struct given){ .method = CT_GET, "/slow" });
	ct_reply_empty(held[0], 204);
	ct_reply_error(held[0], CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
}
#endif
