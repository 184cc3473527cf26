/*
 * Asking the card provider, Toss Payments: requests, authentication,
 * idempotency keys, metrics. What its answers mean is in card_answer.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "card_internal.h"
#include "ct/buf.h"
#include "ct/config.h"
#include "ct/http_client.h"
#include "ct/ids.h"
#include "ct/log.h"
#include "ct/loop.h"
#include "ct/metrics.h"

#define SECRET_MAX	1024
#define ANSWER_MAX	(256 * 1024)
#define RESULTS		(CT_CARD_IS_UNWANTED + 1)

struct card_call {
	enum ct_card_call	 call;
	struct ct_card_payment	 payment;
	uint64_t		 started;
	ct_card_cb		 cb;
	void			*arg;
};

static const char *const	call_names[] = {
	[CT_CARD_CONFIRM] = "confirm", [CT_CARD_CANCEL] = "cancel", [CT_CARD_FIND] = "find" };

static const char	*base_url;
static char		*authorization;		/* the header with the secret: never printed */
static long		 timeout_ms;
static struct ct_metric	*counters[CT_CARD_CALLS][RESULTS];
static struct ct_metric	*durations[CT_CARD_CALLS];

static char *
labels_of(const char *fmt, const char *call, const char *result)
{
	size_t	 size = 96;
	char	*labels = malloc(size);

	if (labels == NULL)
		abort();
	(void)snprintf(labels, size, fmt, call, result);
	return (labels);
}

/* Basic authentication: the secret is the user's name, the password is empty. */
static void
authorize(const char *secret)
{
	static const char	begin[] = "Authorization: Basic ";
	char			plain[SECRET_MAX + 2];
	int			length;

	length = snprintf(plain, sizeof(plain), "%s:", secret);
	if (length < 0 || (size_t)length >= sizeof(plain)) {
		ct_config_fail("CARD_PROVIDER_SECRET_FILE", "holds a secret that is too long");
		return;
	}
	if ((authorization = calloc(1, sizeof(begin) + 4 * ((size_t)length + 2) / 3 + 1)) == NULL)
		abort();
	memcpy(authorization, begin, sizeof(begin) - 1);
	EVP_EncodeBlock((unsigned char *)authorization + sizeof(begin) - 1, (const unsigned char *)plain, length);
	OPENSSL_cleanse(plain, sizeof(plain));
}

void
ct_card_configure(void)
{
	unsigned	call, result;

	base_url = ct_config_text("CARD_PROVIDER_URL", "");
	timeout_ms = ct_config_number("CARD_PROVIDER_TIMEOUT_MS", 100, 60000, 10000);
	if (!ct_card_enabled())
		return;
	if (strncmp(base_url, "https://", 8) != 0 && strncmp(base_url, "http://", 7) != 0)
		ct_config_fail("CARD_PROVIDER_URL", "is no http or https address");
	else if (ct_production() && strncmp(base_url, "https://", 8) != 0)
		ct_config_fail("CARD_PROVIDER_URL", "is not https: cards and the secret key would be readable on the way");
	authorize(ct_config_secret_file("CARD_PROVIDER_SECRET_FILE", 8, NULL));

	for (call = 0; call < CT_CARD_CALLS; call++) {
		durations[call] = ct_metric_histogram("card_call_duration_seconds",
		    labels_of("call=\"%s\"%s", call_names[call], ""), "Time the card provider took to answer.");
		for (result = 0; result < RESULTS; result++)
			counters[call][result] = ct_metric_counter("card_calls_total",
			    labels_of("call=\"%s\",result=\"%s\"", call_names[call],
			    ct_card_result_name((enum ct_card_result)result)),
			    "Calls to the card provider, by what came of them.");
	}
}

bool
ct_card_enabled(void)
{
	return (base_url != NULL && base_url[0] != '\0');
}

long
ct_card_timeout_ms(void)
{
	return (timeout_ms);
}

