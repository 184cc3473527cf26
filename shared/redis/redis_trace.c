/* The span of one Redis command, see redis_trace.h. Keys and arguments are never part of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "redis/redis_trace.h"

static bool
redis_trace_calls_function(const struct redis_trace *trace)
{
	return (strcasecmp(trace->command, "FCALL") == 0 || strcasecmp(trace->command, "FCALL_RO") == 0);
}

void
redis_trace_begin_args(struct redis_trace *trace, int argc, const char *const *argv)
{
	ct_span_begin(&trace->span, &ct_trace_current);
	if (!ct_span_is_recorded(&trace->span))
		return;
	(void)snprintf(trace->command, sizeof(trace->command), "%s", argv[0]);
	if (argc > 1 && redis_trace_calls_function(trace))
		(void)snprintf(trace->function, sizeof(trace->function), "%s", argv[1]);
}

/* Copies the argument "$<length>\r\n<bytes>\r\n" at `at`. Returns where the next argument begins; NULL after the last. */
static const char *
redis_trace_argument(const char *at, const char *end, char *text_r, size_t size)
{
	unsigned long	 length;
	char		*digits_end;

	if (at == NULL || at >= end || *at != '$')
		return (NULL);
	length = strtoul(at + 1, &digits_end, 10);
	if (digits_end + 2 > end || length > (size_t)(end - digits_end - 2))
		return (NULL);
	(void)snprintf(text_r, size, "%.*s", (int)(length < size ? length : size - 1), digits_end + 2);
	at = digits_end + 2 + length;
	return (end - at > 2 ? at + 2 : NULL);
}

void
redis_trace_begin(struct redis_trace *trace, const char *command, size_t length)
{
	const char	*end = command + length, *at;

	ct_span_begin(&trace->span, &ct_trace_current);
	if (!ct_span_is_recorded(&trace->span))
		return;
	at = memchr(command, '\n', length);
	at = redis_trace_argument(at == NULL ? NULL : at + 1, end, trace->command, sizeof(trace->command));
	if (redis_trace_calls_function(trace))
		(void)redis_trace_argument(at, end, trace->function, sizeof(trace->function));
}

void
redis_trace_end(const struct redis_trace *trace, const redisReply *reply)
{
	const char	*error = reply == NULL ? "unanswered" : reply->type == REDIS_REPLY_ERROR ? "refused" : NULL;
	bool		 function = trace->function[0] != '\0';
	char		 name[sizeof(trace->command) + sizeof(trace->function)];

	if (!ct_span_is_recorded(&trace->span))
		return;
	(void)snprintf(name, sizeof(name), "%s%s%s", trace->command, function ? " " : "", trace->function);
	ct_span_end(&trace->span, &(const struct ct_span_facts){ .kind = CT_SPAN_CLIENT, .name = name, .failed = error != NULL,
	    .attributes = {
		{ .name = "db.system.name", .text = "redis" },
		{ .name = "db.operation.name", .text = trace->command },
		{ .name = function ? "db.stored_procedure.name" : NULL, .text = trace->function },
		{ .name = error == NULL ? NULL : "error.type", .text = error },
	    } });
}
