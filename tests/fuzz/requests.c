/* The services with their settings and tokens, and the rules for all answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <sanitizer/lsan_interface.h>

#include "auth/hmac.h"
#include "auth/jwt.h"
#include "auth/queue_token.h"
#include "base/json_strict.h"
#include "card/provider.h"
#include "fuzz.h"
#include "http/exchange.h"
#include "http/router.h"
#include "http/serve.h"
#include "kore/dispatch.h"
#include "requests.h"
#include "service/service.h"

#define ID		"0190a0b0-c0d0-7000-8000-00000000abcd"
#define SECRET		"a-secret-for-fuzzing-of-more-than-32-bytes"

/* The Makefile renames each service's ct_service. */
extern const struct ct_service	ct_service_queue, ct_service_reservation, ct_service_payment, ct_service_point;

static char	user_token[600], operator_token[600], place[CT_QUEUE_TOKEN_TEXT];

static void
make_token(const char *roles, char *token_r, size_t size)
{
	static const char	header[] = "{\"alg\":\"HS256\"}";
	char			payload[200];
	unsigned char		tag[SHA256_DIGEST_LENGTH];
	struct ct_hmac		hmac;
	size_t			length;

	(void)snprintf(payload, sizeof(payload), "{\"sub\":\"" ID "\",\"exp\":%ld%s}", (long)time(NULL) + 86400, roles);
	(void)snprintf(token_r, size, "Bearer ");
	length = 7 + ct_base64url_encode(header, sizeof(header) - 1, token_r + 7);
	token_r[length++] = '.';
	length += ct_base64url_encode(payload, strlen(payload), token_r + length);
	ct_hmac_init(&hmac, SECRET, sizeof(SECRET) - 1);
	ct_hmac(&hmac, token_r + 7, length - 7, tag);
	token_r[length++] = '.';
	(void)ct_base64url_encode(tag, sizeof(tag), token_r + length);
}

static const char *
value_of(const char *name, const char *value)
{
	if (strcmp(value, "Bearer USER") == 0)
		return (user_token);
	if (strcmp(value, "Bearer OPERATOR") == 0)
		return (operator_token);
	if (strcmp(value, "PLACE") == 0 && strcasecmp(name, "x-queue-token") == 0)
		return (place);
	return (value);
}

static void
add_service(const struct ct_service *service)
{
	const struct ct_route	*route;

	for (route = service->routes; route->path != NULL; route++)
		ct_router_add(route);
	if (service->configure != NULL)
		service->configure();
}

static void
start_service(const struct ct_service *service)
{
	if (service->start != NULL)
		service->start();
}

void
requests_start(void)
{
	const struct ct_service	*services[] = { &ct_service_queue, &ct_service_reservation, &ct_service_payment, &ct_service_point };
	struct ct_queue_token	 token = { .seq = 1, .issued_ms = 1, .generation = 1 };
	size_t			 i;

	/* Settings live as long as the process. */
	__lsan_disable();
	(void)setenv("ENVIRONMENT", "development", 1);
	(void)setenv("CARD_PROVIDER_URL", "http://127.0.0.1:1", 1);
	(void)setenv("CHARGE_FUNDING", "trusted", 1);
	fuzz_setting_file("JWT_SECRET_FILE", SECRET);
	fuzz_setting_file("QUEUE_TOKEN_SECRET_FILE", SECRET);
	fuzz_setting_file("CARD_PROVIDER_SECRET_FILE", SECRET);
	ct_jwt_configure();
	ct_serve_configure(100);
	ct_dispatch_configure();
	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		add_service(services[i]);
	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		start_service(services[i]);
	make_token("", user_token, sizeof(user_token));
	make_token(",\"roles\":[\"operator\"]", operator_token, sizeof(operator_token));
	must(ct_uuid_parse(ID, &token.user) && ct_uuid_parse(ID, &token.schedule));
	ct_queue_token_sign(&token, place);
	kore_value = value_of;
	(void)unlink(getenv("JWT_SECRET_FILE"));
	(void)unlink(getenv("QUEUE_TOKEN_SECRET_FILE"));
	(void)unlink(getenv("CARD_PROVIDER_SECRET_FILE"));
	__lsan_enable();
}

