/* The resolver of card payments and charges. See card_resolver.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "background/work.h"
#include "base/assert.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/metrics.h"
#include "card/card_declines.h"
#include "card/provider_answer.h"
#include "card/provider_steps.h"
#include "card/card_resolver.h"
#include "loop/loop.h"
#include "service/service.h"

#define LOOK_MS		500
#define JOBS_MAX	32	/* rows that a worker works on at once */
#define LABEL_MAX	64

/* The log names the oldest row with unknown outcome once a minute if it is older than this. */
#define LONG_SECONDS	300
#define LOG_EVERY_MS	60000
#define OLDEST_LIVES_MS	60000

/* The work on a row, by its status (card_resolver.h). */
enum job_state { JOB_OPEN, JOB_GIVE_BACK, JOB_WATCHED, JOB_CHECKED };

struct job {
	struct ct_card_payment	 payment;
	char			 id[CT_UUID_TEXT];
	char			 user[CT_UUID_TEXT];
	char			 payment_key[CT_CARD_KEY_TEXT];
	char			 order[CT_CARD_ORDER_TEXT];
	unsigned		 cancel_no;
	enum job_state		 state;
	double			 doubt;		/* seconds of unknown outcome when the job began */
	uint64_t		 begun_ms;
};

static const struct ct_card_use	*resolver_use;
static unsigned			 jobs;
static uint64_t			 logged_ms;
static char			 due_limit[16], due_lease[24];
static struct ct_metric		*certainty, *refund_certainty, *oldest_unknown;

static struct ct_work		 resolver;

static void
resolver_job_end(struct job *job)
{
	CT_ASSERT(jobs > 0);
	free(job);
	jobs--;
	ct_work_resume(&resolver);
}

/* Logs and measures a row whose outcome has become certain. */
static void
resolver_job_report(const struct job *job, const char *outcome)
{
	double	doubt = job->doubt + (double)(ct_loop_now_ms() - job->begun_ms) / 1000;
	bool	open = strcmp(outcome, "ACCEPTED") == 0 || strcmp(outcome, "NO_CONTENT") == 0;

	if (job->state == JOB_OPEN && !open) {
		ct_card_resolver_observe(doubt);
		ct_log(CT_LOG_INFO, NULL, "%s %s: certain after %.1f s: %s", resolver_use->name, job->id, doubt, outcome);
	} else if (job->state == JOB_CHECKED && strcmp(outcome, "OK") == 0) {
		ct_log(CT_LOG_WARNING, NULL, "%s %s: its money was given back at the provider without our order: it is refunded, "
		    "its reservation cancelled", resolver_use->name, job->id);
	} else if (job->state == JOB_GIVE_BACK && strcmp(outcome, "OK") == 0) {
		if (resolver_use->has_refunds)
			ct_metric_observe(refund_certainty, doubt);
		ct_log(CT_LOG_INFO, NULL, "%s %s: refunded after %.1f s", resolver_use->name, job->id, doubt);
	}
}

static void
resolver_job_settled(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;

	ct_card_declines_count(outcome);
	/* If the answer is not recorded, the lease ends and the provider is asked again. */
	if (outcome->error == CT_OK)
		resolver_job_report(job, outcome->outcome);
	else if (outcome->error == CT_ERROR_INTERNAL_ERROR)
		ct_log(CT_LOG_ERROR, NULL, "%s %s cannot be settled", resolver_use->name, job->id);
	resolver_job_end(job);
}

static void
resolver_job_settle(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;

	ct_pg_call(ct_service_pg, resolver_use->settle, (const char *const[]){
	    job->user, job->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, resolver_use->settle_more }, resolver_job_settled, job);
}

static void
resolver_job_may_confirm(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0)
		ct_card_confirm_again(&job->payment, resolver_job_settle, job);
	else
		resolver_job_settled(outcome, job);
}

static void
resolver_job_found(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;
	char		 timeout[24];

	if (job->state == JOB_OPEN && answer->result == CT_CARD_IS_ABSENT) {
		(void)snprintf(timeout, sizeof(timeout), "%ld", ct_card_timeout_ms());
		ct_pg_call(ct_service_pg, resolver_use->confirm_again, (const char *const[]){ job->user, job->id, timeout },
		    resolver_job_may_confirm, job);
	} else if (job->state == JOB_CHECKED) {
		/* An APPROVED payment is never confirmed or voided here: this only records the provider's answer. */
		if (answer->result == CT_CARD_IS_UNWANTED)
			ct_log(CT_LOG_WARNING, NULL, "%s %s: a part of its money was given back at the provider: an operator has "
			    "to decide (make invariants)", resolver_use->name, job->id);
		resolver_job_settle(answer, job);
	} else if (answer->result == CT_CARD_IS_UNWANTED ||
	    (answer->result == CT_CARD_IS_CAPTURED && job->state == JOB_WATCHED)) {
		ct_log(CT_LOG_WARNING, NULL, "%s %s %s: it is voided", resolver_use->name, job->id,
		    job->state == JOB_WATCHED ? "was captured after it had failed" : "is neither taken nor refused");
		ct_card_give_back(&job->payment, "void", job->cancel_no, resolver_job_settle, job);
	} else {
		resolver_job_settle(answer, job);
	}
}

