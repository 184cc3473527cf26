/* The tests' edge: makes exchanges for requests, and keeps the last reply. */
#ifndef TEST_EDGE_H
#define TEST_EDGE_H

#include "http/exchange.h"

struct sent {
	unsigned	 count;		/* replies so far */
	int		 status;
	char		 head[4096];
	char		 body[80 * 1024];
	size_t		 body_length;
};
extern struct sent	sent;

/* Makes a request for `path` ("/a?b=c"), without headers or body. */
struct ct_exchange	*edge_request(enum ct_method method, const char *path);

/* Adds a JSON body and its Content-Type. */
void	 edge_body(struct ct_exchange *, const char *json);

/* Returns true if the last reply has this header line ("allow: GET"). */
bool	 edge_has(const char *line);

/* Returns true if the last reply is a problem with this status and code. */
bool	 edge_problem(int status, const char *code);

#endif
