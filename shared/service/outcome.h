/* Replies with the outcome of an SQL function. */
#ifndef CT_OUTCOME_H
#define CT_OUTCOME_H

#include "http/request.h"
#include "pg/pg.h"

/* The usual last line of a ct_pg_cb. */
void	 ct_reply_outcome(struct ct_request *request, const struct ct_outcome *outcome);

#endif