static enum job_state
resolver_job_state_of(const char *status)
{
	if (strcmp(status, "REFUND_PENDING") == 0)
		return (JOB_GIVE_BACK);
	if (strcmp(status, "FAILED") == 0)
		return (JOB_WATCHED);
	return (strcmp(status, "APPROVED") == 0 ? JOB_CHECKED : JOB_OPEN);
}

static void
resolver_job_begin(const cJSON *due)
{
	struct job	*job;
	char		 status[24];

	if ((job = calloc(1, sizeof(*job))) == NULL)
		abort();
	if (!ct_card_take_text(due, resolver_use->id_member, job->id, sizeof(job->id)) ||
	    !ct_card_take_text(due, "userId", job->user, sizeof(job->user)) ||
	    !ct_card_take_text(due, "paymentKey", job->payment_key, sizeof(job->payment_key)) ||
	    !ct_card_take_text(due, "orderId", job->order, sizeof(job->order)) ||
	    !ct_card_take_text(due, "status", status, sizeof(status))) {
		free(job);
		return;
	}
	job->payment = (struct ct_card_payment){ job->id, job->payment_key, job->order,
	    (int64_t)ct_work_number(due, "amount") };
	job->cancel_no = (unsigned)ct_work_number(due, "cancelNo");
	job->doubt = ct_work_number(due, "ageMs") / 1000;
	job->begun_ms = ct_loop_now_ms();
	job->state = resolver_job_state_of(status);
	jobs++;

	if (job->state == JOB_GIVE_BACK)
		ct_card_give_back(&job->payment, "refund", job->cancel_no, resolver_job_settle, job);
	else
		ct_card_find(&job->payment, resolver_job_found, job);
}

/* Asks for as many rows as this worker has room for. */
static bool
resolver_prepare(const char *args[CT_PG_ARGS_MAX])
{
	if (jobs >= JOBS_MAX)
		return (false);
	(void)snprintf(due_limit, sizeof(due_limit), "%u", JOBS_MAX - jobs);
	/* The lease covers three calls to the provider and the recording of its answer. */
	(void)snprintf(due_lease, sizeof(due_lease), "%ld", 3 * ct_card_timeout_ms() + 10000);
	args[0] = due_limit;
	args[1] = due_lease;
	args[2] = resolver_use->due_more;
	return (true);
}

static enum ct_work_next
resolver_answered(const cJSON *body, const char *text)
{
	double		 oldest = ct_work_number(body, "oldestSeconds");
	const cJSON	*due;

	(void)text;
	if (ct_metrics_first_worker())
		ct_metric_set(oldest_unknown, (int64_t)oldest);
	cJSON_ArrayForEach(due, cJSON_GetObjectItem(body, "due"))
		resolver_job_begin(due);
	if (oldest > LONG_SECONDS && (logged_ms == 0 || ct_loop_now_ms() - logged_ms > LOG_EVERY_MS)) {
		logged_ms = ct_loop_now_ms();
		ct_log(CT_LOG_WARNING, NULL, "the outcome of a card %s has been unknown for %.0f s (docs/operations.md, \"Card "
		    "payments with unknown outcome\")", resolver_use->name, oldest);
	}
	return (CT_WORK_DONE);
}

static struct ct_work	resolver = {
	.interval_ms = LOOK_MS,
	.prepare = resolver_prepare,
	.answered = resolver_answered,
	.left_member = "left",
};

static char *
resolver_label(const char *what)
{
	char	*label = malloc(LABEL_MAX);

	if (label == NULL)
		abort();
	(void)snprintf(label, LABEL_MAX, "what=\"%s\"", what);
	return (label);
}

static struct ct_metric *
resolver_certainty(const char *what)
{
	return (ct_metric_histogram("card_certainty_seconds", resolver_label(what),
	    "Time until the outcome of a call by card was certain."));
}

void
ct_card_resolver_configure(const struct ct_card_use *use)
{
	resolver.name = use->name;
	resolver.batch = use->due;
	ct_work_configure(&resolver);
	ct_card_declines_configure(use->name);
	oldest_unknown = ct_metric_gauge("card_unknown_oldest_seconds", resolver_label(use->name),
	    "Age of the oldest call by card whose outcome is unknown; each instance sees the same number.");
	/* A worker with JOBS_MAX jobs does not ask for more until the provider has answered one. */
	ct_metric_lives(oldest_unknown, OLDEST_LIVES_MS);
	certainty = resolver_certainty(use->name);
	if (use->has_refunds)
		refund_certainty = resolver_certainty("refund");
}

void
ct_card_resolver_start(const struct ct_card_use *use)
{
	resolver_use = use;
	resolver.batch = use->due;
	ct_work_start(&resolver, ct_service_pg);
}

void
ct_card_resolver_look(void)
{
	ct_work_now(&resolver);
}

void
ct_card_resolver_observe(double seconds)
{
	ct_metric_observe(certainty, seconds);
}
