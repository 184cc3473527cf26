/* One SQL function as this worker runs it, see pg_statement.h. */
#include "base/assert.h"
#include "pg/pg_sql.h"
#include "pg/pg_statement.h"

void
pg_statement_init(struct pg_statement *statement, const struct ct_pg_statement *declared, unsigned index)
{
	unsigned	form;

	CT_ASSERT_MSG(index < PG_STATEMENTS_MAX, "a worker calls too many SQL functions");
	statement->declared = declared;
	statement->index = index;
	statement->args = pg_sql_count(declared->args);
	CT_ASSERT_MSG(statement->args <= CT_PG_ARGS_MAX, "an SQL function has too many arguments");
	CT_ASSERT(declared->order_by < (int)statement->args);
	for (form = 0; form < PG_FORMS; form++)
		ct_buf_init(&statement->sql[form], PG_BUF_CEILING);
	pg_sql_text(&statement->sql[PG_FORM_ONE], declared);
	if (declared->many != NULL)
		pg_sql_many(&statement->sql[PG_FORM_MANY], declared);
	if (declared->next != NULL)
		pg_sql_next(&statement->sql[PG_FORM_NEXT], declared);
}

void
pg_statement_deinit(struct pg_statement *statement)
{
	unsigned	form;

	for (form = 0; form < PG_FORMS; form++)
		ct_buf_deinit(&statement->sql[form]);
}

const char *
pg_statement_function(const struct pg_statement *statement, enum pg_form form)
{
	const char	*const names[PG_FORMS] = {
		statement->declared->function, statement->declared->many, statement->declared->next
	};

	CT_ASSERT(names[form] != NULL);
	return (names[form]);
}
