/*
 * Finds out what became of card-funded charges whose outcome is not known. Work
 * is a row that is due (point.due_charges leases it to one worker of one
 * instance): the charge is looked up; if nothing was taken yet, confirmed again
 * with the same key, which takes it or is refused for good; if what was taken can never
 * be the charge, or the charge has been given up by then, cancelled. What the provider
 * says goes to point.settle_charge, which either settles it or sets the time of the
 * next try. A worker that dies in between leaves a lease that runs out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct/card.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/service.h"
#include "handlers.h"

#define LOOK_MS		500
/* Charges a worker works on at once. */
#define JOBS_MAX	32
/* What is uncertain for longer is said aloud, once a minute. */
#define LONG_SECONDS	300

static const struct ct_pg_statement due_charges = {
	.function = "point.due_charges",
	.args = "int, int",
	.batch_max = 1,
	.order_by = -1,
	.write = true,
};

struct job {
	char		 charge[CT_UUID_TEXT];
	char		 user[CT_UUID_TEXT];
	char		 payment_key[CT_CARD_KEY_TEXT];
	char		 order[CT_CARD_ORDER_TEXT];
	struct ct_card_payment	 asked;
	unsigned	 cancel_no;
	bool		 failed;	/* it has been given up, and is watched */
	bool		 may_confirm;
	double		 age;		/* seconds of doubt when it was taken */
	uint64_t	 taken;
};

static struct ct_metric	*certainty;
static unsigned		 jobs;
static bool		 looking;
static bool		 look_soon;
static uint64_t		 said;

static void	look(void *);

void
resolver_observe(double seconds)
{
	ct_metric_observe(certainty, seconds);
}

static void
settled(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;
	double		 age = job->age + (double)(ct_loop_now_ms() - job->taken) / 1000;

	/* Not written down: the lease runs out, and then it is asked again. */
	if (outcome->error == CT_INTERNAL_ERROR) {
		ct_log(CT_LOG_ERROR, NULL, "charge %s cannot be settled", job->charge);
	} else if (outcome->error == CT_OK && !job->failed && strcmp(outcome->outcome, "ACCEPTED") != 0 &&
	    strcmp(outcome->outcome, "NO_CONTENT") != 0) {
		resolver_observe(age);
		ct_log(CT_LOG_INFO, NULL, "charge %s: certain after %.1f s: %s", job->charge, age, outcome->outcome);
	}
	free(job);
	jobs--;
	if (look_soon)
		look(NULL);
}

static void
settle(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;

	ct_pg_call(ct_service_pg, &charge_card_settle, (const char *const[]){
	    job->user, job->charge, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code }, settled, job);
}

static void
found(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;

	if (answer->result == CT_CARD_IS_ABSENT && job->may_confirm) {
		ct_card_confirm_again(&job->asked, settle, job);
	} else if (answer->result == CT_CARD_IS_UNWANTED || (answer->result == CT_CARD_IS_CAPTURED && job->failed)) {
		ct_log(CT_LOG_WARNING, NULL, "charge %s %s: it is voided", job->charge,
		    job->failed ? "was captured after it had failed" : "is neither taken nor refused");
		ct_card_give_back(&job->asked, "void", job->cancel_no, settle, job);
	} else {
		settle(answer, job);
	}
}

static void
job_begin(const cJSON *due)
{
	struct job	*job;
	const char	*charge = cJSON_GetStringValue(cJSON_GetObjectItem(due, "chargeId"));
	const char	*user = cJSON_GetStringValue(cJSON_GetObjectItem(due, "userId"));
	const char	*key = cJSON_GetStringValue(cJSON_GetObjectItem(due, "paymentKey"));
	const char	*order = cJSON_GetStringValue(cJSON_GetObjectItem(due, "orderId"));
	const char	*status = cJSON_GetStringValue(cJSON_GetObjectItem(due, "status"));

	if (charge == NULL || user == NULL || key == NULL || order == NULL || status == NULL)
		return;
	if ((job = calloc(1, sizeof(*job))) == NULL)
		abort();
	(void)snprintf(job->charge, sizeof(job->charge), "%s", charge);
	(void)snprintf(job->user, sizeof(job->user), "%s", user);
	(void)snprintf(job->payment_key, sizeof(job->payment_key), "%s", key);
	(void)snprintf(job->order, sizeof(job->order), "%s", order);
	job->asked = (struct ct_card_payment){ job->charge, job->payment_key, job->order,
	    (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "amount")) };
	job->cancel_no = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "cancelNo"));
	job->failed = strcmp(status, "FAILED") == 0;
	job->may_confirm = cJSON_IsTrue(cJSON_GetObjectItem(due, "mayConfirm"));
	job->age = cJSON_GetNumberValue(cJSON_GetObjectItem(due, "ageMs")) / 1000;
	job->taken = ct_loop_now_ms();
	jobs++;
	ct_card_find(&job->asked, found, job);
}

static void
looked(const struct ct_outcome *outcome, void *arg)
{
	cJSON		*body;
	const cJSON	*due;
	double		 oldest;

	(void)arg;
	looking = false;
	/* An unreachable store is the pool's to report; the next tick tries again. */
	if (outcome->error != CT_OK) {
		if (outcome->error == CT_INTERNAL_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "due charges cannot be read");
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	cJSON_ArrayForEach(due, cJSON_GetObjectItem(body, "due"))
		job_begin(due);
	oldest = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "oldestSeconds"));
	if (oldest > LONG_SECONDS && ct_loop_now_ms() - said > 60000) {
		said = ct_loop_now_ms();
		ct_log(CT_LOG_WARNING, NULL, "a charge by card has been uncertain for %.0f s", oldest);
	}
	cJSON_Delete(body);
	if (look_soon)
		look(NULL);
}

/* Takes what is due, as far as there is room. */
static void
look(void *arg)
{
	char	limit[16], lease[24];

	(void)arg;
	if (looking || jobs >= JOBS_MAX)
		return;
	looking = true;
	look_soon = false;
	(void)snprintf(limit, sizeof(limit), "%u", JOBS_MAX - jobs);
	/* Three calls to the provider, and writing down what it said. */
	(void)snprintf(lease, sizeof(lease), "%ld", 3 * ct_card_timeout_ms() + 10000);
	ct_pg_call(ct_service_pg, &due_charges, (const char *const[]){ limit, lease }, looked, NULL);
}

void
resolver_kick(void)
{
	look_soon = true;
	look(NULL);
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
	ct_loop_every(LOOK_MS, look, NULL);
}
