/* Reading the card provider's answers, apart from asking: free of Kore and curl, for the unit tests. */
#ifndef CT_CARD_INTERNAL_H
#define CT_CARD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "ct/card.h"

enum ct_card_call { CT_CARD_CONFIRM, CT_CARD_CANCEL, CT_CARD_FIND, CT_CARD_CALLS };

/*
 * What an answer with `status` and `body` to `call` about the payment says.
 * code_r gets the provider's code, or "".
 */
enum ct_card_result	 ct_card_read(enum ct_card_call call, const struct ct_card_payment *payment,
			     long status, const char *body, size_t length,
			     char code_r[CT_CARD_CODE_TEXT]);

#endif
