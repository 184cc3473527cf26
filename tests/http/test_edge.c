/*
 * Routes, methods, sizes, headers, tokens and bodies of every kind, as an unknown client may send them. An invalid
 * request changes nothing.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

Test(routes, unknown_path_is_404_problem)
{
	/* Paths below a service that do not exist, paths unknown to the gateway, and service paths that the gateway hides. */
	static const char *const	paths[] = { "/", "/nothing", "/concertsX", "/queues", "/queues/enter/more",
	    "/points/", "/livez", "/readyz", "/metrics", "/concerts/../metrics", "/admin",
	    "/admin/queuesX", "/payments/webhooks/other", "/reservations/hold/x" };
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		reply = http((struct call){ .path = paths[i] });
		cr_assert_eq(reply.status, 404, "%s: %ld", paths[i], reply.status);
		check_problem_body(&reply, "NOT_FOUND");
	}
	reply = http((struct call){ .path = "/nothing", .body = "{}" });
	check_problem(reply, 404, "NOT_FOUND");
}

Test(routes, wrong_method_is_405_with_allow_header)
{
	static const struct { const char *method, *path, *allow; } wrong[] = {
		{ "POST", "/concerts", "GET" }, { "DELETE", "/points", "GET" }, { "PUT", "/payments", "POST" },
		{ "GET", "/queues/enter", "POST" }, { "GET", "/reservations/hold", "POST" },
		{ "PATCH", "/points/charge", "POST" }, { "PROPFIND", "/concerts", "GET" },
		{ "TRACE", "/concerts", "" }, { "HEAD", "/queues/enter", "POST" },
		{ "GET", "/admin/concerts/1", "PATCH" }, { "PATCH", "/admin/concerts", "POST" },
		{ "POST", "/healthz", "GET, HEAD" }, { "TRACE", "/healthz", "GET, HEAD" },
		{ "HEAD", "/payments/webhooks/toss", "POST" } };
	struct reply	 reply;
	const char	*allow;
	size_t		 i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = http((struct call){ .method = wrong[i].method, .path = wrong[i].path });
		cr_assert_eq(reply.status, 405, "%s %s: %ld", wrong[i].method, wrong[i].path, reply.status);
		if (strcmp(wrong[i].method, "HEAD") != 0)
			check_problem_body(&reply, "METHOD_NOT_ALLOWED");
		allow = header(&reply, "Allow");
		cr_assert(wrong[i].allow[0] == '\0' || (allow != NULL && strstr(allow, wrong[i].allow) != NULL),
		    "%s %s: Allow %s", wrong[i].method, wrong[i].path, allow);
	}
}

/* The service checks route and method before the body. */
Test(routes, wrong_method_with_any_body_is_405)
{
	static const char *const	paths[] = { "/concerts", "/points", "/queues/enter", "/payments/webhooks/toss",
	    "/healthz" };
	char				*large = calloc(1, 70001);
	struct reply			 reply;
	size_t				 i;

	memset(large, 'a', 70000);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		reply = http((struct call){ .method = "DELETE", .path = paths[i], .body = "{}" });
		check_problem(reply, 405, "METHOD_NOT_ALLOWED");
		cr_assert_not_null(header(&reply, "Allow"), "%s", paths[i]);
		reply = http((struct call){ .method = "DELETE", .path = paths[i], .body = large });
		check_problem(reply, 405, "METHOD_NOT_ALLOWED");
	}
	reply = http((struct call){ .path = "/payments/webhooks/toss", .body = large });
	check_problem(reply, 413, "PAYLOAD_TOO_LARGE");
}

/* A GET with a body is refused with the error that comes first in the order of checks. */
Test(routes, get_with_body_is_refused_after_earlier_checks)
{
	static const struct { const char *path; long status; const char *code; } small[] = {
		{ "/nothing", 404, "NOT_FOUND" }, { "/queues/enter", 405, "METHOD_NOT_ALLOWED" },
		{ "/points", 401, "UNAUTHENTICATED" }, { "/concerts", 400, "INVALID_REQUEST" } },
	    large[] = { { "/nothing", 404, "NOT_FOUND" }, { "/queues/enter", 405, "METHOD_NOT_ALLOWED" },
		{ "/points", 413, "PAYLOAD_TOO_LARGE" }, { "/concerts", 413, "PAYLOAD_TOO_LARGE" } };
	char		*body = calloc(1, 70001);
	struct reply	 reply;
	size_t		 i;

	memset(body, 'a', 70000);
	for (i = 0; i < sizeof(small) / sizeof(small[0]); i++) {
		reply = http((struct call){ .method = "GET", .path = small[i].path, .body = "{}" });
		check_problem(reply, small[i].status, small[i].code);
		reply = http((struct call){ .method = "GET", .path = large[i].path, .body = body });
		check_problem(reply, large[i].status, large[i].code);
	}
}

