/* Writes problem bodies (RFC 9457). */
#include <string.h>

#include "http/problem.h"

/* Makes the end of a type from a code: "seat-not-available" from "SEAT_NOT_AVAILABLE". */
static void
problem_type_of(const char *code, char *type_r, size_t size)
{
	size_t	i;

	for (i = 0; code[i] != '\0' && i + 1 < size; i++) {
		if (code[i] == '_')
			type_r[i] = '-';
		else
			type_r[i] = (char)(code[i] >= 'A' && code[i] <= 'Z' ? code[i] - 'A' + 'a' : code[i]);
	}
	type_r[i] = '\0';
}

/* Appends a comma and the members of a JSON object, given as text. Appends nothing for an empty object or other text. */
static void
problem_append_members(struct ct_buf *buf, const char *object)
{
	static const char	space[] = " \t\r\n";
	size_t			length;

	object += strspn(object, space);
	length = strlen(object);
	while (length > 0 && strchr(space, object[length - 1]) != NULL)
		length--;
	if (length < 2 || object[0] != '{' || object[length - 1] != '}')
		return;
	object++;
	length -= 2;
	if (strspn(object, space) >= length)
		return;
	ct_buf_append(buf, ",", 1);
	ct_buf_append(buf, object, length);
}

void
ct_problem(struct ct_buf *buf, enum ct_error error, const char *detail, const char *request_id,
    const char *extras)
{
	const struct ct_error_info	*info = ct_error_info(error);
	char				 type[64];

	problem_type_of(info->code, type, sizeof(type));
	ct_buf_printf(buf, "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%d,\"detail\":", type, info->title,
	    info->status);
	ct_buf_json_string(buf, detail == NULL ? info->title : detail);
	ct_buf_printf(buf, ",\"code\":\"%s\",\"requestId\":", info->code);
	ct_buf_json_string(buf, request_id);
	if (info->retry_after > 0)
		ct_buf_printf(buf, ",\"retryAfterSeconds\":%d", info->retry_after);
	if (extras != NULL)
		problem_append_members(buf, extras);
	ct_buf_puts(buf, "}");
}
