/* The spans of one call, see pg_trace.h. */
#include "pg/pg_trace.h"

void
pg_trace_begin(struct pg_trace *trace)
{
	ct_span_begin(&trace->span, &ct_trace_current);
	trace->queued_ns = trace->span.started_ns;
}

void
pg_trace_taken(struct pg_trace *trace, unsigned batch)
{
	trace->taken_ns = ct_span_now();
	trace->written_ns = 0;
	trace->batch = batch;
}

void
pg_trace_written(struct pg_trace *trace)
{
	if (trace->written_ns == 0)
		trace->written_ns = ct_span_now();
}

/* Records where the time since the call was queued has gone. */
static void
pg_trace_parts(struct pg_trace *trace)
{
	uint64_t	now = ct_span_now();

	ct_span_part(&trace->span, "postgresql.queue", trace->queued_ns, trace->taken_ns == 0 ? now : trace->taken_ns);
	if (trace->taken_ns != 0)
		ct_span_part(&trace->span, "postgresql.send", trace->taken_ns, trace->written_ns == 0 ? now : trace->written_ns);
	if (trace->written_ns != 0)
		ct_span_part(&trace->span, "postgresql.wait", trace->written_ns, now);
	trace->queued_ns = now;
	trace->taken_ns = trace->written_ns = 0;
}

void
pg_trace_again(struct pg_trace *trace)
{
	if (ct_span_is_recorded(&trace->span))
		pg_trace_parts(trace);
}

void
pg_trace_end(struct pg_trace *trace, const char *function, const struct ct_outcome *outcome)
{
	bool	failed = outcome->error != CT_OK;

	if (!ct_span_is_recorded(&trace->span))
		return;
	pg_trace_parts(trace);
	ct_span_end(&trace->span, &(const struct ct_span_facts){ .kind = CT_SPAN_CLIENT, .name = function, .failed = failed,
	    .attributes = {
		{ .name = "db.system.name", .text = "postgresql" },
		{ .name = "db.stored_procedure.name", .text = function },
		{ .name = trace->batch > 1 ? "db.operation.batch.size" : NULL, .number = trace->batch },
		{ .name = failed ? "error.type" : NULL, .text = failed ? ct_error_info(outcome->error)->code : NULL },
		{ .name = failed || outcome->outcome == NULL ? NULL : "concert.outcome", .text = outcome->outcome },
	    } });
}
