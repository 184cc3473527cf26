/* The PostgreSQL client's settings and metrics, see pg_settings.h. */
#include <stddef.h>

#include "base/config.h"
#include "pg/pg.h"
#include "pg/pg_settings.h"

struct pg_settings	pg_settings;
struct pg_metrics	pg_metrics;

static void
pg_settings_register_metrics(struct pg_metrics *m)
{
	static const char	errors_help[] = "Calls without an outcome row";

	m->calls = ct_metric_counter("pg_calls_total", "", "Calls of SQL functions");
	m->sends = ct_metric_counter("pg_sends_total", "",
	    "Statements sent; pg_rows_total divided by it is the batch size");
	m->rows = ct_metric_counter("pg_rows_total", "", "Calls carried by statements sent");
	m->again = ct_metric_counter("pg_again_total", "", "Calls sent once more after a rollback");
	m->unavailable = ct_metric_counter("pg_errors_total", "kind=\"unavailable\"", errors_help);
	m->unknown = ct_metric_counter("pg_errors_total", "kind=\"unknown\"", errors_help);
	m->refused = ct_metric_counter("pg_errors_total", "kind=\"refused\"", errors_help);
	m->overflow = ct_metric_counter("pg_errors_total", "kind=\"overflow\"", errors_help);
	m->lost = ct_metric_counter("pg_connections_lost_total", "", "Connections lost");
	m->pending = ct_metric_gauge("pg_calls_pending", "", "Calls not yet answered");
	m->connections = ct_metric_gauge("pg_connections", "", "Usable connections");
	m->wait_seconds = ct_metric_histogram("pg_wait_seconds", "", "From call to send");
	m->send_seconds = ct_metric_histogram("pg_send_seconds", "", "From send to answer");
}

void
ct_pg_configure(void)
{
	const char	*conninfo;

	pg_settings.pool_size = (unsigned)ct_config_number("PG_POOL_SIZE");
	pg_settings.timeout_ms = (unsigned)ct_config_number("PG_TIMEOUT_MS");
	pg_settings.queue_max = (unsigned)ct_config_number("PG_QUEUE_MAX");
	conninfo = ct_config_text("PG_CONNINFO");
	if (*conninfo != '\0')
		pg_conninfo_parse(&pg_settings.conninfo, conninfo, pg_settings.timeout_ms / 5 * 4);
	pg_settings_register_metrics(&pg_metrics);
}
