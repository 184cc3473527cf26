/*
 * The text of build/queue.lua is part of this program, so code and functions
 * always have the same version. See redis_library.h.
 */
#include "redis_library.h"

#include <string.h>

#include "base/log.h"

#ifndef QUEUE_LUA
#error "QUEUE_LUA: the path of queue.lua, from redis/library.mk"
#endif

__asm__(
	"	.section .rodata\n"
	"	.globl	redis_library_text\n"
	"	.hidden	redis_library_text\n"
	"redis_library_text:\n"
	"	.incbin	\"" QUEUE_LUA "\"\n"
	"	.globl	redis_library_text_end\n"
	"	.hidden	redis_library_text_end\n"
	"redis_library_text_end:\n"
	"	.byte	0\n"
	"	.previous\n");

extern const char	redis_library_text[] __attribute__((visibility("hidden")));
extern const char	redis_library_text_end[] __attribute__((visibility("hidden")));

static void
redis_library_loaded(const redisReply *reply, void *arg)
{
	(void)arg;
	if (reply != NULL && reply->type == REDIS_REPLY_ERROR)
		ct_log(CT_LOG_ERROR, NULL, "the queue's functions cannot be loaded: %s", reply->str);
}

void
redis_library_load(struct ct_redis *redis, void *arg)
{
	const char	*argv[] = { "FUNCTION", "LOAD", "REPLACE", redis_library_text };
	/* cppcheck-suppress comparePointers ; the assembler text above sets both symbols, in one section */
	size_t		 lens[] = { 8, 4, 7, (size_t)(redis_library_text_end - redis_library_text) };

	(void)arg;
	ct_redis_call(redis, 4, argv, lens, redis_library_loaded, NULL);
}
