/* The table of errors, and the mapping of SQL's codes and SQLSTATEs to it. */
#include <string.h>

#include "base/error.h"

static const struct ct_error_info	table[CT_ERROR_COUNT] = {
	[CT_OK] = { "OK", 200, "OK", 0 },

	[CT_ERROR_INVALID_REQUEST] = { "INVALID_REQUEST", 400, "Invalid request", 0 },
	[CT_ERROR_UNAUTHENTICATED] = { "UNAUTHENTICATED", 401, "Not authenticated", 0 },
	[CT_ERROR_FORBIDDEN] = { "FORBIDDEN", 403, "Forbidden", 0 },
	[CT_ERROR_NOT_FOUND] = { "NOT_FOUND", 404, "Not found", 0 },
	[CT_ERROR_METHOD_NOT_ALLOWED] = { "METHOD_NOT_ALLOWED", 405, "Method not allowed", 0 },
	[CT_ERROR_PAYLOAD_TOO_LARGE] = { "PAYLOAD_TOO_LARGE", 413, "Payload too large", 0 },
	[CT_ERROR_UNSUPPORTED_MEDIA_TYPE] = { "UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported media type", 0 },
	[CT_ERROR_TOO_MANY_REQUESTS] = { "TOO_MANY_REQUESTS", 429, "Too many requests", 1 },
	[CT_ERROR_INTERNAL_ERROR] = { "INTERNAL_ERROR", 500, "Internal error", 0 },
	[CT_ERROR_SERVICE_UNAVAILABLE] = { "SERVICE_UNAVAILABLE", 503, "Service unavailable", 1 },
	[CT_ERROR_OUTCOME_UNKNOWN] = { "OUTCOME_UNKNOWN", 503, "Outcome unknown", 1 },

	[CT_ERROR_IDEMPOTENCY_KEY_REQUIRED] = { "IDEMPOTENCY_KEY_REQUIRED", 400, "An Idempotency-Key is required", 0 },
	[CT_ERROR_IDEMPOTENCY_KEY_REUSED] = { "IDEMPOTENCY_KEY_REUSED", 422,
	    "The Idempotency-Key was used for another request", 0 },
	[CT_ERROR_IDEMPOTENCY_KEY_IN_USE] = { "IDEMPOTENCY_KEY_IN_USE", 409,
	    "The first request with this Idempotency-Key is still running", 1 },

	[CT_ERROR_CONCERT_NOT_FOUND] = { "CONCERT_NOT_FOUND", 404, "Concert not found", 0 },
	[CT_ERROR_SCHEDULE_NOT_FOUND] = { "SCHEDULE_NOT_FOUND", 404, "Schedule not found", 0 },
	[CT_ERROR_SCHEDULE_NOT_ON_SALE] = { "SCHEDULE_NOT_ON_SALE", 409, "The schedule is not on sale", 0 },
	[CT_ERROR_SEAT_NOT_FOUND] = { "SEAT_NOT_FOUND", 404, "Seat not found", 0 },
	[CT_ERROR_SEAT_NOT_AVAILABLE] = { "SEAT_NOT_AVAILABLE", 409, "A seat is not available", 0 },
	[CT_ERROR_SEAT_LIMIT_EXCEEDED] = { "SEAT_LIMIT_EXCEEDED", 409, "More seats than one person may have", 0 },
	[CT_ERROR_UNPAID_HOLD_LIMIT] = { "UNPAID_HOLD_LIMIT", 409, "Too many holds ended unpaid", 0 },

	[CT_ERROR_QUEUE_CLOSED] = { "QUEUE_CLOSED", 409, "The queue is closed", 0 },
	[CT_ERROR_QUEUE_FULL] = { "QUEUE_FULL", 429, "The queue is full", 30 },
	[CT_ERROR_QUEUE_TOKEN_REQUIRED] = { "QUEUE_TOKEN_REQUIRED", 400, "A queue token is required", 0 },
	[CT_ERROR_QUEUE_TOKEN_NOT_FOUND] = { "QUEUE_TOKEN_NOT_FOUND", 404, "Queue token not found", 0 },
	[CT_ERROR_QUEUE_TOKEN_MISMATCH] = { "QUEUE_TOKEN_MISMATCH", 403, "The queue token is not for this", 0 },
	[CT_ERROR_QUEUE_TOKEN_NOT_ACTIVE] = { "QUEUE_TOKEN_NOT_ACTIVE", 403, "The queue token is still waiting", 0 },
	[CT_ERROR_QUEUE_TOKEN_EXPIRED] = { "QUEUE_TOKEN_EXPIRED", 410, "The queue token has expired", 0 },
	[CT_ERROR_QUEUE_TOKEN_USED] = { "QUEUE_TOKEN_USED", 409, "The queue token has been used", 0 },

	[CT_ERROR_RESERVATION_NOT_FOUND] = { "RESERVATION_NOT_FOUND", 404, "Reservation not found", 0 },
	[CT_ERROR_RESERVATION_EXPIRED] = { "RESERVATION_EXPIRED", 410, "The reservation has expired", 0 },
	[CT_ERROR_RESERVATION_CANCELLED] = { "RESERVATION_CANCELLED", 409, "The reservation is cancelled", 0 },
	[CT_ERROR_RESERVATION_ALREADY_PAID] = { "RESERVATION_ALREADY_PAID", 409, "The reservation is already paid", 0 },
	[CT_ERROR_CANCEL_EXPIRED] = { "RESERVATION_EXPIRED", 409, "The reservation has expired", 0 },
	[CT_ERROR_CANCELLATION_CLOSED] = { "CANCELLATION_CLOSED", 409, "Cancellation is closed", 0 },
	[CT_ERROR_PAYMENT_NOT_FOUND] = { "PAYMENT_NOT_FOUND", 404, "Payment not found", 0 },
	[CT_ERROR_PAYMENT_IN_PROGRESS] = { "PAYMENT_IN_PROGRESS", 409, "A payment is in progress", 1 },
	[CT_ERROR_AMOUNT_MISMATCH] = { "AMOUNT_MISMATCH", 409, "The amount is not the reservation's", 0 },
	[CT_ERROR_INSUFFICIENT_POINTS] = { "INSUFFICIENT_POINTS", 402, "Not enough points", 0 },
	[CT_ERROR_CARD_DECLINED] = { "CARD_DECLINED", 402, "The card was declined", 0 },
	[CT_ERROR_POINT_LIMIT_EXCEEDED] = { "POINT_LIMIT_EXCEEDED", 409, "The wallet's limit would be exceeded", 0 },
};

