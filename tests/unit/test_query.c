/* Query parameters. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "edge.h"
#include "http/invalid.h"
#include "http/query.h"

static struct ct_request *
query(const char *text)
{
	char	path[2100];

	(void)snprintf(path, sizeof(path), "/x%s%s", *text == '\0' ? "" : "?", text);
	return (&edge_request(CT_GET, path)->request);
}

static bool
noted(struct ct_request *request, const char *field)
{
	char	member[100];

	(void)snprintf(member, sizeof(member), "\"field\":\"%s\"", field);
	return (strstr(ct_exchange_of(request)->invalid.data, member) != NULL);
}

Test(query, absent_parameter_is_the_fallback)
{
	static const char *const	choices[] = { "A", "B", NULL };
	struct ct_request		*request = query("");
	const char			*text = "x", *uuid = "x", *date = "x", *choice, *limit, *cursor = "x";
	int64_t				 number;

	cr_assert(ct_query_text(request, "t", &text));
	cr_assert_null(text);
	cr_assert(ct_query_number(request, "n", 1, 9, 5, &number));
	cr_assert_eq(number, 5);
	cr_assert(ct_query_uuid(request, "u", false, &uuid));
	cr_assert_null(uuid);
	cr_assert(ct_query_date(request, "d", &date));
	cr_assert_null(date);
	cr_assert(ct_query_choice(request, "c", choices, "B", &choice));
	cr_assert_str_eq(choice, "B");
	cr_assert(ct_query_page(request, &limit, &cursor));
	cr_assert_str_eq(limit, "20");
	cr_assert_null(cursor);
	cr_assert_not(ct_invalid(request));
	cr_assert_not(ct_query_uuid(request, "u", true, &uuid), "required");
}

Test(query, percent_encoded_value_is_decoded)
{
	struct ct_request	*request = query("a=%ed%95%9C+x%2B&b=&c&=d&&%65=f");
	const char		*text;

	cr_assert(ct_query_text(request, "a", &text));
	cr_assert_str_eq(text, "\xed\x95\x9c x+");
	cr_assert(ct_query_text(request, "b", &text));
	cr_assert_str_eq(text, "");
	cr_assert(ct_query_text(request, "c", &text));
	cr_assert_str_eq(text, "");
	cr_assert(ct_query_text(request, "e", &text));
	cr_assert_str_eq(text, "f");
	cr_assert_not(ct_invalid(request));
}

Test(query, bad_escape_nul_or_broken_utf8_is_refused)
{
	static const char *const	wrong[] = { "a=%", "a=%4", "a=%zz", "a=%00", "a=%0a", "a=%ff", "a=%c0%af", "%=1", "x=%ed%a0%80" };
	struct ct_request		*request;
	const char			*text;
	size_t				 i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		request = query(wrong[i]);
		(void)ct_query_text(request, "a", &text);
		cr_assert(noted(request, "query"), "%s", wrong[i]);
		cr_assert(ct_invalid(request));
		cr_assert(edge_problem(400, "INVALID_REQUEST"));
	}
}

Test(query, repeated_parameter_is_refused_and_unknown_is_ignored)
{
	struct ct_request	*request = query("limit=5&limit=5&other=1&other=2");
	const char		*limit, *cursor;

	cr_assert_not(ct_query_page(request, &limit, &cursor));
	cr_assert(noted(request, "limit"));
	cr_assert_not(noted(request, "other"));
}

Test(query, number_not_whole_or_out_of_range_is_refused)
{
	static const char *const	wrong[] = { "n=", "n=x", "n=1.5", "n=1e1", "n=+5", "n=0x5", "n=%205", "n=5%20", "n=0", "n=10",
		"n=99999999999999999999", "n=--5" };
	struct ct_request		*request;
	int64_t				 number;
	size_t				 i;

	cr_assert(ct_query_number(query("n=9"), "n", 1, 9, 5, &number));
	cr_assert_eq(number, 9);
	cr_assert(ct_query_number(query("n=-3"), "n", -5, 9, 5, &number));
	cr_assert_eq(number, -3);
	cr_assert(ct_query_number(query("n=9223372036854775807"), "n", 0, INT64_MAX, 5, &number));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		request = query(wrong[i]);
		cr_assert_not(ct_query_number(request, "n", 1, 9, 5, &number), "%s", wrong[i]);
		cr_assert(noted(request, "n"));
	}
}

Test(query, invalid_uuid_date_or_choice_is_refused)
{
	static const char *const	choices[] = { "ON_SALE", "ALL", NULL };
	struct ct_request		*request = query("u=0190A0B0-C0D0-7000-8000-00000000ABCD&d=2026-02-29&c=all&x=1");
	const char			*text;

	cr_assert(ct_query_uuid(request, "u", true, &text));
	cr_assert_str_eq(text, "0190a0b0-c0d0-7000-8000-00000000abcd");
	cr_assert_not(ct_query_date(request, "d", &text));
	cr_assert_null(text);
	cr_assert_not(ct_query_choice(request, "c", choices, NULL, &text));
	cr_assert_not(ct_query_uuid(request, "x", false, &text));
	cr_assert(ct_invalid(request), "all of it at once");
	cr_assert_not_null(strstr(sent.body, "\"errors\":[{\"field\":\"d\""));
	cr_assert_not_null(strstr(sent.body, "must be one of ON_SALE, ALL"));
	cr_assert_not_null(strstr(sent.body, "{\"field\":\"x\",\"reason\":\"must be a UUID\"}]"));
}

Test(query, cursor_decodes_to_its_id)
{
	static const char *const	wrong[] = { "cursor=", "cursor=x", "cursor=AZCgsMDQcACAAAAAAACrz", "cursor=AZCgsMDQcACAAAAAAACrzQA",
		"cursor=AZCgsMDQcACAAAAAAACrzR", "cursor=0190a0b0-c0d0-7000-8000-00000000abcd" };
	const char			*limit, *cursor;
	size_t				 i;

	cr_assert(ct_query_page(query("limit=100&cursor=AZCgsMDQcACAAAAAAACrzQ"), &limit, &cursor));
	cr_assert_str_eq(limit, "100");
	cr_assert_str_eq(cursor, "0190a0b0-c0d0-7000-8000-00000000abcd");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(ct_query_page(query(wrong[i]), &limit, &cursor), "%s", wrong[i]);
}

Test(query, more_than_32_parameters_are_refused)
{
	char			 text[400] = "";
	struct ct_request	*request;
	const char		*value;
	int			 i;

	for (i = 0; i < 33; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "p%d=1&", i);
	request = query(text);
	(void)ct_query_text(request, "p1", &value);
	cr_assert(noted(request, "query"));
}
