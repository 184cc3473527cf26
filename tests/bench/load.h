/*
 * The base of the load generators: connections (client.c), timers (wheel.c), and time and JSON (util.c). crowd.c,
 * holds.c, callers.c and buyers.c have what users do. One process, one thread, epoll: the generator must cost less CPU
 * than the servers it measures. So it uses neither libcurl nor a JSON library, unlike the users in tests/lib/users.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- util.c --- */

/* Prints to standard error and ends the program with 1. */
void		 fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Microseconds since the first call; microseconds since 1970. */
uint64_t	 now_us(void);
uint64_t	 wall_us(void);

/* Returns the number in `text`, at most 100,000,000. Ends the program if it is not a number. */
unsigned	 number(const char *text);

/* Reads line `i` of the `count` JWTs on standard input. Ends the program if it is missing. */
void		 read_jwt(unsigned i, unsigned count, char *jwt_r, size_t size);

/* Returns the text after the first `"name":` in JSON, or NULL. */
const char	*member(const char *body, const char *name);

/* Returns the number there, or -1 if it is null or absent. */
int64_t		 number_member(const char *body, const char *name);

/* Copies the string there. Returns false if there is none, or it is longer than size - 1. */
bool		 text_member(const char *body, const char *name, char *text_r, size_t size);

/* --- wheel.c: each user, by number, sleeps, is due, or neither --- */

#define NOBODY	UINT32_MAX

/* Makes room for users 0 to count - 1. */
void		 wheel_init(unsigned count);

/* Makes user `id` due now, behind those already due; or at due_us, at most 40 s from now. */
void		 wheel_due_now(uint32_t id);
void		 wheel_sleep(uint32_t id, uint64_t due_us);

/* Makes all users due whose time has come. They are behind the users who are due already. */
void		 wheel_turn(uint64_t now);

/* The first due user, or NOBODY; the time since when `id` is due; removes the first due user. */
uint32_t	 wheel_first(void);
uint64_t	 wheel_due_us(uint32_t id);
void		 wheel_drop_first(void);

/* --- client.c: keep-alive HTTP/1.1 connections, one request at a time on each --- */

struct answer {
	int		 status;	/* 0: no answer, the connection was lost */
	const char	*body;		/* NUL-terminated, valid during the callback; truncated if long */
	size_t		 bytes;		/* of the whole HTTP answer */
	uint64_t	 sent_us;
	uint64_t	 got_us;
};

typedef void (*answer_cb)(unsigned user, const struct answer *answer);

/* Makes connections come from `count` loopback addresses in turn. Call it before client_open. */
void		 client_addresses(unsigned count);

/*
 * Opens `count` connections to http://host:port or https://host:port, without checking the certificate. `cb` runs once
 * for each client_send.
 */
void		 client_open(const char *url, unsigned count, answer_cb cb);

/* Sends for `user` on a free connection; false if none is free. Copies `text`. */
bool		 client_send(unsigned user, const char *text, size_t length);

/* Restricts client_send to connection `n`, counted from 0. No request may be in flight. */
void		 client_only(unsigned n);

/* For answers longer than 8 KiB. The body is appended to `body`, which grows up to `limit` bytes; with NULL it is dropped. */
struct long_body {
	char	*data;
	size_t	 length;
	size_t	 room;
	size_t	 limit;
};
bool		 client_send_long(unsigned user, const char *text, size_t length, struct long_body *body);

/* Waits up to timeout_ms for answers and calls back for each. */
void		 client_turn(int timeout_ms);

/* Makes full TLS handshakes on `count` connections until `until_us`. Returns their number. */
unsigned	 client_handshakes(unsigned count, uint64_t until_us);

/* Returns the number of requests without an answer. */
unsigned	 client_busy(void);

/* --- crowd.c --- */

struct crowd_settings {
	const char	*concert;
	const char	*schedule;
	unsigned	 count;		/* users; standard input has one JWT a line for each */
	unsigned	 over_s;	/* seconds over which the enter calls are spread evenly; 0: as fast as possible */
	bool		 stay;		/* only enter; otherwise poll until ACTIVE, then leave */
	double		 rate;		/* highest allowed number of admissions per second */
	unsigned	 tick_ms;
	unsigned	 ttl_s;		/* duration of ACTIVE */
	unsigned	 limit_s;	/* time limit of the run */
	const char	*out;		/* file for "JWT token" lines in the order of entering; NULL: none */
};

/* Runs the crowd and prints a report whose last line is RESULT and key=value pairs. Returns the number of errors. */
unsigned	 crowd_run(const struct crowd_settings *settings);

/* The callback for client_open. */
void		 crowd_answered(unsigned user, const struct answer *answer);

#endif
