/* The SQL text of a statement. Pure functions, tested without a server. */
#ifndef CT_PG_SQL_H
#define CT_PG_SQL_H

#include "base/buf.h"
#include "pg/pg.h"

/* The columns of each answer: the number of the call in its send (from 1), then those of platform.reply. */
enum pg_column {
	PG_COLUMN_NUMBER,
	PG_COLUMN_OUTCOME,
	PG_COLUMN_BODY,
	PG_COLUMN_ETAG,
	PG_COLUMN_REPLAYED,
	PG_COLUMN_REQUEST_ID
};

/* Returns the number of types in `args` of a statement. Commas inside parentheses do not count. */
unsigned pg_sql_count(const char *args);

/* Appends the SQL that calls stmt->function once for each element of its array parameters. */
void	 pg_sql_text(struct ct_buf *buf, const struct ct_pg_statement *stmt);

/* Appends the SQL that calls stmt->many once, with the same array parameters. */
void	 pg_sql_many(struct ct_buf *buf, const struct ct_pg_statement *stmt);

/* Appends the SQL that calls stmt->next with one text. */
void	 pg_sql_next(struct ct_buf *buf, const struct ct_pg_statement *stmt);

#endif
