/*
 * Requests to the card provider, Toss Payments: authentication, idempotency keys,
 * metrics. provider_answer.c reads its answers.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/watched.h"
#include "card/provider_answer.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "trace/span.h"

#define SECRET_MAX	1024
#define ANSWER_MAX	(256 * 1024)	/* bytes */
#define RESULTS		(CT_CARD_IS_UNWANTED + 1)

struct provider_call {
	enum ct_card_call	 call;
	struct ct_card_payment	 payment;
	uint64_t		 started;
	struct ct_span		 span;
	struct ct_trace		 current;	/* in the callback */
	ct_card_cb		 cb;
	void			*arg;
};

static const char *const	call_names[] = {
	[CT_CARD_CONFIRM] = "confirm", [CT_CARD_CANCEL] = "cancel", [CT_CARD_FIND] = "find" };
_Static_assert(sizeof(call_names) / sizeof(call_names[0]) == CT_CARD_CALLS, "every call has a name");

static const char	*base_url;
static char		 server_address[256];
static int64_t		 server_port;
static char		*authorization;	/* the header with the secret; never log it */
static char		 fingerprint[CT_LOADED_FINGERPRINT];	/* of the secret */
static long		 timeout_ms;
static struct ct_metric	*counters[CT_CARD_CALLS][RESULTS];
static struct ct_metric	*durations[CT_CARD_CALLS];

static char *
provider_labels(const char *fmt, const char *call, const char *result)
{
	size_t	 size = 96;
	char	*labels = malloc(size);

	if (labels == NULL)
		abort();
	(void)snprintf(labels, size, fmt, call, result);
	return (labels);
}

/* Basic authentication: the secret is the user name, and the password is empty. Calls from now on use the secret. */
static bool
provider_load_secret(const char *path, char why_r[CT_CONFIG_WHY])
{
	static const char	begin[] = "Authorization: Basic ";
	char			plain[SECRET_MAX + 2], *secret;
	size_t			length;

	if ((secret = ct_config_read_secret("CARD_PROVIDER_SECRET_FILE", &length, why_r)) == NULL)
		return (false);
	if (length > SECRET_MAX || strlen(secret) != length || strpbrk(secret, "\r\n") != NULL) {
		(void)snprintf(why_r, CT_CONFIG_WHY, "%.200s is not one line of at most %d characters", path, SECRET_MAX);
		ct_config_free_secret(secret);
		return (false);
	}
	ct_loaded_fingerprint(secret, length, fingerprint);
	length = (size_t)snprintf(plain, sizeof(plain), "%s:", secret);
	ct_config_free_secret(secret);
	if (authorization != NULL)
		OPENSSL_cleanse(authorization, strlen(authorization));
	free(authorization);
	if ((authorization = calloc(1, sizeof(begin) + 4 * (length + 2) / 3 + 1)) == NULL)
		abort();
	memcpy(authorization, begin, sizeof(begin) - 1);
	EVP_EncodeBlock((unsigned char *)authorization + sizeof(begin) - 1, (const unsigned char *)plain, (int)length);
	OPENSSL_cleanse(plain, sizeof(plain));
	return (true);
}

static unsigned
provider_secret_values(struct ct_loaded_value *values_r)
{
	(void)snprintf(values_r[0].text, sizeof(values_r[0].text), "%s", fingerprint);
	values_r[0].use = "logs in";
	return (*fingerprint == '\0' ? 0 : 1);
}

/* Takes host and port from the URL, for spans. */
static void
provider_read_server(void)
{
	bool		 https = strncmp(base_url, "https://", 8) == 0;
	const char	*host = base_url + (https ? 8 : 7);
	size_t		 length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");

	(void)snprintf(server_address, sizeof(server_address), "%.*s", (int)length, host);
	server_port = strlen(host) > length && host[length] == ':' ? strtol(host + length + 1, NULL, 10) : https ? 443 : 80;
}

