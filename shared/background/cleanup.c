/*
 * Removes answers to idempotency keys and sent events that were kept long enough.
 * platform.clean decides what is old.
 */
#include <stdlib.h>

#include "background/cleanup.h"
#include "background/work.h"

#define CLEANUP_MS	60000
#define CLEANUP_BATCH	"1000"	/* of each kind */

static const struct ct_pg_statement	cleanup_batch = {
	.function = "platform.clean",
	.args = "int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static bool
cleanup_prepare(const char *args[CT_PG_ARGS_MAX])
{
	args[0] = CLEANUP_BATCH;
	return (true);
}

static enum ct_work_next
cleanup_answered(const cJSON *body, const char *text)
{
	double	full = atoi(CLEANUP_BATCH);

	(void)text;
	return (ct_work_number(body, "idempotency") >= full || ct_work_number(body, "events") >= full ? CT_WORK_MORE :
	    CT_WORK_DONE);
}

static struct ct_work	cleanup = {
	.name = "cleanup",
	.batch = &cleanup_batch,
	.interval_ms = CLEANUP_MS,
	.prepare = cleanup_prepare,
	.answered = cleanup_answered,
	.left_member = "left",
};

void
cleanup_configure(void)
{
	ct_work_configure(&cleanup);
}

void
cleanup_start(struct ct_pg *pg)
{
	ct_work_start(&cleanup, pg);
}
