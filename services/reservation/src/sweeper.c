/*
 * Ends holds that ran out: marks them EXPIRED and frees their seats. No decision
 * waits for it, because the database's clock decides whether a hold is alive.
 */
#include <stdlib.h>

#include "background/work.h"
#include "base/config.h"
#include "base/log.h"
#include "handlers.h"
#include "service/service.h"

#define SWEEP_BATCH	"200"

static const struct ct_pg_statement	sweep = {
	.function = "reservation.sweep",
	.args = "int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static bool
sweeper_prepare(const char *args[CT_PG_ARGS_MAX])
{
	args[0] = SWEEP_BATCH;
	return (true);
}

static enum ct_work_next
sweeper_answered(const cJSON *body, const char *text)
{
	double	expired = ct_work_number(body, "expired");

	(void)text;
	if (expired > 0)
		ct_log(CT_LOG_DEBUG, NULL, "sweep: %.0f holds ran out", expired);
	return (expired >= atoi(SWEEP_BATCH) ? CT_WORK_MORE : CT_WORK_DONE);
}

static struct ct_work	sweeper = {
	.name = "sweep",
	.batch = &sweep,
	.prepare = sweeper_prepare,
	.answered = sweeper_answered,
	.left_member = "left",
};

void
sweeper_configure(void)
{
	sweeper.interval_ms = (uint64_t)ct_config_number("SWEEP_INTERVAL_MS");
	ct_work_configure(&sweeper);
}

void
sweeper_start(void)
{
	ct_work_start(&sweeper, ct_service_pg);
}
