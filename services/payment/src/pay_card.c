/*
 * A payment by card: begin (PENDING is committed), ask the provider to confirm,
 * settle with what it said. No transaction and no lock is open while it is
 * asked. Should this process end in the middle, or the answer not come, the
 * resolver goes on from what is on record; the user is told PENDING.
 *
 * A request whose key is being answered by another one waits for that one here.
 */
#include <sys/queue.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ct/card.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "handlers.h"

/* How long a repeated request waits for the first one's answer, and how often it looks. */
#define REPEAT_WAIT_MS		2000
#define REPEAT_LOOK_MS		200
/* Card payments that a worker has taken and not answered yet; more are shed. */
#define TAKEN_MAX		500

static const struct ct_pg_statement begin_card = {
	.function = "payment.begin_card",
	.args = "uuid, uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement settle_card = {
	.function = "payment.settle_card",
	.args = "uuid, uuid, text, text, int",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

struct card_payment {
	struct ct_request		*request;
	struct card_order		 order;
	char				 id[CT_UUID_TEXT];
	struct ct_card_payment		 asked;
	uint64_t			 started;
	TAILQ_ENTRY(card_payment)	 list;
};

/* Repeated requests, waiting for their first one. */
static TAILQ_HEAD(, card_payment)	waiting = TAILQ_HEAD_INITIALIZER(waiting);

static unsigned				taken;

static void	begin(struct card_payment *);

/* The end of each of them. */
static void
reply(struct card_payment *payment, const struct ct_outcome *outcome)
{
	taken--;
	if (outcome == NULL)
		ct_reply_error(payment->request, CT_OUTCOME_UNKNOWN, NULL, NULL);
	else
		ct_reply_outcome(payment->request, outcome);
}

static void
settled(const struct ct_outcome *outcome, void *arg)
{
	struct card_payment	*payment = arg;

	if (outcome->error != CT_OK) {
		/* The provider has been asked: whatever went wrong here, it is not known what is on record. */
		reply(payment, NULL);
		return;
	}
	if (strcmp(outcome->outcome, "ACCEPTED") == 0)
		resolver_kick();
	else
		resolver_observe("payment", (double)(ct_loop_now_ms() - payment->started) / 1000);
	reply(payment, outcome);
}

static void
confirmed(const struct ct_card_answer *answer, void *arg)
{
	struct card_payment	*payment = arg;

	ct_pg_call(ct_service_pg, &settle_card, (const char *const[]){
	    payment->request->user, payment->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, pay_max_attempts }, settled, payment);
}

static bool
take_id(struct card_payment *payment, const struct ct_outcome *outcome)
{
	cJSON		*body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	const char	*id = cJSON_GetStringValue(cJSON_GetObjectItem(body, "paymentId"));
	bool		 good = id != NULL && strlen(id) < sizeof(payment->id);

	if (good)
		memcpy(payment->id, id, strlen(id) + 1);
	cJSON_Delete(body);
	return (good);
}

static void
begun(const struct ct_outcome *outcome, void *arg)
{
	struct card_payment	*payment = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0) {
		if (!take_id(payment, outcome)) {
			reply(payment, NULL);
			return;
		}
		/* The page has opened the provider's window for this reservation: that is the order. */
		payment->asked = (struct ct_card_payment){ payment->id, payment->order.payment_key,
		    payment->order.reservation, payment->order.amount };
		ct_card_confirm(&payment->asked, confirmed, payment);
	} else if (outcome->error == CT_OK && strcmp(outcome->outcome, "IDEMPOTENCY_KEY_IN_USE") == 0 &&
	    ct_loop_now_ms() - payment->started < REPEAT_WAIT_MS) {
		TAILQ_INSERT_TAIL(&waiting, payment, list);
	} else {
		if (outcome->error == CT_OK && strcmp(outcome->outcome, "ACCEPTED") == 0)
			resolver_kick();
		reply(payment, outcome);
	}
}

static void
begin(struct card_payment *payment)
{
	struct ct_request	*request = payment->request;
	char			 amount[24], timeout[24];

	(void)snprintf(amount, sizeof(amount), "%" PRId64, payment->order.amount);
	(void)snprintf(timeout, sizeof(timeout), "%ld", ct_card_timeout_ms());
	ct_pg_call(ct_service_pg, &begin_card, (const char *const[]){
	    request->user, payment->order.reservation, amount, payment->order.payment_key,
	    request->idempotency_key, payment->order.request_hash, timeout, request->id }, begun, payment);
}

/* Has the first one's answer come? */
static void
look_again(void *arg)
{
	TAILQ_HEAD(, card_payment)	 now = TAILQ_HEAD_INITIALIZER(now);
	struct card_payment		*payment;

	(void)arg;
	TAILQ_CONCAT(&now, &waiting, list);
	while ((payment = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, payment, list);
		begin(payment);
	}
}

void
pay_card_start(void)
{
	ct_loop_every(REPEAT_LOOK_MS, look_again, NULL);
}

void
pay_card(struct ct_request *request, const struct card_order *order)
{
	struct card_payment	*payment;

	if (taken >= TAKEN_MAX) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "Too many card payments are under way.", NULL);
		return;
	}
	payment = ct_alloc(request, sizeof(*payment));
	payment->request = request;
	payment->order = *order;
	payment->started = ct_loop_now_ms();
	taken++;
	begin(payment);
}
