/*
 * GET and PUT /admin/queues/{scheduleId}: operators see a queue and set its limits.
 * Redis keeps the settings beside the queue, so they hold for all workers at once.
 * The database saves them, so they survive a loss of Redis.
 */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "control.h"
#include "handlers.h"
#include "recovery_state.h"
#include "redis_calls.h"
#include "schedule_facts.h"
#include "service/service.h"
#include "ticket.h"

/* The numbers that operators may set: the names in the API and in Redis, and the range. */
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
_Static_assert(NUMBERS + 1 == OPERATOR_FIELDS, "operators set the mode and these numbers");

struct controlling {
	struct ct_request		*request;
	struct ct_uuid			 schedule;
	struct schedule_facts_wait	 wait;
	const char			*mode;		/* NULL: not to be set */
	int64_t				 values[NUMBERS];	/* -1: not to be set */
	bool				 sets;
	bool				 begun;		/* second try: Redis did not have the queue and has begun it */
	const char			*body;		/* the answer, while the database saves the settings */
};

static void	control_send(struct controlling *);

static void
control_begun(enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	if (error == CT_OK)
		control_send(controlling);
	else
		ct_reply_error(controlling->request, error, NULL, NULL);
}

static void
control_saved(enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	if (error == CT_OK)
		ct_reply_json(controlling->request, 200, controlling->body, strlen(controlling->body));
	else
		ct_reply_error(controlling->request, error,
		    "it is set now, but could not be saved and might be forgotten: set it again", NULL);
}

void
control_print(struct ct_buf *buf, const char *schedule, const struct control_answer *control)
{
	char	at[TICKET_TIME_TEXT];

	ct_buf_printf(buf, "{\"scheduleId\":\"%s\",\"mode\":\"%s\",\"maxActive\":%" PRId64 ",\"admitPerSecond\":%" PRId64
	    ",\"maxWaiting\":%" PRId64 ",\"activeTtlSeconds\":%" PRId64 ",\"waiting\":%" PRId64 ",\"active\":%" PRId64
	    ",\"admitted\":%" PRId64 ",\"used\":%" PRId64 ",\"expired\":%" PRId64 ",\"updatedBy\":",
	    schedule, queue_answers_mode_name(control->mode), control->max_active, control->admit, control->max_waiting,
	    control->ttl, control->waiting, control->active, control->admitted, control->used, control->expired);
	if (control->updated_at_ms == 0) {
		ct_buf_puts(buf, "null,\"updatedAt\":null");
	} else {
		ticket_time(control->updated_at_ms, at);
		ct_buf_json_string(buf, control->updated_by);
		ct_buf_printf(buf, ",\"updatedAt\":\"%s\"", at);
	}
}

static void
control_reply(struct controlling *controlling, const struct control_answer *control)
{
	struct ct_request	*request = controlling->request;
	struct ct_buf		 buf;

	ct_buf_init(&buf, 4096);
	control_print(&buf, request->path_id[0], control);
	ct_buf_puts(&buf, "}");
	if (buf.failed) {
		ct_reply_error(request, CT_ERROR_INTERNAL_ERROR, NULL, NULL);
	} else if (controlling->sets) {
		controlling->body = ct_printf(request, "%s", buf.data);
		recovery_state_save_control(request, request->path_id[0], control, control_saved, controlling);
	} else {
		ct_reply_json(request, 200, buf.data, buf.length);
	}
	ct_buf_deinit(&buf);
}

static const char *
control_function(const struct controlling *controlling)
{
	return (controlling->sets ? "queue3_control_set" : "queue3_control_get");
}

static void
control_answered(const redisReply *reply, void *arg)
{
	struct controlling	*controlling = arg;
	struct ct_request	*request = controlling->request;
	struct control_answer	 control;

	if (!queue_answers_control(reply, &control)) {
		redis_calls_refuse(request, control_function(controlling), reply);
	} else if (control.mode != QUEUE_MODE_NEW) {
		control_reply(controlling, &control);
	} else if (controlling->begun) {
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	} else {
		controlling->begun = true;
		recovery_state_begin(request, &controlling->schedule, control_begun, controlling);
	}
}

static void
control_send(struct controlling *controlling)
{
	struct ct_queue_command	command;

	ct_queue_command_init(&command, control_function(controlling), &controlling->schedule);
	redis_calls_append_settings(&command);
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
	redis_calls_send(&command, control_answered, controlling);
}

static void
control_facts_known(struct queue *queue, enum ct_error error, void *arg)
{
	struct controlling	*controlling = arg;

	(void)queue;
	if (error == CT_OK)
		control_send(controlling);
	else
		ct_reply_error(controlling->request, error, NULL, NULL);
}

/* Only a schedule that exists has a queue. Once this worker has read its facts, the database need not answer. */
static void
control_start(struct ct_request *request, struct controlling *controlling)
{
	struct queue	*queue;

	(void)ct_uuid_parse(request->path_id[0], &controlling->schedule);
	if ((queue = queue_table_get(&controlling->schedule)) == NULL)
		ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, NULL, NULL);
	else if (schedule_facts_get(queue) != NULL)
		control_send(controlling);
	else
		schedule_facts_ask(queue, &controlling->wait, control_facts_known, controlling);
}

void
control_get(struct ct_request *request)
{
	struct controlling	*controlling = ct_alloc(request, sizeof(*controlling));

	controlling->request = request;
	control_start(request, controlling);
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
	control_start(request, controlling);
}
