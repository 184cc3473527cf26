/* Removes old answers to idempotency keys and old sent events, once a minute. */
#ifndef CT_CLEANUP_H
#define CT_CLEANUP_H

#include "pg/pg.h"

void	 cleanup_configure(void);
void	 cleanup_start(struct ct_pg *pg);

#endif
