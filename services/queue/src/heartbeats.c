/* A table from the hash of a place to the time of its last WAITING answer. See heartbeats.h. */
#include "heartbeats.h"

#include <stdint.h>
#include <string.h>

#include "loop/loop.h"
#include "queue_constants.h"
#include "redis_calls.h"

/* 8 MiB. With a million waiters most of them keep their entry. */
#define BITS		20
#define TIME_BITS	16

/* Two units make one HEARTBEAT_PARTS-th of the patience. */
#define UNITS		(2 * QUEUE_HEARTBEAT_PARTS)

/* After this number of units the count begins again. */
#define UNITS_COUNTED	((1 << TIME_BITS) - 1)

/* 48 bits of a place's hash, and 16 bits of time in units, counted from 1; 0: free. */
static uint64_t	table[1 << BITS];

static uint64_t
heartbeats_hash(const struct ct_queue_token *token)
{
	uint64_t	user, hash;

	/* The last 8 bytes of a user's id are random. User and seq name a place. */
	memcpy(&user, token->user.bytes + 8, sizeof(user));
	hash = (user ^ token->seq) * UINT64_C(0x9e3779b97f4a7c15);
	return (hash ^ hash >> 32);
}

static uint64_t
heartbeats_now(void)
{
	uint64_t	unit_ms = (uint64_t)(queue_settings.patience_us / (UNITS * 1000));

	return (1 + ct_loop_about_ms() / unit_ms % UNITS_COUNTED);
}

bool
heartbeats_is_recent(const struct ct_queue_token *token)
{
	uint64_t	hash = heartbeats_hash(token), entry = table[hash >> (64 - BITS)], now = heartbeats_now();
	uint64_t	time = entry & ((1 << TIME_BITS) - 1);

	/* The same unit or the next one: less than two units have passed. */
	return ((entry ^ hash << TIME_BITS) >> TIME_BITS == 0 && time != 0 && (time == now || time % UNITS_COUNTED + 1 == now));
}

void
heartbeats_note(const struct ct_queue_token *token)
{
	uint64_t	hash = heartbeats_hash(token);

	table[hash >> (64 - BITS)] = hash << TIME_BITS | heartbeats_now();
}
