/* The tests' edge: replaces kore/dispatch.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge.h"
#include "http/edge.h"

struct sent	sent;

/* Tells the leak checker what to ignore: settings, which live as long as the process, and requests without a reply. */
const char	*__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return ("leak:ct_config_text\nleak:ct_config_secret_file\nleak:ct_card_configure\nleak:edge_request\n");
}

void
edge_body(struct ct_exchange *exchange, const char *json)
{
	exchange->body = json;
	exchange->body_length = strlen(json);
	exchange->headers[CT_HEADER_CONTENT_TYPE] = "application/json";
}

bool
edge_has(const char *line)
{
	char	with_end[1024];

	(void)snprintf(with_end, sizeof(with_end), "%s\r\n", line);
	return (strstr(sent.head, with_end) != NULL);
}

bool
edge_problem(int status, const char *code)
{
	char	member[128];

	(void)snprintf(member, sizeof(member), "\"code\":\"%s\"", code);
	return (sent.status == status && strstr(sent.body, member) != NULL &&
	    edge_has("content-type: application/problem+json"));
}

static void
keep_reply(struct ct_exchange *exchange, int status, const struct ct_buf *head, const char *body, size_t body_length)
{
	(void)exchange;
	sent.count++;
	sent.status = status;
	(void)snprintf(sent.head, sizeof(sent.head), "%s", head->data);
	sent.body_length = body_length;
	if (body_length >= sizeof(sent.body))
		abort();
	if (body_length > 0)
		memcpy(sent.body, body, body_length);
	sent.body[body_length] = '\0';
}

static const char *
other_header(struct ct_exchange *exchange, const char *name)
{
	(void)exchange;
	return (strcmp(name, "x-other") == 0 ? "other" : NULL);
}

struct ct_exchange *
edge_request(enum ct_method method, const char *path)
{
	static const struct ct_edge	 edge = { keep_reply, other_header };
	struct ct_exchange		*exchange = ct_exchange_new();
	char				*copy = ct_printf(&exchange->request, "%s", path), *query;

	ct_edge_register(&edge);
	exchange->method = method;
	exchange->path = copy;
	if ((query = strchr(copy, '?')) != NULL) {
		*query++ = '\0';
		exchange->query = query;
	}
	return (exchange);
}
