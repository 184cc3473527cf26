/*
 * Answers of the contract that need a story of their own to be seen: a key
 * that is in use, a write whose outcome nobody knows, a sale that ends while
 * people choose, tokens of another algorithm, clients who leave. tests/api
 * checks that every documented answer was seen.
 */
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

/* Alone, as the next one: who shares a statement with it waits for the lock, too. */
Test(restart, a_key_whose_first_request_still_runs_is_in_use, .timeout = 120)
{
	struct user	 user = user_new();
	char		*key = key_new();
	PGconn		*first;
	struct reply	 reply;

	/* What the first request would have locked, and keeps locked for longer than anybody waits. */
	first = keep_locked(format("SELECT platform.lock_user('%s')", user.id));
	reply = charge(&user, 1000, key);
	check_problem(reply, 409, "IDEMPOTENCY_KEY_IN_USE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	let_go(first);
	check_status(charge(&user, 1000, key), 201);
	cr_assert_eq(balance(&user), 1000);
}

/* Without a key there is no first request: whoever holds the lock, it is only not to be had now. */
Test(restart, a_call_without_a_key_behind_a_lock_is_503, .timeout = 120)
{
	struct schedule	 schedule = schedule_new(1, 1);
	struct user	 user = user_new();
	char		*reservation = held(&user, &schedule, 0, 1, NULL);
	struct call	 cancel = { .method = "POST", .path = format("/reservations/%s/cancel", reservation), .jwt = user.jwt };
	PGconn		*lock;
	struct reply	 reply;

	lock = keep_locked(format("SELECT 1 FROM reservation.reservations WHERE reservation_id = '%s' FOR UPDATE",
	    reservation));
	reply = http(cancel);
	check_problem(reply, 503, "SERVICE_UNAVAILABLE");
	cr_assert_not_null(header(&reply, "Retry-After"));
	let_go(lock);
	check_status(http(cancel), 200);
}

Test(idempotency, a_key_of_another_payment_is_refused)
{
	struct schedule	 schedule = schedule_new(1, 2);
	struct user	 user = user_new();
	char		*key = key_new(), *reservation;
	int64_t		 amount;
	struct reply	 reply;

	check_status(charge(&user, 500000, key), 201);
	reservation = held(&user, &schedule, 0, 1, &amount);
	/* The same key as the charge: another operation, so another request. */
	check_status(pay(&user, reservation, amount, key), 201);
	reply = pay(&user, reservation, amount + 1, key);
	check_problem(reply, 422, "IDEMPOTENCY_KEY_REUSED");
	cr_assert_eq(balance(&user), 500000 - amount);
}

Test(lists, a_cursor_that_names_nothing_of_the_list_is_refused)
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

Test(hold, a_sale_that_ends_while_people_choose_is_over)
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
	/* No call takes a schedule away, so the test does. */
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

Test(restart, a_write_without_an_answer_is_unknown_and_its_repetition_settles_it, .timeout = 120)
{
	struct slow_charge	 slow = { .user = user_new(), .key = key_new() };
	char			*waiting;
	PGconn			*lock;
	pthread_t		 thread;
	struct reply		 reply;

	check_status(charge(&slow.user, 1000, key_new()), 201);
	lock = keep_locked(format("SELECT 1 FROM point.wallets WHERE user_id = '%s' FOR UPDATE", slow.user.id));
	cr_assert_eq(pthread_create(&thread, NULL, run_charge, &slow), 0);

	/* The write has reached the database; now its backend says nothing any more. */
	wait_for(*(waiting = waiting_for(lock, "0")) != '\0', 5);
	cr_assert_eq(kill((pid_t)atoi(waiting), SIGSTOP), 0);
	(void)pthread_join(thread, NULL);
	(void)kill((pid_t)atoi(waiting), SIGCONT);
	let_go(lock);
	check_problem(slow.reply, 503, "OUTCOME_UNKNOWN");
	cr_assert_not_null(header(&slow.reply, "Retry-After"));

	wait_for((reply = charge(&slow.user, 2000, slow.key)).status == 201, 20);
	cr_assert_eq(balance(&slow.user), 3000);
}

/* ES256, with a service of its own: its workers' sandbox must let all of it through. */

Test(tokens, es256_is_verified_in_the_sandbox, .timeout = 180)
{
	char		*keys = format("%s/es256-keys", setting("RUN_DIR")), *base, *good, *altered;
	EVP_PKEY	*pair = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256");
	struct user	 user = user_new();
	struct beside	 beside;
	struct reply	 reply;
	FILE		*file;
	size_t		 i;

	(void)mkdir(keys, 0700);
	cr_assert_not_null(file = fopen(format("%s/first.pem", keys), "w"));
	cr_assert_eq(PEM_write_PUBKEY(file, pair), 1);
	(void)fclose(file);
	beside = beside_start(0, (const char *const[]){ "JWT_ALG=ES256", format("JWT_KEYS_DIR=%s", keys), NULL });
	base = beside.base;

	good = jwt_es256(pair, "first", user.id);
	reply = http((struct call){ .base = base, .path = "/points", .jwt = good });
	check_status(reply, 200);
	cr_assert_eq(number_at(reply.json, "balance"), 0);
	/* And once more, as a token that is known. */
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = good }), 200);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = jwt_es256(other, "first", user.id) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = user.jwt }), 401);
	/* Every other last character would have the same signature, if unused bits counted for nothing. */
	for (i = 0; i < 64; i++) {
		altered = format("%s", good);
		altered[strlen(altered) - 1] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[i];
		if (strcmp(altered, good) != 0)
			check_status(http((struct call){ .base = base, .path = "/points", .jwt = altered }), 401);
	}
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = format("%s=", good) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = format("%s.", good) }), 401);
	check_status(http((struct call){ .base = base, .path = "/points", .jwt = good }), 200);
	beside_stop(&beside);
}