const char *
ct_card_read_key(struct ct_request *request, bool required)
{
	const cJSON	*card = ct_body_member(request->body, "card");
	const char	*payment_key;

	if (card == NULL && !required)
		return (NULL);
	if (!cJSON_IsObject(card)) {
		ct_note_invalid(request, "card", "must be an object with the paymentKey that the card provider gave");
		return (NULL);
	}
	if (!ct_body_text(request, card, "paymentKey", 200, true, &payment_key))
		return (NULL);
	if (ct_card_key_valid(payment_key))
		return (payment_key);
	ct_body_note(request, card, "paymentKey", "must be what the card provider gave: letters, digits, _ and -");
	return (NULL);
}

static void
on_answer(const struct ct_http_response *response, void *arg)
{
	struct card_call	*call = arg;
	struct ct_card_answer	 answer = { CT_CARD_IS_UNKNOWN, "" };
	char			 code[CT_CARD_CODE_TEXT] = "";

	if (response->result == CT_HTTP_ANSWERED) {
		answer.result = ct_card_read(call->call, &call->payment, response->status, response->body,
		    response->body_length, code);
		answer.code = code;
	}
	/* Neither the request nor the answer is printed: keys and cards are in them. */
	if (answer.result == CT_CARD_IS_UNKNOWN)
		ct_log(CT_LOG_WARNING, NULL, "card: %s of %s: outcome unknown: status %ld %s%s", call_names[call->call],
		    call->payment.id, response->status, code, response->error);
	ct_metric_add(counters[call->call][answer.result], 1);
	ct_metric_observe(durations[call->call], (double)(ct_loop_now_ms() - call->started) / 1000);
	call->cb(&answer, call->arg);
	free(call);
}

static void
ask(enum ct_card_call kind, const char *method, const char *path, const char *idempotency,
    const struct ct_card_payment *payment, const char *body, ct_card_cb cb, void *arg)
{
	struct card_call	*call;
	struct ct_buf		 url;
	char			 key[96];
	const char		*headers[] = { authorization, "Content-Type: application/json", NULL, NULL };

	if ((call = calloc(1, sizeof(*call))) == NULL)
		abort();
	call->call = kind;
	call->payment = *payment;
	call->started = ct_loop_now_ms();
	call->cb = cb;
	call->arg = arg;
	if (idempotency != NULL) {
		(void)snprintf(key, sizeof(key), "Idempotency-Key: %s", idempotency);
		headers[2] = key;
	}
	ct_buf_init(&url, 4096);
	ct_buf_puts(&url, base_url);
	ct_buf_puts(&url, path);

	ct_http_call(&(const struct ct_http_request){
		.method = method,
		.url = url.data,
		.headers = headers,
		.body = body,
		.body_length = body == NULL ? 0 : strlen(body),
		.timeout_ms = timeout_ms,
		.response_max = ANSWER_MAX,
	    }, on_answer, call);
	ct_buf_deinit(&url);
}

void
ct_card_confirm(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	char	body[512], key[64];

	/* Keys and orders of such characters need no escaping (ct_card_key_valid, docs/adr/0014). */
	(void)snprintf(body, sizeof(body), "{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":%" PRId64 "}",
	    payment->payment_key, payment->order, payment->amount);
	(void)snprintf(key, sizeof(key), "confirm-%s", payment->id);
	ask(CT_CARD_CONFIRM, "POST", "/v1/payments/confirm", key, payment, body, cb, arg);
}

void
ct_card_cancel(const struct ct_card_payment *payment, const char *why, unsigned number, ct_card_cb cb, void *arg)
{
	char	body[128], path[256], key[64];

	(void)snprintf(path, sizeof(path), "/v1/payments/%s/cancel", payment->payment_key);
	/* Without an amount it is all that is left, whatever that is by now. */
	(void)snprintf(body, sizeof(body), "{\"cancelReason\":\"%s\"}", why);
	if (number == 0)
		(void)snprintf(key, sizeof(key), "%s-%s", why, payment->id);
	else
		(void)snprintf(key, sizeof(key), "%s-%s-%u", why, payment->id, number);
	ask(CT_CARD_CANCEL, "POST", path, key, payment, body, cb, arg);
}

void
ct_card_find(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	char	path[256];

	(void)snprintf(path, sizeof(path), "/v1/payments/%s", payment->payment_key);
	ask(CT_CARD_FIND, "GET", path, NULL, payment, NULL, cb, arg);
}
