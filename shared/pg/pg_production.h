/* The rules for PG_CONNINFO in production. */
#ifndef CT_PG_PRODUCTION_H
#define CT_PG_PRODUCTION_H

#include <libpq-fe.h>

/* Stops the start (ct_config_fail) for each rule that the parsed PG_CONNINFO breaks. Does not keep `options`. */
void	 pg_check_production(const PQconninfoOption *options);

#endif
