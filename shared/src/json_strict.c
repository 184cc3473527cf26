/*
 * The strict reading of JSON: one recursive descent over the text that checks
 * and keeps nothing, then cJSON for the tree, then a look for repeated members.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json_strict.h"

/* cJSON reads numbers through a buffer of 64. */
#define NUMBER_MAX	60

/* Above it a number with any digits is infinite, below -EXPONENT_MAX it is zero. */
#define EXPONENT_MAX	1000

struct scan {
	const char	*at;
	const char	*end;
	const char	*why;
};

static bool	scan_value(struct scan *, int depth);

size_t
ct_utf8_length(const char *text, const char *end)
{
	const unsigned char	*at = (const unsigned char *)text;
	size_t			 length, i, left = (size_t)(end - text);

	if (left == 0)
		return (0);
	if (at[0] < 0x80)
		return (1);
	if (at[0] >= 0xc2 && at[0] <= 0xdf)
		length = 2;
	else if (at[0] >= 0xe0 && at[0] <= 0xef)
		length = 3;
	else if (at[0] >= 0xf0 && at[0] <= 0xf4)
		length = 4;
	else
		return (0);
	if (left < length)
		return (0);
	for (i = 1; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return (0);
	}
	/* Overlong forms, surrogates, and what is past U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return (0);
	return (length);
}

static bool
refuse(struct scan *scan, const char *why)
{
	if (scan->why == NULL)
		scan->why = why;
	return (false);
}

static void
skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	    (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

/* Takes the character if it comes next. */
static bool
take(struct scan *scan, char c)
{
	if (scan->at < scan->end && *scan->at == c) {
		scan->at++;
		return (true);
	}
	return (false);
}

static bool
take_word(struct scan *scan, const char *word)
{
	size_t	length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return (refuse(scan, "is not JSON"));
	scan->at += length;
	return (true);
}

static bool
take_digits(struct scan *scan)
{
	const char	*from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (scan->at > from);
}

/* The four digits after \u; -1 if they are not there. */
static long
take_hex4(struct scan *scan)
{
	long	value = 0;
	int	i;
	char	c;

	for (i = 0; i < 4; i++) {
		if (scan->at == scan->end)
			return (-1);
		c = *scan->at++;
		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			value = value << 4 | (c - 'A' + 10);
		else
			return (-1);
	}
	return (value);
}

static bool
scan_escape(struct scan *scan)
{
	long	high, low;

	if (scan->at == scan->end)
		return (refuse(scan, "is not JSON"));
	switch (*scan->at++) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return (true);
	case 'u':
		high = take_hex4(scan);
		if (high < 0 || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
			return (refuse(scan, "has a character that cannot be"));
		if (high < 0xd800 || high > 0xdbff)
			return (true);
		if (!take(scan, '\\') || !take(scan, 'u') || (low = take_hex4(scan)) < 0xdc00 || low > 0xdfff)
			return (refuse(scan, "has half a surrogate pair"));
		return (true);
	default:
		return (refuse(scan, "is not JSON"));
	}
}

static bool
scan_string(struct scan *scan)
{
	size_t	length;

	if (!take(scan, '"'))
		return (refuse(scan, "is not JSON"));
	while (scan->at < scan->end) {
		/* Nearly all characters. */
		if (*scan->at >= '#' && *scan->at <= '~' && *scan->at != '\\') {
			scan->at++;
			continue;
		}
		if (take(scan, '"'))
			return (true);
		if (take(scan, '\\')) {
			if (!scan_escape(scan))
				return (false);
			continue;
		}
		if ((unsigned char)*scan->at < 0x20)
			return (refuse(scan, "has a control character in a string"));
		if ((length = ct_utf8_length(scan->at, scan->end)) == 0)
			return (refuse(scan, "is not UTF-8"));
		scan->at += length;
	}
	return (refuse(scan, "is not JSON"));
}

/*
 * Whether a double makes another number of this one, and a whole one: 1000.0000000000000001, 1e-400. A caller that reads a
 * whole number would take it for that one.
 */
static bool
becomes_whole(const char *from, const char *end)
{
	char		 text[NUMBER_MAX + 1];
	const char	*at;
	double		 value;
	long		 whole, exponent = 0, digit = 0;

	memcpy(text, from, (size_t)(end - from));
	text[end - from] = '\0';
	value = strtod(text, NULL);
	if (floor(value) != value)
		return (false);
	/* How many of its digits stand before the point, once the exponent has moved it. */
	from = text[0] == '-' ? text + 1 : text;
	whole = (long)strspn(from, "0123456789");
	if ((at = strpbrk(from, "eE")) != NULL)
		exponent = strtol(at + 1, NULL, 10);
	whole += exponent > EXPONENT_MAX ? EXPONENT_MAX : exponent < -EXPONENT_MAX ? -EXPONENT_MAX : exponent;
	for (at = from; (*at >= '0' && *at <= '9') || *at == '.'; at++) {
		if (*at == '.')
			continue;
		if (*at != '0' && digit >= whole)
			return (true);
		digit++;
	}
	return (false);
}

static bool
scan_number(struct scan *scan)
{
	const char	*from = scan->at, *point;

	(void)take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan))
		return (refuse(scan, "is not JSON"));
	point = scan->at;
	if (take(scan, '.') && !take_digits(scan))
		return (refuse(scan, "is not JSON"));
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			(void)take(scan, '-');
		if (!take_digits(scan))
			return (refuse(scan, "is not JSON"));
	}
	if (scan->at - from > NUMBER_MAX)
		return (refuse(scan, "has a number of too many digits"));
	if (scan->at > point && becomes_whole(from, scan->at))
		return (refuse(scan, "has a number that cannot be kept as it is"));
	return (true);
}

