/*
 * A request that a card pays for, in three steps: begin (one transaction puts it on
 * record), ask the provider to confirm, settle with the provider's answer (a second
 * transaction). No transaction and no lock is open while the provider is asked. If
 * this process ends in between, or no answer comes, the resolver continues from
 * the record; the user is told 202.
 *
 * If another request with the same idempotency key is running, this one waits for its answer.
 * Owner: the payment team. Linked by payment and point.
 */
#ifndef CT_CARD_REQUEST_H
#define CT_CARD_REQUEST_H

#include "card/card_use.h"
#include "http/handler.h"

/* Worker: before the first request. */
void	 ct_card_request_start(void);

/*
 * `args` are those of use->begin, at most CT_PG_ARGS_MAX, then NULL. They and
 * payment_key live as long as the request. Replies; 503 if a worker handles too many.
 */
void	 ct_card_request(struct ct_request *request, const struct ct_card_use *use, const char *payment_key,
	     int64_t amount, const char *const *args);

#endif
