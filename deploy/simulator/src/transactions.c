/*
 * GET /v1/transactions: every change of money between two moments, oldest first, in pages. Times are Korean time without an
 * offset, as the provider writes them here.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "books.h"

#define LIMIT_DEFAULT	100
#define LIMIT_MAX	5000
#define MOMENT_TEXT	20	/* 2026-11-30T02:00:00 */
#define LIST_MAX	(8 * 1024 * 1024)

struct transaction {
	const struct payment	*payment;
	enum payment_status	 status;
	int64_t			 amount;
	char			 at[TIME_TEXT];
	char			 key[TRANSACTION_TEXT];
	struct transaction	*next;
};

static struct transaction	*transactions, **transactions_end = &transactions;

void
transaction_add(const struct payment *payment, int64_t amount, const char *at)
{
	struct transaction	*one = calloc(1, sizeof(*one));

	if (one == NULL)
		abort();
	one->payment = payment;
	one->status = payment->status;
	one->amount = amount;
	(void)snprintf(one->at, sizeof(one->at), "%s", at);
	(void)snprintf(one->key, sizeof(one->key), "%s", payment->transaction);
	*transactions_end = one;
	transactions_end = &one->next;
}

/* Copies the parameter's value; a colon may be percent-encoded. False if it is absent, too long or otherwise encoded. */
static bool
transactions_parameter(const char *query, const char *name, char *value_r, size_t size)
{
	size_t	length = strlen(name), used = 0;

	while (query != NULL && (strncmp(query, name, length) != 0 || query[length] != '=')) {
		query = strchr(query, '&');
		query = query == NULL ? NULL : query + 1;
	}
	if (query == NULL)
		return (false);
	for (query += length + 1; *query != '\0' && *query != '&'; query++) {
		if (used + 1 == size || (*query == '%' && strncasecmp(query, "%3A", 3) != 0))
			return (false);
		value_r[used++] = *query == '%' ? ':' : *query;
		query += *query == '%' ? 2 : 0;
	}
	value_r[used] = '\0';
	return (used > 0);
}

static bool
transactions_moment(const char *query, const char *name, char value_r[MOMENT_TEXT])
{
	static const char	form[] = "dddd-dd-ddTdd:dd:dd";
	size_t			i;

	if (!transactions_parameter(query, name, value_r, MOMENT_TEXT) || strlen(value_r) != sizeof(form) - 1)
		return (false);
	for (i = 0; i < sizeof(form) - 1; i++) {
		if (form[i] == 'd' ? value_r[i] < '0' || value_r[i] > '9' : value_r[i] != form[i])
			return (false);
	}
	return (true);
}

static void
transaction_json(struct ct_buf *buf, const struct transaction *one)
{
	ct_buf_printf(buf, "{\"mId\":\"simulator\",\"transactionKey\":\"%s\",\"paymentKey\":\"%s\",\"orderId\":\"%s\","
	    "\"method\":\"카드\",\"customerKey\":null,\"useEscrow\":false,\"receiptUrl\":null,\"status\":\"%s\","
	    "\"transactionAt\":\"%s\",\"currency\":\"KRW\",\"amount\":%" PRId64 "}", one->key,
	    one->payment->key, one->payment->order, payment_status_name(one->status), one->at, one->amount);
}

void
transactions_list(const char *query, struct answer *answer)
{
	const struct transaction	*one = transactions;
	char				 start[MOMENT_TEXT], end[MOMENT_TEXT], after[TRANSACTION_TEXT], number[8], *rest = "";
	unsigned long			 limit = LIMIT_DEFAULT;
	bool				 first = true;

	if (transactions_parameter(query, "limit", number, sizeof(number)))
		limit = strtoul(number, &rest, 10);
	if (!transactions_moment(query, "startDate", start) || !transactions_moment(query, "endDate", end) || *rest != '\0' ||
	    limit < 1 || limit > LIMIT_MAX) {
		answer_error(answer, "INVALID_REQUEST");
		return;
	}
	if (transactions_parameter(query, "startingAfter", after, sizeof(after))) {
		while (one != NULL && strcmp(one->key, after) != 0)
			one = one->next;
		if (one == NULL) {
			answer_error(answer, "INVALID_REQUEST");
			return;
		}
		one = one->next;
	}
	ct_buf_deinit(&answer->body);
	ct_buf_init(&answer->body, LIST_MAX);
	ct_buf_puts(&answer->body, "[");
	for (; one != NULL && limit > 0; one = one->next) {
		if (strncmp(one->at, start, MOMENT_TEXT - 1) < 0 || strncmp(one->at, end, MOMENT_TEXT - 1) > 0)
			continue;
		ct_buf_puts(&answer->body, first ? "" : ",");
		transaction_json(&answer->body, one);
		first = false;
		limit--;
	}
	ct_buf_puts(&answer->body, "]");
	answer->status = 200;
}
