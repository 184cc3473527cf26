/* The stack's PostgreSQL as its superuser, for what no API shows. */
#include <string.h>

#include <libpq-fe.h>

#include "harness.h"

char *
sql(const char *query)
{
	PGconn		*conn;
	PGresult	*result;
	char		*value;

	conn = PQconnectdb(format("host=127.0.0.1 port=%s dbname=concert user=postgres password=%s "
	    "connect_timeout=5", setting("PG_PORT"),
	    read_file(format("%s/secrets/postgres", setting("RUN_DIR")))));
	cr_assert_eq(PQstatus(conn), CONNECTION_OK, "%s", PQerrorMessage(conn));
	result = PQexec(conn, query);
	cr_assert(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK,
	    "%s: %s", query, PQerrorMessage(conn));
	value = strdup(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0 ?
	    PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQfinish(conn);
	return (value);
}
