/*
 * The life of an exchange and its memory: one block of 4 KiB holds the
 * exchange and the first of what is allocated for it, and is used again by a
 * later request; only what does not fit is allocated apart.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "exchange.h"

#define BLOCK_BYTES	4096
/* Five mistakes in each of a hundred sections. */
#define INVALID_MAX	(64 * 1024)

struct ct_chunk {
	struct ct_chunk	*next;
	size_t		 used;
	size_t		 size;
	max_align_t	 data[];
};

struct block {
	struct ct_exchange	 exchange;
	struct block		*next_spare;
};

static struct block	*spare;
static unsigned		 spare_count;
static unsigned		 live_count;

/* Blocks kept for later. Reuse would hide from AddressSanitizer that a freed exchange is touched. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARE_LIMIT	0
#else
#define SPARE_LIMIT	1024
#endif

/* What remains of the block after the exchange is its first chunk. */
static struct ct_chunk *
first_chunk(struct block *block)
{
	return ((struct ct_chunk *)(void *)((char *)block +
	    ((sizeof(*block) + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1))));
}

struct ct_exchange *
ct_exchange_new(void)
{
	struct block	*block = spare;

	if (block != NULL) {
		spare = block->next_spare;
		spare_count--;
	} else if ((block = aligned_alloc(_Alignof(max_align_t), BLOCK_BYTES)) == NULL) {
		abort();
	}
	memset(block, 0, sizeof(*block));
	block->exchange.chunks = first_chunk(block);
	block->exchange.chunks->next = NULL;
	block->exchange.chunks->used = 0;
	block->exchange.chunks->size = BLOCK_BYTES -
	    (size_t)((char *)block->exchange.chunks->data - (char *)block);
	ct_buf_init(&block->exchange.invalid, INVALID_MAX);
	(void)clock_gettime(CLOCK_MONOTONIC, &block->exchange.started);
	live_count++;
	return (&block->exchange);
}

void
ct_exchange_free(struct ct_exchange *exchange)
{
	struct block	*block = (struct block *)exchange;
	struct ct_chunk	*chunk, *own = first_chunk(block);

	while ((chunk = exchange->chunks) != own) {
		exchange->chunks = chunk->next;
		free(chunk);
	}
	ct_buf_deinit(&exchange->invalid);
	cJSON_Delete(exchange->tree);
	live_count--;

	if (spare_count + 1 > SPARE_LIMIT) {
		free(block);
		return;
	}
	block->next_spare = spare;
	spare = block;
	spare_count++;
}

unsigned
ct_exchange_count(void)
{
	return (live_count);
}

void *
ct_alloc(struct ct_request *request, size_t size)
{
	struct ct_exchange	*exchange = ct_exchange_of(request);
	struct ct_chunk		*chunk = exchange->chunks;
	size_t			 room;
	void			*memory;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	if (chunk->size - chunk->used < size) {
		room = size > BLOCK_BYTES / 2 ? size : BLOCK_BYTES;
		if ((chunk = malloc(sizeof(*chunk) + room)) == NULL)
			abort();
		chunk->next = exchange->chunks;
		chunk->used = 0;
		chunk->size = room;
		exchange->chunks = chunk;
	}
	memory = (char *)chunk->data + chunk->used;
	chunk->used += size;
	return (memset(memory, 0, size));
}

char *
ct_printf(struct ct_request *request, const char *fmt, ...)
{
	va_list	args;
	char	*text;
	int	 length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (length < 0)
		abort();
	text = ct_alloc(request, (size_t)length + 1);
	va_start(args, fmt);
	(void)vsnprintf(text, (size_t)length + 1, fmt, args);
	va_end(args);
	return (text);
}

enum ct_known_header
ct_known_header(const char *name)
{
	static const struct {
		const char		*name;
		enum ct_known_header	 header;
	}	by_length[18][4] = {
		[10] = { { "connection", CT_HEADER_CONNECTION } },
		[12] = { { "content-type", CT_HEADER_CONTENT_TYPE }, { "x-request-id", CT_HEADER_REQUEST_ID } },
		[13] = { { "authorization", CT_HEADER_AUTHORIZATION }, { "x-queue-token", CT_HEADER_QUEUE_TOKEN },
		    { "if-none-match", CT_HEADER_IF_NONE_MATCH }, { "x-body-length", CT_HEADER_BODY_LENGTH } },
		[14] = { { "content-length", CT_HEADER_CONTENT_LENGTH } },
		[15] = { { "idempotency-key", CT_HEADER_IDEMPOTENCY_KEY } },
		[16] = { { "content-encoding", CT_HEADER_CONTENT_ENCODING } },
		[17] = { { "transfer-encoding", CT_HEADER_TRANSFER_ENCODING } },
	};
	size_t		length = strlen(name);
	unsigned	i;

	if (length >= sizeof(by_length) / sizeof(by_length[0]))
		return (CT_HEADER_OTHER);
	for (i = 0; i < 4 && by_length[length][i].name != NULL; i++) {
		if (strcasecmp(by_length[length][i].name, name) == 0)
			return (by_length[length][i].header);
	}
	return (CT_HEADER_OTHER);
}

const char *
ct_header(struct ct_request *request, const char *name)
{
	enum ct_known_header	known = ct_known_header(name);

	if (known < CT_HEADERS)
		return (ct_exchange_of(request)->headers[known]);
	return (ct_edge_header(ct_exchange_of(request), name));
}
