/*
 * GET /queues/status: how far the caller has come. The call that people make
 * most: one Redis function, for all who ask in one turn of the loop; everything
 * else is at hand.
 */
#include "ct/service.h"
#include "facts.h"
#include "handlers.h"
#include "memory.h"
#include "places.h"
#include "store.h"
#include "ticker.h"
#include "ticket.h"
#include "token.h"

struct asking {
	struct ct_request	*request;
	const char		*text;		/* the token as it came: it goes back as it is */
	struct facts_wait	 wait;
	struct place_call	 call;
	struct sale		 sale;
	int64_t			 seats_left;
};

static void	ask(struct asking *, struct queue *);
static void	place_known(enum ct_error, void *);

static void
reply_place(struct asking *asking, const struct place *place)
{
	char		 schedule[CT_UUID_TEXT];
	struct queue	*queue;

	if (place->state != PLACE_USED && (queue = queues_get(&asking->call.token.schedule)) != NULL)
		ticker_add(queue, false);
	ct_uuid_format(&asking->call.token.schedule, schedule);
	ticket_reply(asking->request, 200, &(struct ticket){ .token = asking->text,
	    .schedule = schedule, .sale = asking->sale, .seats_left = asking->seats_left,
	    .issued_ms = (int64_t)asking->call.token.issued_ms }, place);
}

static void
answered(const struct place *place, void *arg)
{
	struct asking	*asking = arg;

	if (place == NULL)
		store_unavailable(asking->request);
	else if (place->state == PLACE_ASK && !asking->call.unused)
		memory_ask_place(asking->request, &asking->call.token, place_known, asking);
	else if (place->state == PLACE_WAITING || place->state == PLACE_ACTIVE || place->state == PLACE_USED)
		reply_place(asking, place);
	else
		ct_reply_error(asking->request, CT_QUEUE_TOKEN_EXPIRED, NULL, NULL);
}

static void
ask_again(struct asking *asking)
{
	struct queue	*queue = queues_find(&asking->call.token.schedule);

	/* Its facts went with it, should others have taken its room meanwhile. */
	if (queue == NULL || queue->facts_ms == 0)
		store_unavailable(asking->request);
	else
		ask(asking, queue);
}

/* Now the store knows it too: asking again gives USED. */
static void
marked_used(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;

	if (ct_queue_store_state(reply) == CT_QUEUE_USED)
		ask_again(asking);
	else
		(void)store_answered(asking->request, NULL, 0);
}

/* Now the store knows it too, and the next time the database is not asked. */
static void
marked_ended(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;

	if (store_answered(asking->request, reply, 0))
		ct_reply_error(asking->request, CT_QUEUE_TOKEN_EXPIRED, NULL, NULL);
}

static void
place_known(enum ct_error error, void *arg)
{
	struct asking		*asking = arg;
	struct ct_queue_command	 command;

	if (error == CT_QUEUE_TOKEN_USED) {
		ct_queue_store_use(&asking->call.token, &command);
		store_call(&command, marked_used, asking);
	} else if (error == CT_QUEUE_TOKEN_EXPIRED) {
		ct_queue_command_init(&command, "queue2_leave", &asking->call.token.schedule);
		ct_queue_command_place(&command, &asking->call.token);
		store_call(&command, marked_ended, asking);
	} else if (error == CT_OK) {
		asking->call.unused = true;
		ask_again(asking);
	} else {
		ct_reply_error(asking->request, error, NULL, NULL);
	}
}

static void
ask(struct asking *asking, struct queue *queue)
{
	asking->sale = queue->sale;
	asking->seats_left = queue->seats_left;
	places_ask(queue, &asking->call);
}

static void
facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct asking	*asking = arg;

	if (error == CT_OK || queue->facts_ms != 0)
		ask(asking, queue);
	else if (error == CT_SCHEDULE_NOT_FOUND)
		/* We signed the token, and the schedule is gone: so is the place. */
		ct_reply_error(asking->request, CT_QUEUE_TOKEN_EXPIRED, NULL, NULL);
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

	if ((text = token_read(request, &token)) == NULL)
		return;
	asking = ct_alloc(request, sizeof(*asking));
	asking->request = request;
	asking->text = text;
	asking->call = (struct place_call){ .request = request, .token = token, .cb = answered, .arg = asking };
	if ((queue = queues_get(&token.schedule)) == NULL)
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (facts_will_do(queue))
		ask(asking, queue);
	else
		facts_ask(queue, &asking->wait, facts_known, asking);
}
