/* Calls the registered edge. */
#include "base/assert.h"
#include "http/edge.h"

static const struct ct_edge	*registered;

void
ct_edge_register(const struct ct_edge *edge)
{
	CT_ASSERT(edge->send != NULL && edge->header != NULL);
	registered = edge;
}

void
ct_edge_send(struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body, size_t body_length)
{
	registered->send(exchange, status, head, body, body_length);
}

const char *
ct_edge_header(struct ct_exchange *exchange, const char *name)
{
	return (registered->header(exchange, name));
}
