/* The buffer doubles its memory when that is full. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define FIRST_CAPACITY	256

void
ct_buf_init(struct ct_buf *buf, size_t ceiling)
{
	static char	empty[1];

	/* An empty buffer prints as "". Nothing is written to this text, because capacity is 0. */
	buf->data = empty;
	buf->length = 0;
	buf->capacity = 0;
	buf->ceiling = ceiling;
	buf->failed = false;
}

void
ct_buf_deinit(struct ct_buf *buf)
{
	if (buf->capacity > 0)
		free(buf->data);
	ct_buf_init(buf, buf->ceiling);
}

/* Makes room for `len` more bytes and the NUL. */
static bool
buf_reserve(struct ct_buf *buf, size_t len)
{
	size_t	 needed, capacity;
	char	*data;

	if (buf->failed)
		return (false);
	if (len > buf->ceiling || buf->length > buf->ceiling - len) {
		buf->failed = true;
		return (false);
	}

	needed = buf->length + len + 1;
	if (needed <= buf->capacity)
		return (true);
	capacity = buf->capacity == 0 ? FIRST_CAPACITY : buf->capacity;
	while (capacity < needed)
		capacity *= 2;
	if ((data = realloc(buf->capacity == 0 ? NULL : buf->data, capacity)) == NULL) {
		buf->failed = true;
		return (false);
	}
	if (buf->capacity == 0)
		data[0] = '\0';
	buf->data = data;
	buf->capacity = capacity;
	return (true);
}

void
ct_buf_append(struct ct_buf *buf, const void *data, size_t len)
{
	if (len == 0 || !buf_reserve(buf, len))
		return;
	memcpy(buf->data + buf->length, data, len);
	buf->length += len;
	buf->data[buf->length] = '\0';
}

void
ct_buf_puts(struct ct_buf *buf, const char *text)
{
	ct_buf_append(buf, text, strlen(text));
}

void
ct_buf_printf(struct ct_buf *buf, const char *fmt, ...)
{
	va_list	args;
	int	needed;

	/* Formats into the free memory. If that is too small, the second call below formats again. */
	va_start(args, fmt);
	needed = vsnprintf(buf->capacity == 0 ? NULL : buf->data + buf->length,
	    buf->capacity == 0 ? 0 : buf->capacity - buf->length, fmt, args);
	va_end(args);
	if (needed <= 0 || !buf_reserve(buf, (size_t)needed)) {
		if (needed < 0)
			buf->failed = true;
		if (buf->capacity > 0)
			buf->data[buf->length] = '\0';
		return;
	}

	va_start(args, fmt);
	(void)vsnprintf(buf->data + buf->length, (size_t)needed + 1, fmt, args);
	va_end(args);
	buf->length += (size_t)needed;
}

/* Writes the JSON escape of a character. Returns its length. */
static size_t
buf_escape(unsigned char character, char escape_r[6])
{
	static const char	digits[] = "0123456789abcdef";

	escape_r[0] = '\\';
	switch (character) {
	case '"':
	case '\\':
		escape_r[1] = (char)character;
		return (2);
	case '\b':
		escape_r[1] = 'b';
		return (2);
	case '\f':
		escape_r[1] = 'f';
		return (2);
	case '\n':
		escape_r[1] = 'n';
		return (2);
	case '\r':
		escape_r[1] = 'r';
		return (2);
	case '\t':
		escape_r[1] = 't';
		return (2);
	default:
		memcpy(escape_r + 1, "u00", 3);
		escape_r[4] = digits[character >> 4];
		escape_r[5] = digits[character & 0x0f];
		return (6);
	}
}

void
ct_buf_json_string(struct ct_buf *buf, const char *text)
{
	const char	*run;
	char		 escape[6];

	if (text == NULL) {
		ct_buf_append(buf, "null", 4);
		return;
	}

	ct_buf_append(buf, "\"", 1);
	for (run = text; *text != '\0'; text++) {
		if ((unsigned char)*text >= 0x20 && *text != '"' && *text != '\\')
			continue;
		ct_buf_append(buf, run, (size_t)(text - run));
		run = text + 1;
		ct_buf_append(buf, escape, buf_escape((unsigned char)*text, escape));
	}
	ct_buf_append(buf, run, (size_t)(text - run));
	ct_buf_append(buf, "\"", 1);
}

size_t
ct_number(int64_t number, char text_r[CT_NUMBER_TEXT])
{
	uint64_t	left = number < 0 ? -(uint64_t)number : (uint64_t)number;
	char		digits[CT_NUMBER_TEXT], *at = digits + sizeof(digits);
	size_t		length;

	do {
		*--at = (char)('0' + left % 10);
	} while ((left /= 10) > 0);
	if (number < 0)
		*--at = '-';
	length = (size_t)(digits + sizeof(digits) - at);
	memcpy(text_r, at, length);
	text_r[length] = '\0';
	return (length);
}

void
ct_buf_number(struct ct_buf *buf, int64_t number)
{
	char	text[CT_NUMBER_TEXT];

	ct_buf_append(buf, text, ct_number(number, text));
}
