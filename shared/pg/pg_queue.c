/* One statement of this worker and the calls that wait for it, see pg_queue.h. */
#include <stdlib.h>

#include "base/assert.h"
#include "pg/pg_queue.h"
#include "pg/pg_settings.h"

struct pg_queue *
pg_queue_new(const struct ct_pg_statement *declared, unsigned index)
{
	struct pg_queue	*queue;

	queue = calloc(1, sizeof(*queue));
	if (queue == NULL)
		abort();
	pg_statement_init(&queue->statement, declared, index);
	queue->batch_max = queue->statement.args == 0 ? 1 : declared->batch_max;
	if (queue->batch_max < 1)
		queue->batch_max = 1;
	if (queue->batch_max > PG_BATCH_MAX)
		queue->batch_max = PG_BATCH_MAX;
	CT_ASSERT_MSG(declared->next == NULL || queue->batch_max == 1, "a statement with `next` has no batches");
	queue->sends_max = declared->next != NULL ? 1 : queue->batch_max > 1 ? PG_SENDS_MAX : 0;
	TAILQ_INIT(&queue->waiting);
	TAILQ_INIT(&queue->again);
	TAILQ_INIT(&queue->stuck);
	return (queue);
}

void
pg_queue_free(struct pg_queue *queue)
{
	CT_ASSERT(TAILQ_EMPTY(&queue->waiting) && TAILQ_EMPTY(&queue->again) && TAILQ_EMPTY(&queue->stuck));
	CT_ASSERT(queue->sends == 0 && queue->again_sends == 0);
	pg_statement_deinit(&queue->statement);
	free(queue);
}

void
pg_queue_add(struct pg_counts *counts, struct pg_call *call)
{
	pg_call_set_state(counts, call, PG_CALL_WAITING);
	TAILQ_INSERT_TAIL(&call->queue->waiting, call, list);
}

void
pg_queue_put_back(struct pg_counts *counts, struct pg_call *call)
{
	pg_trace_again(&call->trace);
	pg_call_set_state(counts, call, PG_CALL_WAITING);
	ct_metric_add(pg_metrics.again, 1);
	if (call->alone)
		TAILQ_INSERT_HEAD(&call->queue->again, call, list);
	else
		TAILQ_INSERT_HEAD(&call->queue->waiting, call, list);
}

bool
pg_queue_is_share_full(const struct pg_queue *queue, unsigned queue_max)
{
	const struct pg_call	*call;
	unsigned		 waiting = 0;

	if (queue->statement.declared->next == NULL)
		return (false);
	TAILQ_FOREACH(call, &queue->waiting, list) {
		if (++waiting > queue_max / PG_TURNS_SHARE)
			return (true);
	}
	return (false);
}

static void
pg_queue_drop(struct pg_counts *counts, struct pg_calls *from, struct pg_call *call)
{
	TAILQ_REMOVE(from, call, list);
	pg_call_fail(counts, call, CT_ERROR_SERVICE_UNAVAILABLE);
}

/* A call that a callback added has queued_ms after `now`. It stays, also with a limit of 0. */
static void
pg_queue_expire_list(struct pg_calls *calls, struct pg_counts *counts, uint64_t now, uint64_t limit_ms)
{
	struct pg_call	*call;

	while ((call = TAILQ_FIRST(calls)) != NULL && call->queued_ms <= now && now - call->queued_ms >= limit_ms)
		pg_queue_drop(counts, calls, call);
}

void
pg_queue_expire(struct pg_queue *queue, struct pg_counts *counts, uint64_t now, uint64_t limit_ms)
{
	pg_queue_expire_list(&queue->again, counts, now, limit_ms);
	pg_queue_expire_list(&queue->stuck, counts, now, limit_ms);
	pg_queue_expire_list(&queue->waiting, counts, now, limit_ms);
}

void
pg_queue_drop_unwanted(struct pg_queue *queue, struct pg_counts *counts)
{
	struct pg_call	*call, *next;

	for (call = TAILQ_FIRST(&queue->waiting); call != NULL; call = next) {
		next = TAILQ_NEXT(call, list);
		if (!pg_call_is_wanted(call))
			pg_queue_drop(counts, &queue->waiting, call);
	}
}
