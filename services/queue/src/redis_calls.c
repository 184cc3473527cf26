/* See redis_calls.h. */
#include "redis_calls.h"

#include <string.h>

#include "base/config.h"
#include "base/log.h"
#include "redis_library.h"
#include "service/service.h"

struct queue_settings	queue_settings;

void
redis_calls_configure(void)
{
	queue_settings.max_active = ct_config_number("QUEUE_MAX_ACTIVE");
	queue_settings.admit_per_second = ct_config_number("QUEUE_ADMIT_PER_SECOND");
	queue_settings.max_waiting = ct_config_number("QUEUE_MAX_WAITING");
	queue_settings.active_ttl = ct_config_number("QUEUE_ACTIVE_TTL_SECONDS");
	queue_settings.patience_us = ct_config_number("QUEUE_ABANDON_AFTER_SECONDS") * 1000000;
	queue_settings.tick_us = ct_config_number("QUEUE_TICK_MS") * 1000;
	/* Longer than the longest pollAfterSeconds, so that every waiter has polled by then. */
	queue_settings.settle_us = ct_config_number("QUEUE_SETTLE_SECONDS") * 1000000;
}

void
redis_calls_append_settings(struct ct_queue_command *command)
{
	ct_queue_command_number(command, queue_settings.patience_us);
	ct_queue_command_number(command, queue_settings.settle_us);
	ct_queue_command_number(command, queue_settings.tick_us);
	ct_queue_command_number(command, queue_settings.max_active);
	ct_queue_command_number(command, queue_settings.admit_per_second);
	ct_queue_command_number(command, queue_settings.max_waiting);
	ct_queue_command_number(command, queue_settings.active_ttl);
}

void
redis_calls_send(struct ct_queue_command *command, ct_redis_cb cb, void *arg)
{
	const char	*text;
	size_t		 length;

	text = ct_queue_command_end(command, &length);
	ct_redis_cluster_send(ct_service_redis, command->schedule, text, length, cb, arg);
}

void
redis_calls_failed(const char *request_id, const char *command, const redisReply *reply)
{
	if (reply == NULL)
		return;
	if (reply->type != REDIS_REPLY_ERROR) {
		ct_log(CT_LOG_ERROR, request_id, "redis: %s: the answer has another form than this release expects", command);
		return;
	}
	ct_log(CT_LOG_WARNING, request_id, "redis: %s: %s", command, reply->str);
	if (strstr(reply->str, "Function not found") != NULL)
		ct_redis_cluster_each(ct_service_redis, redis_library_load, NULL);
}

void
redis_calls_unavailable(struct ct_request *request)
{
	ct_reply_error(request, CT_ERROR_SERVICE_UNAVAILABLE, "the queue cannot be asked now", NULL);
}

void
redis_calls_refuse(struct ct_request *request, const char *command, const redisReply *reply)
{
	redis_calls_failed(request->id, command, reply);
	redis_calls_unavailable(request);
}
