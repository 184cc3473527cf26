/*
 * Kore's hooks, the same for every service. The parent reads the settings, each worker starts the service, and a worker
 * that is told to end first finishes its requests.
 */
#include <sys/types.h>
#include <sys/socket.h>

#include <stdbool.h>

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/curl.h>
#include <kore/hooks.h>

#include "base/config.h"
#include "base/loaded.h"
#include "base/log.h"
#include "base/metrics.h"
#include "http/exchange.h"
#include "kore/dispatch.h"
#include "kore/version.h"
#include "service/lifecycle.h"

/* How long an idle worker that ends stays at most for connections that their clients keep open. */
#define LINGER_MS	3000

/* How long a worker that starts refuses to serve at most, because it does not reach its stores yet. */
#define STORES_MS	3000

static u_int64_t	 drain_ms;

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

	ct_kore_check_version();
	ct_service_configure();
	ct_dispatch_configure();
	drain_ms = 1000 * (u_int64_t)ct_config_number("DRAIN_SECONDS");
	ct_config_finish();

	/* After this many milliseconds Kore leaves the rest of a turn's requests until its next event. */
	http_request_ms = 1000;
	ct_metrics_init(worker_count == 0 ? cpu_count : worker_count);
	ct_loaded_init(worker_count == 0 ? cpu_count : worker_count);
}

/* One turn of the loop, the same as in Kore's kore_worker_entry() (worker.c). */
static void
worker_turn(void)
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
 * The gateway sends requests as soon as the port is open. They wait in the listener's queue until this worker can answer
 * them, and not with an error: it accepts connections only after its start.
 */
static void
worker_wait_for_stores(void)
{
	u_int64_t	deadline = kore_time_ms() + STORES_MS;

	while (!ct_service_reaches_stores() && sig_recv == 0 && kore_time_ms() < deadline)
		worker_turn();
}

void
kore_worker_configure(void)
{
	/* Kore counts its workers from 1. */
	ct_metrics_worker((unsigned)worker->id - 1);
	ct_loaded_worker((unsigned)worker->id - 1);
	ct_service_start();
	worker_wait_for_stores();
	ct_log(CT_LOG_INFO, NULL, "worker %d started", worker->id);
}

/*
 * Refuses new connections, so that the gateway takes its request to another instance before it has sent anything.
 * A connection left in the listener's queue would be reset later, and the outcome of a write on it would be unknown.
 * So this first accepts the connections that are already in the queue. Only the worker with Kore's accept lock may do
 * this: the event loops of the others would see the listener's end as an error.
 */
static void
worker_stop_listening(void)
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

/* Returns true if a client has not taken all of its reply. */
static bool
worker_unsent(void)
{
	const struct connection	*c;

	TAILQ_FOREACH(c, &connections, list) {
		if (c->proto == CONN_PROTO_HTTP && !TAILQ_EMPTY(&c->send_queue))
			return (true);
	}
	return (false);
}

/* Returns true if there is a connection on which a request may still come. */
static bool
worker_kept(void)
{
	const struct connection	*c;

	TAILQ_FOREACH(c, &connections, list) {
		if (c->proto == CONN_PROTO_HTTP)
			return (true);
	}
	return (false);
}

static bool
worker_idle(void)
{
	return (http_request_count == 0 && !worker_unsent() && ct_service_idle());
}

static void
worker_close_connections(void)
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

	ct_service_drain();
	ct_dispatch_close_connections();
	worker_stop_listening();

	/*
	 * The gateway does not know of the end yet, and sends requests on the connections that it keeps. Each reply now
	 * closes its connection. The gateway closes a connection that it has not used for half a second
	 * (nginx/upstreams.conf). A request on a connection that we close gets no reply, so we close only connections
	 * that a client has kept idle for longer than that.
	 */
	do {
		worker_turn();
		now = kore_time_ms();
		finished = worker_idle();
	} while (now < begun + drain_ms && (!finished || (worker_kept() && now < begun + LINGER_MS)));
	if (finished)
		worker_close_connections();
	else
		ct_log(CT_LOG_WARNING, NULL, "the drain ended with %u requests unanswered: they get 503; DRAIN_SECONDS sets its length",
		    ct_exchange_count());

	/*
	 * The end of the stores' clients answers the requests that are left: 503, or 503 OUTCOME_UNKNOWN. Kore sends
	 * these replies below. It must not run timers or read requests any more: they would use the ended clients.
	 */
	ct_service_stop();
	http_process();
	ct_log(CT_LOG_INFO, NULL, "worker %d ended", worker->id);
}
