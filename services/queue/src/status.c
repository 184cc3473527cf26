/*
 * GET /queues/status: the state of the caller's place. This is the most frequent
 * call. place_batches.c asks Redis about many users at once; everything else is
 * remembered by the worker.
 */
#include "handlers.h"
#include "place_batches.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "ticker.h"
#include "ticket.h"
#include "token_header.h"

struct asking {
	struct ct_request		*request;
	const char			*text;		/* the token as it came; the ticket returns it unchanged */
	struct schedule_facts_wait	 wait;
	struct place_call		 call;
	struct sale			 sale;
	int64_t				 seats_left;
};

static void	status_ask(struct asking *, struct queue *);
static void	status_place_known(enum ct_error, void *);

static void
status_reply(struct asking *asking, const struct place *place)
{
	char		 schedule[CT_UUID_TEXT];
	struct queue	*queue;

	if (place->state != PLACE_USED && (queue = queue_table_get(&asking->call.token.schedule)) != NULL)
		ticker_add(queue, false);
	ct_uuid_format(&asking->call.token.schedule, schedule);
	ticket_reply(asking->request, 200, &(struct ticket){ .token = asking->text,
	    .schedule = schedule, .sale = asking->sale, .seats_left = asking->seats_left,
	    .issued_ms = (int64_t)asking->call.token.issued_ms }, place);
}

static void
status_answered(const struct place *place, void *arg)
{
	struct asking	*asking = arg;

	if (place == NULL)
		redis_calls_unavailable(asking->request);
	else if (place->state == PLACE_ASK && !asking->call.unused)
		recovery_state_ask_place(asking->request, &asking->call.token, status_place_known, asking);
	else if (place->state == PLACE_WAITING || place->state == PLACE_ACTIVE || place->state == PLACE_USED)
		status_reply(asking, place);
	else
		ct_reply_error(asking->request, CT_ERROR_QUEUE_TOKEN_EXPIRED, NULL, NULL);
}

static void
status_ask_again(struct asking *asking)
{
	struct queue	*queue = queue_table_find(&asking->call.token.schedule);

	/* The entry, with its facts, may have been given to another schedule meanwhile. */
	if (queue == NULL || schedule_facts_get(queue) == NULL)
		redis_calls_unavailable(asking->request);
	else
		status_ask(asking, queue);
}

/* Redis has noted the use, so it answers USED now. */
static void
status_marked_used(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;

	if (ct_queue_store_state(reply) == CT_QUEUE_USED)
		status_ask_again(asking);
	else
		redis_calls_refuse(asking->request, "queue3_use", reply);
}

/* Redis has noted the end, so the next call need not ask the database. */
static void
status_marked_ended(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;
	bool		 had_place;

	if (queue_answers_leave(reply, &had_place))
		ct_reply_error(asking->request, CT_ERROR_QUEUE_TOKEN_EXPIRED, NULL, NULL);
	else
		redis_calls_refuse(asking->request, "queue3_leave", reply);
}

/* The database has answered about a place of an earlier generation. */
static void
status_place_known(enum ct_error error, void *arg)
{
	struct asking		*asking = arg;
	struct ct_queue_command	 command;

	if (error == CT_ERROR_QUEUE_TOKEN_USED) {
		ct_queue_store_use(&asking->call.token, &command);
		redis_calls_send(&command, status_marked_used, asking);
	} else if (error == CT_ERROR_QUEUE_TOKEN_EXPIRED) {
		ct_queue_command_init(&command, "queue3_leave", &asking->call.token.schedule);
		ct_queue_command_place(&command, &asking->call.token);
		redis_calls_send(&command, status_marked_ended, asking);
	} else if (error == CT_OK) {
		asking->call.unused = true;
		status_ask_again(asking);
	} else {
		ct_reply_error(asking->request, error, NULL, NULL);
	}
}

/* The facts of the queue are known. */
static void
status_ask(struct asking *asking, struct queue *queue)
{
	const struct schedule_facts	*facts = schedule_facts_get(queue);

	asking->sale = facts->sale;
	asking->seats_left = facts->seats_left;
	place_batches_ask(queue, &asking->call);
}

static void
status_facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct asking	*asking = arg;

	if (schedule_facts_get(queue) != NULL)
		status_ask(asking, queue);
	else if (error == CT_ERROR_SCHEDULE_NOT_FOUND)
		/* The token is genuine, but its schedule does not exist any more. */
		ct_reply_error(asking->request, CT_ERROR_QUEUE_TOKEN_EXPIRED, NULL, NULL);
	else
		ct_reply_error(asking->request, error, NULL, NULL);
}

void
status(struct ct_request *request)
{
	struct asking		*asking;
	struct ct_queue_token	 token;
	const char		*text;
	struct queue		*queue;

	if ((text = token_header_read(request, &token)) == NULL)
		return;
	asking = ct_alloc(request, sizeof(*asking));
	asking->request = request;
	asking->text = text;
	asking->call = (struct place_call){ .request = request, .token = token, .cb = status_answered, .arg = asking };
	if ((queue = queue_table_get(&token.schedule)) == NULL)
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (schedule_facts_are_showable(queue))
		status_ask(asking, queue);
	else
		schedule_facts_ask(queue, &asking->wait, status_facts_known, asking);
}
