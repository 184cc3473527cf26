/* See place_batches.h. */
#include "place_batches.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "heartbeats.h"
#include "loop/loop.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "ticker.h"
#include "trace/span.h"

#define UNDER_WAY_MAX	3	/* one in Redis, one on the way to it, one on the way back */
#define REST_MS		1	/* pause between two commands of a kind, */
#define ENOUGH		32	/* unless this many calls have gathered */
#define SPEED_MS	2000	/* an expected wait needs the speed of a tick at most this old */

/* Calls of one kind that gather for the next command, the oldest first. */
struct place_calls {
	struct queue		*queue;
	struct place_call	*first, *last;
	unsigned		 gathered;
	unsigned		 put_back;	/* the number of calls in front that wait for the queue to begin */
	unsigned		 under_way;	/* commands that are not answered yet */
	bool			 begun;		/* Redis had the queue when it was last asked */
	bool			 turn_set;	/* to be sent in the next turn of the loop */
	bool			 resting;	/* less than REST_MS since the last command */
};

_Static_assert(QUEUE_SPEED_SCALE % QUEUE_TICK_SPEED_SCALE == 0, "the speed of a tick is converted to that of enter and status");

/* This module's part of each queue. */
static struct batch_entry {
	struct place_calls	calls[PLACE_KINDS];
}	entries[QUEUE_TABLE_MAX];

static void	batch_send_function(struct queue *, struct place_call *);
static void	batch_gather(struct queue *, enum place_kind, struct place_call *);
static struct place_calls	*batch_ended(struct place_call *);
static void	batch_send_soon(struct place_calls *);

static struct place_calls *
batch_calls(const struct queue *queue, enum place_kind kind)
{
	return (&entries[queue_table_index(queue)].calls[kind]);
}

static bool
batch_is_busy(const struct queue *queue)
{
	const struct place_calls	*calls = batch_calls(queue, (enum place_kind)0);

	for (int kind = 0; kind < PLACE_KINDS; kind++, calls++) {
		/* With turn_set or resting, the loop is going to call back with the address of `calls`. */
		if (calls->under_way > 0 || calls->first != NULL || calls->turn_set || calls->resting)
			return (true);
	}
	return (false);
}

static void
batch_clear(const struct queue *queue)
{
	memset(&entries[queue_table_index(queue)], 0, sizeof(struct batch_entry));
}

const struct queue_part place_batches_part = { .is_busy = batch_is_busy, .clear = batch_clear };

static const char *
batch_function(const struct place_call *call)
{
	return (call->kind == PLACE_ENTER ? "queue3_enter" : "queue3_status");
}

/* One span covers all that Redis is asked for the call: reads that do not suffice, and then the function. */
static void
batch_end_span(const struct place_call *call, bool answered)
{
	bool	look = call->kind == PLACE_LOOK;

	if (!ct_span_is_recorded(&call->span))
		return;
	if (call->sent_ns != 0)
		ct_span_part(&call->span, "redis.wait", call->sent_ns, ct_span_now());
	ct_span_end(&call->span, &(const struct ct_span_facts){ .kind = CT_SPAN_CLIENT,
	    .name = look ? "ZMSCORE ZRANK" : batch_function(call), .failed = !answered, .attributes = {
		{ .name = "db.system.name", .text = "redis" },
		{ .name = "db.operation.name", .text = look ? "PIPELINE" : "FCALL" },
		{ .name = look ? NULL : "db.stored_procedure.name", .text = batch_function(call) },
		{ .name = answered ? NULL : "error.type", .text = "unanswered" },
	    } });
}

/* The first command for these calls is sent. */
static void
batch_trace_sent(struct place_call *call)
{
	for (; call != NULL && ct_spans_enabled(); call = call->next) {
		if (!ct_span_is_recorded(&call->span) || call->sent_ns != 0)
			continue;
		call->sent_ns = ct_span_now();
		ct_span_part(&call->span, "redis.queue", call->span.started_ns, call->sent_ns);
	}
}

/* Sends a command for several requests: it is in the trace of none. */
static void
batch_send(struct ct_queue_command *command, ct_redis_cb cb, struct place_call *call)
{
	static const struct ct_trace	none;
	struct ct_trace			before = ct_trace_enter(&none);

	redis_calls_send(command, cb, call);
	ct_trace_leave(before);
}

