/*
 * What the tests of the queue's Redis functions are written with: a private,
 * empty Redis on 127.0.0.1:REDIS_PORT with the library of queue.lua loaded,
 * one schedule, users by number, and a clock the test sets.
 *
 * Every test begins with a Redis emptied (FLUSHALL) and the clock at T0. Tests
 * run one at a time: they share that Redis.
 */
#ifndef TESTS_REDIS_QUEUE_H
#define TESTS_REDIS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>

#include "ct/queue_store.h"
#include "line.h"

#define T0		INT64_C(1900000000000000)	/* microseconds */
#define MS		INT64_C(1000)
#define SECOND		INT64_C(1000000)
#define MINUTE		(60 * SECOND)
#define CLOSED		INT64_C(-1)	/* as `closes`: the sale lets nobody in */

/* What the service passes as its settings; a test may change them before it calls. */
struct settings {
	int64_t		patience, settle, tick;		/* microseconds */
	int64_t		max_active, admit, max_waiting, ttl;
	int64_t		closes;		/* until when the sale lets people in (us); 0: tick is not told; CLOSED */
};
extern struct settings	settings;

/* A place as the functions answer it. `state` is WAITING, ACTIVE, ... */
struct place {
	char		state[24];
	int64_t		seq, epoch, position, active_until_ms, wait;
	bool		is_new;
	bool		paused;		/* the mode, as it heads the answer */
};

struct round {
	int64_t		waiting, active, admitted, expired, abandoned, epoch;
	int64_t		last, admitted_to, ended, speed;	/* speed: a thousandth of a person a second */
	size_t		waits;		/* of how many the wait was noted */
	int64_t		told_ms[256], waited_ms[256];
};

struct control {
	char		mode[16];
	int64_t		max_active, admit, max_waiting, ttl;
	int64_t		waiting, active, admitted, used, expired;
	char		updated_by[64];
	int64_t		updated_at_ms;
	int64_t		revision;
	char		set[5][16];	/* mode, max_active, admit, max_waiting, ttl; "": not set */
};

/*
 * What the database remembers of the queue, here as the last tick and the last
 * control_set have it; a queue that begins is given it. A test may forget it.
 */
struct memory {
	int64_t		epoch, last, admitted_to, ended;
	struct control	control;
};
extern struct memory	memory;

extern redisContext	*store;
/* In a cluster: the connection to the node at `port`, which is where a call is said to belong. */
extern redisContext	*(*store_moved)(int port);
extern struct ct_uuid	 schedule;

/* fixture.c */
void		 queue_setup(void);		/* .init of every suite */
void		 queue_teardown(void);
void		 clock_set(int64_t us);
void		 clock_real(void);
int64_t		 clock_pass(int64_t us);	/* moves it on; the new time */
void		 store_lose(void);		/* empties Redis; library, clock and memory stay */
void		 store_keep(void);		/* what the store has now is in its file */
void		 store_restart(void);		/* another server goes on with that file, whatever was since */
redisContext	*store_connect(void);
char		*library_text(void);		/* queue.lua */

/* enter, status, tick and control_set begin the queue where it has to, as the service does. */
bool		 begin(void);
struct place	 enter(int user);
struct place	 enter_sale_at(int user, int64_t opens);
struct place	 enter_drawn(int user, int64_t opens, int64_t drawn);
struct place	 status(int user, struct place place);
/* The same when the sale opens at `opens`, with a draw then; `unused`: the database was asked. */
struct place	 status_with(int user, struct place place, int64_t opens, bool unused, bool draw);
bool		 leave(int user, struct place place);
enum ct_queue_state	 check(int user, struct place place);
/* As the reservation service does it; the next call of the queue service takes the place out of the line. */
enum ct_queue_state	 note_use(int user, struct place place);
/* Both. */
enum ct_queue_state	 use(int user, struct place place);
struct round	 tick(void);
struct control	 control_get(void);
/* Brings a worker's copy of the line up to date. */
enum line_state	 line_read(struct line *line);
struct control	 control_set(const char *by, const char *field, const char *value);

/* Enters users from..to-1, in that order, in one pipeline. */
void		 enter_many(int from, int to);
/* Ticks every `every` microseconds for `time`; how many were admitted. */
int64_t		 tick_for(int64_t time, int64_t every);

/* For tests that send by themselves. */
void		 command_enter(struct ct_queue_command *command, int user);
void		 command_tick(struct ct_queue_command *command);
redisReply	*send_command(const struct ct_queue_command *command);
void		 append_command(redisContext *to, const struct ct_queue_command *command);
/* The i-th person's answer of enter or status; `asked` is the place it was about, NULL: entering. */
struct place	 place_at(const redisReply *reply, size_t i, const struct place *asked);
/* Several people in one command. */
void		 command_enter_begin(struct ct_queue_command *command, int64_t opens);
void		 command_enter_user(struct ct_queue_command *command, int user, int64_t drawn);
void		 command_status_begin(struct ct_queue_command *command, int64_t opens, bool unused, bool draw);
void		 command_status_place(struct ct_queue_command *command, int user, struct place place);
int64_t		 number_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define check_state(place, expected) \
	cr_assert_str_eq((place).state, expected)

#endif
