/*
 * Charges by card whose outcome is not known: what of ct/card_work.h is point's. A
 * confirm is sent again until the provider has forgotten the payment.
 */
#include "ct/card_work.h"
#include "ct/metrics.h"
#include "handlers.h"

static const struct ct_pg_statement due_charges = {
	.function = "point.due_charges",
	.args = "int, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static const struct ct_pg_statement confirm_again = {
	.function = "point.confirm_again",
	.args = "uuid, uuid, int",
	.batch_max = 16,
	.order_by = 0,
	.write = true,
};

static void
certain(bool given_back, double seconds)
{
	/* What a charge is given back for has failed before: of that doubt the user was never told. */
	if (!given_back)
		resolver_observe(seconds);
}

static const struct ct_card_work_kind	charges = {
	.what = "charge",
	.id_member = "chargeId",
	.due = &due_charges,
	.confirm_again = &confirm_again,
	.settle = &charge_card_settle,
	.certain = certain,
};

static struct ct_metric	*certainty;

void
resolver_observe(double seconds)
{
	ct_metric_observe(certainty, seconds);
}

void
resolver_configure(void)
{
	certainty = ct_metric_histogram("card_certainty_seconds", "what=\"charge\"",
	    "How long the outcome of a charge by card was not known.");
}

void
resolver_start(void)
{
	ct_card_work_start(&charges);
}
