/*
 * The meaning of the card provider's answers. Only results that are listed here are final. A success must name our
 * payment key, order and amount. A refusal must have a code of the list and a status of 400 to 499. Everything else
 * is UNKNOWN, and the resolver looks it up.
 */
#include <string.h>

#include "card/provider_answer.h"

/*
 * Refusals of a confirm after which nothing is taken, now or later. Other codes are
 * UNKNOWN: the order may have been processed (ALREADY_PROCESSED_PAYMENT), the fault is
 * ours and not the card's (UNAUTHORIZED_KEY, INVALID_API_KEY, FORBIDDEN_REQUEST, ...),
 * the provider calls it temporary (PROVIDER_ERROR), or it is still being processed.
 */
static const char *const	declines[] = {
	"BELOW_MINIMUM_AMOUNT",
	"CARD_PROCESSING_ERROR",
	"EXCEED_MAX_AMOUNT",
	"EXCEED_MAX_AUTH_COUNT",
	"EXCEED_MAX_CARD_INSTALLMENT_PLAN",
	"EXCEED_MAX_DAILY_PAYMENT_COUNT",
	"EXCEED_MAX_ONE_DAY_AMOUNT",
	"EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT",
	"EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT",
	"EXCEED_MAX_PAYMENT_AMOUNT",
	"FDS_ERROR",
	"INVALID_AUTHORIZE_AUTH",
	"INVALID_CARD_EXPIRATION",
	"INVALID_CARD_INSTALLMENT_PLAN",
	"INVALID_CARD_LOST_OR_STOLEN",
	"INVALID_CARD_NUMBER",
	"INVALID_PASSWORD",
	"INVALID_REJECT_CARD",
	"INVALID_STOPPED_CARD",
	"NOT_ALLOWED_POINT_USE",
	"NOT_AVAILABLE_BANK",
	"NOT_AVAILABLE_PAYMENT",
	"NOT_FOUND_PAYMENT",
	"NOT_FOUND_PAYMENT_SESSION",
	"NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT",
	"NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN",
	"REJECT_ACCOUNT_PAYMENT",
	"REJECT_CARD_COMPANY",
	"REJECT_CARD_PAYMENT",
	"REJECT_TOSSPAY_INVALID_ACCOUNT",
	"RESTRICTED_TRANSFER_ACCOUNT",
	NULL
};

const char *const *
ct_card_decline_codes(void)
{
	return (declines);
}

static const char *
answer_text(const cJSON *object, const char *name)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return (text == NULL ? "" : text);
}

/* Users and logs see the code, so take only characters of a code. */
static void
answer_code(const cJSON *object, char code_r[CT_CARD_CODE_TEXT])
{
	const char	*code = answer_text(object, "code");
	size_t		 length = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (code[length] == '\0' && length < CT_CARD_CODE_TEXT)
		memcpy(code_r, code, length + 1);
}

static bool
answer_has_number(const cJSON *object, const char *name, int64_t wanted)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(object, name);

	/* Amounts are far below 2^53, so a double holds them exactly. */
	return (cJSON_IsNumber(item) && item->valuedouble == (double)wanted);
}

static bool
answer_is_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(text, *list) == 0)
			return (true);
	}
	return (false);
}

static enum ct_card_result
answer_declined(const char *code, char code_r[CT_CARD_CODE_TEXT])
{
	memcpy(code_r, code, strlen(code) + 1);
	return (CT_CARD_IS_DECLINED);
}

