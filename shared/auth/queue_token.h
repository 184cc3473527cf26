/*
 * The queue token proves a user's place in a schedule's queue. Checking its signature needs no I/O.
 *
 * A token is base64url of 73 bytes: version (1 byte), schedule (16), user (16), seq (8), time of issue in ms (8), store
 * generation (8), and the first 16 bytes of an HMAC-SHA-256 (RFC 2104) of all bytes before it. Integers are big endian.
 */
#ifndef CT_QUEUE_TOKEN_H
#define CT_QUEUE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ids.h"

#define CT_QUEUE_TOKEN_TEXT	128	/* bytes for the text and the NUL */

struct ct_queue_token {
	struct ct_uuid	schedule;
	struct ct_uuid	user;
	uint64_t	seq;		/* the place: microseconds, strictly increasing in a schedule */
	uint64_t	issued_ms;	/* Unix time */
	uint64_t	generation;	/* of the store that gave the place (docs/glossary.md) */
};

/*
 * Reads QUEUE_TOKEN_SECRET_FILE: secrets of at least 32 bytes, one a line, also when the file changes later (watched.h). The
 * first one signs; each one verifies.
 */
void	 ct_queue_token_configure(void);

/* Writes the signed text of `token`. */
void	 ct_queue_token_sign(const struct ct_queue_token *token, char text_r[CT_QUEUE_TOKEN_TEXT]);

/*
 * Returns false if `text` is malformed, has another version, or is not signed with one of our secrets. Compares the signature in
 * constant time.
 */
bool	 ct_queue_token_verify(const char *text, struct ct_queue_token *token_r)
	     __attribute__((warn_unused_result));

#endif
