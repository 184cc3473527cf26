/*
 * What the card provider's answers mean, with one rule: only what is listed
 * here as final is final. A success must be about this very payment key, order and amount;
 * a refusal must carry a code from the list, with a status that is no server
 * error. Everything else is UNKNOWN, and somebody looks it up.
 */
#include <string.h>

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
	NULL
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

static bool
is_one_of(const char *text, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(text, *list) == 0)
			return (true);
	}
	return (false);
}

static enum ct_card_result
declined(const char *code, char code_r[CT_CARD_CODE_TEXT])
{
	memcpy(code_r, code, strlen(code) + 1);
	return (CT_CARD_IS_DECLINED);
}

/* A payment object: what it says of our payment. A payment key is of one order and one amount for ever. */
static enum ct_card_result
read_payment(const cJSON *json, const struct ct_card_payment *payment, char code_r[CT_CARD_CODE_TEXT])
{
	static const char *const	open[] = { "READY", "IN_PROGRESS", NULL };
	static const char *const	refused[] = { "ABORTED", "EXPIRED", NULL };
	static const char *const	taken[] = { "DONE", "CANCELED", "PARTIAL_CANCELED", "WAITING_FOR_DEPOSIT", NULL };
	const char			*status = text_of(json, "status"), *order = text_of(json, "orderId");
	bool				 amount = has_number(json, "totalAmount", payment->amount);

	if (strcmp(text_of(json, "paymentKey"), payment->payment_key) != 0 || order[0] == '\0')
		return (CT_CARD_IS_UNKNOWN);
	if (is_one_of(status, refused))
		return (declined(status, code_r));
	if (is_one_of(status, open))
		return (amount && strcmp(order, payment->order) == 0 ? CT_CARD_IS_ABSENT : declined("FORBIDDEN_REQUEST", code_r));
	if (!is_one_of(status, taken))
		return (CT_CARD_IS_UNKNOWN);
	/* Taken for somebody else's order: not by us, and never for us. */
	if (strcmp(order, payment->order) != 0)
		return (declined("ALREADY_PROCESSED_PAYMENT", code_r));
	/* Another amount for our order is none we have asked for: a person has to look. */
	if (!amount)
		return (CT_CARD_IS_UNKNOWN);
	if (strcmp(status, "DONE") == 0)
		return (has_number(json, "balanceAmount", payment->amount) ? CT_CARD_IS_CAPTURED : CT_CARD_IS_UNKNOWN);
	if (strcmp(status, "CANCELED") == 0)
		return (has_number(json, "balanceAmount", 0) ? CT_CARD_IS_CANCELLED : CT_CARD_IS_UNKNOWN);
	return (CT_CARD_IS_UNWANTED);
}

static enum ct_card_result
read_refusal(enum ct_card_call call, long status, const char *code)
{
	if (status < 400 || status > 499)
		return (CT_CARD_IS_UNKNOWN);
	if (call == CT_CARD_FIND)
		return (status == 404 && strcmp(code, "NOT_FOUND_PAYMENT") == 0 ? CT_CARD_IS_ABSENT : CT_CARD_IS_UNKNOWN);
	return (call == CT_CARD_CONFIRM && is_one_of(code, declines) ? CT_CARD_IS_DECLINED : CT_CARD_IS_UNKNOWN);
}

enum ct_card_result
ct_card_read(enum ct_card_call call, const struct ct_card_payment *payment, long status, const char *body,
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
		result = read_payment(json, payment, code_r);
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

bool
ct_card_code_says_used(const char *code)
{
	static const char *const	used[] = { "ALREADY_PROCESSED_PAYMENT", "DUPLICATED_ORDER_ID", NULL };

	return (is_one_of(code, used));
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
