/* The spans of one call: the whole call, and in it the wait for a connection, the sending, and the wait for the answer. */
#ifndef CT_PG_TRACE_H
#define CT_PG_TRACE_H

#include "pg/pg.h"
#include "trace/span.h"

/* Times are nanoseconds since 1970; 0: not yet. */
struct pg_trace {
	struct ct_span	 span;		/* its parent is the trace that is current in the callback */
	uint64_t	 queued_ns;
	uint64_t	 taken_ns;	/* a connection has the call */
	uint64_t	 written_ns;	/* all bytes are written; a Prepare comes before */
	unsigned	 batch;		/* the calls of the last send */
};

/* The call is made, in the current trace. */
void	 pg_trace_begin(struct pg_trace *trace);

/* A connection has the call, as one of `batch` calls. Then: the send is written. Only for a span that is recorded. */
void	 pg_trace_taken(struct pg_trace *trace, unsigned batch);
void	 pg_trace_written(struct pg_trace *trace);

/* The call goes back into its queue, to be sent again. */
void	 pg_trace_again(struct pg_trace *trace);

/* The call of `function` is answered. */
void	 pg_trace_end(struct pg_trace *trace, const char *function, const struct ct_outcome *outcome);

#endif
