/*
 * Calls of the queue's Redis functions: the settings as their arguments, sending,
 * and failures. queue_answers.h decodes what they answer.
 */
#ifndef QUEUE_REDIS_CALLS_H
#define QUEUE_REDIS_CALLS_H

#include <stdint.h>

#include "http/handler.h"
#include "queue_client/queue_store.h"
#include "redis/redis_cluster.h"

/* The service's settings. Operators may change the last four for one schedule. */
struct queue_settings {
	int64_t		patience_us;	/* a waiter that is silent for longer loses the place */
	int64_t		settle_us;	/* after a store loss the queue admits nobody for this time */
	int64_t		tick_us;
	int64_t		max_active;
	int64_t		admit_per_second;
	int64_t		max_waiting;
	int64_t		active_ttl;	/* seconds */
};
extern struct queue_settings	queue_settings;

/* Reads the settings. Stops the start and names the setting if a value is wrong. */
void	 redis_calls_configure(void);

/* Appends all settings in the order in which the functions expect them. */
void	 redis_calls_append_settings(struct ct_queue_command *command);

/* Ends `command` and sends it to the server of its schedule. */
void	 redis_calls_send(struct ct_queue_command *command, ct_redis_cb cb, void *arg);

/*
 * Logs that `command` (the name of a function or a Redis command) had an answer that is an error or cannot be decoded. If
 * the function is missing in Redis, it loads the library. No answer (NULL) is logged by the Redis client.
 */
void	 redis_calls_failed(const char *request_id, const char *command, const redisReply *reply);

/* Replies 503 to a request that needs the store. Entering, asking and leaving may all be repeated. */
void	 redis_calls_unavailable(struct ct_request *request);

/* Both: logs the failure and replies 503. */
void	 redis_calls_refuse(struct ct_request *request, const char *command, const redisReply *reply);

#endif
