/*
 * GET and PUT /admin/queues/{scheduleId}: what operators see and set. What is
 * set lives in Redis with the queue, so it holds for all workers at once, and is
 * saved in the database, so that it outlives Redis.
 */
#include <inttypes.h>
#include <string.h>

#include "ct/buf.h"
#include "ct/service.h"
#include "facts.h"
#include "handlers.h"
#include "memory.h"
#include "store.h"
#include "ticket.h"

/* The numbers that may be set: their names here and in the store, and their range. */
static const struct {
	const char	*name;
	const char	*field;
	int64_t		 min;
	int64_t		 max;
} numbers[] = {
	{ "maxActive", "max_active", 0, 1000000 },
	{ "admitPerSecond", "admit", 0, 100000 },
	{ "maxWaiting", "max_waiting", 0, 100000000 },
	{ "activeTtlSeconds", "ttl", 1, 86400 },
};
#define NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

struct controlling {
	struct ct_request	*request;
	struct ct_uuid		 schedule;
	struct facts_wait	 wait;
	const char		*mode;		/* to be set; NULL: not */
	int64_t			 values[NUMBERS];	/* -1: not to be set */
	bool			 sets;
	bool			 begun;		/* the store had no queue: it was begun */
	const char		*body;		/* the answer, while what was set is being saved */
};

static void	send_command(struct controlling *);

static void
begun(enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	if (error == CT_OK)
		send_command(controlling);
	else
		ct_reply_error(controlling->request, error, NULL, NULL);
}

static void
saved(enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	if (error == CT_OK)
		ct_reply_json(controlling->request, 200, controlling->body, strlen(controlling->body));
	else
		ct_reply_error(controlling->request, error,
		    "it is set now, but could not be saved and might be forgotten: set it again", NULL);
}

static void
answered(const redisReply *reply, void *arg)
{
	struct controlling	*controlling = arg;
	struct ct_request	*request = controlling->request;
	char			 at[TICKET_TIME_TEXT];
	struct ct_buf		 buf;
	long long		 n[12];

	if (!store_answered(request, reply, 18))
		return;
	if (strcmp(reply->element[0]->str, "NEW") == 0) {
		if (controlling->begun) {
			ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
			return;
		}
		controlling->begun = true;
		memory_begin(request, &controlling->schedule, begun, controlling);
		return;
	}
	for (size_t i = 0; i < 12; i++)
		n[i] = reply->element[i]->integer;
	ct_buf_init(&buf, 4096);
	ct_buf_printf(&buf, "{\"scheduleId\":\"%s\",\"mode\":\"%s\",\"maxActive\":%lld,\"admitPerSecond\":%lld,"
	    "\"maxWaiting\":%lld,\"activeTtlSeconds\":%lld,\"waiting\":%lld,\"active\":%lld,\"admitted\":%lld,"
	    "\"used\":%lld,\"expired\":%lld,\"updatedBy\":",
	    request->path_id[0], reply->element[0]->str, n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]);
	if (n[11] == 0) {
		ct_buf_puts(&buf, "null,\"updatedAt\":null}");
	} else {
		ticket_time(n[11], at);
		ct_buf_json_string(&buf, reply->element[10]->str);
		ct_buf_printf(&buf, ",\"updatedAt\":\"%s\"}", at);
	}
	if (buf.failed) {
		ct_reply_error(request, CT_INTERNAL_ERROR, NULL, NULL);
	} else if (controlling->sets) {
		controlling->body = ct_printf(request, "%s", buf.data);
		memory_save_control(request, request->path_id[0], reply, saved, controlling);
	} else {
		ct_reply_json(request, 200, buf.data, buf.length);
	}
	ct_buf_deinit(&buf);
}

static void
send_command(struct controlling *controlling)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, controlling->sets ? "queue2_control_set" : "queue2_control_get",
	    &controlling->schedule);
	store_append_settings(&command);
	if (controlling->sets) {
		ct_queue_command_text(&command, controlling->request->user);
		if (controlling->mode != NULL) {
			ct_queue_command_text(&command, "mode");
			ct_queue_command_text(&command, controlling->mode);
		}
		for (size_t i = 0; i < NUMBERS; i++) {
			if (controlling->values[i] < 0)
				continue;
			ct_queue_command_text(&command, numbers[i].field);
			ct_queue_command_number(&command, controlling->values[i]);
		}
	}
	store_call(&command, answered, controlling);
}

static void
facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	(void)queue;
	if (error == CT_OK)
		send_command(controlling);
	else
		ct_reply_error(controlling->request, error, NULL, NULL);
}

/* A schedule that is not there has no queue; once known it stays known, database or not. */
static void
control(struct ct_request *request, struct controlling *controlling)
{
	struct queue	*queue;

	(void)ct_uuid_parse(request->path_id[0], &controlling->schedule);
	if ((queue = queues_get(&controlling->schedule)) == NULL)
		ct_reply_error(request, CT_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (queue->facts_ms != 0)
		send_command(controlling);
	else
		facts_ask(queue, &controlling->wait, facts_known, controlling);
}

void
control_get(struct ct_request *request)
{
	struct controlling	*controlling = ct_alloc(request, sizeof(*controlling));

	controlling->request = request;
	control(request, controlling);
}

void
control_put(struct ct_request *request)
{
	static const char *const	modes[] = { "OPEN", "PAUSED", "CLOSED", NULL };
	struct controlling		*controlling = ct_alloc(request, sizeof(*controlling));

	controlling->request = request;
	(void)ct_body_choice(request, request->body, "mode", modes, false, &controlling->mode);
	controlling->sets = controlling->mode != NULL;
	for (size_t i = 0; i < NUMBERS; i++) {
		controlling->values[i] = -1;
		(void)ct_body_number(request, request->body, numbers[i].name, numbers[i].min,
		    numbers[i].max, false, &controlling->values[i]);
		controlling->sets = controlling->sets || controlling->values[i] >= 0;
	}
	if (ct_invalid(request))
		return;
	if (!controlling->sets) {
		ct_note_invalid(request, "mode", "give at least one of mode, maxActive, admitPerSecond, "
		    "maxWaiting and activeTtlSeconds");
		(void)!ct_invalid(request);
		return;
	}
	control(request, controlling);
}
