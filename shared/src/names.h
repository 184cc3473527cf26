/* Names and titles in one normal form, without characters that users cannot see. */
#ifndef CT_NAMES_H
#define CT_NAMES_H

#include <stddef.h>

#include "ct/request.h"

/*
 * The stored form of a name: Unicode NFC, without white space at its ends. `text` is valid UTF-8. NULL if it is
 * refused, with *why_r saying why: no visible character, more than max_chars code points, a control character, a line
 * break, or a character that changes the direction of others.
 */
const char	*ct_name_form(struct ct_request *request, const char *text, size_t max_chars, const char **why_r);

#endif
