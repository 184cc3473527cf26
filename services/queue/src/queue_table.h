/*
 * The queues that this worker knows, one entry per schedule in a bounded table.
 * Each module keeps its own part of an entry, private in its file, in an array
 * with the index of the entry.
 */
#ifndef QUEUE_QUEUE_TABLE_H
#define QUEUE_QUEUE_TABLE_H

#include <stdbool.h>

#include "base/ids.h"

#define QUEUE_TABLE_MAX	8192

/* An entry. It keeps its address. */
struct queue {
	struct ct_uuid	schedule;
	char		schedule_text[CT_UUID_TEXT];
};

/* The functions that a module gives the table for its part. */
struct queue_part {
	/* A busy entry is never given to another schedule: a command or a question about it is on its way. */
	bool	(*is_busy)(const struct queue *queue);
	/* The entry is now about another schedule. */
	void	(*clear)(const struct queue *queue);
};

/* Sets the parts, a list that ends with NULL. Call it once, before the first queue_table_get. */
void		 queue_table_configure(const struct queue_part *const *parts);

/* The index of an entry: 0 to QUEUE_TABLE_MAX - 1. */
unsigned	 queue_table_index(const struct queue *queue);

/* The schedule's entry, or NULL if there is none. */
struct queue	*queue_table_find(const struct ct_uuid *schedule);

/*
 * The schedule's entry. If there is none, it makes one, and may take the place of
 * an entry that was not used for long. NULL if all entries are busy.
 */
struct queue	*queue_table_get(const struct ct_uuid *schedule);

/* Calls `each` for all entries. */
void		 queue_table_each(void (*each)(struct queue *));

#endif
