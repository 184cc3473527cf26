/* Calls an SQL function for a request. */
#include "service/call.h"
#include "service/outcome.h"
#include "service/service.h"

static void
call_answered(const struct ct_outcome *outcome, void *arg)
{
	ct_reply_outcome(arg, outcome);
}

void
ct_call_and_reply(struct ct_request *request, const struct ct_pg_statement *stmt, const char *const *args)
{
	ct_pg_call(ct_service_pg, stmt, args, call_answered, request);
}
