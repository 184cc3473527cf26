/* The payment object and the error object as the provider writes them, and small things of the books. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ids.h"
#include "books.h"

#define SEOUL_SECONDS	(9 * 3600)

const char *
json_text(const cJSON *object, const char *name)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return (text == NULL ? "" : text);
}

int64_t
json_number(const cJSON *object, const char *name)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(object, name);

	return (cJSON_IsNumber(item) ? (int64_t)item->valuedouble : 0);
}

void
provider_time(char text_r[TIME_TEXT])
{
	time_t		now = time(NULL) + SEOUL_SECONDS;
	struct tm	tm;

	(void)strftime(text_r, TIME_TEXT, "%Y-%m-%dT%H:%M:%S+09:00", gmtime_r(&now, &tm));
}

void
transaction_new(char text_r[TRANSACTION_TEXT])
{
	struct ct_uuid	uuid;
	size_t		i;

	ct_uuid_v7(&uuid);
	for (i = 0; i < sizeof(uuid.bytes); i++)
		(void)snprintf(text_r + 2 * i, 3, "%02X", uuid.bytes[i]);
}

void
untold_add(struct untold **list, uint64_t event, struct payment *payment)
{
	struct untold	*one = calloc(1, sizeof(*one));

	if (one == NULL)
		abort();
	one->event = event;
	one->payment = payment;
	one->next = *list;
	*list = one;
}

void
untold_remove(struct untold **list, uint64_t event)
{
	struct untold	*one;

	for (; (one = *list) != NULL; list = &one->next) {
		if (one->event == event) {
			*list = one->next;
			free(one);
			return;
		}
	}
}

const char *
payment_status_name(enum payment_status status)
{
	static const char *const	names[] = { "IN_PROGRESS", "DONE", "PARTIAL_CANCELED", "CANCELED", "ABORTED" };

	return (names[status]);
}

void
answer_error(struct answer *answer, const char *code)
{
	const struct provider_error	*error = error_find(code);

	if (error == NULL)
		error = error_find("FAILED_INTERNAL_SYSTEM_PROCESSING");
	answer->status = error->status;
	ct_buf_printf(&answer->body, "{\"code\":\"%s\",\"message\":\"%s\"}", error->code, error->message);
}

static void
text_or_null(struct ct_buf *buf, const char *name, const char *text)
{
	ct_buf_printf(buf, "\"%s\":", name);
	ct_buf_json_string(buf, *text == '\0' ? NULL : text);
	ct_buf_puts(buf, ",");
}

static void
cancels_json(struct ct_buf *buf, const struct payment *payment)
{
	const struct cancel	*cancel;

	if (payment->cancels == NULL) {
		ct_buf_puts(buf, "\"cancels\":null,");
		return;
	}
	ct_buf_puts(buf, "\"cancels\":[");
	for (cancel = payment->cancels; cancel != NULL; cancel = cancel->next) {
		ct_buf_printf(buf, "{\"cancelAmount\":%" PRId64 ",\"cancelReason\":", cancel->amount);
		ct_buf_json_string(buf, cancel->reason);
		ct_buf_printf(buf, ",\"taxFreeAmount\":0,\"taxExemptionAmount\":0,\"refundableAmount\":%" PRId64
		    ",\"easyPayDiscountAmount\":0,\"canceledAt\":\"%s\",\"transactionKey\":\"%s\",\"receiptKey\":null,"
		    "\"cancelStatus\":\"DONE\",\"cancelRequestId\":null}%s", cancel->left, cancel->at, cancel->transaction,
		    cancel->next != NULL ? "," : "],");
	}
}

void
payment_json(struct ct_buf *buf, const struct payment *payment)
{
	const struct provider_error	*failure = error_find(payment->failure);
	int64_t				 vat = payment->balance / 11;

	ct_buf_puts(buf, "{\"mId\":\"simulator\",\"version\":\"2022-11-16\",");
	text_or_null(buf, "lastTransactionKey", payment->transaction);
	ct_buf_printf(buf, "\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"orderName\":\"Tickets\",\"currency\":\"KRW\","
	    "\"method\":\"카드\",\"status\":\"%s\",\"requestedAt\":\"%s\",", payment->key, payment->order,
	    payment_status_name(payment->status), payment->requested_at);
	text_or_null(buf, "approvedAt", payment->approved_at);
	ct_buf_printf(buf, "\"useEscrow\":false,\"cultureExpense\":false,\"card\":{\"amount\":%" PRId64
	    ",\"issuerCode\":\"61\",\"acquirerCode\":\"31\",\"number\":\"12345678****789*\",\"installmentPlanMonths\":0,"
	    "\"isInterestFree\":false,\"interestPayer\":null,\"approveNo\":\"00000000\",\"useCardPoint\":false,"
	    "\"cardType\":\"신용\",\"ownerType\":\"개인\",\"acquireStatus\":\"READY\"},\"virtualAccount\":null,"
	    "\"transfer\":null,\"mobilePhone\":null,\"giftCertificate\":null,\"cashReceipt\":null,\"cashReceipts\":null,"
	    "\"discount\":null,", payment->total);
	cancels_json(buf, payment);
	ct_buf_puts(buf, "\"secret\":null,\"type\":\"NORMAL\",\"easyPay\":null,\"country\":\"KR\",");
	if (failure != NULL)
		ct_buf_printf(buf, "\"failure\":{\"code\":\"%s\",\"message\":\"%s\"},", failure->code, failure->message);
	else
		ct_buf_puts(buf, "\"failure\":null,");
	ct_buf_printf(buf, "\"isPartialCancelable\":true,\"receipt\":null,\"checkout\":null,\"totalAmount\":%" PRId64
	    ",\"balanceAmount\":%" PRId64 ",\"suppliedAmount\":%" PRId64 ",\"vat\":%" PRId64
	    ",\"taxFreeAmount\":0,\"taxExemptionAmount\":0}", payment->total, payment->balance, payment->balance - vat, vat);
}
