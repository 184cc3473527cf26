/* See jwt.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "jwt.h"

void
uuid_new(char text_r[UUID_TEXT])
{
	unsigned char	b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		abort();
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(text_r, UUID_TEXT,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
	    b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

size_t
base64url(const void *data, size_t length, char *text_r)
{
	char	*c;

	(void)EVP_EncodeBlock((unsigned char *)text_r, data, (int)length);
	for (c = text_r; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	while (c > text_r && c[-1] == '=')
		*--c = '\0';
	return ((size_t)(c - text_r));
}

char *
jwt_hs256(const char *header, const char *payload, const char *secret)
{
	size_t		 room = (strlen(header) + strlen(payload)) * 4 / 3 + 16 + EVP_MAX_MD_SIZE * 2, length;
	char		*text = malloc(room);
	unsigned char	 mac[EVP_MAX_MD_SIZE];
	unsigned	 mac_length = 0;

	if (text == NULL)
		abort();
	length = base64url(header, strlen(header), text);
	text[length++] = '.';
	length += base64url(payload, strlen(payload), text + length);
	if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)text, length, mac, &mac_length) == NULL)
		abort();
	text[length++] = '.';
	(void)base64url(mac, mac_length, text + length);
	return (text);
}
