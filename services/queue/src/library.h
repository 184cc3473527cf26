/* The queue's Redis functions (redis/queue.lua), which this service carries and loads. */
#ifndef QUEUE_LIBRARY_H
#define QUEUE_LIBRARY_H

#include "ct/redis.h"

/*
 * Loads the library, replacing what is there under its name. Called on every
 * connection, before anything else is sent on it, and when Redis says that it
 * does not know a function. `arg` is not used.
 */
void	 library_load(struct ct_redis *redis, void *arg);

#endif
