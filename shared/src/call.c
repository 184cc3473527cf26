/* The commonest handler: one SQL function, and its outcome is the reply. */
#include "ct/service.h"

static void
answered(const struct ct_outcome *outcome, void *arg)
{
	ct_reply_outcome(arg, outcome);
}

void
ct_call_and_reply(struct ct_request *request, const struct ct_pg_statement *stmt, const char *const *args)
{
	ct_pg_call(ct_service_pg, stmt, args, answered, request);
}
