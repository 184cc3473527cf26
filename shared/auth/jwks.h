/* Public keys from a JSON Web Key Set (RFC 7517). */
#ifndef CT_JWKS_H
#define CT_JWKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/loaded.h"

/*
 * Puts the keys of a key set in force: RSA keys of 2,048 to 8,192 bits for RS256, P-256 keys for ES256.
 * Leaves out all other keys, and logs them. Returns false and changes nothing if the text is not a set of at most 64 keys,
 * or if no key is left; why_r is then the reason.
 */
bool	 ct_jwks_use(const char *text, size_t length, char why_r[CT_CONFIG_WHY])
	     __attribute__((warn_unused_result));

/* Fills in the ids of the keys in force. Returns their number. */
unsigned ct_jwks_values(struct ct_loaded_value *values_r);

#endif
