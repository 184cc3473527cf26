/* A route with its metrics. */
#ifndef CT_ENDPOINT_H
#define CT_ENDPOINT_H

#include "base/metrics.h"
#include "http/request.h"

struct ct_endpoint {
	const struct ct_route	*route;		/* NULL: requests without a route */
	struct ct_metric	*classes[6];	/* replies, by status / 100 */
	struct ct_metric	*duration;
};

/* Start: registers a route's metrics. NULL: those of all requests without a route. */
struct ct_endpoint	*ct_endpoint_new(const struct ct_route *route);

/* Counts one reply. */
void			 ct_endpoint_count(const struct ct_endpoint *endpoint, int status, double seconds);

#endif
