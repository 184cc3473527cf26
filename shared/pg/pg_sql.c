/*
 * The SQL text of a statement, see pg_sql.h.
 *
 * One call and many calls use the same statement. Each argument is one text[], and the function runs once for each row of
 * their unnest, in order. A function for many calls takes the arrays as they are. The SQL casts texts to the real types,
 * so nothing is quoted or escaped here.
 */
#include <string.h>

#include "pg/pg_sql.h"

/* Returns the length of the first type in `args`. *next_r is set to the type after its comma, NULL at the end. */
static size_t
pg_sql_type_length(const char *args, const char **next_r)
{
	size_t	len = 0;
	int	depth = 0;

	while (args[len] != '\0' && (args[len] != ',' || depth > 0)) {
		if (args[len] == '(')
			depth++;
		else if (args[len] == ')')
			depth--;
		len++;
	}
	*next_r = args[len] == ',' ? args + len + 1 + strspn(args + len + 1, " ") : NULL;
	while (len > 0 && args[len - 1] == ' ')
		len--;
	return (len);
}

unsigned
pg_sql_count(const char *args)
{
	unsigned	count = 0;

	args += strspn(args, " ");
	if (*args == '\0')
		return (0);
	while (args != NULL) {
		(void)pg_sql_type_length(args, &args);
		count++;
	}
	return (count);
}

/*
 * A function without arguments has no array to unnest. PostgreSQL would call a function that does not depend on the row
 * once for all rows, so such calls are sent alone.
 */
void
pg_sql_text(struct ct_buf *buf, const struct ct_pg_statement *stmt)
{
	const char	*type, *next;
	unsigned	 count, i;
	size_t		 len;

	count = pg_sql_count(stmt->args);
	ct_buf_printf(buf, "SELECT %s, o.outcome, o.body, o.etag, o.replayed, o.request_id FROM ",
	    count > 0 ? "r.n" : "1");
	if (count == 0) {
		ct_buf_printf(buf, "%s() AS o", stmt->function);
		return;
	}

	ct_buf_puts(buf, "unnest(");
	for (i = 1; i <= count; i++)
		ct_buf_printf(buf, "%s$%u::text[]", i > 1 ? ", " : "", i);
	ct_buf_puts(buf, ") WITH ORDINALITY AS r(");
	for (i = 1; i <= count; i++)
		ct_buf_printf(buf, "a%u, ", i);
	ct_buf_printf(buf, "n), LATERAL %s(", stmt->function);
	next = stmt->args + strspn(stmt->args, " ");
	for (i = 1; i <= count && next != NULL; i++) {
		type = next;
		len = pg_sql_type_length(type, &next);
		ct_buf_printf(buf, "%sr.a%u::%.*s", i > 1 ? ", " : "", i, (int)len, type);
	}
	ct_buf_puts(buf, ") AS o");
}

void
pg_sql_many(struct ct_buf *buf, const struct ct_pg_statement *stmt)
{
	unsigned	count = pg_sql_count(stmt->args), i;

	ct_buf_printf(buf, "SELECT o.n, o.outcome, o.body, o.etag, o.replayed, o.request_id FROM %s(", stmt->many);
	for (i = 1; i <= count; i++)
		ct_buf_printf(buf, "%s$%u::text[]", i > 1 ? ", " : "", i);
	ct_buf_puts(buf, ") AS o");
}

void
pg_sql_next(struct ct_buf *buf, const struct ct_pg_statement *stmt)
{
	ct_buf_printf(buf, "SELECT 1, o.outcome, o.body, o.etag, o.replayed, o.request_id FROM %s($1::text) AS o", stmt->next);
}
