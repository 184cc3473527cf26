/*
 * What the card provider's answers mean, with one rule: only what is listed
 * here as final is final. A success must be about this very order and amount;
 * a refusal must carry a code from the list, with a status that is no server
 * error. Everything else is UNKNOWN, and somebody looks it up.
 */
#include <string.h>

#include <cjson/cJSON.h>

#include "card_internal.h"

/*
 * Refusals of a confirm that leave nothing taken, now or later. Not here, and
 * so unknown: what says that the order may have been processed
 * (ALREADY_PROCESSED_PAYMENT), what is wrong with us and not with the card
 * (UNAUTHORIZED_KEY, INVALID_API_KEY, FORBIDDEN_REQUEST, ...), what the
 * provider calls temporary (PROVIDER_ERROR) and what is being processed.
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
};

static const char *
text_of(const cJSON *object, const char *name)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return (text == NULL ? "" : text);
}

/* A code is shown to users and logged: only what looks like one is taken. */
static void
take_code(const cJSON *object, char code_r[CT_CARD_CODE_TEXT])
{
	const char	*code = text_of(object, "code");
	size_t		 length = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (code[length] == '\0' && length < CT_CARD_CODE_TEXT)
		memcpy(code_r, code, length + 1);
}

static int
has_number(const cJSON *object, const char *name, int64_t wanted)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(object, name);

	/* Amounts are far below 2^53, so a double holds them exactly. */
	return (cJSON_IsNumber(item) && item->valuedouble == (double)wanted);
}

/* A payment object: what it says if it is about this order and amount. */
static enum ct_card_result
read_payment(const cJSON *payment, const char *order, int64_t amount, char code_r[CT_CARD_CODE_TEXT])
{
	const char	*status = text_of(payment, "status");

	if (strcmp(text_of(payment, "orderId"), order) != 0 || !has_number(payment, "totalAmount", amount))
		return (CT_CARD_IS_UNKNOWN);
	if (strcmp(status, "DONE") == 0 && has_number(payment, "balanceAmount", amount))
		return (CT_CARD_IS_CAPTURED);
	if (strcmp(status, "CANCELED") == 0 && has_number(payment, "balanceAmount", 0))
		return (CT_CARD_IS_CANCELLED);
	if (strcmp(status, "ABORTED") == 0 || strcmp(status, "EXPIRED") == 0) {
		memcpy(code_r, status, strlen(status) + 1);
		return (CT_CARD_IS_DECLINED);
	}
	if (strcmp(status, "READY") == 0 || strcmp(status, "IN_PROGRESS") == 0)
		return (CT_CARD_IS_ABSENT);
	return (CT_CARD_IS_UNKNOWN);
}

static enum ct_card_result
read_refusal(enum ct_card_call call, long status, const char *code)
{
	size_t	i;

	if (status < 400 || status > 499)
		return (CT_CARD_IS_UNKNOWN);
	if (call == CT_CARD_FIND)
		return (status == 404 && strcmp(code, "NOT_FOUND_PAYMENT") == 0 ? CT_CARD_IS_ABSENT : CT_CARD_IS_UNKNOWN);
	for (i = 0; call == CT_CARD_CONFIRM && i < sizeof(declines) / sizeof(declines[0]); i++) {
		if (strcmp(declines[i], code) == 0)
			return (CT_CARD_IS_DECLINED);
	}
	return (CT_CARD_IS_UNKNOWN);
}

enum ct_card_result
ct_card_read(enum ct_card_call call, const char *order, int64_t amount, long status, const char *body,
    size_t length, char code_r[CT_CARD_CODE_TEXT])
{
	enum ct_card_result	 result = CT_CARD_IS_UNKNOWN;
	cJSON			*json;

	code_r[0] = '\0';
	/* Half a document, or one with something behind it, is no answer. */
	json = cJSON_ParseWithLengthOpts(body, length + 1, NULL, true);
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return (CT_CARD_IS_UNKNOWN);
	}
	if (status == 200) {
		result = read_payment(json, order, amount, code_r);
		/* What a call does not ask for it cannot be told either. */
		if ((call == CT_CARD_CONFIRM && result != CT_CARD_IS_CAPTURED) ||
		    (call == CT_CARD_CANCEL && result != CT_CARD_IS_CANCELLED))
			result = CT_CARD_IS_UNKNOWN;
	} else {
		take_code(json, code_r);
		result = read_refusal(call, status, code_r);
	}
	cJSON_Delete(json);
	return (result);
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
	};

	return (names[result]);
}

bool
ct_card_key_valid(const char *payment_key)
{
	size_t	length = strspn(payment_key,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

	return (payment_key[length] == '\0' && length >= 1 && length <= 200);
}