/* The sum of what a service's /metrics says in the lines that begin so. */
static int64_t
metric(const char *service, const char *begin)
{
	char	*text = http((struct call){ .base = direct(service), .path = "/metrics" }).body, *line;
	int64_t	 sum = 0;

	while ((line = strsep(&text, "\n")) != NULL) {
		if (strncmp(line, begin, strlen(begin)) == 0 && strrchr(line, ' ') != NULL)
			sum += atoll(strrchr(line, ' '));
	}
	return (sum);
}

/*
 * Their requests are worked on to the end: a write is never cancelled, and what was read of the request must still be
 * there when the answer comes.
 */
Test(restart, clients_who_leave_change_nothing, .timeout = 120)
{
	enum { CLIENTS = 100 };
	static const char	 holds[] = "ct_requests_total{method=\"POST\",route=\"/reservations/hold\"";
	struct schedule		 schedule = schedule_new(1, 1);
	struct user		 user = user_new();
	char			*token = become_active(&user, &schedule), *body;
	int64_t			 before = metric("reservation", holds);
	PGconn			*lock;
	int			 clients[CLIENTS], i;

	body = format("{\"scheduleId\":\"%s\",\"seatIds\":[\"%s\"]}", schedule.id, schedule.seats[0]);
	lock = keep_locked(format("SELECT platform.lock_user('%s')", user.id));
	for (i = 0; i < CLIENTS; i++)
		clients[i] = raw_send(atoi(setting("RESERVATION_PORT")), format("POST /reservations/hold HTTP/1.1\r\nHost: x\r\n"
		    "Authorization: Bearer %s\r\nX-Queue-Token: %s\r\nIdempotency-Key: %s\r\nIf-None-Match: \"%d\"\r\n"
		    "X-Request-Id: leaves-%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		    user.jwt, token, key_new(), i, i, strlen(body), body));
	/* And who asks for the metrics is one more. */
	wait_for(metric("reservation", "ct_requests_in_flight") > CLIENTS && *waiting_for(lock, "0") != '\0', 5);
	for (i = 0; i < CLIENTS; i++)
		(void)close(clients[i]);
	let_go(lock);
	wait_for(metric("reservation", holds) == before + CLIENTS, 20);
	cr_assert_str_eq(sql(format("SELECT count(*) FROM reservation.reservations WHERE user_id = '%s'", user.id)), "1");
	cr_assert_str_eq(seat_status(&schedule, 0), "HOLD");
}

/* Sends so many reads of the seat map with this If-None-Match, and waits until all are in hand. */
static void
read_seats(const struct schedule *schedule, const char *if_none_match, int *sockets, int count)
{
	int64_t	in_hand = metric("reservation", "ct_requests_in_flight");
	int	i;

	for (i = 0; i < count; i++)
		sockets[i] = raw_send(atoi(setting("RESERVATION_PORT")), format("GET /schedules/%s/seats HTTP/1.1\r\nHost: x\r\n"
		    "If-None-Match: %s\r\n\r\n", schedule->id, if_none_match));
	wait_for(metric("reservation", "ct_requests_in_flight") >= in_hand + count, 3);
}

/* Reads that wait for one answer: who has left by then has headers all the same, and not those of who came after. */
Test(restart, readers_who_leave_are_not_taken_for_those_who_come, .timeout = 120)
{
	enum { CLIENTS = 50 };
	static const char	 not_modified[] = "ct_requests_total{method=\"GET\",route=\"/schedules/{id}/seats\",status=\"3xx\"}";
	static const char	 modified[] = "ct_requests_total{method=\"GET\",route=\"/schedules/{id}/seats\",status=\"2xx\"}";
	struct schedule		 schedule = schedule_new(1, 1);
	int64_t			 before = metric("reservation", not_modified), before_modified = metric("reservation", modified);
	int			 gone[CLIENTS], there[CLIENTS], i;
	PGconn			*lock;

	/* The copy of the map that the schedule's making has left is given out for half a second. */
	pause_ms(600);
	lock = keep_locked("LOCK TABLE reservation.seats IN ACCESS EXCLUSIVE MODE");
	read_seats(&schedule, "*", gone, CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		(void)close(gone[i]);
	read_seats(&schedule, "x", there, CLIENTS);
	let_go(lock);
	wait_for(metric("reservation", not_modified) >= before + CLIENTS, 20);
	wait_for(metric("reservation", modified) >= before_modified + CLIENTS, 20);
	for (i = 0; i < CLIENTS; i++)
		(void)close(there[i]);
}

Test(restart, readyz_names_the_store_that_is_down, .timeout = 120)
{
	static const char *const	services[] = { "queue", "reservation" };
	struct reply			 reply;
	int				 i;

	cr_assert_eq(system(format("%s/ctl stop redis >/dev/null", setting("RUN_DIR"))), 0);
	for (i = 0; i < 2; i++) {
		wait_for((reply = http((struct call){ .base = direct(services[i]), .path = "/readyz" })).status == 503, 10);
		check_problem_body(&reply, "SERVICE_UNAVAILABLE");
		cr_assert_str_eq(text_at(reply.json, "stores.redis"), "down");
		cr_assert_str_eq(text_at(reply.json, "stores.postgres"), "up");
	}
	/* Only what needs it is out of use. */
	check_status(http((struct call){ .path = "/concerts?limit=1" }), 200);
	check_status(http((struct call){ .base = direct("reservation"), .path = "/livez" }), 200);
	cr_assert_eq(system(format("%s/ctl start redis >/dev/null", setting("RUN_DIR"))), 0);
	for (i = 0; i < 2; i++)
		wait_for(http((struct call){ .base = direct(services[i]), .path = "/readyz" }).status == 200, 30);
}
