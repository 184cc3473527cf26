/*
 * Whole requests without sockets. kore.c replaces Kore, and stores.c replaces PostgreSQL, Redis and the card provider. The
 * library and the four services are real.
 */
#ifndef FUZZ_REQUESTS_H
#define FUZZ_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The answer on the connection. */
struct answer {
	int		 status;	/* 0: no answer */
	char		*head;		/* header lines; freed by answer_free */
	char		*body;
	size_t		 body_length;
	unsigned	 store_calls;	/* calls to stores that the request made */
};

/* requests.c: sets up settings, services and routes, once. */
void		 requests_start(void);

/*
 * Sends a request and runs all calls until it is answered:
 *
 *	METHOD /path?query
 *	Name: value
 *	(empty line)
 *	body
 *
 * "Bearer USER" and "Bearer OPERATOR" are replaced by valid tokens, and the X-Queue-Token "PLACE" by a token of that user.
 * `seed` decides the stores' answers. With `leaves` the client disconnects before the answer. Returns false if Kore itself
 * would refuse the request.
 */
bool		 requests_send(const char *text, size_t length, uint32_t seed, bool leaves, struct answer *answer_r);
void		 answer_free(struct answer *answer);

/* Checks the rules for all answers. */
void		 check_answer(const struct answer *answer, bool is_head);
bool		 answer_has(const struct answer *answer, const char *line);
bool		 answer_is_problem(const struct answer *answer, const char *code);

/* kore.c */
bool		 kore_send(const char *text, size_t length, bool leaves, struct answer *answer_r);
extern const char *(*kore_value)(const char *name, const char *value);	/* replaces header values: tokens */

/* stores.c */
void		 stores_seed(uint32_t seed);
bool		 stores_turn(void);	/* runs one turn of the loop; false: there was nothing to do */
void		 stores_wait(void);	/* lets one second pass: calls the periodic functions */
extern unsigned	 stores_calls;
extern char	 stores_last[128];	/* the last SQL function called */
extern char	 stores_argument[512];	/* its first argument */

#endif
