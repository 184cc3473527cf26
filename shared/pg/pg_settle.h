/* Turns the end of a send into the answers of its calls. */
#ifndef CT_PG_SETTLE_H
#define CT_PG_SETTLE_H

#include <libpq-fe.h>

#include "pg/pg_conn.h"

struct ct_pg;

/*
 * Answers each call of the send, or puts it back into its queue to be sent again. `rows` come with PG_END_COMMITTED,
 * `sqlstate` with PG_END_REFUSED.
 *
 * A batch that the server refuses was rolled back as a whole. Its calls are sent again, each alone, so that only the call
 * with the error gets the error. A call that lost a deadlock or failed to serialise is sent PG_ATTEMPTS times in all.
 */
void	 pg_settle(struct ct_pg *pg, const struct pg_send *send, enum pg_end end, const PGresult *rows, const char *sqlstate);

#endif
