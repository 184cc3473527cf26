/*
 * Many people at once: their connections (client.c) and what each of them does
 * (crowd.c). One process, one thread, epoll.
 */
#ifndef BENCH_PEOPLE_H
#define BENCH_PEOPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Prints to standard error and ends the program with 1. */
void		 fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Microseconds: since the program began, and Unix time. */
uint64_t	 now_us(void);
uint64_t	 wall_us(void);

/* --- client.c: keep-alive HTTP/1.1 connections, one request at a time on each --- */

struct answer {
	int		 status;	/* 0: none came, the connection was lost */
	const char	*body;		/* NUL-terminated, valid during the callback */
	uint64_t	 sent_us;
	uint64_t	 got_us;
};

typedef void (*answer_cb)(unsigned user, const struct answer *answer);

/*
 * Opens `count` connections to http://host:port or https://host:port (TLS
 * without looking at the certificate). `cb` runs once for each client_send.
 */
void		 client_open(const char *url, unsigned count, answer_cb cb);

/* Sends for `user` on a free connection; false if there is none now. `text` is copied. */
bool		 client_send(unsigned user, const char *text, size_t length);

/* Waits up to timeout_ms for answers and calls back for them. */
void		 client_turn(int timeout_ms);

/* Requests without an answer yet. */
unsigned	 client_busy(void);

/* --- crowd.c --- */

struct crowd_settings {
	const char	*concert;
	const char	*schedule;
	unsigned	 count;		/* people; one JWT a line on standard input for each */
	unsigned	 over_s;	/* enter evenly spread over so many seconds; 0: as fast as goes */
	bool		 stay;		/* enter only; else poll until ACTIVE, then leave */
	double		 rate;		/* admissions a second that must not be exceeded */
	unsigned	 tick_ms;
	unsigned	 ttl_s;		/* how long ACTIVE lasts */
	unsigned	 limit_s;	/* give up after so long */
	const char	*out;		/* file for "JWT token" lines in order of entering; NULL: none */
};

/* Runs the crowd and prints what happened; the last line is RESULT and key=value pairs. Returns errors seen. */
unsigned	 crowd_run(const struct crowd_settings *settings);

/* The callback for client_open. */
void		 crowd_answered(unsigned user, const struct answer *answer);

#endif
