/* Loads and saves the recovery state. See recovery_state.h. */
#include "recovery_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "loop/loop.h"
#include "redis_calls.h"
#include "service/service.h"

#define SAVE_EVERY_MS	1000

static const struct ct_pg_statement load = {
	.function = "queue.load",
	.args = "uuid",
	.batch_max = 64,
	.order_by = -1,
	.write = false,
};

static const struct ct_pg_statement save_progress = {
	.function = "queue.save_progress",
	.args = "uuid, bigint, bigint, bigint, bigint",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement save_control = {
	.function = "queue.save_control",
	.args = "uuid, bigint, text, bigint, text, int, int, int, int",
	.batch_max = 64,
	.order_by = 0,
	.write = true,
};

static const struct ct_pg_statement place_state = {
	.function = "reservation.queue_place_state",
	.args = "uuid, uuid, bigint",
	.batch_max = 512,
	.order_by = -1,
	.write = false,
};

/* This module's part of each queue: the state that the database last saved. */
static struct recovery_entry {
	struct progress	 saved;		/* generation 0: nothing, or saving failed */
	uint64_t	 saved_ms;
	bool		 saving;
}	entries[QUEUE_TABLE_MAX];

static struct recovery_entry *
recovery_entry(const struct queue *queue)
{
	return (&entries[queue_table_index(queue)]);
}

static bool
recovery_is_busy(const struct queue *queue)
{
	return (recovery_entry(queue)->saving);
}

static void
recovery_clear(const struct queue *queue)
{
	memset(recovery_entry(queue), 0, sizeof(struct recovery_entry));
}

const struct queue_part recovery_state_part = { .is_busy = recovery_is_busy, .clear = recovery_clear };

/* A question to the database that is under way. Its memory belongs to the request, or to itself if there is none. */
struct recovery_question {
	struct ct_request	*request;
	struct ct_uuid		 schedule;
	recovery_state_cb	 cb;
	void			*arg;
};

static struct recovery_question *
recovery_question(struct ct_request *request, recovery_state_cb cb, void *arg)
{
	struct recovery_question	*question = request != NULL ? ct_alloc(request, sizeof(*question)) :
					    malloc(sizeof(*question));

	if (question == NULL)
		abort();
	*question = (struct recovery_question){ .request = request, .cb = cb, .arg = arg };
	return (question);
}

static void
recovery_answer(struct recovery_question *question, enum ct_error error)
{
	struct recovery_question	answered = *question;

	if (question->request == NULL)
		free(question);
	answered.cb(error, answered.arg);
}

static bool
recovery_is_ok(const struct ct_outcome *outcome)
{
	return (outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0);
}

static void
recovery_begun(const redisReply *reply, void *arg)
{
	struct recovery_question	*question = arg;
	const char			*id = question->request != NULL ? question->request->id : NULL;
	char				 schedule[CT_UUID_TEXT];
	enum begin_result		 result;

	if (!queue_answers_begin(reply, &result)) {
		redis_calls_failed(id, "queue3_begin", reply);
		recovery_answer(question, CT_ERROR_SERVICE_UNAVAILABLE);
		return;
	}
	ct_uuid_format(&question->schedule, schedule);
	/* BEGIN_NOT_NEEDED: another worker has begun it with the same recovery state. */
	if (result == BEGIN_NEW_GENERATION)
		ct_log(CT_LOG_INFO, id, "the queue of schedule %s begins a new generation in Redis", schedule);
	else if (result == BEGIN_AFTER_RESTART)
		ct_log(CT_LOG_INFO, id, "the queue of schedule %s goes on after a restart of Redis", schedule);
	recovery_answer(question, CT_OK);
}

static void
recovery_loaded(const struct ct_outcome *outcome, void *arg)
{
	/* In the order of queue3_begin. The texts are what operators set: "" or null if they have not. */
	static const char *const	names[] = { "epoch", "last", "admittedTo", "ended", "revision",
	    "updatedBy", "updatedAtMs", "mode", "maxActive", "admit", "maxWaiting", "ttl" };
	struct recovery_question	*question = arg;
	struct ct_queue_command		 command;
	const cJSON			*value;
	cJSON				*body = recovery_is_ok(outcome) ?
	    cJSON_ParseWithLength(outcome->body, outcome->body_length) : NULL;

	if (body == NULL) {
		recovery_answer(question, CT_ERROR_SERVICE_UNAVAILABLE);
		return;
	}
	ct_queue_command_init(&command, "queue3_begin", &question->schedule);
	ct_queue_command_number(&command, queue_settings.settle_us);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = cJSON_GetObjectItemCaseSensitive(body, names[i]);
		if (cJSON_IsNumber(value))
			ct_queue_command_number(&command, (int64_t)value->valuedouble);
		else
			ct_queue_command_text(&command, cJSON_IsString(value) ? value->valuestring : "");
	}
	cJSON_Delete(body);
	redis_calls_send(&command, recovery_begun, question);
}

