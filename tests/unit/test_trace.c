/* The traceparent header, spans and their encoding (trace/, base/trace_context.h). tests/http/test_trace.c has the collector. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/trace_context.h"
#include "trace/exporter.h"
#include "trace/span.h"

#define IDS	"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

Test(trace, traceparent_is_read_and_written_again)
{
	struct ct_trace	trace = { 0 };
	char		text[CT_TRACEPARENT_TEXT], id[CT_TRACE_ID_TEXT];

	cr_assert(ct_traceparent_parse("00-" IDS "-01", &trace));
	cr_assert(trace.known && !trace.recorded);
	cr_assert_eq(trace.flags, CT_TRACE_SAMPLED);
	ct_traceparent_format(&trace, text);
	cr_assert_str_eq(text, "00-" IDS "-01");
	ct_trace_hex(trace.id, CT_TRACE_ID_BYTES, id);
	cr_assert_str_eq(id, "0af7651916cd43dd8448eb211c80319c");
	/* Flags of later versions are not handed on. */
	cr_assert(ct_traceparent_parse("00-" IDS "-ff", &trace));
	ct_traceparent_format(&trace, text);
	cr_assert_str_eq(text, "00-" IDS "-01");
}

Test(trace, ill_formed_traceparent_is_none)
{
	static const char *const	wrong[] = { "", "00", "01-" IDS "-01", "ff-" IDS "-01", "00-" IDS "-01-x", "00-" IDS "-1",
	    "00-" IDS "-0g", "00-" IDS "-0G", "00-" IDS "_01", " 00-" IDS "-01", "00-" IDS "-01 ",
	    "00-00000000000000000000000000000000-b7ad6b7169203331-01",
	    "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
	    "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333X-01",
	    "00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331--01" };
	struct ct_trace			trace = { .flags = 7 };
	size_t				i;

	cr_assert_not(ct_traceparent_parse(NULL, &trace));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(ct_traceparent_parse(wrong[i], &trace), "%s", wrong[i]);
	cr_assert_eq(trace.flags, 7);
}

Test(trace, without_recording_the_callers_trace_is_handed_on_as_it_came)
{
	struct ct_span	span;
	struct ct_trace	trace;
	char		text[CT_TRACEPARENT_TEXT];

	ct_span_receive(&span, "00-" IDS "-01", &trace);
	cr_assert(!ct_span_is_recorded(&span) && !trace.recorded);
	ct_traceparent_format(&trace, text);
	cr_assert_str_eq(text, "00-" IDS "-01");
	ct_span_receive(&span, NULL, &trace);
	cr_assert_not(trace.known);
	cr_assert_eq(ct_spans_gathered(), 0);
}

Test(trace, recorded_span_is_otlp_json)
{
	struct ct_trace			parent;
	struct ct_buf			buf;
	const uint8_t			id[CT_SPAN_ID_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 0xff };
	const struct ct_attribute	resource = { .name = "service.name", .text = "te\"st" };
	const struct ct_span_facts	facts = { .kind = CT_SPAN_SERVER, .name = "GET /a", .failed = true, .attributes = {
					    { .name = "n", .number = -9000000000000 }, { .name = NULL, .text = "left out" },
					    { .name = "t", .text = "x\ny" } } };

	cr_assert(ct_traceparent_parse("00-" IDS "-01", &parent));
	ct_buf_init(&buf, 8192);
	ct_otlp_begin(&buf, &resource, 1);
	ct_otlp_span(&buf, &(const struct ct_otlp_span){ .parent = &parent, .id = id, .started_ns = UINT64_C(1700000000000000001),
	    .ended_ns = UINT64_C(1700000000000000002), .facts = &facts });
	ct_otlp_end(&buf);
	cr_assert_str_eq(buf.data, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
	    "{\"stringValue\":\"te\\\"st\"}}]},\"schemaUrl\":\"" CT_OTLP_SCHEMA "\",\"scopeSpans\":[{\"scope\":{\"name\":\"concert\"},"
	    "\"schemaUrl\":\"" CT_OTLP_SCHEMA "\",\"spans\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\","
	    "\"spanId\":\"01020304050607ff\",\"parentSpanId\":\"b7ad6b7169203331\",\"flags\":769,\"name\":\"GET /a\",\"kind\":2,"
	    "\"startTimeUnixNano\":\"1700000000000000001\",\"endTimeUnixNano\":\"1700000000000000002\",\"attributes\":["
	    "{\"key\":\"n\",\"value\":{\"intValue\":\"-9000000000000\"}},{\"key\":\"t\",\"value\":{\"stringValue\":\"x\\ny\"}}],"
	    "\"status\":{\"code\":2}}]}]}]}");
	ct_buf_deinit(&buf);
}

Test(trace, gathered_spans_are_bounded)
{
	const struct ct_span_facts	facts = { .kind = CT_SPAN_INTERNAL, .name = "part" };
	struct ct_trace			trace;
	struct ct_span			span;
	struct ct_buf			buf;
	unsigned			i, gathered;

	ct_spans_enable(1, false);
	ct_trace_new(&trace);
	cr_assert(trace.known && trace.recorded && trace.flags == CT_TRACE_SAMPLED);
	for (i = 0; i < 10000; i++) {
		ct_span_begin(&span, &trace);
		ct_span_end(&span, &facts);
	}
	gathered = ct_spans_gathered();
	cr_assert(gathered > 1000 && gathered < 10000, "%u", gathered);
	ct_buf_init(&buf, CT_SPANS_BYTES_MAX);
	cr_assert_eq(ct_spans_take(&buf), gathered);
	cr_assert_not(buf.failed);
	cr_assert_eq(ct_spans_gathered(), 0);
	ct_buf_deinit(&buf);
	/* There is room again. */
	ct_span_end(&span, &facts);
	cr_assert_eq(ct_spans_gathered(), 1);
	ct_buf_init(&buf, CT_SPANS_BYTES_MAX);
	(void)ct_spans_take(&buf);
	ct_buf_deinit(&buf);
}

Test(trace, spans_of_a_trace_that_is_not_recorded_are_none)
{
	struct ct_trace	trace;
	struct ct_span	span;
	char		text[CT_TRACEPARENT_TEXT];

	ct_spans_enable(UINT32_MAX, false);
	ct_span_receive(&span, "00-" IDS "-01", &trace);
	cr_assert_not(ct_span_is_recorded(&span));
	ct_span_part(&span, "part", 1, 2);
	cr_assert_eq(ct_spans_gathered(), 0);
	/* It is the caller's trace, with a span of ours, and says that it is not recorded. */
	ct_traceparent_format(&trace, text);
	cr_assert_eq(strncmp(text, "00-0af7651916cd43dd8448eb211c80319c-", 36), 0);
	cr_assert_eq(strstr(text, "b7ad6b7169203331"), NULL);
	cr_assert_str_eq(text + 53, "00");
}
