/* Signs and verifies queue tokens. Each status poll verifies one, so this must be fast. */
#include <string.h>

#include "auth/hmac_keys.h"
#include "auth/queue_token.h"
#include "base/config.h"
#include "base/watched.h"

#define VERSION		1
#define SIGNED_BYTES	57
#define TAG_BYTES	16
#define TOKEN_BYTES	(SIGNED_BYTES + TAG_BYTES)

_Static_assert(1 + 2 * sizeof(struct ct_uuid) + 3 * sizeof(uint64_t) == SIGNED_BYTES, "version, two ids, three numbers");
_Static_assert(ct_base64url_length(TOKEN_BYTES) < CT_QUEUE_TOKEN_TEXT, "a token's text and its NUL fit");
_Static_assert(TAG_BYTES <= SHA256_DIGEST_LENGTH, "the tag is the start of the HMAC");

static struct ct_hmac_keys	keys;

static bool
queue_token_load(const char *path, char why_r[CT_CONFIG_WHY])
{
	(void)path;
	return (ct_hmac_keys_read("QUEUE_TOKEN_SECRET_FILE", &keys, why_r));
}

static unsigned
queue_token_values(struct ct_loaded_value *values_r)
{
	return (ct_hmac_keys_values(&keys, values_r));
}

void
ct_queue_token_configure(void)
{
	static const struct ct_watched_file	file = { "QUEUE_TOKEN_SECRET_FILE", queue_token_load, queue_token_values };
	const char				*path = ct_config_secret_path("QUEUE_TOKEN_SECRET_FILE");

	if (path != NULL)
		ct_watched_add(&file, path);
}

static void
queue_token_put64(uint8_t *at, uint64_t value)
{
	int	i;

	for (i = 7; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

static uint64_t
queue_token_get64(const uint8_t *at)
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
	queue_token_put64(bytes + 33, token->seq);
	queue_token_put64(bytes + 41, token->issued_ms);
	queue_token_put64(bytes + 49, token->generation);
	ct_hmac(&keys.hmac[0], bytes, SIGNED_BYTES, bytes + SIGNED_BYTES);
	(void)ct_base64url_encode(bytes, TOKEN_BYTES, text_r);
}

bool
ct_queue_token_verify(const char *text, struct ct_queue_token *token_r)
{
	uint8_t	bytes[TOKEN_BYTES];
	size_t	length = strnlen(text, CT_QUEUE_TOKEN_TEXT);

	if (length != ct_base64url_length(TOKEN_BYTES) ||
	    ct_base64url_decode(text, length, bytes, sizeof(bytes)) != TOKEN_BYTES || bytes[0] != VERSION)
		return (false);
	if (!ct_hmac_keys_match(&keys, bytes, SIGNED_BYTES, bytes + SIGNED_BYTES, TAG_BYTES))
		return (false);

	memcpy(token_r->schedule.bytes, bytes + 1, 16);
	memcpy(token_r->user.bytes, bytes + 17, 16);
	token_r->seq = queue_token_get64(bytes + 33);
	token_r->issued_ms = queue_token_get64(bytes + 41);
	token_r->generation = queue_token_get64(bytes + 49);
	return (true);
}
