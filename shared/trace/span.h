/*
 * A span is the time that a part of a request took. A worker records spans for a share of the requests, and only if
 * TRACE_COLLECTOR_URL is set (trace/exporter.h). Without this setting, a span costs one branch.
 *
 * The worker encodes a finished span at once and gathers it with others, at most CT_SPANS_BYTES_MAX. It drops and counts
 * further spans. The exporter takes the gathered spans.
 */
#ifndef CT_SPAN_H
#define CT_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/trace_context.h"
#include "trace/otlp.h"

#define CT_SPANS_BYTES_MAX	(512 * 1024)	/* finished spans of a worker that wait for the exporter */

/* A span that has begun. */
struct ct_span {
	struct ct_trace	parent;		/* the trace that was current when the span began */
	uint8_t		id[CT_SPAN_ID_BYTES];
	uint64_t	started_ns;	/* since 1970; 0: not recorded */
};

/*
 * Parent: spans are recorded from now on: those of one request in `one_in` (1 and more). With `trusts_callers` the sampled
 * flag of the caller decides instead, for at most CT_CALLERS_PER_SECOND requests a second that set it.
 */
#define CT_CALLERS_PER_SECOND	10
void	 ct_spans_enable(unsigned one_in, bool trusts_callers);
bool	 ct_spans_enabled(void);

/* Parent: registers the metric of dropped spans. */
void	 ct_spans_configure(void);

/*
 * Begins the span of a request with this traceparent (NULL: none), and writes the request's trace to *trace_r. An
 * ill-formed traceparent is ignored. Without recording, the trace is that of the caller as it came, or none.
 */
void	 ct_span_receive(struct ct_span *span_r, const char *traceparent, struct ct_trace *trace_r);

/* Starts a span of a trace that is recorded; for ct_span_begin(). */
void	 ct_span_start(struct ct_span *span);

/* Begins a span whose parent is `parent`, or does nothing if that trace is not recorded. */
static inline void
ct_span_begin(struct ct_span *span_r, const struct ct_trace *parent)
{
	span_r->parent = *parent;
	span_r->started_ns = 0;
	if (parent->recorded)
		ct_span_start(span_r);
}

static inline bool
ct_span_is_recorded(const struct ct_span *span)
{
	return (span->started_ns != 0);
}

/* Ends a span now. Does nothing if the span is not recorded. */
void	 ct_span_end(const struct ct_span *span, const struct ct_span_facts *facts);

/* Records an internal span within `span`, of a time that has passed. Does nothing if `span` is not recorded. */
void	 ct_span_part(const struct ct_span *span, const char *name, uint64_t started_ns, uint64_t ended_ns);

/* Returns the trace to hand on: its span is this one, if it is recorded. */
struct ct_trace	 ct_span_trace(const struct ct_span *span);

/* Writes a new trace without a parent; it is recorded as a request without a traceparent is. Recording is on. */
void	 ct_trace_new(struct ct_trace *trace_r);

/* Returns nanoseconds since 1970. */
uint64_t ct_span_now(void);

/* Returns how many finished spans are gathered. */
unsigned ct_spans_gathered(void);

/* Moves the gathered spans to the buffer, with commas between them. Returns their number. */
unsigned ct_spans_take(struct ct_buf *buf);

/* Counts spans that are lost. */
void	 ct_spans_dropped(unsigned spans);

#endif
