/* UUIDs, hexadecimal digits and base64url, by tables and without allocation. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/rand.h>

#include "base/ids.h"

_Static_assert(2 * sizeof(struct ct_uuid) + 4 < CT_UUID_TEXT, "a UUID's digits, hyphens and NUL fit");

static const char	hex_digits[] = "0123456789abcdef";
static const char	base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/*
 * A digit's value plus 16, so that 0 means "not a digit". The code uses tables because branches for each character of
 * each token cost measurable time.
 */
static const uint8_t	hex_values[256] = {
	['0'] = 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
	['A'] = 26, 27, 28, 29, 30, 31,
	['a'] = 26, 27, 28, 29, 30, 31,
};

int
ct_hex_value(char c)
{
	uint8_t	value = hex_values[(uint8_t)c];

	return (value == 0 ? -1 : value & 15);
}

/* A character's value plus 64, so that 0 means "outside the alphabet". */
#define BASE64URL	64
static const uint8_t	base64url_values[256] = {
	['A'] = 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76,
	['N'] = 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89,
	['a'] = 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102,
	['n'] = 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115,
	['0'] = 116, 117, 118, 119, 120, 121, 122, 123, 124, 125,
	['-'] = 126,
	['_'] = 127,
};

/* Random bytes, fetched in advance: each call of RAND_bytes() costs some microseconds. */
static uint8_t	random_pool[1024];
static size_t	random_left;

/* Runs in each forked child: a worker must not use the bytes that its parent fetched. */
static void
ids_forget_random(void)
{
	random_left = 0;
}

static void
ids_random_bytes(uint8_t *out, size_t len)
{
	static bool	watching;

	if (random_left < len) {
		if (!watching && pthread_atfork(NULL, NULL, ids_forget_random) != 0)
			abort();
		watching = true;
		if (RAND_bytes(random_pool, sizeof(random_pool)) != 1)
			abort();
		random_left = sizeof(random_pool);
	}
	random_left -= len;
	memcpy(out, random_pool + random_left, len);
}

void
ct_uuid_v7(struct ct_uuid *uuid_r)
{
	struct timespec	now;
	uint64_t	ms;
	int		i;

	ids_random_bytes(uuid_r->bytes + 6, 10);
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (i = 0; i < 6; i++)
		uuid_r->bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
	uuid_r->bytes[6] = (uint8_t)(0x70 | (uuid_r->bytes[6] & 0x0f));
	uuid_r->bytes[8] = (uint8_t)(0x80 | (uuid_r->bytes[8] & 0x3f));
}

bool
ct_uuid_parse(const char *text, struct ct_uuid *uuid_r)
{
	struct ct_uuid	uuid;
	uint8_t		high, low;
	int		i, at = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10) {
			if (text[at] != '-')
				return (false);
			at++;
		}
		/* A NUL is not a digit, so this never reads past the end. */
		if ((high = hex_values[(uint8_t)text[at]]) == 0 || (low = hex_values[(uint8_t)text[at + 1]]) == 0)
			return (false);
		uuid.bytes[i] = (uint8_t)(high << 4 | (low & 15));
		at += 2;
	}
	if (text[at] != '\0')
		return (false);
	*uuid_r = uuid;
	return (true);
}

void
ct_uuid_format(const struct ct_uuid *uuid, char text_r[CT_UUID_TEXT])
{
	int	i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*text_r++ = '-';
		*text_r++ = hex_digits[uuid->bytes[i] >> 4];
		*text_r++ = hex_digits[uuid->bytes[i] & 0x0f];
	}
	*text_r = '\0';
}

size_t
ct_base64url_encode(const void *data, size_t len, char *out)
{
	const uint8_t	*in = data;
	char		*at = out;
	uint32_t	 group;

	for (; len >= 3; in += 3, len -= 3) {
		group = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*at++ = base64url[group >> 18];
		*at++ = base64url[group >> 12 & 63];
		*at++ = base64url[group >> 6 & 63];
		*at++ = base64url[group & 63];
	}
	if (len > 0) {
		group = (uint32_t)in[0] << 16 | (len == 2 ? (uint32_t)in[1] << 8 : 0);
		*at++ = base64url[group >> 18];
		*at++ = base64url[group >> 12 & 63];
		if (len == 2)
			*at++ = base64url[group >> 6 & 63];
	}
	*at = '\0';
	return ((size_t)(at - out));
}

long
ct_base64url_decode(const char *text, size_t text_len, void *out, size_t out_size)
{
	const uint8_t	*in = (const uint8_t *)text;
	uint8_t		*at = out, all = BASE64URL, a, b, c, d;

	if (text_len % 4 == 1 || text_len / 4 * 3 + text_len % 4 * 3 / 4 > out_size)
		return (-1);
	for (; text_len >= 4; in += 4, text_len -= 4) {
		a = base64url_values[in[0]];
		b = base64url_values[in[1]];
		c = base64url_values[in[2]];
		d = base64url_values[in[3]];
		all &= a & b & c & d;
		*at++ = (uint8_t)(a << 2 | (b & 63) >> 4);
		*at++ = (uint8_t)(b << 4 | (c & 63) >> 2);
		*at++ = (uint8_t)(c << 6 | (d & 63));
	}
	if (text_len > 0) {
		a = base64url_values[in[0]];
		b = base64url_values[in[1]];
		c = text_len == 3 ? base64url_values[in[2]] : BASE64URL;
		all &= a & b & c;
		*at++ = (uint8_t)(a << 2 | (b & 63) >> 4);
		if (text_len == 3)
			*at++ = (uint8_t)(b << 4 | (c & 63) >> 2);
		/* The unused bits must be zero, or the value would have two texts. */
		if ((text_len == 3 ? c & 3 : b & 15) != 0)
			return (-1);
	}
	return ((all & BASE64URL) != 0 ? (long)(at - (uint8_t *)out) : -1);
}
