/* Helpers for tests of card payments: payment keys, the simulated provider's behaviour, and its books. */
#ifndef TESTS_HTTP_PROVIDER_H
#define TESTS_HTTP_PROVIDER_H

#include "harness.h"

/* enough for CARD_PROVIDER_TIMEOUT_MS, a look-up, and perhaps another confirm */
#define CERTAIN_SECONDS	60

/* Returns a new payment key "card-...". Only payment keys begin so, which lets a test search the logs for them. */
char		*card_new(void);
/*
 * Sets the provider's behaviour for the next `times` calls about this card. `call`: "confirm", "cancel", "find" or
 * "webhook".
 */
void		 set_provider_behaviour(const char *card, const char *call, const char *what, int times);
/* Records that the user has completed the provider's payment window for this order and amount. */
void		 open_payment_window(const char *card, const char *order, int64_t amount);
/* Returns the order id of a charge as the page computes it before it opens the payment window. */
char		*charge_order(const struct user *user, const char *key);
/* Returns the header line that authenticates the merchant at the provider. */
const char	*provider_authorization(void);
/* Returns the card's entry in the provider's books, or NULL. */
const cJSON	*provider_entry(const char *card);
/* Returns "captured-refunded" from the provider's books, or "nothing" if nothing was captured. */
const char	*provider_books(const char *card);

struct call	 card_call(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key);
/* Repeats with the same key until the answer is not 202. The simulator makes random faults, so the outcome of any payment can
 * be unknown. */
struct reply	 repeat_until_certain(struct call call);
struct reply	 pay_by_card(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key);
/* Checks 402 with this reason. A decline that was looked up has the reason ABORTED. */
void		 check_declined(const struct reply *reply, const char *provider_code);
const char	*payment_status(const struct user *user, const char *payment);
/* Sends a webhook through the gateway, as any client can. Repeats it until it is recorded, like the provider. */
struct reply	 webhook(const char *card);

/* Returns a sample of a program's metrics; 0 if it has none of that name. */
double		 metric(const char *base, const char *name);
bool		 is(const char *a, const char *b);

#endif
