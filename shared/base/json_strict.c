/*
 * Reads JSON in three steps. A recursive descent checks the text and stores nothing. Then cJSON builds the tree, and the
 * last step looks for members that are there twice.
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_strict.h"

/* cJSON copies each number into a buffer of 64 bytes. */
#define NUMBER_MAX	60

/* A larger exponent makes any number infinite, and one below -EXPONENT_MAX makes it zero. */
#define EXPONENT_MAX	1000

struct scan {
	const char	*at;
	const char	*end;
	const char	*why;
};

static bool	json_scan_value(struct scan *, int depth);

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
	/* Refuses overlong forms, surrogates, and code points above U+10FFFF. */
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return (0);
	return (length);
}

static bool
json_refuse(struct scan *scan, const char *why)
{
	if (scan->why == NULL)
		scan->why = why;
	return (false);
}

static void
json_skip_space(struct scan *scan)
{
	while (scan->at < scan->end &&
	    (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
		scan->at++;
}

/* Moves past `c` if it is the next character. */
static bool
json_take(struct scan *scan, char c)
{
	if (scan->at < scan->end && *scan->at == c) {
		scan->at++;
		return (true);
	}
	return (false);
}

static bool
json_take_word(struct scan *scan, const char *word)
{
	size_t	length = strlen(word);

	if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
		return (json_refuse(scan, "is not JSON"));
	scan->at += length;
	return (true);
}

static bool
json_take_digits(struct scan *scan)
{
	const char	*from = scan->at;

	while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
		scan->at++;
	return (scan->at > from);
}

/* Reads the four digits after \u. Returns -1 if they are not there. */
static long
json_take_hex4(struct scan *scan)
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
json_scan_escape(struct scan *scan)
{
	long	high, low;

	if (scan->at == scan->end)
		return (json_refuse(scan, "is not JSON"));
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
		high = json_take_hex4(scan);
		if (high < 0 || high == 0 || (high >= 0xdc00 && high <= 0xdfff))
			return (json_refuse(scan, "has a character that cannot be"));
		if (high < 0xd800 || high > 0xdbff)
			return (true);
		if (!json_take(scan, '\\') || !json_take(scan, 'u') || (low = json_take_hex4(scan)) < 0xdc00 || low > 0xdfff)
			return (json_refuse(scan, "has half a surrogate pair"));
		return (true);
	default:
		return (json_refuse(scan, "is not JSON"));
	}
}

static bool
json_scan_string(struct scan *scan)
{
	size_t	length;

	if (!json_take(scan, '"'))
		return (json_refuse(scan, "is not JSON"));
	while (scan->at < scan->end) {
		/* The fast way, for nearly all characters. */
		if (*scan->at >= '#' && *scan->at <= '~' && *scan->at != '\\') {
			scan->at++;
			continue;
		}
		if (json_take(scan, '"'))
			return (true);
		if (json_take(scan, '\\')) {
			if (!json_scan_escape(scan))
				return (false);
			continue;
		}
		if ((unsigned char)*scan->at < 0x20)
			return (json_refuse(scan, "has a control character in a string"));
		if ((length = ct_utf8_length(scan->at, scan->end)) == 0)
			return (json_refuse(scan, "is not UTF-8"));
		scan->at += length;
	}
	return (json_refuse(scan, "is not JSON"));
}

/*
 * Returns true if the number is not whole, but becomes whole as a double: 1000.0000000000000001 or 1e-400. A caller that
 * reads a whole number would accept it.
 */
static bool
json_becomes_whole(const char *from, const char *end)
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
	/* `whole` becomes the count of digits before the point, after the exponent has moved it. */
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
json_scan_number(struct scan *scan)
{
	const char	*from = scan->at, *point;

	(void)json_take(scan, '-');
	if (!json_take(scan, '0') && !json_take_digits(scan))
		return (json_refuse(scan, "is not JSON"));
	point = scan->at;
	if (json_take(scan, '.') && !json_take_digits(scan))
		return (json_refuse(scan, "is not JSON"));
	if (json_take(scan, 'e') || json_take(scan, 'E')) {
		if (!json_take(scan, '+'))
			(void)json_take(scan, '-');
		if (!json_take_digits(scan))
			return (json_refuse(scan, "is not JSON"));
	}
	if (scan->at - from > NUMBER_MAX)
		return (json_refuse(scan, "has a number of too many digits"));
	if (scan->at > point && json_becomes_whole(from, scan->at))
		return (json_refuse(scan, "has a number that cannot be kept as it is"));
	return (true);
}

static bool
json_scan_array(struct scan *scan, int depth)
{
	scan->at++;
	json_skip_space(scan);
	if (json_take(scan, ']'))
		return (true);
	for (;;) {
		if (!json_scan_value(scan, depth + 1))
			return (false);
		json_skip_space(scan);
		if (json_take(scan, ']'))
			return (true);
		if (!json_take(scan, ','))
			return (json_refuse(scan, "is not JSON"));
	}
}

static bool
json_scan_object(struct scan *scan, int depth)
{
	scan->at++;
	json_skip_space(scan);
	if (json_take(scan, '}'))
		return (true);
	for (;;) {
		json_skip_space(scan);
		if (!json_scan_string(scan))
			return (false);
		json_skip_space(scan);
		if (!json_take(scan, ':'))
			return (json_refuse(scan, "is not JSON"));
		if (!json_scan_value(scan, depth + 1))
			return (false);
		json_skip_space(scan);
		if (json_take(scan, '}'))
			return (true);
		if (!json_take(scan, ','))
			return (json_refuse(scan, "is not JSON"));
	}
}

static bool
json_scan_value(struct scan *scan, int depth)
{
	json_skip_space(scan);
	if (scan->at == scan->end)
		return (json_refuse(scan, "is not JSON"));
	if (depth > CT_JSON_DEPTH_MAX)
		return (json_refuse(scan, "is nested too deeply"));
	switch (*scan->at) {
	case '{':
		return (json_scan_object(scan, depth));
	case '[':
		return (json_scan_array(scan, depth));
	case '"':
		return (json_scan_string(scan));
	case 't':
		return (json_take_word(scan, "true"));
	case 'f':
		return (json_take_word(scan, "false"));
	case 'n':
		return (json_take_word(scan, "null"));
	default:
		return (json_scan_number(scan));
	}
}

static int
json_compare_names(const void *a, const void *b)
{
	return (strcmp(*(const char *const *)a, *(const char *const *)b));
}

/* Returns true if an object in the tree has a member twice. Sorts, so a hostile body costs only n log n. */
static bool
json_repeats_a_member(const cJSON *item)
{
	const cJSON	 *child;
	const char	**names;
	size_t		  count = 0, i;
	bool		  repeated = false;

	cJSON_ArrayForEach(child, item) {
		if (child->child != NULL && json_repeats_a_member(child))
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
	qsort(names, count, sizeof(*names), json_compare_names);
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

	json_skip_space(&scan);
	if (scan.at == scan.end) {
		*why_r = "is empty";
		return (NULL);
	}
	if (json_scan_value(&scan, 1)) {
		json_skip_space(&scan);
		if (scan.at < scan.end)
			(void)json_refuse(&scan, "goes on after the JSON");
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
	else if (json_repeats_a_member(tree))
		*why_r = "has a member twice";
	else
		return (tree);
	cJSON_Delete(tree);
	return (NULL);
}
