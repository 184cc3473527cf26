/*
 * Once a minute, removes what has been kept long enough: answers to idempotency
 * keys (of all services) and events that were sent. platform.clean knows what is old; it
 * takes a bounded number at a time, from one worker at a time.
 */
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "handlers.h"

#define CLEAN_MS	60000
#define CLEAN_BATCH	1000

#define TEXT(number)	TEXT_(number)
#define TEXT_(number)	#number

static const struct ct_pg_statement clean = {
	.function = "platform.clean",
	.args = "int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

static bool	running;

static void	clean_run(void *);

static void
clean_done(const struct ct_outcome *outcome, void *arg)
{
	cJSON	*body;
	double	 answers, events;

	(void)arg;
	running = false;
	if (outcome->error != CT_OK) {
		if (outcome->error == CT_INTERNAL_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "what is old cannot be removed");
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	answers = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "idempotency"));
	events = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "events"));
	cJSON_Delete(body);
	if (answers >= CLEAN_BATCH || events >= CLEAN_BATCH)
		clean_run(NULL);
}

static void
clean_run(void *arg)
{
	(void)arg;
	if (running)
		return;
	running = true;
	ct_pg_call(ct_service_pg, &clean, (const char *const[]){ TEXT(CLEAN_BATCH) }, clean_done, NULL);
}

void
clean_start(void)
{
	ct_loop_every(CLEAN_MS, clean_run, NULL);
}
