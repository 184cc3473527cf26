/* Names and titles: stored form, refused names, and labels. */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "edge.h"
#include "http/names.h"

static struct ct_request	*request;

static void
start(void)
{
	request = &edge_request(CT_POST, "/x")->request;
}

TestSuite(names, .init = start);

/* Returns the stored form, or NULL if the name is refused. */
static const char *
form(const char *text)
{
	const char	*why;

	return (ct_name_form(&request->memory, text, 10, &why));
}

Test(names, white_space_at_the_ends_is_removed)
{
	static const char *const	spaces[] = { " ", "\t", "\n", "\r\n", "\v", "\f", "\xc2\x85", "\u00a0", "\u1680", "\u2000",
		"\u2003", "\u2007", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
		/* Spaces without width, which Unicode does not count as white space. */
		"\u180e", "\u200b", "\u2060", "\ufeff" };
	size_t				i;

	for (i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		cr_expect_str_eq(form(ct_printf(request, "%sA b%s%s", spaces[i], spaces[i], spaces[i])), "A b", "space %zu", i);
		cr_expect_null(form(spaces[i]), "space %zu alone", i);
	}
	cr_expect_str_eq(form("A\u3000b"), "A\u3000b", "what is between words stays");
}

Test(names, decomposed_name_is_stored_in_nfc)
{
	cr_expect_str_eq(form("Cafe\u0301"), "Caf\u00e9");
	cr_expect_str_eq(form("\u1112\u1161\u11ab\u1100\u1173\u11af"), "\ud55c\uae00", "Hangul of single letters");
	cr_expect_str_eq(form("\ud55c\uae00"), "\ud55c\uae00");
	cr_expect_str_eq(form("\u212b"), "\u00c5");
	cr_expect_str_eq(form("\uff21"), "\uff21", "wide letters stay wide: NFC, not NFKC");
	cr_expect_str_eq(form("q\u0323\u0307"), "q\u0323\u0307");
	cr_expect_str_eq(form("q\u0307\u0323"), "q\u0323\u0307", "marks in their order");
}

Test(names, length_counts_code_points_of_the_stored_form)
{
	cr_expect_not_null(form("0123456789"));
	cr_expect_null(form("0123456789a"));
	cr_expect_not_null(form("  0123456789  "));
	cr_expect_not_null(form("e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"), "ten when composed");
	cr_expect_not_null(form("\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5\U0001f3b5"));
	/* U+0958 is two code points in NFC. */
	cr_expect_null(form("\u0958\u0958\u0958\u0958\u0958\u0958"));
}

Test(names, name_without_a_visible_character_is_refused)
{
	static const char *const	unseen[] = { "", "\u00ad", "\u034f", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180b", "\u200c",
		"\u200d", "\u200e", "\u200f", "\u2061", "\u2800", "\u3164", "\ufe00", "\ufe0f", "\uffa0", "\ufff9", "\U0001bca0",
		"\U0001d159", "\ufffc", "\U00013441", "\U0001d173", "\U000e0001", "\U000e0020", "\U000e0100", "\u200b\u2060\ufeff", " \u3164 \u200d \ufe0f ",
		"\u0301", "\u20e3" };
	size_t				i;

	for (i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		cr_expect_null(form(unseen[i]), "number %zu", i);
}

Test(names, control_and_direction_characters_are_refused)
{
	static const char *const	wrong[] = { "\x01", "\t", "\n", "\x1f", "\x7f", "\xc2\x80", "\xc2\x85", "\xc2\x9f", "\u2028", "\u2029",
		"\ufdd0", "\uffff", "\U0010ffff" };
	unsigned			i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		cr_expect_null(form(ct_printf(request, "A%sB", wrong[i])), "number %u", i);
	/* Written as escapes, because the characters would change the direction of this text too. */
	for (i = 0x202a; i <= 0x206f; i++) {
		if (i <= 0x202e || i >= 0x2066)
			cr_expect_null(form(ct_printf(request, "A\xe2%c%cB", 0x80 | (i >> 6 & 0x3f), 0x80 | (i & 0x3f))), "U+%04X", i);
	}
}

Test(names, joiners_and_variation_selectors_stay)
{
	static const char *const	right[] = {
		"\u2764\ufe0f",						/* a heart, as an emoji */
		"\U0001f468\u200d\U0001f3a4",				/* an emoji made of two joined ones */
		"\u0645\u06cc\u200c\u062e\u0648",			/* Persian, with a non-joiner */
		"\u05d0\u200f!",					/* Hebrew, with a direction mark */
		"1\ufe0f\u20e3", "IU", "#1", "\u300c\uac00\u300d" };
	size_t				i;

	for (i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		cr_expect_str_eq(form(right[i]), right[i], "number %zu", i);
}

static bool
look_alike(const char *one, const char *two)
{
	return (strcmp(ct_name_label(&request->memory, one), ct_name_label(&request->memory, two)) == 0);
}

Test(names, names_that_look_alike_have_the_same_label)
{
	cr_expect(look_alike("A", "A\u200d"));
	cr_expect(look_alike("A 1", "A\u00a01"));
	cr_expect(look_alike("A 1", "A  1"));
	cr_expect(look_alike("A 1", "A\u28001"));
	cr_expect(look_alike("A", "\u200eA\ufe0f"));
	cr_expect(look_alike("e\u034f\u0301", "\u00e9"));
	cr_expect_not(look_alike("A", "B"));
	cr_expect_not(look_alike("A", "a"));
	cr_expect_not(look_alike("A1", "A 1"));
}

/* As long as the longest body, and only combining marks, which normalization must sort. */
Test(names, longest_text_is_read, .timeout = 30)
{
	char	*text = malloc(64 * 1024 + 1);
	size_t	 i;

	for (i = 0; i < 64 * 1024; i += 4)
		memcpy(text + i, "\u0323\u0307", 4);
	text[64 * 1024] = '\0';
	cr_assert_null(form(text));
	free(text);
}
