/* Who was heard of lately: a table that hashes places to when. See heard.h. */
#include "heard.h"

#include <stdint.h>
#include <string.h>

#include "ct/loop.h"
#include "store.h"

/* 8 MiB: a million who wait hold on to theirs for most of the time. */
#define BITS		20
#define WHEN_BITS	16

/* 48 bits of a place's hash, and 16 of when it was heard of, in sixteenths of the patience from 1 on; 0: free. */
static uint64_t	table[1 << BITS];

static uint64_t
hash_of(const struct ct_queue_token *token)
{
	uint64_t	user, hash;

	/* The end of a UUID is random. A place is its user's, at a seq. */
	memcpy(&user, token->user.bytes + 8, sizeof(user));
	hash = (user ^ token->seq) * UINT64_C(0x9e3779b97f4a7c15);
	return (hash ^ hash >> 32);
}

static uint64_t
when_now(void)
{
	return (1 + ct_loop_about_ms() / (uint64_t)(store_settings.patience_us / 16000) % ((1 << WHEN_BITS) - 1));
}

bool
heard_lately(const struct ct_queue_token *token)
{
	uint64_t	hash = hash_of(token), entry = table[hash >> (64 - BITS)], now = when_now();
	uint64_t	when = entry & ((1 << WHEN_BITS) - 1);

	/* One sixteenth has begun since at the most: at least one and less than two have passed. */
	return ((entry ^ hash << WHEN_BITS) >> WHEN_BITS == 0 && when != 0 && (when == now || when + 1 == now));
}

void
heard_note(const struct ct_queue_token *token)
{
	uint64_t	hash = hash_of(token);

	table[hash >> (64 - BITS)] = hash << WHEN_BITS | when_now();
}
