/* Two calls to the card provider; the second one depends on the answer to the first. */
#include <stdlib.h>
#include <string.h>

#include "card/provider_steps.h"

struct steps {
	const struct ct_card_payment	*payment;
	char				 code[CT_CARD_CODE_TEXT];	/* why the confirm was refused */
	ct_card_cb			 cb;
	void				*arg;
};

static struct steps *
steps_new(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	struct steps	*steps = calloc(1, sizeof(*steps));

	if (steps == NULL)
		abort();
	steps->payment = payment;
	steps->cb = cb;
	steps->arg = arg;
	return (steps);
}

static void
steps_end(struct steps *steps, const struct ct_card_answer *answer)
{
	steps->cb(answer, steps->arg);
	free(steps);
}

static void
steps_found(const struct ct_card_answer *answer, void *arg)
{
	struct steps	*steps = arg;

	if (answer->result == CT_CARD_IS_ABSENT && steps->code[0] != '\0')
		steps_end(steps, &(const struct ct_card_answer){ CT_CARD_IS_DECLINED, steps->code });
	else
		steps_end(steps, answer);
}

static void
steps_confirmed(const struct ct_card_answer *answer, void *arg)
{
	struct steps	*steps = arg;

	if (answer->result != CT_CARD_IS_UNKNOWN || !ct_card_code_says_used(answer->code)) {
		steps_end(steps, answer);
		return;
	}
	memcpy(steps->code, answer->code, strlen(answer->code) + 1);
	ct_card_find(steps->payment, steps_found, steps);
}

static void
steps_cancelled(const struct ct_card_answer *answer, void *arg)
{
	struct steps	*steps = arg;

	/* The provider may refuse because the money was given back already. The look-up shows it. */
	if (answer->result == CT_CARD_IS_CANCELLED)
		steps_end(steps, answer);
	else
		ct_card_find(steps->payment, steps_found, steps);
}

void
ct_card_confirm_again(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	ct_card_confirm(payment, steps_confirmed, steps_new(payment, cb, arg));
}

void
ct_card_give_back(const struct ct_card_payment *payment, const char *why, unsigned number, ct_card_cb cb, void *arg)
{
	ct_card_cancel(payment, why, number, steps_cancelled, steps_new(payment, cb, arg));
}
