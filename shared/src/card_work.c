/* What is due: leased, looked up, confirmed again or given back, and settled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct/card_work.h"
#include "ct/ids.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "card_internal.h"

#define LOOK_MS		500
/* Jobs a worker works on at once. */
#define JOBS_MAX	32
/* What is uncertain for longer is said aloud, once a minute. */
#define LONG_SECONDS	300

enum state { OPEN, GIVE_BACK, WATCHED, CHECKED };

struct job {
	struct ct_card_payment	 payment;
	char			 id[CT_UUID_TEXT];
	char			 user[CT_UUID_TEXT];
	char			 payment_key[CT_CARD_KEY_TEXT];
	char			 order[CT_CARD_ORDER_TEXT];
	unsigned		 cancel_no;
	enum state		 state;
	double			 age;		/* seconds of doubt when it was taken */
	uint64_t		 taken;
};

static const struct ct_card_work_kind	*kind;
static unsigned				 jobs;
static bool				 looking;
static bool				 look_soon;
static uint64_t				 said;

static void	look(void *);

static void
job_end(struct job *job)
{
	free(job);
	jobs--;
	if (look_soon)
		look(NULL);
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
			ct_log(CT_LOG_ERROR, NULL, "%s %s cannot be settled", kind->what, job->id);
		job_end(job);
		return;
	}
	open = strcmp(outcome->outcome, "ACCEPTED") == 0 || strcmp(outcome->outcome, "NO_CONTENT") == 0;
	if (job->state == OPEN && !open) {
		kind->certain(false, age);
		ct_log(CT_LOG_INFO, NULL, "%s %s: certain after %.1f s: %s", kind->what, job->id, age, outcome->outcome);
	} else if (job->state == CHECKED && strcmp(outcome->outcome, "OK") == 0) {
		ct_log(CT_LOG_WARNING, NULL, "%s %s: the provider has given its money back without our order: it is refunded, "
		    "its reservation cancelled", kind->what, job->id);
	} else if (job->state == GIVE_BACK && strcmp(outcome->outcome, "OK") == 0) {
		kind->certain(true, age);
		ct_log(CT_LOG_INFO, NULL, "%s %s: refunded after %.1f s", kind->what, job->id, age);
	}
	job_end(job);
}

static void
settle(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;

	ct_pg_call(ct_service_pg, kind->settle, (const char *const[]){
	    job->user, job->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, kind->settle_more }, settled, job);
}

static void
may_confirm(const struct ct_outcome *outcome, void *arg)
{
	struct job	*job = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0)
		ct_card_confirm_again(&job->payment, settle, job);
	else
		settled(outcome, job);
}

static void
found(const struct ct_card_answer *answer, void *arg)
{
	struct job	*job = arg;
	char		 timeout[24];

	if (job->state == OPEN && answer->result == CT_CARD_IS_ABSENT) {
		(void)snprintf(timeout, sizeof(timeout), "%ld", ct_card_timeout_ms());
		ct_pg_call(ct_service_pg, kind->confirm_again, (const char *const[]){ job->user, job->id, timeout },
		    may_confirm, job);
	} else if (job->state == CHECKED) {
		/* An APPROVED payment is never confirmed or voided here: this only records the provider's answer. */
		if (answer->result == CT_CARD_IS_UNWANTED)
			ct_log(CT_LOG_WARNING, NULL, "%s %s: a part of its money was given back at the provider: an operator has "
			    "to decide (make invariants)", kind->what, job->id);
		settle(answer, job);
	} else if (answer->result == CT_CARD_IS_UNWANTED || (answer->result == CT_CARD_IS_CAPTURED && job->state == WATCHED)) {
		ct_log(CT_LOG_WARNING, NULL, "%s %s %s: it is voided", kind->what, job->id,
		    job->state == WATCHED ? "was captured after it had failed" : "is neither taken nor refused");
		ct_card_give_back(&job->payment, "void", job->cancel_no, settle, job);
	} else {
		settle(answer, job);
	}
}

static void
job_begin(const cJSON *due)
{
	struct job	*job;
	char		 status[24];

	if ((job = calloc(1, sizeof(*job))) == NULL)
		abort();
	if (!ct_card_take_text(due, kind->id_member, job->id, sizeof(job->id)) ||
	    !ct_card_take_text(due, "userId", job->user, sizeof(job->user)) ||
	    !ct_card_take_text(due, "paymentKey", job->payment_key, sizeof(job->payment_key)) ||
	    !ct_card_take_text(due, "orderId", job->order, sizeof(job->order)) ||
	    !ct_card_take_text(due, "status", status, sizeof(status))) {
		free(job);
		return;
	}
	job->payment = (struct ct_card_payment){ job->id, job->payment_key, job->order,
	    (int64_t)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "amount")) };
	job->cancel_no = (unsigned)cJSON_GetNumberValue(cJSON_GetObjectItem(due, "cancelNo"));
	job->age = cJSON_GetNumberValue(cJSON_GetObjectItem(due, "ageMs")) / 1000;
	job->taken = ct_loop_now_ms();
	job->state = strcmp(status, "REFUND_PENDING") == 0 ? GIVE_BACK : strcmp(status, "FAILED") == 0 ? WATCHED :
	    strcmp(status, "APPROVED") == 0 ? CHECKED : OPEN;
	jobs++;

	if (job->state == GIVE_BACK)
		ct_card_give_back(&job->payment, "refund", job->cancel_no, settle, job);
	else
		ct_card_find(&job->payment, found, job);
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
			ct_log(CT_LOG_ERROR, NULL, "what is due of a card %s cannot be read", kind->what);
		return;
	}
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	cJSON_ArrayForEach(due, cJSON_GetObjectItem(body, "due"))
		job_begin(due);
	oldest = cJSON_GetNumberValue(cJSON_GetObjectItem(body, "oldestSeconds"));
	if (oldest > LONG_SECONDS && ct_loop_now_ms() - said > 60000) {
		said = ct_loop_now_ms();
		ct_log(CT_LOG_WARNING, NULL, "a card %s has been uncertain for %.0f s", kind->what, oldest);
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
	ct_pg_call(ct_service_pg, kind->due, (const char *const[]){ limit, lease, kind->due_more }, looked, NULL);
}

void
ct_card_work_look(void)
{
	look_soon = true;
	look(NULL);
}

void
ct_card_work_start(const struct ct_card_work_kind *of)
{
	kind = of;
	ct_loop_every(LOOK_MS, look, NULL);
}
