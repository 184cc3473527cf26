/* Reads the card provider's answers and our own records. Free of Kore and curl, for the unit tests. */
#ifndef CT_CARD_PROVIDER_ANSWER_H
#define CT_CARD_PROVIDER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "card/provider.h"

enum ct_card_call { CT_CARD_CONFIRM, CT_CARD_CANCEL, CT_CARD_FIND, CT_CARD_CALLS };

/*
 * Returns what an answer with `status` and `body` to `call` says about the payment.
 * code_r gets the provider's code, or "".
 */
enum ct_card_result	 ct_card_read(enum ct_card_call call, const struct ct_card_payment *payment,
			     long status, const char *body, size_t length,
			     char code_r[CT_CARD_CODE_TEXT]);

/* Returns the codes of refusals after which nothing is taken, now or later; NULL ends the list. */
const char *const	*ct_card_decline_codes(void);

/* Copies the text member into text_r with its NUL. Returns false if it is no text or does not fit. */
bool	 ct_card_take_text(const cJSON *object, const char *member, char *text_r, size_t size)
	     __attribute__((warn_unused_result));

#endif
