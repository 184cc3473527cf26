/*
 * One connection to PostgreSQL: libpq's non-blocking half, driven by the event loop.
 *
 * It knows nothing of the pool. Its owner fills `send` and calls pg_conn_send; the connection tells the owner by callbacks
 * what happens (struct pg_conn_owner). One send is in flight at a time.
 */
#ifndef CT_PG_CONN_H
#define CT_PG_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include <libpq-fe.h>

#include "base/backoff.h"
#include "loop/loop.h"
#include "pg/pg_answer.h"
#include "pg/pg_call.h"
#include "pg/pg_hosts.h"
#include "pg/pg_statement.h"

#define PG_CONNECT_MS	3000	/* of an attempt at one host; libpq's connect_timeout works for blocking connects only */

/*
 * A connection that was idle for this time sends an empty statement, a probe. A frozen server closes no connection, so only a
 * missing answer tells that it is frozen. With the time limit of a statement, an idle worker finds out in about 10 s, like Patroni.
 * While the server is silent (pg_hosts.h), idle connections send a probe at once, and no call before the answer.
 *
 * The time limit of a probe is PG_TIMEOUT_MS, but at least PG_PROBE_TIMEOUT_MIN_MS. TCP sends a lost packet again after 200 ms
 * or more, and an idle connection must not end by one lost packet.
 */
#define PG_PROBE_MS		5000
#define PG_PROBE_TIMEOUT_MIN_MS	1000

/* Why a connection ends whose server takes no writes. ct_store_state_of_connect knows it. */
#define PG_NO_WRITES	"the server takes no writes (a standby, or read-only)"

enum pg_conn_state {
	PG_CONN_DOWN,		/* a new attempt begins when the pause is over */
	PG_CONN_CONNECTING,
	PG_CONN_IDLE,
	PG_CONN_PROBING,	/* a probe is sent, and no call */
	PG_CONN_PREPARING,	/* Prepare is sent; the calls are not */
	PG_CONN_RUNNING,	/* a call, BEGIN or COMMIT is sent */
	PG_CONN_STATES
};

/* The step of the send in flight. If the connection ends before COMMIT is sent, the server rolls the transaction back. */
enum pg_step {
	PG_STEP_NONE,		/* nothing is in flight */
	PG_STEP_WHOLE,		/* the statement is the transaction */
	PG_STEP_BEGUN,		/* several calls (`next`): BEGIN is sent */
	PG_STEP_CALLED,		/* `function` or `next` is sent */
	PG_STEP_COMMITTING,	/* COMMIT is sent */
	PG_STEPS
};

/* How a send ended. */
enum pg_end {
	PG_END_COMMITTED,	/* rows came and the server is ready for the next statement */
	PG_END_REFUSED,		/* rolled back by an error with this SQLSTATE */
	PG_END_NOT_SENT,	/* the connection was lost before the statement was sent */
	PG_END_ROLLED_BACK,	/* nothing was written, and the connection has ended: before COMMIT was sent, by the server
				   instead of an answer, or because the server takes no writes */
	PG_END_UNKNOWN		/* sent and not answered: it may have committed */
};

/* The calls that one send of a statement carries. */
struct pg_send {
	const struct pg_statement	*statement;
	struct pg_call			*calls[PG_BATCH_MAX];
	unsigned			 count;		/* 0: nothing is in flight */
	unsigned			*in_flight;	/* for the owner only */
	bool				 traced;	/* spans of some of the calls are recorded */
};

/*
 * The callbacks by which a connection tells its owner what happens. All get the owner's `arg`. They run from the event loop,
 * or before pg_conn_init, pg_conn_send, pg_conn_tick or pg_conn_deinit returns. They must not call functions of the same
 * connection, except that on_event may call pg_conn_send.
 */
struct pg_conn_owner {
	void	*arg;

	/* The connection has become usable; its state is IDLE. */
	void	(*on_up)(void *arg);

	/*
	 * An attempt to connect failed, or (was_usable) a usable connection ended. Its state is DOWN. `why` holds no
	 * secrets and lives until the callback returns.
	 */
	void	(*on_down)(void *arg, bool was_usable, const char *why);

	/*
	 * A send ended. Runs exactly once for each pg_conn_send, with the connection IDLE or DOWN. The owner takes over the
	 * calls; all pointers live until the callback returns. `rows` are those of PG_END_COMMITTED, `sqlstate` that of
	 * PG_END_REFUSED.
	 */
	void	(*on_end)(void *arg, const struct pg_send *send, enum pg_end end, const PGresult *rows, const char *sqlstate);

	/* An event of the loop was handled; the connection may have become IDLE. */
	void	(*on_event)(void *arg);
};

struct pg_conn {
	const struct pg_conn_owner	*owner;
	struct pg_hosts			*hosts;		/* those of all connections of the owner */
	unsigned			 host;		/* of the connection or the attempt */
	enum pg_conn_state		 state;		/* written by pg_conn_set_state only */
	bool				 unproven;	/* greeted for a silent server: the attempt ends with the first answer */
	PGconn				*db;
	struct ct_watch			*watch;
	uint64_t			 deadline_ms;	/* of connecting, or of the statement or probe in flight; IDLE: the next probe */
	struct ct_backoff		 backoff;
	uint32_t			 prepared[PG_STATEMENTS_MAX][PG_FORMS];	/* generation, 0: not prepared */
	uint32_t			 generation;	/* of the last Prepare; part of the statement's name */

	/* The send in flight. */
	struct pg_send			 send;
	enum pg_form			 form;		/* the function that is called */
	enum pg_step			 step;		/* written by pg_conn_set_step only */
	bool				 prepared_again; /* a stale plan was prepared again; at most once for each send */
	uint64_t			 sent_ms;
	struct pg_answer		 answer;
};

/*
 * Starts connecting, and connects again after each loss. It pauses (base/backoff.h) after a loss and, if there is only one host,
 * after a failed attempt. With a list, pg_hosts_take says when the next attempt may begin. `owner` and `hosts` are kept by
 * pointer.
 */
void	 pg_conn_init(struct pg_conn *conn, const struct pg_conn_owner *owner, struct pg_hosts *hosts);

/* Closes the connection. A send in flight ends first. */
void	 pg_conn_deinit(struct pg_conn *conn);

/*
 * Sends conn->send, which the owner has filled with 1 to PG_BATCH_MAX calls of one statement. The connection must be IDLE,
 * which is asserted. Always ends in one on_end, maybe before this returns.
 */
void	 pg_conn_send(struct pg_conn *conn);

/*
 * Checks deadlines and connects again. Closes an idle connection to a server that takes no writes, or that is not the primary
 * any more. Gives up an attempt to connect if another host has become the primary meanwhile. The owner calls it every few dozen
 * milliseconds; `now` is ct_loop_now_ms().
 *
 * Probes a connection that was idle for PG_PROBE_MS, or whose server is silent. A probe without an answer in time ends the
 * connection (on_down), as a statement does. A probe is no send: it has no on_end, and meanwhile the connection is not free.
 */
void	 pg_conn_tick(struct pg_conn *conn, uint64_t now);

/*
 * Returns true if the connection may carry calls: it is idle, and its host is the primary, as far as the worker knows, and not
 * silent.
 */
bool	 pg_conn_is_free(const struct pg_conn *conn);

#endif
