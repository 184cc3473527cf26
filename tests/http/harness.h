/*
 * Helpers of the HTTP tests: calls through the real gateway or directly to a service (where one user's rate limit is
 * too low), users with tokens, and fixtures made through the public API. Settings of the stack come from the
 * environment with the names of deploy/settings/table; tests/run sets them. Returned memory lives until the test's process
 * ends. A helper that fails fails the test.
 */
#ifndef TESTS_HTTP_HARNESS_H
#define TESTS_HTTP_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <openssl/evp.h>

#include "../lib/jwt.h"

struct call {
	const char	*method;	/* NULL: GET, or POST if there is a body */
	const char	*path;
	const char	*jwt;		/* NULL: no Authorization header */
	const char	*queue_token;
	const char	*key;		/* Idempotency-Key */
	const char	*if_none_match;
	const char	*body;
	size_t		 body_length;	/* 0: strlen(body) */
	const char	*content_type;	/* NULL: application/json if there is a body */
	const char	*const *headers;	/* additional header lines, NULL-terminated */
	const char	*base;		/* NULL: the gateway; otherwise e.g. direct("queue") */
	bool		 keep_429;	/* return a 429 instead of waiting and repeating the call */
};

struct reply {
	long		 status;	/* 0: no answer */
	char		*body;
	size_t		 length;
	cJSON		*json;		/* NULL if the body is not JSON */
	char		*headers;
};

struct user {
	char		 id[UUID_TEXT];
	char		*jwt;
};

/* calls.c */
struct reply	 http(struct call call);
/* Sends all calls at once, each on its own connection. Replies are in the order of the calls. */
void		 http_all(const struct call *calls, struct reply *replies, size_t n);
const char	*header(const struct reply *reply, const char *name);	/* the value, or NULL */
char		*gunzipped(const struct reply *reply);	/* the uncompressed body; the caller frees it */
const char	*direct(const char *service);	/* "http://127.0.0.1:port" of instance 0 */
const char	*gateway(void);
char		*format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char	*setting(const char *name);	/* from the environment; fails the test if it is not set */
char		*read_file(const char *path);
/* Sends `bytes` on a raw TLS connection to the gateway. Returns all it receives until the gateway closes or `seconds` pass. */
char		*raw_tls(const char *bytes, size_t length, int seconds);
/* The same in plain TCP to a port of 127.0.0.1. `second` goes into a separate segment, after `first` is acknowledged. */
char		*raw_tcp(int port, const char *first, const char *second, int seconds);
/* Sends a whole request to a port of 127.0.0.1 and does not wait. Returns the socket, which the caller closes. */
int		 raw_send(int port, const char *request);
size_t		 count_of(const char *text, const char *needle);

/* json.c: a path like "seats.0.seatId" walks objects and arrays. The test fails if the value does not exist. */
const cJSON	*at(const cJSON *json, const char *path);
const char	*text_at(const cJSON *json, const char *path);
int64_t		 number_at(const cJSON *json, const char *path);
bool		 null_at(const cJSON *json, const char *path);
int		 length_at(const cJSON *json, const char *path);

#define check_status(reply, expected) \
	cr_assert_eq((reply).status, (expected), "status %ld, not %d: %s", (reply).status, \
	    (int)(expected), (reply).body)
/* Checks status, problem+json, code, that requestId equals the header's, and that Retry-After agrees with the body. */
#define check_problem(reply, expected, expected_code) do { \
	check_status(reply, expected); \
	check_problem_body(&(reply), expected_code); \
} while (0)
void		 check_problem_body(const struct reply *reply, const char *code);

/* users.c */
struct user	 user_new(void);
struct user	 operator_new(void);
/* Returns a JWT of exactly these JSON parts, signed HS256 with `secret` (NULL: the stack's secret). */
char		*jwt_of(const char *header_json, const char *payload_json, const char *secret);
/* Returns a JWT for `user`, signed ES256 with the private key of `pair`. */
char		*jwt_es256(EVP_PKEY *pair, const char *kid, const char *user);

/* fixtures.c */
struct schedule {
	char		 concert[UUID_TEXT];
	char		 id[UUID_TEXT];
	int		 seats_count;
	char		(*seats)[UUID_TEXT];	/* all seats in map order */
};
/* Makes an ON_SALE schedule that starts in a month: rows x per_row VIP seats at 150,000 and as many R seats at 100,000. */
struct schedule	 schedule_new(int rows, int per_row);
struct schedule	 schedule_with(const char *concert, const char *start_at, const char *end_at,
		     const char *sale_opens_at, const char *status, int rows, int per_row);
char		*concert_new(void);
char		*time_in(long seconds);	/* the time in `seconds`, RFC 3339 */
/* The calls that enter, hold_seats and pay make, for http_all; `base` as in struct call. */
struct call	 enter_call(const char *base, const struct user *user, const struct schedule *schedule);
struct call	 hold_call(const char *base, const struct user *user, const struct schedule *schedule,
		     const char *queue_token, int first_seat, int count);
