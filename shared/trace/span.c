/* Spans of one worker. See span.h. */
#include <sys/random.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/metrics.h"
#include "trace/span.h"

#define SPAN_BYTES_MAX	(8 * 1024)	/* of one span */

static unsigned			 one_in;	/* 0: spans are not recorded */
static bool			 trusts_callers;
static struct ct_buf		 gathered;
static unsigned			 gathered_count;
static struct ct_metric		*dropped;

/* The requests of the current second that callers have chosen. */
static time_t			 callers_second;
static unsigned			 callers_count;

void
ct_spans_configure(void)
{
	dropped = ct_metric_counter("trace_spans_dropped_total", "",
	    "Spans that were lost: the collector did not take them, or too many waited for it.");
}

void
ct_spans_enable(unsigned requests, bool trust)
{
	CT_ASSERT(requests > 0);
	one_in = requests;
	trusts_callers = trust;
	ct_buf_init(&gathered, CT_SPANS_BYTES_MAX);
}

bool
ct_spans_enabled(void)
{
	return (one_in > 0);
}

/* Ids need not be secret, so one read of the system's random source for each worker is enough (splitmix64). */
static uint64_t
span_random(void)
{
	static uint64_t	state;
	static bool	seeded;
	uint64_t	z;

	if (!seeded && getrandom(&state, sizeof(state), 0) != sizeof(state))
		abort();
	seeded = true;
	z = (state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31));
}

/* Returns an id that is not all zeros, because all zeros is not a valid id. */
static void
span_random_id(uint8_t id_r[CT_SPAN_ID_BYTES])
{
	uint64_t	random;

	while ((random = span_random()) == 0)
		continue;
	memcpy(id_r, &random, sizeof(random));
}

uint64_t
ct_span_now(void)
{
	struct timespec	now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return ((uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec);
}

static bool
span_is_in_share(void)
{
	return (span_random() % one_in == 0);
}

/* A caller chooses at most CT_CALLERS_PER_SECOND requests. */
static bool
span_may_caller_choose(void)
{
	time_t	now = time(NULL);

	if (now != callers_second) {
		callers_second = now;
		callers_count = 0;
	}
	return (callers_count++ < CT_CALLERS_PER_SECOND);
}

/* Decides whether the spans of this trace are recorded. */
static void
span_decide(struct ct_trace *trace, bool by_caller)
{
	if (by_caller)
		trace->recorded = (trace->flags & CT_TRACE_SAMPLED) != 0 && span_may_caller_choose();
	else
		trace->recorded = span_is_in_share();
	trace->flags = trace->recorded ? CT_TRACE_SAMPLED : 0;
}

void
ct_trace_new(struct ct_trace *trace_r)
{
	CT_ASSERT(one_in > 0);
	*trace_r = (struct ct_trace){ .known = true };
	span_random_id(trace_r->id);
	span_random_id(trace_r->id + CT_SPAN_ID_BYTES);
	span_decide(trace_r, false);
}

void
ct_span_start(struct ct_span *span)
{
	span_random_id(span->id);
	span->started_ns = ct_span_now();
}

void
ct_span_receive(struct ct_span *span_r, const char *traceparent, struct ct_trace *trace_r)
{
	struct ct_trace	parent = { 0 };

	if (ct_traceparent_parse(traceparent, &parent)) {
		if (one_in > 0)
			span_decide(&parent, trusts_callers);
	} else if (one_in > 0)
		ct_trace_new(&parent);
	ct_span_begin(span_r, &parent);
	*trace_r = ct_span_trace(span_r);
	/* The trace that we hand on names our own span, even if we do not record it. */
	if (one_in > 0 && !parent.recorded)
		span_random_id(trace_r->span);
}

struct ct_trace
ct_span_trace(const struct ct_span *span)
{
	struct ct_trace	trace = span->parent;

	if (ct_span_is_recorded(span))
		memcpy(trace.span, span->id, sizeof(trace.span));
	return (trace);
}

void
ct_spans_dropped(unsigned spans)
{
	ct_metric_add(dropped, spans);
}

/* Encodes a finished span and gathers it, or drops it if the gathered spans would be too large. */
static void
span_gather(const struct ct_otlp_span *span)
{
	struct ct_buf	text;

	ct_buf_init(&text, SPAN_BYTES_MAX);
	ct_otlp_span(&text, span);
	/* 1: the comma. 1: the NUL. */
	if (text.failed || gathered.length + 1 + text.length + 1 > CT_SPANS_BYTES_MAX)
		ct_spans_dropped(1);
	else {
		if (gathered_count > 0)
			ct_buf_append(&gathered, ",", 1);
		ct_buf_append(&gathered, text.data, text.length);
		CT_ASSERT(!gathered.failed);
		gathered_count++;
	}
	ct_buf_deinit(&text);
}

void
ct_span_end(const struct ct_span *span, const struct ct_span_facts *facts)
{
	struct ct_otlp_span	finished = { .parent = &span->parent, .id = span->id, .started_ns = span->started_ns,
				    .ended_ns = 0, .facts = facts };

	if (!ct_span_is_recorded(span))
		return;
	finished.ended_ns = ct_span_now();
	/* The clock may have been set back meanwhile. */
	if (finished.ended_ns < finished.started_ns)
		finished.ended_ns = finished.started_ns;
	span_gather(&finished);
}

void
ct_span_part(const struct ct_span *span, const char *name, uint64_t started_ns, uint64_t ended_ns)
{
	const struct ct_span_facts	facts = { .kind = CT_SPAN_INTERNAL, .name = name };
	struct ct_trace			parent;
	uint8_t				id[CT_SPAN_ID_BYTES];

	if (!ct_span_is_recorded(span))
		return;
	parent = ct_span_trace(span);
	span_random_id(id);
	span_gather(&(const struct ct_otlp_span){ .parent = &parent, .id = id, .started_ns = started_ns,
	    .ended_ns = ended_ns < started_ns ? started_ns : ended_ns, .facts = &facts });
}

unsigned
ct_spans_gathered(void)
{
	return (gathered_count);
}

unsigned
ct_spans_take(struct ct_buf *buf)
{
	unsigned	count = gathered_count;

	if (count > 0)
		ct_buf_append(buf, gathered.data, gathered.length);
	ct_buf_deinit(&gathered);
	gathered_count = 0;
	return (count);
}