void
recovery_state_begin(struct ct_request *request, const struct ct_uuid *schedule, recovery_state_cb cb, void *arg)
{
	struct recovery_question	*question = recovery_question(request, cb, arg);
	char				 text[CT_UUID_TEXT];

	question->schedule = *schedule;
	ct_uuid_format(schedule, text);
	ct_pg_call(ct_service_pg, &load, (const char *const[]){ text }, recovery_loaded, question);
}

static void
recovery_progress_saved(const struct ct_outcome *outcome, void *arg)
{
	struct recovery_entry	*entry = recovery_entry(arg);

	entry->saving = false;
	/* After a failure the next tick saves again. */
	if (!recovery_is_ok(outcome))
		entry->saved.generation = 0;
}

bool
recovery_state_is_saved(const struct queue *queue, const struct progress *progress)
{
	const struct recovery_entry	*entry = recovery_entry(queue);

	return (!entry->saving && memcmp(&entry->saved, progress, sizeof(*progress)) == 0);
}

void
recovery_state_save_progress(struct queue *queue, const struct progress *progress)
{
	struct recovery_entry	*entry = recovery_entry(queue);
	uint64_t		 now = ct_loop_now_ms();
	char			 numbers[4][24];

	if (entry->saving || recovery_state_is_saved(queue, progress) ||
	    (entry->saved_ms != 0 && now - entry->saved_ms < SAVE_EVERY_MS))
		return;
	entry->saving = true;
	entry->saved_ms = now;
	entry->saved = *progress;
	(void)snprintf(numbers[0], sizeof(numbers[0]), "%" PRId64, progress->generation);
	(void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, progress->last);
	(void)snprintf(numbers[2], sizeof(numbers[2]), "%" PRId64, progress->admitted_to);
	(void)snprintf(numbers[3], sizeof(numbers[3]), "%" PRId64, progress->ended);
	ct_pg_call(ct_service_pg, &save_progress, (const char *const[]){ queue->schedule_text, numbers[0],
	    numbers[1], numbers[2], numbers[3] }, recovery_progress_saved, queue);
}

static void
recovery_control_saved(const struct ct_outcome *outcome, void *arg)
{
	recovery_answer(arg, recovery_is_ok(outcome) ? CT_OK : CT_ERROR_SERVICE_UNAVAILABLE);
}

void
recovery_state_save_control(struct ct_request *request, const char *schedule, const struct control_answer *control,
    recovery_state_cb cb, void *arg)
{
	const char	*args[4 + OPERATOR_FIELDS];

	args[0] = schedule;
	args[1] = ct_printf(request, "%" PRId64, control->revision);
	args[2] = control->updated_by;
	args[3] = ct_printf(request, "%" PRId64, control->updated_at_ms);
	for (int i = 0; i < OPERATOR_FIELDS; i++)
		args[4 + i] = *control->set[i] == '\0' ? NULL : control->set[i];
	ct_pg_call(ct_service_pg, &save_control, args, recovery_control_saved, recovery_question(request, cb, arg));
}

static void
recovery_place_known(const struct ct_outcome *outcome, void *arg)
{
	enum ct_error	error = outcome->error;

	if (error == CT_OK && strcmp(outcome->outcome, "OK") != 0)
		error = ct_error_from_code(outcome->outcome);
	if (error != CT_OK && error != CT_ERROR_QUEUE_TOKEN_USED && error != CT_ERROR_QUEUE_TOKEN_EXPIRED)
		error = CT_ERROR_SERVICE_UNAVAILABLE;
	recovery_answer(arg, error);
}

void
recovery_state_ask_place(struct ct_request *request, const struct ct_queue_token *token, recovery_state_cb cb, void *arg)
{
	char	schedule[CT_UUID_TEXT], user[CT_UUID_TEXT], seq[24];

	ct_uuid_format(&token->schedule, schedule);
	ct_uuid_format(&token->user, user);
	(void)snprintf(seq, sizeof(seq), "%" PRIu64, token->seq);
	ct_pg_call(ct_service_pg, &place_state, (const char *const[]){ schedule, user, seq }, recovery_place_known,
	    recovery_question(request, cb, arg));
}
