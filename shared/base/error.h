/*
 * All error codes of the HTTP contract.
 *
 * Handlers, SQL outcomes and SQLSTATEs are all mapped to one of these codes. Only the table in error.c says which status
 * and title a code has. A title never changes, because an idempotent replay must equal the first answer to the byte.
 * Add a new code instead.
 */
#ifndef CT_ERROR_H
#define CT_ERROR_H

enum ct_error {
	CT_OK = 0,

	/* All calls. */
	CT_ERROR_INVALID_REQUEST,
	CT_ERROR_UNAUTHENTICATED,
	CT_ERROR_FORBIDDEN,
	CT_ERROR_NOT_FOUND,
	CT_ERROR_METHOD_NOT_ALLOWED,
	CT_ERROR_PAYLOAD_TOO_LARGE,
	CT_ERROR_UNSUPPORTED_MEDIA_TYPE,
	CT_ERROR_TOO_MANY_REQUESTS,
	CT_ERROR_INTERNAL_ERROR,
	CT_ERROR_SERVICE_UNAVAILABLE,
	CT_ERROR_OUTCOME_UNKNOWN,

	/* Idempotency. */
	CT_ERROR_IDEMPOTENCY_KEY_REQUIRED,
	CT_ERROR_IDEMPOTENCY_KEY_REUSED,
	CT_ERROR_IDEMPOTENCY_KEY_IN_USE,

	/* Catalogue. */
	CT_ERROR_CONCERT_NOT_FOUND,
	CT_ERROR_SCHEDULE_NOT_FOUND,
	CT_ERROR_SCHEDULE_NOT_ON_SALE,
	CT_ERROR_SEAT_NOT_FOUND,
	CT_ERROR_SEAT_NOT_AVAILABLE,
	CT_ERROR_SEAT_LIMIT_EXCEEDED,
	CT_ERROR_UNPAID_HOLD_LIMIT,

	/* Queue. */
	CT_ERROR_QUEUE_CLOSED,
	CT_ERROR_QUEUE_FULL,
	CT_ERROR_QUEUE_TOKEN_REQUIRED,
	CT_ERROR_QUEUE_TOKEN_NOT_FOUND,
	CT_ERROR_QUEUE_TOKEN_MISMATCH,
	CT_ERROR_QUEUE_TOKEN_NOT_ACTIVE,
	CT_ERROR_QUEUE_TOKEN_EXPIRED,
	CT_ERROR_QUEUE_TOKEN_USED,

	/* Reservations and payments. */
	CT_ERROR_RESERVATION_NOT_FOUND,
	CT_ERROR_RESERVATION_EXPIRED,
	CT_ERROR_RESERVATION_CANCELLED,
	CT_ERROR_RESERVATION_ALREADY_PAID,
	CT_ERROR_CANCEL_EXPIRED,	/* the code RESERVATION_EXPIRED with status 409, for cancelling */
	CT_ERROR_CANCELLATION_CLOSED,
	CT_ERROR_PAYMENT_NOT_FOUND,
	CT_ERROR_PAYMENT_IN_PROGRESS,
	CT_ERROR_AMOUNT_MISMATCH,
	CT_ERROR_INSUFFICIENT_POINTS,
	CT_ERROR_CARD_DECLINED,
	CT_ERROR_POINT_LIMIT_EXCEEDED,

	CT_ERROR_COUNT
};

struct ct_error_info {
	const char	*code;		/* for programs: "SEAT_NOT_AVAILABLE"; never changes */
	int		 status;	/* of HTTP */
	const char	*title;		/* for people, in English; never changes */
	int		 retry_after;	/* of the Retry-After header, in seconds; 0: no header */
};

/* Returns the table's row for `error`. Never NULL. */
const struct ct_error_info	*ct_error_info(enum ct_error error);

/*
 * Returns the error for a code as SQL outcomes spell it: CT_OK for "OK", and CT_ERROR_INTERNAL_ERROR for an unknown code.
 * For "RESERVATION_EXPIRED" it is CT_ERROR_RESERVATION_EXPIRED; the handler that cancels turns that into
 * CT_ERROR_CANCEL_EXPIRED.
 */
enum ct_error	 ct_error_from_code(const char *code);

/*
 * Returns the error for a SQLSTATE (PostgreSQL 15, appendix A):
 *
 * CT_ERROR_IDEMPOTENCY_KEY_IN_USE: 55P03, lock_not_available. The first request with the same key holds the lock.
 *   For a request without a key, ct_reply_error() replies CT_ERROR_SERVICE_UNAVAILABLE instead.
 * CT_ERROR_SERVICE_UNAVAILABLE: rolled back, and may pass when it is tried again. These are the classes of connection,
 *   resources and operator (shutdown, start-up, statement timeout), serialization failure, deadlock and a read-only
 *   server.
 * CT_ERROR_INTERNAL_ERROR: all others.
 */
enum ct_error	 ct_error_from_sqlstate(const char *sqlstate);

#endif
