/* Decodes the query string strictly, once, when a handler first reads a parameter. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/dates.h"
#include "base/ids.h"
#include "base/json_strict.h"
#include "http/exchange.h"
#include "http/invalid.h"
#include "http/query.h"

#define PARAMS_MAX	32

/* Decodes in place. Returns false for a bad escape, a control character or invalid UTF-8. */
static bool
query_decode(char *text)
{
	char	*from, *to = text;
	size_t	 length;
	int	 high, low;

	for (from = text; *from != '\0'; from++) {
		if (*from == '%') {
			if ((high = ct_hex_value(from[1])) < 0 || (low = ct_hex_value(from[2])) < 0)
				return (false);
			*to = (char)(high << 4 | low);
			from += 2;
		} else {
			*to = *from == '+' ? ' ' : *from;
		}
		if ((unsigned char)*to < 0x20 || *to == 0x7f)
			return (false);
		to++;
	}
	*to = '\0';
	for (from = text; from < to; from += length) {
		if ((length = ct_utf8_length(from, to)) == 0)
			return (false);
	}
	return (true);
}

static void
query_parse(struct ct_exchange *exchange)
{
	struct ct_request	*request = &exchange->request;
	char			*rest, *pair, *value;

	exchange->params = ct_alloc(request, PARAMS_MAX * sizeof(*exchange->params));
	if (exchange->query == NULL || *exchange->query == '\0')
		return;
	rest = ct_printf(request, "%s", exchange->query);
	while ((pair = strsep(&rest, "&")) != NULL) {
		if (*pair == '\0')
			continue;
		if (exchange->param_count == PARAMS_MAX) {
			ct_note_invalid(request, "query", "has too many parameters");
			return;
		}
		if ((value = strchr(pair, '=')) != NULL)
			*value++ = '\0';
		else
			value = pair + strlen(pair);
		if (!query_decode(pair) || !query_decode(value)) {
			ct_note_invalid(request, "query", "is not percent-encoded UTF-8");
			return;
		}
		exchange->params[exchange->param_count].name = pair;
		exchange->params[exchange->param_count].value = value;
		exchange->param_count++;
	}
}

bool
ct_query_text(struct ct_request *request, const char *name, const char **value_r)
{
	struct ct_exchange	*exchange = ct_exchange_of(request);
	unsigned		 i;

	*value_r = NULL;
	if (exchange->params == NULL)
		query_parse(exchange);
	for (i = 0; i < exchange->param_count; i++) {
		if (strcmp(exchange->params[i].name, name) != 0)
			continue;
		if (*value_r != NULL) {
			*value_r = NULL;
			ct_note_invalid(request, name, "is there more than once");
			return (false);
		}
		*value_r = exchange->params[i].value;
	}
	return (true);
}

bool
ct_query_number(struct ct_request *request, const char *name, int64_t min, int64_t max, int64_t fallback,
    int64_t *value_r)
{
	const char	*text, *digit;
	char		*end;
	intmax_t	 value;

	*value_r = fallback;
	if (!ct_query_text(request, name, &text))
		return (false);
	if (text == NULL)
		return (true);

	errno = 0;
	value = strtoimax(text, &end, 10);
	digit = *text == '-' ? text + 1 : text;
	if (*digit < '0' || *digit > '9' || *end != '\0' || errno != 0 || value < min || value > max) {
		ct_note_invalid(request, name, ct_printf(request, "must be a whole number from %" PRId64
		    " to %" PRId64, min, max));
		return (false);
	}
	*value_r = value;
	return (true);
}

bool
ct_query_uuid(struct ct_request *request, const char *name, bool required, const char **value_r)
{
	const char	*text;
	struct ct_uuid	 uuid;
	char		*copy;

	*value_r = NULL;
	if (!ct_query_text(request, name, &text))
		return (false);
	if (text == NULL && !required)
		return (true);
	if (text == NULL || !ct_uuid_parse(text, &uuid)) {
		ct_note_invalid(request, name, text == NULL ? "is required" : "must be a UUID");
		return (false);
	}
	copy = ct_alloc(request, CT_UUID_TEXT);
	ct_uuid_format(&uuid, copy);
	*value_r = copy;
	return (true);
}

bool
ct_query_date(struct ct_request *request, const char *name, const char **value_r)
{
	if (!ct_query_text(request, name, value_r))
		return (false);
	if (*value_r == NULL || ct_date_valid(*value_r))
		return (true);
	*value_r = NULL;
	ct_note_invalid(request, name, "must be a day, YYYY-MM-DD");
	return (false);
}

bool
ct_query_choice(struct ct_request *request, const char *name, const char *const *choices,
    const char *fallback, const char **value_r)
{
	const char	*text;
	unsigned	 i;

	*value_r = fallback;
	if (!ct_query_text(request, name, &text))
		return (false);
	if (text == NULL)
		return (true);
	for (i = 0; choices[i] != NULL; i++) {
		if (strcmp(choices[i], text) == 0) {
			*value_r = choices[i];
			return (true);
		}
	}
	ct_note_choice(request, name, choices);
	return (false);
}

bool
ct_query_page(struct ct_request *request, const char **limit_r, const char **cursor_r)
{
	struct ct_uuid	 uuid;
	const char	*text;
	int64_t		 limit;
	char		*copy;
	bool		 valid;

	*cursor_r = NULL;
	valid = ct_query_number(request, "limit", 1, 100, 20, &limit);
	*limit_r = ct_printf(request, "%d", (int)limit);
	if (!ct_query_text(request, "cursor", &text))
		return (false);
	if (text == NULL)
		return (valid);
	if (ct_base64url_decode(text, strlen(text), uuid.bytes, sizeof(uuid.bytes)) != sizeof(uuid.bytes)) {
		ct_note_invalid(request, "cursor", "is not a cursor of a list");
		return (false);
	}
	copy = ct_alloc(request, CT_UUID_TEXT);
	ct_uuid_format(&uuid, copy);
	*cursor_r = copy;
	return (valid);
}
