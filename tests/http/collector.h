/*
 * A collector for the tests of tracing: an HTTP server in the test's process that takes OTLP/HTTP JSON and checks each
 * field. It also stands in for the card provider: it refuses each payment and notes the request's traceparent.
 */
#ifndef TESTS_HTTP_COLLECTOR_H
#define TESTS_HTTP_COLLECTOR_H

#include "harness.h"

/* Starts the server on a free port of 127.0.0.1, which is returned. Its threads end with the test's process. */
int		 collector_start(void);

/* Closes the server's port: connections are refused from now on. */
void		 collector_stop(void);

/* The status of all answers from now on (200 at first); 0: no answer while it is 0. The bodies of other answers are not kept. */
void		 collector_answers(int status);

/* Returns the number, from 1, of the request with spans that waits for its answer now. 0: none, or the client has given up. */
int		 collector_waiting(void);

/* Returns how many requests came, and how many bytes the largest one had. */
int		 collector_requests(void);
size_t		 collector_largest(void);

/* Checks all bodies that were taken, and returns their spans. Each has a member "resource": an object of name and value. */
cJSON		*collector_spans(void);

/* Returns the one span of the trace that has this name, or NULL. Waits until it has come, for `seconds`. */
const cJSON	*collector_span(const char *trace, const char *name, int seconds);

/* Returns how many spans of the trace have come. */
int		 collector_count(const char *trace);

/* Returns how often the text stands in the bodies of requests that were not answered with 200. */
int		 collector_refused(const char *text);

/* Returns an attribute's value as a text, or "". */
const char	*span_attribute(const cJSON *span, const char *name);

/* Returns the traceparent of the last request to the provider, or "" if none has come. */
const char	*collector_provider_traceparent(void);

#endif
