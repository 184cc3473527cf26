/* Helpers for tests of card payments; see provider.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "provider.h"

bool
is(const char *a, const char *b)
{
	return (strcmp(a, b) == 0);
}

char *
card_new(void)
{
	char	text[UUID_TEXT];

	uuid_new(text);
	return (format("card-%s", text));
}

static struct reply
provider(const char *path, const char *body)
{
	return (http((struct call){ .base = setting("CARD_PROVIDER_URL"), .path = path, .body = body }));
}

void
set_provider_behaviour(const char *card, const char *call, const char *what, int times)
{
	struct reply	reply;

	reply = provider("/simulator/behaviours",
	    format("{\"paymentKey\":\"%s\",\"%s\":\"%s\",\"times\":%d}", card, call, what, times));
	cr_assert(reply.status >= 200 && reply.status < 300, "%ld %s", reply.status, reply.body);
}

void
open_payment_window(const char *card, const char *order, int64_t amount)
{
	check_status(provider("/simulator/payments", format("{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":%" PRId64 "}",
	    card, order, amount)), 204);
}

char *
charge_order(const struct user *user, const char *key)
{
	const char	*text = format("%s:%s", user->id, key);
	unsigned char	 digest[32];
	char		 hex[41];
	size_t		 i;

	cr_assert_eq(EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL), 1);
	for (i = 0; i < 20; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	return (format("charge-%s", hex));
}

const char *
provider_authorization(void)
{
	char	*plain = format("%s:", read_file(setting("CARD_PROVIDER_SECRET_FILE"))), *text = calloc(1, 2 * strlen(plain) + 8);

	(void)EVP_EncodeBlock((unsigned char *)text, (unsigned char *)plain, (int)strlen(plain));
	return (format("Authorization: Basic %s", text));
}

const cJSON *
provider_entry(const char *card)
{
	struct reply	 reply = provider("/simulator/books", NULL);
	const cJSON	*item, *found = NULL;

	check_status(reply, 200);
	cJSON_ArrayForEach(item, at(reply.json, "orders")) {
		if (strcmp(text_at(item, "paymentKey"), card) == 0) {
			cr_assert_null(found, "the provider's books have %s twice", card);
			found = item;
		}
	}
	return (found);
}

const char *
provider_books(const char *card)
{
	const cJSON	*entry = provider_entry(card);
	const char	*found = entry == NULL ? "nothing" :
			    format("%" PRId64 "-%" PRId64, number_at(entry, "captured"), number_at(entry, "refunded"));

	return (strcmp(found, "0-0") == 0 ? "nothing" : found);
}

struct call
card_call(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key)
{
	return ((struct call){ .path = "/payments", .jwt = user->jwt, .key = key,
	    .body = format("{\"reservationId\":\"%s\",\"amount\":%" PRId64 ",\"method\":\"CARD\","
	    "\"card\":{\"paymentKey\":\"%s\"}}", reservation, amount, card) });
}

struct reply
repeat_until_certain(struct call call)
{
	struct reply	reply = http(call);

	wait_for(reply.status != 202 || (reply = http(call)).status != 202, CERTAIN_SECONDS);
	return (reply);
}

struct reply
pay_by_card(const struct user *user, const char *reservation, int64_t amount, const char *card, const char *key)
{
	return (repeat_until_certain(card_call(user, reservation, amount, card, key)));
}

void
check_declined(const struct reply *reply, const char *provider_code)
{
	const char	*said;

	check_problem(*reply, 402, "CARD_DECLINED");
	said = text_at(reply->json, "providerCode");
	cr_assert(is(said, provider_code) || (is(said, "ABORTED") && header(reply, "Idempotent-Replayed") != NULL), "%s", said);
}

const char *
payment_status(const struct user *user, const char *payment)
{
	struct reply	reply = http((struct call){ .path = format("/payments/%s", payment), .jwt = user->jwt });

	check_status(reply, 200);
	return (text_at(reply.json, "status"));
}

struct reply
webhook(const char *card)
{
	struct call	call = { .path = "/payments/webhooks/toss", .body = format("{\"eventType\":\"PAYMENT_STATUS_CHANGED\","
			    "\"data\":{\"orderId\":\"x\",\"paymentKey\":\"%s\",\"status\":\"DONE\",\"totalAmount\":1}}", card) };
	struct reply	reply;

	wait_for((reply = http(call)).status != 503, 60);
	return (reply);
}
