/*
 * Checked reading of JSON members. Each function returns true and sets *value_r, or notes {field, reason} for the 400
 * and returns false. So a handler reads all members and then asks ct_invalid().
 *
 * `at` is the object to read from: request->body, or an object inside it. A mistake is noted with the field's full
 * path (sections[1].price). A null counts as absent, and is refused where the member is required. An absent member
 * that is not required sets *value_r to NULL, and leaves a number as it was.
 */
#ifndef CT_BODY_H
#define CT_BODY_H

#include <stdint.h>

#include "http/request.h"

/* A text of 1 to max_chars characters without control characters. */
bool	 ct_body_text(struct ct_request *request, const cJSON *at, const char *name, size_t max_chars, bool required,
	     const char **value_r);

/* A whole number from min to max, and below 2^53. */
bool	 ct_body_number(struct ct_request *request, const cJSON *at, const char *name, int64_t min, int64_t max,
	     bool required, int64_t *value_r);

/* A UUID; it comes out in lower case. */
bool	 ct_body_uuid(struct ct_request *request, const cJSON *at, const char *name, bool required, const char **value_r);

/* One of the NULL-terminated choices. */
bool	 ct_body_choice(struct ct_request *request, const cJSON *at, const char *name, const char *const *choices,
	     bool required, const char **value_r);

/* A time of the years 2000 to 2199; it comes out in UTC with milliseconds. */
bool	 ct_body_time(struct ct_request *request, const cJSON *at, const char *name, bool required, const char **value_r);

/* A name or title; it comes out in its stored form (http/names.h). */
bool	 ct_body_name(struct ct_request *request, const cJSON *at, const char *name, size_t max_chars, bool required,
	     const char **value_r);

/* Returns the member of `at`, or NULL if it is absent or null. Checks nothing else. */
const cJSON	*ct_body_member(const cJSON *at, const char *name);

/* Notes that the member `name` of `at` is invalid, with its full path. */
void	 ct_body_note(struct ct_request *request, const cJSON *at, const char *name, const char *reason);

#endif
