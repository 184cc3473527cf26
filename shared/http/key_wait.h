/* The requests that wait for new public keys, because no key has their token's kid. A bounded number of them waits. */
#ifndef CT_KEY_WAIT_H
#define CT_KEY_WAIT_H

#include <stdbool.h>

#include "http/exchange.h"

/* Start: registers the gauge of waiting requests. */
void	 ct_key_wait_configure(void);

/*
 * Lets the exchange wait, and copies its body, which the edge keeps only until ct_serve returns. Returns false if too many
 * wait already.
 */
bool	 ct_key_wait_add(struct ct_exchange *exchange);

/* Ends the wait of all that wait now: calls `cb` for each, in the order in which they came. */
void	 ct_key_wait_end(void (*cb)(struct ct_exchange *exchange));

#endif
