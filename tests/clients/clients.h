/* Helpers of the tests of the PostgreSQL and Redis clients. */
#ifndef CLIENTS_H
#define CLIENTS_H

/* Runs tests/clients/servers with one command. If it fails, the test fails. */
void	 servers(const char *command);

#endif
