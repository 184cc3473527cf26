/*
 * The queue token: proof of a place in one schedule's queue, bound to one
 * user, checked without I/O.
 *
 * Format: base64url of 73 bytes: version (1), schedule (16), user (16), seq (8),
 * issued-at in ms (8), store epoch (8), integers big endian, and the first 16
 * bytes of an HMAC-SHA-256 (RFC 2104) over all that stands before.
 */
#ifndef CT_QUEUE_TOKEN_H
#define CT_QUEUE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/ids.h"

#define CT_QUEUE_TOKEN_TEXT	128	/* room for the text and the NUL */

struct ct_queue_token {
	struct ct_uuid	schedule;
	struct ct_uuid	user;
	uint64_t	seq;		/* place: microseconds, strictly increasing a schedule */
	uint64_t	issued_ms;	/* Unix time */
	uint64_t	epoch;		/* of the store that gave the place */
};

/* Reads QUEUE_TOKEN_SECRET_FILE (at least 32 bytes). */
void	 ct_queue_token_configure(void);

/* Writes the signed text of `token`. */
void	 ct_queue_token_sign(const struct ct_queue_token *token, char text_r[CT_QUEUE_TOKEN_TEXT]);

/* False if `text` is malformed, of another version or not signed by us. Constant time in the signature. */
bool	 ct_queue_token_verify(const char *text, struct ct_queue_token *token_r)
	     __attribute__((warn_unused_result));

#endif
