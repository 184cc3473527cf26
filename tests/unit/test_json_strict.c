/* Strict JSON: texts that cJSON alone would accept. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_strict.h"

static const char	*why;

static bool
taken_bytes(const char *text, size_t length)
{
	cJSON	*tree;
	/* Copies the text to a block of exactly its length, so that AddressSanitizer sees a read past its end. */
	char	*copy = malloc(length == 0 ? 1 : length);

	memcpy(copy, text, length);
	why = NULL;
	tree = ct_json_parse(copy, length, &why);
	free(copy);
	cJSON_Delete(tree);
	cr_assert((tree == NULL) == (why != NULL));
	return (tree != NULL);
}

static bool
taken(const char *text)
{
	return (taken_bytes(text, strlen(text)));
}

Test(json_strict, object_is_accepted)
{
	cr_assert(taken("{}"));
	cr_assert(taken(" \r\n\t{ \"a\" : [ 1 , -2.5e+3 , true , false , null , \"x\" , { } , [ ] ] } \n"));
	cr_assert(taken("{\"\xed\x95\x9c\":\"\xf0\x9f\x8e\xab \\ud83c\\udfab \\\" \\\\ \\/ \\b\\f\\n\\r\\t\\u00e9\"}"));
	cr_assert(taken("{\"a\":0,\"b\":-0,\"c\":0.5,\"d\":1E9,\"e\":10}"));
}

Test(json_strict, text_other_than_one_object_is_refused)
{
	static const char *const	wrong[] = { "", " ", "[]", "1", "\"x\"", "null", "{}{}", "{} x", "{},", "{", "}",
		"{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "{\"a\":[1,]}",
		"{\"a\":[1 2]}", "{\"a\":[}", "{\"a\":tru}", "{\"a\":TRUE}", "{\"a\":nul", "{\"a\":undefined}", "//x\n{}",
		"{\"a\":1}//x", "\xef\xbb\xbf{}", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":\"\\x\"}", "{\"a\":NaN}" };
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_assert_not(taken(wrong[i]), "%s", wrong[i]);
}

/* As doubles these are 1000, 4 and 0. */
Test(json_strict, number_that_rounds_to_a_whole_one_is_refused)
{
	static const char *const	wrong[] = { "1000.0000000000000001", "4.0000000000000001", "-4.0000000000000001", "1e-400",
		"0.1e-500", "1e-99999999999999999999", "1000000000000000000001e-2", "0.99999999999999999999", "9007199254740991.01" };
	static const char *const	right[] = { "1000.0", "1e3", "1.5e1", "10e-1", "0.0", "-0.0", "0e-400", "0.1", "1.5", "0.30000000000000004",
		"123.456e2", "1e400", "-1e400", "1e99999999999999999999", "9007199254740991.0", "5e-324", "1.0000000000000002" };
	char				text[200];
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"a\":%s}", wrong[i]);
		cr_expect_not(taken(text), "%s", text);
	}
	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"a\":%s}", right[i]);
		cr_expect(taken(text), "%s", text);
	}
}

Test(json_strict, number_outside_json_form_is_refused)
{
	static const char *const	wrong[] = { "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_000", "--1", "-01",
		"1234567890123456789012345678901234567890123456789012345678901234567890", "Infinity" };
	char				text[200];
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"a\":%s}", wrong[i]);
		cr_assert_not(taken(text), "%s", text);
	}
}

Test(json_strict, string_with_control_character_or_bad_utf8_is_refused)
{
	static const char *const	wrong[] = { "\xff", "\xc0\xaf", "\xc1\x81", "\xe0\x80\xaf", "\xe0\x9f\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe2\x82",
		"\xe2\x28\xa1", "\xc3", "\x01", "\n", "\x1f" };
	char				text[100];
	size_t				i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		(void)snprintf(text, sizeof(text), "{\"a\":\"%s\"}", wrong[i]);
		cr_assert_not(taken(text), "value %zu", i);
		(void)snprintf(text, sizeof(text), "{\"%s\":1}", wrong[i]);
		cr_assert_not(taken(text), "name %zu", i);
		(void)snprintf(text, sizeof(text), "{\"a\":\"%s", wrong[i]);
		cr_assert_not(taken(text), "cut %zu", i);
	}
	cr_assert(taken("{\"a\":\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\xe0\xa0\x80\xf0\x90\x80\x80\xc2\x80\"}"), "the edges");
}

Test(json_strict, escape_of_nul_or_half_a_surrogate_is_refused)
{
	cr_assert_not(taken("{\"a\":\"\\u0000\"}"), "NUL");
	cr_assert_not(taken("{\"a\\u0000b\":1}"), "NUL in a name");
	cr_assert_not(taken("{\"a\":\"\\ud800\"}"), "half a pair");
	cr_assert_not(taken("{\"a\":\"\\ud800x\"}"));
	cr_assert_not(taken("{\"a\":\"\\ud800\\u0041\"}"));
	cr_assert_not(taken("{\"a\":\"\\udc00\\ud800\"}"), "the wrong way round");
	cr_assert_not(taken("{\"a\":\"\\u12g4\"}"));
	cr_assert_not(taken("{\"a\":\"\\u12"));
}

Test(json_strict, nul_byte_anywhere_is_refused)
{
	cr_assert_not(taken_bytes("{\"a\":1}\0", 8));
	cr_assert_not(taken_bytes("{\"a\":1}\0{}", 10));
	cr_assert_not(taken_bytes("{\"a\":\"x\0y\"}", 11));
	cr_assert_not(taken_bytes("\0{}", 3));
}

Test(json_strict, too_deep_nesting_is_refused)
{
	char	text[300];
	int	depth, i;

	for (depth = 1; depth <= 40; depth++) {
		text[0] = '\0';
		for (i = 1; i < depth; i++)
			strcat(text, "{\"a\":");
		strcat(text, "{}");
		for (i = 1; i < depth; i++)
			strcat(text, "}");
		cr_assert_eq(taken(text), depth <= CT_JSON_DEPTH_MAX, "%d", depth);
	}
}

Test(json_strict, a_hundred_thousand_brackets_are_refused)
{
	char	*text = calloc(1, 100010);

	(void)sprintf(text, "{\"a\":");
	memset(text + 5, '[', 100000);
	cr_assert_not(taken(text));
	cr_assert_str_eq(why, "is nested too deeply");
	free(text);
}

Test(json_strict, repeated_member_at_any_depth_is_refused)
{
	cr_assert_not(taken("{\"a\":1,\"a\":1}"));
	cr_assert_str_eq(why, "has a member twice");
	cr_assert_not(taken("{\"a\":1,\"\\u0061\":2}"), "the same name in other letters");
	cr_assert_not(taken("{\"x\":[{\"b\":1,\"c\":2,\"b\":3}]}"));
	cr_assert(taken("{\"a\":{\"a\":1},\"A\":2}"));
}
