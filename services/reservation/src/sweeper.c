/*
 * Tidies holds that have run out. Correctness never waits for it: the database
 * decides by its clock whether a hold is alive. It runs in bounded batches and
 * goes on at once while a batch came back full.
 */
#include <stdlib.h>

#include "ct/config.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "handlers.h"

#define SWEEP_BATCH	"200"

static const struct ct_pg_statement sweep = {
	.function = "reservation.sweep",
	.args = "int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static long	interval_ms;
static bool	running;

static void	sweeper_run(void *);

static void
sweeper_done(const struct ct_outcome *outcome, void *arg)
{
	cJSON	*body;
	double	 expired = 0;

	(void)arg;
	running = false;

	/* Unreachable stores are the pool's to report; the next tick tries again. */
	if (outcome->error != CT_OK) {
		if (outcome->error == CT_INTERNAL_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "sweep: %s", ct_error_info(outcome->error)->code);
		return;
	}

	if ((body = cJSON_ParseWithLength(outcome->body, outcome->body_length)) != NULL) {
		expired = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "expired"));
		cJSON_Delete(body);
	}
	if (expired > 0)
		ct_log(CT_LOG_DEBUG, NULL, "sweep: %.0f holds had run out", expired);
	if (expired >= atoi(SWEEP_BATCH))
		sweeper_run(NULL);
}

static void
sweeper_run(void *arg)
{
	(void)arg;
	if (running)
		return;
	running = true;
	ct_pg_call(ct_service_pg, &sweep, (const char *const[]){ SWEEP_BATCH }, sweeper_done, NULL);
}

void
sweeper_configure(void)
{
	interval_ms = ct_config_number("SWEEP_INTERVAL_MS", 50, 600000, 1000);
}

void
sweeper_start(void)
{
	ct_loop_every((uint64_t)interval_ms, sweeper_run, NULL);
}
