/* Arenas: a list of chunks, each used from its start to its end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/assert.h"

#define CHUNK_BYTES	4096

struct ct_arena_chunk {
	struct ct_arena_chunk	*next;
	size_t			 used;
	size_t			 size;
	max_align_t		 data[];
};

static void
arena_add_chunk(struct ct_arena *arena, struct ct_arena_chunk *chunk, size_t size)
{
	chunk->next = arena->chunks;
	chunk->used = 0;
	chunk->size = size;
	arena->chunks = chunk;
}

void
ct_arena_init(struct ct_arena *arena, void *memory, size_t size)
{
	arena->chunks = NULL;
	arena->first = memory;
	arena_add_chunk(arena, memory, size - sizeof(struct ct_arena_chunk));
}

void
ct_arena_deinit(struct ct_arena *arena)
{
	struct ct_arena_chunk	*chunk;

	while ((chunk = arena->chunks) != arena->first) {
		arena->chunks = chunk->next;
		free(chunk);
	}
	arena->chunks = arena->first = NULL;
}

void *
ct_arena_alloc(struct ct_arena *arena, size_t size)
{
	struct ct_arena_chunk	*chunk = arena->chunks;
	size_t			 room;
	void			*memory;

	CT_ASSERT_MSG(chunk != NULL, "freed memory is not used");
	if (size > SIZE_MAX / 2)
		abort();
	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (chunk->size - chunk->used < size) {
		room = size > CHUNK_BYTES / 2 ? size : CHUNK_BYTES;
		if ((chunk = malloc(sizeof(*chunk) + room)) == NULL)
			abort();
		arena_add_chunk(arena, chunk, room);
	}
	memory = (char *)chunk->data + chunk->used;
	chunk->used += size;
	return (memset(memory, 0, size));
}

char *
ct_arena_vprintf(struct ct_arena *arena, const char *fmt, va_list args)
{
	va_list	 again;
	char	*text;
	int	 length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, fmt, args);
	if (length < 0)
		abort();
	text = ct_arena_alloc(arena, (size_t)length + 1);
	(void)vsnprintf(text, (size_t)length + 1, fmt, again);
	va_end(again);
	return (text);
}

char *
ct_arena_printf(struct ct_arena *arena, const char *fmt, ...)
{
	va_list	 args;
	char	*text;

	va_start(args, fmt);
	text = ct_arena_vprintf(arena, fmt, args);
	va_end(args);
	return (text);
}
