/* One SQL function as this worker runs it: a service's ct_pg_statement and the SQL made from it. */
#ifndef CT_PG_STATEMENT_H
#define CT_PG_STATEMENT_H

#include "base/buf.h"
#include "pg/pg.h"

#define PG_STATEMENTS_MAX	64
#define PG_BUF_CEILING		(64 * 1024 * 1024)	/* bytes of SQL, or of the arguments of one send */

/* The functions of a statement. Each has its own SQL and its own prepared statement on each connection. */
enum pg_form {
	PG_FORM_ONE,	/* ct_pg_statement.function */
	PG_FORM_MANY,	/* .many */
	PG_FORM_NEXT,	/* .next */
	PG_FORMS
};

struct pg_statement {
	const struct ct_pg_statement	*declared;	/* by the service */
	unsigned			 index;		/* of this statement in the worker, below PG_STATEMENTS_MAX */
	unsigned			 args;		/* number of types in declared->args */
	struct ct_buf			 sql[PG_FORMS];	/* empty for a form that is not declared */
};

void		 pg_statement_init(struct pg_statement *statement, const struct ct_pg_statement *declared, unsigned index);
void		 pg_statement_deinit(struct pg_statement *statement);

/* Returns the name of the function that the form calls. */
const char	*pg_statement_function(const struct pg_statement *statement, enum pg_form form);

#endif
