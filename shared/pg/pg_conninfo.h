/* The parameters of connections: PG_CONNINFO and the client's own defaults, for each host, in the form that libpq takes. */
#ifndef CT_PG_CONNINFO_H
#define CT_PG_CONNINFO_H

#include "base/resolve.h"

#define PG_HOSTS_MAX	8

/* One host of the list. Only `address` changes after the start, by pg_hosts.c in a worker. */
struct pg_host {
	const char	 *label;		/* "db1:5432", for the log */
	const char	 *name;			/* its address is looked up; NULL: an address, a socket, or libpq's default */
	char		  address[CT_ADDRESS_TEXT];	/* of `name`, one of the values; "": it has none */
	const char	**keywords;		/* two arrays for PQconnectStartParams, which end with NULL */
	const char	**values;
};

/* All texts live as long as the process. */
struct pg_conninfo {
	const char	*text;		/* the value of PG_CONNINFO */
	struct pg_host	 hosts[PG_HOSTS_MAX];
	unsigned	 count;		/* at least 1 */
};

/*
 * Fills `info` from `text`, the value of PG_CONNINFO, which is kept by pointer. host=, hostaddr= and port= may be lists, as
 * libpq writes them: one port for all hosts, or one for each. Each host gets parameters of its own, as if it were the only
 * one, so libpq never goes on to another host by itself.
 *
 * Stops the start (ct_config_fail) if the text cannot be parsed, a list is wrong, no host has an address, or the text breaks a
 * rule of production. The server ends each statement after statement_timeout_ms, unless `text` says otherwise.
 */
void	 pg_conninfo_parse(struct pg_conninfo *info, const char *text, unsigned statement_timeout_ms);

#endif
