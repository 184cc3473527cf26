/*
 * The fixture of the tests of the queue's Redis functions: a private Redis on 127.0.0.1:REDIS_PORT with the users of
 * deploy/redis and the library loaded, one schedule, users by number, and a clock that the test sets. Each function is
 * called with the rights of the service that calls it. Every test begins with an empty Redis and the clock at T0. Tests
 * run one at a time, because they share that Redis.
 */
#ifndef TESTS_REDIS_QUEUE_H
#define TESTS_REDIS_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>

#include "queue_answers.h"
#include "queue_client/queue_store.h"

#define T0		INT64_C(1900000000000000)	/* microseconds */
#define MS		INT64_C(1000)
#define SECOND		INT64_C(1000000)
#define MINUTE		(60 * SECOND)
#define CLOSED		INT64_C(-1)	/* for `closes`: the sale is not open */

/* The settings that the service passes. A test may change them before a call. */
struct settings {
	int64_t		patience, settle, tick;		/* microseconds */
	int64_t		max_active, admit, max_waiting, ttl;
	int64_t		closes;		/* the end of the sale (us), or CLOSED; 0: tick gets no such argument */
	int64_t		share;		/* users per 1,000 s; only with closes. 0: tick gets no such argument */
};
extern struct settings	settings;

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
 * The recovery state that the database would have: from the answers of the last tick and the last control_set. begin
 * passes it. A test may clear it.
 */
struct memory {
	int64_t		generation, last, admitted_to, ended;
	struct control	control;
};
extern struct memory	memory;

/* The sampled waits of the last tick. */
extern struct tick_waits	tick_waits;

/* Connections as Redis' users: the queue service, the reservation service, and the tests' own commands. */
extern redisContext	*store;
extern redisContext	*reservation;
extern redisContext	*operator;
/* In a cluster: returns the connection to the node at `port`, which the answer MOVED names. */
extern redisContext	*(*store_moved)(int port);
extern struct ct_uuid	 schedule;

/* fixture.c */
void		 queue_setup(void);		/* .init of every suite */
void		 queue_teardown(void);
void		 clock_set(int64_t us);
void		 clock_real(void);
int64_t		 clock_pass(int64_t us);	/* moves the clock on; returns the new time */
void		 store_lose(void);		/* empties Redis; the library, the clock and `memory` stay */
void		 store_keep(void);		/* saves the keys, as Redis' file would have them */
void		 store_restart(void);		/* another Redis process continues with the saved keys */
/* The same process does, which was a replica meanwhile. No call came to the master in between. */
void		 store_master_again(void);
redisContext	*store_connect(const char *user);	/* NULL: without a user */
char		*library_text(void);		/* of build/queue.lua */

/* enter, status, tick and control_set call begin after NEW, as the service does. */
bool		 begin(void);
struct place	 enter(int user);
struct place	 enter_sale_at(int user, int64_t opens);
struct place	 enter_drawn(int user, int64_t opens, int64_t drawn);
struct place	 status(int user, struct place place);
/*
 * The same for a sale that opens at `opens`, with or without a draw. `unused`: the database says that no hold was made.
 */
struct place	 status_with(int user, struct place place, int64_t opens, bool unused, bool draw);
bool		 leave(int user, struct place place);
enum ct_queue_state	 check(int user, struct place place);
/* Calls queue3_use, as the reservation service does. The next call of the queue service removes the place. */
enum ct_queue_state	 note_use(int user, struct place place);
/* Does both. */
enum ct_queue_state	 use(int user, struct place place);
struct tick_answer	 tick(void);
struct control	 control_get(void);
struct control	 control_set(const char *by, const char *field, const char *value);

/* Enters users from..to-1, in that order, in one pipeline. */
void		 enter_many(int from, int to);
/* Ticks every `every` microseconds for `time`. Returns how many users were admitted. */
int64_t		 tick_for(int64_t time, int64_t every);
/* The user enters and leaves many times. All of these tokens are of the generation that is lost later. */
#define STASH	20
void		 stash(int user, struct place place_r[STASH]);
/* The user waits, is admitted, and the turn ends. */
void		 has_a_turn(int user, struct place place);

/* For tests that send commands themselves. */
void		 command_enter(struct ct_queue_command *command, int user);
void		 command_tick(struct ct_queue_command *command);
redisReply	*send_command(const struct ct_queue_command *command);
void		 append_command(redisContext *to, const struct ct_queue_command *command);
/* The i-th user's answer of enter or status; `asked` is the place that it was about, NULL for enter. */
struct place	 place_at(const redisReply *reply, size_t i, const struct place *asked);
/* Commands about several users. */
void		 command_enter_begin(struct ct_queue_command *command, int64_t opens);
void		 command_enter_user(struct ct_queue_command *command, int user, int64_t drawn);
void		 command_status_begin(struct ct_queue_command *command, int64_t opens, bool unused, bool draw);
void		 command_status_place(struct ct_queue_command *command, int user, struct place place);
int64_t		 number_of(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define check_state(place, expected) \
	cr_assert_str_eq(queue_answers_state_name((place).state), expected)

#endif
