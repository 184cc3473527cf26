/* Turns the outcome of an SQL function into a reply. */
#include <string.h>

#include "http/reply.h"
#include "service/outcome.h"

void
ct_reply_outcome(struct ct_request *request, const struct ct_outcome *outcome)
{
	static const struct { const char *name; int status; }	successes[] = {
		{ "OK", 200 }, { "CREATED", 201 }, { "ACCEPTED", 202 }, { "NO_CONTENT", 204 },
		{ "NOT_MODIFIED", 304 } };
	enum ct_error						error;
	unsigned						i;

	if (outcome->error != CT_OK) {
		ct_reply_error(request, outcome->error, NULL, NULL);
		return;
	}
	if (outcome->etag != NULL)
		ct_reply_header(request, "etag", outcome->etag);
	if (outcome->replayed)
		ct_reply_header(request, "idempotent-replayed", "true");

	for (i = 0; i < sizeof(successes) / sizeof(successes[0]); i++) {
		if (outcome->outcome == NULL || strcmp(successes[i].name, outcome->outcome) != 0)
			continue;
		if (successes[i].status == 204 || successes[i].status == 304 || outcome->body == NULL)
			ct_reply_empty(request, successes[i].status);
		else
			ct_reply_json(request, successes[i].status, outcome->body, outcome->body_length);
		return;
	}
	error = ct_error_from_code(outcome->outcome);
	/* An outcome that is not in the table is a defect of this system. The client must not see the text that came
	 * with it. */
	ct_reply_replayed_error(request, error,
	    outcome->replayed && outcome->request_id != NULL ? outcome->request_id : request->id,
	    error == CT_ERROR_INTERNAL_ERROR ? NULL : outcome->body);
}
