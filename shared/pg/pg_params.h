/* The arguments of all calls of one send, in lock order and in PostgreSQL's binary format. Pure functions. */
#ifndef CT_PG_PARAMS_H
#define CT_PG_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "pg/pg_call.h"

/* The parameters of PQsendQueryPrepared. The values point into `bytes`. */
struct pg_params {
	struct ct_buf	 bytes;
	const char	*values[CT_PG_ARGS_MAX];
	int		 lengths[CT_PG_ARGS_MAX];
	int		 formats[CT_PG_ARGS_MAX];
};

/*
 * Sorts by the bytes of argument `order_by`, nulls first; calls with equal arguments keep their order. -1: no change. All
 * sends lock rows in this order, so that two of them cannot wait for each other.
 */
void	 pg_params_sort(struct pg_call **calls, unsigned count, int order_by);

/* Makes one text[] of each of the `args` arguments. Returns false if they are too large. Always call pg_params_deinit. */
bool	 pg_params_init(struct pg_params *params, struct pg_call *const *calls, unsigned count, unsigned args);
void	 pg_params_deinit(struct pg_params *params);

/* Appends argument `arg` of each call as one text[]. */
void	 pg_params_array(struct ct_buf *buf, struct pg_call *const *calls, unsigned count, unsigned arg);

#endif
