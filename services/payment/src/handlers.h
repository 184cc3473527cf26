/* The payment service's handlers, one endpoint a file; routes are in service.c. */
#ifndef PAYMENT_HANDLERS_H
#define PAYMENT_HANDLERS_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/pg.h"
#include "ct/request.h"

/* pay.c; pay_configure reads PAYMENT_MAX_ATTEMPTS in the parent. */
extern char	pay_max_attempts[16];
void	pay_configure(void);
void	pay(struct ct_request *);

/*
 * pay_card.c: the card path of POST /payments, which has checked the request.
 * Strings live as long as the request. pay_card_settle is the resolver's too.
 */
extern const struct ct_pg_statement	pay_card_settle;
void	pay_card(struct ct_request *, const char *reservation, int64_t amount, const char *payment_key,
	    const char *request_hash);

/* payments.c */
void	payments_list(struct ct_request *);
void	payments_get(struct ct_request *);

/* webhook.c */
void	webhook_toss(struct ct_request *);

/*
 * resolver.c: card payments and refunds whose outcome is not known (ct/card_work.h).
 * resolver_observe: a payment or refund has been uncertain for so long and now is not.
 */
void	resolver_configure(void);
void	resolver_start(void);
void	resolver_observe(bool refund, double seconds);

#endif
