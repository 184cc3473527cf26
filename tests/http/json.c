/* Looks up JSON values by path and checks problem documents. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "harness.h"

const cJSON *
at(const cJSON *json, const char *path)
{
	const cJSON	*item = json;
	char		*copy = strdup(path), *save = NULL, *part;

	for (part = strtok_r(copy, ".", &save); part != NULL; part = strtok_r(NULL, ".", &save)) {
		if (cJSON_IsArray(item))
			item = cJSON_GetArrayItem(item, atoi(part));
		else
			item = cJSON_GetObjectItemCaseSensitive(item, part);
		cr_assert_not_null(item, "%s (of %s) is missing in %s", part, path, cJSON_PrintUnformatted(json));
	}
	free(copy);
	return (item);
}

const char *
text_at(const cJSON *json, const char *path)
{
	const cJSON	*item = at(json, path);

	cr_assert(cJSON_IsString(item), "%s is not a string in %s", path, cJSON_PrintUnformatted(json));
	return (item->valuestring);
}

int64_t
number_at(const cJSON *json, const char *path)
{
	const cJSON	*item = at(json, path);

	cr_assert(cJSON_IsNumber(item), "%s is not a number in %s", path, cJSON_PrintUnformatted(json));
	return ((int64_t)item->valuedouble);
}

bool
null_at(const cJSON *json, const char *path)
{
	return (cJSON_IsNull(at(json, path)));
}

int
length_at(const cJSON *json, const char *path)
{
	const cJSON	*item = at(json, path);

	cr_assert(cJSON_IsArray(item), "%s is not an array in %s", path, cJSON_PrintUnformatted(json));
	return (cJSON_GetArraySize(item));
}

void
check_problem_body(const struct reply *reply, const char *code)
{
	const char	*type = header(reply, "Content-Type"), *id = header(reply, "X-Request-Id");
	const char	*retry = header(reply, "Retry-After");

	cr_assert(type != NULL && strncmp(type, "application/problem+json", 24) == 0, "type %s", type);
	cr_assert_not_null(reply->json, "the body is not JSON: %s", reply->body);
	cr_assert_str_eq(text_at(reply->json, "code"), code, "%s", reply->body);
	cr_assert_eq(number_at(reply->json, "status"), reply->status);
	cr_assert(*text_at(reply->json, "title") != '\0' && *text_at(reply->json, "type") != '\0');
	(void)text_at(reply->json, "detail");
	cr_assert_not_null(id);
	if (header(reply, "Idempotent-Replayed") == NULL)
		cr_assert_str_eq(text_at(reply->json, "requestId"), id);
	if (cJSON_HasObjectItem(reply->json, "retryAfterSeconds")) {
		cr_assert_not_null(retry, "retryAfterSeconds without Retry-After");
		cr_assert_eq(number_at(reply->json, "retryAfterSeconds"), atoi(retry));
	}
	if (reply->status == 429 || reply->status == 503)
		cr_assert_not_null(retry);
}
