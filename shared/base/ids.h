/* UUIDs (RFC 9562), hexadecimal digits and base64url. */
#ifndef CT_IDS_H
#define CT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CT_UUID_TEXT	37	/* 36 characters and the NUL */

struct ct_uuid {
	uint8_t		bytes[16];
};

/* Makes a new UUID of version 7 from the wall clock and the system's random source. */
void	 ct_uuid_v7(struct ct_uuid *uuid_r);

/*
 * Reads a UUID of any version: 36 characters, hexadecimal digits of any case and hyphens. Returns false for any other
 * text, and leaves *uuid_r as it was.
 */
bool	 ct_uuid_parse(const char *text, struct ct_uuid *uuid_r);

/* Writes the lower-case form and a NUL into text_r. */
void	 ct_uuid_format(const struct ct_uuid *uuid, char text_r[CT_UUID_TEXT]);

/* Returns the value of a hexadecimal digit of either case, or -1 if `c` is not one. */
int	 ct_hex_value(char c);

/*
 * Writes base64url without padding (RFC 4648, section 5) and a NUL. `out` must hold ct_base64url_length(len) + 1 bytes.
 * Returns the length.
 */
#define ct_base64url_length(len)	(((len) * 4 + 2) / 3)
size_t	 ct_base64url_encode(const void *data, size_t len, char *out);

/*
 * Decodes text_len characters into `out` and returns the number of bytes. Returns -1 for a character outside the
 * alphabet, an impossible length, or more than out_size bytes. Also for unused last bits that are not zero: each value
 * has exactly one accepted text.
 */
long	 ct_base64url_decode(const char *text, size_t text_len, void *out, size_t out_size);

#endif