/* The call's memory may be gone when its callback returns. */
static void
batch_tell(struct place_call *call, const struct place *place)
{
	struct ct_trace	before = ct_trace_enter(&call->request->trace);

	batch_end_span(call, place != NULL);
	call->cb(place, call->arg);
	ct_trace_leave(before);
}

static void
batch_fail_chain(struct place_call *call)
{
	struct place_call	*next;

	for (; call != NULL; call = next) {
		next = call->next;
		batch_tell(call, NULL);
	}
}

/* The queue, if this worker still knows when its sale opens; else NULL. A command with a wrong time would open the sale. */
static struct queue *
batch_known_queue(const struct place_call *call)
{
	struct queue	*queue = queue_table_find(&call->token.schedule);

	return (queue == NULL || schedule_facts_get(queue) == NULL ? NULL : queue);
}

/* Takes the first calls that have gathered, at most `most`. */
static struct place_call *
batch_take(struct place_calls *calls, unsigned most)
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

/* Redis has begun the queue, or could not: sends the calls that were put back again, in their order, or fails them. */
static void
batch_begun(enum ct_error error, void *arg)
{
	struct place_call	*call = arg;
	struct queue		*queue = queue_table_find(&call->token.schedule);
	struct place_calls	*calls;
	unsigned		 n;

	/* An entry with gathered calls keeps its schedule. */
	CT_ASSERT(queue != NULL);
	calls = batch_calls(queue, call->kind);
	n = calls->put_back;
	calls->put_back = 0;
	if (error != CT_OK || batch_known_queue(call) == NULL)
		batch_fail_chain(batch_take(calls, n));
	batch_send_soon(calls);
}

/* The same for a call that was sent alone. */
static void
batch_begun_alone(enum ct_error error, void *arg)
{
	struct place_call	*call = arg;
	struct queue		*queue = batch_known_queue(call);

	if (error == CT_OK && queue != NULL)
		batch_send_function(queue, call);
	else
		batch_tell(call, NULL);
}

/*
 * Redis does not have the queue. Puts these calls before those that have gathered, but behind others that were put
 * back. No call is sent before Redis has begun the queue.
 */
static void
batch_put_back(struct place_calls *calls, struct place_call *first)
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
		recovery_state_begin(first->request, &first->token.schedule, batch_begun, first);
}

static struct place
batch_asked(const struct place_call *call)
{
	return ((struct place){ .seq = (int64_t)call->token.seq, .generation = (int64_t)call->token.generation });
}

/* Answers one call of a chain. Returns false if Redis does not have the queue and the call must be sent again. */
static bool
batch_answer_one(const redisReply *reply, const struct place_answers *answers, size_t i, struct place_call *call)
{
	struct place	asked = batch_asked(call), place;

	if (!queue_answers_place(reply, answers, i, call->kind == PLACE_STATUS ? &asked : NULL, &place)) {
		redis_calls_failed(call->request->id, batch_function(call), reply);
		batch_tell(call, NULL);
	} else if (place.state != PLACE_NEW) {
		call->token.seq = (uint64_t)place.seq;
		if (place.state == PLACE_WAITING)
			heartbeats_note(&call->token);
		batch_tell(call, &place);
	} else if (call->begun) {
		batch_tell(call, NULL);
	} else {
		call->begun = true;
		return (false);
	}
	return (true);
}

/* Answers all calls of a chain. Returns the chain of those that must be sent again. */
static struct place_call *
batch_answer_all(const redisReply *reply, const struct place_answers *answers, struct place_call *call)
{
	struct place_call	*next, *again = NULL, **last = &again;

	for (size_t i = 0; call != NULL; call = next, i++) {
		next = call->next;
		if (!batch_answer_one(reply, answers, i, call)) {
			*last = call;
			last = &call->next;
		}
	}
	*last = NULL;
	return (again);
}

static size_t
batch_length(const struct place_call *call)
{
	size_t	length = 0;

	for (; call != NULL; call = call->next)
		length++;
	return (length);
}

static void
batch_answered(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg, *again = NULL;
	struct place_calls	*calls = batch_ended(call);
	struct place_answers	 answers;

	if (queue_answers_places(reply, batch_length(call), &answers)) {
		again = batch_answer_all(reply, &answers, call);
	} else {
		redis_calls_failed(call->request->id, batch_function(call), reply);
		batch_fail_chain(call);
	}
	if (calls == NULL) {
		if (again != NULL)
			recovery_state_begin(again->request, &again->token.schedule, batch_begun_alone, again);
		return;
	}
	if (again != NULL)
		batch_put_back(calls, again);
	else
		calls->begun = reply != NULL;
	batch_send_soon(calls);
}

