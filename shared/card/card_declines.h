/* Counts what the card provider declines, by its code, as card_declines_total{what,reason}. */
#ifndef CT_CARD_DECLINES_H
#define CT_CARD_DECLINES_H

#include "pg/pg.h"

void	 ct_card_declines_configure(const char *what);	/* parent: registers a metric for each known code, and "other" */

/* Counts the answer of `settle` if it says for the first time that the card was declined. */
void	 ct_card_declines_count(const struct ct_outcome *outcome);

#endif
