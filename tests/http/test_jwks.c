/* Keys from JWT_JWKS_URL: a service of its own with one worker, and a simulated issuer that replaces its keys and fails. */
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ec.h>

#include "jwks_server.h"

static struct extra_service	point;
static struct user		user;

static struct reply
balance_with(const char *jwt)
{
	return (http((struct call){ .base = point.base, .path = "/points", .jwt = jwt }));
}

static void
check_balance(const char *jwt, int status, const char *code)
{
	struct reply	reply = balance_with(jwt);

	check_problem(reply, status, code);
}

static long
status_with(const char *jwt)
{
	return (balance_with(jwt).status);
}

static double
waiting(void)
{
	return (metric(point.base, "ct_requests_waiting_for_keys"));
}

/* Sends a request with this token and does not wait for the answer. */
static int
send_with(const char *jwt)
{
	return (raw_send(atoi(strrchr(point.base, ':') + 1),
	    format("GET /points HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", jwt)));
}

static void
check_answer(int fd, const char *status)
{
	char	answer[4096] = "";

	cr_assert_gt(recv(fd, answer, sizeof(answer) - 1, 0), 0);
	cr_assert_not_null(strstr(answer, status), "%s", answer);
	(void)close(fd);
}

Test(jwks, keys_rotate_and_the_issuer_fails, .timeout = 300)
{
	struct jwks_key	 first = { "first", EVP_EC_gen("P-256") }, second = { "second", EVP_EC_gen("P-256") };
	struct jwks_key	 third = { "third", EVP_EC_gen("P-256") }, none = { NULL, NULL };
	const char	*old, *new, *newest;
	struct reply	 ready;
	unsigned	 before, most;
	int64_t		 began;
	int		 fd, i;

	user = user_new();
	old = jwt_es256(first.pair, "first", user.id);
	new = jwt_es256(second.pair, "second", user.id);
	newest = jwt_es256(third.pair, "third", user.id);
	jwks_set(JWKS_GOOD, (struct jwks_key[]){ first, none });
	point = extra_point_begin(0, (const char *const[]){ "JWT_ALG=ES256", "JWT_SECRET_FILE=",
	    format("JWT_JWKS_URL=%s", jwks_url()), "JWT_JWKS_REFRESH_SECONDS=10", NULL });

	/* The issuer is away: no token can be judged. */
	ready = http((struct call){ .base = point.base, .path = "/readyz" });
	check_problem(ready, 503, "SERVICE_UNAVAILABLE");
	cr_assert_str_eq(text_at(ready.json, "stores.jwks"), "unavailable");
	check_balance(old, 503, "SERVICE_UNAVAILABLE");
	jwks_listen();
	wait_for(http((struct call){ .base = point.base, .path = "/readyz" }).status == 200, 60);
	check_status(balance_with(old), 200);
	check_balance(new, 401, "UNAUTHENTICATED");

	/* A new key. The first request with it may be the one that causes the fetch: then it waits and is answered. */
	jwks_set(JWKS_GOOD, (struct jwks_key[]){ first, second, none });
	wait_for(status_with(new) == 200 && status_with(old) == 200, 60);

	/* A fetch that hangs holds up only the request that needs it. */
	jwks_set(JWKS_HANGS, NULL);
	wait_for((fd = send_with(newest)) != -1 && (pause_ms(100), waiting() > 0 || (close(fd), false)), 60);
	check_status(balance_with(new), 200);
	check_status(balance_with(old), 200);
	check_answer(fd, "401");

	/* The set is refused, or cannot be had: the known keys go on. */
	jwks_set(JWKS_RUBBISH, NULL);
	wait_for(metric(point.base, "jwks_fetches_total{result=\"refused\"}") > 0 && status_with(new) == 200, 60);
	jwks_set(JWKS_FAILS, (struct jwks_key[]){ third, none });
	before = jwks_fetches();
	wait_for(jwks_fetches() > before, 60);
	check_status(balance_with(new), 200);
	check_status(balance_with(old), 200);

	/* The issuer drops the first key. Its tokens are refused, also those that the worker remembers. */
	jwks_set(JWKS_GOOD, (struct jwks_key[]){ second, none });
	wait_for(status_with(old) == 401, 60);
	check_status(balance_with(new), 200);
	check_status(balance_with(new), 200);

	/* Forged tokens with ever other kids. */
	before = jwks_fetches();
	began = now_ms();
	for (i = 0; i < 200; i++)
		check_status(balance_with(jwt_es256(third.pair, format("forged-%d", i), user.id)), 401);
	/* One by an unknown kid, and one that refreshes the keys; the next ones come seconds later. */
	most = 2 + (unsigned)((now_ms() - began) / 2000);
	cr_assert_leq(jwks_fetches() - before, most, "%u fetches", jwks_fetches() - before);
	check_status(balance_with(new), 200);
	extra_service_stop(&point);
}
