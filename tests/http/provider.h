/*
 * What the tests of card payments have in common: cards, what the provider is to do
 * with them, and what its books say.
 */
#ifndef TESTS_HTTP_PROVIDER_H
#define TESTS_HTTP_PROVIDER_H

#include "harness.h"

/* A provider that is slower than CARD_PROVIDER_TIMEOUT_MS, then a look-up and perhaps another confirm. */
#define CERTAIN_SECONDS	30

/* A new payment key, "card-...": no other begins so, and no log may have one. */
char		*card_new(void);
/* What the provider is to do the next `times` times: "confirm", "cancel", "find" or "webhook" of this card. */
void		 provider_does(const char *card, const char *call, const char *what, int times);
/* The user has been through the provider's window, which the page has opened for this order and amount. */
void		 provider_knows(const char *card, const char *order, int64_t amount);
/* The order id of a charge, as the page computes it before it opens the provider's window. */
char		*charge_order(const struct user *user, const char *key);
/* As the merchant, at the provider itself: a header line. */
const char	*provider_authorization(void);
/* What the provider's books have of a card, NULL if it is not in them. */
const cJSON	*entry_of(const char *card);
/* "captured-refunded" of a card in the provider's books, "nothing" if nothing was taken. */
const char	*books(const char *card);

struct call	 card_call(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key);
/* Asks again, with the same key, until it is no longer PENDING or CHARGING: anybody's card is now and then in doubt. */
struct reply	 until_certain(struct call call);
struct reply	 pay_by_card(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key);
/* 402 for this reason; of a refusal that had to be looked up the books say only that it was one. */
void		 check_declined(const struct reply *reply, const char *provider_code);
const char	*payment_status(const struct user *user, const char *payment);
struct reply	 cancel(const struct user *user, const char *reservation);
/* Sends a webhook through the gateway, as any client can; repeats it until it is noted, as the provider does. */
struct reply	 webhook(const char *card);

/* A sample of a program's metrics; 0 if it has none of that name. */
double		 metric(const char *base, const char *name);
bool		 is(const char *a, const char *b);

#endif
