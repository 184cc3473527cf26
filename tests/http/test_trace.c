/*
 * Tracing: spans of requests on their way to a collector (docs/tracing.md). Each test starts one more instance of a service,
 * with a collector in its own process. Most pass a traceparent of their own, to find their spans.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector.h"
#include "provider.h"

#define SOON	60	/* seconds until spans must have come */
#define FULL	240	/* seconds until a worker must hold as many spans as it may: after at most 2,000 calls */
#define CALLER	"b7ad6b7169203331"
#define VERSION	"1.2.3-test"

static struct extra_service	extra;
static char			trace[33];

static void
stop_extra(void)
{
	extra_service_stop(&extra);
}

/* Starts the service at the test's port, with the collector (NULL-terminated `more` are further settings). */
static void
start_traced(const char *service, int number, const char *const *more)
{
	const char	*settings[EXTRA_SETTINGS] = { format("TRACE_COLLECTOR_URL=http://127.0.0.1:%d", collector_start()),
			    "SERVICE_VERSION=" VERSION };
	int		 i;

	for (i = 0; more != NULL && more[i] != NULL; i++)
		settings[2 + i] = more[i];
	if (more == NULL)
		settings[2] = "TRACE_SAMPLE_ONE_IN=1";
	extra = extra_service_start(service, atoi(setting("GATEWAY_HTTPS_PORT")) + 170 + number, settings);
}

/* Returns the header lines of a new trace, whose id is in `trace`. */
static const char *const *
new_trace(const char *flags)
{
	static const char	*lines[2];
	char			 text[UUID_TEXT];
	size_t			 i, n = 0;

	uuid_new(text);
	for (i = 0; text[i] != '\0'; i++) {
		if (text[i] != '-')
			trace[n++] = text[i];
	}
	trace[n] = '\0';
	lines[0] = format("traceparent: 00-%s-" CALLER "-%s", trace, flags);
	return (lines);
}

static struct reply
traced(struct call call)
{
	call.base = extra.base;
	call.headers = new_trace("00");
	return (http(call));
}

static void
check_child(const cJSON *child, const cJSON *parent)
{
	cr_assert_str_eq(text_at(child, "parentSpanId"), text_at(parent, "spanId"), "%s is not a child of %s", text_at(child, "name"),
	    text_at(parent, "name"));
	cr_assert_eq(number_at(child, "flags"), 0x101);
	cr_assert_geq(strcmp(text_at(child, "startTimeUnixNano"), text_at(parent, "startTimeUnixNano")), 0);
	cr_assert_leq(strcmp(text_at(child, "endTimeUnixNano"), text_at(parent, "endTimeUnixNano")), 0);
}

/* Returns the span of the request, after checks of all that it says. */
static const cJSON *
server_span(const char *name, const char *service, const struct reply *reply)
{
	const cJSON	*span = collector_span(trace, name, SOON), *resource = at(span, "resource");

	cr_assert_eq(number_at(span, "kind"), 2);
	cr_assert_eq(number_at(span, "flags"), 0x301);
	cr_assert_str_eq(text_at(span, "parentSpanId"), CALLER);
	cr_assert_str_eq(format("%s %s", span_attribute(span, "http.request.method"), span_attribute(span, "http.route")), name);
	cr_assert_str_eq(span_attribute(span, "http.response.status_code"), format("%ld", reply->status));
	cr_assert_str_eq(span_attribute(span, "concert.request_id"), header(reply, "X-Request-Id"));
	cr_assert_str_eq(cJSON_GetObjectItem(resource, "service.name")->valuestring, service);
	cr_assert_str_eq(cJSON_GetObjectItem(resource, "service.namespace")->valuestring, "concert");
	cr_assert_str_eq(cJSON_GetObjectItem(resource, "service.version")->valuestring, VERSION);
	cr_assert_not_null(strstr(cJSON_GetObjectItem(resource, "service.instance.id")->valuestring, strrchr(extra.base, ':')));
	return (span);
}

/* Checks the span of a call of an SQL function and its three parts. */
static void
check_postgresql(const char *function, const cJSON *server)
{
	const cJSON	*span = collector_span(trace, function, SOON);

	check_child(span, server);
	cr_assert_eq(number_at(span, "kind"), 3);
	cr_assert_str_eq(span_attribute(span, "db.system.name"), "postgresql");
	cr_assert_str_eq(span_attribute(span, "db.stored_procedure.name"), function);
}

