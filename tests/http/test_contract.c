/*
 * Answers that need a prepared situation: a key in use, an unknown outcome, a sale that closes before a hold, ES256
 * tokens, clients that disconnect. tests/api checks that every documented answer was seen.
 */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "harness.h"

/* This test and the next run alone: calls of other tests in the same batch would wait for the lock too. */
Test(restart, lock_timeout_with_key_is_key_in_use, .timeout = 300)
{
	struct user	 user = user_new();
	char		*key = key_new();
	PGconn		*first;
	struct reply	 reply;

	/* Hold the lock that a first request with this key would hold, for longer than the lock timeout. */
	first = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	reply = charge(&user, 1000, key);
	check_problem(reply, 409, "IDEMPOTENCY_KEY_IN_USE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	release_lock(first);
	check_status(charge(&user, 1000, key), 201);
	cr_assert_eq(balance(&user), 1000);
}

/* A lock timeout means "the first request is still running" only if the request has an idempotency key. */
Test(restart, lock_timeout_without_key_is_503, .timeout = 300)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation = hold_new(&user, &schedule, 0, 1, NULL);
	PGconn		*lock;
	struct reply	 reply;

	lock = take_lock(format("SELECT 1 FROM reservation.reservations WHERE reservation_id = '%s' FOR UPDATE",
	    reservation));
	reply = cancel_reservation(&user, reservation);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	release_lock(lock);
	check_status(cancel_reservation(&user, reservation), 200);
}

Test(idempotency, key_of_another_payment_is_422)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*key = key_new(), *reservation;
	int64_t		 amount;
	struct reply	 reply;

	check_status(charge(&user, 500000, key), 201);
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	/* Another operation with the same key is another request. */
	check_status(pay(&user, reservation, amount, key), 201);
	reply = pay(&user, reservation, amount + 1, key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");
	cr_assert_eq(balance(&user), 500000 - amount);
}

Test(lists, cursor_of_no_item_is_400)
{
	static const char *const	lists[] = { "/concerts", "/reservations", "/payments", "/points/histories" };
	struct user			 user = user_new();
	struct reply			 reply;
	size_t				 i;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		reply = http((struct call){ .path = format("%s?cursor=AAAAAAAAAAAAAAAAAAAAAA", lists[i]), .jwt = user.jwt });
		check_problem(reply, 400, "INVALID_REQUEST");
		cr_assert_str_eq(text_at(reply.json, "errors.0.field"), "cursor");
	}
}

Test(hold, hold_after_sale_is_closed_is_409)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new(), operator = operator_new();
	char		*token = become_active(&user, &schedule);
	struct reply	 reply;

	reply = http((struct call){ .method = "PATCH", .path = format("/admin/schedules/%s", schedule.id),
	    .jwt = operator.jwt, .body = "{\"status\":\"CLOSED\"}" });
	check_status(reply, 200);
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 409, "SCHEDULE_NOT_ON_SALE");
	/* The API cannot delete a schedule, so the test deletes it in the database. */
	(void)sql(format("DELETE FROM reservation.seats WHERE schedule_id = '%s'; "
	    "DELETE FROM reservation.sections WHERE schedule_id = '%s'; "
	    "DELETE FROM reservation.schedules WHERE schedule_id = '%s'", schedule.id, schedule.id, schedule.id));
	reply = hold_seats(&user, &schedule, token, 0, 1);
	check_problem(reply, 404, "SCHEDULE_NOT_FOUND");
}

struct slow_charge {
	struct user	 user;
	char		*key;
	struct reply	 reply;
};

static void *
run_charge(void *arg)
{
	struct slow_charge	*slow = arg;

	slow->reply = charge(&slow->user, 2000, slow->key);
	return (NULL);
}

