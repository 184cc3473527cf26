/* Connections to the stack's PostgreSQL as its superuser, for state that the API does not show. */
#include <string.h>

#include "harness.h"

/* Turns statement logging off on this connection: tests search the log for statements of the services. */
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
take_lock(const char *query)
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
backend_waiting_for(PGconn *lock, const char *seconds)
{
	return (sql(format("SELECT pid FROM pg_stat_activity WHERE %d = ANY (pg_blocking_pids(pid)) AND "
	    "query_start <= clock_timestamp() - interval '%s seconds'", PQbackendPID(lock), seconds)));
}

void
release_lock(PGconn *lock)
{
	PQfinish(lock);
}

void
set_hold_end(const char *reservation, const char *from_now)
{
	(void)sql(format("WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + interval '%s' "
	    "WHERE reservation_id = '%s' RETURNING *) UPDATE reservation.seats s SET hold_expires_at = r.hold_expires_at FROM r "
	    "WHERE s.reservation_id = r.reservation_id AND s.status = 'HOLD'", from_now, reservation));
}
