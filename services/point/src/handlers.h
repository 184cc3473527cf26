/* The point service's handlers, one endpoint a file; service.c has the routes. */
#ifndef POINT_HANDLERS_H
#define POINT_HANDLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/handler.h"

/* wallet.c */
void	wallet_get(struct ct_request *);

/* charge.c. Parent: charge_configure reads CHARGE_FUNDING and returns true if it is `card`. */
bool	charge_configure(void);
void	charge(struct ct_request *);

/*
 * charge_card.c: charges by card. charge_card is the card path of POST /points/charge, after
 * its checks; strings live as long as the request. Parent: charge_card_configure reads the
 * CARD_PROVIDER_ settings. Worker: charge_card_start starts the resolver.
 */
void	charge_card_configure(bool required);
void	charge_card_start(void);
void	charge_card(struct ct_request *, int64_t amount, const char *payment_key, const char *request_hash);

/* histories.c */
void	histories_list(struct ct_request *);

#endif
