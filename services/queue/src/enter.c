/*
 * POST /queues/enter: a place in a schedule's queue, or the one the caller has.
 *
 * facts about the schedule (a cache, or the database) -> queue2_enter -> the
 * token is made from the place, so that the same place has the same token.
 */
#include <string.h>

#include "ct/queue_token.h"
#include "ct/service.h"
#include "draw.h"
#include "facts.h"
#include "handlers.h"
#include "places.h"
#include "store.h"
#include "ticker.h"
#include "ticket.h"

struct entering {
	struct ct_request	*request;
	const char		*concert;
	const char		*schedule_text;
	struct ct_uuid		 schedule;
	struct facts_wait	 wait;
	struct place_call	 call;
	struct sale		 sale;
	int64_t			 seats_left;
};

static void
entered(const struct place *place, void *arg)
{
	struct entering		*entering = arg;
	struct ct_request	*request = entering->request;
	struct ct_queue_token	 token;
	char			 text[CT_QUEUE_TOKEN_TEXT];
	struct queue		*queue;

	if (place == NULL) {
		store_unavailable(request);
		return;
	}
	if (place->state == PLACE_CLOSED) {
		ct_reply_error(request, CT_QUEUE_CLOSED, NULL, NULL);
		return;
	}
	if (place->state == PLACE_FULL) {
		ct_reply_error(request, CT_QUEUE_FULL, NULL, NULL);
		return;
	}
	if ((queue = queues_get(&entering->schedule)) == NULL || (place->state != PLACE_WAITING &&
	    place->state != PLACE_ACTIVE)) {
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
		return;
	}
	ticker_add(queue, place->is_new);
	token = (struct ct_queue_token){ .schedule = entering->schedule, .user = request->user_id,
	    .seq = place->seq, .issued_ms = (uint64_t)draw_issued_ms(queue, place->seq), .epoch = place->epoch };
	ct_queue_token_sign(&token, text);
	ticket_reply(request, place->is_new ? 201 : 200, &(struct ticket){ .token = text,
	    .schedule = entering->schedule_text, .sale = entering->sale,
	    .seats_left = entering->seats_left, .issued_ms = (int64_t)token.issued_ms }, place);
}

/* It is not this concert's, or not known: the database says which of the two is not there. */
static void
looked_for(const struct ct_outcome *outcome, void *arg)
{
	struct entering	*entering = arg;

	/* Made between two questions: asking again will find it. */
	if (outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0)
		ct_reply_error(entering->request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
	else
		ct_reply_outcome(entering->request, outcome);
}

static void
take_place(struct entering *entering, struct queue *queue)
{
	struct ct_request	*request = entering->request;

	if (strcmp(queue->concert, entering->concert) != 0) {
		ct_pg_call(ct_service_pg, &facts_statement,
		    (const char *const[]){ entering->concert, entering->schedule_text }, looked_for, entering);
		return;
	}
	if (sale_status(&queue->sale, false) == SALE_CLOSED) {
		ct_reply_error(request, CT_SCHEDULE_NOT_ON_SALE, NULL, NULL);
		return;
	}
	entering->sale = queue->sale;
	entering->seats_left = queue->seats_left;
	entering->call = (struct place_call){ .request = request, .drawn = draw_place(queue, &request->user_id),
	    .token = { .schedule = entering->schedule, .user = request->user_id }, .cb = entered, .arg = entering };
	places_enter(queue, &entering->call);
}

static void
facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct entering	*entering = arg;

	if (error == CT_OK)
		take_place(entering, queue);
	else if (error == CT_SCHEDULE_NOT_FOUND)
		ct_pg_call(ct_service_pg, &facts_statement,
		    (const char *const[]){ entering->concert, entering->schedule_text }, looked_for, entering);
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

	if ((queue = queues_get(&entering->schedule)) == NULL)
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (facts_are_fresh(queue))
		take_place(entering, queue);
	else
		facts_ask(queue, &entering->wait, facts_known, entering);
}
