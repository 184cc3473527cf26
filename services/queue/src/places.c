/* Quick looks, and calls of queue2_enter and queue2_status, many people in one. See places.h. */
#include "places.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ct/loop.h"
#include "ct/service.h"
#include "copies.h"
#include "heard.h"
#include "memory.h"

#define UNDER_WAY_MAX	3	/* in Redis, on the way to it, and on the way back */
#define REST_MS		1	/* after a call the next one waits so long, */
#define ENOUGH		32	/* or for so many people */
#define SPEED_PAUSED	(-1)	/* as the speed that heads an answer: the mode is PAUSED */
#define SPEED_MS	2000	/* how old the last tick's speed may be, to tell a wait by */

static void	send_function(struct queue *, struct place_call *);
static void	gather(struct queue *, enum place_kind, struct place_call *);
static struct place_calls	*ended(struct place_call *);
static void	send_soon(struct place_calls *);

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

/* The queue, if this worker still knows when its sale opens: a call that said otherwise would open it. */
static struct queue *
known_queue(const struct place_call *call)
{
	struct queue	*queue = queues_find(&call->token.schedule);

	return (queue == NULL || queue->facts_ms == 0 ? NULL : queue);
}

/* The first of those who gather, `most` at the most. */
static struct place_call *
take(struct place_calls *calls, unsigned most)
{
	struct place_call	*first = calls->first, *last = first;
	unsigned		 n;

	for (n = 1; n < most && last->next != NULL; n++)
		last = last->next;
	calls->first = last->next;
	calls->gathered -= n;
	last->next = NULL;
	return (first);
}

/* The store began the queue, or could not: all who were put back are asked again, in their order, or fail. */
static void
begun(enum ct_error error, void *arg)
{
	struct place_call	*call = arg;
	struct queue		*queue = queues_find(&call->token.schedule);
	struct place_calls	*calls;
	unsigned		 n;

	/* With people who gather the entry stays. */
	if (queue == NULL)
		abort();
	calls = &queue->calls[call->kind];
	n = calls->put_back;
	calls->put_back = 0;
	if (error != CT_OK || known_queue(call) == NULL)
		fail_chain(take(calls, n));
	send_soon(calls);
}

/* The same for one whose call is no others' too. */
static void
begun_alone(enum ct_error error, void *arg)
{
	struct place_call	*call = arg;
	struct queue		*queue = known_queue(call);

	if (error == CT_OK && queue != NULL)
		send_function(queue, call);
	else
		tell(call, NULL);
}

/*
 * The store does not have the queue: these go in front of those who gather, behind others who were put back, and
 * nobody is sent before the store has begun it.
 */
static void
put_back(struct place_calls *calls, struct place_call *first)
{
	struct place_call	*last = first, **at;
	unsigned		 n;

	for (n = 1; last->next != NULL; n++)
		last = last->next;
	at = &calls->first;
	for (unsigned i = 0; i < calls->put_back; i++)
		at = &(*at)->next;
	last->next = *at;
	*at = first;
	if (last->next == NULL)
		calls->last = last;
	calls->gathered += n;
	calls->put_back += n;
	calls->begun = false;
	if (calls->put_back == n)
		memory_begin(first->request, &first->token.schedule, begun, first);
}

/* Somebody who goes on waiting: only the position was answered. What waits are reckoned by heads the answer. */
static struct place
waiting_place(const struct place_call *call, int64_t position, int64_t speed, int64_t opens_in_ms)
{
	struct place	place = { .state = PLACE_WAITING, .seq = call->token.seq, .epoch = call->token.epoch,
		    .position = position, .wait = -1, .paused = speed == SPEED_PAUSED };

	/* As expected_wait in queue.lua; the speed is in millionths of a person a second. */
	if (speed > 0)
		place.wait = (position * INT64_C(1000000000) / speed + (opens_in_ms > 0 ? opens_in_ms : 0) + 999) / 1000;
	return (place);
}

