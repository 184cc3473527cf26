/* The shape of background work: see work.h. */
#include <stdio.h>
#include <stdlib.h>

#include "background/work.h"
#include "base/assert.h"
#include "base/log.h"
#include "loop/loop.h"

#define LABEL_MAX	64
#define LOG_EVERY_MS	60000

static void	work_try(struct ct_work *work);

static void
work_report(struct ct_work *work, const cJSON *body)
{
	if (work->leased || ct_metrics_first_worker())
		ct_metric_set(work->left, (int64_t)ct_work_number(body, work->left_member));
}

static void
work_log_failure(struct ct_work *work)
{
	uint64_t	now = ct_loop_now_ms();

	if (work->logged_ms != 0 && now - work->logged_ms < LOG_EVERY_MS)
		return;
	work->logged_ms = now;
	ct_log(CT_LOG_ERROR, NULL, "background work %s: %s fails; the log of PostgreSQL says why", work->name,
	    work->batch->function);
}

void
ct_work_go_on(struct ct_work *work, enum ct_work_next next)
{
	CT_ASSERT_MSG(work->running, "a batch ends once");
	work->running = false;
	if (next == CT_WORK_MORE || work->wanted)
		work_try(work);
}

static void
work_answered(const struct ct_outcome *outcome, void *arg)
{
	struct ct_work		*work = arg;
	enum ct_work_next	 next;
	cJSON			*body;

	if (outcome->error != CT_OK) {
		if (outcome->error == CT_ERROR_INTERNAL_ERROR)
			work_log_failure(work);
		(void)work->answered(NULL, NULL);
		work->running = false;
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	work_report(work, body);
	next = work->answered(body, outcome->body);
	cJSON_Delete(body);
	if (next != CT_WORK_PENDING)
		ct_work_go_on(work, next);
}

static void
work_try(struct ct_work *work)
{
	const char	*args[CT_PG_ARGS_MAX] = { NULL };

	if (work->running || !work->prepare(args))
		return;
	work->running = true;
	work->wanted = false;
	ct_pg_call(work->pg, work->batch, args, work_answered, work);
}

static void
work_tick(void *arg)
{
	work_try(arg);
}

void
ct_work_now(struct ct_work *work)
{
	work->wanted = true;
	work_try(work);
}

void
ct_work_resume(struct ct_work *work)
{
	if (work->wanted)
		work_try(work);
}

double
ct_work_number(const cJSON *body, const char *member)
{
	const cJSON	*item = cJSON_GetObjectItemCaseSensitive(body, member);

	return (cJSON_IsNumber(item) ? item->valuedouble : 0);
}

void
ct_work_configure(struct ct_work *work)
{
	char	*label = malloc(LABEL_MAX);

	if (label == NULL)
		abort();
	(void)snprintf(label, LABEL_MAX, "work=\"%s\"", work->name);
	work->left = ct_metric_gauge("background_left", label,
	    "Items of background work that are due and not done, counted up to 10000; each instance sees the same number");
	ct_metric_lives(work->left, CT_WORK_LEFT_LIVES_MS + 3 * work->interval_ms);
}

void
ct_work_start(struct ct_work *work, struct ct_pg *pg)
{
	CT_ASSERT_MSG(work->left != NULL && work->interval_ms > 0, "ct_work_configure comes first");
	work->pg = pg;
	ct_loop_every(work->interval_ms, work_tick, work);
}
