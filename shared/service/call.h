/* The most common handler: it calls one SQL function and replies with its outcome. */
#ifndef CT_CALL_H
#define CT_CALL_H

#include "http/request.h"
#include "pg/pg.h"

/* Calls `stmt` and replies with its outcome. */
void	 ct_call_and_reply(struct ct_request *request, const struct ct_pg_statement *stmt, const char *const *args);

#endif
