/*
 * A charge by card: begin (the wallet is CHARGING, committed), ask the provider
 * to confirm, settle with what it said. No transaction and no lock is open while
 * it is asked. Should this process end in the middle, or the answer not come,
 * the resolver goes on from what is on record; the user is told CHARGING.
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
/* Charges by card that a worker has taken and not answered yet; more are shed. */
#define TAKEN_MAX		500

static const struct ct_pg_statement begin_charge = {
	.function = "point.begin_charge",
	.args = "uuid, bigint, text, text, text, int, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement settle_charge = {
	.function = "point.settle_charge",
	.args = "uuid, uuid, text, text",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

struct card_charge {
	struct ct_request		*request;
	int64_t				 amount;
	const char			*payment_key;
	const char			*request_hash;
	char				 id[CT_UUID_TEXT];
	char				 order[CT_CARD_ORDER_TEXT];
	struct ct_card_payment		 asked;
	uint64_t			 started;
	TAILQ_ENTRY(card_charge)	 list;
};

/* Repeated requests, waiting for their first one. */
static TAILQ_HEAD(, card_charge)	waiting = TAILQ_HEAD_INITIALIZER(waiting);

static unsigned			taken;

static void	begin(struct card_charge *);

/* The end of each of them. */
static void
reply(struct card_charge *charge, const struct ct_outcome *outcome)
{
	taken--;
	if (outcome == NULL)
		ct_reply_error(charge->request, CT_OUTCOME_UNKNOWN, NULL, NULL);
	else
		ct_reply_outcome(charge->request, outcome);
}

static void
settled(const struct ct_outcome *outcome, void *arg)
{
	struct card_charge	*charge = arg;

	if (outcome->error != CT_OK) {
		/* The provider has been asked: whatever went wrong here, it is not known what is on record. */
		reply(charge, NULL);
		return;
	}
	if (strcmp(outcome->outcome, "ACCEPTED") == 0)
		resolver_kick();
	else
		resolver_observe((double)(ct_loop_now_ms() - charge->started) / 1000);
	reply(charge, outcome);
}

static void
confirmed(const struct ct_card_answer *answer, void *arg)
{
	struct card_charge	*charge = arg;

	ct_pg_call(ct_service_pg, &settle_charge, (const char *const[]){
	    charge->request->user, charge->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code }, settled, charge);
}

static bool
take_ids(struct card_charge *charge, const struct ct_outcome *outcome)
{
	cJSON		*body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	const char	*id = cJSON_GetStringValue(cJSON_GetObjectItem(body, "chargeId"));
	const char	*order = cJSON_GetStringValue(cJSON_GetObjectItem(body, "orderId"));
	bool		 good = id != NULL && strlen(id) < sizeof(charge->id) && order != NULL &&
			    strlen(order) < sizeof(charge->order);

	if (good) {
		memcpy(charge->id, id, strlen(id) + 1);
		memcpy(charge->order, order, strlen(order) + 1);
	}
	cJSON_Delete(body);
	return (good);
}

static void
begun(const struct ct_outcome *outcome, void *arg)
{
	struct card_charge	*charge = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0) {
		if (!take_ids(charge, outcome)) {
			reply(charge, NULL);
			return;
		}
		charge->asked = (struct ct_card_payment){ charge->id, charge->payment_key, charge->order, charge->amount };
		ct_card_confirm(&charge->asked, confirmed, charge);
	} else if (outcome->error == CT_OK && strcmp(outcome->outcome, "IDEMPOTENCY_KEY_IN_USE") == 0 &&
	    ct_loop_now_ms() - charge->started < REPEAT_WAIT_MS) {
		TAILQ_INSERT_TAIL(&waiting, charge, list);
	} else {
		if (outcome->error == CT_OK && strcmp(outcome->outcome, "ACCEPTED") == 0)
			resolver_kick();
		reply(charge, outcome);
	}
}

static void
begin(struct card_charge *charge)
{
	struct ct_request	*request = charge->request;
	char			 amount[24], timeout[24];

	(void)snprintf(amount, sizeof(amount), "%" PRId64, charge->amount);
	(void)snprintf(timeout, sizeof(timeout), "%ld", ct_card_timeout_ms());
	ct_pg_call(ct_service_pg, &begin_charge, (const char *const[]){
	    request->user, amount, charge->payment_key,
	    request->idempotency_key, charge->request_hash, timeout, request->id }, begun, charge);
}

/* Has the first one's answer come? */
static void
look_again(void *arg)
{
	TAILQ_HEAD(, card_charge)	 now = TAILQ_HEAD_INITIALIZER(now);
	struct card_charge		*charge;

	(void)arg;
	TAILQ_CONCAT(&now, &waiting, list);
	while ((charge = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, charge, list);
		begin(charge);
	}
}

void
charge_card_start(void)
{
	ct_loop_every(REPEAT_LOOK_MS, look_again, NULL);
}

void
charge_card(struct ct_request *request, int64_t amount, const char *payment_key, const char *request_hash)
{
	struct card_charge	*charge;

	if (taken >= TAKEN_MAX) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "Too many card charges are under way.", NULL);
		return;
	}
	charge = ct_alloc(request, sizeof(*charge));
	charge->request = request;
	charge->amount = amount;
	charge->payment_key = payment_key;
	charge->request_hash = request_hash;
	charge->started = ct_loop_now_ms();
	taken++;
	begin(charge);
}