static void
check_postgresql_parts(const char *function)
{
	const cJSON	*span = collector_span(trace, function, SOON), *queue, *send, *wait;

	check_child(queue = collector_span(trace, "postgresql.queue", SOON), span);
	check_child(send = collector_span(trace, "postgresql.send", SOON), span);
	check_child(wait = collector_span(trace, "postgresql.wait", SOON), span);
	cr_assert_str_eq(text_at(queue, "startTimeUnixNano"), text_at(span, "startTimeUnixNano"));
	cr_assert_str_eq(text_at(queue, "endTimeUnixNano"), text_at(send, "startTimeUnixNano"));
	cr_assert_str_eq(text_at(send, "endTimeUnixNano"), text_at(wait, "startTimeUnixNano"));
}

Test(trace, hold_shows_queue_database_and_redis, .fini = stop_extra)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	char		*token;
	struct reply	 reply;
	const cJSON	*server;

	start_traced("reservation", 0, NULL);
	token = become_active(&user, &schedule);
	reply = traced(hold_call(NULL, &user, &schedule, token, 0, 2));
	check_status(reply, 201);
	server = server_span("POST /reservations/hold", "reservation", &reply);
	check_postgresql("reservation.hold", server);
	check_postgresql_parts("reservation.hold");
	cr_assert_str_eq(span_attribute(collector_span(trace, "reservation.hold", SOON), "concert.outcome"), "CREATED");
	check_child(collector_span(trace, "FCALL_RO queue3_check", SOON), server);
	check_child(collector_span(trace, "FCALL queue3_use", SOON), server);
	cr_assert_eq(collector_count(trace), 7);

	/* A refusal is not an error of the service. */
	reply = traced(hold_call(NULL, &user, &schedule, token, 0, 2));
	check_problem(reply, 409, "QUEUE_TOKEN_USED");
	server = server_span("POST /reservations/hold", "reservation", &reply);
	cr_assert_str_eq(span_attribute(server, "concert.error_code"), "QUEUE_TOKEN_USED");
	cr_assert_null(cJSON_GetObjectItem(server, "status"));
}

Test(trace, point_payment_shows_its_one_statement, .fini = stop_extra)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	int64_t		 amount;
	char		*reservation, *key = key_new(), *all;
	struct reply	 reply;

	start_traced("payment", 1, NULL);
	(void)charge(&user, 500000, key_new());
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = traced(pay_call(NULL, &user, reservation, amount, key));
	check_status(reply, 201);
	check_postgresql("payment.pay_by_points", server_span("POST /payments", "payment", &reply));
	check_postgresql_parts("payment.pay_by_points");
	cr_assert_eq(collector_count(trace), 5);

	/* No user, no id of what the user has, no token and no key is in any span. */
	all = cJSON_PrintUnformatted(collector_spans());
	cr_assert_null(strstr(all, user.id));
	cr_assert_null(strstr(all, reservation));
	cr_assert_null(strstr(all, key));
	cr_assert_null(strstr(all, user.jwt));
}

Test(trace, card_payment_shows_provider_and_hands_the_trace_on, .fini = stop_extra)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	int64_t		 amount;
	char		*reservation, *card = card_new();
	struct reply	 reply;
	const cJSON	*server, *provider;
	int		 port = collector_start();

	start_traced("payment", 2, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1", format("CARD_PROVIDER_URL=http://127.0.0.1:%d", port),
	    NULL });
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	reply = traced(card_call(&user, reservation, amount, card, key_new()));
	check_problem(reply, 402, "CARD_DECLINED");
	server = server_span("POST /payments", "payment", &reply);
	provider = collector_span(trace, "POST /v1/payments/confirm", SOON);
	check_child(provider, server);
	cr_assert_eq(number_at(provider, "kind"), 3);
	cr_assert_str_eq(span_attribute(provider, "http.request.method"), "POST");
	cr_assert_str_eq(span_attribute(provider, "http.response.status_code"), "403");
	cr_assert_str_eq(span_attribute(provider, "server.address"), "127.0.0.1");
	cr_assert_str_eq(span_attribute(provider, "server.port"), format("%d", port));
	cr_assert_str_eq(span_attribute(provider, "error.type"), "403");
	check_postgresql("payment.begin_card", server);
	check_postgresql("payment.settle_card", server);
	cr_assert_str_eq(collector_provider_traceparent(), format("00-%s-%s-01", trace, text_at(provider, "spanId")));
	cr_assert_null(strstr(cJSON_PrintUnformatted(collector_spans()), card));
}

