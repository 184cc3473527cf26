/* Metrics of a route: replies by class of status, and how long requests take. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/endpoint.h"

struct ct_endpoint *
ct_endpoint_new(const struct ct_route *route)
{
	static const char	*classes[] = { NULL, NULL, "2xx", "3xx", "4xx", "5xx" };
	struct ct_endpoint	*endpoint;
	struct ct_buf		 labels;
	size_t			 length;
	unsigned		 i;
	char			*without_status;

	if ((endpoint = calloc(1, sizeof(*endpoint))) == NULL)
		abort();
	endpoint->route = route;

	/* Labels are kept by pointer, so each needs its own text for ever. */
	for (i = 2; i < sizeof(classes) / sizeof(classes[0]); i++) {
		ct_buf_init(&labels, 512);
		ct_buf_printf(&labels, "method=\"%s\",route=\"%s\"", route == NULL ? "" : route->method,
		    route == NULL ? "none" : route->path);
		length = labels.length;
		ct_buf_printf(&labels, ",status=\"%s\"", classes[i]);
		endpoint->classes[i] = ct_metric_counter("ct_requests_total", labels.data,
		    "Requests answered, by route and class of status.");
		if (i > 2)
			continue;
		if ((without_status = strndup(labels.data, length)) == NULL)
			abort();
		endpoint->duration = ct_metric_histogram("ct_request_duration_seconds", without_status,
		    "Time from a request's arrival to its reply, by route.");
	}
	return (endpoint);
}

void
ct_endpoint_count(const struct ct_endpoint *endpoint, int status, double seconds)
{
	if (status < 100 || status > 599)
		return;
	ct_metric_add(endpoint->classes[status / 100], 1);
	ct_metric_observe(endpoint->duration, seconds);
}
