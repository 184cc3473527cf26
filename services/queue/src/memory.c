/* What outlives the store. See memory.h. */
#include "memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ct/log.h"
#include "ct/loop.h"
#include "ct/service.h"

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

/* One question on its way, for somebody's request; or for nobody's: `request` is NULL, and it is freed. */
struct asking {
	struct ct_request	*request;
	struct ct_uuid		 schedule;
	memory_cb		 cb;
	void			*arg;
};

static struct asking *
asking_of(struct ct_request *request, memory_cb cb, void *arg)
{
	struct asking	*asking = request != NULL ? ct_alloc(request, sizeof(*asking)) : malloc(sizeof(*asking));

	if (asking == NULL)
		abort();
	*asking = (struct asking){ .request = request, .cb = cb, .arg = arg };
	return (asking);
}

static void
answer(struct asking *asking, enum ct_error error)
{
	struct asking	answered = *asking;

	if (asking->request == NULL)
		free(asking);
	answered.cb(error, answered.arg);
}

static bool
is_ok(const struct ct_outcome *outcome)
{
	return (outcome->error == CT_OK && strcmp(outcome->outcome, "OK") == 0);
}

static void
begun(const redisReply *reply, void *arg)
{
	struct asking	*asking = arg;
	const char	*id = asking->request != NULL ? asking->request->id : NULL;

	/* 0: somebody else was first, with the same memory. */
	if (reply == NULL || reply->type != REDIS_REPLY_INTEGER) {
		store_failed(id, reply);
		answer(asking, CT_SERVICE_UNAVAILABLE);
		return;
	}
	if (reply->integer != 0)
		ct_log(CT_LOG_INFO, id, reply->integer == 1 ? "a queue begins" :
		    "a queue goes on in a store that was restarted");
	answer(asking, CT_OK);
}

static void
loaded(const struct ct_outcome *outcome, void *arg)
{
	/* In queue2_begin's order; the texts are what operators set, "" or null where they have not. */
	static const char *const	names[] = { "epoch", "last", "admittedTo", "ended", "revision",
	    "updatedBy", "updatedAtMs", "mode", "maxActive", "admit", "maxWaiting", "ttl" };
	struct asking			*asking = arg;
	struct ct_queue_command		 command;
	const cJSON			*value;
	cJSON				*body = is_ok(outcome) ?
	    cJSON_ParseWithLength(outcome->body, outcome->body_length) : NULL;

	if (body == NULL) {
		answer(asking, CT_SERVICE_UNAVAILABLE);
		return;
	}
	ct_queue_command_init(&command, "queue2_begin", &asking->schedule);
	ct_queue_command_number(&command, store_settings.settle_us);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = cJSON_GetObjectItemCaseSensitive(body, names[i]);
		if (cJSON_IsNumber(value))
			ct_queue_command_number(&command, (int64_t)value->valuedouble);
		else
			ct_queue_command_text(&command, cJSON_IsString(value) ? value->valuestring : "");
	}
	cJSON_Delete(body);
	store_call(&command, begun, asking);
}

void
memory_begin(struct ct_request *request, const struct ct_uuid *schedule, memory_cb cb, void *arg)
{
	struct asking	*asking = asking_of(request, cb, arg);
	char		 text[CT_UUID_TEXT];

	asking->schedule = *schedule;
	ct_uuid_format(schedule, text);
	ct_pg_call(ct_service_pg, &load, (const char *const[]){ text }, loaded, asking);
}

static void
progress_saved(const struct ct_outcome *outcome, void *arg)
{
	struct queue	*queue = arg;

	queue->saving = false;
	/* Not saved: the next tick that finds it old saves it. */
	if (!is_ok(outcome))
		queue->saved.epoch = 0;
}

bool
memory_has(const struct queue *queue, const struct progress *progress)
{
	return (!queue->saving && memcmp(&queue->saved, progress, sizeof(*progress)) == 0);
}

void
memory_note_progress(struct queue *queue, const struct progress *progress)
{
	uint64_t	now = ct_loop_now_ms();
	char		numbers[4][24];

	if (queue->saving || memcmp(&queue->saved, progress, sizeof(*progress)) == 0 ||
	    (queue->saved_ms != 0 && now - queue->saved_ms < SAVE_EVERY_MS))
		return;
	queue->saving = true;
	queue->saved_ms = now;
	queue->saved = *progress;
	(void)snprintf(numbers[0], sizeof(numbers[0]), "%" PRId64, progress->epoch);
	(void)snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, progress->last);
	(void)snprintf(numbers[2], sizeof(numbers[2]), "%" PRId64, progress->admitted_to);
	(void)snprintf(numbers[3], sizeof(numbers[3]), "%" PRId64, progress->ended);
	ct_pg_call(ct_service_pg, &save_progress, (const char *const[]){ queue->schedule_text, numbers[0],
	    numbers[1], numbers[2], numbers[3] }, progress_saved, queue);
}

static void
control_saved(const struct ct_outcome *outcome, void *arg)
{
	struct asking	*asking = arg;

	asking->cb(is_ok(outcome) ? CT_OK : CT_SERVICE_UNAVAILABLE, asking->arg);
}

void
memory_save_control(struct ct_request *request, const char *schedule, const redisReply *reply, memory_cb cb,
    void *arg)
{
	const char	*args[9];

	args[0] = schedule;
	args[1] = ct_printf(request, "%lld", reply->element[12]->integer);
	args[2] = reply->element[10]->str;
	args[3] = ct_printf(request, "%lld", reply->element[11]->integer);
	for (int i = 0; i < 5; i++)
		args[4 + i] = reply->element[13 + i]->len == 0 ? NULL : reply->element[13 + i]->str;
	ct_pg_call(ct_service_pg, &save_control, args, control_saved, asking_of(request, cb, arg));
}

static void
place_known(const struct ct_outcome *outcome, void *arg)
{
	struct asking	*asking = arg;
	enum ct_error	 error = outcome->error;

	if (error == CT_OK && strcmp(outcome->outcome, "OK") != 0)
		error = ct_error_from_code(outcome->outcome);
	if (error != CT_OK && error != CT_QUEUE_TOKEN_USED && error != CT_QUEUE_TOKEN_EXPIRED)
		error = CT_SERVICE_UNAVAILABLE;
	asking->cb(error, asking->arg);
}

void
memory_ask_place(struct ct_request *request, const struct ct_queue_token *token, memory_cb cb, void *arg)
{
	char	schedule[CT_UUID_TEXT], user[CT_UUID_TEXT], seq[24];

	ct_uuid_format(&token->schedule, schedule);
	ct_uuid_format(&token->user, user);
	(void)snprintf(seq, sizeof(seq), "%" PRIu64, token->seq);
	ct_pg_call(ct_service_pg, &place_state, (const char *const[]){ schedule, user, seq }, place_known,
	    asking_of(request, cb, arg));
}