Test(trace, traceparent_is_handed_on_without_recording, .fini = stop_extra)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	int64_t		 amount;
	char		*reservation;
	struct call	 call;
	struct reply	 reply;

	/* Tracing is off, as it is by default. */
	extra = extra_service_start("payment", atoi(setting("GATEWAY_HTTPS_PORT")) + 170 + 3,
	    (const char *const[]){ format("CARD_PROVIDER_URL=http://127.0.0.1:%d", collector_start()), NULL });
	reservation = hold_new(&user, &schedule, 0, 1, &amount);
	call = card_call(&user, reservation, amount, card_new(), key_new());
	call.base = extra.base;
	call.headers = new_trace("01");
	reply = http(call);
	check_problem(reply, 402, "CARD_DECLINED");
	cr_assert_str_eq(collector_provider_traceparent(), format("00-%s-" CALLER "-01", trace));
	cr_assert_eq(metric(extra.base, "trace_spans_exported_total"), 0);
	cr_assert_eq(metric(extra.base, "trace_spans_dropped_total"), 0);
	cr_assert_eq(collector_requests(), 0);
}

Test(trace, status_poll_shows_redis, .fini = stop_extra)
{
	struct schedule	 schedule = schedule_new(1, 4);
	struct user	 user = user_new();
	struct reply	 reply = enter(&user, &schedule);
	const cJSON	*server, *redis;

	start_traced("queue", 4, NULL);
	reply = traced((struct call){ .path = "/queues/status", .jwt = user.jwt, .queue_token = text_at(reply.json, "token") });
	check_status(reply, 200);
	server = server_span("GET /queues/status", "queue", &reply);
	redis = collector_span(trace, "queue3_status", SOON);
	check_child(redis, server);
	cr_assert_str_eq(span_attribute(redis, "db.system.name"), "redis");
	check_child(collector_span(trace, "redis.queue", SOON), redis);
	check_child(collector_span(trace, "redis.wait", SOON), redis);
}

/* Returns the number of requests whose spans have come. */
static int
servers_recorded(void)
{
	const cJSON	*span;
	int		 count = 0;

	cJSON_ArrayForEach(span, collector_spans())
		count += number_at(span, "kind") == 2;
	return (count);
}

