/* Byte buffers. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/buf.h"

Test(buf, growing_buffer_always_ends_with_nul)
{
	struct ct_buf	buf;
	int		i;

	ct_buf_init(&buf, 100000);
	cr_assert_str_eq(buf.data, "");
	for (i = 0; i < 1000; i++)
		ct_buf_printf(&buf, "%03d,", i);
	ct_buf_puts(&buf, "end");
	cr_assert_not(buf.failed);
	cr_assert_eq(buf.length, 4003);
	cr_assert_eq(strlen(buf.data), 4003);
	cr_assert_eq(strncmp(buf.data, "000,001,", 8), 0);
	cr_assert_str_eq(buf.data + 4000, "end");
	ct_buf_deinit(&buf);
	cr_assert_str_eq(buf.data, "");
}

Test(buf, append_past_the_ceiling_fails_and_keeps_the_text)
{
	struct ct_buf	buf;

	ct_buf_init(&buf, 10);
	ct_buf_puts(&buf, "1234567890");
	cr_assert_not(buf.failed);
	ct_buf_puts(&buf, "x");
	cr_assert(buf.failed);
	ct_buf_deinit(&buf);

	ct_buf_init(&buf, 10);
	ct_buf_puts(&buf, "12345");
	ct_buf_printf(&buf, "%s", "678901");
	cr_assert(buf.failed);
	ct_buf_puts(&buf, "6");
	cr_assert_str_eq(buf.data, "12345");
	ct_buf_deinit(&buf);
}

Test(buf, special_characters_are_escaped_in_json)
{
	struct ct_buf	buf;

	ct_buf_init(&buf, 1000);
	ct_buf_json_string(&buf, "a\"b\\c\n\r\t\b\f\x01\x1f/\xed\x95\x9c");
	ct_buf_json_string(&buf, NULL);
	ct_buf_json_string(&buf, "");
	cr_assert_str_eq(buf.data, "\"a\\\"b\\\\c\\n\\r\\t\\b\\f\\u0001\\u001f/\xed\x95\x9c\"null\"\"");
	ct_buf_deinit(&buf);
}
