/* Reads a file of secrets and verifies with each of them. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "auth/hmac_keys.h"
#include "base/assert.h"

/* Adds the secret in one line. Returns false if it is refused. */
static bool
hmac_keys_add_line(const char *line, size_t length, unsigned number, struct ct_hmac_keys *keys, char why_r[CT_CONFIG_WHY])
{
	while (length > 0 && strchr(" \t\r", line[length - 1]) != NULL)
		length--;
	if (length == 0)
		return (true);
	if (length < CT_HMAC_SECRET_MIN) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "line %u of the file holds %zu bytes; at least %d are needed", number, length,
		    CT_HMAC_SECRET_MIN);
		return (false);
	}
	if (keys->count == CT_HMAC_KEYS_MAX) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "the file holds more than %d secrets", CT_HMAC_KEYS_MAX);
		return (false);
	}
	ct_hmac_init(&keys->hmac[keys->count], line, length);
	ct_loaded_fingerprint(line, length, keys->fingerprints[keys->count]);
	keys->count++;
	return (true);
}

bool
ct_hmac_keys_read(const char *setting, struct ct_hmac_keys *keys_r, char why_r[CT_CONFIG_WHY])
{
	struct ct_hmac_keys	 keys = { .count = 0 };
	const char		*line, *end;
	char			*text;
	size_t			 length, size;
	unsigned		 number = 1;
	bool			 good = true;

	if ((text = ct_config_read_secret(setting, &length, why_r)) == NULL)
		return (false);
	for (line = text; good && line <= text + length; line += size + 1, number++) {
		end = memchr(line, '\n', (size_t)(text + length - line));
		size = (size_t)((end == NULL ? text + length : end) - line);
		good = hmac_keys_add_line(line, size, number, &keys, why_r);
	}
	ct_config_free_secret(text);
	if (good)
		*keys_r = keys;
	OPENSSL_cleanse(&keys, sizeof(keys));
	return (good);
}

bool
ct_hmac_keys_match(const struct ct_hmac_keys *keys, const void *data, size_t data_length, const void *tag, size_t length)
{
	unsigned char	right[SHA256_DIGEST_LENGTH];
	unsigned	i;

	CT_ASSERT(length > 0 && length <= sizeof(right));
	for (i = 0; i < keys->count; i++) {
		ct_hmac(&keys->hmac[i], data, data_length, right);
		if (CRYPTO_memcmp(right, tag, length) == 0)
			return (true);
	}
	return (false);
}

unsigned
ct_hmac_keys_values(const struct ct_hmac_keys *keys, struct ct_loaded_value *values_r)
{
	unsigned	i;

	for (i = 0; i < keys->count; i++) {
		memcpy(values_r[i].text, keys->fingerprints[i], sizeof(keys->fingerprints[i]));
		values_r[i].use = i == 0 ? "signs" : "verifies";
	}
	return (keys->count);
}
