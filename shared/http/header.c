/* Reading a request's headers: known ones from the exchange, all others from the edge. */
#include "http/edge.h"
#include "http/exchange.h"
#include "http/header.h"

const char *
ct_header(struct ct_request *request, const char *name)
{
	enum ct_known_header	known = ct_known_header(name);

	if (known < CT_HEADERS)
		return (ct_exchange_of(request)->headers[known]);
	return (ct_edge_header(ct_exchange_of(request), name));
}
