/* The queue's Redis functions as seen from C. See store.h. */
#include "store.h"

#include <string.h>

#include "ct/config.h"
#include "ct/log.h"
#include "ct/service.h"
#include "library.h"

struct store_settings	store_settings;

void
store_configure(void)
{
	store_settings.max_active = ct_config_number("QUEUE_MAX_ACTIVE", 0, 1000000, 500);
	store_settings.admit_per_second = ct_config_number("QUEUE_ADMIT_PER_SECOND", 0, 100000, 100);
	store_settings.max_waiting = ct_config_number("QUEUE_MAX_WAITING", 0, 100000000, 2000000);
	store_settings.active_ttl = ct_config_number("QUEUE_ACTIVE_TTL_SECONDS", 1, 86400, 120);
	store_settings.patience_us =
	    ct_config_number("QUEUE_ABANDON_AFTER_SECONDS", 30, 86400, 600) * 1000000;
	store_settings.tick_us = ct_config_number("QUEUE_TICK_MS", 10, 5000, 100) * 1000;
	/* Longer than the longest pollAfterSeconds: by then all who still wait have asked. */
	store_settings.settle_us = ct_config_number("QUEUE_SETTLE_SECONDS", 0, 3600, 25) * 1000000;
}

void
store_append_settings(struct ct_queue_command *command)
{
	ct_queue_command_number(command, store_settings.patience_us);
	ct_queue_command_number(command, store_settings.settle_us);
	ct_queue_command_number(command, store_settings.tick_us);
	ct_queue_command_number(command, store_settings.max_active);
	ct_queue_command_number(command, store_settings.admit_per_second);
	ct_queue_command_number(command, store_settings.max_waiting);
	ct_queue_command_number(command, store_settings.active_ttl);
}

void
store_call(struct ct_queue_command *command, ct_redis_cb cb, void *arg)
{
	const char	*text;
	size_t		 length;

	text = ct_queue_command_end(command, &length);
	ct_redis_send(ct_service_redis, text, length, cb, arg);
}

void
store_failed(const char *request_id, const redisReply *reply)
{
	/* No answer at all is the client's to report. */
	if (reply == NULL)
		return;
	ct_log(CT_LOG_WARNING, request_id, "redis: %s",
	    reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another kind than expected");
	if (reply->type == REDIS_REPLY_ERROR && strstr(reply->str, "Function not found") != NULL)
		library_load(ct_service_redis, NULL);
}

void
store_unavailable(struct ct_request *request)
{
	/* Whatever may have happened: entering, asking and leaving again do no harm. */
	ct_reply_error(request, CT_SERVICE_UNAVAILABLE, "the queue cannot be asked now", NULL);
}

bool
store_answered(struct ct_request *request, const redisReply *reply, size_t elements)
{
	if (reply != NULL && reply->type != REDIS_REPLY_ERROR &&
	    (elements == 0 || (reply->type == REDIS_REPLY_ARRAY && reply->elements == elements)))
		return (true);
	store_failed(request->id, reply);
	store_unavailable(request);
	return (false);
}

bool
store_place(const redisReply *reply, struct place *place_r)
{
	static const struct {
		const char		*name;
		enum place_state	 state;
	} states[] = {
		{ "WAITING", PLACE_WAITING },
		{ "ACTIVE", PLACE_ACTIVE },
		{ "USED", PLACE_USED },
		{ "QUEUE_CLOSED", PLACE_CLOSED },
		{ "QUEUE_FULL", PLACE_FULL },
		{ "NEW", PLACE_NEW },
		{ "ASK", PLACE_ASK },
	};

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 7 || reply->element[0]->type != REDIS_REPLY_STRING)
		return (false);
	place_r->state = PLACE_EXPIRED;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(reply->element[0]->str, states[i].name) == 0)
			place_r->state = states[i].state;
	}
	place_r->seq = (uint64_t)reply->element[1]->integer;
	place_r->epoch = (uint64_t)reply->element[2]->integer;
	place_r->position = reply->element[3]->integer;
	place_r->active_until_ms = reply->element[4]->integer;
	place_r->wait = reply->element[5]->integer;
	place_r->is_new = reply->element[6]->integer == 1;
	place_r->paused = false;
	return (true);
}
