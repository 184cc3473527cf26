/* Chooses which waiting calls go next, see pg_schedule.h. */
#include <stddef.h>

#include "base/assert.h"
#include "pg/pg_internal.h"
#include "pg/pg_params.h"
#include "pg/pg_schedule.h"
#include "pg/pg_settings.h"

#define PG_BATCH_BYTES_MAX	(1024 * 1024)	/* a batch takes no further call beyond it; one call may be larger */

_Static_assert(PG_BATCH_BYTES_MAX < PG_BUF_CEILING, "a batch of small calls fits into the buffer of a send");

/* Returns the first call of the list whose key is not stuck. Calls before it move to `stuck`. */
static struct pg_call *
pg_schedule_first(const struct ct_pg *pg, struct pg_queue *queue, struct pg_calls *list)
{
	struct pg_call	*call;

	while ((call = TAILQ_FIRST(list)) != NULL && pg_stuck_has(&pg->stuck, call)) {
		TAILQ_REMOVE(list, call, list);
		TAILQ_INSERT_TAIL(&queue->stuck, call, list);
	}
	return (call);
}

/* Calls of failed batches use half of the connections, because a lock that they wait for must not take all. */
static bool
pg_schedule_may_repeat(const struct ct_pg *pg, const struct pg_queue *queue)
{
	if (queue->statement.declared->next != NULL)
		return (queue->sends < queue->sends_max);
	return (queue->again_sends < (pg->conns_count + 1) / 2);
}

/* Returns the list of this queue from which the next send may take calls, or NULL. */
static struct pg_calls *
pg_schedule_list(const struct ct_pg *pg, struct pg_queue *queue)
{
	bool	waits = pg_schedule_first(pg, queue, &queue->waiting) != NULL;

	if (pg_schedule_first(pg, queue, &queue->again) != NULL && pg_schedule_may_repeat(pg, queue))
		return (&queue->again);
	if (!TAILQ_EMPTY(&queue->stuck) && pg->stuck.sends == 0)
		return (&queue->stuck);
	if (!waits || (queue->sends_max > 0 && queue->sends >= queue->sends_max))
		return (NULL);
	return (&queue->waiting);
}

/* Returns the counter of sends in flight for a send from this list, NULL if they have no limit. */
static unsigned *
pg_schedule_counter(struct ct_pg *pg, struct pg_queue *queue, const struct pg_calls *from)
{
	if (from != &queue->waiting && queue->statement.declared->next == NULL)
		return (from == &queue->again ? &queue->again_sends : &pg->stuck.sends);
	return (queue->sends_max > 0 ? &queue->sends : NULL);
}

static struct pg_conn *
pg_schedule_free_conn(struct ct_pg *pg)
{
	unsigned	i;

	for (i = 0; i < pg->conns_count; i++) {
		if (pg_conn_is_free(&pg->conns[i]))
			return (&pg->conns[i]);
	}
	return (NULL);
}

static void
pg_schedule_trace(struct pg_send *send)
{
	unsigned	i;

	send->traced = false;
	for (i = 0; i < send->count && ct_spans_enabled(); i++) {
		if (!ct_span_is_recorded(&send->calls[i]->trace.span))
			continue;
		pg_trace_taken(&send->calls[i]->trace, send->count);
		send->traced = true;
	}
}

/* Moves calls from the list to the send: a batch from `waiting`, one call from the other lists. */
static void
pg_schedule_take(struct ct_pg *pg, struct pg_send *send, struct pg_queue *queue, struct pg_calls *from)
{
	unsigned	 max = from == &queue->waiting ? queue->batch_max : 1;
	uint64_t	 now = ct_loop_now_ms();
	struct pg_call	*call;
	size_t		 bytes = 0;

	CT_ASSERT(max <= PG_BATCH_MAX);
	send->statement = &queue->statement;
	for (send->count = 0; send->count < max; send->count++) {
		call = from == &queue->stuck ? TAILQ_FIRST(from) : pg_schedule_first(pg, queue, from);
		if (call == NULL || (send->count > 0 && bytes + call->bytes > PG_BATCH_BYTES_MAX))
			break;
		bytes += call->bytes;
		TAILQ_REMOVE(from, call, list);
		pg_call_set_state(&pg->counts, call, PG_CALL_SENT);
		ct_metric_observe(pg_metrics.wait_seconds, (double)(now - call->queued_ms) / 1000.0);
		send->calls[send->count] = call;
	}
	CT_ASSERT(send->count > 0);
	pg_schedule_trace(send);
}

static void
pg_schedule_send(struct ct_pg *pg, struct pg_conn *conn, struct pg_queue *queue, struct pg_calls *from)
{
	struct pg_send	*send = &conn->send;

	CT_ASSERT(send->count == 0);
	pg_schedule_take(pg, send, queue, from);
	send->in_flight = pg_schedule_counter(pg, queue, from);
	if (send->in_flight != NULL)
		(*send->in_flight)++;
	CT_ASSERT(pg->stuck.sends <= 1);
	ct_metric_add(pg_metrics.sends, 1);
	ct_metric_add(pg_metrics.rows, send->count);
	pg_params_sort(send->calls, send->count, queue->statement.declared->order_by);
	pg_conn_send(conn);
}

void
pg_schedule(struct ct_pg *pg)
{
	struct pg_conn	*conn;
	struct pg_queue	*oldest;
	struct pg_calls	*list, *from;
	unsigned	 i;

	while (pg->counts.in[PG_CALL_WAITING] > 0 && (conn = pg_schedule_free_conn(pg)) != NULL) {
		oldest = NULL;
		from = NULL;
		for (i = 0; i < pg->queues_count; i++) {
			list = pg_schedule_list(pg, pg->queues[i]);
			if (list != NULL && (from == NULL || TAILQ_FIRST(list)->number < TAILQ_FIRST(from)->number)) {
				from = list;
				oldest = pg->queues[i];
			}
		}
		if (from == NULL)
			return;
		pg_schedule_send(pg, conn, oldest, from);
	}
}