static bool
scan_array(struct scan *scan, int depth)
{
	scan->at++;
	skip_space(scan);
	if (take(scan, ']'))
		return (true);
	for (;;) {
		if (!scan_value(scan, depth + 1))
			return (false);
		skip_space(scan);
		if (take(scan, ']'))
			return (true);
		if (!take(scan, ','))
			return (refuse(scan, "is not JSON"));
	}
}

static bool
scan_object(struct scan *scan, int depth)
{
	scan->at++;
	skip_space(scan);
	if (take(scan, '}'))
		return (true);
	for (;;) {
		skip_space(scan);
		if (!scan_string(scan))
			return (false);
		skip_space(scan);
		if (!take(scan, ':'))
			return (refuse(scan, "is not JSON"));
		if (!scan_value(scan, depth + 1))
			return (false);
		skip_space(scan);
		if (take(scan, '}'))
			return (true);
		if (!take(scan, ','))
			return (refuse(scan, "is not JSON"));
	}
}

static bool
scan_value(struct scan *scan, int depth)
{
	skip_space(scan);
	if (scan->at == scan->end)
		return (refuse(scan, "is not JSON"));
	if (depth > CT_JSON_DEPTH_MAX)
		return (refuse(scan, "is nested too deeply"));
	switch (*scan->at) {
	case '{':
		return (scan_object(scan, depth));
	case '[':
		return (scan_array(scan, depth));
	case '"':
		return (scan_string(scan));
	case 't':
		return (take_word(scan, "true"));
	case 'f':
		return (take_word(scan, "false"));
	case 'n':
		return (take_word(scan, "null"));
	default:
		return (scan_number(scan));
	}
}

static int
compare_names(const void *a, const void *b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}

/* Whether any object in the tree has a member twice. Sorted, so a hostile body costs n log n. */
static bool
repeats_a_member(const cJSON *item)
{
	const cJSON	 *child;
	const char	**names;
	size_t		  count = 0, i;
	bool		  repeated = false;

	cJSON_ArrayForEach(child, item) {
		if (child->child != NULL && repeats_a_member(child))
			return (true);
		count++;
	}
	if (!cJSON_IsObject(item) || count < 2)
		return (false);

	if ((names = calloc(count, sizeof(*names))) == NULL)
		abort();
	i = 0;
	cJSON_ArrayForEach(child, item)
		names[i++] = child->string;
	qsort(names, count, sizeof(*names), compare_names);
	for (i = 1; i < count && !repeated; i++)
		repeated = strcmp(names[i - 1], names[i]) == 0;
	free(names);
	return (repeated);
}

cJSON *
ct_json_parse(const char *text, size_t length, const char **why_r)
{
	struct scan	 scan = { text, text + length, NULL };
	cJSON		*tree;

	skip_space(&scan);
	if (scan.at == scan.end) {
		*why_r = "is empty";
		return (NULL);
	}
	if (scan_value(&scan, 1)) {
		skip_space(&scan);
		if (scan.at < scan.end)
			(void)refuse(&scan, "goes on after the JSON");
	}
	if (scan.why != NULL) {
		*why_r = scan.why;
		return (NULL);
	}

	if ((tree = cJSON_ParseWithLength(text, length)) == NULL) {
		*why_r = "is not JSON";
		return (NULL);
	}
	if (!cJSON_IsObject(tree))
		*why_r = "is not a JSON object";
	else if (repeats_a_member(tree))
		*why_r = "has a member twice";
	else
		return (tree);
	cJSON_Delete(tree);
	return (NULL);
}
