/* The span of one Redis command. */
#ifndef CT_REDIS_TRACE_H
#define CT_REDIS_TRACE_H

#include <stddef.h>

#include <hiredis/hiredis.h>

#include "trace/span.h"

struct redis_trace {
	struct ct_span	span;		/* its parent is the trace that is current in the callback */
	char		command[16];	/* "FCALL"; set for a span that is recorded */
	char		function[32];	/* the Redis function that it calls; "": none */
};

/* The command is given, in the current trace; with its arguments, or in Redis' protocol. */
void	 redis_trace_begin_args(struct redis_trace *trace, int argc, const char *const *argv);
void	 redis_trace_begin(struct redis_trace *trace, const char *command, size_t length);

/* NULL: the command has no reply. */
void	 redis_trace_end(const struct redis_trace *trace, const redisReply *reply);

#endif
