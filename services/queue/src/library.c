/*
 * Loads redis/queue.lua into Redis. The text is part of this program (the
 * Makefile says where it is), so that code and functions always fit.
 */
#include "library.h"

#include <string.h>

#include "ct/log.h"

#ifndef QUEUE_LUA
#error "QUEUE_LUA: the path of queue.lua, from the Makefile"
#endif

__asm__(
	"	.section .rodata\n"
	"	.globl	library_text\n"
	"	.hidden	library_text\n"
	"library_text:\n"
	"	.incbin	\"" QUEUE_LUA "\"\n"
	"	.globl	library_text_end\n"
	"	.hidden	library_text_end\n"
	"library_text_end:\n"
	"	.byte	0\n"
	"	.previous\n");

extern const char	library_text[] __attribute__((visibility("hidden")));
extern const char	library_text_end[] __attribute__((visibility("hidden")));

static void
loaded(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		ct_log(CT_LOG_ERROR, NULL, "the queue's functions cannot be loaded: %s", reply->str);
}

void
library_load(struct ct_redis *redis, void *arg)
{
	const char	*argv[] = { "FUNCTION", "LOAD", "REPLACE", library_text };
	size_t		 lens[] = { 8, 4, 7, (size_t)(library_text_end - library_text) };

	(void)arg;
	ct_redis_call(redis, 4, argv, lens, loaded, NULL);
}
