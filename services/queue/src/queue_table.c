/* Chained buckets over a fixed array. See queue_table.h. */
#include "queue_table.h"

#include <stdint.h>
#include <string.h>

#include "loop/loop.h"

#define BUCKETS		4096
#define LOOKED_AT	64

struct entry {
	struct queue	 queue;		/* first, so that a queue's address is its entry's */
	struct entry	*next;		/* of the same bucket */
	uint64_t	 used_ms;	/* when it was last looked up */
};

static const struct queue_part *const	no_parts[] = { NULL };
static const struct queue_part *const	*parts = no_parts;
static struct entry	 entries[QUEUE_TABLE_MAX];
static unsigned		 entries_used;
static struct entry	*buckets[BUCKETS];

void
queue_table_configure(const struct queue_part *const *all_parts)
{
	parts = all_parts;
}

unsigned
queue_table_index(const struct queue *queue)
{
	return ((unsigned)((const struct entry *)(const void *)queue - entries));
}

static struct entry **
queue_table_bucket(const struct ct_uuid *schedule)
{
	uint64_t	hash;

	/* The last 8 bytes are random in every version of UUID that is used for ids. */
	memcpy(&hash, schedule->bytes + 8, sizeof(hash));
	return (&buckets[(hash * UINT64_C(0x9e3779b97f4a7c15)) >> 52]);
}

struct queue *
queue_table_find(const struct ct_uuid *schedule)
{
	struct entry	*entry;

	for (entry = *queue_table_bucket(schedule); entry != NULL; entry = entry->next) {
		if (memcmp(&entry->queue.schedule, schedule, sizeof(*schedule)) == 0) {
			entry->used_ms = ct_loop_about_ms();
			return (&entry->queue);
		}
	}
	return (NULL);
}

static bool
queue_table_is_busy(const struct queue *queue)
{
	for (size_t i = 0; parts[i] != NULL; i++) {
		if (parts[i]->is_busy(queue))
			return (true);
	}
	return (false);
}

/*
 * Takes the least recently used of the next LOOKED_AT entries that are not busy out of its bucket. The search is bounded:
 * a client may send any number of calls about schedules that do not exist.
 */
static struct entry *
queue_table_take_old(void)
{
	static unsigned	 next;
	struct entry	*oldest = NULL, **at;

	for (unsigned i = 0, found = 0; i < entries_used && found < LOOKED_AT; i++) {
		struct entry	*entry = &entries[next++ % entries_used];

		if (queue_table_is_busy(&entry->queue))
			continue;
		found++;
		if (oldest == NULL || entry->used_ms < oldest->used_ms)
			oldest = entry;
	}
	if (oldest == NULL)
		return (NULL);
	for (at = queue_table_bucket(&oldest->queue.schedule); *at != oldest; at = &(*at)->next)
		;
	*at = oldest->next;
	return (oldest);
}

struct queue *
queue_table_get(const struct ct_uuid *schedule)
{
	struct queue	*queue = queue_table_find(schedule);
	struct entry	*entry, **bucket;

	if (queue != NULL)
		return (queue);
	entry = entries_used < QUEUE_TABLE_MAX ? &entries[entries_used++] : queue_table_take_old();
	if (entry == NULL)
		return (NULL);
	for (size_t i = 0; parts[i] != NULL; i++)
		parts[i]->clear(&entry->queue);
	entry->queue.schedule = *schedule;
	ct_uuid_format(schedule, entry->queue.schedule_text);
	entry->used_ms = ct_loop_about_ms();
	bucket = queue_table_bucket(schedule);
	entry->next = *bucket;
	*bucket = entry;
	return (&entry->queue);
}

void
queue_table_each(void (*each)(struct queue *))
{
	for (unsigned i = 0; i < entries_used; i++)
		each(&entries[i].queue);
}
