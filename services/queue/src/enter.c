/*
 * POST /queues/enter: gives the user a place in the queue of a schedule, or answers
 * with the place that the user has.
 *
 * The facts of the schedule (remembered, or from the database) decide whether the
 * sale is on. Then queue3_enter gives the place. The token is computed from the
 * place, so the same place always has the same token.
 */
#include <string.h>

#include "auth/queue_token.h"
#include "draw.h"
#include "handlers.h"
#include "place_batches.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/outcome.h"
#include "service/service.h"
#include "ticker.h"
#include "ticket.h"

struct entering {
	struct ct_request		*request;
	const char			*concert;
	const char			*schedule_text;
	struct ct_uuid			 schedule;
	struct schedule_facts_wait	 wait;
	struct place_call		 call;
	struct schedule_facts		 facts;		/* as they were when the call was sent */
};

static void
enter_reply(struct entering *entering, const struct place *place)
{
	struct ct_request	*request = entering->request;
	struct ct_queue_token	 token;
	char			 text[CT_QUEUE_TOKEN_TEXT];

	token = (struct ct_queue_token){ .schedule = entering->schedule, .user = request->user_id,
	    .seq = (uint64_t)place->seq, .generation = (uint64_t)place->generation,
	    .issued_ms = (uint64_t)draw_issued_ms(&entering->facts, (uint64_t)place->seq) };
	ct_queue_token_sign(&token, text);
	ticket_reply(request, place->is_new ? 201 : 200, &(struct ticket){ .token = text,
	    .schedule = entering->schedule_text, .sale = entering->facts.sale,
	    .seats_left = entering->facts.seats_left, .issued_ms = (int64_t)token.issued_ms }, place);
}

static void
enter_answered(const struct place *place, void *arg)
{
	struct entering		*entering = arg;
	struct ct_request	*request = entering->request;
	struct queue		*queue;

	if (place == NULL) {
		redis_calls_unavailable(request);
	} else if (place->state == PLACE_CLOSED) {
		ct_reply_error(request, CT_ERROR_QUEUE_CLOSED, NULL, NULL);
	} else if (place->state == PLACE_FULL) {
		ct_reply_error(request, CT_ERROR_QUEUE_FULL, NULL, NULL);
	} else if ((place->state != PLACE_WAITING && place->state != PLACE_ACTIVE) ||
	    (queue = queue_table_get(&entering->schedule)) == NULL) {
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	} else {
		ticker_add(queue, place->is_new);
		enter_reply(entering, place);
	}
}

/* The schedule is not known, or belongs to another concert: the database says which of the two ids does not exist. */
static void
enter_looked_up(const struct ct_outcome *outcome, void *arg)
{
	struct entering	*entering = arg;

	/* The schedule was created between the two look-ups, so the next try will find it. */
	if (outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0)
		ct_reply_error(entering->request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	else
		ct_reply_outcome(entering->request, outcome);
}

static void
enter_look_up(struct entering *entering)
{
	ct_pg_call(ct_service_pg, &schedule_facts_statement,
	    (const char *const[]){ entering->concert, entering->schedule_text }, enter_looked_up, entering);
}

/* The facts of the queue are fresh. */
static void
enter_take_place(struct entering *entering, struct queue *queue)
{
	const struct schedule_facts	*facts = schedule_facts_get(queue);
	struct ct_request		*request = entering->request;

	if (strcmp(facts->concert, entering->concert) != 0) {
		enter_look_up(entering);
		return;
	}
	if (sale_status(&facts->sale, false) == SALE_CLOSED) {
		ct_reply_error(request, CT_ERROR_SCHEDULE_NOT_ON_SALE, NULL, NULL);
		return;
	}
	entering->facts = *facts;
	entering->call = (struct place_call){ .request = request, .drawn = draw_place(facts, &request->user_id),
	    .token = { .schedule = entering->schedule, .user = request->user_id }, .cb = enter_answered, .arg = entering };
	place_batches_enter(queue, &entering->call);
}

static void
enter_facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct entering	*entering = arg;

	if (error == CT_OK)
		enter_take_place(entering, queue);
	else if (error == CT_ERROR_SCHEDULE_NOT_FOUND)
		enter_look_up(entering);
	else
		ct_reply_error(entering->request, error, NULL, NULL);
}

void
enter(struct ct_request *request)
{
	struct entering	*entering = ct_alloc(request, sizeof(*entering));
	struct queue	*queue;

	entering->request = request;
	(void)ct_body_uuid(request, request->body, "concertId", true, &entering->concert);
	(void)ct_body_uuid(request, request->body, "scheduleId", true, &entering->schedule_text);
	if (ct_invalid(request))
		return;
	(void)ct_uuid_parse(entering->schedule_text, &entering->schedule);

	if ((queue = queue_table_get(&entering->schedule)) == NULL)
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (schedule_facts_are_fresh(queue))
		enter_take_place(entering, queue);
	else
		schedule_facts_ask(queue, &entering->wait, enter_facts_known, entering);
}