bool
requests_send(const char *text, size_t length, uint32_t seed, bool leaves, struct answer *answer_r)
{
	bool	sent;

	stores_seed(seed);
	sent = kore_send(text, length, leaves, answer_r);
	answer_r->store_calls = stores_calls;
	return (sent);
}

bool
answer_has(const struct answer *answer, const char *line)
{
	size_t	length = strlen(line);
	char	*at;

	for (at = answer->head; (at = strstr(at, "\r\n")) != NULL; at += 2) {
		if (strncmp(at + 2, line, length) == 0)
			return (true);
	}
	return (false);
}

bool
answer_is_problem(const struct answer *answer, const char *code)
{
	char	member[100];

	(void)snprintf(member, sizeof(member), "\"code\":\"%s\"", code);
	return (answer->body != NULL && strstr(answer->body, member) != NULL);
}

/* Returns true if the table has this code with this status. More than one row may have the code. */
static bool
is_of_contract(const char *code, int status)
{
	int	i;

	for (i = CT_OK + 1; i < CT_ERROR_COUNT; i++) {
		if (strcmp(ct_error_info((enum ct_error)i)->code, code) == 0 && ct_error_info((enum ct_error)i)->status == status)
			return (true);
	}
	return (false);
}

static void
check_head(const struct answer *answer)
{
	const char	*c;
	unsigned	 ids = 0;

	for (c = answer->head; *c != '\0'; c++) {
		if (*c == '\r') {
			must(c[1] == '\n');
			ids += strncasecmp(c + 2, "x-request-id: ", 14) == 0;
		} else if (*c == '\n') {
			must(c > answer->head && c[-1] == '\r');
		} else {
			must((unsigned char)*c >= 0x20 && *c != 0x7f);
		}
	}
	must(ids == 1);
	must(answer_has(answer, "cache-control: "));
}

static void
check_problem(const struct answer *answer)
{
	const char	*why, *code;
	const cJSON	*status;
	cJSON		*problem;

	must(answer_has(answer, "content-type: application/problem+json"));
	must((problem = ct_json_parse(answer->body, answer->body_length, &why)) != NULL);
	code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "code"));
	status = cJSON_GetObjectItemCaseSensitive(problem, "status");
	must(code != NULL && is_of_contract(code, answer->status));
	/* A member from the database may have the same name. The problem's own comes first. */
	must(cJSON_IsNumber(status) && status->valueint == answer->status);
	must(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "requestId")) != NULL);
	must(cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(problem, "detail")) != NULL);
	must(answer->status != 401 || answer_has(answer, "www-authenticate: Bearer"));
	must(answer->status != 405 || answer_has(answer, "allow: "));
	must(strcmp(code, "OUTCOME_UNKNOWN") != 0 || answer_has(answer, "retry-after: "));
	cJSON_Delete(problem);
}

void
check_answer(const struct answer *answer, bool is_head)
{
	cJSON	*json;

	check_head(answer);
	must(answer->status == 200 || answer->status == 201 || answer->status == 202 || answer->status == 204 ||
	    answer->status == 304 || answer->status >= 400);
	/* A request that the checks refuse never reaches a store. */
	if (answer->status == 401 || answer->status == 405 || answer->status == 413 || answer->status == 415)
		must(answer->store_calls == 0);
	if (is_head || answer->body_length == 0)
		return;
	if (answer->status >= 400) {
		check_problem(answer);
		return;
	}
	if (!answer_has(answer, "content-type: application/json") || answer_has(answer, "content-encoding: "))
		return;
	must((json = cJSON_ParseWithLengthOpts(answer->body, answer->body_length + 1, NULL, true)) != NULL);
	cJSON_Delete(json);
}
