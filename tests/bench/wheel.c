/* A timer wheel for waiting users, and the list of due ones. See load.h. */
#include <stdlib.h>

#include "load.h"

#define SLOT_MS		5
#define SLOTS		8192	/* one turn is 41 s, longer than any pollAfterSeconds */

struct entry {
	uint32_t	next;	/* in a slot of the wheel, or in the list of due users */
	uint64_t	due_us;
};

static struct entry	*entries;
static uint32_t		 slots[SLOTS], due_first = NOBODY, due_last = NOBODY;
static uint64_t		 at;	/* the slot that is due next, counted from the start */

void
wheel_init(unsigned count)
{
	unsigned	i;

	if ((entries = calloc(count, sizeof(*entries))) == NULL)
		fail("no memory for %u users", count);
	for (i = 0; i < SLOTS; i++)
		slots[i] = NOBODY;
	at = now_us() / (SLOT_MS * 1000);
}

static void
append(uint32_t id)
{
	entries[id].next = NOBODY;
	if (due_last == NOBODY)
		due_first = id;
	else
		entries[due_last].next = id;
	due_last = id;
}

void
wheel_due_now(uint32_t id)
{
	entries[id].due_us = now_us();
	append(id);
}

void
wheel_sleep(uint32_t id, uint64_t due_us)
{
	uint64_t	slot = due_us / (SLOT_MS * 1000);

	if (slot < at)
		slot = at;
	if (slot >= at + SLOTS)
		slot = at + SLOTS - 1;
	entries[id].due_us = due_us;
	entries[id].next = slots[slot % SLOTS];
	slots[slot % SLOTS] = id;
}

void
wheel_turn(uint64_t now)
{
	uint64_t	until = now / (SLOT_MS * 1000);

	for (; at <= until; at++) {
		uint32_t	id = slots[at % SLOTS], next;

		slots[at % SLOTS] = NOBODY;
		for (; id != NOBODY; id = next) {
			next = entries[id].next;
			append(id);
		}
	}
}

uint32_t
wheel_first(void)
{
	return (due_first);
}

uint64_t
wheel_due_us(uint32_t id)
{
	return (entries[id].due_us);
}

void
wheel_drop_first(void)
{
	if ((due_first = entries[due_first].next) == NOBODY)
		due_last = NOBODY;
}
