/*
 * POST /reservations/{reservationId}/cancel: cancels a hold, or a confirmed
 * reservation with its refund, in one transaction. A repeated call gets the same
 * answer, so it needs no idempotency key. The body is optional, and its fields are ignored.
 */
#include <string.h>

#include "handlers.h"
#include "service/outcome.h"
#include "service/service.h"

static const struct ct_pg_statement cancel_reservation = {
	.function = "reservation.cancel",
	.args = "uuid, uuid, text",
	.batch_max = 32,
	.order_by = 0,
	.write = true,
};

static void
cancel_done(const struct ct_outcome *outcome, void *arg)
{
	/* A payment of an expired hold is 410; cancelling it is a conflict (409). */
	if (outcome->error == CT_OK && strcmp(outcome->outcome, "RESERVATION_EXPIRED") == 0)
		ct_reply_error(arg, CT_ERROR_CANCEL_EXPIRED, NULL, NULL);
	else
		ct_reply_outcome(arg, outcome);
}

void
cancel(struct ct_request *request)
{
	ct_pg_call(ct_service_pg, &cancel_reservation,
	    (const char *const[]){ request->user, request->path_id[0], request->id }, cancel_done, request);
}
