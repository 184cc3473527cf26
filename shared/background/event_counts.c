/* See event_counts.h. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "background/event_counts.h"
#include "background/work.h"
#include "base/metrics.h"

enum count {
	POINT_APPROVED, CARD_APPROVED, POINT_FAILED, CARD_FAILED, POINT_WON, CARD_WON,
	POINT_REFUNDS, CARD_REFUNDS, POINT_REFUNDED_WON, CARD_REFUNDED_WON,
	NO_POINTS, NO_CARD, DECLINED_OTHER,
	HELD, HOLD_EXPIRED, HOLD_CANCELLED, TICKETS_SOLD, TICKETS_RETURNED, CHARGED_WON,
	COUNTS
};

static const struct {
	const char	*name;
	const char	*labels;
	const char	*help;
} counts[COUNTS] = {
	[POINT_APPROVED] = { "payments_total", "method=\"point\",outcome=\"approved\"", "Payments, by method and outcome" },
	[CARD_APPROVED] = { "payments_total", "method=\"card\",outcome=\"approved\"", "Payments, by method and outcome" },
	[POINT_FAILED] = { "payments_total", "method=\"point\",outcome=\"failed\"", "Payments, by method and outcome" },
	[CARD_FAILED] = { "payments_total", "method=\"card\",outcome=\"failed\"", "Payments, by method and outcome" },
	[POINT_WON] = { "payments_won_total", "method=\"point\"", "Won of approved payments" },
	[CARD_WON] = { "payments_won_total", "method=\"card\"", "Won of approved payments" },
	[POINT_REFUNDS] = { "refunds_total", "method=\"point\"", "Payments refunded in full" },
	[CARD_REFUNDS] = { "refunds_total", "method=\"card\"", "Payments refunded in full" },
	[POINT_REFUNDED_WON] = { "refunds_won_total", "method=\"point\"", "Won of refunded payments" },
	[CARD_REFUNDED_WON] = { "refunds_won_total", "method=\"card\"", "Won of refunded payments" },
	[NO_POINTS] = { "declines_total", "reason=\"INSUFFICIENT_POINTS\"", "Failed payments, by failureCode" },
	[NO_CARD] = { "declines_total", "reason=\"CARD_DECLINED\"", "Failed payments, by failureCode" },
	[DECLINED_OTHER] = { "declines_total", "reason=\"other\"", "Failed payments, by failureCode" },
	[HELD] = { "holds_total", "", "Holds made" },
	[HOLD_EXPIRED] = { "holds_unpaid_total", "end=\"expired\"", "Holds that ended without a payment" },
	[HOLD_CANCELLED] = { "holds_unpaid_total", "end=\"cancelled\"", "Holds that ended without a payment" },
	[TICKETS_SOLD] = { "tickets_sold_total", "", "Seats of confirmed reservations" },
	[TICKETS_RETURNED] = { "tickets_returned_total", "", "Seats of confirmed reservations that were cancelled" },
	[CHARGED_WON] = { "points_charged_won_total", "", "Points charged" },
};

static struct ct_metric	*metrics[COUNTS];
static uint64_t		 batch[COUNTS];
static int64_t		 newest, repeat_until;	/* event ids */

static bool
count_is(const cJSON *data, const char *member, const char *value)
{
	const char	*text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, member));

	return (text != NULL && strcmp(text, value) == 0);
}

static void
count_add(enum count count, double n)
{
	if (n > 0)
		batch[count] += (uint64_t)n;
}

static void
count_failed(const cJSON *data, bool card)
{
	count_add(card ? CARD_FAILED : POINT_FAILED, 1);
	if (count_is(data, "failureCode", "INSUFFICIENT_POINTS"))
		count_add(NO_POINTS, 1);
	else
		count_add(count_is(data, "failureCode", "CARD_DECLINED") ? NO_CARD : DECLINED_OTHER, 1);
}

static void
count_event(const char *type, const cJSON *data)
{
	bool	card = count_is(data, "method", "CARD"), paid = !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(data, "paymentId"));
	double	amount = ct_work_number(data, "amount"), seats = ct_work_number(data, "seatCount");

	if (strcmp(type, "ReservationHeld") == 0) {
		count_add(HELD, 1);
	} else if (strcmp(type, "ReservationConfirmed") == 0) {
		count_add(TICKETS_SOLD, seats);
	} else if (strcmp(type, "ReservationExpired") == 0) {
		count_add(HOLD_EXPIRED, 1);
	} else if (strcmp(type, "ReservationCancelled") == 0) {
		count_add(paid ? TICKETS_RETURNED : HOLD_CANCELLED, paid ? seats : 1);
	} else if (strcmp(type, "PaymentApproved") == 0) {
		count_add(card ? CARD_APPROVED : POINT_APPROVED, 1);
		count_add(card ? CARD_WON : POINT_WON, amount);
	} else if (strcmp(type, "PaymentFailed") == 0) {
		count_failed(data, card);
	} else if (strcmp(type, "PaymentRefunded") == 0) {
		count_add(card ? CARD_REFUNDS : POINT_REFUNDS, 1);
		count_add(card ? CARD_REFUNDED_WON : POINT_REFUNDED_WON, amount);
	} else if (strcmp(type, "PointCharged") == 0) {
		count_add(CHARGED_WON, amount);
	}
}

void
event_counts_configure(void)
{
	for (int i = 0; i < COUNTS; i++)
		metrics[i] = ct_metric_counter(counts[i].name, counts[i].labels, counts[i].help);
}

void
event_counts_take(const cJSON *events)
{
	const cJSON	*event;
	const char	*id, *type, *text;
	int64_t		 number;
	cJSON		*data;

	memset(batch, 0, sizeof(batch));
	cJSON_ArrayForEach(event, events) {
		id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "id"));
		type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "type"));
		text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "data"));
		if (id == NULL || type == NULL || text == NULL)
			continue;
		number = strtoll(id, NULL, 10);
		if (number <= repeat_until)
			continue;
		if (number > newest)
			newest = number;
		data = cJSON_Parse(text);
		count_event(type, data);
		cJSON_Delete(data);
	}
}

void
event_counts_sent(void)
{
	for (int i = 0; i < COUNTS; i++) {
		if (batch[i] > 0)
			ct_metric_add(metrics[i], batch[i]);
	}
	memset(batch, 0, sizeof(batch));
}

void
event_counts_repeat(void)
{
	repeat_until = newest;
}