/* What was said to one of a chain. False: the store does not have the queue, and has to be asked again. */
static bool
answer_one(const redisReply *said, const redisReply *speed, const redisReply *opens_in, struct place_call *call)
{
	struct place	place;

	if (said != NULL && said->type == REDIS_REPLY_INTEGER) {
		heard_note(&call->token);
		place = waiting_place(call, said->integer, speed->integer, opens_in->integer);
		tell(call, &place);
	} else if (said == NULL || !store_place(said, &place)) {
		tell(call, NULL);
	} else if (place.state == PLACE_NEW) {
		if (!call->begun) {
			call->begun = true;
			return (false);
		}
		tell(call, NULL);
	} else {
		call->token.seq = place.seq;
		place.paused = speed->integer == SPEED_PAUSED;
		if (place.state == PLACE_WAITING)
			heard_note(&call->token);
		tell(call, &place);
	}
	return (true);
}

static void
answered(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg, *next, *again = NULL, **last = &again;
	struct place_calls	*calls = ended(call);
	size_t			 i;

	if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements < 3 ||
	    reply->element[0]->type != REDIS_REPLY_INTEGER || reply->element[1]->type != REDIS_REPLY_INTEGER) {
		store_failed(call->request->id, reply);
		fail_chain(call);
	} else {
		for (i = 2; call != NULL; call = next, i++) {
			next = call->next;
			if (!answer_one(i < reply->elements ? reply->element[i] : NULL, reply->element[0],
			    reply->element[1], call)) {
				*last = call;
				last = &call->next;
			}
		}
		*last = NULL;
	}
	if (calls == NULL) {
		if (again != NULL)
			memory_begin(again->request, &again->token.schedule, begun_alone, again);
		return;
	}
	if (again != NULL)
		put_back(calls, again);
	else
		calls->begun = reply != NULL;
	send_soon(calls);
}