Test(restart, unanswered_write_is_outcome_unknown_and_repeat_settles_it, .timeout = 300)
{
	struct slow_charge	 slow = { .user = user_new(), .key = key_new() };
	char			*waiting;
	PGconn			*lock;
	pthread_t		 thread;
	struct reply		 reply;

	check_status(charge(&slow.user, 1000, key_new()), 201);
	lock = take_lock(format("SELECT 1 FROM point.wallets WHERE user_id = '%s' FOR UPDATE", slow.user.id));
	cr_assert_eq(pthread_create(&thread, NULL, run_charge, &slow), 0);

	/* The write has reached the database; stop its backend so that no answer comes. */
	wait_for(*(waiting = backend_waiting_for(lock, "0")) != '\0', 60);
	cr_assert_eq(kill((pid_t)atoi(waiting), SIGSTOP), 0);
	(void)pthread_join(thread, NULL);
	(void)kill((pid_t)atoi(waiting), SIGCONT);
	release_lock(lock);
	check_problem(slow.reply, 503, "OUTCOME_UNKNOWN");
	cr_assert_not_null(header(&slow.reply, "Retry-After"));

	wait_for((reply = charge(&slow.user, 2000, slow.key)).status == 201, 60);
	cr_assert_eq(balance(&slow.user), 3000);
}

/* ES256 needs a point service of its own. The sandbox of its workers must allow the verification. */

Test(tokens, es256_token_is_verified_in_the_sandbox, .timeout = 300)
{
	char		*keys = format("%s/es256-keys", setting("RUN_DIR")), *base, *good, *altered;
	EVP_PKEY	*pair = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct user	 user = user_new();
	struct extra_service	 point;
	struct reply	 reply;
	FILE		*file;
	size_t		 i;

	(void)mkdir(keys, 0700);
	cr_assert_not_null(file = fopen(format("%s/first.pem", keys), "w"));
	cr_assert_eq(PEM_write_PUBKEY(file, pair), 1);
	(void)fclose(file);
	point = extra_point_start(0, (const char *const[]){ "JWT_ALG=ES256", format("JWT_KEYS_DIR=%s", keys), NULL });
	base = point.base;

	good = jwt_es256(pair, "first", user.id);
	reply = http((struct call){ .base = base, .path = "/points", .jwt = good });
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "balance"), 0);
	/* The second call finds the token in the cache. */
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = good }), 200);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = jwt_es256(other, "first", user.id) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = user.jwt }), 401);
	/* If the unused bits of the last character were ignored, another last character would give the same signature. */
	for (i = 0; i < 64; i++) {
		altered = format("%s", good);
		altered[strlen(altered) - 1] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i];
		if (strcmp(altered, good) != 0)
			check_status(http((struct call){ .base = base, .path = "/points", .jwt = altered }), 401);
	}
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = format("%s=", good) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = format("%s.", good) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = good }), 200);
	extra_service_stop(&point);
}

/*
 * The service completes the requests of disconnected clients: it never cancels a write, and keeps the request's fields
 * until the answer.
 */
