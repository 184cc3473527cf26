/* The PostgreSQL client of one worker: its connections and its queues. For pg.c, pg_schedule.c and pg_settle.c only. */
#ifndef CT_PG_INTERNAL_H
#define CT_PG_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/outage.h"
#include "base/store_state.h"
#include "pg/pg_call.h"
#include "pg/pg_conn.h"
#include "pg/pg_hosts.h"
#include "pg/pg_queue.h"
#include "pg/pg_stuck.h"

struct ct_pg {
	struct pg_conn_owner	 owner;		/* of all connections */
	struct pg_hosts		 hosts;
	struct pg_conn		*conns;
	unsigned		 conns_count;
	unsigned		 usable;	/* connections that can carry statements */
	uint64_t		 down_since_ms;	/* while `usable` is 0 */
	struct ct_outage	 outage;
	enum ct_store_state	 problem;	/* why the last connection failed */
	enum ct_store_state	 refusal;	/* why the server last refused a statement; CT_STORE_UP: it never did */
	uint64_t		 refused_ms;
	struct pg_queue		*queues[PG_STATEMENTS_MAX];	/* in the order of their first calls */
	unsigned		 queues_count;
	struct pg_calls		 refused;	/* answered in the next turn of the loop */
	struct pg_counts	 counts;
	struct pg_stuck		 stuck;
	bool			 turn_set;	/* a turn is deferred */
	bool			 closing;
};

#endif
