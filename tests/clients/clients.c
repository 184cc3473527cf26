/* Helpers of the tests of the PostgreSQL and Redis clients. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients.h"
#include "pg/pg_internal.h"

void
servers(const char *command)
{
	char	line[512];

	(void)snprintf(line, sizeof(line), "%s %s", getenv("CLIENTS_SERVERS"), command);
	cr_assert_eq(system(line), 0, "%s", line);
}

const char *
server_port(const char *server)
{
	return (getenv(strcmp(server, "standby") == 0 ? "CLIENTS_STANDBY_PORT" : "CLIENTS_PG_PORT"));
}

PGconn *
server_connect(const char *server, const char *database)
{
	char	 conninfo[256];
	PGconn	*db;

	(void)snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s dbname=%s user=postgres connect_timeout=10 "
	    "options='-c default_transaction_read_only=off -c synchronous_commit=local'", server_port(server), database);
	db = PQconnectdb(conninfo);
	cr_assert_eq(PQstatus(db), CONNECTION_OK, "%s", PQerrorMessage(db));
	return (db);
}

long
server_query(const char *server, const char *database, const char *sql)
{
	PGconn		*db = server_connect(server, database);
	PGresult	*result = PQexec(db, sql);
	long		 number = 0;

	cr_assert(PQresultStatus(result) == PGRES_TUPLES_OK || PQresultStatus(result) == PGRES_COMMAND_OK, "%s: %s", sql,
	    PQerrorMessage(db));
	if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0)
		number = strtol(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	PQfinish(db);
	return (number);
}

void
server_set(const char *name, const char *value)
{
	static const char	loaded_at[] = "SELECT (extract(epoch FROM pg_conf_load_time()) * 1000000)::bigint";
	char			sql[256];
	long			before = server_query("primary", "postgres", loaded_at);

	if (value != NULL)
		(void)snprintf(sql, sizeof(sql), "ALTER SYSTEM SET %s = '%s'", name, value);
	else
		(void)snprintf(sql, sizeof(sql), "ALTER SYSTEM RESET %s", name);
	(void)server_query("primary", "postgres", sql);
	(void)server_query("primary", "postgres", "SELECT pg_reload_conf()");
	/* A session that knows the new time began after all older ones were told. */
	while (server_query("primary", "postgres", loaded_at) == before)
		(void)usleep(1000);
}

long
server_waiters(void)
{
	return (server_query("primary", "postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"));
}

bool
pool_is_ready(void *pg)
{
	return (ct_pg_ready(pg));
}

bool
pool_is_whole(void *pg)
{
	const struct ct_pg	*pool = pg;

	return (pool->usable == pool->conns_count);
}

bool
pool_is_empty(void *pg)
{
	const struct ct_pg	*pool = pg;

	return (pool->usable == 0);
}

bool
pool_is_up(void *pg)
{
	return (ct_pg_state(pg) == CT_STORE_UP);
}

bool
pool_is_down(void *pg)
{
	return (ct_pg_state(pg) == CT_STORE_DOWN);
}
