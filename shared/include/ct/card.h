/*
 * The card provider: three calls, and an answer that says how sure it is.
 *
 * The provider is Toss Payments (its core API: confirm, cancel, look up by
 * order); everything about it is in card.c and card_answer.c, so another one
 * would be another pair of files. `order` is our own id of the payment or the
 * charge: the provider knows it from confirm on, and it is what we ask by.
 *
 * Money moves only by confirm and cancel, each with an idempotency key made of
 * the order: repeating a call that may have arrived cannot take or give back
 * anything twice.
 */
#ifndef CT_CARD_H
#define CT_CARD_H

#include <stdbool.h>
#include <stdint.h>

enum ct_card_result {
	/*
	 * Nothing is certain: no answer in time, a broken one, an error of the
	 * provider's own (5xx), a code that is not known to be final.
	 */
	CT_CARD_IS_UNKNOWN,
	CT_CARD_IS_CAPTURED,	/* the whole amount of this order has been taken */
	CT_CARD_IS_CANCELLED,	/* all that was taken of this order has been given back */
	CT_CARD_IS_DECLINED,	/* it was not taken, and by this order never will be; `code` says why */
	CT_CARD_IS_ABSENT		/* of a look-up: not taken up to now; what is on its way may change that */
};

struct ct_card_answer {
	enum ct_card_result	 result;
	const char		*code;	/* the provider's, "" if it gave none; at most 64 characters A-Z 0-9 _ */
};

/* Runs exactly once for each call, from the loop, never before the call returns. */
typedef void (*ct_card_cb)(const struct ct_card_answer *answer, void *arg);

/*
 * Parent: CARD_PROVIDER_URL (empty: there is no provider), CARD_PROVIDER_SECRET_FILE
 * (required with it; its text is in no log), CARD_PROVIDER_TIMEOUT_MS (of each
 * call, default 10,000); registers metrics.
 */
void		 ct_card_configure(void);

/* A provider is configured. The calls below are only for then. */
bool		 ct_card_enabled(void);
long		 ct_card_timeout_ms(void);

/* May be a payment's key: 1 to 200 characters A-Z a-z 0-9 _ and -, which need no escaping anywhere. */
bool		 ct_card_key_valid(const char *payment_key);

/*
 * Takes `amount`, which the user has authenticated as `payment_key`. CAPTURED,
 * DECLINED or UNKNOWN.
 */
void		 ct_card_confirm(const char *payment_key, const char *order, int64_t amount,
		     ct_card_cb cb, void *arg);

/*
 * Gives all of it back. CANCELLED or UNKNOWN: a refusal is not certain either,
 * the look-up is. `why`: "refund" or "void"; part of the idempotency key. Only
 * for what this order is known to have captured: a payment key alone proves
 * nothing, it is the user who sent it.
 */
void		 ct_card_cancel(const char *payment_key, const char *order, int64_t amount,
		     const char *why, ct_card_cb cb, void *arg);

/* Asks what has become of `order`. Any result; changes nothing. */
void		 ct_card_find(const char *order, int64_t amount, ct_card_cb cb, void *arg);

/* "CAPTURED" and so on: how the SQL functions spell results. */
const char	*ct_card_result_name(enum ct_card_result result);

/* Calls under way in this worker. */
unsigned	 ct_card_pending(void);

#endif
