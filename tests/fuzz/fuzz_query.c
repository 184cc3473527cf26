/* Query strings. Each value that is read is valid, and encoding and reading it again gives the same value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/edge.h"
#include "base/ids.h"
#include "base/json_strict.h"
#include "fuzz.h"
#include "http/handler.h"

/* Encodes each byte as %XX. */
static void
encode(const char *value, char *out, size_t size)
{
	must(strlen(value) * 3 + 3 < size);
	memcpy(out, "q=", 3);
	for (out += 2; *value != '\0'; value++, out += 3)
		(void)sprintf(out, "%%%02X", (unsigned char)*value);
}

static struct ct_exchange *
exchange_of(const char *query)
{
	struct ct_exchange	*exchange = edge_request(CT_GET, "/x");

	exchange->query = query;
	return (exchange);
}

static void
end(struct ct_exchange *exchange, bool valid)
{
	const char	*why;
	cJSON		*problem;

	if (!ct_invalid(&exchange->request)) {
		must(valid);
		ct_exchange_free(exchange);
		return;
	}
	must(edge_problem(400, "INVALID_REQUEST"));
	must((problem = ct_json_parse(sent.body, sent.body_length, &why)) != NULL);
	cJSON_Delete(problem);
}

static void
check_text(const char *query)
{
	static char		 again[3 * 65536];
	struct ct_exchange	*exchange = exchange_of(query), *second;
	const char		*value, *other, *at, *stop;
	size_t			 length;
	bool			 valid = ct_query_text(&exchange->request, "q", &value);

	must(valid || value == NULL);
	if (value != NULL) {
		stop = value + strlen(value);
		for (at = value; at < stop; at += length) {
			must((length = ct_utf8_length(at, stop)) > 0);
			must((unsigned char)*at >= 0x20 && *at != 0x7f);
		}
		encode(value, again, sizeof(again));
		second = exchange_of(again);
		must(ct_query_text(&second->request, "q", &other));
		must(other != NULL && strcmp(value, other) == 0);
		end(second, true);
	}
	end(exchange, valid);
}

static void
check_others(const char *query)
{
	static const char *const	choices[] = { "ON_SALE", "ALL", NULL };
	struct ct_exchange		*exchange = exchange_of(query);
	struct ct_request		*request = &exchange->request;
	const char			*text, *cursor;
	struct ct_uuid			 uuid;
	int64_t				 number;
	bool				 valid = true, good;
	char				 digits[32], *stop;

	if (!ct_query_number(request, "n", -3, 500, 42, &number))
		valid = false;
	must(number >= -3 && number <= 500);
	if (!ct_query_uuid(request, "id", false, &text))
		valid = false;
	must(text == NULL || (ct_uuid_parse(text, &uuid) && strpbrk(text, "ABCDEF") == NULL));
	if (!ct_query_date(request, "d", &text))
		valid = false;
	must(text == NULL || (strlen(text) == 10 && text[4] == '-' && text[7] == '-' && strspn(text, "0123456789-") == 10));
	if (!ct_query_choice(request, "status", choices, "ALL", &text))
		valid = false;
	must(strcmp(text, "ALL") == 0 || strcmp(text, "ON_SALE") == 0);
	good = ct_query_page(request, &text, &cursor);
	valid = valid && good;
	if (good) {
		number = strtol(text, &stop, 10);
		(void)snprintf(digits, sizeof(digits), "%d", (int)number);
		must(strcmp(digits, text) == 0 && number >= 1 && number <= 100);
		must(cursor == NULL || ct_uuid_parse(cursor, &uuid));
	}
	end(exchange, valid);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input	 input = { data, size > 8000 ? 8000 : size };
	char			*query = fuzz_text(&input, '\0');

	check_text(query);
	check_others(query);
	free(query);
	return (0);
}
