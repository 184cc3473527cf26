/*
 * What the HTTP tests are written with: calls through the real gateway (or
 * straight at a service, where a test needs more than one user's rate), users
 * with tokens, and fixtures made through the public API.
 *
 * The stack's settings come from the environment (the same names as in
 * deploy/local/env); tests/run sets them. Everything returned lives until the
 * test's process ends. A helper that cannot do its work fails the test.
 */
#ifndef TESTS_HTTP_HARNESS_H
#define TESTS_HTTP_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <libpq-fe.h>
#include <openssl/evp.h>

#define UUID_TEXT	37

struct call {
	const char	*method;	/* NULL: GET, or POST if there is a body */
	const char	*path;
	const char	*jwt;		/* NULL: no Authorization */
	const char	*queue_token;
	const char	*key;		/* Idempotency-Key */
	const char	*if_none_match;
	const char	*body;
	size_t		 body_length;	/* 0: strlen(body) */
	const char	*content_type;	/* NULL: application/json where there is a body */
	const char	*const *headers;	/* more header lines, NULL-terminated */
	const char	*base;		/* NULL: the gateway; else direct("queue") and so on */
	bool		 keep_429;	/* do not wait and repeat what the gateway's rate limit refused */
};

struct reply {
	long		 status;	/* 0: no answer */
	char		*body;
	size_t		 length;
	cJSON		*json;		/* NULL if the body is none */
	char		*headers;
};

struct user {
	char		 id[UUID_TEXT];
	char		*jwt;
};

/* calls.c */
struct reply	 http(struct call call);
/* All at once, each on its own connection; replies in the order of the calls. */
void		 http_all(const struct call *calls, struct reply *replies, size_t n);
const char	*header(const struct reply *reply, const char *name);	/* value or NULL */
char		*unpacked(const struct reply *reply);	/* the text in a gzip body; to be freed */
const char	*direct(const char *service);	/* "http://127.0.0.1:port" of instance 0 */
const char	*gateway(void);
char		*format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char	*setting(const char *name);	/* from the environment; must be there */
char		*read_file(const char *path);
/* Sends `bytes` on a raw TLS connection to the gateway; all that comes back until it closes or `seconds` pass. */
char		*raw_tls(const char *bytes, size_t length, int seconds);
/* The same in plain TCP to a port of 127.0.0.1, in two segments with a pause until the first is acknowledged. */
char		*raw_tcp(int port, const char *first, const char *second, int seconds);
/* Sends a whole request to a port of 127.0.0.1 and waits for nothing; the socket, which the caller closes. */
int		 raw_send(int port, const char *request);
size_t		 count_of(const char *text, const char *needle);

/* json.c: "seats.0.seatId" walks objects and arrays; the test fails if it is not there. */
const cJSON	*at(const cJSON *json, const char *path);
const char	*text_at(const cJSON *json, const char *path);
int64_t		 number_at(const cJSON *json, const char *path);
bool		 null_at(const cJSON *json, const char *path);
int		 length_at(const cJSON *json, const char *path);

#define check_status(reply, expected) \
	cr_assert_eq((reply).status, (expected), "status %ld, not %d: %s", (reply).status, \
	    (int)(expected), (reply).body)
/* problem+json with this status and code, a request id equal to the header's, Retry-After as said. */
#define check_problem(reply, expected, expected_code) do { \
	check_status(reply, expected); \
	check_problem_body(&(reply), expected_code); \
} while (0)
void		 check_problem_body(const struct reply *reply, const char *code);

/* users.c */
struct user	 user_new(void);
struct user	 operator_new(void);
void		 uuid_new(char text_r[UUID_TEXT]);
/* A JWT of these exact JSON parts, signed HS256 with `secret` (NULL: the stack's). */
char		*jwt_of(const char *header_json, const char *payload_json, const char *secret);
/* One of the user's, signed ES256 with the private key of `pair`. */
char		*jwt_es256(EVP_PKEY *pair, const char *kid, const char *user);

/* fixtures.c */
struct schedule {
	char		 concert[UUID_TEXT];
	char		 id[UUID_TEXT];
	int		 seats_count;
	char		(*seats)[UUID_TEXT];	/* all, in map order */
};
/* An ON_SALE schedule a month ahead: VIP rows x per_row at 150,000, R the same at 100,000. */
struct schedule	 schedule_new(int rows, int per_row);
struct schedule	 schedule_with(const char *concert, const char *start_at, const char *end_at,
		     const char *sale_opens_at, const char *status, int rows, int per_row);
char		*concert_new(void);
char		*time_in(long seconds);	/* ISO time now + seconds */
struct reply	 enter(const struct user *user, const struct schedule *schedule);
/* Enters and waits until ACTIVE; the queue token. */
char		*become_active(const struct user *user, const struct schedule *schedule);
/* The same of many at once. */
void		 all_become_active(const struct user *users, char **tokens_r, int n, const struct schedule *schedule);
struct reply	 hold_seats(const struct user *user, const struct schedule *schedule,
		     const char *queue_token, int first_seat, int count);
/* Enters, becomes ACTIVE and holds; the reservation's id. */
char		*held(const struct user *user, const struct schedule *schedule, int first_seat,
		     int count, int64_t *amount_r);
struct reply	 charge(const struct user *user, int64_t amount, const char *key);
struct reply	 pay(const struct user *user, const char *reservation, int64_t amount, const char *key);
char		*key_new(void);
const char	*seat_status(const struct schedule *schedule, int seat);
int64_t		 balance(const struct user *user);

/* database.c: as the superuser, for what no API shows (time, restarts, counts). */
PGconn		*superuser(void);
char		*sql(const char *query);	/* first column of the first row, "" if none */
/* A transaction that has run `query` and keeps its locks until let_go. */
PGconn		*keep_locked(const char *query);
/* A process whose statement has gone on for so many seconds and waits for what is locked there; "" if none does. */
char		*waiting_for(PGconn *lock, const char *seconds);
void		 let_go(PGconn *lock);

/*
 * beside.c: a point service with other settings ("NAME=value", at most five, NULL-terminated), which the test asks
 * directly. One at a time of each number (0, 1): a second one waits for the first.
 */
struct beside {
	pid_t	 pid;
	char	*base;
};
struct beside	 beside_start(int number, const char *const *settings);
void		 beside_stop(const struct beside *beside);

/* Repeats until `condition` or the deadline; fails the test saying what it waited for. */
#define wait_for(condition, seconds) do { \
	int64_t deadline_ = now_ms() + (int64_t)(seconds) * 1000; \
	while (!(condition)) { \
		cr_assert(now_ms() < deadline_, "waited %d s for: %s", (int)(seconds), #condition); \
		pause_ms(50); \
	} \
} while (0)
int64_t		 now_ms(void);
void		 pause_ms(int ms);	/* between two looks at a condition, never instead of one */

#endif