void
ct_card_configure(void)
{
	static const struct ct_watched_file	secret = { "CARD_PROVIDER_SECRET_FILE", provider_load_secret, provider_secret_values };
	const char				*path;
	unsigned				 call, result;

	base_url = ct_config_text("CARD_PROVIDER_URL");
	timeout_ms = ct_config_number("CARD_PROVIDER_TIMEOUT_MS");
	if (!ct_card_enabled())
		return;
	if (strncmp(base_url, "https://", 8) != 0 && strncmp(base_url, "http://", 7) != 0)
		ct_config_fail("CARD_PROVIDER_URL", "is not an http or https address");
	else if (ct_production() && strncmp(base_url, "https://", 8) != 0)
		ct_config_fail("CARD_PROVIDER_URL", "is not https: others could read cards and the secret key on the way");
	provider_read_server();
	if ((path = ct_config_secret_path("CARD_PROVIDER_SECRET_FILE")) != NULL)
		ct_watched_add(&secret, path);

	for (call = 0; call < CT_CARD_CALLS; call++) {
		durations[call] = ct_metric_histogram("card_call_duration_seconds",
		    provider_labels("call=\"%s\"%s", call_names[call], ""), "Time until the card provider answered.");
		for (result = 0; result < RESULTS; result++)
			counters[call][result] = ct_metric_counter("card_calls_total",
			    provider_labels("call=\"%s\",result=\"%s\"", call_names[call],
			    ct_card_result_name((enum ct_card_result)result)),
			    "Calls to the card provider, by result.");
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

/* The URL is left out, because a payment key is in it. */
static void
provider_end_span(const struct provider_call *call, const struct ct_http_response *response)
{
	static const char *const	methods[] = {
		[CT_CARD_CONFIRM] = "POST", [CT_CARD_CANCEL] = "POST", [CT_CARD_FIND] = "GET" };
	static const char *const	templates[] = {
		[CT_CARD_CONFIRM] = "/v1/payments/confirm", [CT_CARD_CANCEL] = "/v1/payments/{paymentKey}/cancel",
		[CT_CARD_FIND] = "/v1/payments/{paymentKey}" };
	bool				answered = response->result == CT_HTTP_ANSWERED;
	bool				failed = !answered || response->status >= 400;
	char				name[64], status[24];

	if (!ct_span_is_recorded(&call->span))
		return;
	(void)snprintf(name, sizeof(name), "%s %s", methods[call->call], templates[call->call]);
	(void)snprintf(status, sizeof(status), "%ld", response->status);
	ct_span_end(&call->span, &(const struct ct_span_facts){ .kind = CT_SPAN_CLIENT, .name = name, .failed = failed,
	    .attributes = {
		{ .name = "http.request.method", .text = methods[call->call] },
		{ .name = "url.template", .text = templates[call->call] },
		{ .name = "server.address", .text = server_address },
		{ .name = "server.port", .number = server_port },
		{ .name = answered ? "http.response.status_code" : NULL, .number = response->status },
		{ .name = failed ? "error.type" : NULL, .text = answered ? status :
		    response->result == CT_HTTP_NOT_SENT ? "not_sent" : "unknown" },
	    } });
}

/* The call is part of the current trace. The resolver has none: its calls begin traces of their own. */
static void
provider_begin_span(struct provider_call *call)
{
	struct ct_trace	trace = ct_trace_current;

	call->current = trace;
	if (!trace.known && ct_spans_enabled())
		ct_trace_new(&trace);
	ct_span_begin(&call->span, &trace);
}

static void
provider_answered(const struct ct_http_response *response, void *arg)
{
	struct provider_call	*call = arg;
	struct ct_trace		 before = ct_trace_enter(&call->current);
	struct ct_card_answer	 answer = { CT_CARD_IS_UNKNOWN, "" };
	char			 code[CT_CARD_CODE_TEXT] = "";

	if (response->result == CT_HTTP_ANSWERED) {
		answer.result = ct_card_read(call->call, &call->payment, response->status, response->body,
		    response->body_length, code);
		answer.code = code;
	}
	/* Do not log the request or the answer, because keys and cards are in them. */
	if (answer.result == CT_CARD_IS_UNKNOWN)
		ct_log(CT_LOG_WARNING, NULL, "card: %s of %s: outcome unknown: status %ld %s%s", call_names[call->call],
		    call->payment.id, response->status, code, response->error);
	ct_metric_add(counters[call->call][answer.result], 1);
	ct_metric_observe(durations[call->call], (double)(ct_loop_now_ms() - call->started) / 1000);
	provider_end_span(call, response);
	call->cb(&answer, call->arg);
	ct_trace_leave(before);
	free(call);
}

static void
provider_ask(enum ct_card_call kind, const char *method, const char *path, const char *idempotency,
    const struct ct_card_payment *payment, const char *body, ct_card_cb cb, void *arg)
{
	struct provider_call	*call;
	struct ct_buf		 url;
	char			 key[96];
	const char		*headers[] = { authorization, "Content-Type: application/json", NULL, NULL, NULL };
	char			 traceparent[16 + CT_TRACEPARENT_TEXT] = "traceparent: ";
	struct ct_trace		 trace;
	size_t			 more = 2;

	if ((call = calloc(1, sizeof(*call))) == NULL)
		abort();
	call->call = kind;
	call->payment = *payment;
	call->started = ct_loop_now_ms();
	call->cb = cb;
	call->arg = arg;
	if (idempotency != NULL) {
		(void)snprintf(key, sizeof(key), "Idempotency-Key: %s", idempotency);
		headers[more++] = key;
	}
	provider_begin_span(call);
	trace = ct_span_trace(&call->span);
	if (trace.known) {
		ct_traceparent_format(&trace, traceparent + strlen(traceparent));
		headers[more++] = traceparent;
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
	    }, provider_answered, call);
	ct_buf_deinit(&url);
}

void
ct_card_confirm(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	char	body[512], key[64];

	/* The characters of keys and orders need no escaping (ct_card_key_valid, docs/adr/0014). */
	(void)snprintf(body, sizeof(body), "{\"paymentKey\":\"%s\",\"orderId\":\"%s\",\"amount\":%" PRId64 "}",
	    payment->payment_key, payment->order, payment->amount);
	(void)snprintf(key, sizeof(key), "confirm-%s", payment->id);
	provider_ask(CT_CARD_CONFIRM, "POST", "/v1/payments/confirm", key, payment, body, cb, arg);
}

void
ct_card_cancel(const struct ct_card_payment *payment, const char *why, unsigned number, ct_card_cb cb, void *arg)
{
	char	body[128], path[256], key[64];

	(void)snprintf(path, sizeof(path), "/v1/payments/%s/cancel", payment->payment_key);
	/* Without an amount, the provider gives back all that is left. */
	(void)snprintf(body, sizeof(body), "{\"cancelReason\":\"%s\"}", why);
	if (number == 0)
		(void)snprintf(key, sizeof(key), "%s-%s", why, payment->id);
	else
		(void)snprintf(key, sizeof(key), "%s-%s-%u", why, payment->id, number);
	provider_ask(CT_CARD_CANCEL, "POST", path, key, payment, body, cb, arg);
}

void
ct_card_find(const struct ct_card_payment *payment, ct_card_cb cb, void *arg)
{
	char	path[256];

	(void)snprintf(path, sizeof(path), "/v1/payments/%s", payment->payment_key);
	provider_ask(CT_CARD_FIND, "GET", path, NULL, payment, NULL, cb, arg);
}
