/*
 * Kore's hooks, the same for every service: settings are read and metrics
 * registered in the parent, clients start in the worker, and a worker that is
 * told to end first finishes what it has in hand.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/curl.h>
#include <kore/hooks.h>

#include "ct/config.h"
#include "ct/http_client.h"
#include "ct/jwt.h"
#include "ct/log.h"
#include "ct/service.h"
#include "dispatch.h"
#include "exchange.h"
#include "health.h"

struct ct_pg		*ct_service_pg;
struct ct_redis		*ct_service_redis;

/* Milliseconds that a worker with nothing in hand stays, at most, for connections that their clients keep. */
#define LINGER_MS	3000

static u_int64_t	 drain_ms;

static void
configure_log(void)
{
	static const char *const	levels[] = { "error", "warning", "info", "debug", NULL };
	const char			*level;
	unsigned			 i;

	ct_log_init(ct_service.name, CT_LOG_INFO);
	level = ct_config_choice("LOG_LEVEL", levels, "info");
	for (i = 0; levels[i] != level; i++) {
		if (levels[i] == NULL)
			return;
	}
	ct_log_init(ct_service.name, (enum ct_log_level)i);
}

static void
configure_routes(void)
{
	const struct ct_route	*route;
	bool			 users = false;

	for (route = ct_service.routes; route->path != NULL; route++) {
		ct_router_add(route);
		users = users || route->access != CT_PUBLIC;
	}
	for (route = ct_health_routes; route->path != NULL; route++)
		ct_router_add(route);
	if (users)
		ct_jwt_configure();
}

void
kore_parent_configure(int argc, char **argv)
{
	static bool	done;

	(void)argc;
	(void)argv;
	/* Some builds of Kore call this twice. */
	if (done)
		return;
	done = true;

	configure_log();
	ct_config_production();
	/* Kore takes 4,096 connections a worker (conf/); what it sheds itself past them has no body. */
	ct_dispatch_configure();
	ct_serve_configure((unsigned)ct_config_number("REQUESTS_MAX", 1, 4000, 3000));
	drain_ms = 1000 * (u_int64_t)ct_config_number("DRAIN_SECONDS", 0, 3600, 10);
	configure_routes();
	if (ct_service.uses_pg)
		ct_pg_configure();
	if (ct_service.uses_redis)
		ct_redis_configure();
	if (ct_service.configure != NULL)
		ct_service.configure();
	ct_config_finish();

	/* Past this many milliseconds Kore leaves the rest of a turn's requests until its next event. */
	http_request_ms = 1000;
	ct_metrics_init(worker_count == 0 ? cpu_count : worker_count);
}

void
kore_worker_configure(void)
{
	/* Kore counts its workers from 1. */
	ct_metrics_worker((unsigned)worker->id - 1);
	if (ct_service.uses_pg)
		ct_service_pg = ct_pg_init();
	if (ct_service.uses_redis)
		ct_service_redis = ct_redis_init(ct_service.redis_connected, NULL);
	if (ct_service.start != NULL)
		ct_service.start();
	ct_log(CT_LOG_INFO, NULL, "worker %d started", worker->id);
}

/* One turn of the loop, as Kore's own (worker.c, kore_worker_entry) does it. */
static void
turn(void)
{
	u_int64_t	wait = kore_timer_next_run(kore_time_ms());

	kore_platform_event_wait(wait > 50 ? 50 : wait);
	kore_timer_run(kore_time_ms());
	kore_curl_run_scheduled();
	kore_curl_do_timeout();
	http_process();
	kore_connection_prune(KORE_CONNECTION_PRUNE_DISCONNECT);
}

/*
 * From here on a new connection is refused, so that the gateway takes it to another instance before anything was
 * sent on it; left in the queue of a listener that nobody serves it would be reset, and a write in it be one of
 * unknown outcome. Accepts first who is already there. Only whoever has Kore's accept lock may: the others' event
 * loops would take the end of the listener for an error.
 */
static void
stop_listening(void)
{
	struct kore_server	*server;
	struct listener		*listener;

	if (!worker->has_lock)
		return;
	kore_platform_disable_accept();
	LIST_FOREACH(server, &kore_servers, list) {
		LIST_FOREACH(listener, &server->listeners, list) {
			listener->evt.flags |= KORE_EVENT_READ;
			kore_listener_accept(listener, 0);
			(void)shutdown(listener->fd, SHUT_RD);
		}
	}
}

/* Answers that their readers have not taken in full. */
static bool
unsent(void)
{
	const struct connection	*c;

	TAILQ_FOREACH(c, &connections, list) {
		if (c->proto == CONN_PROTO_HTTP && !TAILQ_EMPTY(&c->send_queue))
			return (true);
	}
	return (false);
}

/* Connections on which a request may still come. */
static bool
kept(void)
{
	const struct connection	*c;

	TAILQ_FOREACH(c, &connections, list) {
		if (c->proto == CONN_PROTO_HTTP)
			return (true);
	}
	return (false);
}

static bool
idle(void)
{
	return (http_request_count == 0 && ct_exchange_count() == 0 && ct_http_pending() == 0 && !unsent() &&
	    (ct_service_pg == NULL || ct_pg_pending(ct_service_pg) == 0) &&
	    (ct_service_redis == NULL || ct_redis_pending(ct_service_redis) == 0));
}

static void
close_connections(void)
{
	struct connection	*c;

	TAILQ_FOREACH(c, &connections, list) {
		if (c->proto == CONN_PROTO_HTTP)
			(void)shutdown(c->fd, SHUT_RDWR);
	}
}

void
kore_worker_teardown(void)
{
	u_int64_t	begun = kore_time_ms(), now;
	bool		finished;

	ct_health_draining();
	ct_dispatch_close_connections();
	stop_listening();

	/*
	 * The gateway does not know yet, and sends on connections it has kept: each is told to close with its next
	 * answer, and the gateway itself closes those that it has not used for half a second (nginx/upstreams.conf).
	 * Whoever sends on one that is closed from here gets no answer, so that is for who keeps one longer than that.
	 */
	do {
		turn();
		now = kore_time_ms();
		finished = idle();
	} while (now < begun + drain_ms && (!finished || (kept() && now < begun + LINGER_MS)));
	if (finished)
		close_connections();
	else
		ct_log(CT_LOG_WARNING, NULL, "%u requests still unanswered at the end of the drain", ct_exchange_count());

	/*
	 * What is left is answered by the clients' ends: 503, or 503 OUTCOME_UNKNOWN. Kore sends these; it must not run
	 * timers or read requests any more, for they would look for the clients.
	 */
	if (ct_service_pg != NULL)
		ct_pg_deinit(&ct_service_pg);
	if (ct_service_redis != NULL)
		ct_redis_deinit(&ct_service_redis);
	if (ct_service.stop != NULL)
		ct_service.stop();
	http_process();
	ct_log(CT_LOG_INFO, NULL, "worker %d ended", worker->id);
}
