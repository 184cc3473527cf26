/* Reading members of JSON bodies. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "edge.h"
#include "http/body.h"
#include "http/invalid.h"

static struct ct_request	*request;

static void
start(void)
{
	request = &edge_request(CT_POST, "/x")->request;
}

TestSuite(body, .init = start);

/* Sets the request's body. */
static const cJSON *
body(const char *json)
{
	struct ct_exchange	*exchange = ct_exchange_of(request);

	cJSON_Delete(exchange->tree);
	request->body = exchange->tree = cJSON_Parse(json);
	cr_assert_not_null(exchange->tree, "%s", json);
	return (exchange->tree);
}

Test(body, text_length_counts_characters)
{
	const char	*text;

	cr_assert(ct_body_text(request, body("{\"a\":\"\xed\x95\x9c\xea\xb8\x80\"}"), "a", 2, true, &text));
	cr_assert_str_eq(text, "\xed\x95\x9c\xea\xb8\x80");
	cr_assert_not(ct_body_text(request, body("{\"a\":\"abc\"}"), "a", 2, true, &text));
	cr_assert_null(text);
	cr_assert_not(ct_body_text(request, body("{\"a\":\"\"}"), "a", 2, true, &text));
	cr_assert_not(ct_body_text(request, body("{\"a\":\"\\n\"}"), "a", 2, true, &text));
	cr_assert_not(ct_body_text(request, body("{\"a\":5}"), "a", 2, true, &text));
	cr_assert_not(ct_body_text(request, body("{\"A\":\"x\"}"), "a", 2, true, &text), "names have a case");
	cr_assert(ct_body_text(request, body("{}"), "a", 2, false, &text));
	cr_assert_null(text);
}

Test(body, number_not_whole_inexact_or_out_of_range_is_refused)
{
	static const char *const	wrong[] = { "1.5", "\"5\"", "true", "null", "[5]", "{}", "0", "-1", "101", "1e300", "-1e300",
		"9007199254740993" };
	char				json[100];
	int64_t				number = 7;
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(json, sizeof(json), "{\"n\":%s}", wrong[i]);
		cr_assert_not(ct_body_number(request, body(json), "n", 1, 100, true, &number), "%s", json);
	}
	cr_assert_not(ct_body_number(request, body("{\"n\":9007199254740993}"), "n", 0, INT64_MAX, true, &number));
	cr_assert_not(ct_body_number(request, body("{}"), "n", 1, 100, true, &number));
	cr_assert_eq(number, 7, "untouched");
	cr_assert(ct_body_number(request, body("{}"), "n", 1, 100, false, &number));
	cr_assert_eq(number, 7, "absent: untouched");
	cr_assert(ct_body_number(request, body("{\"n\":1e2}"), "n", 1, 100, true, &number));
	cr_assert_eq(number, 100);
	cr_assert(ct_body_number(request, body("{\"n\":-3}"), "n", -5, 100, true, &number));
	cr_assert_eq(number, -3);
	cr_assert(ct_body_number(request, body("{\"n\":9007199254740991}"), "n", 0, INT64_MAX, true, &number));
	cr_assert_eq(number, INT64_C(9007199254740991));
}

Test(body, invalid_uuid_choice_or_time_is_refused)
{
	static const char *const	choices[] = { "POINT", "CARD", NULL };
	const char			*text;

	cr_assert(ct_body_uuid(request, body("{\"u\":\"0190A0B0-C0D0-7000-8000-00000000ABCD\"}"), "u", true, &text));
	cr_assert_str_eq(text, "0190a0b0-c0d0-7000-8000-00000000abcd");
	cr_assert_not(ct_body_uuid(request, body("{\"u\":\"x\"}"), "u", true, &text));
	cr_assert_not(ct_body_uuid(request, body("{\"u\":1}"), "u", false, &text));
	cr_assert(ct_body_choice(request, body("{\"c\":\"CARD\"}"), "c", choices, true, &text));
	cr_assert_eq(text, choices[1]);
	cr_assert_not(ct_body_choice(request, body("{\"c\":\"card\"}"), "c", choices, true, &text));
	cr_assert_not(ct_body_choice(request, body("{\"c\":[\"CARD\"]}"), "c", choices, true, &text));
	cr_assert(ct_body_time(request, body("{\"t\":\"2026-05-01T19:00:00Z\"}"), "t", true, &text));
	cr_assert_str_eq(text, "2026-05-01T19:00:00.000Z");
	cr_assert_not(ct_body_time(request, body("{\"t\":\"2026-05-01\"}"), "t", true, &text));
	cr_assert_not(ct_body_time(request, body("{\"t\":5}"), "t", true, &text));
}