Test(trace, wrong_or_repeated_traceparent_begins_a_new_trace, .fini = stop_extra)
{
	static const char	*const wrong[][3] = {
		{ "traceparent: 01-0af7651916cd43dd8448eb211c80319c-" CALLER "-01" },
		{ "traceparent: 00-00000000000000000000000000000000-" CALLER "-01" },
		{ "traceparent: 00-0af7651916cd43dd8448eb211c80319c-" CALLER "-01",
		    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-" CALLER "-01" },
		{ NULL } };
	struct user		 user = user_new();
	const cJSON		*span;
	size_t			 i;

	start_traced("point", 5, NULL);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		check_status(http((struct call){ .base = extra.base, .path = "/points", .jwt = user.jwt, .headers = wrong[i] }), 200);
	wait_for(servers_recorded() == 4, SOON);
	cJSON_ArrayForEach(span, collector_spans()) {
		if (number_at(span, "kind") != 2)
			continue;
		cr_assert_str_eq(text_at(span, "name"), "GET /points");
		cr_assert_null(cJSON_GetObjectItem(span, "parentSpanId"));
		cr_assert_str_neq(text_at(span, "traceId"), "0af7651916cd43dd8448eb211c80319c");
	}
}

/* Makes n calls of /points, all with this header line (NULL: none). All must be answered 200. */
static void
call_points(int n, const char *const *headers)
{
	struct call	calls[50];
	struct reply	replies[50];
	int		i, k;

	for (k = 0; k < n; k += 50) {
		for (i = 0; i < 50; i++)
			calls[i] = (struct call){ .base = extra.base, .path = "/points", .jwt = user_new().jwt, .headers = headers };
		http_all(calls, replies, 50);
		for (i = 0; i < 50; i++)
			check_status(replies[i], 200);
	}
}

/*
 * Makes calls until the service drops spans, because the body under way and the gathered spans are full. How many calls this takes
 * depends on how many of them share a statement's span.
 */
static void
call_until_spans_are_dropped(void)
{
	wait_for((call_points(50, NULL), metric(extra.base, "trace_spans_dropped_total") > 0), FULL);
}

Test(trace, share_of_requests_is_recorded, .fini = stop_extra)
{
	int	recorded;

	start_traced("point", 6, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=5", NULL });
	call_points(1000, NULL);
	/* The mean is 200, the standard deviation 13. */
	wait_for(servers_recorded() > 120, SOON);
	extra_service_stop(&extra);
	recorded = servers_recorded();
	cr_assert_lt(recorded, 280, "%d", recorded);
}

Test(trace, caller_cannot_choose_by_default, .fini = stop_extra)
{
	start_traced("point", 7, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1000000", NULL });
	call_points(100, new_trace("01"));
	extra_service_stop(&extra);
	/* One of the 100 may be in the share; two are less likely than one in a hundred million. */
	cr_assert_leq(servers_recorded(), 1);
}

Test(trace, trusted_caller_chooses_a_bounded_number, .fini = stop_extra)
{
	int64_t	seconds;
	int	recorded;

	start_traced("point", 8, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1", "TRACE_TRUST_CALLER=on", NULL });
	call_points(50, new_trace("00"));
	seconds = now_ms();
	call_points(300, new_trace("01"));
	seconds = (now_ms() - seconds) / 1000 + 2;
	wait_for(servers_recorded() > 0, SOON);
	extra_service_stop(&extra);
	recorded = servers_recorded();
	cr_assert_leq(recorded, 10 * seconds, "%d in %d s", recorded, (int)seconds);
}

/* The collector's failures cost no request anything. What it certainly did not take is sent again, within bounds. */
Test(trace, collector_that_is_overloaded_costs_nothing_and_drops_are_counted, .fini = stop_extra)
{
	/* From the start on, because the service's own calls of the card provider have spans too. */
	collector_answers(503);
	start_traced("point", 9, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1", NULL });
	call_until_spans_are_dropped();
	cr_assert_eq(metric(extra.base, "trace_spans_exported_total"), 0);
	collector_answers(200);
	wait_for(metric(extra.base, "trace_spans_exported_total") > 100, 2 * SOON);
	cr_assert_leq(collector_largest(), 528 * 1024);
	cr_assert_geq(servers_recorded(), 1);
}

/* Nobody listens at the collector's address. */
Test(trace, collector_that_is_away_costs_nothing_and_drops_are_counted, .fini = stop_extra)
{
	collector_answers(503);
	start_traced("point", 6, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1", NULL });
	collector_stop();
	call_until_spans_are_dropped();
	cr_assert_eq(metric(extra.base, "trace_spans_exported_total"), 0);
	call_points(50, NULL);
}

Test(trace, collector_that_refuses_is_not_asked_again_for_the_same_spans, .fini = stop_extra)
{
	static const char	span[] = "\"name\":\"GET /points\"";

	start_traced("point", 7, NULL);
	collector_answers(400);
	call_points(50, NULL);
	wait_for(collector_refused(span) == 50, SOON);
	wait_for(metric(extra.base, "trace_spans_dropped_total") >= 50, SOON);
	collector_answers(200);
	(void)traced((struct call){ .path = "/points", .jwt = user_new().jwt });
	cr_assert_not_null(collector_span(trace, "GET /points", 60));
	extra_service_stop(&extra);
	cr_assert_eq(servers_recorded(), 1);
	cr_assert_eq(collector_refused(span), 50);
}

/* Returns true if all calls were answered during one request to the collector, which it does not answer. */
static bool
calls_are_answered_while_spans_are_sent(void)
{
	int	request;

	call_points(50, NULL);
	wait_for((request = collector_waiting()) != 0, SOON);
	call_points(50, NULL);
	return (collector_waiting() == request);
}

Test(trace, collector_that_does_not_answer_delays_nobody, .fini = stop_extra)
{
	const char	*log = format("%s/log/extra-point-%d.log", setting("RUN_DIR"), atoi(setting("GATEWAY_HTTPS_PORT")) + 175);
	size_t		 said = access(log, R_OK) == 0 ? count_of(read_file(log), "the drain ended") : 0;

	start_traced("point", 5, (const char *const[]){ "TRACE_SAMPLE_ONE_IN=1", "DRAIN_SECONDS=3", NULL });
	collector_answers(0);
	wait_for(calls_are_answered_while_spans_are_sent(), 60);
	call_points(50, NULL);
	wait_for(metric(extra.base, "trace_spans_dropped_total") > 0, SOON);
	call_points(50, NULL);
	/* Nor the end of the service, which waits at most a second for it, and not until the drain ends. */
	extra_service_stop(&extra);
	cr_assert_eq(count_of(read_file(log), "the drain ended"), said);
}
