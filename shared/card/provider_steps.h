/* Two calls to the card provider, one after the other, where the first one's answer is not enough. */
#ifndef CT_CARD_PROVIDER_STEPS_H
#define CT_CARD_PROVIDER_STEPS_H

#include "card/provider.h"

/*
 * Confirms a payment that a look-up has just shown ABSENT. As confirm, but if the provider
 * says that the key or the order was used, it looks the payment up again, and if we did
 * not use it the result is DECLINED. Any result.
 */
void	 ct_card_confirm_again(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/* Cancels, and looks the payment up if the cancel is not certain. Any result. `why` and `number` as for ct_card_cancel. */
void	 ct_card_give_back(const struct ct_card_payment *payment, const char *why, unsigned number, ct_card_cb cb, void *arg);

#endif
