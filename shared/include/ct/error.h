/*
 * Every error code of the HTTP contract, once, with its status and title.
 *
 * Handlers, SQL outcome rows and SQLSTATEs all end in one of these codes; the
 * table in error.c is the only place that knows which status goes with which.
 * Titles are part of replayed bodies (an idempotent replay is equal to the
 * byte), so a title never changes; add a new code instead.
 */
#ifndef CT_ERROR_H
#define CT_ERROR_H

enum ct_error {
	CT_OK = 0,

	/* Anywhere. */
	CT_INVALID_REQUEST,
	CT_UNAUTHENTICATED,
	CT_FORBIDDEN,
	CT_NOT_FOUND,
	CT_METHOD_NOT_ALLOWED,
	CT_PAYLOAD_TOO_LARGE,
	CT_UNSUPPORTED_MEDIA_TYPE,
	CT_TOO_MANY_REQUESTS,
	CT_INTERNAL_ERROR,
	CT_SERVICE_UNAVAILABLE,
	CT_OUTCOME_UNKNOWN,

	/* Idempotency. */
	CT_IDEMPOTENCY_KEY_REQUIRED,
	CT_IDEMPOTENCY_KEY_REUSED,
	CT_IDEMPOTENCY_KEY_IN_USE,

	/* Catalogue. */
	CT_CONCERT_NOT_FOUND,
	CT_SCHEDULE_NOT_FOUND,
	CT_SCHEDULE_NOT_ON_SALE,
	CT_SEAT_NOT_FOUND,
	CT_SEAT_NOT_AVAILABLE,
	CT_SEAT_LIMIT_EXCEEDED,
	CT_UNPAID_HOLD_LIMIT,

	/* Queue. */
	CT_QUEUE_CLOSED,
	CT_QUEUE_FULL,
	CT_QUEUE_TOKEN_REQUIRED,
	CT_QUEUE_TOKEN_NOT_FOUND,
	CT_QUEUE_TOKEN_MISMATCH,
	CT_QUEUE_TOKEN_NOT_ACTIVE,
	CT_QUEUE_TOKEN_EXPIRED,
	CT_QUEUE_TOKEN_USED,

	/* Reservations and payments. */
	CT_RESERVATION_NOT_FOUND,
	CT_RESERVATION_EXPIRED,
	CT_RESERVATION_CANCELLED,
	CT_RESERVATION_ALREADY_PAID,
	CT_CANCEL_EXPIRED,	/* RESERVATION_EXPIRED too, but 409: cancelling has no 410 */
	CT_CANCELLATION_CLOSED,
	CT_PAYMENT_NOT_FOUND,
	CT_PAYMENT_IN_PROGRESS,
	CT_AMOUNT_MISMATCH,
	CT_INSUFFICIENT_POINTS,
	CT_CARD_DECLINED,
	CT_POINT_LIMIT_EXCEEDED,

	CT_ERROR_COUNT
};

struct ct_error_info {
	const char	*code;		/* "SEAT_NOT_AVAILABLE": stable, for programs */
	int		 status;	/* HTTP status */
	const char	*title;		/* English, for people; never changes */
	int		 retry_after;	/* seconds for a Retry-After header, 0: none */
};

/* The row of the table for `error`; never NULL for a valid enum value. */
const struct ct_error_info	*ct_error_info(enum ct_error error);

/*
 * The error whose code is `code` (as SQL outcome rows spell it), CT_OK for
 * "OK", or CT_INTERNAL_ERROR if no row has it. RESERVATION_EXPIRED is
 * CT_RESERVATION_EXPIRED; only who cancels knows that it is CT_CANCEL_EXPIRED.
 */
enum ct_error	 ct_error_from_code(const char *code);

/*
 * The error for a SQLSTATE (PostgreSQL 15, appendix A): 55P03
 * lock_not_available is CT_IDEMPOTENCY_KEY_IN_USE (a duplicate waits for the
 * first one's lock; ct_reply_error tells it only to who sent a key, anybody
 * else is told CT_SERVICE_UNAVAILABLE); what was rolled back but may pass
 * when tried again (connection, resource and operator classes, which include
 * shutdown, start-up and the statement timeout; serialization failure and
 * deadlock; a read-only server) is CT_SERVICE_UNAVAILABLE; everything else
 * CT_INTERNAL_ERROR.
 */
enum ct_error	 ct_error_from_sqlstate(const char *sqlstate);

#endif
