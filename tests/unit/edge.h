/* The edge as the tests have it: exchanges made by hand, and the last reply kept to be looked at. */
#ifndef TEST_EDGE_H
#define TEST_EDGE_H

#include "exchange.h"

struct sent {
	unsigned	 count;		/* replies so far */
	int		 status;
	char		 head[4096];
	char		 body[80 * 1024];
	size_t		 body_length;
};
extern struct sent	sent;

/* A request for `path` ("/a?b=c"), without headers or body. */
struct ct_exchange	*edge_request(enum ct_method method, const char *path);

/* Gives it a JSON body and the header that goes with it. */
void	 edge_body(struct ct_exchange *, const char *json);

/* Whether the last reply has this header line ("allow: GET"). */
bool	 edge_has(const char *line);

/* The last reply is a problem with this status and code. */
bool	 edge_problem(int status, const char *code);

#endif
