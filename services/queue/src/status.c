/*
 * GET /queues/status: how far the caller has come. The call that people make
 * most: a quick look, or one Redis function; everything else is at hand.
 */
#include "ct/service.h"
#include "facts.h"
#include "glance.h"
#include "handlers.h"
#include "memory.h"
#include "store.h"
#include "ticker.h"
#include "ticket.h"
#include "token.h"

struct asking {
	struct ct_request	*request;
	const char		*text;		/* the token as it came: it goes back as it is */
	struct ct_queue_token	 token;
	struct facts_wait	 wait;
	struct glance		 look;
	int64_t			 opens_ms;
	int64_t			 seats_left;
	bool			 draw;
	bool			 begun;		/* the store had no queue: it was begun */
	bool			 unused;	/* the database says that no hold was made with this place */
};

static void	send_command(struct asking *);
static void	used_known(enum ct_error, void *);

static void
begun(enum ct_error error, void *arg)
{
	struct asking	*asking = arg;

	if (error == CT_OK)
		send_command(asking);
	else
		ct_reply_error(asking->request, error, NULL, NULL);
}

static void
reply_place(struct asking *asking, const struct place *place)
{
	char		 schedule[CT_UUID_TEXT];
	struct queue	*queue;

	if (place->state != PLACE_USED && (queue = queues_get(&asking->token.schedule)) != NULL)
		ticker_add(queue);
	ct_uuid_format(&asking->token.schedule, schedule);
	ticket_reply(asking->request, 200, &(struct ticket){ .token = asking->text,
	    .schedule = schedule, .opens_ms = asking->opens_ms, .seats_left = asking->seats_left,
	    .issued_ms = (int64_t)asking->token.issued_ms }, place);
}

static void
answered(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;
	struct place	 place;

	if (!store_place(asking->request, reply, &place))
		return;
	if (place.state == PLACE_NEW && !asking->begun) {
		asking->begun = true;
		memory_begin(asking->request, &asking->token.schedule, begun, asking);
		return;
	}
	if (place.state == PLACE_ASK && !asking->unused) {
		memory_ask_used(asking->request, &asking->token, used_known, asking);
		return;
	}
	if (place.state != PLACE_WAITING && place.state != PLACE_ACTIVE && place.state != PLACE_USED) {
		ct_reply_error(asking->request, CT_QUEUE_TOKEN_EXPIRED, NULL, NULL);
		return;
	}
	reply_place(asking, &place);
}

/* Now the store knows it too: asking again gives USED. */
static void
marked_used(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;

	if (ct_queue_store_state(reply) == CT_QUEUE_USED)
		send_command(asking);
	else
		(void)store_answered(asking->request, NULL, 0);
}

static void
used_known(enum ct_error error, void *arg)
{
	struct asking		*asking = arg;
	struct ct_queue_command	 command;

	if (error == CT_QUEUE_TOKEN_USED) {
		ct_queue_store_use(&asking->token, &command);
		store_call(&command, marked_used, asking);
	} else if (error == CT_OK) {
		asking->unused = true;
		send_command(asking);
	} else {
		ct_reply_error(asking->request, error, NULL, NULL);
	}
}

static void
send_command(struct asking *asking)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, "queue1_status", &asking->token.schedule);
	ct_queue_command_place(&command, &asking->token);
	ct_queue_command_number(&command, asking->opens_ms * 1000);
	ct_queue_command_number(&command, store_settings.patience_us);
	ct_queue_command_number(&command, store_settings.settle_us);
	ct_queue_command_text(&command, asking->unused ? "1" : "");
	if (asking->draw)
		ct_queue_command_number(&command, asking->opens_ms * 1000);
	else
		ct_queue_command_text(&command, "");
	store_call(&command, answered, asking);
}

static void
looked(const struct place *place, void *arg)
{
	struct asking	*asking = arg;

	if (place != NULL)
		reply_place(asking, place);
	else
		send_command(asking);
}

static void
ask(struct asking *asking, struct queue *queue)
{
	asking->opens_ms = queue->opens_ms;
	asking->seats_left = queue->seats_left;
	asking->draw = queue->draw;
	if (!glance(&asking->look, queue, &asking->token, looked, asking))
		send_command(asking);
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
	asking->token = token;
	if ((queue = queues_get(&asking->token.schedule)) == NULL)
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (facts_will_do(queue))
		ask(asking, queue);
	else
		facts_ask(queue, &asking->wait, facts_known, asking);
}
