/* UUIDs: version 7 (RFC 9562) made here, any version read, lower case written; and the bytes' other spellings. */
#ifndef CT_IDS_H
#define CT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CT_UUID_TEXT	37	/* 36 characters and the NUL */

struct ct_uuid {
	uint8_t		bytes[16];
};

/* A new UUIDv7 from the wall clock and the system's random source. */
void	 ct_uuid_v7(struct ct_uuid *uuid_r);

/*
 * Reads exactly 36 characters of hex and hyphens, any case, any version.
 * Returns false, with *uuid_r untouched, for anything else.
 */
bool	 ct_uuid_parse(const char *text, struct ct_uuid *uuid_r);

/* Writes the lower-case form and a NUL into text_r. */
void	 ct_uuid_format(const struct ct_uuid *uuid, char text_r[CT_UUID_TEXT]);

/* The value of a hexadecimal digit of either case, -1 if `c` is none. */
int	 ct_hex_value(char c);

/*
 * base64url without padding (RFC 4648, section 5). `out` must hold
 * ct_base64url_length(len) + 1 bytes; a NUL is added. Returns the length.
 */
#define ct_base64url_length(len)	(((len) * 4 + 2) / 3)
size_t	 ct_base64url_encode(const void *data, size_t len, char *out);

/*
 * Decodes text of text_len characters into out. Returns the number of bytes,
 * or -1 if there is any character outside the alphabet, an impossible length,
 * non-zero trailing bits (each value has one spelling) or more than out_size.
 */
long	 ct_base64url_decode(const char *text, size_t text_len, void *out, size_t out_size);

#endif
