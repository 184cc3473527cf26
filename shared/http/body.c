/* Checks the members of JSON bodies: type, range and form. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "base/dates.h"
#include "base/json_strict.h"
#include "http/body.h"
#include "http/invalid.h"
#include "http/names.h"

/* cJSON keeps numbers as doubles; whole numbers below this are exact. */
#define EXACT_MAX	9007199254740992.0

/* The longest path of a field in an error. */
#define PATH_MAX_BYTES	1024

/* Finds the way from an object down to `wanted`: each of the n steps is inside the one before. Returns n; 0: not found. */
static int
body_steps_to(const cJSON *from, const cJSON *wanted, const cJSON **steps, int depth)
{
	const cJSON	*child;
	int		 found;

	if (from == wanted)
		return (depth);
	if (depth == CT_JSON_DEPTH_MAX)
		return (0);
	cJSON_ArrayForEach(child, from) {
		if (child->child == NULL && child != wanted)
			continue;
		steps[depth] = child;
		if ((found = body_steps_to(child, wanted, steps, depth + 1)) > 0)
			return (found);
	}
	return (0);
}

/* Writes the path of `at` with a dot behind it: "sections[1]." for the second section, "" for the body itself. */
static void
body_write_path(struct ct_buf *path, const cJSON *body, const cJSON *at)
{
	const cJSON	*steps[CT_JSON_DEPTH_MAX], *in = body, *child;
	int		 count, i, index;

	count = body == NULL || at == body ? 0 : body_steps_to(body, at, steps, 0);
	for (i = 0; i < count; in = steps[i++]) {
		index = 0;
		for (child = in->child; child != steps[i]; child = child->next)
			index++;
		if (cJSON_IsArray(in))
			ct_buf_printf(path, "[%d]", index);
		else
			ct_buf_printf(path, "%s%s", i > 0 ? "." : "", steps[i]->string);
	}
	if (count > 0)
		ct_buf_puts(path, ".");
}

void
ct_body_note(struct ct_request *request, const cJSON *at, const char *name, const char *reason)
{
	struct ct_buf	path;

	ct_buf_init(&path, PATH_MAX_BYTES);
	body_write_path(&path, request->body, at);
	ct_buf_puts(&path, name);
	ct_note_invalid(request, path.failed ? name : path.data, reason);
	ct_buf_deinit(&path);
}

/* Returns the member, or NULL if it is absent or null. Notes it and sets *valid_r to false if it is required. */
static const cJSON *
body_member(struct ct_request *request, const cJSON *at, const char *name, bool required, bool *valid_r)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(at, name);
	bool		 there = item != NULL && !cJSON_IsNull(item);

	*valid_r = there || !required;
	if (!*valid_r)
		ct_body_note(request, at, name, item == NULL ? "is required" : "must not be null");
	return (there ? item : NULL);
}

const cJSON *
ct_body_member(const cJSON *at, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(at, name);

	return (cJSON_IsNull(item) ? NULL : item);
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
	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (cJSON_IsString(item)) {
		/* Counts characters by their first bytes. */
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
	ct_body_note(request, at, name, ct_printf(request,
	    "must be a text of 1 to %zu characters without control characters", max_chars));
	return (false);
}

bool
ct_body_name(struct ct_request *request, const cJSON *at, const char *name, size_t max_chars, bool required,
    const char **value_r)
{
	const cJSON	*item;
	const char	*why;
	bool		 valid;

	*value_r = NULL;
	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (!cJSON_IsString(item))
		why = ct_printf(request, "must be a text of 1 to %zu characters, one of them visible", max_chars);
	else if ((*value_r = ct_name_form(&request->memory, item->valuestring, max_chars, &why)) != NULL)
		return (true);
	ct_body_note(request, at, name, why);
	return (false);
}

bool
ct_body_number(struct ct_request *request, const cJSON *at, const char *name, int64_t min, int64_t max,
    bool required, int64_t *value_r)
{
	const cJSON	*item;
	double		 value;
	bool		 valid;

	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	value = cJSON_IsNumber(item) ? item->valuedouble : NAN;
	if (fabs(value) < EXACT_MAX && floor(value) == value && (int64_t)value >= min && (int64_t)value <= max) {
		*value_r = (int64_t)value;
		return (true);
	}
	ct_body_note(request, at, name, ct_printf(request, "must be a whole number from %" PRId64 " to %" PRId64,
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
	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	if (!cJSON_IsString(item) || !ct_uuid_parse(item->valuestring, &uuid)) {
		ct_body_note(request, at, name, "must be a UUID");
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
	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	for (i = 0; cJSON_IsString(item) && choices[i] != NULL; i++) {
		if (strcmp(choices[i], item->valuestring) == 0) {
			*value_r = choices[i];
			return (true);
		}
	}
	ct_body_note(request, at, name, ct_choice_reason(request, choices));
	return (false);
}

bool
ct_body_time(struct ct_request *request, const cJSON *at, const char *name, bool required, const char **value_r)
{
	const cJSON	*item;
	const char	*why;
	char		*utc;
	bool		 valid;

	*value_r = NULL;
	if ((item = body_member(request, at, name, required, &valid)) == NULL)
		return (valid);
	utc = ct_alloc(request, CT_TIME_TEXT);
	if ((why = ct_time_utc(cJSON_IsString(item) ? item->valuestring : "", utc)) != NULL) {
		ct_body_note(request, at, name, why);
		return (false);
	}
	*value_r = utc;
	return (true);
}
