/*
 * Memory that is freed all at once. A request allocates from its arena, and its reply frees the arena.
 */
#ifndef CT_ARENA_H
#define CT_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct ct_arena_chunk;

struct ct_arena {
	struct ct_arena_chunk	*chunks;	/* the newest first */
	struct ct_arena_chunk	*first;		/* the caller's memory */
};

/*
 * Starts an arena in the caller's `memory` of `size` bytes, aligned for any type. The arena takes more from the heap
 * when that is used up.
 */
void	 ct_arena_init(struct ct_arena *arena, void *memory, size_t size);

/* Frees all that was allocated. The caller's memory stays the caller's. */
void	 ct_arena_deinit(struct ct_arena *arena);

/* Returns zeroed memory, aligned for any type. Never NULL: without memory the process aborts. */
void	*ct_arena_alloc(struct ct_arena *arena, size_t size);

/* Returns the formatted text. */
char	*ct_arena_printf(struct ct_arena *arena, const char *fmt, ...)
	     __attribute__((format(printf, 2, 3)));
char	*ct_arena_vprintf(struct ct_arena *arena, const char *fmt, va_list args)
	     __attribute__((format(printf, 2, 0)));

#endif
