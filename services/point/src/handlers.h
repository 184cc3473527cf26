/* The point service's handlers, one endpoint a file; routes are in service.c. */
#ifndef POINT_HANDLERS_H
#define POINT_HANDLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/pg.h"
#include "ct/request.h"

/* wallet.c */
void	wallet_get(struct ct_request *);

/* charge.c; charge_configure reads CHARGE_FUNDING in the parent and tells whether it is `card`. */
bool	charge_configure(void);
void	charge(struct ct_request *);

/*
 * charge_card.c: the card path of POST /points/charge, which has checked the
 * request. Strings live as long as the request. charge_card_settle is the resolver's too.
 */
extern const struct ct_pg_statement	charge_card_settle;
void	charge_card(struct ct_request *, int64_t amount, const char *payment_key, const char *request_hash);

/* histories.c */
void	histories_list(struct ct_request *);

/*
 * resolver.c: charges whose outcome is not known (ct/card_work.h). resolver_observe: one
 * has been uncertain for so long and now is not.
 */
void	resolver_configure(void);
void	resolver_start(void);
void	resolver_observe(double seconds);

#endif
