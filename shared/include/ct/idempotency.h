/* What makes two requests "the same": the key's form and a canonical hash. */
#ifndef CT_IDEMPOTENCY_H
#define CT_IDEMPOTENCY_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#define CT_REQUEST_HASH_TEXT	65	/* SHA-256 in hex and the NUL */

/* 1 to 255 printable ASCII characters (0x20 to 0x7e). */
bool	 ct_idempotency_key_valid(const char *key);

/*
 * SHA-256 over `operation` and the members of `body` named in `fields`
 * (NULL-terminated; "card.paymentKey" is a member's member), each in the order
 * given and in canonical form (JCS, RFC 8785, for the types the contract uses:
 * strings, whole numbers, booleans, arrays, objects with sorted keys). Unknown
 * fields and members that are null don't count: they are ignored elsewhere too. So name leaves, not the
 * objects they are in. UUIDs are compared in lower case.
 */
void	 ct_request_hash(const char *operation, const cJSON *body, const char *const *fields,
	     char hash_r[CT_REQUEST_HASH_TEXT]);

#endif
