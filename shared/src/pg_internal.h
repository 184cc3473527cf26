/*
 * What the files of the PostgreSQL client share and nobody else sees.
 *
 * pg.c       calls: accepting, gathering into batches, answering
 * pg_conn.c  one connection: connecting, preparing, sending, reading
 * pg_sql.c   texts and bytes: SQL from a statement, arrays from calls
 */
#ifndef CT_PG_INTERNAL_H
#define CT_PG_INTERNAL_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "ct/buf.h"
#include "ct/loop.h"
#include "ct/metrics.h"
#include "ct/pg.h"

#define PG_STATEMENTS_MAX	64
#define PG_BATCH_MAX		512		/* rows, whatever a statement says */
#define PG_BATCH_BYTES_MAX	(1024 * 1024)	/* a batch stops growing past this */
#define PG_BUF_CEILING		(64 * 1024 * 1024)
#define PG_SENDS_MAX		2		/* batches of one gathered statement in flight */
#define PG_TICK_MS		50
#define PG_CONNECT_MS		3000		/* libpq's connect_timeout is for blocking connects only */
#define PG_BACKOFF_MIN_MS	100
#define PG_BACKOFF_MAX_MS	2000
#define PG_DOWN_MS		1000		/* without a connection for so long: fail at once */
#define PG_ATTEMPTS		3		/* of a call alone that lost a deadlock or serialisation race */

struct pg_conn;

/* One accepted call; its arguments' texts follow it in the same allocation. */
struct pg_call {
	TAILQ_ENTRY(pg_call)	 list;
	struct pg_queue		*queue;
	ct_pg_cb		 cb;
	void			*arg;
	uint64_t		 number;	/* counted as they come: the least has waited longest */
	uint64_t		 queued_ms;
	const char		*order;		/* while sorting: what by, and where it stood before */
	unsigned		 position;
	unsigned		 attempts;	/* sends of it alone that ended in a retry */
	bool			 alone;		/* was in a batch that failed as a whole */
	size_t			 bytes;
	const char		*args[];	/* one for each type; NULL is SQL null */
};

TAILQ_HEAD(pg_calls, pg_call);

/* One statement of this worker and the calls that wait for it. */
struct pg_queue {
	const struct ct_pg_statement	*stmt;
	unsigned			 index;
	unsigned			 args;
	unsigned			 batch_max;	/* 1: never gathered, any number in flight */
	struct ct_buf			 sql[2];	/* of `function`; of `many`, if there is one */
	struct pg_calls			 waiting;	/* oldest first */
	struct pg_calls			 again;		/* of a failed batch: each goes alone */
	unsigned			 sends;		/* batches of it in flight */
};

/* How a send ended; `pg_settle` turns it into the calls' answers. */
enum pg_end {
	PG_COMMITTED,	/* rows are there and the server is ready for the next statement */
	PG_REFUSED,	/* rolled back by an error with this SQLSTATE */
	PG_NOT_SENT,	/* the connection went before the statement was sent */
	PG_ROLLED_BACK,	/* the server said that it ends the connection, instead of an answer */
	PG_UNKNOWN	/* sent, and no answer: may have happened */
};

enum pg_conn_state {
	PG_DOWN,	/* waits for retry_ms */
	PG_CONNECTING,
	PG_IDLE,
	PG_PREPARING,	/* holds calls that are not sent yet */
	PG_RUNNING
};

struct pg_conn {
	struct ct_pg		*pg;
	enum pg_conn_state	 state;
	PGconn			*db;
	struct ct_watch		*watch;
	uint64_t		 deadline_ms;	/* of connecting, or of what is in flight */
	uint64_t		 retry_ms;
	unsigned		 backoff_ms;
	uint16_t		 prepared[PG_STATEMENTS_MAX][2];	/* generation, 0: not prepared; as queue->sql */
	uint16_t		 generation;

	/* What is in flight. */
	struct pg_queue		*queue;
	struct pg_call		*calls[PG_BATCH_MAX];
	unsigned		 count;
	bool			 gathered;	/* counts in queue->sends */
	bool			 many;		/* which of queue->sql */
	bool			 prepared_again;
	uint64_t		 sent_ms;
	PGresult		*rows;		/* came, but are not certain before the server is ready */
	char			 sqlstate[6];	/* "" while there is no error */
	bool			 fatal;		/* the error also ends the connection */
	bool			 unclear;	/* something came that does not belong here */
};

struct ct_pg {
	struct pg_conn		*conns;
	unsigned		 conns_count;
	unsigned		 up;		/* connections that can carry statements */
	uint64_t		 down_since_ms;	/* while up is 0 */
	bool			 outage_logged;
	struct pg_queue		*queues[PG_STATEMENTS_MAX];
	unsigned		 queues_count;
	struct pg_calls		 refused;	/* refused by ct_pg_call; told in the next turn */
	uint64_t		 calls;		/* ever made */
	unsigned		 waiting;
	unsigned		 pending;
	bool			 turn_set;
	bool			 closing;
};

struct pg_settings {
	const char	*conninfo;
	const char	**keywords;	/* for PQconnectStartParams */
	const char	**values;
	unsigned	 pool_size;
	unsigned	 timeout_ms;
	unsigned	 queue_max;
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

/* pg.c */

/*
 * Answers the `calls` of one send or puts them back into their queue. `rows`
 * comes with PG_COMMITTED, `sqlstate` with PG_REFUSED.
 */
void	 pg_settle(struct ct_pg *pg, struct pg_call *const *calls, unsigned count, enum pg_end end,
	     const PGresult *rows, const char *sqlstate);
/* Gives waiting calls to idle connections. */
void	 pg_pump(struct ct_pg *pg);

/* pg_production.c */

/* Reports what PG_CONNINFO, parsed, may not say in production. */
void	 pg_check_production(const PQconninfoOption *options);

/* pg_conn.c */

/* Fills pg_settings.keywords and values from PG_CONNINFO and our own defaults. */
void	 pg_conn_configure(const char *conninfo);
void	 pg_conn_init(struct pg_conn *conn, struct ct_pg *pg);
/* Closes; what was in flight is settled. */
void	 pg_conn_deinit(struct pg_conn *conn);
/* Sends conn->calls[0..count), all of `queue`, on an idle connection. Always ends in pg_settle. */
void	 pg_conn_send(struct pg_conn *conn, struct pg_queue *queue, unsigned count, bool gathered);
/* Deadlines and reconnection. */
void	 pg_conn_tick(struct pg_conn *conn, uint64_t now);

/* pg_sql.c: pure functions, unit-tested without a server. */

/* How many types a statement's `args` names. Commas inside parentheses don't count. */
unsigned pg_sql_count(const char *args);
/* The SQL text that calls stmt->function once for each element of its array parameters. */
void	 pg_sql_text(struct ct_buf *buf, const struct ct_pg_statement *stmt);
/* The SQL text that calls stmt->many once, with the same array parameters. */
void	 pg_sql_many(struct ct_buf *buf, const struct ct_pg_statement *stmt);
/* Appends argument `arg` of each call as one text[] in PostgreSQL's binary format. */
void	 pg_sql_array(struct ct_buf *buf, struct pg_call *const *calls, unsigned count, unsigned arg);
/* Sorts by the bytes of argument `order_by`, nulls first, equal ones as they came. -1: no change. */
void	 pg_sql_sort(struct pg_call **calls, unsigned count, int order_by);

#endif
