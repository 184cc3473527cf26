/*
 * The hosts of PG_CONNINFO as one worker sees them: which one its connections try next, and which one is the primary.
 *
 * An attempt to connect takes one host. After a failure the next attempt, of any connection, takes the host behind it. So
 * a frozen host costs one deadline. The host that has taken a connection last is tried first after a loss.
 *
 * A frozen server closes nothing, so its idle connections look usable. It is silent from the first statement that gets no
 * answer in time, until it answers anything.
 *
 * A cluster has one primary. So only the host that has taken a connection last is used: connections to other hosts carry no
 * further statements and are closed. A server that takes no writes is never used. An attempt is given up if another host has
 * taken a connection since it began: the server may be an old primary that was frozen, and would take it now.
 *
 * Names are looked up by the parent, and again in a thread after each failed attempt, at most every PG_LOOKUP_PAUSE_MS.
 */
#ifndef CT_PG_HOSTS_H
#define CT_PG_HOSTS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/resolve.h"
#include "pg/pg_conninfo.h"

#define PG_HOST_NONE		UINT_MAX
#define PG_LOOKUP_PAUSE_MS	2000

/* Changed by these functions only. */
struct pg_hosts {
	struct pg_host		*list;		/* of pg_conninfo, with `count` entries */
	unsigned		 count;
	unsigned		 next;		/* the host of the next attempt */
	unsigned		 primary;	/* PG_HOST_NONE: not known */
	uint64_t		 works_ms;	/* when the primary last took a connection */
	unsigned		 last_primary;	/* for the log; PG_HOST_NONE: there was none */
	unsigned		 failed;	/* a bit for each host that has failed since the last success */
	uint64_t		 heard_ms;	/* when the primary last answered anything */
	bool			 silent;	/* the primary has answered nothing since it got a statement that is late */
	struct ct_lookup	*lookups[PG_HOSTS_MAX];	/* NULL: none runs */
	uint64_t		 looked_up_ms[PG_HOSTS_MAX];	/* when the last look-up began; 0: in the parent */
};

/* `info` has at least one host, which is asserted, and is kept by pointer. */
void	 pg_hosts_init(struct pg_hosts *hosts, struct pg_conninfo *info);
void	 pg_hosts_deinit(struct pg_hosts *hosts);

/* A connection to `host` has become usable. Another primary than the last one is logged. */
void	 pg_hosts_works(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* Returns true if an attempt at `host` that began at `begun_ms` is older than the primary's last connection, and at another host. */
bool	 pg_hosts_is_passed(const struct pg_hosts *hosts, unsigned host, uint64_t begun_ms);

/* An attempt at `host` failed. */
void	 pg_hosts_failed(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* `host` has answered something on one of its connections. */
void	 pg_hosts_heard(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* A statement that was sent to `host` at `sent_ms` got no answer in time. The next attempt begins at another host. */
void	 pg_hosts_late(struct pg_hosts *hosts, unsigned host, uint64_t sent_ms, uint64_t now_ms);

/* `host` takes no writes. Its connections carry no further statements. */
void	 pg_hosts_no_writes(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* Returns true if every host has failed since the last success. */
bool	 pg_hosts_all_failed(const struct pg_hosts *hosts);

/* Takes the addresses of look-ups that have ended. The owner calls it every few dozen milliseconds. */
void	 pg_hosts_tick(struct pg_hosts *hosts);

#endif
