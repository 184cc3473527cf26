/*
 * POST /reservations/{reservationId}/cancel: gives a hold back, or a ticket
 * with its refund, in one transaction. The same answer again and again, so it
 * needs no idempotency key. A body is optional, and no field of it is known.
 */
#include <string.h>

#include "ct/service.h"
#include "handlers.h"

static const struct ct_pg_statement cancel_reservation = {
	.function = "reservation.cancel",
	.args = "uuid, uuid, text",
	.batch_max = 32,
	.order_by = 0,
	.write = true,
};

static void
cancelled(const struct ct_outcome *outcome, void *arg)
{
	/* Too late to give back is a conflict; only paying for it finds it gone. */
	if (outcome->error == CT_OK && strcmp(outcome->outcome, "RESERVATION_EXPIRED") == 0)
		ct_reply_error(arg, CT_CANCEL_EXPIRED, NULL, NULL);
	else
		ct_reply_outcome(arg, outcome);
}

void
cancel(struct ct_request *request)
{
	ct_pg_call(ct_service_pg, &cancel_reservation,
	    (const char *const[]){ request->user, request->path_id[0], request->id }, cancelled, request);
}
