/*
 * JSON bodies: the strict parser, the readers of members, and the request hash. Input: two texts with a NUL between them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../unit/edge.h"
#include "base/ids.h"
#include "base/json_strict.h"
#include "fuzz.h"
#include "http/handler.h"
#include "http/idempotency.h"
#include "http/names.h"

static const char *const	fields[] = { "a", "b.c", "name", NULL };

static const cJSON *
get(const cJSON *object, const char *name)
{
	return (cJSON_GetObjectItemCaseSensitive(object, name));
}

/* No object has a member twice, and all texts are valid UTF-8. */
static void
check_tree(const cJSON *item, int depth)
{
	const cJSON	*child, *other;

	must(depth <= CT_JSON_DEPTH_MAX);
	cJSON_ArrayForEach(child, item) {
		check_tree(child, depth + 1);
		if (!cJSON_IsObject(item))
			continue;
		for (other = child->next; other != NULL; other = other->next)
			must(strcmp(child->string, other->string) != 0);
	}
}

/* Returns true for equal values, with members in any order and UUIDs in any case. */
static bool
same(const cJSON *a, const cJSON *b)
{
	const cJSON	*child, *other;
	struct ct_uuid	 uuid;

	if (a == NULL || b == NULL)
		return (a == b);
	if ((a->type & 0xff) != (b->type & 0xff))
		return (false);
	if (cJSON_IsNumber(a))
		return (a->valuedouble == b->valuedouble);
	if (cJSON_IsString(a))
		return (strcmp(a->valuestring, b->valuestring) == 0 || (ct_uuid_parse(a->valuestring, &uuid) &&
		    strcasecmp(a->valuestring, b->valuestring) == 0));
	if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b))
		return (false);
	other = b->child;
	cJSON_ArrayForEach(child, a) {
		if (!same(child, cJSON_IsObject(a) ? get(b, child->string) : other))
			return (false);
		other = other->next;
	}
	return (true);
}

/* Reverses the order of all members. */
static void
reverse(cJSON *item)
{
	cJSON	*child, *next, *reversed = NULL;

	if (item->child == NULL)
		return;
	for (child = item->child; child != NULL; child = next) {
		next = child->next;
		reverse(child);
	}
	if (!cJSON_IsObject(item))
		return;
	while ((child = item->child) != NULL) {
		(void)cJSON_DetachItemViaPointer(item, child);
		child->next = reversed;
		child->prev = NULL;
		reversed = child;
	}
	for (child = reversed; child != NULL; child = next) {
		next = child->next;
		child->next = NULL;
		(void)cJSON_AddItemToObject(item, child->string, child);
	}
}

/* cJSON prints some numbers with a digit too few, so this prints them itself. */
static void
write_numbers(cJSON *item)
{
	cJSON	*child;
	char	 text[40];

	if (cJSON_IsNumber(item)) {
		if (isinf(item->valuedouble))
			(void)snprintf(text, sizeof(text), "%s", item->valuedouble < 0 ? "-1e999" : "1e999");
		else
			(void)snprintf(text, sizeof(text), "%.17g", item->valuedouble);
		item->type = (item->type & ~0xff) | cJSON_Raw;
		item->valuestring = strdup(text);
	}
	cJSON_ArrayForEach(child, item)
		write_numbers(child);
}

static cJSON *
read_one(const char *text, size_t length)
{
	char		*printed, hash[CT_REQUEST_HASH_TEXT], other[CT_REQUEST_HASH_TEXT];
	const char	*why = NULL, *end;
	cJSON		*tree, *again, *loose, *copy;

	if ((tree = ct_json_parse(text, length, &why)) == NULL) {
		must(why != NULL && *why != '\0');
		return (NULL);
	}
	must(cJSON_IsObject(tree));
	must((loose = cJSON_ParseWithLengthOpts(text, length, &end, false)) != NULL);
	must(same(tree, loose));
	cJSON_Delete(loose);
	check_tree(tree, 1);

	must((copy = cJSON_Duplicate(tree, true)) != NULL);
	write_numbers(copy);
	must((printed = cJSON_PrintUnformatted(copy)) != NULL);
	cJSON_Delete(copy);
	must((again = ct_json_parse(printed, strlen(printed), &why)) != NULL);
	must(same(tree, again));
	ct_request_hash("op", tree, fields, hash);
	reverse(again);
	ct_request_hash("op", again, fields, other);
	must(strcmp(hash, other) == 0);
	ct_request_hash("another", again, fields, other);
	must(strcmp(hash, other) != 0);
	cJSON_Delete(again);
	cJSON_free(printed);
	return (tree);
}

