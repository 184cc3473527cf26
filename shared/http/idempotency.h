/* Idempotency keys, and the hash that tells a repeated request from a different one. */
#ifndef CT_IDEMPOTENCY_H
#define CT_IDEMPOTENCY_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#define CT_REQUEST_HASH_TEXT	65	/* SHA-256 in hex and the NUL */

/* Returns true for 1 to 255 printable ASCII characters (0x20 to 0x7e). */
bool	 ct_idempotency_key_valid(const char *key);

/*
 * Writes the SHA-256 of `operation` and of the body's members that `fields` names, in that order. `fields` ends with NULL;
 * "card.paymentKey" names a member of the member `card`. Name leaves, not the objects around them: all other members do not
 * change the hash. A null counts as absent. UUIDs count in lower case.
 *
 * Members are hashed in canonical form (JCS, RFC 8785), for the types that the contract has: strings, whole numbers,
 * booleans, arrays and objects.
 */
void	 ct_request_hash(const char *operation, const cJSON *body, const char *const *fields,
	     char hash_r[CT_REQUEST_HASH_TEXT]);

#endif
