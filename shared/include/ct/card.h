/*
 * The card provider: three calls, and an answer that says how sure it is.
 *
 * The provider is Toss Payments (its core API: confirm, cancel, look up by
 * payment key); everything about it is in card.c, card_steps.c and card_answer.c, so
 * another one would be another set of files.
 *
 * The page chooses the order id and the amount before the provider's payment window
 * opens, and gets a payment key that stands for them: confirm must repeat all
 * three. So an order id is one that the page knows (docs/adr/0014), and what is asked about
 * is the payment key: it is one try to pay, whereas the tries for a reservation
 * share its order id. A payment key proves nothing, it is the user who sent it: an answer
 * counts only if it names our order and amount too.
 *
 * Money moves only by confirm and cancel, each with an idempotency key made of our own
 * id: repeating a call that may have arrived cannot take or give back anything twice.
 */
#ifndef CT_CARD_H
#define CT_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "ct/request.h"

enum ct_card_result {
	/*
	 * Nothing is certain: no answer in time, a broken one, an error of the
	 * provider's own (5xx), a code that is not known to be final.
	 */
	CT_CARD_IS_UNKNOWN,
	CT_CARD_IS_CAPTURED,	/* the whole amount of this order has been taken */
	CT_CARD_IS_CANCELLED,	/* all that was taken of this order has been given back */
	CT_CARD_IS_DECLINED,	/* it was not taken, and by this payment key never will be; `code` says why */
	CT_CARD_IS_ABSENT,	/* of a look-up: not taken up to now; what is on its way may change that */
	/*
	 * Of a look-up: some of it is there, or may yet come (a part was given
	 * back, a deposit is waited for), but it will never be this payment:
	 * to be cancelled.
	 */
	CT_CARD_IS_UNWANTED
};

/* What the provider is asked about. The strings are the caller's, until the callback has run. */
struct ct_card_payment {
	const char	*id;		/* ours, of the payment or the charge: makes the idempotency keys */
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
 * The body's card.paymentKey, or NULL: there is none, or something is wrong with it,
 * which is then noted. `required`: a body without `card` is wrong too.
 */
const char	*ct_card_read_key(struct ct_request *request, bool required);

/*
 * Takes `amount`, which the user has authenticated as `payment_key`. CAPTURED,
 * DECLINED or UNKNOWN.
 */
void		 ct_card_confirm(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/*
 * Gives all that is left of it back. CANCELLED or UNKNOWN: a refusal is not certain
 * either, the look-up is. `why`, "refund" or "void", and `number` are part of the
 * idempotency key: a cancel that the provider has refused is refused again and again
 * under its key, so the next one needs another number; a second cancel beside one
 * that is still on its way finds nothing left. Only for what a look-up or a confirm
 * has shown to be of this order.
 */
void		 ct_card_cancel(const struct ct_card_payment *payment, const char *why, unsigned number,
		     ct_card_cb cb, void *arg);

/* Asks what has become of it. Any result; changes nothing. */
void		 ct_card_find(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/*
 * card_steps.c: confirms what a look-up has just shown ABSENT. As confirm; but
 * if the provider says that the key or the order has been used, and a further look-up that
 * it was not by us, that is DECLINED. Any result.
 */
void		 ct_card_confirm_again(const struct ct_card_payment *payment, ct_card_cb cb, void *arg);

/* card_steps.c: cancels, and if that is not certain, looks up. Any result. */
void		 ct_card_give_back(const struct ct_card_payment *payment, const char *why, unsigned number,
		     ct_card_cb cb, void *arg);

/* The provider refuses with this code what has been used, by whomever: this payment key or this order. */
bool		 ct_card_code_says_used(const char *code);

/* "CAPTURED" and so on: how the SQL functions spell results. */
const char	*ct_card_result_name(enum ct_card_result result);

#endif
