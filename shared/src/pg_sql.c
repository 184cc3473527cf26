/*
 * The PostgreSQL client's texts and bytes: the SQL of a statement, and the
 * arrays that carry the arguments of all calls of one send. No I/O.
 *
 * One and many calls are the same statement: each argument is one text[], and
 * the function runs once for each row of their unnest, in order. (Where there
 * is a function for many calls, it takes the arrays as they are.) Texts are
 * cast to the real types inside, so nothing is ever quoted or escaped here.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"

#define TEXT_OID	25	/* pg_type.oid of text: fixed since the first PostgreSQL */

/* The length of the type that `args` begins with; *next_r is what follows its comma, NULL at the end. */
static size_t
type_length(const char *args, const char **next_r)
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
		(void)type_length(args, &args);
		count++;
	}
	return (count);
}

/*
 * Without arguments there is nothing to unnest, and a function that does not
 * depend on the row would be called once for all rows: such calls go alone.
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
		len = type_length(type, &next);
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

static void
append_int(struct ct_buf *buf, int32_t value)
{
	uint32_t	wire = htonl((uint32_t)value);

	ct_buf_append(buf, &wire, sizeof(wire));
}

void
pg_sql_array(struct ct_buf *buf, struct pg_call *const *calls, unsigned count, unsigned arg)
{
	const char	*text;
	unsigned	 i;
	bool		 nulls = false;
	size_t		 len;

	for (i = 0; i < count; i++)
		nulls = nulls || calls[i]->args[arg] == NULL;

	append_int(buf, 1);		/* dimensions */
	append_int(buf, nulls);
	append_int(buf, TEXT_OID);
	append_int(buf, (int32_t)count);
	append_int(buf, 1);		/* first subscript */
	for (i = 0; i < count; i++) {
		text = calls[i]->args[arg];
		if (text == NULL) {
			append_int(buf, -1);
			continue;
		}
		len = strlen(text);
		append_int(buf, (int32_t)len);
		ct_buf_append(buf, text, len);
	}
}

static int
compare(const void *one, const void *other)
{
	const struct pg_call	*a = *(struct pg_call *const *)one;
	const struct pg_call	*b = *(struct pg_call *const *)other;
	int			 order;

	if (a->order == NULL || b->order == NULL)
		order = (a->order != NULL) - (b->order != NULL);
	else
		order = strcmp(a->order, b->order);
	if (order == 0)
		order = a->position < b->position ? -1 : 1;
	return (order);
}

void
pg_sql_sort(struct pg_call **calls, unsigned count, int order_by)
{
	unsigned	i;

	if (order_by < 0)
		return;
	for (i = 0; i < count; i++) {
		calls[i]->order = calls[i]->args[order_by];
		calls[i]->position = i;
	}
	qsort(calls, count, sizeof(*calls), compare);
}
