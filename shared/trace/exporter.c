/* Sends spans to the collector. See exporter.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "base/assert.h"
#include "base/backoff.h"
#include "base/config.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http_client/http_client.h"
#include "loop/loop.h"
#include "trace/exporter.h"
#include "trace/otlp.h"
#include "trace/span.h"

#define EVERY_MS		200
#define TIMEOUT_MS		5000
#define DRAIN_MS		1000
#define ANSWER_MAX		(64 * 1024)	/* bytes */
#define BODY_MAX		(CT_SPANS_BYTES_MAX + 16 * 1024)
#define PAUSE_MIN_MS		1000
#define PAUSE_MAX_MS		30000
#define URL_MAX			1024

static char			 url[URL_MAX];
static const char		*service_name;
static const char		*service_version;
static char			 instance[300];

static struct ct_buf		 body;		/* the request under way, or to be sent again */
static unsigned			 body_spans;	/* 0: none */
static bool			 sending;
static bool			 failing;	/* the log has said so */
static uint64_t			 drain_until_ms;	/* 0: not draining */
static struct ct_backoff	 backoff;
static struct ct_metric		*exported;

/* Returns true if the URL's host is this machine: localhost, 127.0.0.0/8 or ::1. */
static bool
exporter_is_loopback(const char *host)
{
	unsigned	a, b, c, d;
	char		rest;
	size_t		length = strcspn(host, ":/");
	char		text[64];

	if (strncmp(host, "[::1]", 5) == 0)
		return (strchr(":/", host[5]) != NULL);
	if (length >= sizeof(text))
		return (false);
	memcpy(text, host, length);
	text[length] = '\0';
	return (strcasecmp(text, "localhost") == 0 ||
	    (sscanf(text, "%3u.%3u.%3u.%3u%c", &a, &b, &c, &d, &rest) == 4 && a == 127 && b < 256 && c < 256 && d < 256));
}

/* Checks the setting and writes the URL to which spans are posted. Returns false after reporting a fault. */
static bool
exporter_read_url(const char *base)
{
	static const char	path[] = "/v1/traces";
	bool			https = strncmp(base, "https://", 8) == 0;
	const char		*host = base + (https ? 8 : 7), *why = NULL;
	size_t			 length = strlen(base);

	if (!https && strncmp(base, "http://", 7) != 0)
		why = "is not an http or https address";
	else if (*host == '\0' || *host == '/' || strpbrk(host, "@?# ") != NULL)
		why = "must be http(s)://host:port, with or without a path, and without a user, a query or a fragment";
	else if (ct_production() && !https && !exporter_is_loopback(host))
		why = "is neither https nor on this machine (localhost, 127.0.0.0/8, [::1]): others could read the spans on the way";
	else if (length + sizeof(path) > sizeof(url))
		why = "is too long";
	if (why != NULL) {
		ct_config_fail("TRACE_COLLECTOR_URL", why);
		return (false);
	}
	while (base[length - 1] == '/')
		length--;
	/* Collectors document both forms: with the path of traces and without it. */
	if (length > sizeof(path) - 1 && strncmp(base + length - (sizeof(path) - 1), path, sizeof(path) - 1) == 0)
		length -= sizeof(path) - 1;
	(void)snprintf(url, sizeof(url), "%.*s%s", (int)length, base, path);
	return (true);
}

void
ct_exporter_configure(const char *service)
{
	const char	*base = ct_config_text("TRACE_COLLECTOR_URL");
	long		 one_in = ct_config_number("TRACE_SAMPLE_ONE_IN");
	bool		 trusts = strcmp(ct_config_choice("TRACE_TRUST_CALLER"), "on") == 0;
	char		 host[256] = "";

	exported = ct_metric_counter("trace_spans_exported_total", "", "Spans that the collector has taken.");
	ct_spans_configure();
	if (base == NULL || *base == '\0' || !exporter_read_url(base))
		return;
	service_name = service;
	service_version = ct_config_text("SERVICE_VERSION");
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(instance, sizeof(instance), "%s:%ld", host, ct_config_number("PORT"));
	ct_spans_enable((unsigned)one_in, trusts);
}

/* Appends the gathered spans to a new body. */
static void
exporter_take(void)
{
	const struct ct_attribute	resource[] = {
		{ .name = "service.namespace", .text = "concert" },
		{ .name = "service.name", .text = service_name },
		{ .name = "service.version", .text = service_version },
		{ .name = "service.instance.id", .text = instance },
		{ .name = "process.pid", .number = getpid() },
	};

	body.length = 0;
	ct_otlp_begin(&body, resource, sizeof(resource) / sizeof(resource[0]));
	body_spans = ct_spans_take(&body);
	ct_otlp_end(&body);
	CT_ASSERT(!body.failed);
}

