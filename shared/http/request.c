/* A request's memory, and whether its client still waits. */
#include "http/request.h"

void *
ct_alloc(struct ct_request *request, size_t size)
{
	return (ct_arena_alloc(&request->memory, size));
}

char *
ct_printf(struct ct_request *request, const char *fmt, ...)
{
	va_list	 args;
	char	*text;

	va_start(args, fmt);
	text = ct_arena_vprintf(&request->memory, fmt, args);
	va_end(args);
	return (text);
}

bool
ct_request_wanted(const void *request)
{
	return (!((const struct ct_request *)request)->client_gone);
}