/* Sends queue2_enter or queue2_status for a chain of calls. */
static void
send_function(struct queue *queue, struct place_call *first)
{
	struct ct_queue_command	 command;
	const struct place_call	*call;

	ct_queue_command_init(&command, first->kind == PLACE_ENTER ? "queue2_enter" : "queue2_status", &queue->schedule);
	ct_queue_command_number(&command, queue->sale.opens_ms * 1000);
	if (first->kind == PLACE_ENTER) {
		store_append_settings(&command);
	} else {
		ct_queue_command_number(&command, store_settings.patience_us);
		ct_queue_command_number(&command, store_settings.settle_us);
		ct_queue_command_text(&command, first->unused ? "1" : "");
		if (queue->draw)
			ct_queue_command_number(&command, queue->sale.opens_ms * 1000);
		else
			ct_queue_command_text(&command, "");
	}
	for (call = first; call != NULL; call = call->next) {
		if (first->kind == PLACE_STATUS) {
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

/* The last read of a look has been answered: it tells, or the function has to be asked. */
static void
looked(struct place_call *call)
{
	struct queue	*queue = known_queue(call);
	struct place	 place;

	if (queue == NULL) {
		tell(call, NULL);
	} else if (call->stands && call->position > 0 && queue->ticked_ms != 0) {
		place = waiting_place(call, call->position,
		    strcmp(queue->mode, "PAUSED") == 0 ? SPEED_PAUSED : queue->speed * 1000,
		    queue->sale.opens_ms == 0 ? 0 : queue->sale.opens_ms - (int64_t)time(NULL) * 1000);
		tell(call, &place);
	} else {
		gather(queue, PLACE_STATUS, call);
	}
}

/* The seqs at which the users of a chain stand, in its order. Whoever left and came again has another. */
static void
saw_seqs(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg, *next;
	struct place_calls	*calls = ended(call);
	size_t			 i;

	if (calls != NULL) {
		calls->begun = true;
		send_soon(calls);
	}
	for (i = 0; call != NULL; call = next, i++) {
		next = call->next;
		call->stands = reply != NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->elements &&
		    reply->element[i]->type == REDIS_REPLY_STRING &&
		    strtoull(reply->element[i]->str, NULL, 10) == call->token.seq;
		if (--call->looks == 0)
			looked(call);
	}
}

static void
saw_rank(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg;

	call->position = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer + 1 : 0;
	if (--call->looks == 0)
		looked(call);
}

/* For all at once at which seq they stand; and for each whom no copy of the line has, at which rank. */
static void
send_look(struct queue *queue, struct place_call *first)
{
	struct ct_queue_command	 command;
	struct place_call	*call;

	ct_queue_read_init(&command, "ZMSCORE", &queue->schedule);
	for (call = first; call != NULL; call = call->next) {
		ct_queue_command_bytes(&command, call->token.user.bytes, sizeof(call->token.user.bytes));
		copies_expect(queue, call->token.seq);
	}
	store_call(&command, saw_seqs, first);
	for (call = first; call != NULL; call = call->next) {
		call->position = copies_position(queue, call->token.seq);
		call->looks = call->position > 0 ? 1 : 2;
		if (call->looks == 1)
			continue;
		ct_queue_read_init(&command, "ZRANK", &queue->schedule);
		ct_queue_command_bytes(&command, call->token.user.bytes, sizeof(call->token.user.bytes));
		store_call(&command, saw_rank, call);
	}
}

static void
send_chain(struct queue *queue, struct place_call *first)
{
	if (first->kind == PLACE_LOOK)
		send_look(queue, first);
	else
		send_function(queue, first);
}

static void
rested(void *arg)
{
	struct place_calls	*calls = arg;

	calls->resting = false;
	send_soon(calls);
}

/* One at a time as long as the store may not have the queue: others' would be served before those put back. */
static bool
has_room(const struct place_calls *calls)
{
	return (calls->gathered > 0 && calls->put_back == 0 && calls->under_way < (calls->begun ? UNDER_WAY_MAX : 1));
}

/* Sends calls for those who gathered: each takes as many as fit. */
static void
send_gathered(void *arg)
{
	struct place_calls	*calls = arg;
	struct place_call	*first;

	calls->turn_set = false;
	while (has_room(calls)) {
		first = take(calls, CT_QUEUE_PEOPLE_MAX);
		first->gathered = true;
		calls->under_way++;
		send_chain(calls->queue, first);
	}
	if (!calls->resting) {
		calls->resting = true;
		ct_loop_after(REST_MS, rested, calls);
	}
	ct_redis_flush(ct_service_redis);
}

/* In the next turn of the loop: whoever comes till then is taken along. */
static void
send_soon(struct place_calls *calls)
{
	if (calls->turn_set || !has_room(calls) || (calls->resting && calls->gathered < ENOUGH))
		return;
	calls->turn_set = true;
	ct_loop_defer(send_gathered, calls);
}

/* The call of a chain that gathered has ended: whose it was. NULL: it was one that did not. */
static struct place_calls *
ended(struct place_call *first)
{
	struct queue	*queue;

	/* With a call under way the entry stays. */
	if (!first->gathered || (queue = queues_find(&first->token.schedule)) == NULL)
		return (NULL);
	first->gathered = false;
	queue->calls[first->kind].under_way--;
	return (&queue->calls[first->kind]);
}

static void
gather(struct queue *queue, enum place_kind kind, struct place_call *call)
{
	struct place_calls	*calls = &queue->calls[kind];

	call->kind = kind;
	call->gathered = call->begun = false;
	call->next = NULL;
	if (calls->first == NULL)
		calls->first = call;
	else
		calls->last->next = call;
	calls->last = call;
	calls->gathered++;
	calls->queue = queue;
	send_soon(calls);
}

void
places_enter(struct queue *queue, struct place_call *call)
{
	gather(queue, PLACE_ENTER, call);
}

/* Before a draw positions mean nothing; and a wait is told by the speed that the last tick had. */
static bool
can_look(const struct queue *queue, const struct place_call *call)
{
	return (queue->ticked_ms != 0 && ct_loop_about_ms() <= queue->ticked_ms + SPEED_MS &&
	    !(queue->draw && queue->sale.opens_ms > (int64_t)time(NULL) * 1000) && heard_lately(&call->token));
}

void
places_ask(struct queue *queue, struct place_call *call)
{
	if (call->unused) {
		/* What the database said holds for this one only. */
		call->kind = PLACE_STATUS;
		call->gathered = call->begun = false;
		call->next = NULL;
		send_function(queue, call);
	} else {
		gather(queue, can_look(queue, call) ? PLACE_LOOK : PLACE_STATUS, call);
	}
}

static void
end(struct queue *queue)
{
	struct place_calls	*calls;

	for (int kind = 0; kind < PLACE_KINDS; kind++) {
		calls = &queue->calls[kind];
		calls->put_back = 0;
		if (calls->gathered > 0)
			fail_chain(take(calls, calls->gathered));
	}
}

void
places_end(void)
{
	queues_each(end);
}
