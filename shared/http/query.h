/*
 * Checked reading of query parameters. Each function returns true and sets *value_r, to `fallback` or NULL if the
 * parameter is absent and not required. Or it notes {field, reason} for the 400 and returns false. So a handler reads
 * all its parameters and then asks ct_invalid().
 */
#ifndef CT_QUERY_H
#define CT_QUERY_H

#include <stdint.h>

#include "http/request.h"

bool	 ct_query_text(struct ct_request *request, const char *name, const char **value_r);
bool	 ct_query_number(struct ct_request *request, const char *name, int64_t min, int64_t max, int64_t fallback,
	     int64_t *value_r);
bool	 ct_query_uuid(struct ct_request *request, const char *name, bool required, const char **value_r);

/* YYYY-MM-DD, a day that exists. */
bool	 ct_query_date(struct ct_request *request, const char *name, const char **value_r);

/* One of the NULL-terminated choices. */
bool	 ct_query_choice(struct ct_request *request, const char *name, const char *const *choices,
	     const char *fallback, const char **value_r);

/* A list's page: `limit` (1 to 100, default 20) and `cursor`, which comes out as the UUID that it encodes, or NULL. */
bool	 ct_query_page(struct ct_request *request, const char **limit_r, const char **cursor_r);

#endif
