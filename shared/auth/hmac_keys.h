/*
 * Secrets for HMAC-SHA-256 from a file, one secret a line. The first one signs, and each of them verifies. So a secret is
 * replaced without an interruption: add the new one as the second line, move it to the first, remove the old one.
 */
#ifndef CT_HMAC_KEYS_H
#define CT_HMAC_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/hmac.h"
#include "base/config.h"
#include "base/loaded.h"

#define CT_HMAC_KEYS_MAX	4
#define CT_HMAC_SECRET_MIN	32	/* bytes; RFC 7518, section 3.2 */

struct ct_hmac_keys {
	unsigned	count;
	struct ct_hmac	hmac[CT_HMAC_KEYS_MAX];
	char		fingerprints[CT_HMAC_KEYS_MAX][CT_LOADED_FINGERPRINT];
};

/*
 * Reads the file that the setting names. White space at the end of a line, and empty lines, do not count. Returns false if the file
 * cannot be read, is not private (config.h), or holds no secret, more than CT_HMAC_KEYS_MAX, or one that is too short; why_r is then the
 * reason, and *keys_r is unchanged.
 */
bool	 ct_hmac_keys_read(const char *setting, struct ct_hmac_keys *keys_r, char why_r[CT_CONFIG_WHY])
	     __attribute__((warn_unused_result));

/* Returns true if the `length` bytes of `tag` (at most 32) are the start of a key's HMAC of the data. Constant time a key. */
bool	 ct_hmac_keys_match(const struct ct_hmac_keys *keys, const void *data, size_t data_length, const void *tag, size_t length)
	     __attribute__((warn_unused_result));

/* Fills in the fingerprints for ct_watched_file. */
unsigned ct_hmac_keys_values(const struct ct_hmac_keys *keys, struct ct_loaded_value *values_r);

#endif