static void
batch_append_status_head(struct ct_queue_command *command, const struct schedule_facts *facts, bool unused)
{
	ct_queue_command_number(command, facts->sale.opens_ms * 1000);
	ct_queue_command_number(command, queue_settings.patience_us);
	ct_queue_command_number(command, queue_settings.settle_us);
	ct_queue_command_text(command, unused ? "1" : "");
	if (facts->has_draw)
		ct_queue_command_number(command, facts->sale.opens_ms * 1000);
	else
		ct_queue_command_text(command, "");
}

static void
batch_append_entering(struct ct_queue_command *command, const struct place_call *call)
{
	ct_queue_command_bytes(command, call->token.user.bytes, sizeof(call->token.user.bytes));
	if (call->drawn != 0)
		ct_queue_command_number(command, call->drawn);
	else
		ct_queue_command_text(command, "");
}

/* Sends queue3_enter or queue3_status for a chain of calls. The facts of the schedule are known. */
static void
batch_send_function(struct queue *queue, struct place_call *first)
{
	const struct schedule_facts	*facts = schedule_facts_get(queue);
	struct ct_queue_command		 command;
	const struct place_call		*call;

	CT_ASSERT(facts != NULL);
	ct_queue_command_init(&command, batch_function(first), &queue->schedule);
	if (first->kind == PLACE_ENTER) {
		ct_queue_command_number(&command, facts->sale.opens_ms * 1000);
		redis_calls_append_settings(&command);
	} else {
		batch_append_status_head(&command, facts, first->unused);
	}
	for (call = first; call != NULL; call = call->next) {
		if (first->kind == PLACE_ENTER)
			batch_append_entering(&command, call);
		else
			ct_queue_command_place(&command, &call->token);
	}
	batch_trace_sent(first);
	batch_send(&command, batch_answered, first);
}

/* Both reads of a look are answered: answers the call, or calls the function if they do not suffice. */
static void
batch_looked(struct place_call *call)
{
	struct queue			*queue = batch_known_queue(call);
	const struct tick_answer	*tick;
	struct place			 place, asked = batch_asked(call);
	int64_t				 opens_ms;

	if (queue == NULL) {
		batch_tell(call, NULL);
		return;
	}
	tick = ticker_last(queue);
	if (!call->stands || call->position == 0 || tick == NULL) {
		batch_gather(queue, PLACE_STATUS, call);
		return;
	}
	opens_ms = schedule_facts_get(queue)->sale.opens_ms;
	place = queue_answers_waiting(&asked, call->position, tick->mode == QUEUE_MODE_PAUSED ? QUEUE_SPEED_PAUSED :
	    tick->speed * (QUEUE_SPEED_SCALE / QUEUE_TICK_SPEED_SCALE),
	    opens_ms == 0 ? 0 : opens_ms - (int64_t)time(NULL) * 1000);
	batch_tell(call, &place);
}

/* The seqs of the users of a chain, in its order. A user who left and entered again has another seq than in the token. */
static void
batch_saw_seqs(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg, *next;
	struct place_calls	*calls = batch_ended(call);
	size_t			 i;

	if (calls != NULL) {
		calls->begun = true;
		batch_send_soon(calls);
	}
	for (i = 0; call != NULL; call = next, i++) {
		next = call->next;
		call->stands = reply != NULL && reply->type == REDIS_REPLY_ARRAY && i < reply->elements &&
		    reply->element[i]->type == REDIS_REPLY_STRING &&
		    strtoull(reply->element[i]->str, NULL, 10) == call->token.seq;
		if (--call->looks == 0)
			batch_looked(call);
	}
}

static void
batch_saw_rank(const redisReply *reply, void *arg)
{
	struct place_call	*call = arg;

	call->position = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer + 1 : 0;
	if (--call->looks == 0)
		batch_looked(call);
}

/* Reads the seqs of all users of the chain in one command, and the rank of each. */
static void
batch_send_look(struct queue *queue, struct place_call *first)
{
	struct ct_queue_command	 command;
	struct place_call	*call;

	ct_queue_read_init(&command, "ZMSCORE", &queue->schedule);
	for (call = first; call != NULL; call = call->next)
		ct_queue_command_bytes(&command, call->token.user.bytes, sizeof(call->token.user.bytes));
	batch_trace_sent(first);
	batch_send(&command, batch_saw_seqs, first);
	for (call = first; call != NULL; call = call->next) {
		call->looks = 2;
		ct_queue_read_init(&command, "ZRANK", &queue->schedule);
		ct_queue_command_bytes(&command, call->token.user.bytes, sizeof(call->token.user.bytes));
		batch_send(&command, batch_saw_rank, call);
	}
}

