/* Requests that a card pays for: begin, confirm, settle, and waiting for the first one with the same key. */
#include <sys/queue.h>

#include <string.h>

#include "ct/card_request.h"
#include "ct/ids.h"
#include "ct/loop.h"
#include "ct/service.h"
#include "card_internal.h"

/* How long a repeated request waits for the first one's answer, and how often it looks. */
#define REPEAT_WAIT_MS		2000
#define REPEAT_LOOK_MS		200
/* Those that a worker has taken and not answered yet; more are shed. */
#define TAKEN_MAX		500

struct card_request {
	struct ct_request		*request;
	const struct ct_card_kind	*kind;
	const char			*args[CT_PG_ARGS_MAX + 1];
	struct ct_card_payment		 payment;
	char				 id[CT_UUID_TEXT];
	char				 order[CT_CARD_ORDER_TEXT];
	uint64_t			 started;
	TAILQ_ENTRY(card_request)	 list;
};

/* Repeated requests, waiting for their first one. */
static TAILQ_HEAD(, card_request)	waiting = TAILQ_HEAD_INITIALIZER(waiting);
static unsigned				taken;

static void	begin(struct card_request *);

/* The end of each of them. `outcome` NULL: the provider may have been asked, and it is not known what is on record. */
static void
reply(struct card_request *card, const struct ct_outcome *outcome)
{
	taken--;
	if (outcome == NULL)
		ct_reply_error(card->request, CT_OUTCOME_UNKNOWN, NULL, NULL);
	else
		ct_reply_outcome(card->request, outcome);
}

static void
settled(const struct ct_outcome *outcome, void *arg)
{
	struct card_request	*card = arg;

	if (outcome->error != CT_OK) {
		reply(card, NULL);
		return;
	}
	if (strcmp(outcome->outcome, "ACCEPTED") == 0)
		card->kind->in_doubt();
	else
		card->kind->certain((double)(ct_loop_now_ms() - card->started) / 1000);
	reply(card, outcome);
}

static void
confirmed(const struct ct_card_answer *answer, void *arg)
{
	struct card_request	*card = arg;

	ct_pg_call(ct_service_pg, card->kind->settle, (const char *const[]){
	    card->request->user, card->id, ct_card_result_name(answer->result),
	    answer->code[0] == '\0' ? NULL : answer->code, card->kind->settle_more }, settled, card);
}

static bool
take_ids(struct card_request *card, const struct ct_outcome *outcome)
{
	cJSON	*body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	bool	 good;

	good = ct_card_take_text(body, card->kind->id_member, card->id, sizeof(card->id)) &&
	    ct_card_take_text(body, "orderId", card->order, sizeof(card->order));
	cJSON_Delete(body);
	return (good);
}

static void
begun(const struct ct_outcome *outcome, void *arg)
{
	struct card_request	*card = arg;

	if (outcome->error == CT_OK && strcmp(outcome->outcome, "BEGUN") == 0) {
		if (take_ids(card, outcome))
			ct_card_confirm(&card->payment, confirmed, card);
		else
			reply(card, NULL);
	} else if (outcome->error == CT_OK && strcmp(outcome->outcome, "IDEMPOTENCY_KEY_IN_USE") == 0 &&
	    ct_loop_now_ms() - card->started < REPEAT_WAIT_MS) {
		TAILQ_INSERT_TAIL(&waiting, card, list);
	} else {
		if (outcome->error == CT_OK && strcmp(outcome->outcome, "ACCEPTED") == 0)
			card->kind->in_doubt();
		reply(card, outcome);
	}
}

static void
begin(struct card_request *card)
{
	ct_pg_call(ct_service_pg, card->kind->begin, card->args, begun, card);
}

/* Has the first one's answer come? */
static void
look_again(void *arg)
{
	TAILQ_HEAD(, card_request)	 now = TAILQ_HEAD_INITIALIZER(now);
	struct card_request		*card;

	(void)arg;
	TAILQ_CONCAT(&now, &waiting, list);
	while ((card = TAILQ_FIRST(&now)) != NULL) {
		TAILQ_REMOVE(&now, card, list);
		begin(card);
	}
}

void
ct_card_request_start(void)
{
	ct_loop_every(REPEAT_LOOK_MS, look_again, NULL);
}

void
ct_card_request(struct ct_request *request, const struct ct_card_kind *kind, const char *payment_key, int64_t amount,
    const char *const *args)
{
	struct card_request	*card;
	size_t			 i;

	if (taken >= TAKEN_MAX) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "Too many card payments are under way.", NULL);
		return;
	}
	card = ct_alloc(request, sizeof(*card));
	card->request = request;
	card->kind = kind;
	for (i = 0; args[i] != NULL && i < CT_PG_ARGS_MAX; i++)
		card->args[i] = args[i];
	card->payment = (struct ct_card_payment){ card->id, payment_key, card->order, amount };
	card->started = ct_loop_now_ms();
	taken++;
	begin(card);
}
