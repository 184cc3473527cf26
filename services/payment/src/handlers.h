/* The payment service's handlers, one endpoint a file; service.c has the routes. */
#ifndef PAYMENT_HANDLERS_H
#define PAYMENT_HANDLERS_H

#include <stdint.h>

#include "http/handler.h"

/* pay.c. Parent: pay_configure reads PAYMENT_MAX_ATTEMPTS. */
extern char	pay_max_attempts[16];
void	pay_configure(void);
void	pay(struct ct_request *);

/*
 * payment_card.c: payments by card. payment_card is the card path of POST /payments, after
 * its checks; strings live as long as the request. Parent: payment_card_configure reads
 * the CARD_PROVIDER_ settings. Worker: payment_card_start starts the resolver.
 */
void	payment_card_configure(void);
void	payment_card_start(void);
void	payment_card(struct ct_request *, const char *reservation, int64_t amount, const char *payment_key,
	    const char *request_hash);

/* payments.c */
void	payments_list(struct ct_request *);
void	payments_get(struct ct_request *);

/* webhook.c */
void	webhook_toss(struct ct_request *);

#endif
