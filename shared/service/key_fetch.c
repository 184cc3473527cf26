/* When to fetch the key set, and what to do with the answer. */
#include <sys/random.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/jwks.h"
#include "base/backoff.h"
#include "base/config.h"
#include "base/loaded.h"
#include "base/metrics.h"
#include "base/outage.h"
#include "http/serve.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "service/key_fetch.h"

#define TICK_MS			250
#define FETCH_TIMEOUT_MS	3000
#define SET_MAX			(512 * 1024)	/* bytes: 64 keys of 8,192 bits with certificates */
/* The least time between two fetches that unknown kids cause, so that forged tokens cannot attack the provider. */
#define UNKNOWN_KID_MS		10000
/* Pauses after a failed fetch: without any keys, and with keys. */
#define FIRST_PAUSE_MAX_MS	2000
#define PAUSE_MIN_MS		5000
#define PAUSE_MAX_MS		30000

static const char		*url;		/* NULL: not used */
static uint64_t			 refresh_ms;
static bool			 fetching;
static bool			 loaded;	/* there was a set at some time */
static uint64_t			 fetched_ms;	/* start of the last fetch; 0: none */
static uint64_t			 refresh_at_ms;	/* when the next one is due, if the last one was good */
static struct ct_backoff	 pause;
static struct ct_outage		 outage;
static unsigned			 number;	/* for ct_loaded_show */
static struct {
	struct ct_metric	*good;
	struct ct_metric	*failed;
	struct ct_metric	*refused;
	struct ct_metric	*unknown_kids;
	struct ct_metric	*last_good;
} metrics;

static bool
key_fetch_is_url(const char *text)
{
	const char	*host = strncmp(text, "https://", 8) == 0 ? text + 8 : strncmp(text, "http://", 7) == 0 ? text + 7 : "";
	const char	*at;

	for (at = text; *at != '\0'; at++) {
		if (*at <= ' ' || *at > '~' || at - text > 1000)
			return (false);
	}
	return (*host != '\0' && *host != '/' && strchr(host, '@') == NULL);
}

void
ct_key_fetch_configure(void)
{
	refresh_ms = 1000 * (uint64_t)ct_config_number("JWT_JWKS_REFRESH_SECONDS");
	if (!ct_config_is_set("JWT_JWKS_URL"))
		return;
	url = ct_config_text("JWT_JWKS_URL");
	if (!key_fetch_is_url(url))
		ct_config_fail("JWT_JWKS_URL", "is not an http or https address without a user");
	else if (ct_production() && strncmp(url, "https://", 8) != 0)
		ct_config_fail("JWT_JWKS_URL", "is not https: others could give the service their own keys on the way");
	ct_outage_init(&outage, "jwks");
	ct_backoff_init(&pause, CT_BACKOFF_MIN_MS, FIRST_PAUSE_MAX_MS);
	number = ct_loaded_setting("JWT_JWKS_URL");

	metrics.good = ct_metric_counter("jwks_fetches_total", "result=\"ok\"", "Fetches of the key set, by result.");
	metrics.failed = ct_metric_counter("jwks_fetches_total", "result=\"failed\"", "Fetches of the key set, by result.");
	metrics.refused = ct_metric_counter("jwks_fetches_total", "result=\"refused\"", "Fetches of the key set, by result.");
	metrics.unknown_kids = ct_metric_counter("jwks_unknown_kids_total", "", "Tokens with a kid that no key has.");
	metrics.last_good = ct_metric_gauge("jwks_last_success_timestamp_seconds", "",
	    "When the first worker fetched its key set.");
}

static void
key_fetch_show_keys(void)
{
	static struct ct_loaded_value	values[CT_LOADED_VALUES];

	ct_loaded_show(number, values, ct_jwks_values(values));
}

/* Up to a tenth earlier, chosen at random, so that the workers do not fetch in step. */
static uint64_t
key_fetch_next_refresh(void)
{
	unsigned short	chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance))
		chance = 0;
	return (ct_loop_now_ms() + refresh_ms - refresh_ms / 10 * chance / 65536);
}

static void
key_fetch_failed(struct ct_metric *metric, const char *why)
{
	ct_metric_add(metric, 1);
	ct_outage_begin(&outage, why);
	ct_backoff_pause(&pause, ct_loop_now_ms());
	/* From now on only the pause counts. */
	refresh_at_ms = 0;
}

static void
key_fetch_worked(void)
{
	ct_metric_add(metrics.good, 1);
	ct_outage_end(&outage);
	if (!loaded)
		ct_backoff_init(&pause, PAUSE_MIN_MS, PAUSE_MAX_MS);
	ct_backoff_reset(&pause);
	loaded = true;
	refresh_at_ms = key_fetch_next_refresh();
	if (ct_metrics_first_worker())
		ct_metric_set(metrics.last_good, (int64_t)time(NULL));
	key_fetch_show_keys();
}

static void
key_fetch_answered(const struct ct_http_response *response, void *arg)
{
	char	why[CT_CONFIG_WHY] = "";

	(void)arg;
	fetching = false;
	if (response->result != CT_HTTP_ANSWERED) {
		(void)snprintf(why, sizeof(why), "no answer from JWT_JWKS_URL: %.200s", response->error);
		key_fetch_failed(metrics.failed, why);
	} else if (response->status != 200) {
		(void)snprintf(why, sizeof(why), "JWT_JWKS_URL answers with status %ld", response->status);
		key_fetch_failed(metrics.failed, why);
	} else if (!ct_jwks_use(response->body, response->body_length, why)) {
		key_fetch_failed(metrics.refused, why);
	} else {
		key_fetch_worked();
	}
	ct_serve_keys_came();
}

static void
key_fetch_begin(void)
{
	static const char *const	headers[] = { "Accept: application/jwk-set+json, application/json", NULL };
	struct ct_http_request		request = { .method = "GET", .url = url, .headers = headers,
		.timeout_ms = FETCH_TIMEOUT_MS, .response_max = SET_MAX };

	fetching = true;
	fetched_ms = ct_loop_now_ms();
	ct_http_call(&request, key_fetch_answered, NULL);
}

static void
key_fetch_tick(void *arg)
{
	uint64_t	now = ct_loop_now_ms();

	(void)arg;
	if (!fetching && now >= refresh_at_ms && ct_backoff_is_over(&pause, now))
		key_fetch_begin();
}

static enum ct_keys_asked
key_fetch_ask(void)
{
	ct_metric_add(metrics.unknown_kids, 1);
	if (!fetching && ct_loop_now_ms() >= fetched_ms + UNKNOWN_KID_MS)
		key_fetch_begin();
	return (fetching ? CT_KEYS_COMING : loaded ? CT_KEYS_NOT_COMING : CT_KEYS_NEVER_CAME);
}

void
ct_key_fetch_start(void)
{
	if (url == NULL)
		return;
	ct_serve_ask_keys(key_fetch_ask);
	ct_loop_every(TICK_MS, key_fetch_tick, NULL);
	key_fetch_begin();
}

bool
ct_key_fetch_used(void)
{
	return (url != NULL);
}

bool
ct_key_fetch_ready(void)
{
	return (loaded);
}