Test(body, null_optional_member_reads_as_absent)
{
	static const char *const	choices[] = { "POINT", NULL };
	const cJSON			*at = body("{\"m\":null}");
	const char			*text = "x";
	int64_t				 number = 7;

	cr_assert(ct_body_text(request, at, "m", 2, false, &text));
	cr_assert_null(text);
	cr_assert(ct_body_name(request, at, "m", 2, false, &text));
	cr_assert(ct_body_number(request, at, "m", 1, 2, false, &number));
	cr_assert_eq(number, 7, "untouched");
	cr_assert(ct_body_uuid(request, at, "m", false, &text));
	cr_assert(ct_body_choice(request, at, "m", choices, false, &text));
	cr_assert(ct_body_time(request, at, "m", false, &text));
	cr_assert_null(ct_body_member(at, "m"));
	cr_assert_not(ct_invalid(request));
}

Test(body, null_required_member_is_refused)
{
	static const char *const	choices[] = { "POINT", NULL };
	const cJSON			*at = body("{\"m\":null}");
	const char			*text;
	int64_t				 number = 7;

	cr_assert_not(ct_body_text(request, at, "m", 2, true, &text));
	cr_assert_not(ct_body_name(request, at, "m", 2, true, &text));
	cr_assert_not(ct_body_number(request, at, "m", 1, 2, true, &number));
	cr_assert_not(ct_body_uuid(request, at, "m", true, &text));
	cr_assert_not(ct_body_choice(request, at, "m", choices, true, &text));
	cr_assert_not(ct_body_time(request, at, "m", true, &text));
	cr_assert(ct_invalid(request));
	cr_assert_not_null(strstr(sent.body, "{\"field\":\"m\",\"reason\":\"must not be null\"}"), "%s", sent.body);
}

Test(body, invalid_field_is_named_by_its_full_path)
{
	const cJSON	*at = body("{\"x\":[{},[1,{\"b\":{}}]],\"card\":{}}");
	const char	*text;

	(void)ct_body_uuid(request, at, "id", true, &text);
	(void)ct_body_uuid(request, cJSON_GetObjectItemCaseSensitive(at, "card"), "key", true, &text);
	at = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(at, "x"), 1);
	(void)ct_body_uuid(request, cJSON_GetArrayItem(at, 1), "a", true, &text);
	(void)ct_body_uuid(request, cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(at, 1), "b"), "c", true, &text);
	cr_assert(ct_invalid(request));
	cr_assert_not_null(strstr(sent.body, "\"errors\":[{\"field\":\"id\",\"reason\":\"is required\"},"
	    "{\"field\":\"card.key\",\"reason\":\"is required\"},{\"field\":\"x[1][1].a\",\"reason\":\"is required\"},"
	    "{\"field\":\"x[1][1].b.c\",\"reason\":\"is required\"}]"), "%s", sent.body);
}

Test(body, several_invalid_fields_are_all_in_the_reply)
{
	const cJSON	*at = body("{\"a\":1,\"b\":\"x\"}");
	const char	*text;
	int64_t		 number;

	(void)ct_body_text(request, at, "a", 5, true, &text);
	(void)ct_body_number(request, at, "b", 1, 2, true, &number);
	(void)ct_body_uuid(request, at, "c", true, &text);
	ct_note_invalid(request, "d\"", "a \\ reason");
	cr_assert(ct_invalid(request));
	cr_assert(edge_problem(400, "INVALID_REQUEST"));
	cr_assert_not_null(strstr(sent.body, "{\"field\":\"b\",\"reason\":\"must be a whole number from 1 to 2\"},"
	    "{\"field\":\"c\",\"reason\":\"is required\"},{\"field\":\"d\\\"\",\"reason\":\"a \\\\ reason\"}]}"), "%s", sent.body);
}

Test(body, too_many_invalid_fields_still_give_valid_json)
{
	cJSON	*problem;
	int	 i;

	for (i = 0; i < 10000; i++)
		ct_note_invalid(request, "field", "reason");
	cr_assert(ct_invalid(request));
	cr_assert_lt(sent.body_length, 70000);
	cr_assert_not_null(problem = cJSON_Parse(sent.body));
	cJSON_Delete(problem);
}
