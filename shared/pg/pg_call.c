/* One call of an SQL function, see pg_call.h. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "pg/pg_call.h"
#include "pg/pg_settings.h"

struct pg_call *
pg_call_new(struct pg_counts *counts, const struct pg_statement *statement, struct pg_queue *queue,
    const char *const *args, ct_pg_cb cb, void *arg)
{
	struct pg_call	*call;
	size_t		 texts = 0, lens[CT_PG_ARGS_MAX];
	char		*at;
	unsigned	 i;

	for (i = 0; i < statement->args; i++) {
		lens[i] = args[i] != NULL ? strlen(args[i]) + 1 : 0;
		texts += lens[i];
	}
	call = calloc(1, sizeof(*call) + statement->args * sizeof(char *) + texts);
	if (call == NULL)
		abort();
	at = (char *)&call->args[statement->args];
	for (i = 0; i < statement->args; i++) {
		if (args[i] == NULL)
			continue;
		call->args[i] = memcpy(at, args[i], lens[i]);
		at += lens[i];
	}
	call->state = PG_CALL_NEW;
	call->statement = statement;
	call->queue = queue;
	call->cb = cb;
	call->arg = arg;
	call->number = counts->numbers++;
	call->queued_ms = ct_loop_now_ms();
	call->bytes = texts;
	pg_trace_begin(&call->trace);
	counts->in[PG_CALL_NEW]++;
	return (call);
}

void
pg_call_set_state(struct pg_counts *counts, struct pg_call *call, enum pg_call_state state)
{
	static const bool	allowed[PG_CALL_STATES][PG_CALL_STATES] = {
		[PG_CALL_NEW] = { [PG_CALL_REFUSED] = true, [PG_CALL_WAITING] = true },
		[PG_CALL_REFUSED] = { [PG_CALL_ANSWERED] = true },
		[PG_CALL_WAITING] = { [PG_CALL_SENT] = true, [PG_CALL_ANSWERED] = true },
		[PG_CALL_SENT] = { [PG_CALL_WAITING] = true, [PG_CALL_ANSWERED] = true },
	};

	CT_ASSERT(allowed[call->state][state]);
	CT_ASSERT(counts->in[call->state] > 0);
	counts->in[call->state]--;
	counts->in[state]++;
	call->state = state;
	ct_metric_set(pg_metrics.pending, pg_call_pending(counts));
}

void
pg_call_answer(struct pg_counts *counts, struct pg_call *call, const struct ct_outcome *outcome)
{
	struct ct_trace	before = ct_trace_enter(&call->trace.span.parent);

	CT_ASSERT_MSG(!counts->accepting, "no callback runs before ct_pg_call returns");
	pg_trace_end(&call->trace, call->statement->declared->function, outcome);
	pg_call_set_state(counts, call, PG_CALL_ANSWERED);
	call->cb(outcome, call->arg);
	ct_trace_leave(before);
	CT_ASSERT(counts->in[PG_CALL_ANSWERED] > 0);
	counts->in[PG_CALL_ANSWERED]--;
	free(call);
}

void
pg_call_fail(struct pg_counts *counts, struct pg_call *call, enum ct_error error)
{
	struct ct_outcome	 outcome = { .error = error };

	CT_ASSERT(error != CT_OK);
	if (error == CT_ERROR_SERVICE_UNAVAILABLE)
		ct_metric_add(pg_metrics.unavailable, 1);
	else if (error == CT_ERROR_OUTCOME_UNKNOWN)
		ct_metric_add(pg_metrics.unknown, 1);
	else
		ct_metric_add(pg_metrics.refused, 1);
	pg_call_answer(counts, call, &outcome);
}

bool
pg_call_is_wanted(const struct pg_call *call)
{
	const struct ct_pg_statement	*declared = call->statement->declared;

	return (declared->wanted == NULL || declared->wanted(call->arg));
}

unsigned
pg_call_pending(const struct pg_counts *counts)
{
	return (counts->in[PG_CALL_REFUSED] + counts->in[PG_CALL_WAITING] + counts->in[PG_CALL_SENT]);
}
