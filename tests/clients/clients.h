/* Helpers of the tests of the PostgreSQL and Redis clients. */
#ifndef CLIENTS_H
#define CLIENTS_H

#include <stdbool.h>

#include <libpq-fe.h>

/* Runs tests/clients/servers with one command. If it fails, the test fails. */
void		 servers(const char *command);

/* Returns the port of the "primary" or its "standby". */
const char	*server_port(const char *server);

/* Connects to a database of a server, as a superuser whose own commits wait for no standby. If it fails, the test fails. */
PGconn		*server_connect(const char *server, const char *database);

/* Runs one statement on a new connection. Returns the first column of the first row as a number, 0 without a row. */
long		 server_query(const char *server, const char *database, const char *sql);

/* Sets a setting of the primary for all its sessions, also those that are open. NULL: back to the default. */
void		 server_set(const char *name, const char *value);

/* Returns the number of the primary's backends whose commits wait for a standby. */
long		 server_waiters(void);

/* Conditions for loop_poll_until. `pg` is a struct ct_pg. */
bool		 pool_is_ready(void *pg);	/* a connection is usable */
bool		 pool_is_whole(void *pg);	/* all connections are usable */
bool		 pool_is_empty(void *pg);	/* no connection is usable */
bool		 pool_is_up(void *pg);		/* the client calls the server up */
bool		 pool_is_down(void *pg);	/* the client calls the server down */

#endif
