/*
 * POST /reservations/{reservationId}/cancel: cancels a hold, or a confirmed
 * reservation with its refund, in one transaction. A repeated call gets the state of
 * the cancelled reservation; with an idempotency key it gets the first answer to the
 * byte. The body is optional, and its fields are ignored.
 */
#include <string.h>

#include "handlers.h"
#include "http/idempotency.h"
#include "service/outcome.h"
#include "service/service.h"

static const struct ct_pg_statement cancel_reservation = {
	.function = "reservation.cancel",
	.args = "uuid, uuid, text, text, text",
	.batch_max = 32,
	.order_by = 0,
	.write = true,
};

static void
cancel_done(const struct ct_outcome *outcome, void *arg)
{
	struct ct_request	*request = arg;

	if (outcome->error != CT_OK || outcome->outcome == NULL || strcmp(outcome->outcome, "RESERVATION_EXPIRED") != 0) {
		ct_reply_outcome(request, outcome);
		return;
	}
	/* A payment of an expired hold is 410; cancelling it is a conflict (409). */
	if (outcome->replayed)
		ct_reply_header(request, "idempotent-replayed", "true");
	ct_reply_replayed_error(request, CT_ERROR_CANCEL_EXPIRED,
	    outcome->replayed && outcome->request_id != NULL ? outcome->request_id : request->id, NULL);
}

void
cancel(struct ct_request *request)
{
	static const char *const	hashed[] = { NULL };
	char				hash[CT_REQUEST_HASH_TEXT];

	/* The reservation is a part of the path, so it is a part of the operation. */
	ct_request_hash(ct_printf(request, "reservations.cancel %s", request->path_id[0]), request->body, hashed, hash);
	ct_pg_call(ct_service_pg, &cancel_reservation, (const char *const[]){
	    request->user, request->path_id[0], request->id, request->idempotency_key,
	    request->idempotency_key == NULL ? NULL : hash }, cancel_done, request);
}
