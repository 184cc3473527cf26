/*
 * Card payments and refunds whose outcome is not known: what of ct/card_work.h is
 * payment's. A confirm is sent again while the hold has time for it.
 */
#include "ct/card_work.h"
#include "ct/metrics.h"
#include "handlers.h"

static const struct ct_pg_statement due_cards = {
	.function = "payment.due_cards",
	.args = "int, int, boolean",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement confirm_again = {
	.function = "payment.confirm_again",
	.args = "uuid, uuid, int",
	.batch_max = 16,
	.order_by = 0,
	.write = true,
};

static const struct ct_card_work_kind	payments = {
	.what = "payment",
	.id_member = "paymentId",
	.due = &due_cards,
	.due_more = "true",
	.confirm_again = &confirm_again,
	.settle = &pay_card_settle,
	.settle_more = pay_max_attempts,
	.certain = resolver_observe,
};

static struct ct_metric	*certainty[2];

void
resolver_observe(bool refund, double seconds)
{
	ct_metric_observe(certainty[refund], seconds);
}

void
resolver_configure(void)
{
	static const char	help[] = "How long the outcome of a card payment or refund was not known.";

	certainty[0] = ct_metric_histogram("card_certainty_seconds", "what=\"payment\"", help);
	certainty[1] = ct_metric_histogram("card_certainty_seconds", "what=\"refund\"", help);
}

void
resolver_start(void)
{
	ct_card_work_start(&payments);
}
