/*
 * Queue tokens. A token is accepted only if each character is as the service has signed it. Input: the first byte says
 * whether the rest is a token's text, or edits of a valid token.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/queue_token.h"
#include "fuzz.h"

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	(void)setenv("ENVIRONMENT", "development", 1);
	fuzz_setting_file("QUEUE_TOKEN_SECRET_FILE", "a-secret-for-fuzzing-of-more-than-32-bytes");
	ct_queue_token_configure();
	return (0);
}

static void
check(const char *text, bool right)
{
	struct ct_queue_token	token;
	char			again[CT_QUEUE_TOKEN_TEXT];
	bool			accepted = ct_queue_token_verify(text, &token);

	must(accepted == right);
	if (!accepted)
		return;
	ct_queue_token_sign(&token, again);
	must(strcmp(again, text) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input	 input = { data, size };
	struct ct_queue_token	 token;
	char			 right[CT_QUEUE_TOKEN_TEXT], edited[CT_QUEUE_TOKEN_TEXT + 8], *text;

	memset(&token, 0, sizeof(token));
	if (fuzz_byte(&input) % 2 == 0) {
		text = fuzz_text(&input, '\0');
		check(text, false);
		free(text);
		return (0);
	}
	token.schedule.bytes[0] = fuzz_byte(&input);
	token.user.bytes[15] = fuzz_byte(&input);
	token.seq = (uint64_t)fuzz_byte(&input) << 40;
	token.issued_ms = fuzz_byte(&input);
	token.generation = (uint64_t)fuzz_byte(&input) << 56;
	ct_queue_token_sign(&token, right);
	check(right, true);
	memcpy(edited, right, sizeof(right));
	fuzz_edit(&input, edited, sizeof(edited));
	check(edited, strcmp(edited, right) == 0);
	return (0);
}
