/*
 * Simulated users of the fault tests and the money tests. Each user buys and gives back tickets with one or two calls at
 * a time, while parts of the system fail. A history file records every request and its answer. A user repeats a call
 * without a definite answer, with the same key, until the answer is definite. Some holds have no key. Some users give
 * up a call that was answered "not done".
 *
 * One process, one thread. main.c reads the options and runs all users, requests.c has the requests that all users make,
 * calls.c sends, repeats and records calls. Each test adds the plan of its users: tests/fault/plans.c,
 * tests/money/purchases.c.
 *
 * The benchmarks have load generators of their own (tests/bench/load.h): they measure latencies of hundreds of thousands
 * of requests, which libcurl and a JSON tree for each answer would distort.
 */
#ifndef TESTS_LIB_USERS_H
#define TESTS_LIB_USERS_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>

#include "../jwt.h"

#define TOKEN_TEXT	208

enum kind { ENTER, STATUS, HOLD, CHARGE, PAY, CANCEL, KINDS };

struct user;

/* One request. It is repeated until its answer is definite, or given up after an answer "not done". */
struct call {
	struct user	*user;
	enum kind	 kind;
	char		 key[UUID_TEXT];	/* "": no Idempotency-Key */
	char		 path[96];
	char		 body[384];		/* "": no body */
	char		 reservation[UUID_TEXT];
	char		 token[TOKEN_TEXT];

	/* The definite answer, once user->open no longer counts the call. */
	int		 status;		/* 0: there is none */
	char		 code[48];		/* of a problem document */
	cJSON		*json;

	/* calls.c */
	bool		 waits_again;		/* the token waits again, so the next try is a status call */
	unsigned	 tries;
	unsigned	 unknowns;		/* tries whose outcome is unknown */
	int64_t		 sent_us;		/* first try; all times are Unix time */
	int64_t		 answered_us;
	int64_t		 due_us;		/* next try; 0: in flight or done */
	CURL		*curl;
	struct curl_slist *headers;
	char		*text;
	size_t		 length;
	struct call	*next;			/* in the list of calls that wait for their next try */
};

enum step { OUTSIDE, WAITING, ACTIVE, HOLDING, SHORT_OF_POINTS, PAYING, PAID, DONE };

struct user {
	char		 id[UUID_TEXT];
	char		*authorization;	/* "Bearer JWT" */
	int		 direct;	/* instance of the services that the user calls directly; -1: a gateway */
	unsigned	 gateway;	/* the gateway that the user calls: the other one after a call without an answer */
	uint64_t	 random;
	enum step	 step;
	int64_t		 due_us;	/* the earliest time of the next step */
	unsigned	 open;		/* calls without a definite answer */
	unsigned	 made;		/* calls of this step: calls[0] to calls[made - 1] */
	struct call	 calls[3];

	char		 token[TOKEN_TEXT];
	char		 reservation[UUID_TEXT];
	int64_t		 amount;
	int64_t		 expires_us;
	int64_t		 balance;	/* by the answers */
	unsigned	 attempts;
	unsigned	 plan;
};

struct settings {
	const char	*concert;
	const char	*schedule;
	char		(*seats)[UUID_TEXT];
	unsigned	 seats_count;
	unsigned	 same;		/* percentage of holds that want the first few seats */
	unsigned	 dead;		/* percentage of holds that are paid or cancelled after they expired */
	unsigned	 doubled;	/* percentage of tokens that are used for two holds at once */
	unsigned	 hoard;		/* percentage of holds that a user leaves unpaid, to ask for the next one at once */
	const char	*gateways[2];	/* base URLs; the second one is NULL without --other-gateway */
	const char	*certificate;
	const char	*services[KINDS][2];	/* base URLs of the two instances that answer this kind of call */
};
extern struct settings	settings;

/* main.c */
int64_t		 now_us(void);
void		 fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
unsigned	 dice(struct user *user, unsigned sides);	/* a random number from 0 to sides - 1 */

/*
 * Each test defines its own: it reads the answers of the user's calls and starts the next step. It is called while
 * the user has no open call. `last`: the time is over, so start nothing new.
 */
void		 user_next(struct user *user, bool last);

/* requests.c */
void		 user_pause(struct user *user, unsigned from_ms, unsigned to_ms);	/* a random time before the next step */
void		 user_enter(struct user *user);
void		 user_poll(struct user *user);		/* status call */
void		 user_cancel(struct user *user);	/* the user's reservation */
void		 user_take_ticket(struct user *user);	/* the answer of user_enter or user_poll */
const char	*answer_text(const struct call *call, const char *name);	/* "" if there is none */
int64_t		 answer_number(const struct call *call, const char *name);	/* 0 if there is none */
int64_t		 answer_refund(const struct call *call);			/* refund.amount, 0 if there is none */
int64_t		 answer_time_us(const struct call *call, const char *name);

/* calls.c */
void		 calls_init(const char *history);
/* Prepares user->calls[made++]; the caller fills it in and sends it. A copy has the same key: it repeats the request. */
struct call	*call_new(struct user *user, enum kind kind, bool with_key);
struct call	*call_copy(struct user *user, const struct call *first);
void		 call_send(struct call *call);
/* Frees the calls of the finished step. */
void		 calls_done(struct user *user);
/* Sends and receives for up to timeout_ms. */
void		 calls_turn(int timeout_ms);
/* Records open calls as never answered and prints the totals. */
void		 calls_end(struct user *users, unsigned count);

#endif
