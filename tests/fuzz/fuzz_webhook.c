/*
 * The card provider's webhooks, which any client can send. A body leads to at most one call of the database, about the
 * payment key that it names. Input: four bytes that decide the database's answer, then the body.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "card/provider.h"
#include "fuzz.h"
#include "requests.h"

static const char	head[] = "POST /payments/webhooks/toss\nContent-Type: application/json\n\n";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	requests_start();
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer	 answer;
	uint32_t	 seed;
	const char	*key;
	cJSON		*event;
	char		*text;

	if (size < 4)
		return (0);
	memcpy(&seed, data, sizeof(seed));
	data += 4;
	size -= 4;
	if ((text = malloc(sizeof(head) + size)) == NULL)
		abort();
	memcpy(text, head, sizeof(head) - 1);
	memcpy(text + sizeof(head) - 1, data, size);
	text[sizeof(head) - 1 + size] = '\0';
	must(requests_send(text, sizeof(head) - 1 + size, seed, false, &answer));
	check_answer(&answer, false);
	must(answer.status == 200 || answer.status == 413 || answer.status == 500 || answer.status == 503);

	event = cJSON_ParseWithLength(text + sizeof(head) - 1, size);
	key = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event, "data"), "paymentKey"));
	/* The first call. The resolver has made none yet. */
	if (strcmp(stores_last, "payment.heard_of") == 0)
		must(ct_card_key_valid(stores_argument) && key != NULL && strcmp(stores_argument, key) == 0);
	if (answer.status >= 500)
		must(key != NULL && ct_card_key_valid(key));
	cJSON_Delete(event);
	answer_free(&answer);
	free(text);
	return (0);
}