/* Reads a payment object. A payment key belongs to one order and one amount for ever. */
static enum ct_card_result
answer_payment(const cJSON *json, const struct ct_card_payment *payment, char code_r[CT_CARD_CODE_TEXT])
{
	static const char *const	open[] = { "READY", "IN_PROGRESS", NULL };
	static const char *const	refused[] = { "ABORTED", "EXPIRED", NULL };
	static const char *const	taken[] = { "DONE", "CANCELED", "PARTIAL_CANCELED", "WAITING_FOR_DEPOSIT", NULL };
	const char			*status = answer_text(json, "status"), *order = answer_text(json, "orderId");
	bool				 amount = answer_has_number(json, "totalAmount", payment->amount);

	if (strcmp(answer_text(json, "paymentKey"), payment->payment_key) != 0 || order[0] == '\0')
		return (CT_CARD_IS_UNKNOWN);
	if (answer_is_one_of(status, refused))
		return (answer_declined(status, code_r));
	if (answer_is_one_of(status, open))
		return (amount && strcmp(order, payment->order) == 0 ? CT_CARD_IS_ABSENT : answer_declined("FORBIDDEN_REQUEST", code_r));
	if (!answer_is_one_of(status, taken))
		return (CT_CARD_IS_UNKNOWN);
	/* Taken for another order, so this key never pays for ours. */
	if (strcmp(order, payment->order) != 0)
		return (answer_declined("ALREADY_PROCESSED_PAYMENT", code_r));
	/* We never asked for another amount for our order: an operator has to look. */
	if (!amount)
		return (CT_CARD_IS_UNKNOWN);
	if (strcmp(status, "DONE") == 0)
		return (answer_has_number(json, "balanceAmount", payment->amount) ? CT_CARD_IS_CAPTURED : CT_CARD_IS_UNKNOWN);
	if (strcmp(status, "CANCELED") == 0)
		return (answer_has_number(json, "balanceAmount", 0) ? CT_CARD_IS_CANCELLED : CT_CARD_IS_UNKNOWN);
	return (CT_CARD_IS_UNWANTED);
}

static enum ct_card_result
answer_refusal(enum ct_card_call call, long status, const char *code)
{
	if (status < 400 || status > 499)
		return (CT_CARD_IS_UNKNOWN);
	if (call == CT_CARD_FIND)
		return (status == 404 && strcmp(code, "NOT_FOUND_PAYMENT") == 0 ? CT_CARD_IS_ABSENT : CT_CARD_IS_UNKNOWN);
	return (call == CT_CARD_CONFIRM && answer_is_one_of(code, declines) ? CT_CARD_IS_DECLINED : CT_CARD_IS_UNKNOWN);
}

enum ct_card_result
ct_card_read(enum ct_card_call call, const struct ct_card_payment *payment, long status, const char *body,
    size_t length, char code_r[CT_CARD_CODE_TEXT])
{
	enum ct_card_result	 result = CT_CARD_IS_UNKNOWN;
	cJSON			*json;

	code_r[0] = '\0';
	/* A document that is cut off, or that has text after it, is not an answer. */
	json = cJSON_ParseWithLengthOpts(body, length + 1, NULL, true);
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return (CT_CARD_IS_UNKNOWN);
	}
	if (status == 200) {
		result = answer_payment(json, payment, code_r);
		/* A confirm can only be CAPTURED, and a cancel only CANCELLED. */
		if ((call == CT_CARD_CONFIRM && result != CT_CARD_IS_CAPTURED) ||
		    (call == CT_CARD_CANCEL && result != CT_CARD_IS_CANCELLED))
			result = CT_CARD_IS_UNKNOWN;
	} else {
		answer_code(json, code_r);
		result = answer_refusal(call, status, code_r);
	}
	cJSON_Delete(json);
	return (result);
}

bool
ct_card_code_says_used(const char *code)
{
	static const char *const	used[] = { "ALREADY_PROCESSED_PAYMENT", "DUPLICATED_ORDER_ID", NULL };

	return (answer_is_one_of(code, used));
}

const char *
ct_card_result_name(enum ct_card_result result)
{
	static const char *const	names[] = {
		[CT_CARD_IS_UNKNOWN] = "UNKNOWN",
		[CT_CARD_IS_CAPTURED] = "CAPTURED",
		[CT_CARD_IS_CANCELLED] = "CANCELLED",
		[CT_CARD_IS_DECLINED] = "DECLINED",
		[CT_CARD_IS_ABSENT] = "ABSENT",
		[CT_CARD_IS_UNWANTED] = "UNWANTED",
	};
	_Static_assert(sizeof(names) / sizeof(names[0]) == CT_CARD_IS_UNWANTED + 1, "every result has a name");

	return (names[result]);
}

bool
ct_card_key_valid(const char *payment_key)
{
	size_t	length = strspn(payment_key,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return (payment_key[length] == '\0' && length >= 1 && length <= 200);
}

bool
ct_card_take_text(const cJSON *object, const char *member, char *text_r, size_t size)
{
	const char	*value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, member));

	if (value == NULL || strlen(value) >= size)
		return (false);
	memcpy(text_r, value, strlen(value) + 1);
	return (true);
}
