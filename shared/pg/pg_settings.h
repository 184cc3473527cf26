/* The PostgreSQL client's settings and metrics. ct_pg_configure fills them in the parent; workers only read them. */
#ifndef CT_PG_SETTINGS_H
#define CT_PG_SETTINGS_H

#include "base/metrics.h"
#include "pg/pg_conninfo.h"

struct pg_settings {
	struct pg_conninfo	 conninfo;
	unsigned		 pool_size;	/* connections of a worker */
	unsigned		 timeout_ms;	/* of a call's wait for a connection, and again of its wait for the answer */
	unsigned		 queue_max;	/* calls that may wait for a connection */
};

struct pg_metrics {
	struct ct_metric	*calls;
	struct ct_metric	*sends;
	struct ct_metric	*rows;
	struct ct_metric	*again;
	struct ct_metric	*unavailable;
	struct ct_metric	*unknown;
	struct ct_metric	*refused;
	struct ct_metric	*overflow;
	struct ct_metric	*lost;
	struct ct_metric	*pending;
	struct ct_metric	*connections;
	struct ct_metric	*wait_seconds;
	struct ct_metric	*send_seconds;
};

extern struct pg_settings	pg_settings;
extern struct pg_metrics	pg_metrics;

#endif
