/* The queue's Redis functions (services/queue/redis), which this program contains and loads into Redis. */
#ifndef QUEUE_REDIS_LIBRARY_H
#define QUEUE_REDIS_LIBRARY_H

#include "redis/redis.h"

/*
 * Loads the library and replaces the one of the same name. Call it on every new
 * connection before any other command, and when Redis answers that it does not
 * know a function. `arg` is not used.
 */
void	 redis_library_load(struct ct_redis *redis, void *arg);

#endif
