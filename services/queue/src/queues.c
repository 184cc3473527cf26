/* The table of queues: chained buckets over a fixed array. See queues.h. */
#include "queues.h"

#include <string.h>

#include "ct/loop.h"

#define BUCKETS		4096
#define LOOKED_AT	64

static struct queue	 entries[QUEUES_MAX];
static unsigned		 entries_used;
static struct queue	*buckets[BUCKETS];

static struct queue **
bucket_of(const struct ct_uuid *schedule)
{
	uint64_t	hash;

	/* The end of a UUID is random in all versions that are made today. */
	memcpy(&hash, schedule->bytes + 8, sizeof(hash));
	return (&buckets[(hash * UINT64_C(0x9e3779b97f4a7c15)) >> 52]);
}

struct queue *
queues_find(const struct ct_uuid *schedule)
{
	struct queue	*queue;

	for (queue = *bucket_of(schedule); queue != NULL; queue = queue->next) {
		if (memcmp(&queue->schedule, schedule, sizeof(*schedule)) == 0) {
			queue->used_ms = ct_loop_about_ms();
			return (queue);
		}
	}
	return (NULL);
}

static bool
has_calls(const struct queue *queue)
{
	for (int kind = 0; kind < PLACE_KINDS; kind++) {
		if (queue->calls[kind].under_way > 0 || queue->calls[kind].first != NULL)
			return (true);
	}
	return (false);
}

/*
 * Takes an entry that was not used for long out of its bucket: the oldest removable one of the next LOOKED_AT. Calls
 * about schedules that do not exist must not each search the whole table.
 */
static struct queue *
take_old(void)
{
	static unsigned	 next;
	struct queue	*oldest = NULL, **at;

	for (unsigned i = 0, found = 0; i < entries_used && found < LOOKED_AT; i++) {
		struct queue	*queue = &entries[next++ % entries_used];

		if (queue->live || queue->asking || queue->ticking || queue->saving ||
		    queue->copy != NULL || has_calls(queue))
			continue;
		found++;
		if (oldest == NULL || queue->used_ms < oldest->used_ms)
			oldest = queue;
	}
	if (oldest == NULL)
		return (NULL);
	for (at = bucket_of(&oldest->schedule); *at != oldest; at = &(*at)->next)
		;
	*at = oldest->next;
	return (oldest);
}

struct queue *
queues_get(const struct ct_uuid *schedule)
{
	struct queue	*queue = queues_find(schedule), **bucket;

	if (queue != NULL)
		return (queue);
	queue = entries_used < QUEUES_MAX ? &entries[entries_used++] : take_old();
	if (queue == NULL)
		return (NULL);
	memset(queue, 0, sizeof(*queue));
	queue->schedule = *schedule;
	ct_uuid_format(schedule, queue->schedule_text);
	queue->used_ms = ct_loop_about_ms();
	bucket = bucket_of(schedule);
	queue->next = *bucket;
	*bucket = queue;
	return (queue);
}

void
queues_each(void (*each)(struct queue *))
{
	for (unsigned i = 0; i < entries_used; i++)
		each(&entries[i]);
}

void
queues_each_live(void (*each)(struct queue *))
{
	for (unsigned i = 0; i < entries_used; i++) {
		if (entries[i].live)
			each(&entries[i]);
	}
}
