/* Strict JSON (RFC 8259): refuses what cJSON accepts beyond the standard. */
#ifndef CT_JSON_STRICT_H
#define CT_JSON_STRICT_H

#include <stddef.h>

#include <cjson/cJSON.h>

#define CT_JSON_DEPTH_MAX	32

/*
 * Parses `length` bytes of text: one JSON object, and after it only white space. The text must be valid UTF-8, without
 * control characters, \u0000 or lone surrogates in strings. No object may have a member twice. The depth is at most
 * CT_JSON_DEPTH_MAX. The caller frees the result with cJSON_Delete. Returns NULL if the text is refused; *why_r is then
 * the reason, a static text.
 */
cJSON	*ct_json_parse(const char *text, size_t length, const char **why_r)
	     __attribute__((warn_unused_result));

/* Returns the length in bytes of the UTF-8 character at `text` (before `end`), or 0 if it is not valid. */
size_t	 ct_utf8_length(const char *text, const char *end);

#endif
