/* The stack's PostgreSQL as its superuser, for what no API shows. */
#include <string.h>

#include "harness.h"

/* What it is told is in no log, however long it takes: those are looked through for what services say. */
PGconn *
superuser(void)
{
	PGconn	*conn;

	conn = PQconnectdb(format("host=127.0.0.1 port=%s dbname=concert user=postgres password=%s connect_timeout=5 "
	    "options='-c log_min_duration_statement=-1 -c log_lock_waits=off'", setting("PG_PORT"),
	    read_file(format("%s/secrets/postgres", setting("RUN_DIR")))));
	cr_assert_eq(PQstatus(conn), CONNECTION_OK, "%s", PQerrorMessage(conn));
	return (conn);
}

char *
sql(const char *query)
{
	PGconn		*conn = superuser();
	PGresult	*result;
	char		*value;

	result = PQexec(conn, query);
	cr_assert(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK,
	    "%s: %s", query, PQerrorMessage(conn));
	value = strdup(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 ?
	    PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQfinish(conn);
	return (value);
}

PGconn *
keep_locked(const char *query)
{
	PGconn		*conn = superuser();
	PGresult	*result;

	result = PQexec(conn, format("BEGIN; %s", query));
	cr_assert(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK,
	    "%s: %s", query, PQerrorMessage(conn));
	PQclear(result);
	return (conn);
}

char *
waiting_for(PGconn *lock, const char *seconds)
{
	return (sql(format("SELECT pid FROM pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid)) AND "
	    "query_start <= clock_timestamp() - interval '%s seconds'", PQbackendPID(lock), seconds)));
}

void
let_go(PGconn *lock)
{
	PQfinish(lock);
}
