/* The arguments of all calls of one send, see pg_params.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "pg/pg_params.h"

#define PG_TEXT_OID	25	/* pg_type.oid of text, the same in all versions of PostgreSQL */

static void
pg_params_append_int(struct ct_buf *buf, int32_t value)
{
	uint32_t	wire = htonl((uint32_t)value);

	ct_buf_append(buf, &wire, sizeof(wire));
}

void
pg_params_array(struct ct_buf *buf, struct pg_call *const *calls, unsigned count, unsigned arg)
{
	const char	*text;
	unsigned	 i;
	bool		 nulls = false;
	size_t		 len;

	for (i = 0; i < count; i++)
		nulls = nulls || calls[i]->args[arg] == NULL;

	pg_params_append_int(buf, 1);		/* dimensions */
	pg_params_append_int(buf, nulls);
	pg_params_append_int(buf, PG_TEXT_OID);
	pg_params_append_int(buf, (int32_t)count);
	pg_params_append_int(buf, 1);		/* first subscript */
	for (i = 0; i < count; i++) {
		text = calls[i]->args[arg];
		if (text == NULL) {
			pg_params_append_int(buf, -1);
			continue;
		}
		len = strlen(text);
		pg_params_append_int(buf, (int32_t)len);
		ct_buf_append(buf, text, len);
	}
}

static int
pg_params_compare(const void *one, const void *other)
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
pg_params_sort(struct pg_call **calls, unsigned count, int order_by)
{
	unsigned	i;

	if (order_by < 0)
		return;
	for (i = 0; i < count; i++) {
		calls[i]->order = calls[i]->args[order_by];
		calls[i]->position = i;
	}
	qsort(calls, count, sizeof(*calls), pg_params_compare);
}

bool
pg_params_init(struct pg_params *params, struct pg_call *const *calls, unsigned count, unsigned args)
{
	size_t		starts[CT_PG_ARGS_MAX + 1];
	unsigned	i;

	CT_ASSERT(args <= CT_PG_ARGS_MAX);
	ct_buf_init(&params->bytes, PG_BUF_CEILING);
	for (i = 0; i < args; i++) {
		starts[i] = params->bytes.length;
		pg_params_array(&params->bytes, calls, count, i);
	}
	starts[i] = params->bytes.length;
	if (params->bytes.failed)
		return (false);

	/* The buffer moved while it grew, so addresses are taken last. */
	for (i = 0; i < args; i++) {
		params->values[i] = params->bytes.data + starts[i];
		params->lengths[i] = (int)(starts[i + 1] - starts[i]);
		params->formats[i] = 1;
	}
	return (true);
}

void
pg_params_deinit(struct pg_params *params)
{
	ct_buf_deinit(&params->bytes);
}
