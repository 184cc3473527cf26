/* Turns the end of a send into the answers of its calls, see pg_settle.h. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "pg/pg_internal.h"
#include "pg/pg_settings.h"
#include "pg/pg_settle.h"
#include "pg/pg_sql.h"

#define PG_ATTEMPTS	3	/* of a call that loses a deadlock or serialisation race */

static const char *
pg_settle_column(const PGresult *rows, int row, enum pg_column column)
{
	return (PQgetisnull(rows, row, (int)column) ? NULL : PQgetvalue(rows, row, (int)column));
}

/* Fills the outcome from a row. Its pointers point into `rows`. */
static void
pg_settle_read(struct ct_outcome *outcome, const PGresult *rows, int row)
{
	const char	*replayed = pg_settle_column(rows, row, PG_COLUMN_REPLAYED);

	outcome->error = CT_OK;
	outcome->outcome = PQgetvalue(rows, row, PG_COLUMN_OUTCOME);
	outcome->body = pg_settle_column(rows, row, PG_COLUMN_BODY);
	outcome->body_length = outcome->body != NULL ? (size_t)PQgetlength(rows, row, PG_COLUMN_BODY) : 0;
	outcome->etag = pg_settle_column(rows, row, PG_COLUMN_ETAG);
	outcome->replayed = replayed != NULL && *replayed == 't';
	outcome->request_id = pg_settle_column(rows, row, PG_COLUMN_REQUEST_ID);
}

/* A function that returned no row has committed all the same, so the outcome of a write is unknown. */
static enum ct_error
pg_settle_without_row(const struct pg_call *call)
{
	return (call->statement->declared->write ? CT_ERROR_OUTCOME_UNKNOWN : CT_ERROR_INTERNAL_ERROR);
}

static void
pg_settle_committed(struct ct_pg *pg, const struct pg_send *send, const PGresult *rows)
{
	struct ct_outcome	outcome;
	bool			answered[PG_BATCH_MAX] = { false };
	unsigned		i;
	unsigned long		n;
	int			row;

	for (row = 0; row < PQntuples(rows); row++) {
		n = strtoul(PQgetvalue(rows, row, PG_COLUMN_NUMBER), NULL, 10);
		if (n < 1 || n > send->count || answered[n - 1] || PQgetisnull(rows, row, PG_COLUMN_OUTCOME))
			continue;
		answered[n - 1] = true;
		pg_settle_read(&outcome, rows, row);
		pg_call_answer(&pg->counts, send->calls[n - 1], &outcome);
	}
	for (i = 0; i < send->count; i++) {
		if (answered[i])
			continue;
		ct_log(CT_LOG_ERROR, NULL, "postgres: %s answered without an outcome",
		    send->statement->declared->function);
		pg_call_fail(&pg->counts, send->calls[i], pg_settle_without_row(send->calls[i]));
	}
}

/* Returns true if the server ended the statement while it waited for a lock. */
static bool
pg_settle_is_lock_wait(const char *sqlstate)
{
	return (strcmp(sqlstate, "55P03") == 0 || strcmp(sqlstate, "57014") == 0);
}

/* Returns true for a serialisation failure or a deadlock. */
static bool
pg_settle_is_lost_race(const char *sqlstate)
{
	return (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0);
}

static void
pg_settle_refused(struct ct_pg *pg, const struct pg_send *send, const char *sqlstate)
{
	struct pg_call	*first = send->calls[0];
	unsigned	 i;

	if (send->count == 1 && pg_settle_is_lock_wait(sqlstate))
		pg_stuck_add(&pg->stuck, first);
	if (send->count == 1 && (!pg_settle_is_lost_race(sqlstate) || ++first->attempts >= PG_ATTEMPTS)) {
		pg_call_fail(&pg->counts, first, ct_error_from_sqlstate(sqlstate));
		return;
	}
	/* From the last to the first, because each goes to the front of its list. */
	for (i = send->count; i-- > 0;) {
		send->calls[i]->alone = true;
		pg_queue_put_back(&pg->counts, send->calls[i]);
	}
}

void
pg_settle(struct ct_pg *pg, const struct pg_send *send, enum pg_end end, const PGresult *rows, const char *sqlstate)
{
	unsigned	i, sent = pg->counts.in[PG_CALL_SENT];

	if (send->in_flight != NULL) {
		CT_ASSERT(*send->in_flight > 0);
		(*send->in_flight)--;
	}
	switch (end) {
	case PG_END_COMMITTED:
		if (send->count == 1)
			pg_stuck_remove(&pg->stuck, send->calls[0]);
		pg_settle_committed(pg, send, rows);
		break;
	case PG_END_REFUSED:
		pg_settle_refused(pg, send, sqlstate);
		break;
	case PG_END_NOT_SENT:
		for (i = send->count; i-- > 0;)
			pg_queue_put_back(&pg->counts, send->calls[i]);
		break;
	case PG_END_ROLLED_BACK:
		for (i = 0; i < send->count; i++)
			pg_call_fail(&pg->counts, send->calls[i], CT_ERROR_SERVICE_UNAVAILABLE);
		break;
	case PG_END_UNKNOWN:
		for (i = 0; i < send->count; i++)
			pg_call_fail(&pg->counts, send->calls[i], send->statement->declared->write ?
			    CT_ERROR_OUTCOME_UNKNOWN : CT_ERROR_SERVICE_UNAVAILABLE);
		break;
	}
	CT_ASSERT_MSG(pg->counts.in[PG_CALL_SENT] + send->count == sent, "each call of the send is answered or waits again");
}
