/*
 * The card provider's answers. A payment counts as captured or cancelled only if the answer says that of this payment.
 * Input: the call, the status in two bytes, the body.
 */
#include <stdlib.h>
#include <string.h>

#include "card/provider_answer.h"
#include "fuzz.h"

static const struct ct_card_payment	payment = {
	.id = "0190a0b0-c0d0-7000-8000-00000000abcd",
	.payment_key = "key-1",
	.order = "order-1",
	.amount = 1000,
};

static bool
text_is(const cJSON *json, const char *name, const char *wanted)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

	return (text != NULL && strcmp(text, wanted) == 0);
}

static bool
number_is(const cJSON *json, const char *name, double wanted)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(json, name);

	return (cJSON_IsNumber(item) && item->valuedouble == wanted);
}

static bool
ours(const cJSON *json)
{
	return (text_is(json, "paymentKey", "key-1") && text_is(json, "orderId", "order-1") && number_is(json, "totalAmount", 1000));
}

static void
check(enum ct_card_call call, long status, const char *body, size_t length)
{
	char			code[CT_CARD_CODE_TEXT], text[20];
	enum ct_card_result	result = ct_card_read(call, &payment, status, body, length, code);
	cJSON			*json = cJSON_Parse(body);

	must(strlen(code) < sizeof(code));
	must(code[strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0');
	must(ct_card_result_name(result) != NULL);
	switch (result) {
	case CT_CARD_IS_CAPTURED:
		must(call != CT_CARD_CANCEL && status == 200 && ours(json) && text_is(json, "status", "DONE") &&
		    number_is(json, "balanceAmount", 1000));
		break;
	case CT_CARD_IS_CANCELLED:
		must(call != CT_CARD_CONFIRM && status == 200 && ours(json) && text_is(json, "status", "CANCELED") &&
		    number_is(json, "balanceAmount", 0));
		break;
	case CT_CARD_IS_DECLINED:
		/* Never while the provider has the money, and always with a code. */
		must(code[0] != '\0' && call != CT_CARD_CANCEL);
		must(status != 200 || !(ours(json) && text_is(json, "status", "DONE")));
		must(status == 200 || (status >= 400 && status <= 499));
		break;
	case CT_CARD_IS_ABSENT:
	case CT_CARD_IS_UNWANTED:
		must(call == CT_CARD_FIND);
		must(!(ours(json) && text_is(json, "status", "DONE") && status == 200));
		break;
	case CT_CARD_IS_UNKNOWN:
	default:
		break;
	}
	if (json != NULL && ct_card_take_text(json, "code", text, sizeof(text)))
		must(strlen(text) < sizeof(text) && text_is(json, "code", text));
	cJSON_Delete(json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long	statuses[] = { 200, 400, 403, 404, 409, 429, 500, 201 };
	struct fuzz_input	input = { data, size };
	enum ct_card_call	call = (enum ct_card_call)(fuzz_byte(&input) % CT_CARD_CALLS);
	long			status = statuses[fuzz_byte(&input) % 8];
	char			*body = fuzz_text(&input, '\0');

	check(call, status, body, strlen(body));
	must(!ct_card_key_valid(body) || (strlen(body) <= 200 && strpbrk(body, "/?#%\"\\ .\r\n") == NULL));
	free(body);
	return (0);
}