const struct ct_error_info *
ct_error_info(enum ct_error error)
{
	if ((unsigned)error >= CT_ERROR_COUNT)
		error = CT_ERROR_INTERNAL_ERROR;
	return (&table[error]);
}

enum ct_error
ct_error_from_code(const char *code)
{
	unsigned	i;

	for (i = 0; code != NULL && i < CT_ERROR_COUNT; i++) {
		if (table[i].code[0] == code[0] && strcmp(table[i].code, code) == 0)
			return ((enum ct_error)i);
	}
	return (CT_ERROR_INTERNAL_ERROR);
}

enum ct_error
ct_error_from_sqlstate(const char *sqlstate)
{
	static const char *const	retryable[] = {
		"08",		/* connection exceptions */
		"53",		/* insufficient resources */
		"57",		/* operator intervention: shutdown, start-up, statement timeout */
		"40001",	/* serialization failure: rolled back; the same call passes later */
		"40P01",	/* deadlock: the same */
		"25006",	/* read-only server: a standby, during a failover */
	};
	unsigned			i;

	if (sqlstate == NULL)
		return (CT_ERROR_INTERNAL_ERROR);
	if (strcmp(sqlstate, "55P03") == 0)
		return (CT_ERROR_IDEMPOTENCY_KEY_IN_USE);
	for (i = 0; i < sizeof(retryable) / sizeof(retryable[0]); i++) {
		if (strncmp(sqlstate, retryable[i], strlen(retryable[i])) == 0)
			return (CT_ERROR_SERVICE_UNAVAILABLE);
	}
	return (CT_ERROR_INTERNAL_ERROR);
}
