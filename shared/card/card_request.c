/* Requests that a card pays for: begin, confirm, settle. Repeated requests wait for the first one. */
#include <sys/queue.h>

#include <string.h>

#include "base/assert.h"
#include "base/ids.h"
#include "card/card_declines.h"
#include "card/card_request.h"
#include "card/provider_answer.h"
#include "card/card_resolver.h"
#include "loop/loop.h"
#include "service/outcome.h"
#include "service/service.h"

/* A repeated request waits for the first one's answer for at most REPEAT_WAIT_MS, and looks every REPEAT_LOOK_MS. */
#define REPEAT_WAIT_MS		2000
#define REPEAT_LOOK_MS		200
/* Requests that a worker has begun and not answered. It answers further ones 503. */
#define RUNNING_MAX		500

struct card_request {
	struct ct_request		*request;
	const struct ct_card_use	*use;
	const char			*args[CT_PG_ARGS_MAX + 1];
	struct ct_card_payment		 payment;
	char				 id[CT_UUID_TEXT];
	char				 order[CT_CARD_ORDER_TEXT];
	uint64_t			 started_ms;
	TAILQ_ENTRY(card_request)	 list;
};

/* Repeated requests that wait for the first one. */
static TAILQ_HEAD(, card_request)	waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned				running;

/* Ends the request. `outcome` NULL: the result is not known, so the user gets OUTCOME_UNKNOWN. */
static void
card_request_reply(struct card_request *card, const struct ct_outcome *outcome)
{
	CT_ASSERT_MSG(running > 0, "a request is answered once");
	running--;
	if (outcome == NULL)
		ct_reply_error(card->request, CT_ERROR_OUTCOME_UNKNOWN, NULL, NULL);
	else
		ct_reply_outcome(card->request, outcome);
}

static void
card_request_settled(const struct ct_outcome *outcome, void *arg)
{
	struct card_request	*card = arg;

	if (outcome->error != CT_OK) {
		card_request_reply(card, NULL);
		return;
	}
	ct_card_declines_count(outcome);
	if (strcmp(outcome->outcome, "ACCEPTED") == 0)
		ct_card_resolver_look();
	else
		ct_card_resolver_observe((double)(ct_loop_now_ms() - card->started_ms) / 1000);
	card_request_reply(card, outcome);
}

static void
card_request_confirmed(const struct ct_card_answer *answer, void *arg)
{
	struct card_request	*card = arg;

	ct_pg_call(ct_service_pg, card->use->settle, (const char *const[]){
	    card->request->user, card->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, card->use->settle_more }, card_request_settled, card);
}

static bool
card_request_take_ids(struct card_request *card, const struct ct_outcome *outcome)
{
	cJSON	*body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	bool	 good;

	good = ct_card_take_text(body, card->use->id_member, card->id, sizeof(card->id)) &&
	    ct_card_take_text(body, "orderId", card->order, sizeof(card->order));
	cJSON_Delete(body);
	return (good);
}

static void
card_request_begun(const struct ct_outcome *outcome, void *arg)
{
	struct card_request	*card = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0) {
		if (card_request_take_ids(card, outcome))
			ct_card_confirm(&card->payment, card_request_confirmed, card);
		else
			card_request_reply(card, NULL);
	} else if (outcome->error == CT_OK && strcmp(outcome->outcome, "IDEMPOTENCY_KEY_IN_USE") == 0 &&
	    ct_loop_now_ms() - card->started_ms < REPEAT_WAIT_MS) {
		TAILQ_INSERT_TAIL(&waiting, card, list);
	} else {
		if (outcome->error == CT_OK && strcmp(outcome->outcome, "ACCEPTED") == 0)
			ct_card_resolver_look();
		card_request_reply(card, outcome);
	}
}

static void
card_request_begin(struct card_request *card)
{
	ct_pg_call(ct_service_pg, card->use->begin, card->args, card_request_begun, card);
}

/* Begins the waiting requests again: the first one may have its answer now. */
static void
card_request_look_again(void *arg)
{
	TAILQ_HEAD(, card_request)	 now = TAILQ_HEAD_INITIALIZER(now);
	struct card_request		*card;
	struct ct_trace			 before;

	(void)arg;
	TAILQ_CONCAT(&now, &waiting, list);
	while ((card = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, card, list);
		before = ct_trace_enter(&card->request->trace);
		card_request_begin(card);
		ct_trace_leave(before);
	}
}

void
ct_card_request_start(void)
{
	ct_loop_every(REPEAT_LOOK_MS, card_request_look_again, NULL);
}

void
ct_card_request(struct ct_request *request, const struct ct_card_use *use, const char *payment_key, int64_t amount,
    const char *const *args)
{
	struct card_request	*card;
	size_t			 i;

	if (running >= RUNNING_MAX) {
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, "Too many card payments are under way.", NULL);
		return;
	}
	card = ct_alloc(request, sizeof(*card));
	card->request = request;
	card->use = use;
	for (i = 0; args[i] != NULL && i < CT_PG_ARGS_MAX; i++)
		card->args[i] = args[i];
	CT_ASSERT_MSG(args[i] == NULL, "all arguments fit");
	card->payment = (struct ct_card_payment){ card->id, payment_key, card->order, amount };
	card->started_ms = ct_loop_now_ms();
	running++;
	card_request_begin(card);
}
