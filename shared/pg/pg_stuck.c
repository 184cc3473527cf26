/* Stuck keys, see pg_stuck.h. */
#include <stdio.h>
#include <string.h>

#include "loop/loop.h"
#include "pg/pg_queue.h"
#include "pg/pg_stuck.h"

/* Returns the key of a call, or NULL if it has none. */
static const char *
pg_stuck_key(const struct pg_call *call)
{
	if (call->queue->batch_max == 1 || call->statement->args == 0 || call->args[0] == NULL ||
	    strlen(call->args[0]) >= PG_KEY_TEXT)
		return (NULL);
	return (call->args[0]);
}

/* Returns the index of the call's stuck key, -1 if it is not stuck. */
static int
pg_stuck_find(const struct pg_stuck *stuck, const struct pg_call *call)
{
	uint64_t	 now;
	const char	*key;
	int		 i;

	/* Usually no key is stuck. */
	if (stuck->until_ms == 0 || (now = ct_loop_now_ms()) >= stuck->until_ms || (key = pg_stuck_key(call)) == NULL)
		return (-1);
	for (i = 0; i < PG_STUCK_MAX; i++) {
		if (now < stuck->keys[i].until_ms && strcmp(stuck->keys[i].text, key) == 0)
			return (i);
	}
	return (-1);
}

bool
pg_stuck_has(const struct pg_stuck *stuck, const struct pg_call *call)
{
	return (pg_stuck_find(stuck, call) >= 0);
}

void
pg_stuck_add(struct pg_stuck *stuck, const struct pg_call *call)
{
	const char	*key = pg_stuck_key(call);
	int		 i, at = pg_stuck_find(stuck, call);

	if (key == NULL)
		return;
	if (at < 0) {
		at = 0;
		for (i = 1; i < PG_STUCK_MAX; i++) {
			if (stuck->keys[i].until_ms < stuck->keys[at].until_ms)
				at = i;
		}
		(void)snprintf(stuck->keys[at].text, sizeof(stuck->keys[at].text), "%s", key);
	}
	stuck->keys[at].until_ms = ct_loop_now_ms() + PG_STUCK_MS;
	stuck->until_ms = stuck->keys[at].until_ms;
}

void
pg_stuck_remove(struct pg_stuck *stuck, const struct pg_call *call)
{
	int	at = pg_stuck_find(stuck, call);

	if (at >= 0)
		stuck->keys[at].until_ms = 0;
}