static void
exporter_forget(void)
{
	ct_buf_deinit(&body);
	body_spans = 0;
}

/* A collector may accept only some spans: {"partialSuccess":{"rejectedSpans":"3"}}. The number may be a text or a number. */
static unsigned
exporter_rejected(const struct ct_http_response *response)
{
	cJSON		*answer = cJSON_ParseWithLength(response->body, response->body_length);
	const cJSON	*count = cJSON_GetObjectItemCaseSensitive(
			    cJSON_GetObjectItemCaseSensitive(answer, "partialSuccess"), "rejectedSpans");
	unsigned long	 rejected = 0;

	if (cJSON_IsString(count))
		rejected = strtoul(count->valuestring, NULL, 10);
	else if (cJSON_IsNumber(count) && count->valuedouble > 0)
		rejected = (unsigned long)count->valuedouble;
	cJSON_Delete(answer);
	return (rejected > body_spans ? body_spans : (unsigned)rejected);
}

static bool
exporter_may_repeat(const struct ct_http_response *response)
{
	return (response->result == CT_HTTP_NOT_SENT || response->status == 429 || response->status == 502 ||
	    response->status == 503 || response->status == 504);
}

/* Logs the beginning of an outage, once. */
static void
exporter_failed(const struct ct_http_response *response)
{
	if (!failing && response->result == CT_HTTP_ANSWERED)
		ct_log(CT_LOG_WARNING, NULL, "tracing: the collector answers %ld: spans may get lost (trace_spans_dropped_total); check "
		    "TRACE_COLLECTOR_URL and the collector", response->status);
	else if (!failing)
		ct_log(CT_LOG_WARNING, NULL, "tracing: the collector does not answer: %s: spans may get lost "
		    "(trace_spans_dropped_total); check TRACE_COLLECTOR_URL and the collector", response->error);
	failing = true;
	ct_backoff_pause(&backoff, ct_loop_now_ms());
}

static void
exporter_answered(const struct ct_http_response *response, void *arg)
{
	unsigned	rejected;

	(void)arg;
	sending = false;
	if (response->result == CT_HTTP_ANSWERED && response->status >= 200 && response->status < 300) {
		rejected = exporter_rejected(response);
		ct_metric_add(exported, body_spans - rejected);
		ct_spans_dropped(rejected);
		exporter_forget();
		ct_backoff_reset(&backoff);
		if (failing)
			ct_log(CT_LOG_INFO, NULL, "tracing: the collector takes spans again");
		failing = false;
		return;
	}
	exporter_failed(response);
	if (!exporter_may_repeat(response)) {
		ct_spans_dropped(body_spans);
		exporter_forget();
	}
}

/* Sends the body that must be sent again, or else the gathered spans. */
static void
exporter_send(void)
{
	static const char *const	headers[] = { "Content-Type: application/json", NULL };

	if (sending || !ct_backoff_is_over(&backoff, ct_loop_now_ms()))
		return;
	if (body_spans == 0) {
		if (ct_spans_gathered() == 0)
			return;
		exporter_take();
	}
	sending = true;
	ct_http_call(&(const struct ct_http_request){ .method = "POST", .url = url, .headers = headers, .body = body.data,
	    .body_length = body.length, .timeout_ms = TIMEOUT_MS, .response_max = ANSWER_MAX }, exporter_answered, NULL);
}

static void
exporter_tick(void *arg)
{
	(void)arg;
	exporter_send();
}

void
ct_exporter_start(void)
{
	if (!ct_spans_enabled())
		return;
	ct_buf_init(&body, BODY_MAX);
	ct_backoff_init(&backoff, PAUSE_MIN_MS, PAUSE_MAX_MS);
	ct_loop_every(EVERY_MS, exporter_tick, NULL);
}

void
ct_exporter_drain(void)
{
	if (ct_spans_enabled())
		drain_until_ms = ct_loop_now_ms() + DRAIN_MS;
}

bool
ct_exporter_drained(void)
{
	if (drain_until_ms == 0 || ct_loop_now_ms() >= drain_until_ms)
		return (true);
	exporter_send();
	return (!sending && body_spans == 0 && ct_spans_gathered() == 0);
}

unsigned
ct_exporter_pending(void)
{
	return (sending ? 1 : 0);
}
