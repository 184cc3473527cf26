/* Queue tokens. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/queue_token.h"

static const char	short_secret[] = "a-secret-for-tests-of-more-than-32-bytes";
static char		path[] = "/tmp/ct-queue-token-XXXXXX";

static void
use_secret(const char *secret)
{
	FILE	*file = fopen(path, "w");

	cr_assert_not_null(file);
	cr_assert_geq(fputs(secret, file), 0);
	(void)fclose(file);
	(void)setenv("QUEUE_TOKEN_SECRET_FILE", path, 1);
	ct_queue_token_configure();
}

static void
start(void)
{
	(void)close(mkstemp(path));
	use_secret(short_secret);
}

static void
end(void)
{
	(void)unlink(path);
}

TestSuite(queue_token, .init = start, .fini = end);

static struct ct_queue_token
some_token(void)
{
	struct ct_queue_token	token = { .seq = UINT64_C(1700000000123456), .issued_ms = UINT64_C(1700000000123),
		.generation = UINT64_C(0xfedcba9876543210) };

	ct_uuid_v7(&token.schedule);
	ct_uuid_v7(&token.user);
	return (token);
}

Test(queue_token, verified_token_has_the_signed_fields)
{
	struct ct_queue_token	token = some_token(), back;
	char			text[CT_QUEUE_TOKEN_TEXT];

	ct_queue_token_sign(&token, text);
	cr_assert_leq(strlen(text), 200);
	cr_assert(ct_queue_token_verify(text, &back));
	cr_assert_eq(memcmp(&token.schedule, &back.schedule, 16), 0);
	cr_assert_eq(memcmp(&token.user, &back.user, 16), 0);
	cr_assert_eq(back.seq, token.seq);
	cr_assert_eq(back.issued_ms, token.issued_ms);
	cr_assert_eq(back.generation, token.generation);
}

static void
check_tag(const char *secret)
{
	struct ct_queue_token	token = some_token();
	char			text[CT_QUEUE_TOKEN_TEXT];
	unsigned char		bytes[73], digest[32];

	ct_queue_token_sign(&token, text);
	cr_assert_eq(ct_base64url_decode(text, strlen(text), bytes, sizeof(bytes)), 73);
	HMAC(EVP_sha256(), secret, (int)strlen(secret), bytes, 57, digest, NULL);
	cr_assert_eq(memcmp(digest, bytes + 57, 16), 0);
}

Test(queue_token, tag_is_hmac_sha_256_for_secrets_of_any_length)
{
	static const char	long_secret[] = "a-secret-longer-than-the-sixty-four-bytes-of-a-block-of-sha-256-0123456789";

	check_tag(short_secret);
	use_secret(long_secret);
	check_tag(long_secret);
}

Test(queue_token, token_with_any_bit_changed_is_refused)
{
	struct ct_queue_token	token = some_token(), back;
	char			text[CT_QUEUE_TOKEN_TEXT], changed[CT_QUEUE_TOKEN_TEXT];
	size_t			i;

	ct_queue_token_sign(&token, text);
	for (i = 0; text[i] != '\0'; i++) {
		memcpy(changed, text, sizeof(changed));
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		cr_assert_not(ct_queue_token_verify(changed, &back), "character %zu", i);
	}
}

/* The gateway's limits count by the text. The last character has unused bits, which must not give a second text. */
Test(queue_token, second_text_of_a_token_is_refused)
{
	static const char	any[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=. \n";
	struct ct_queue_token	token = some_token(), back;
	char			text[CT_QUEUE_TOKEN_TEXT], changed[CT_QUEUE_TOKEN_TEXT + 8];
	size_t			last;
	int			accepted = 0;

	ct_queue_token_sign(&token, text);
	last = strlen(text) - 1;
	(void)strcpy(changed, text);
	for (size_t i = 0; i < sizeof(any) - 1; i++) {
		changed[last] = any[i];
		accepted += ct_queue_token_verify(changed, &back);
	}
	cr_assert_eq(accepted, 1, "%d texts", accepted);
	for (size_t i = 0; i < sizeof(any) - 1; i++) {
		(void)snprintf(changed, sizeof(changed), "%s%c", text, any[i]);
		cr_assert_not(ct_queue_token_verify(changed, &back), "'%c' at the end", any[i]);
		(void)snprintf(changed, sizeof(changed), "%c%s", any[i], text);
		cr_assert_not(ct_queue_token_verify(changed, &back), "'%c' in front", any[i]);
	}
	(void)snprintf(changed, sizeof(changed), "%s==", text);
	cr_assert_not(ct_queue_token_verify(changed, &back), "padded");
}

Test(queue_token, text_that_is_not_a_queue_token_is_refused)
{
	struct ct_queue_token	token = some_token(), back;
	char			text[CT_QUEUE_TOKEN_TEXT], longer[300];

	ct_queue_token_sign(&token, text);
	(void)snprintf(longer, sizeof(longer), "%sAAAA", text);
	cr_assert_not(ct_queue_token_verify(longer, &back));
	memset(longer, 'A', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	cr_assert_not(ct_queue_token_verify(longer, &back));
	text[strlen(text) - 1] = '\0';
	cr_assert_not(ct_queue_token_verify(text, &back));
	cr_assert_not(ct_queue_token_verify("", &back));
	cr_assert_not(ct_queue_token_verify("not a token", &back));
}

Test(queue_token, token_of_another_secret_is_refused)
{
	struct ct_queue_token	token = some_token(), back;
	char			text[CT_QUEUE_TOKEN_TEXT];

	ct_queue_token_sign(&token, text);
	use_secret("another-secret-for-tests-of-more-than-32");
	cr_assert_not(ct_queue_token_verify(text, &back));
}
