/* Queue tokens: 73 bytes, signed. Checking one runs for every status poll. */
#include <string.h>

#include <openssl/crypto.h>

#include "ct/config.h"
#include "ct/queue_token.h"
#include "hmac.h"

#define VERSION		1
#define SECRET_MIN	32
#define SIGNED_BYTES	57
#define TAG_BYTES	16
#define TOKEN_BYTES	(SIGNED_BYTES + TAG_BYTES)

static struct ct_hmac	hmac;

void
ct_queue_token_configure(void)
{
	const char	*secret;
	size_t		 length;

	secret = ct_config_secret_file("QUEUE_TOKEN_SECRET_FILE", SECRET_MIN, &length);
	ct_hmac_init(&hmac, secret, length);
}

static void
put64(uint8_t *at, uint64_t value)
{
	int	i;

	for (i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

static uint64_t
get64(const uint8_t *at)
{
	uint64_t	value = 0;
	int		i;

	for (i = 0; i < 8; i++)
		value = value << 8 | at[i];
	return (value);
}

void
ct_queue_token_sign(const struct ct_queue_token *token, char text_r[CT_QUEUE_TOKEN_TEXT])
{
	uint8_t	bytes[SIGNED_BYTES + SHA256_DIGEST_LENGTH];

	bytes[0] = VERSION;
	memcpy(bytes + 1, token->schedule.bytes, 16);
	memcpy(bytes + 17, token->user.bytes, 16);
	put64(bytes + 33, token->seq);
	put64(bytes + 41, token->issued_ms);
	put64(bytes + 49, token->epoch);
	ct_hmac(&hmac, bytes, SIGNED_BYTES, bytes + SIGNED_BYTES);
	(void)ct_base64url_encode(bytes, TOKEN_BYTES, text_r);
}

bool
ct_queue_token_verify(const char *text, struct ct_queue_token *token_r)
{
	uint8_t	bytes[TOKEN_BYTES], digest[SHA256_DIGEST_LENGTH];
	size_t	length = strnlen(text, CT_QUEUE_TOKEN_TEXT);

	if (length != ct_base64url_length(TOKEN_BYTES) ||
	    ct_base64url_decode(text, length, bytes, sizeof(bytes)) != TOKEN_BYTES || bytes[0] != VERSION)
		return (false);
	ct_hmac(&hmac, bytes, SIGNED_BYTES, digest);
	if (CRYPTO_memcmp(digest, bytes + SIGNED_BYTES, TAG_BYTES) != 0)
		return (false);

	memcpy(token_r->schedule.bytes, bytes + 1, 16);
	memcpy(token_r->user.bytes, bytes + 17, 16);
	token_r->seq = get64(bytes + 33);
	token_r->issued_ms = get64(bytes + 41);
	token_r->epoch = get64(bytes + 49);
	return (true);
}