static void
batch_rested(void *arg)
{
	struct place_calls	*calls = arg;

	calls->resting = false;
	batch_send_soon(calls);
}

/* One command at a time while Redis may not have the queue: later calls would otherwise pass those that are put back. */
static bool
batch_has_room(const struct place_calls *calls)
{
	return (calls->gathered > 0 && calls->put_back == 0 && calls->under_way < (calls->begun ? UNDER_WAY_MAX : 1));
}

/* Sends the calls that have gathered, as many in each command as fit. */
static void
batch_send_gathered(void *arg)
{
	struct place_calls	*calls = arg;
	struct place_call	*first;

	calls->turn_set = false;
	while (batch_has_room(calls)) {
		first = batch_take(calls, CT_QUEUE_PEOPLE_MAX);
		first->gathered = true;
		calls->under_way++;
		if (first->kind == PLACE_LOOK)
			batch_send_look(calls->queue, first);
		else
			batch_send_function(calls->queue, first);
	}
	if (!calls->resting) {
		calls->resting = true;
		ct_loop_after(REST_MS, batch_rested, calls);
	}
	ct_redis_cluster_flush(ct_service_redis);
}

/* Sends in the next turn of the loop, together with all calls that come until then. */
static void
batch_send_soon(struct place_calls *calls)
{
	if (calls->turn_set || !batch_has_room(calls) || (calls->resting && calls->gathered < ENOUGH))
		return;
	calls->turn_set = true;
	ct_loop_defer(batch_send_gathered, calls);
}

/* The command of a chain has ended. Returns the calls that it was taken from, or NULL if it was sent alone. */
static struct place_calls *
batch_ended(struct place_call *first)
{
	struct place_calls	*calls;
	struct queue		*queue;

	/* An entry with a command under way keeps its schedule. */
	if (!first->gathered || (queue = queue_table_find(&first->token.schedule)) == NULL)
		return (NULL);
	first->gathered = false;
	calls = batch_calls(queue, first->kind);
	CT_ASSERT(calls->under_way > 0);
	calls->under_way--;
	return (calls);
}

static void
batch_gather(struct queue *queue, enum place_kind kind, struct place_call *call)
{
	struct place_calls	*calls = batch_calls(queue, kind);

	call->kind = kind;
	call->gathered = call->begun = false;
	call->next = NULL;
	if (!ct_span_is_recorded(&call->span))
		ct_span_begin(&call->span, &call->request->trace);
	if (calls->first == NULL)
		calls->first = call;
	else
		calls->last->next = call;
	calls->last = call;
	calls->gathered++;
	calls->queue = queue;
	batch_send_soon(calls);
}

void
place_batches_enter(struct queue *queue, struct place_call *call)
{
	batch_gather(queue, PLACE_ENTER, call);
}

/* Plain reads do not suffice before a draw, which has no positions, and without a recent tick, which has the speed. */
static bool
batch_can_look(const struct queue *queue, const struct place_call *call)
{
	const struct schedule_facts	*facts = schedule_facts_get(queue);

	return (facts != NULL && ticker_is_recent(queue, SPEED_MS) &&
	    !(facts->has_draw && facts->sale.opens_ms > (int64_t)time(NULL) * 1000) && heartbeats_is_recent(&call->token));
}

void
place_batches_ask(struct queue *queue, struct place_call *call)
{
	if (call->unused) {
		/* The argument "unused" holds for this place only. */
		call->kind = PLACE_STATUS;
		call->gathered = call->begun = false;
		call->next = NULL;
		ct_span_begin(&call->span, &call->request->trace);
		call->sent_ns = 0;
		batch_send_function(queue, call);
	} else {
		batch_gather(queue, batch_can_look(queue, call) ? PLACE_LOOK : PLACE_STATUS, call);
	}
}

static void
batch_end(struct queue *queue)
{
	struct place_calls	*calls;

	for (int kind = 0; kind < PLACE_KINDS; kind++) {
		calls = batch_calls(queue, (enum place_kind)kind);
		calls->put_back = 0;
		if (calls->gathered > 0)
			batch_fail_chain(batch_take(calls, calls->gathered));
	}
}

void
place_batches_end(void)
{
	queue_table_each(batch_end);
}
