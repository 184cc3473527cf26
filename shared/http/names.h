/* Names and titles: one normal form, without characters that users cannot see. */
#ifndef CT_NAMES_H
#define CT_NAMES_H

#include <stddef.h>

#include "base/arena.h"

/*
 * Returns the stored form of a name: in Unicode NFC, without white space at its ends. `text` is valid UTF-8. Returns
 * NULL if the name is refused, and *why_r says why: no visible character, more than max_chars code points, a control
 * character, a line break, or a character that changes the direction of others.
 */
const char	*ct_name_form(struct ct_arena *memory, const char *text, size_t max_chars, const char **why_r);

/*
 * Returns the visible part of a name: the same text for two names that differ only in invisible characters and in
 * kinds of white space. Only for comparing: the system stores and shows the name itself.
 */
const char	*ct_name_label(struct ct_arena *memory, const char *name);

#endif
