/*
 * Finds out what became of card payments whose outcome is not known, and has
 * captured money given back that is not to be kept. Work is a row that is due
 * (payment.due_cards leases it to one worker of one instance); what the provider
 * says goes to payment.settle_card, which either settles it or sets the time of the
 * next try. A worker that dies in between leaves a lease that runs out.
 *
 *   PENDING         look up; if nothing was taken and the hold has time left,
 *                   confirm again with the same key; if what was taken can never be
 *                   the payment, cancel
 *   REFUND_PENDING  cancel; if that is not certain, look up; if the money is still
 *                   there, the next cancel has another key
 *   FAILED          (given up while a confirm may still have been on its way)
 *                   look up; if it was taken after all, cancel
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
/* Payments a worker works on at once. */
#define JOBS_MAX	32
/* What is uncertain for longer is said aloud, once a minute. */
#define LONG_SECONDS	300

static const struct ct_pg_statement due_cards = {
	.function = "payment.due_cards",
	.args = "int, int",
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

enum state { PENDING, REFUND_PENDING, FAILED };

struct job {
	char		 payment[CT_UUID_TEXT];
	char		 user[CT_UUID_TEXT];
	char		 payment_key[CT_CARD_KEY_TEXT];
	char		 order[CT_CARD_ORDER_TEXT];
	struct ct_card_payment	 asked;
	unsigned	 cancel_no;
	enum state	 state;
	double		 age;		/* seconds of doubt when it was taken */
	uint64_t	 taken;
};

static struct ct_metric	*certainty[2];
static unsigned		 jobs;
static bool		 looking;
static bool		 look_soon;
static uint64_t		 said;

static void	look(void *);

static void
job_end(struct job *job)
{
	free(job);
	jobs--;
	if (look_soon)
		look(NULL);
}

void
resolver_observe(const char *what, double seconds)
{
	ct_metric_observe(certainty[strcmp(what, "refund") == 0], seconds);
}

static void
settled(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;
	double		 age = job->age + (double)(ct_loop_now_ms() - job->taken) / 1000;
	bool		 open;

	/* Not written down: the lease runs out, and then it is asked again. */
	if (outcome->error != CT_OK) {
		if (outcome->error == CT_INTERNAL_ERROR)
			ct_log(CT_LOG_ERROR, NULL, "payment %s cannot be settled", job->payment);
		job_end(job);
		return;
	}
	open = strcmp(outcome->outcome, "ACCEPTED") == 0 || strcmp(outcome->outcome, "NO_CONTENT") == 0;
	if (job->state == PENDING && !open) {
		resolver_observe("payment", age);
		ct_log(CT_LOG_INFO, NULL, "payment %s: certain after %.1f s: %s", job->payment, age, outcome->outcome);
	} else if (job->state == REFUND_PENDING && strcmp(outcome->outcome, "OK") == 0) {
		resolver_observe("refund", age);
		ct_log(CT_LOG_INFO, NULL, "payment %s: refunded after %.1f s", job->payment, age);
	}
	job_end(job);
}

static void
settle(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;

	ct_pg_call(ct_service_pg, &pay_card_settle, (const char *const[]){
	    job->user, job->payment, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, pay_max_attempts }, settled, job);
}

static void
may_confirm(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0)
		ct_card_confirm_again(&job->asked, settle, job);
	else
		settled(outcome, job);
}

static void
found(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;
	char		 timeout[24];

	if (job->state == PENDING && answer->result == CT_CARD_IS_ABSENT) {
		(void)snprintf(timeout, sizeof(timeout), "%ld", ct_card_timeout_ms());
		ct_pg_call(ct_service_pg, &confirm_again, (const char *const[]){ job->user, job->payment, timeout },
		    may_confirm, job);
	} else if (job->state == FAILED && answer->result == CT_CARD_IS_CAPTURED) {
		ct_log(CT_LOG_WARNING, NULL, "payment %s was captured after it had failed: it is voided", job->payment);
		ct_card_give_back(&job->asked, "void", job->cancel_no, settle, job);
	} else if (answer->result == CT_CARD_IS_UNWANTED) {
		ct_log(CT_LOG_WARNING, NULL, "payment %s is neither taken nor refused: it is voided", job->payment);
		ct_card_give_back(&job->asked, "void", job->cancel_no, settle, job);
	} else {
		settle(answer, job);
	}
}

static void
job_begin(const cJSON *due)
{
	struct job	*job;
	const char	*status = cJSON_GetStringValue(cJSON_GetObjectItem(due, "status"));
	const char	*payment = cJSON_GetStringValue(cJSON_GetObjectItem(due, "paymentId"));
	const char	*user = cJSON_GetStringValue(cJSON_GetObjectItem(due, "userId"));
	const char	*key = cJSON_GetStringValue(cJSON_GetObjectItem(due, "paymentKey"));
	const char	*order = cJSON_GetStringValue(cJSON_GetObjectItem(due, "orderId"));

	if (status == NULL || payment == NULL || user == NULL || key == NULL || order == NULL)
		return;
	if ((job = calloc(1, sizeof(*job))) == NULL)
		abort();
	(void)snprintf(job->payment, sizeof(job->payment), "%s", payment);
	(void)snprintf(job->user, sizeof(job->user), "%s", user);
	(void)snprintf(job->payment_key, sizeof(job->payment_key), "%s", key);
	(void)snprintf(job->order, sizeof(job->order), "%s", order);
	job->asked = (struct ct_card_payment){ job->payment, job->payment_key, job->order,
	    (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "amount")) };
	job->cancel_no = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "cancelNo"));
	job->age = cJSON_GetNumberValue(cJSON_GetObjectItem(due, "ageMs")) / 1000;
	job->taken = ct_loop_now_ms();
	job->state = strcmp(status, "PENDING") == 0 ? PENDING :
	    strcmp(status, "REFUND_PENDING") == 0 ? REFUND_PENDING : FAILED;
	jobs++;

	if (job->state == REFUND_PENDING)
		ct_card_give_back(&job->asked, "refund", job->cancel_no, settle, job);
	else
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
			ct_log(CT_LOG_ERROR, NULL, "due card payments cannot be read");
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	cJSON_ArrayForEach(due, cJSON_GetObjectItem(body, "due"))
		job_begin(due);
	oldest = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "oldestSeconds"));
	if (oldest > LONG_SECONDS && ct_loop_now_ms() - said > 60000) {
		said = ct_loop_now_ms();
		ct_log(CT_LOG_WARNING, NULL, "a card payment or refund has been uncertain for %.0f s", oldest);
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
	ct_pg_call(ct_service_pg, &due_cards, (const char *const[]){ limit, lease }, looked, NULL);
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
	static const char	help[] = "How long the outcome of a card payment or refund was not known.";

	certainty[0] = ct_metric_histogram("card_certainty_seconds", "what=\"payment\"", help);
	certainty[1] = ct_metric_histogram("card_certainty_seconds", "what=\"refund\"", help);
}

void
resolver_start(void)
{
	ct_loop_every(LOOK_MS, look, NULL);
}
