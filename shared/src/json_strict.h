/* JSON as RFC 8259 has it and no more: what cJSON lets pass is refused before it sees it. */
#ifndef CT_JSON_STRICT_H
#define CT_JSON_STRICT_H

#include <stddef.h>

#include <cjson/cJSON.h>

#define CT_JSON_DEPTH_MAX	32

/*
 * Parses text of `length` bytes that must be one JSON object and nothing after
 * it but white space: valid UTF-8, no control characters or \u0000 in strings,
 * no lone surrogates, no member twice, at most CT_JSON_DEPTH_MAX deep. The
 * caller owns what is returned (cJSON_Delete). NULL if it is refused, with
 * *why_r saying why (static text).
 */
cJSON	*ct_json_parse(const char *text, size_t length, const char **why_r)
	     __attribute__((warn_unused_result));

/* The length in bytes of the UTF-8 character at `text` (before `end`), or 0 if it is not valid. */
size_t	 ct_utf8_length(const char *text, const char *end);

#endif
