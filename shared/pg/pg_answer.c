/* The server's answer to one statement, see pg_answer.h. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pg/pg_answer.h"

void
pg_answer_clear_error(struct pg_answer *answer)
{
	answer->sqlstate[0] = '\0';
	answer->fatal = false;
	answer->unclear = false;
}

void
pg_answer_free_rows(struct pg_answer *answer)
{
	PQclear(answer->rows);
	answer->rows = NULL;
}

/* Logs the function, the SQLSTATE and the line in it. Not the message, which may quote a user's values. */
static void
pg_answer_log_error(const struct pg_answer *answer, const PGresult *result, enum pg_expected expected, const char *function,
    unsigned calls)
{
	const char	*where = PQresultErrorField(result, PG_DIAG_CONTEXT);
	const char	*constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char	*message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

	/* Prepare sends no values, so its message is safe to log. */
	if (expected == PG_EXPECT_PREPARED) {
		ct_log(CT_LOG_ERROR, NULL, "postgres: cannot prepare %s: %s", function,
		    message != NULL ? message : answer->sqlstate);
		return;
	}
	if (where == NULL || strncmp(where, "PL/pgSQL function", 17) != 0)
		where = "";
	ct_log(CT_LOG_WARNING, NULL, "postgres: %s (%u rows) ended with %s%s%s %.*s",
	    function, calls, answer->sqlstate,
	    constraint != NULL ? " by " : "", constraint != NULL ? constraint : "",
	    (int)strcspn(where, "\n"), where);
}

static void
pg_answer_take_error(struct pg_answer *answer, const PGresult *result, enum pg_expected expected, const char *function,
    unsigned calls)
{
	const char	*sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char	*severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	/* An error without a SQLSTATE comes from libpq itself: the connection is lost, and PQstatus says so. */
	if (sqlstate == NULL || severity == NULL)
		return;
	if (answer->sqlstate[0] == '\0')
		(void)snprintf(answer->sqlstate, sizeof(answer->sqlstate), "%s", sqlstate);
	if (strcmp(severity, "ERROR") != 0)
		answer->fatal = true;
	if (strcmp(severity, "PANIC") == 0)
		answer->unclear = true;
	pg_answer_log_error(answer, result, expected, function, calls);
}

void
pg_answer_take(struct pg_answer *answer, PGresult *result, enum pg_expected expected, const char *function, unsigned calls)
{
	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
		if (expected == PG_EXPECT_ROWS && answer->rows == NULL) {
			answer->rows = result;
			return;
		}
		answer->unclear = true;
		break;
	case PGRES_COMMAND_OK:
		if (expected == PG_EXPECT_ROWS ||
		    (expected == PG_EXPECT_COMMIT && strcmp(PQcmdStatus(result), "COMMIT") != 0))
			answer->unclear = true;
		break;
	case PGRES_FATAL_ERROR:
		pg_answer_take_error(answer, result, expected, function, calls);
		break;
	default:
		answer->unclear = true;
		break;
	}
	PQclear(result);
}

/* The texts are translated. The name of the server's function is not, and it warns of nothing else. */
void
pg_answer_take_notice(struct pg_answer *answer, const PGresult *notice)
{
	const char	*severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char	*function = PQresultErrorField(notice, PG_DIAG_SOURCE_FUNCTION);

	if (severity == NULL || function == NULL || strcmp(severity, "WARNING") != 0 ||
	    strcmp(function, "SyncRepWaitForLSN") != 0)
		return;
	answer->unclear = true;
	ct_log(CT_LOG_WARNING, NULL, "postgres: somebody ended a commit's wait for the standby; its outcome counts as unknown");
}

bool
pg_answer_is_read_only(const struct pg_answer *answer)
{
	return (strcmp(answer->sqlstate, "25006") == 0);
}

bool
pg_answer_is_stale_plan(const struct pg_answer *answer)
{
	return (strcmp(answer->sqlstate, "0A000") == 0 || strcmp(answer->sqlstate, "26000") == 0);
}
