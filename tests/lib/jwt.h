/* Random ids and JSON Web Tokens for test programs. A function that cannot do its work ends the program. */
#ifndef TESTS_LIB_JWT_H
#define TESTS_LIB_JWT_H

#include <stddef.h>

#define UUID_TEXT	37

/* Writes a random UUID (version 4). */
void	 uuid_new(char text_r[UUID_TEXT]);

/* Writes base64url without padding. `text_r` needs room for length * 4 / 3 + 4 bytes. Returns the text's length. */
size_t	 base64url(const void *data, size_t length, char *text_r);

/* Returns a JWT of exactly these JSON parts, signed HS256. The caller frees it. */
char	*jwt_hs256(const char *header, const char *payload, const char *secret);

#endif
