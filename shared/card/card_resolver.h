/*
 * The resolver: looks up card payments and charges with unknown outcome until they
 * are certain, and gives back money that must not be kept. It is background work (background/work.h): use->due leases
 * each row that is due to one worker, and use->settle writes down the provider's answer or the time of the next
 * look-up. If the worker dies, another one gets the row when the lease ends.
 *
 *   PENDING, CHARGING   look up. If nothing was taken and use->confirm_again allows it,
 *                       confirm again with the same key. If the money can never become
 *                       this payment, cancel.
 *   REFUND_PENDING      cancel, and look up if that is not certain. If the money is
 *                       still there, the next cancel has another key.
 *   APPROVED            (after a webhook) look up, and only record the provider's answer.
 *   FAILED              (given up while a confirm may have been on its way) look up. If
 *                       the money was taken after all, cancel.
 *
 * Owner: the payment team. Linked by payment and point.
 */
#ifndef CT_CARD_RESOLVER_H
#define CT_CARD_RESOLVER_H

#include "card/card_use.h"

/* Parent: registers metrics. */
void	 ct_card_resolver_configure(const struct ct_card_use *use);

/* Worker: one use; from now on it looks twice a second. */
void	 ct_card_resolver_start(const struct ct_card_use *use);

/* There may be news: looks now. */
void	 ct_card_resolver_look(void);

/* The outcome of a user's request was unknown for `seconds` and is certain now. */
void	 ct_card_resolver_observe(double seconds);

#endif
