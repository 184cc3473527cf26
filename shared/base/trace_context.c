/* The current trace, and the traceparent header. See trace_context.h. */
#include <string.h>

#include "base/trace_context.h"

struct ct_trace	ct_trace_current;

/* Returns the value of a digit in lower case. */
static unsigned
trace_digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Reads 2 * length digits in lower case. Returns false for other characters, or if all are 0. */
static bool
trace_read_id(const char *text, unsigned length, uint8_t *bytes_r)
{
	uint8_t		any = 0;
	unsigned	i;

	for (i = 0; i < length; i++) {
		if (strspn(text + 2 * (size_t)i, "0123456789abcdef") < 2)
			return (false);
		bytes_r[i] = (uint8_t)(trace_digit(text[2 * i]) << 4 | trace_digit(text[2 * i + 1]));
		any |= bytes_r[i];
	}
	return (any != 0);
}

bool
ct_traceparent_parse(const char *text, struct ct_trace *trace_r)
{
	struct ct_trace	trace = { .known = true };
	const char	*flags;

	/* 00-<32 digits>-<16 digits>-<2 digits> */
	if (text == NULL || strlen(text) != CT_TRACEPARENT_TEXT - 1 || memcmp(text, "00-", 3) != 0 || text[35] != '-' ||
	    text[52] != '-' || !trace_read_id(text + 3, CT_TRACE_ID_BYTES, trace.id) ||
	    !trace_read_id(text + 36, CT_SPAN_ID_BYTES, trace.span))
		return (false);
	flags = text + 53;
	if (strspn(flags, "0123456789abcdef") != 2)
		return (false);
	/* Unknown flags are not handed on. */
	trace.flags = (uint8_t)(trace_digit(flags[1]) & CT_TRACE_SAMPLED);
	*trace_r = trace;
	return (true);
}

void
ct_trace_hex(const uint8_t *bytes, unsigned length, char *text_r)
{
	static const char	digits[] = "0123456789abcdef";
	unsigned		i;

	for (i = 0; i < length; i++) {
		*text_r++ = digits[bytes[i] >> 4];
		*text_r++ = digits[bytes[i] & 0x0f];
	}
	*text_r = '\0';
}

void
ct_traceparent_format(const struct ct_trace *trace, char text_r[CT_TRACEPARENT_TEXT])
{
	memcpy(text_r, "00-", 3);
	ct_trace_hex(trace->id, CT_TRACE_ID_BYTES, text_r + 3);
	text_r[35] = '-';
	ct_trace_hex(trace->span, CT_SPAN_ID_BYTES, text_r + 36);
	text_r[52] = '-';
	ct_trace_hex(&trace->flags, 1, text_r + 53);
}