Test(restart, requests_of_disconnected_clients_are_completed, .timeout = 300)
{
	enum { CLIENTS = 100 };
	static const char	 holds[] = "ct_requests_total{method=\"POST\",route=\"/reservations/hold\"";
	struct schedule		 schedule = schedule_new(1, 1);
	struct user		 user = user_new();
	char			*token = become_active(&user, &schedule), *body;
	int64_t			 before = metric_sum("reservation", holds);
	PGconn			*lock;
	int			 clients[CLIENTS], i;

	body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);
	lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	for (i = 0; i < CLIENTS; i++)
		clients[i] = raw_send(atoi(setting("RESERVATION_PORT")), format("POST /reservations/hold HTTP/1.1\r\nHost: x\r\n"
		    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\nIdempotency-Key: %s\r\nIf-None-Match: \"%d\"\r\n"
		    "X-Request-Id: leaves-%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    user.jwt, token, key_new(), i, i, strlen(body), body));
	/* The request for the metrics counts too, so the number is greater than CLIENTS. */
	wait_for(metric_sum("reservation", "ct_requests_in_flight") > CLIENTS && *backend_waiting_for(lock, "0") != '\0', 60);
	for (i = 0; i < CLIENTS; i++)
		(void)close(clients[i]);
	release_lock(lock);
	wait_for(metric_sum("reservation", holds) == before + CLIENTS, 60);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.reservations WHERE user_id = '%s'", user.id)), "1");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

/*
 * Kore closes a connection that ends with the reply at its next event, also before the reply. Here the event is the bytes that
 * some old clients send after a body.
 */
Test(restart, bytes_after_a_request_that_closes_lose_no_answer, .timeout = 300)
{
	struct user	 user = user_new();
	PGconn		*lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	char		 text[16] = "";
	ssize_t		 got;
	int		 fd;

	fd = raw_send(atoi(setting("POINT_PORT")), format("POST /points/charge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
	    "Idempotency-Key: %s\r\nContent-Type: application/json\r\nContent-Length: 15\r\nConnection: close\r\n\r\n"
	    "{\"amount\":1000}", user.jwt, key_new()));
	wait_for(*backend_waiting_for(lock, "0") != '\0', 60);
	cr_assert_eq(send(fd, "\r\n", 2, MSG_NOSIGNAL), 2);
	/* The worker sees these bytes before it sees a later request. */
	check_status(http((struct call){ .base = direct("point"), .path = "/livez" }), 200);
	release_lock(lock);
	got = recv(fd, text, 9, MSG_WAITALL);
	cr_assert_str_eq(text, "HTTP/1.1 ", "%zd bytes of an answer", got);
	(void)close(fd);
}

static void
send_more(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* The body comes by itself. A worker measures the time for it from the reply before, and not while it executes the request. */
Test(restart, request_after_half_a_minute_of_silence_is_executed_and_answered, .timeout = 300)
{
	struct user	 user = user_new();
	PGconn		*lock;
	char		 text[16] = "", rest[4096];
	int		 fd = raw_send(atoi(setting("POINT_PORT")), "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");

	cr_assert_gt(recv(fd, rest, sizeof(rest), 0), 0);
	pause_ms(31000);
	while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		continue;
	lock = take_lock(format("SELECT platform.lock_user('%s')", user.id));
	send_more(fd, format("POST /points/charge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nIdempotency-Key: %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n", user.jwt, key_new()));
	/* The worker sees the head before it sees a later request. */
	check_status(http((struct call){ .base = direct("point"), .path = "/livez" }), 200);
	send_more(fd, "{\"amount\":1000}");
	wait_for(*backend_waiting_for(lock, "0") != '\0', 60);
	/* A worker looks at its timeouts twice a second. */
	pause_ms(1500);
	release_lock(lock);
	cr_assert_eq(recv(fd, text, 12, MSG_WAITALL), 12);
	cr_assert_str_eq(text, "HTTP/1.1 201");
	(void)close(fd);
}

#define WAITING_BODIES	4000	/* of the 4,096 connections of a worker (services/kore.conf) */

static void
open_bodies(int port, int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		fds[i] = raw_send(port, "POST /points/charge HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		    "Content-Length: 1000000\r\n\r\n{");
	}
}

static void
close_bodies(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		(void)close(fds[i]);
}

static void
check_kept(int fd)
{
	char	rest[4096];

	send_more(fd, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_gt(recv(fd, rest, sizeof(rest), 0), 0);
	cr_assert_eq(strncmp(rest, "HTTP/1.1 200", 12), 0, "%.100s", rest);
}

/*
 * The gateway sends a body only when it has all of it. A client that calls a service directly may let bodies wait. They take
 * connections, but keep no other request from being answered: on a new connection while one is left, on a kept one always.
 */
Test(restart, waiting_bodies_of_direct_clients_delay_no_other_request, .timeout = 300)
{
	static int		 fds[WAITING_BODIES], more[200];
	struct rlimit		 files = { 8192, 8192 };
	struct extra_service	 point = extra_point_start(0, (const char *const[]){ "WORKERS=1", NULL });
	int			 port = atoi(setting("POINT_PORT")) + 8, kept;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
	kept = raw_send(port, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_gt(recv(kept, (char[4096]){ 0 }, 4096, 0), 0);
	open_bodies(port, fds, WAITING_BODIES);
	check_status(http((struct call){ .base = point.base, .path = "/livez" }), 200);
	check_kept(kept);
	/* Now no connection is left. New ones wait until one ends. */
	open_bodies(port, more, 200);
	check_kept(kept);
	close_bodies(fds, WAITING_BODIES);
	check_status(http((struct call){ .base = point.base, .path = "/livez" }), 200);
	check_kept(kept);
	close_bodies(more, 200);
	(void)close(kept);
	extra_service_stop(&point);
}

/* Sends `count` reads of the seat map with this If-None-Match and waits until the service has all of them. */
static void
send_map_reads(const struct schedule *schedule, const char *if_none_match, int *sockets, int count)
{
	int64_t	in_flight = metric_sum("reservation", "ct_requests_in_flight");
	int	i;

	for (i = 0; i < count; i++)
		sockets[i] = raw_send(atoi(setting("RESERVATION_PORT")), format("GET /schedules/%s/seats HTTP/1.1\r\nHost: x\r\n"
		    "If-None-Match: %s\r\n\r\n", schedule->id, if_none_match));
	wait_for(metric_sum("reservation", "ct_requests_in_flight") >= in_flight + count, 60);
}

/* Readers that wait for one shared answer keep their own headers after they disconnect; later readers do not get them. */
Test(restart, later_readers_do_not_get_headers_of_disconnected_readers, .timeout = 300)
{
	enum { CLIENTS = 50 };
	static const char	 not_modified[] = "ct_requests_total{method=\"GET\",route=\"/schedules/{id}/seats\",status=\"3xx\"}";
	static const char	 modified[] = "ct_requests_total{method=\"GET\",route=\"/schedules/{id}/seats\",status=\"2xx\"}";
	struct schedule		 schedule = schedule_new(1, 1);
	int64_t			 before = metric_sum("reservation", not_modified), before_modified = metric_sum("reservation", modified);
	int			 gone[CLIENTS], there[CLIENTS], i;
	PGconn			*lock;

	/* The service answers from its copy of the map for half a second; wait until that is over. */
	pause_ms(600);
	lock = take_lock("LOCK TABLE reservation.seats IN ACCESS EXCLUSIVE MODE");
	send_map_reads(&schedule, "*", gone, CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		(void)close(gone[i]);
	send_map_reads(&schedule, "x", there, CLIENTS);
	release_lock(lock);
	wait_for(metric_sum("reservation", not_modified) >= before + CLIENTS, 60);
	wait_for(metric_sum("reservation", modified) >= before_modified + CLIENTS, 60);
	for (i = 0; i < CLIENTS; i++)
		(void)close(there[i]);
}

Test(restart, readyz_names_the_unreachable_store, .timeout = 300)
{
	static const char *const	services[] = { "queue", "reservation" };
	struct reply			 reply;
	int				 i;

	ctl("stop redis");
	for (i = 0; i < 2; i++) {
		wait_for((reply = http((struct call){ .base = direct(services[i]), .path = "/readyz" })).status == 503, 60);
		check_problem_body(&reply, "SERVICE_UNAVAILABLE");
		cr_assert_str_eq(text_at(reply.json, "stores.redis"), "down");
		cr_assert_str_eq(text_at(reply.json, "stores.postgres"), "up");
	}
	/* Calls that do not need Redis still work. */
	check_status(http((struct call){ .path = "/concerts?limit=1" }), 200);
	check_status(http((struct call){ .base = direct("reservation"), .path = "/livez" }), 200);
	ctl("start redis");
	for (i = 0; i < 2; i++)
		wait_for(http((struct call){ .base = direct(services[i]), .path = "/readyz" }).status == 200, 60);
}
