/* What the client tests share. */
#ifndef CLIENTS_H
#define CLIENTS_H

/* Runs tests/clients/servers with one command; the test fails if it does. */
void	 servers(const char *command);

#endif