Test(routes, healthz_is_answered_by_the_gateway)
{
	struct reply	reply = http((struct call){ .path = "/healthz" });

	check_status(reply, 200);
	cr_assert_not_null(header(&reply, "X-Request-Id"));
}

Test(routes, request_id_of_client_is_replaced)
{
	static const char *const	mine[] = { "X-Request-Id: chosen-by-the-client", NULL };
	struct reply			 a, b;

	a = http((struct call){ .path = "/concerts", .headers = mine });
	b = http((struct call){ .path = "/concerts" });
	cr_assert_str_neq(header(&a, "X-Request-Id"), header(&b, "X-Request-Id"));
	cr_assert_str_neq(header(&a, "X-Request-Id"), "chosen-by-the-client");
	cr_assert_eq(count_of(a.headers, "equest-"), 1);
}

static void
check_token_refused(const char *jwt, const char *why)
{
	struct reply	reply = http((struct call){ .path = "/points", .jwt = jwt });

	cr_assert_eq(reply.status, 401, "%s: %ld %s", why, reply.status, reply.body);
	check_problem_body(&reply, "UNAUTHENTICATED");
	reply = http((struct call){ .path = "/reservations", .jwt = jwt });
	cr_assert_eq(reply.status, 401, "%s", why);
}

Test(tokens, foreign_expired_or_malformed_jwt_is_401)
{
	const char	*alg = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
	long		 now = (long)time(NULL);
	char		 id[UUID_TEXT], *good, *bad;

	uuid_new(id);
	good = jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60), NULL);
	check_status(http((struct call){ .path = "/points", .jwt = good }), 200);
	check_status(http((struct call){ .path = "/points",
	    .jwt = jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":%ld,\"nbf\":0}", id, now + 60), NULL) }), 200);

	check_token_refused(NULL, "no header");
	check_token_refused("abc", "no JWT");
	check_token_refused("a.b.c", "parts are not JSON");
	check_token_refused(jwt_of("{\"alg\":\"none\"}", format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60), NULL), "alg none");
	bad = jwt_of("{\"alg\":\"none\"}", format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60), NULL);
	*(strrchr(bad, '.') + 1) = '\0';
	check_token_refused(bad, "alg none, no signature");
	check_token_refused(jwt_of("{\"alg\":\"HS512\"}", format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60), NULL), "HS512");
	check_token_refused(jwt_of("{\"alg\":\"RS256\"}", format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60), NULL), "RS256");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":%ld}", id, now + 60),
	    "another-secret-of-a-sufficient-length-0123456789"), "another key");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"%s\"}", id), NULL), "no exp");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":%ld}", id, now - 60), NULL), "past exp");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":\"%ld\"}", id, now + 60), NULL), "exp as text");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"somebody\",\"exp\":%ld}", now + 60), NULL), "sub is not a UUID");
	check_token_refused(jwt_of(alg, format("{\"exp\":%ld}", now + 60), NULL), "no sub");
	check_token_refused(jwt_of(alg, format("{\"sub\":\"%s\",\"exp\":%ld,\"nbf\":%ld}", id, now + 600, now + 300), NULL), "nbf in the future");
	bad = strdup(good);
	bad[strlen(bad) - 5] = bad[strlen(bad) - 5] == 'A' ? 'B' : 'A';
	check_token_refused(bad, "altered signature");
	check_token_refused(format("%s.", good), "a fourth part");
}

Test(tokens, cached_jwt_is_401_after_expiry)
{
	char		 id[UUID_TEXT], *jwt;
	struct reply	 reply;
	long		 expires, lead = 3;

	/* Repeat with more time until the answer came before the token expired. */
	uuid_new(id);
	do {
		expires = (long)time(NULL) + lead;
		jwt = jwt_of("{\"alg\":\"HS256\"}", format("{\"sub\":\"%s\",\"exp\":%ld}", id, expires), NULL);
		reply = http((struct call){ .path = "/points", .jwt = jwt });
		lead *= 2;
	} while ((long)time(NULL) >= expires);
	check_status(reply, 200);
	wait_for(http((struct call){ .path = "/points", .jwt = jwt }).status == 401, (int)lead + 10);
}

