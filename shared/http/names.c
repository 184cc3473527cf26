/*
 * Names and titles. libunistring classifies characters. The code points written out below are the few that have no Unicode
 * property of their own.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "http/names.h"

#define CONTROLS	(UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp | UC_CATEGORY_MASK_Cs)
#define INK		(UC_CATEGORY_MASK_L | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_S | \
			    UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cn)

/* White space, and the spaces without width that editors add at the ends of copied texts. */
static bool
names_is_space(ucs4_t c)
{
	return (uc_is_property_white_space(c) || c == 0x180e || c == 0x200b || c == 0x2060 || c == 0xfeff);
}

/* Embeddings, overrides and isolates (202A-202E, 2066-2069), and the deprecated controls that follow. */
static bool
names_is_direction(ucs4_t c)
{
	return ((c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x206f));
}

/* Invisible, though Unicode has them as letters or symbols: an empty Braille cell, blank hieroglyphs, a note without head. */
static bool
names_is_blank(ucs4_t c)
{
	return (c == 0x2800 || c == 0xfffc || c == 0x13441 || c == 0x13442 || c == 0x1d159);
}

static bool
names_is_visible(ucs4_t c)
{
	return (uc_is_general_category_withtable(c, INK) && !uc_is_property_default_ignorable_code_point(c) && !names_is_blank(c));
}

static const char *
names_refusal(const uint8_t *text, size_t length, size_t max_chars, struct ct_arena *memory)
{
	size_t	at, chars = 0;
	ucs4_t	c;
	bool	visible = false;

	for (at = 0; at < length; chars++) {
		at += (size_t)u8_mbtouc(&c, text + at, length - at);
		if (uc_is_general_category_withtable(c, CONTROLS) || uc_is_property_not_a_character(c))
			return ("must not have control characters or line breaks");
		if (names_is_direction(c))
			return ("must not have characters that change the direction of others");
		visible = visible || names_is_visible(c);
	}
	if (!visible || chars > max_chars)
		return (ct_arena_printf(memory, "must be a text of 1 to %zu characters, one of them visible", max_chars));
	return (NULL);
}

/* Returns a copy in NFC, of *length_r bytes and a NUL. */
static uint8_t *
names_composed(struct ct_arena *memory, const uint8_t *text, size_t length, size_t *length_r)
{
	uint8_t	*form, *copy;

	if ((form = u8_normalize(UNINORM_NFC, text, length, NULL, length_r)) == NULL)
		abort();
	copy = ct_arena_alloc(memory, *length_r + 1);
	memcpy(copy, form, *length_r);
	free(form);
	return (copy);
}

const char *
ct_name_form(struct ct_arena *memory, const char *text, size_t max_chars, const char **why_r)
{
	const uint8_t	*last;
	uint8_t		*form;
	size_t		 length, size;
	ucs4_t		 c;

	form = names_composed(memory, (const uint8_t *)text, strlen(text), &length);
	for (; length > 0; form += size, length -= size) {
		size = (size_t)u8_mbtouc(&c, form, length);
		if (!names_is_space(c))
			break;
	}
	while ((last = u8_prev(&c, form + length, form)) != NULL && names_is_space(c))
		length = (size_t)(last - form);
	form[length] = '\0';
	if ((*why_r = names_refusal(form, length, max_chars, memory)) != NULL)
		return (NULL);
	return ((const char *)form);
}

const char *
ct_name_label(struct ct_arena *memory, const char *name)
{
	const uint8_t	*text = (const uint8_t *)name;
	size_t		 at, length = strlen(name), used = 0;
	uint8_t		*seen = ct_arena_alloc(memory, length + 1);
	ucs4_t		 c;
	bool		 space;
	int		 size;

	for (at = 0; at < length; at += (size_t)size) {
		size = u8_mbtouc(&c, text + at, length - at);
		space = names_is_space(c) || names_is_blank(c);
		if (space && used > 0 && seen[used - 1] != ' ') {
			seen[used++] = ' ';
		} else if (!space && !uc_is_property_default_ignorable_code_point(c)) {
			memcpy(seen + used, text + at, (size_t)size);
			used += (size_t)size;
		}
	}
	return ((const char *)names_composed(memory, seen, used, &used));
}