/* A null counts as absent, except in an array. */
static bool
same_field(const cJSON *a, const cJSON *b, const char *name)
{
	return (same(ct_body_member(a, name), ct_body_member(b, name)));
}

static bool
same_fields(const cJSON *a, const cJSON *b)
{
	return (same_field(a, b, "a") && same_field(get(a, "b"), get(b, "b"), "c") && same_field(a, b, "name"));
}

static void
check_utf8(const char *text, size_t max_chars)
{
	const char	*at, *end = text + strlen(text);
	size_t		 length, chars = 0;

	for (at = text; at < end; at += length, chars++) {
		must((length = ct_utf8_length(at, end)) > 0);
		must((unsigned char)*at >= 0x20 && *at != 0x7f);
	}
	must(chars >= 1 && chars <= max_chars);
}

/* The stored form of a stored name is the same name, and has a visible character. */
static void
check_name(struct ct_request *request, const char *name)
{
	const char	*again, *why;

	check_utf8(name, 20);
	must((again = ct_name_form(&request->memory, name, 20, &why)) != NULL && strcmp(again, name) == 0);
	must(name[0] != ' ' && name[strlen(name) - 1] != ' ');
	must(*ct_name_label(&request->memory, name) != '\0');
}

/* Each reader returns a valid value or notes a mistake. All mistakes together give one problem. */
static void
read_fields(cJSON *tree)
{
	static const char *const	choices[] = { "OPEN", "PAUSED", NULL };
	struct ct_exchange		*exchange = edge_request(CT_POST, "/x");
	struct ct_request		*request = &exchange->request;
	const char			*text, *why;
	struct ct_uuid			 uuid;
	int64_t				 number = -7;
	cJSON				*problem;
	bool				 valid = true;
	unsigned			 before = sent.count;

	exchange->tree = tree;
	request->body = tree;
	if (!ct_body_text(request, tree, "name", 20, true, &text))
		valid = false;
	else
		check_utf8(text, 20);
	if (!ct_body_number(request, tree, "a", -5, 1000, true, &number))
		valid = false;
	else
		must(number >= -5 && number <= 1000 && (double)number == get(tree, "a")->valuedouble);
	if (!ct_body_uuid(request, tree, "id", true, &text))
		valid = false;
	else
		must(ct_uuid_parse(text, &uuid) && strpbrk(text, "ABCDEF") == NULL);
	if (!ct_body_choice(request, tree, "mode", choices, true, &text))
		valid = false;
	else
		must(strcmp(text, "OPEN") == 0 || strcmp(text, "PAUSED") == 0);
	if (!ct_body_time(request, tree, "at", true, &text))
		valid = false;
	else
		must(strlen(text) == strlen("2026-05-01T19:00:00.000Z") && strcmp(text, "2000") > 0 && strcmp(text, "2200") < 0);
	if (!ct_body_name(request, tree, "title", 20, true, &text))
		valid = false;
	else
		check_name(request, text);
	if (ct_invalid(request)) {
		must(!valid);
		must(sent.count == before + 1 && edge_problem(400, "INVALID_REQUEST"));
		must((problem = ct_json_parse(sent.body, sent.body_length, &why)) != NULL);
		must(cJSON_GetArraySize(get(problem, "errors")) >= 1);
		cJSON_Delete(problem);
		return;
	}
	must(valid);
	ct_exchange_free(exchange);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t	*nul = size == 0 ? NULL : memchr(data, 0, size);
	size_t		 first_size = nul == NULL ? size : (size_t)(nul - data), second_size = nul == NULL ? 0 : size - first_size - 1;
	char		 hash[2][CT_REQUEST_HASH_TEXT], *copy;
	cJSON		*first, *second = NULL;

	/* Copies the text to a block of exactly its length, so that AddressSanitizer sees a read past its end. */
	if ((copy = malloc(size + 1)) == NULL)
		abort();
	memcpy(copy, data, size);
	first = read_one(copy, first_size);
	if (nul != NULL) {
		memmove(copy, copy + first_size + 1, second_size);
		if ((copy = realloc(copy, second_size == 0 ? 1 : second_size)) == NULL)
			abort();
		second = read_one(copy, second_size);
	}
	if (first != NULL && second != NULL) {
		ct_request_hash("op", first, fields, hash[0]);
		ct_request_hash("op", second, fields, hash[1]);
		must(same_fields(first, second) == (strcmp(hash[0], hash[1]) == 0));
	}
	if (first != NULL)
		read_fields(first);
	cJSON_Delete(second);
	free(copy);
	return (0);
}
