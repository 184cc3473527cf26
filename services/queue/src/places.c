/* Calls of queue1_enter and queue1_status, many people in one. See places.h. */
#include "places.h"

#include <string.h>

#include "ct/service.h"
#include "memory.h"

static void	send_chain(struct queue *, struct place_call *);
static void	send_gathered(struct queue *, struct place_calls *);

static void
tell(struct place_call *call, const struct place *place)
{
	/* The call's memory may be gone when its callback returns. */
	call->cb(place, call->arg);
}

static void
fail_chain(struct place_call *call)
{
	struct place_call	*next;

	for (; call != NULL; call = next) {
		next = call->next;
		tell(call, NULL);
	}
}

/* The store began the queue, for the first of a chain: all of it is asked again. */
static void
begun(enum ct_error error, void *arg)
{
	struct place_call	*first = arg;
	struct queue		*queue = queues_get(&first->token.schedule);

	if (error == CT_OK && queue != NULL)
		send_chain(queue, first);
	else
		fail_chain(first);
}

/* Somebody who goes on waiting: only the position was answered. What waits are reckoned by heads the answer. */
static struct place
waiting_place(const struct place_call *call, int64_t position, int64_t speed, int64_t opens_in_ms)
{
	struct place	place = { .state = PLACE_WAITING, .seq = call->token.seq, .epoch = call->token.epoch,
		    .position = position, .wait = -1 };

	/* As expected_wait in queue.lua; the speed is in millionths of a person a second. */
	if (speed > 0)
		place.wait = (position * INT64_C(1000000000) / speed + opens_in_ms + 999) / 1000;
	return (place);
}

static void
answered(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg, *next;
	struct place		 place;
	const redisReply	*one;
	struct queue		*queue;
	size_t			 i;

	if (call->gathered && (queue = queues_find(&call->token.schedule)) != NULL)
		send_gathered(queue, call->enters ? &queue->entering : &queue->placing);
	call->gathered = false;
	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[1]->type != REDIS_REPLY_INTEGER) {
		store_failed(call->request->id, reply);
		fail_chain(call);
		return;
	}
	if (!call->begun && store_place(reply->element[2], &place) && place.state == PLACE_NEW) {
		call->begun = true;
		memory_begin(call->request, &call->token.schedule, begun, call);
		return;
	}
	for (i = 2; call != NULL; call = next, i++) {
		next = call->next;
		one = i < reply->elements ? reply->element[i] : NULL;
		if (one != NULL && one->type == REDIS_REPLY_INTEGER) {
			place = waiting_place(call, one->integer, reply->element[0]->integer,
			    reply->element[1]->integer);
			tell(call, &place);
		} else {
			tell(call, one != NULL && store_place(one, &place) && place.state != PLACE_NEW ? &place : NULL);
		}
	}
}

/* Sends a chain of at most CT_QUEUE_PEOPLE_MAX calls of one kind. */
static void
send_chain(struct queue *queue, struct place_call *first)
{
	struct ct_queue_command	 command;
	const struct place_call	*call;

	ct_queue_command_init(&command, first->enters ? "queue1_enter" : "queue1_status", &queue->schedule);
	ct_queue_command_number(&command, queue->opens_ms * 1000);
	if (first->enters) {
		store_append_settings(&command);
	} else {
		ct_queue_command_number(&command, store_settings.patience_us);
		ct_queue_command_number(&command, store_settings.settle_us);
		ct_queue_command_text(&command, first->unused ? "1" : "");
		if (queue->draw)
			ct_queue_command_number(&command, queue->opens_ms * 1000);
		else
			ct_queue_command_text(&command, "");
	}
	for (call = first; call != NULL; call = call->next) {
		if (!first->enters) {
			ct_queue_command_place(&command, &call->token);
			continue;
		}
		ct_queue_command_bytes(&command, call->token.user.bytes, sizeof(call->token.user.bytes));
		if (call->drawn != 0)
			ct_queue_command_number(&command, call->drawn);
		else
			ct_queue_command_text(&command, "");
	}
	store_call(&command, answered, first);
}

/* The call that was under way has ended: the next one takes as many of those gathered as fit. */
static void
send_gathered(struct queue *queue, struct place_calls *calls)
{
	struct place_call	*first = calls->first, *last = first;

	calls->under_way = first != NULL;
	if (first == NULL)
		return;
	for (unsigned n = 1; n < CT_QUEUE_PEOPLE_MAX && last->next != NULL; n++)
		last = last->next;
	calls->first = last->next;
	last->next = NULL;
	first->gathered = true;
	send_chain(queue, first);
}

static void
gather(struct queue *queue, struct place_calls *calls, struct place_call *call)
{
	call->next = NULL;
	if (calls->first == NULL)
		calls->first = call;
	else
		calls->last->next = call;
	calls->last = call;
	if (!calls->under_way)
		send_gathered(queue, calls);
}

void
places_enter(struct queue *queue, struct place_call *call)
{
	call->enters = true;
	call->gathered = call->begun = false;
	gather(queue, &queue->entering, call);
}

void
places_ask(struct queue *queue, struct place_call *call)
{
	call->enters = call->gathered = call->begun = false;
	if (!call->unused) {
		gather(queue, &queue->placing, call);
		return;
	}
	/* What the database said holds for this one only. */
	call->next = NULL;
	send_chain(queue, call);
}
