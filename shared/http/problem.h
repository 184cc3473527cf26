/* Problem bodies (application/problem+json, RFC 9457). */
#ifndef CT_PROBLEM_H
#define CT_PROBLEM_H

#include "base/buf.h"
#include "base/error.h"

/*
 * Appends a problem to `buf`: type, title, status, detail, code, requestId, retryAfterSeconds if the table of errors has
 * one, then the members of `extras`. `detail` NULL means the title. `extras` is NULL or the text of a JSON object.
 *
 * The bytes depend only on the arguments. A replayed error is built from the stored outcome, and must equal the first
 * answer to the byte.
 */
void	 ct_problem(struct ct_buf *buf, enum ct_error error, const char *detail, const char *request_id,
	     const char *extras);

#endif
