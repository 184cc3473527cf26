/*
 * People who buy and give back tickets while things break, each with one or two
 * calls at a time. What they asked and what they were told is written down; what
 * they were not told they ask again, with the same key, until they know. Some
 * holds have no key, and are asked again without; some people give up what was
 * said not to have been done.
 * One process, one thread: people.c is the clock, plans.c what people do,
 * calls.c how a call is made, repeated and recorded.
 */
#ifndef FAULT_PEOPLE_H
#define FAULT_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <curl/curl.h>

#define UUID_TEXT	37
#define TOKEN_TEXT	208

enum kind { ENTER, STATUS, HOLD, CHARGE, PAY, CANCEL, KINDS };

struct person;

/* One request, tried until its answer is definite, or given up when it was certainly not done. */
struct call {
	struct person	*person;
	enum kind	 kind;
	char		 key[UUID_TEXT];	/* "": without one */
	char		 path[96];
	char		 body[384];		/* "": a GET, or a POST without one */
	char		 reservation[UUID_TEXT];
	char		 token[TOKEN_TEXT];

	/* The answer, once person->open counts it no more. */
	int		 status;		/* 0: none came */
	char		 code[48];		/* of a problem */
	cJSON		*json;

	/* calls.c */
	bool		 in_line;		/* the token waits again: the next try asks for its status first */
	unsigned	 tries;
	unsigned	 unknowns;		/* tries that may or may not have happened */
	int64_t		 sent_us;		/* first try; Unix time, as all times here */
	int64_t		 answered_us;
	int64_t		 due_us;		/* next try; 0: in flight or done */
	CURL		*curl;
	struct curl_slist *headers;
	char		*text;
	size_t		 length;
	struct call	*next;			/* among those that wait for their next try */
};

enum step { OUTSIDE, IN_LINE, INSIDE, HOLDING, SHORT, PAYING, PAID, GONE };

struct person {
	char		 id[UUID_TEXT];
	char		 authorization[512];
	int		 direct;	/* calls this instance of the services itself; -1: the gateway */
	uint64_t	 random;
	enum step	 step;
	int64_t		 due_us;	/* no next step before it */
	unsigned	 open;		/* calls without a definite answer */
	unsigned	 made;		/* calls of this step: calls[0] to calls[made - 1] */
	struct call	 calls[3];

	char		 token[TOKEN_TEXT];
	char		 reservation[UUID_TEXT];
	int64_t		 amount;
	int64_t		 expires_us;
	int64_t		 balance;	/* as told */
	unsigned	 attempts;
	unsigned	 plan;
};

struct settings {
	const char	*concert;
	const char	*schedule;
	char		(*seats)[UUID_TEXT];
	unsigned	 seats_count;
	unsigned	 same;		/* of 100 holds, so many are for the first seats */
	unsigned	 dead;		/* of 100 holds, so many are paid or cancelled after they have run out */
	unsigned	 doubled;	/* of 100 tokens, so many are used for two holds at once */
	unsigned	 hoard;		/* percentage of holds that a user leaves unpaid, to ask for the next one at once */
	const char	*gateway;
	const char	*certificate;
	const char	*services[KINDS][2];	/* base URLs of the service that answers it */
};
extern struct settings	settings;

/* people.c */
int64_t		 now_us(void);
void		 fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
unsigned	 dice(struct person *person, unsigned sides);	/* 0 to sides - 1 */

/* plans.c: what this person does next; called when nothing of his is open. `last`: nothing new is begun. */
void		 person_next(struct person *person, bool last);

/* calls.c */
void		 calls_init(const char *history);
/* Makes person->calls[made++] ready, to be filled in; then sends it. A copy has the same key: a repetition. */
struct call	*call_new(struct person *person, enum kind kind, bool with_key);
struct call	*call_copy(struct person *person, const struct call *first);
void		 call_send(struct call *call);
/* The step's calls are over. */
void		 calls_done(struct person *person);
/* Carries on with all calls for up to timeout_ms. */
void		 calls_turn(int timeout_ms);
/* What is still open is recorded as never answered; prints what happened, in numbers. */
void		 calls_end(struct person *people, unsigned count);

#endif
