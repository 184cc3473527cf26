/* The parameters of connections: PG_CONNINFO and the client's own defaults, in the form that libpq takes. */
#ifndef CT_PG_CONNINFO_H
#define CT_PG_CONNINFO_H

/* Two arrays for PQconnectStartParams, which end with NULL. They and all texts live as long as the process. */
struct pg_conninfo {
	const char	 *text;		/* the value of PG_CONNINFO */
	const char	**keywords;
	const char	**values;
};

/*
 * Fills `info` from `text`, the value of PG_CONNINFO, which is kept by pointer. Stops the start (ct_config_fail) if the text
 * cannot be parsed, its host has no address or it breaks a rule of production. The server ends each statement after
 * statement_timeout_ms, unless `text` says otherwise.
 */
void	 pg_conninfo_parse(struct pg_conninfo *info, const char *text, unsigned statement_timeout_ms);

#endif