struct call	 pay_call(const char *base, const struct user *user, const char *reservation, int64_t amount, const char *key);
struct reply	 enter(const struct user *user, const struct schedule *schedule);
/* Enters, waits until ACTIVE, and returns the queue token. */
char		*become_active(const struct user *user, const struct schedule *schedule);
/* Does the same for n users at once. */
void		 all_become_active(const struct user *users, char **tokens_r, int n, const struct schedule *schedule);
/* Calls at `base` (NULL: the gateway). queue_settings sets them as an operator, or reads them if `body` is NULL. */
struct reply	 queue_status(const char *base, const struct user *user, const char *token);
struct reply	 queue_settings(const char *base, const struct schedule *schedule, const char *body);
struct reply	 hold_seats(const struct user *user, const struct schedule *schedule,
		     const char *queue_token, int first_seat, int count);
/* Enters, becomes ACTIVE and holds. Returns the reservation's id. */
char		*hold_new(const struct user *user, const struct schedule *schedule, int first_seat,
		     int count, int64_t *amount_r);
struct reply	 charge(const struct user *user, int64_t amount, const char *key);
struct reply	 pay(const struct user *user, const char *reservation, int64_t amount, const char *key);
int64_t		 place_of(const char *queue_token);	/* its sequence number */
int64_t		 unix_ms_of(const char *time);		/* of a time of the API */
struct reply	 cancel_reservation(const struct user *user, const char *reservation);
struct reply	 cancel_with_key(const struct user *user, const char *reservation, const char *key);
char		*key_new(void);
const char	*seat_status(const struct schedule *schedule, int seat);
int64_t		 balance(const struct user *user);

/* stack.c: supervisor's commands, e.g. "stop redis". Tests signal only their own programs and those that supervisor's files name. */
void		 ctl(const char *command);
pid_t		 pid_of(const char *program);
pid_t		 worker_of(const char *program);	/* the first Kore worker */
void		 kill_workers(const char *program);
/* Returns what a shell command prints to its standard output, at most 64 KiB. The exit status does not matter. */
char		*output_of(const char *command);
/* Returns the beginning of a command line: redis-cli as the Redis user `operator`, at a port of 127.0.0.1. */
char		*redis_cli(int port);

/* database.c: the stack's PostgreSQL as superuser, for what the API does not show or cannot do. */
PGconn		*superuser(void);
char		*sql(const char *query);	/* first column of the first row, "" if none */
/* Returns a transaction that has run `query` and keeps its locks until release_lock. */
PGconn		*take_lock(const char *query);
/* Returns the pid of a backend that waits for `lock` and whose statement began at least `seconds` ago; "" if none. */
char		*backend_waiting_for(PGconn *lock, const char *seconds);
void		 release_lock(PGconn *lock);

/*
 * sed's script for the users of a Redis of a test's own (deploy/redis/users): services there have no right to the stream of events, so
 * that they do not relay the stack's events to it. They keep EVAL, with which they ask whether Redis takes writes.
 */
#define USERS_WITHOUT_EVENTS	"s/ (~events [^)]*)/ (+eval)/"

/* Moves the end of a hold and of its seats to now + `from_now`, an interval that may be negative. */
void		 set_hold_end(const char *reservation, const char *from_now);

/* metrics.c: one sample of a program, 0 if there is none; the sum of a service's samples whose lines begin with `begin`. */
double		 metric(const char *base, const char *name);
int64_t		 metric_sum(const char *service, const char *begin);

/*
 * extra_service.c: starts one more instance of a service with other settings ("NAME=value", at most EXTRA_SETTINGS,
 * NULL-terminated), which the test calls directly. One test at a time uses a port; others wait. extra_point_start chooses
 * one of two ports (`number` 0 or 1).
 */
#define EXTRA_SETTINGS	8
struct extra_service {
	pid_t	 pid;
	char	*base;
};
struct extra_service	 extra_service_start(const char *service, int port, const char *const *settings);
struct extra_service	 extra_point_start(int number, const char *const *settings);
/* The same, but it need not be ready yet. */
struct extra_service	 extra_point_begin(int number, const char *const *settings);
void			 extra_service_stop(const struct extra_service *extra);

/* Repeats until `condition` holds. At the deadline it fails the test and prints the condition. */
#define wait_for(condition, seconds) do { \
	int64_t deadline_ = now_ms() + (int64_t)(seconds) * 1000; \
	while (!(condition)) { \
		cr_assert(now_ms() < deadline_, "waited %d s for: %s", (int)(seconds), #condition); \
		pause_ms(50); \
	} \
} while (0)
/* The same for what a program of the test's own must do. If it ends or does not do it, the test fails with the end of its log. */
#define wait_for_program(condition, pid, log) do { \
	int64_t deadline_ = now_ms() + 60000; \
	while (!(condition)) { \
		cr_assert_not(program_has_ended(pid), "the program has ended: %s", log_end(log)); \
		cr_assert(now_ms() < deadline_, "waited 60 s for: %s; the program runs: %s", #condition, log_end(log)); \
		pause_ms(50); \
	} \
} while (0)
bool		 program_has_ended(pid_t pid);	/* it is a child of this process; 0: an unknown one */
const char	*log_end(const char *path);	/* the last 300 bytes */
int64_t		 now_ms(void);
void		 pause_ms(int ms);	/* between two checks of a condition, never instead of one */

#endif
