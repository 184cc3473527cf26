/* Reading the card provider's answers and our own records, apart from asking: free of Kore and curl, for the unit tests. */
#ifndef CT_CARD_INTERNAL_H
#define CT_CARD_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "ct/card.h"

enum ct_card_call { CT_CARD_CONFIRM, CT_CARD_CANCEL, CT_CARD_FIND, CT_CARD_CALLS };

/*
 * What an answer with `status` and `body` to `call` about the payment says.
 * code_r gets the provider's code, or "".
 */
enum ct_card_result	 ct_card_read(enum ct_card_call call, const struct ct_card_payment *payment,
			     long status, const char *body, size_t length,
			     char code_r[CT_CARD_CODE_TEXT]);

/* Copies the member, a text, into text_r with its NUL; false if it is none or does not fit. */
bool	 ct_card_take_text(const cJSON *object, const char *member, char *text_r, size_t size)
	     __attribute__((warn_unused_result));

#endif
