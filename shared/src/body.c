/* Members of JSON bodies: type, range and form, each mistake noted with its field. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "dates.h"
#include "exchange.h"

/* Whole numbers below this are exact in a double, which is what cJSON keeps. */
#define EXACT_MAX	9007199254740992.0

/* The member, or NULL if it is not there: noted if it is required. *valid_r says whether to go on. */
static const cJSON *
member(struct ct_request *request, const cJSON *at, const char *name, bool required, bool *valid_r)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(at, name);

	*valid_r = item != NULL || !required;
	if (!*valid_r)
		ct_note_invalid(request, name, "is required");
	return (item);
}

bool
ct_body_text(struct ct_request *request, const cJSON *at, const char *name, size_t max_chars, bool required,
    const char **value_r)
{
	const cJSON	*item;
	const char	*c;
	size_t		 chars = 0;
	bool		 valid;

	*value_r = NULL;
	if ((item = member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (cJSON_IsString(item)) {
		/* Characters are counted by their first bytes. */
		for (c = item->valuestring; *c != '\0'; c++) {
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				break;
			chars += ((unsigned char)*c & 0xc0) != 0x80;
		}
		if (*c == '\0' && chars >= 1 && chars <= max_chars) {
			*value_r = item->valuestring;
			return (true);
		}
	}
	ct_note_invalid(request, name, ct_printf(request,
	    "must be a text of 1 to %zu characters without control characters", max_chars));
	return (false);
}

bool
ct_body_number(struct ct_request *request, const cJSON *at, const char *name, int64_t min, int64_t max,
    bool required, int64_t *value_r)
{
	const cJSON	*item;
	double		 value;
	bool		 valid;

	if ((item = member(request, at, name, required, &valid)) == NULL)
		return (valid);
	value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
	if (fabs(value) < EXACT_MAX && floor(value) == value && (int64_t)value >= min && (int64_t)value <= max) {
		*value_r = (int64_t)value;
		return (true);
	}
	ct_note_invalid(request, name, ct_printf(request, "must be a whole number from %" PRId64 " to %" PRId64,
	    min, max));
	return (false);
}

bool
ct_body_uuid(struct ct_request *request, const cJSON *at, const char *name, bool required, const char **value_r)
{
	const cJSON	*item;
	struct ct_uuid	 uuid;
	char		*copy;
	bool		 valid;

	*value_r = NULL;
	if ((item = member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (!cJSON_IsString(item) || !ct_uuid_parse(item->valuestring, &uuid)) {
		ct_note_invalid(request, name, "must be a UUID");
		return (false);
	}
	copy = ct_alloc(request, CT_UUID_TEXT);
	ct_uuid_format(&uuid, copy);
	*value_r = copy;
	return (true);
}

bool
ct_body_choice(struct ct_request *request, const cJSON *at, const char *name, const char *const *choices,
    bool required, const char **value_r)
{
	const cJSON	*item;
	unsigned	 i;
	bool		 valid;

	*value_r = NULL;
	if ((item = member(request, at, name, required, &valid)) == NULL)
		return (valid);
	for (i = 0; cJSON_IsString(item) && choices[i] != NULL; i++) {
		if (strcmp(choices[i], item->valuestring) == 0) {
			*value_r = choices[i];
			return (true);
		}
	}
	ct_note_choice(request, name, choices);
	return (false);
}

bool
ct_body_time(struct ct_request *request, const cJSON *at, const char *name, bool required, const char **value_r)
{
	const cJSON	*item;
	bool		 valid;

	*value_r = NULL;
	item = cJSON_GetObjectItemCaseSensitive(at, name);
	if (cJSON_IsNull(item) && !required)
		return (true);
	if ((item = member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (!cJSON_IsString(item) || !ct_time_valid(item->valuestring)) {
		ct_note_invalid(request, name, "must be a time with its zone, as in 2026-05-01T19:00:00.000Z");
		return (false);
	}
	*value_r = item->valuestring;
	return (true);
}

void
ct_note_choice(struct ct_request *request, const char *field, const char *const *choices)
{
	struct ct_buf	reason;
	unsigned	i;

	ct_buf_init(&reason, 512);
	ct_buf_puts(&reason, "must be one of");
	for (i = 0; choices[i] != NULL; i++)
		ct_buf_printf(&reason, "%s %s", i == 0 ? "" : ",", choices[i]);
	ct_note_invalid(request, field, reason.data);
	ct_buf_deinit(&reason);
}

void
ct_note_invalid(struct ct_request *request, const char *field, const char *reason)
{
	struct ct_buf	*invalid = &ct_exchange_of(request)->invalid;
	size_t		 before = invalid->length;

	if (before > 0)
		ct_buf_puts(invalid, ",");
	ct_buf_puts(invalid, "{\"field\":");
	ct_buf_json_string(invalid, field);
	ct_buf_puts(invalid, ",\"reason\":");
	ct_buf_json_string(invalid, reason);
	ct_buf_puts(invalid, "}");
	/* A list that would grow too long ends with the last whole entry. */
	if (invalid->failed) {
		invalid->length = before;
		invalid->data[before] = '\0';
	}
}

bool
ct_invalid(struct ct_request *request)
{
	const struct ct_buf	*invalid = &ct_exchange_of(request)->invalid;

	if (invalid->length == 0 && !invalid->failed)
		return (false);
	ct_reply_error(request, CT_INVALID_REQUEST, "The request has invalid fields; see errors.",
	    ct_printf(request, "{\"errors\":[%s]}", invalid->data));
	return (true);
}
