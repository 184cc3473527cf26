/*
 * Spans as OTLP/HTTP JSON (https://opentelemetry.io/docs/specs/otlp/): ids in hexadecimal, 64-bit numbers as texts, enums as
 * numbers. Free of I/O.
 */
#ifndef CT_OTLP_H
#define CT_OTLP_H

#include <stdint.h>

#include "base/buf.h"
#include "base/trace_context.h"

/* The semantic conventions whose attribute names we use. */
#define CT_OTLP_SCHEMA	"https://opentelemetry.io/schemas/1.34.0"

/* OTLP's numbers. */
enum ct_span_kind { CT_SPAN_INTERNAL = 1, CT_SPAN_SERVER = 2, CT_SPAN_CLIENT = 3 };

struct ct_attribute {
	const char	*name;		/* NULL: left out */
	const char	*text;		/* NULL: `number` is the value */
	int64_t		 number;
};

#define CT_SPAN_ATTRIBUTES	8

/* The data of a span besides its times. It never holds a user's data, a secret, a token or an idempotency key. */
struct ct_span_facts {
	enum ct_span_kind	 kind;
	const char		*name;
	bool			 failed;	/* OTLP's status ERROR */
	struct ct_attribute	 attributes[CT_SPAN_ATTRIBUTES];
};

struct ct_otlp_span {
	const struct ct_trace		*parent;	/* its trace; its span is the parent, all 0 for a root */
	const uint8_t			*id;
	uint64_t			 started_ns;	/* since 1970 */
	uint64_t			 ended_ns;
	const struct ct_span_facts	*facts;
};

/* Appends one span, a JSON object. */
void	 ct_otlp_span(struct ct_buf *buf, const struct ct_otlp_span *span);

/* Append the part of a request's body before the spans, and the part after them. The caller writes commas between spans. */
void	 ct_otlp_begin(struct ct_buf *buf, const struct ct_attribute *resource, unsigned count);
void	 ct_otlp_end(struct ct_buf *buf);

#endif
