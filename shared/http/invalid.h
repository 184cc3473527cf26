/* The list of a request's invalid fields. One 400 names them all. */
#ifndef CT_INVALID_H
#define CT_INVALID_H

#include "http/request.h"

/* Notes one invalid field by its path: in the query, or in the body ("sections[1].price"). */
void	 ct_note_invalid(struct ct_request *request, const char *field, const char *reason);

/* Notes that `field` is none of the NULL-terminated choices. */
void	 ct_note_choice(struct ct_request *request, const char *field, const char *const *choices);

/* Returns "must be one of OPEN, PAUSED". */
const char	*ct_choice_reason(struct ct_request *request, const char *const *choices);

/* If any field was noted: replies 400 INVALID_REQUEST with the list and returns true. */
bool	 ct_invalid(struct ct_request *request) __attribute__((warn_unused_result));

#endif
