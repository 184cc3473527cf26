/*
 * The card provider: three calls, and an answer that says how certain it is.
 * Owner: the payment team. Linked by payment and point.
 *
 * The provider is Toss Payments (its core API: confirm, cancel, look up by payment
 * key). Only provider*.c know it, so another provider means another set of files.
 *
 * The page chooses the order id and the amount before the provider's payment window
 * opens, and gets a payment key for them. A confirm must repeat all three, so an order
 * id is one that the page knows (docs/adr/0014). We ask the provider about the
 * payment key, because each attempt to pay has its own, while the attempts for one
 * reservation share an order id. A payment key proves nothing, because the user sends
 * it: an answer counts only if it names our order and amount too.
 *
 * Only confirm and cancel move money. Each carries an idempotency key made of our own
 * id, so a repeated call cannot take or give back anything twice.
 */
#ifndef CT_CARD_PROVIDER_H
#define CT_CARD_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "http/handler.h"

enum ct_card_result {
	/*
	 * Nothing is certain: no answer in time, a broken answer, an error of the
	 * provider itself (5xx), or a code that is not known to be final.
	 */
	CT_CARD_IS_UNKNOWN,
	CT_CARD_IS_CAPTURED,	/* the whole amount of this order was taken */
	CT_CARD_IS_CANCELLED,	/* everything that was taken for this order was given back */
	CT_CARD_IS_DECLINED,	/* nothing was taken, and this payment key never will take anything; `code` says why */
	CT_CARD_IS_ABSENT,	/* look-up only: nothing was taken yet; a call on its way may change that */
	/*
	 * Look-up only: some money is there or may yet come (a part was given back, a
	 * deposit is expected), but it can never become this payment. Cancel it.
	 */
	CT_CARD_IS_UNWANTED
};

/* The payment that a call is about. The caller owns the strings, which live until the callback has run. */
struct ct_card_payment {
	const char	*id;		/* our id of the payment or charge, which makes the idempotency keys */
	const char	*payment_key;
	const char	*order;
	int64_t		 amount;
};

#define CT_CARD_CODE_TEXT	65
#define CT_CARD_KEY_TEXT	201	/* a payment key */
#define CT_CARD_ORDER_TEXT	65	/* an order id: 6 to 64 characters A-Z a-z 0-9 - _ = */

struct ct_card_answer {
	enum ct_card_result	 result;
	const char		*code;	/* the provider's, "" if it gave none; at most 64 characters A-Z 0-9 _ */
};

/* Runs exactly once for each call, from the loop, never before the call returns. */
typedef void (*ct_card_cb)(const struct ct_card_answer *answer, void *arg);

/*
 * Parent: CARD_PROVIDER_URL (empty: there is no provider), CARD_PROVIDER_SECRET_FILE
 * (required with it; the secret is in no log), CARD_PROVIDER_TIMEOUT_MS (of each
 * call, default 10,000); registers metrics.
 */
void		 ct_card_configure(void);

/* Returns true if a provider is configured. The calls below need one. */
bool		 ct_card_enabled(void);
long		 ct_card_timeout_ms(void);

/* Returns true for 1 to 200 characters A-Z a-z 0-9 _ and -, which need no escaping anywhere. */
bool		 ct_card_key_valid(const char *payment_key);

/*
 * Returns the body's card.paymentKey, or NULL: it is absent, or wrong and noted as an
 * invalid field. With `required`, a body without `card` is wrong too.
 */
const char	*ct_card_read_key(struct ct_request *request, bool required);

/* Takes `amount`, which the user has authenticated as `payment_key`. CAPTURED, DECLINED or UNKNOWN. */
void		 ct_card_confirm(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/*
 * Gives back all that is left of the payment. CANCELLED or UNKNOWN: a refusal is not
 * certain either, so look the payment up then. `why` ("refund" or "void") and `number`
 * are part of the idempotency key. The provider repeats a refusal for the same key, so
 * the next attempt needs another number. If two cancels meet, the second finds
 * nothing left. Call it only if a look-up or a confirm has shown that the payment is of this order.
 */
void		 ct_card_cancel(const struct ct_card_payment *payment, const char *why, unsigned number,
		     ct_card_cb cb, void *arg);

/* Looks the payment up. Any result; changes nothing. */
void		 ct_card_find(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/* Returns true if `code` says that this payment key or this order was used, by any user. */
bool		 ct_card_code_says_used(const char *code);

/* Returns "CAPTURED" and so on, as the SQL functions spell results. */
const char	*ct_card_result_name(enum ct_card_result result);

#endif
