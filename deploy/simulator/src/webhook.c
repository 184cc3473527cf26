/*
 * Webhooks: the merchant is told of each change of a payment, PAYMENT_STATUS_CHANGED,
 * and told again with growing pauses until it answers 200, as the provider
 * does it (seven times, each pause four times the last; only the first pause
 * is a setting, a minute at the provider). What was not delivered when the
 * simulator stopped is sent when it starts.
 */
#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/config.h"
#include "base/ids.h"
#include "base/log.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "simulator.h"

#define TICK_MS		20
#define TIMEOUT_MS	10000
#define TRIES		8	/* the first and seven more */
#define BUSY_MAX	32
#define BODY_MAX	(64 * 1024)

struct webhook {
	uint64_t		 event;		/* 0: a copy that nobody waits for */
	struct payment		*payment;
	char			 id[CT_UUID_TEXT];
	struct ct_buf		 body;
	unsigned		 tries;
	uint64_t		 due_ms;
	bool			 busy;
	void			(*told)(void *arg);
	void			*arg;
	TAILQ_ENTRY(webhook)	 list;
};

static TAILQ_HEAD(, webhook)	webhooks = TAILQ_HEAD_INITIALIZER(webhooks);
static const char		*url;
static long			 pause_ms, late_ms;
static unsigned			 sent, delivered, waiting, busy;

void
webhook_configure(void)
{
	url = ct_config_text("TOSS_WEBHOOK_URL");
	pause_ms = ct_config_number("TOSS_WEBHOOK_PAUSE_MS");
	late_ms = ct_config_number("TOSS_WEBHOOK_LATE_MS");
}

static void
drop(struct webhook *webhook)
{
	if (webhook->event != 0)
		books_told(webhook->event);
	TAILQ_REMOVE(&webhooks, webhook, list);
	ct_buf_deinit(&webhook->body);
	free(webhook);
	waiting--;
}

static void
on_answer(const struct ct_http_response *response, void *arg)
{
	struct webhook	*webhook = arg;
	uint64_t	 wait = (uint64_t)pause_ms;
	unsigned	 i;

	busy--;
	webhook->busy = false;
	if (webhook->told != NULL)
		webhook->told(webhook->arg);
	webhook->told = NULL;
	if (response->result == CT_HTTP_ANSWERED && response->status == 200) {
		delivered++;
		webhook->payment->webhooks++;
		drop(webhook);
		return;
	}
	if (webhook->tries == TRIES) {
		ct_log(CT_LOG_WARNING, NULL, "webhook %s: given up after %u tries", webhook->id, webhook->tries);
		drop(webhook);
		return;
	}
	for (i = 1; i < webhook->tries; i++)
		wait *= 4;
	webhook->due_ms = ct_loop_now_ms() + wait;
}

static void
send_now(struct webhook *webhook)
{
	char		 id[96], when[96], retried[96];
	const char	*headers[] = { "Content-Type: application/json", id, when, retried, NULL };
	char		 text[TIME_TEXT];
	time_t		 now = time(NULL);
	struct tm	 tm;

	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	(void)snprintf(id, sizeof(id), "tosspayments-webhook-transmission-id: %s", webhook->id);
	(void)snprintf(when, sizeof(when), "tosspayments-webhook-transmission-time: %s", text);
	(void)snprintf(retried, sizeof(retried), "tosspayments-webhook-transmission-retried-count: %u", webhook->tries);
	webhook->tries++;
	webhook->busy = true;
	busy++;
	sent++;
	ct_http_call(&(struct ct_http_request){ .method = "POST", .url = url, .headers = headers,
	    .body = webhook->body.data, .body_length = webhook->body.length, .timeout_ms = TIMEOUT_MS,
	    .response_max = 64 * 1024 }, on_answer, webhook);
}

static void
tick(void *arg)
{
	struct webhook	*webhook;
	uint64_t	 now = ct_loop_now_ms();

	(void)arg;
	TAILQ_FOREACH(webhook, &webhooks, list) {
		if (busy >= BUSY_MAX)
			return;
		if (!webhook->busy && now >= webhook->due_ms)
			send_now(webhook);
	}
}

static struct webhook *
webhook_new(uint64_t event, struct payment *payment, uint64_t wait)
{
	struct webhook	*webhook = calloc(1, sizeof(*webhook));
	struct ct_uuid	 uuid;
	char		 text[TIME_TEXT];
	time_t		 now = time(NULL) + 9 * 3600;
	struct tm	 tm;

	if (webhook == NULL)
		abort();
	webhook->event = event;
	webhook->payment = payment;
	ct_uuid_v7(&uuid);
	ct_uuid_format(&uuid, webhook->id);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.000000", gmtime_r(&now, &tm));
	ct_buf_init(&webhook->body, BODY_MAX);
	ct_buf_printf(&webhook->body, "{\"eventType\":\"PAYMENT_STATUS_CHANGED\",\"createdAt\":\"%s\",\"data\":", text);
	payment_json(&webhook->body, payment);
	ct_buf_puts(&webhook->body, "}");
	webhook->due_ms = ct_loop_now_ms() + wait;
	TAILQ_INSERT_TAIL(&webhooks, webhook, list);
	waiting++;
	return (webhook);
}

void
webhook_send(uint64_t event, struct payment *payment, enum notice notice, void (*told)(void *arg), void *arg)
{
	struct webhook	*webhook;

	if (*url == '\0') {
		books_told(event);
		if (told != NULL)
			told(arg);
		return;
	}
	webhook = webhook_new(event, payment, notice == NOTICE_LATE ? (uint64_t)late_ms : 0);
	webhook->told = told;
	webhook->arg = arg;
	if (notice == NOTICE_TWICE)
		(void)webhook_new(0, payment, 0);
	/* Otherwise the next tick sends it, which is after the answer. */
	if (notice == NOTICE_EARLY)
		send_now(webhook);
}

void
webhook_start(void)
{
	const struct untold	*one;

	for (one = books_untold(); one != NULL && *url != '\0'; one = one->next)
		(void)webhook_new(one->event, one->payment, 0);
	ct_loop_every(TICK_MS, tick, NULL);
}

void
webhook_counts(unsigned *sent_r, unsigned *delivered_r, unsigned *waiting_r)
{
	*sent_r = sent;
	*delivered_r = delivered;
	*waiting_r = waiting;
}
