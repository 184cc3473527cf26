/* See card_declines.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/metrics.h"
#include "card/card_declines.h"
#include "card/provider_answer.h"

#define CODES_MAX	40
#define LABELS_MAX	128

/* In the order of ct_card_decline_codes; the last one counts all other codes. */
static struct ct_metric	*counters[CODES_MAX + 1];
static int		 codes;

static struct ct_metric *
declines_counter(const char *what, const char *reason)
{
	char	*labels = malloc(LABELS_MAX);

	if (labels == NULL)
		abort();
	(void)snprintf(labels, LABELS_MAX, "what=\"%s\",reason=\"%s\"", what, reason);
	return (ct_metric_counter("card_declines_total", labels, "Card payments and charges that the provider declined, by its code."));
}

void
ct_card_declines_configure(const char *what)
{
	const char *const	*names = ct_card_decline_codes();

	for (codes = 0; names[codes] != NULL; codes++) {
		CT_ASSERT(codes < CODES_MAX);
		counters[codes] = declines_counter(what, names[codes]);
	}
	counters[codes] = declines_counter(what, "other");
}

void
ct_card_declines_count(const struct ct_outcome *outcome)
{
	const char *const	*names = ct_card_decline_codes();
	const char		*code;
	cJSON			*body;
	int			 i = codes;

	if (outcome->error != CT_OK || outcome->replayed || strcmp(outcome->outcome, "CARD_DECLINED") != 0)
		return;
	body = cJSON_ParseWithLength(outcome->body, outcome->body_length);
	code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, "providerCode"));
	if (code != NULL) {
		for (i = 0; i < codes && strcmp(names[i], code) != 0; i++)
			continue;
	}
	cJSON_Delete(body);
	ct_metric_add(counters[i], 1);
}