static void
check_body_refused(const char *why, const char *body, size_t length, const char *type, long status, const char *code)
{
	struct user	user = user_new();
	char		key[UUID_TEXT];
	struct reply	reply;

	uuid_new(key);
	reply = http((struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key, .body = body,
	    .body_length = length, .content_type = type });
	cr_assert_eq(reply.status, status, "%s: %ld %s", why, reply.status, reply.body);
	check_problem_body(&reply, code);
	cr_assert_eq(balance(&user), 0, "%s", why);
	/* The refused request left nothing under its key. */
	reply = http((struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key,
	    .body = "{\"amount\":1000}" });
	check_status(reply, 201);
	cr_assert_null(header(&reply, "Idempotent-Replayed"));
}

Test(bodies, invalid_body_is_refused_and_changes_nothing, .timeout = 300)
{
	char	*big, *deep;
	int	 i;

	check_body_refused("empty", "", 0, "application/json", 400, "INVALID_REQUEST");
	check_body_refused("broken", "{\"amount\":", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("array", "[1000]", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("text", "\"1000\"", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("null", "null", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("missing", "{}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount as text", "{\"amount\":\"1000\"}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount null", "{\"amount\":null}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount true", "{\"amount\":true}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount with a fraction", "{\"amount\":1000.5}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount huge", "{\"amount\":1e300}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount below", "{\"amount\":999}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount above", "{\"amount\":1000001}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("amount negative", "{\"amount\":-1000}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("second JSON behind it", "{\"amount\":1000} {\"amount\":1000}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("a letter behind it", "{\"amount\":1000}x", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("NUL and JSON behind it", "{\"amount\":1000}\0{}", 18, NULL, 400, "INVALID_REQUEST");
	check_body_refused("not UTF-8", "{\"amount\":1000,\"note\":\"\xff\xfe\"}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("overlong UTF-8", "{\"amount\":1000,\"note\":\"\xc0\xaf\"}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("a surrogate in UTF-8", "{\"amount\":1000,\"note\":\"\xed\xa0\x80\"}", 0, NULL, 400, "INVALID_REQUEST");
	check_body_refused("a form", "amount=1000", 0, "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE");
	check_body_refused("text/plain", "{\"amount\":1000}", 0, "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE");

	deep = calloc(1, 20001);
	memset(deep, '[', 10000);
	memset(deep + 10000, ']', 10000);
	check_body_refused("deep", format("{\"amount\":1000,\"x\":%s}", deep), 0, NULL, 400, "INVALID_REQUEST");
	big = calloc(1, 300 * 1024);
	for (i = 0; i < 299 * 1024; i++)
		big[i] = 'a';
	check_body_refused("large", format("{\"amount\":1000,\"x\":\"%s\"}", big), 0, NULL, 413, "PAYLOAD_TOO_LARGE");
}

Test(bodies, charset_and_unknown_fields_are_accepted)
{
	struct user	user = user_new();
	struct reply	reply;

	reply = http((struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key_new(),
	    .content_type = "application/json; charset=utf-8",
	    .body = " {\"amount\":1000,\"color\":{\"deep\":[1,2,{}]},\"\xed\x95\x9c\xea\xb8\x80\":null} \r\n" });
	check_status(reply, 201);
}

/* The gateway, which passes only known headers on, must pass Content-Encoding. */
Test(bodies, content_encoding_other_than_identity_is_415)
{
	static const char *const	encodings[] = { "gzip", "br", "deflate, gzip", "x\xc3\xb6" };
	static const char *const	paths[] = { "/points/charge", "/queues/enter", "/reservations/hold", "/payments",
		"/payments/webhooks/toss" };
	static const char		gzip[] = "\x1f\x8b\x08\0\0\0\0\0\0\x03";
	struct user			user = user_new();
	const char			*headers[2] = { NULL };
	struct reply			reply;
	size_t				i, j;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		for (j = 0; j < sizeof(encodings) / sizeof(encodings[0]); j++) {
			headers[0] = format("Content-Encoding: %s", encodings[j]);
			reply = http((struct call){ .path = paths[i], .jwt = user.jwt, .key = key_new(), .body = gzip,
			    .body_length = sizeof(gzip) - 1, .headers = headers });
			check_problem(reply, 415, "UNSUPPORTED_MEDIA_TYPE");
		}
	}
	headers[0] = "Content-Encoding: identity";
	check_status(http((struct call){ .path = "/points/charge", .jwt = user.jwt, .key = key_new(), .body = "{\"amount\":1000}",
	    .headers = headers }), 201);
}

Test(headers, forty_extra_headers_are_accepted)
{
	const char	*extra[42] = { NULL };
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*token = become_active(&user, &schedule);
	struct reply	 reply;
	int		 i;

	for (i = 0; i < 40; i++)
		extra[i] = format("X-Extra-%02d: some value %d", i, i);
	reply = http((struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = token,
	    .headers = extra });
	check_status(reply, 200);
	cr_assert_str_eq(text_at(reply.json, "token"), token);
}

Test(headers, empty_header_is_accepted)
{
	static const char *const	empty[] = { "X-Empty;", "Referer;", "Cookie;", NULL };

	check_status(http((struct call){ .path = "/concerts", .headers = empty }), 200);
}

Test(headers, overlong_url_is_400_or_404)
{
	char		*name = calloc(1, 6001);
	struct reply	 reply;

	memset(name, 'a', 6000);
	reply = http((struct call){ .path = format("/concerts?cursor=%.3000s", name) });
	cr_assert(reply.status == 400 || reply.status == 404, "%ld", reply.status);
	check_problem_body(&reply, reply.status == 400 ? "INVALID_REQUEST" : "NOT_FOUND");
	reply = http((struct call){ .path = format("/concerts?cursor=%s", name) });
	cr_assert(reply.status == 400 || reply.status == 404, "%ld", reply.status);
	cr_assert_not_null(header(&reply, "X-Request-Id"));
}

Test(smuggling, request_inside_get_body_is_never_answered)
{
	struct user	 user = user_new();
	char		*hidden, *request, *answer;
	struct reply	 reply;
	int		 i;

	hidden = format("GET /points HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", user.jwt);
	request = format("GET /concerts HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(hidden), hidden);
	answer = raw_tls(request, strlen(request), 2);
	cr_assert(count_of(answer, "HTTP/1.1 ") <= 1, "%s", answer);
	cr_assert_null(strstr(answer, "balance"), "%s", answer);
	/* The next client on the upstream connection must not get the answer either. */
	for (i = 0; i < 20; i++) {
		reply = http((struct call){ .path = "/concerts?limit=1" });
		check_status(reply, 200);
		(void)at(reply.json, "items");
	}
}

Test(smuggling, service_closes_connection_after_get_with_body)
{
	struct user	 user = user_new();
	char		*hidden, *answer;

	hidden = format("GET /points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", user.jwt);
	answer = raw_tcp(atoi(setting("POINT_PORT")), format("GET /points/histories HTTP/1.1\r\nHost: x\r\n"
	    "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n", user.jwt, strlen(hidden)), hidden, 60);
	cr_assert_eq(count_of(answer, "HTTP/1.1 "), 1, "%s", answer);
	cr_assert_not_null(strstr(answer, "HTTP/1.1 400"), "%s", answer);
	cr_assert_null(strstr(answer, "balance"), "%s", answer);
	answer = raw_tcp(atoi(setting("POINT_PORT")), format("GET /points/histories HTTP/1.1\r\nHost: x\r\n"
	    "Authorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n", user.jwt),
	    format("0\r\n\r\n%s", hidden), 60);
	cr_assert_eq(count_of(answer, "HTTP/1.1 "), 1, "%s", answer);
	cr_assert_null(strstr(answer, "balance"), "%s", answer);
}

Test(security, response_has_hsts_and_nosniff_and_no_foreign_cors_origin)
{
	static const char *const	origin[] = { "Origin: https://elsewhere.example", NULL };
	struct reply			 reply;

	reply = http((struct call){ .path = "/concerts", .headers = origin });
	check_status(reply, 200);
	cr_assert_not_null(header(&reply, "Strict-Transport-Security"));
	cr_assert_str_eq(header(&reply, "X-Content-Type-Options"), "nosniff");
	if (header(&reply, "Access-Control-Allow-Origin") != NULL)
		cr_assert_str_neq(header(&reply, "Access-Control-Allow-Origin"), "https://elsewhere.example");
}

Test(security, plain_http_redirects_to_https)
{
	struct reply	reply;

	reply = http((struct call){ .path = "/concerts",
	    .base = format("http://127.0.0.1:%s", setting("GATEWAY_HTTP_PORT")) });
	cr_assert(reply.status == 301 || reply.status == 308, "%ld", reply.status);
	cr_assert_not_null(strstr(header(&reply, "Location"), "https://"));
}
