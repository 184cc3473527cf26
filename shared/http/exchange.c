/*
 * The life of an exchange. One block of 4 KiB holds the exchange and the start of its memory. A later request uses the
 * block again, so most requests allocate nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/metrics.h"
#include "http/exchange.h"

#define BLOCK_BYTES	4096
/* Room for five invalid fields in each of a hundred sections. */
#define INVALID_MAX	(64 * 1024)

struct block {
	struct ct_exchange	 exchange;
	struct block		*next_spare;
	max_align_t		 memory[];
};

_Static_assert(offsetof(struct ct_exchange, request) == 0, "ct_exchange_of() casts a request to its exchange");
_Static_assert(offsetof(struct block, exchange) == 0, "ct_exchange_free() casts an exchange to its block");
_Static_assert(sizeof(struct block) <= BLOCK_BYTES / 2, "half of a block is a request's memory");

static struct block	*spare;
static unsigned		 spare_count;
static unsigned		 live_count;
static struct ct_metric	*in_flight;

/* How many free blocks a worker keeps. None under AddressSanitizer: it must see each use of a freed exchange. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARE_LIMIT	0
#else
#define SPARE_LIMIT	1024
#endif

void
ct_exchange_configure(void)
{
	in_flight = ct_metric_gauge("ct_requests_in_flight", "", "Requests being worked on.");
}

struct ct_exchange *
ct_exchange_new(void)
{
	struct block	*block = spare;

	if (block != NULL) {
		CT_ASSERT_MSG(block->exchange.state == CT_EXCHANGE_FREE, "a freed exchange is not used");
		spare = block->next_spare;
		spare_count--;
	} else if ((block = aligned_alloc(_Alignof(max_align_t), BLOCK_BYTES)) == NULL) {
		abort();
	}
	memset(block, 0, sizeof(*block));
	block->exchange.state = CT_EXCHANGE_OPEN;
	ct_arena_init(&block->exchange.request.memory, block->memory, BLOCK_BYTES - offsetof(struct block, memory));
	ct_buf_init(&block->exchange.invalid, INVALID_MAX);
	(void)clock_gettime(CLOCK_MONOTONIC, &block->exchange.started);
	ct_metric_set(in_flight, ++live_count);
	return (&block->exchange);
}

void
ct_exchange_free(struct ct_exchange *exchange)
{
	struct block	*block = (struct block *)exchange;

	CT_ASSERT_MSG(exchange->state != CT_EXCHANGE_FREE, "an exchange is freed once");
	ct_arena_deinit(&exchange->request.memory);
	ct_buf_deinit(&exchange->invalid);
	cJSON_Delete(exchange->tree);
	exchange->state = CT_EXCHANGE_FREE;
	ct_metric_set(in_flight, --live_count);

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
