/*
 * Which trace the worker's current work belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/).
 *
 * A worker does one thing at a time, so one variable holds the current trace. A client (PostgreSQL, Redis, HTTP) remembers
 * it with each call, and makes it current again while the call's callback runs. So log lines and further calls know their
 * trace, and no handler passes it on. Code that continues a request from work shared by several requests does the same, with
 * ct_trace_enter() and ct_trace_leave().
 */
#ifndef CT_TRACE_CONTEXT_H
#define CT_TRACE_CONTEXT_H

#include <stdbool.h>
#include <stdint.h>

#define CT_TRACE_ID_BYTES	16
#define CT_SPAN_ID_BYTES	8
#define CT_TRACE_ID_TEXT	33	/* hexadecimal digits and the NUL */
#define CT_SPAN_ID_TEXT		17
#define CT_TRACEPARENT_TEXT	56

#define CT_TRACE_SAMPLED	0x01	/* the only flag that version 00 has */

struct ct_trace {
	uint8_t	id[CT_TRACE_ID_BYTES];
	uint8_t	span[CT_SPAN_ID_BYTES];	/* the parent of the spans that begin now */
	uint8_t	flags;			/* to be handed on */
	bool	known;			/* false: no trace; all other members are 0 */
	bool	recorded;		/* this worker records spans of it */
};

/* Read it anywhere. Write it with the two functions below only. */
extern struct ct_trace	ct_trace_current;

/* Makes a copy of *trace current. Returns the trace that was current before, for ct_trace_leave(). */
static inline struct ct_trace
ct_trace_enter(const struct ct_trace *trace)
{
	struct ct_trace	before = ct_trace_current;

	ct_trace_current = *trace;
	return (before);
}

static inline void
ct_trace_leave(struct ct_trace before)
{
	ct_trace_current = before;
}

/*
 * Reads a traceparent of version 00: exactly 55 characters, hexadecimal digits in lower case, neither id all zeros. Returns
 * false for any other text (NULL too), and leaves *trace_r as it was. `recorded` becomes false.
 */
bool	 ct_traceparent_parse(const char *text, struct ct_trace *trace_r);

/* Writes the traceparent of a known trace, with its flags. */
void	 ct_traceparent_format(const struct ct_trace *trace, char text_r[CT_TRACEPARENT_TEXT]);

/* Writes `length` bytes as hexadecimal digits in lower case, and a NUL. */
void	 ct_trace_hex(const uint8_t *bytes, unsigned length, char *text_r);

#endif
