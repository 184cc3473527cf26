/*
 * The edge: the code that reads requests from connections and writes replies to them. In a service that is
 * kore/dispatch.c; the tests have one of their own. The edge registers two functions, and the files of this room
 * call it through them. So this room knows nothing of Kore.
 */
#ifndef CT_EDGE_H
#define CT_EDGE_H

#include <stddef.h>

#include "base/buf.h"

struct ct_exchange;

struct ct_edge {
	/* Sends the reply. `head` holds header lines, each with CRLF. Copies what it needs. */
	void		 (*send)(struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body,
			     size_t body_length);
	/* Returns the value of a header that header_names.h does not list, or NULL. */
	const char	*(*header)(struct ct_exchange *exchange, const char *name);
};

/* Start: sets the process's edge. `edge` stays the caller's and lives as long as the process. */
void		 ct_edge_register(const struct ct_edge *edge);

void		 ct_edge_send(struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body,
		     size_t body_length);
const char	*ct_edge_header(struct ct_exchange *exchange, const char *name);

#endif
