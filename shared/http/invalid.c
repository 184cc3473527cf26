/* The list of a request's invalid fields. */
#include "base/buf.h"
#include "http/exchange.h"
#include "http/invalid.h"
#include "http/reply.h"

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
	/* A list that is too long ends with its last complete entry. */
	if (invalid->failed) {
		invalid->length = before;
		invalid->data[before] = '\0';
	}
}

const char *
ct_choice_reason(struct ct_request *request, const char *const *choices)
{
	const char	*reason = "must be one of";
	unsigned	 i;

	for (i = 0; choices[i] != NULL; i++)
		reason = ct_printf(request, "%s%s %s", reason, i == 0 ? "" : ",", choices[i]);
	return (reason);
}

void
ct_note_choice(struct ct_request *request, const char *field, const char *const *choices)
{
	ct_note_invalid(request, field, ct_choice_reason(request, choices));
}

bool
ct_invalid(struct ct_request *request)
{
	const struct ct_buf	*invalid = &ct_exchange_of(request)->invalid;

	if (invalid->length == 0 && !invalid->failed)
		return (false);
	ct_reply_error(request, CT_ERROR_INVALID_REQUEST, "The request has invalid fields; see errors.",
	    ct_printf(request, "{\"errors\":[%s]}", invalid->data));
	return (true);
}
