/*
 * Whole requests without sockets: Kore's part of the edge (kore.c) and the
 * stores (stores.c) are stand-ins; the library and the four services are real.
 */
#ifndef FUZZ_REQUESTS_H
#define FUZZ_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The answer on the connection. */
struct answer {
	int		 status;	/* 0: nothing */
	char		*head;		/* header lines; freed by answer_free */
	char		*body;
	size_t		 body_length;
	unsigned	 store_calls;	/* that the request led to */
};

/* requests.c: settings, services and routes; once. Names in requests stand for tokens: see below. */
void		 requests_start(void);

/*
 * Sends a request and runs everything until it is answered:
 *
 *	METHOD /path?query
 *	Name: value
 *	(empty line)
 *	body
 *
 * "Bearer USER" and "Bearer OPERATOR" stand for tokens in force, an X-Queue-Token
 * PLACE for one of that user's. `seed` decides what the stores answer. The client
 * leaves before the answer if `leaves`. Returns false if Kore would not have
 * handed the request on.
 */
bool		 requests_send(const char *text, size_t length, uint32_t seed, bool leaves, struct answer *answer_r);
void		 answer_free(struct answer *answer);

/* The rules for every answer to every request. */
void		 check_answer(const struct answer *answer, bool is_head);
bool		 answer_has(const struct answer *answer, const char *line);
bool		 answer_is_problem(const struct answer *answer, const char *code);

/* kore.c */
bool		 kore_send(const char *text, size_t length, bool leaves, struct answer *answer_r);
extern const char *(*kore_value)(const char *name, const char *value);	/* what a header's value stands for */

/* stores.c */
void		 stores_seed(uint32_t seed);
bool		 stores_turn(void);	/* one turn of the loop; false: nothing is left to do */
void		 stores_wait(void);	/* lets a second pass: calls the periodic functions */
extern unsigned	 stores_calls;
extern char	 stores_last[128];	/* the last SQL function called */
extern char	 stores_argument[512];	/* its first argument */

#endif
