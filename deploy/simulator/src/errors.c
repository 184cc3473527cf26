/*
 * The error codes of the provider's confirm, cancel and look-up calls with
 * their statuses, as its documentation lists them. The messages are our own.
 */
#include <string.h>

#include "simulator.h"

static const struct provider_error errors[] = {
	/* Any call. */
	{ "INVALID_REQUEST", 400, "The request is not valid." },
	{ "INVALID_API_KEY", 400, "The secret key is not a valid one." },
	{ "INVALID_IDEMPOTENCY_KEY", 400, "An idempotency key has at most 300 characters." },
	{ "UNAUTHORIZED_KEY", 401, "The secret key is not known." },
	{ "FORBIDDEN_REQUEST", 403, "The request is not allowed." },
	{ "INCORRECT_BASIC_AUTH_FORMAT", 403, "Basic authentication is the secret key and a colon, in base64." },
	{ "FORBIDDEN_CONSECUTIVE_REQUEST", 403, "A request about this payment is being worked on." },
	{ "NOT_FOUND_PAYMENT", 404, "There is no such payment." },
	{ "NOT_FOUND", 404, "There is nothing here." },
	{ "IDEMPOTENT_REQUEST_PROCESSING", 409, "The first request with this idempotency key is being worked on." },
	{ "FAILED_INTERNAL_SYSTEM_PROCESSING", 500, "Something failed inside; try again later." },
	{ "UNKNOWN_PAYMENT_ERROR", 500, "The payment failed; if it goes on, ask the provider." },

	/* Confirm. */
	{ "ALREADY_PROCESSED_PAYMENT", 400, "This payment has been processed already." },
	{ "PROVIDER_ERROR", 400, "A temporary error; try again later." },
	{ "DUPLICATED_ORDER_ID", 400, "This order id has been used already." },
	{ "EXCEED_MAX_CARD_INSTALLMENT_PLAN", 400, "Too many months of instalments." },
	{ "NOT_ALLOWED_POINT_USE", 400, "This card does not pay with card points." },
	{ "INVALID_REJECT_CARD", 400, "The card was refused; ask its issuer." },
	{ "BELOW_MINIMUM_AMOUNT", 400, "A card pays 100 won or more." },
	{ "INVALID_CARD_EXPIRATION", 400, "The card's expiry is wrong." },
	{ "INVALID_STOPPED_CARD", 400, "The card has been stopped." },
	{ "EXCEED_MAX_DAILY_PAYMENT_COUNT", 400, "Too many payments today." },
	{ "NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT", 400, "No instalments with this card or merchant." },
	{ "INVALID_CARD_INSTALLMENT_PLAN", 400, "The instalments are wrong." },
	{ "NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN", 400, "This card has no instalments." },
	{ "EXCEED_MAX_PAYMENT_AMOUNT", 400, "More than may be paid today." },
	{ "NOT_FOUND_TERMINAL_ID", 400, "There is no terminal id." },
	{ "INVALID_AUTHORIZE_AUTH", 400, "The way of authentication is wrong." },
	{ "INVALID_CARD_LOST_OR_STOLEN", 400, "The card is lost or stolen." },
	{ "RESTRICTED_TRANSFER_ACCOUNT", 400, "The account cannot be used." },
	{ "INVALID_CARD_NUMBER", 400, "The card's number is wrong." },
	{ "INVALID_UNREGISTERED_SUBMALL", 400, "The merchant is not registered." },
	{ "NOT_REGISTERED_BUSINESS", 400, "The business is not registered." },
	{ "EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT", 400, "More than may be withdrawn in a day." },
	{ "EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT", 400, "More than may be withdrawn at once." },
	{ "CARD_PROCESSING_ERROR", 400, "The card company made an error." },
	{ "EXCEED_MAX_AMOUNT", 400, "More than may be traded." },
	{ "INVALID_ACCOUNT_INFO_RE_REGISTER", 400, "The account is not valid; register it again." },
	{ "NOT_AVAILABLE_PAYMENT", 400, "No payments at this hour." },
	{ "UNAPPROVED_ORDER_ID", 400, "This order id has not been approved." },
	{ "EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT", 400, "More than may be paid this month." },
	{ "REJECT_ACCOUNT_PAYMENT", 403, "There is not enough in the account." },
	{ "REJECT_CARD_PAYMENT", 403, "Over the card's limit, or not enough on it." },
	{ "REJECT_CARD_COMPANY", 403, "The card company refused it." },
	{ "REJECT_TOSSPAY_INVALID_ACCOUNT", 403, "The account is not registered for withdrawal." },
	{ "EXCEED_MAX_AUTH_COUNT", 403, "Too many tries to authenticate." },
	{ "EXCEED_MAX_ONE_DAY_AMOUNT", 403, "Over the day's limit." },
	{ "NOT_AVAILABLE_BANK", 403, "The bank is closed at this hour." },
	{ "INVALID_PASSWORD", 403, "The password is wrong." },
	{ "FDS_ERROR", 403, "A risky transaction was refused." },
	{ "NOT_FOUND_PAYMENT_SESSION", 404, "The payment's time has run out; there is nothing to confirm." },
	{ "FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING", 500, "The payment was not completed; try again." },

	/* Cancel. */
	{ "ALREADY_CANCELED_PAYMENT", 400, "This payment has been cancelled already." },
	{ "INVALID_REFUND_ACCOUNT_INFO", 400, "The account for the refund is wrong." },
	{ "EXCEED_CANCEL_AMOUNT_DISCOUNT_AMOUNT", 400, "Less than the discount cannot be cancelled." },
	{ "NOT_MATCHES_REFUNDABLE_AMOUNT", 400, "The amount that is left is another one." },
	{ "REFUND_REJECTED", 400, "The refund was refused." },
	{ "ALREADY_REFUND_PAYMENT", 400, "This payment has been refunded already." },
	{ "FORBIDDEN_BANK_REFUND_REQUEST", 400, "The customer's account takes no money." },
	{ "NOT_CANCELABLE_AMOUNT", 403, "More than can be cancelled." },
	{ "NOT_CANCELABLE_PAYMENT", 403, "This payment cannot be cancelled." },
	{ "EXCEED_MAX_REFUND_DUE", 403, "It is too late for a refund." },
	{ "NOT_ALLOWED_PARTIAL_REFUND", 403, "Only all of it can be cancelled." },
	{ "FAILED_REFUND_PROCESS", 500, "The bank did not answer; the refund failed." },
	{ "FAILED_METHOD_HANDLING_CANCEL", 500, "A temporary error of the payment's method." },
	{ "FAILED_PARTIAL_REFUND", 500, "The partial refund failed." },
};

const struct provider_error *
error_find(const char *code)
{
	size_t	i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].code, code) == 0)
			return (&errors[i]);
	}
	return (NULL);
}

const struct provider_error *
error_at_start(const char *text)
{
	const struct provider_error	*best = NULL;
	size_t				 i, length;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		length = strlen(errors[i].code);
		if (strncmp(errors[i].code, text, length) == 0 && (text[length] == '\0' || text[length] == '_') &&
		    (best == NULL || length > strlen(best->code)))
			best = &errors[i];
	}
	return (best);
}
