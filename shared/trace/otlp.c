/* Spans as OTLP/HTTP JSON. See otlp.h. */
#include <inttypes.h>
#include <string.h>

#include "trace/otlp.h"

#define STATUS_ERROR	2

/* Flags of a span: those of its trace, and whether its parent is in another process. */
#define KNOWS_REMOTE	0x100u
#define IS_REMOTE	0x200u

/* Appends the JSON array of the attributes that have a name. */
static void
otlp_attributes(struct ct_buf *buf, const struct ct_attribute *attributes, unsigned count)
{
	const char	*comma = "";
	unsigned	 i;

	ct_buf_puts(buf, "[");
	for (i = 0; i < count; i++) {
		if (attributes[i].name == NULL)
			continue;
		ct_buf_puts(buf, comma);
		ct_buf_puts(buf, "{\"key\":");
		ct_buf_json_string(buf, attributes[i].name);
		if (attributes[i].text != NULL) {
			ct_buf_puts(buf, ",\"value\":{\"stringValue\":");
			ct_buf_json_string(buf, attributes[i].text);
			ct_buf_puts(buf, "}}");
		} else
			ct_buf_printf(buf, ",\"value\":{\"intValue\":\"%" PRId64 "\"}}", attributes[i].number);
		comma = ",";
	}
	ct_buf_puts(buf, "]");
}

static bool
otlp_has_parent(const struct ct_trace *parent)
{
	static const uint8_t	none[CT_SPAN_ID_BYTES];

	return (memcmp(parent->span, none, sizeof(none)) != 0);
}

void
ct_otlp_span(struct ct_buf *buf, const struct ct_otlp_span *span)
{
	const struct ct_span_facts	*facts = span->facts;
	char				 trace[CT_TRACE_ID_TEXT], id[CT_SPAN_ID_TEXT], parent[CT_SPAN_ID_TEXT];
	unsigned			 flags = span->parent->flags | KNOWS_REMOTE;

	ct_trace_hex(span->parent->id, CT_TRACE_ID_BYTES, trace);
	ct_trace_hex(span->id, CT_SPAN_ID_BYTES, id);
	ct_buf_printf(buf, "{\"traceId\":\"%s\",\"spanId\":\"%s\"", trace, id);
	if (otlp_has_parent(span->parent)) {
		ct_trace_hex(span->parent->span, CT_SPAN_ID_BYTES, parent);
		ct_buf_printf(buf, ",\"parentSpanId\":\"%s\"", parent);
		if (facts->kind == CT_SPAN_SERVER)
			flags |= IS_REMOTE;
	}
	ct_buf_printf(buf, ",\"flags\":%u,\"name\":", flags);
	ct_buf_json_string(buf, facts->name);
	ct_buf_printf(buf, ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64 "\","
	    "\"attributes\":", (int)facts->kind, span->started_ns, span->ended_ns);
	otlp_attributes(buf, facts->attributes, CT_SPAN_ATTRIBUTES);
	if (facts->failed)
		ct_buf_printf(buf, ",\"status\":{\"code\":%d}", STATUS_ERROR);
	ct_buf_puts(buf, "}");
}

void
ct_otlp_begin(struct ct_buf *buf, const struct ct_attribute *resource, unsigned count)
{
	ct_buf_puts(buf, "{\"resourceSpans\":[{\"resource\":{\"attributes\":");
	otlp_attributes(buf, resource, count);
	ct_buf_puts(buf, "},\"schemaUrl\":\"" CT_OTLP_SCHEMA "\",\"scopeSpans\":[{\"scope\":{\"name\":\"concert\"},"
	    "\"schemaUrl\":\"" CT_OTLP_SCHEMA "\",\"spans\":[");
}

void
ct_otlp_end(struct ct_buf *buf)
{
	ct_buf_puts(buf, "]}]}]}");
}
