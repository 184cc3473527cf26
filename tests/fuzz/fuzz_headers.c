/*
 * The headers that the gateway forwards, in any form, number and order, on a request that writes. The request reaches the
 * database only if each header is valid and there at most once. Input: header lines.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "requests.h"

#define HEADERS_MAX	24

static const char	line[] = "POST /points/charge\n", body[] = "\n\n{\"amount\":1000}";

/* Reads the lines a second time, with code of its own. */
struct said {
	unsigned	count;
	char		value[600];
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	requests_start();
	return (0);
}

static struct said
find(const char *lines, const char *name)
{
	struct said	 said = { 0 };
	const char	*at = lines, *end;
	size_t		 name_length = strlen(name), length;
	unsigned	 number;

	for (number = 0; *at != '\0' && number < HEADERS_MAX; at = *end == '\0' ? end : end + 1) {
		end = at + strcspn(at, "\n");
		number += end > at;
		if (strncasecmp(at, name, name_length) != 0 || at[name_length] != ':')
			continue;
		at += name_length + 1;
		at += strspn(at, " \t");
		for (length = (size_t)(end - at); length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t');)
			length--;
		said.count++;
		if (length >= sizeof(said.value))
			length = sizeof(said.value) - 1;
		memcpy(said.value, at, length);
		said.value[length] = '\0';
	}
	return (said);
}

static bool
is_bearer(const char *value)
{
	return (strcmp(value, "Bearer USER") == 0 || strcmp(value, "Bearer OPERATOR") == 0);
}

static void
check(const char *lines, const struct answer *answer)
{
	static const char *const	once[] = { "authorization", "content-type", "content-encoding", "idempotency-key",
		"if-none-match", "x-queue-token", "x-request-id" };
	struct said			bearer = find(lines, "authorization"), key = find(lines, "idempotency-key");
	struct said			type = find(lines, "content-type"), encoding = find(lines, "content-encoding");
	bool				repeated = false, framed;
	size_t				i;

	for (i = 0; i < sizeof(once) / sizeof(once[0]); i++)
		repeated = repeated || find(lines, once[i]).count > 1;
	framed = find(lines, "transfer-encoding").count == 0 && find(lines, "x-body-length").count == 0 &&
	    find(lines, "content-length").count <= 1;

	if (answer->store_calls > 0) {
		must(bearer.count == 1 && is_bearer(bearer.value));
		must(!repeated && framed);
		must(key.count == 1 && strlen(key.value) <= 255);
		must(encoding.count == 0 || strcasecmp(encoding.value, "identity") == 0);
		must(type.count == 1 && strncasecmp(type.value, "application/json", 16) == 0);
		return;
	}
	/* The request may be refused only if the input has a fault. */
	switch (answer->status) {
	case 401:
		must(repeated || bearer.count != 1 || !is_bearer(bearer.value));
		break;
	case 413:
		must(!framed);
		break;
	case 415:
		must(!repeated && framed && ((encoding.count == 1 && strcasecmp(encoding.value, "identity") != 0) ||
		    type.count == 0 || strcmp(type.value, "application/json") != 0));
		break;
	case 400:
		must(repeated || !framed || key.count == 0 || strlen(key.value) > 255);
		break;
	default:
		must(answer->status == 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input	 input = { data, size > 6000 ? 6000 : size };
	struct answer		 answer;
	char			*lines = fuzz_text(&input, '\0'), *text, *empty;

	/* An empty line would end the headers. */
	while ((empty = strstr(lines, "\n\n")) != NULL)
		memmove(empty, empty + 1, strlen(empty));
	if ((text = malloc(sizeof(line) + strlen(lines) + sizeof(body))) == NULL)
		abort();
	(void)strcpy(stpcpy(stpcpy(text, line), *lines == '\n' ? lines + 1 : lines), body);
	if (requests_send(text, strlen(text), 7, false, &answer)) {
		check_answer(&answer, false);
		check(lines, &answer);
	}
	answer_free(&answer);
	free(lines);
	free(text);
	return (0);
}
