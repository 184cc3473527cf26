/*
 * The hosts of PG_CONNINFO as one worker sees them: which one its connections try next, and which one is the primary.
 *
 * An attempt to connect takes one host. All connections go to the primary while it is known and no attempt there has
 * failed. Otherwise they look for it: each attempt, of any connection, takes the next host, at which only one attempt may
 * be on its way, and which is tried again after PG_RETRY_MS. So a host that answers nothing keeps one connection busy, and the
 * others find a new primary soon after it takes writes, at a bounded rate of attempts.
 *
 * A frozen server closes nothing, so its idle connections look usable. It is silent from the first statement or probe that gets
 * no answer in time, until it answers a statement or a probe. A greeting is no such answer: a pooler greets for a frozen server.
 * So a greeting does not end the search for another primary, and only one new connection at a time goes to a silent host of a list.
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
#define PG_RETRY_MS		250	/* from one attempt at a host to the next while the primary is not known */

/* Changed by these functions only. */
struct pg_hosts {
	struct pg_host		*list;		/* of pg_conninfo, with `count` entries */
	unsigned		 count;
	unsigned		 next;		/* where the search for the primary goes on */
	unsigned		 trying[PG_HOSTS_MAX];	/* attempts on their way */
	uint64_t		 tried_ms[PG_HOSTS_MAX];	/* when the last attempt began; 0: there was none */
	unsigned		 primary;	/* PG_HOST_NONE: not known */
	uint64_t		 works_ms;	/* when the primary last took a connection */
	unsigned		 last_primary;	/* for the log; PG_HOST_NONE: there was none */
	unsigned		 failed;	/* a bit for each host that has failed since the last success */
	uint64_t		 heard_ms;	/* when the primary last answered anything */
	bool			 silent;	/* the primary has answered nothing since it got a statement or probe that is late */
	struct ct_lookup	*lookups[PG_HOSTS_MAX];	/* NULL: none runs */
	uint64_t		 looked_up_ms[PG_HOSTS_MAX];	/* when the last look-up began; 0: in the parent */
};

/* `info` has at least one host, which is asserted, and is kept by pointer. */
void	 pg_hosts_init(struct pg_hosts *hosts, struct pg_conninfo *info);
void	 pg_hosts_deinit(struct pg_hosts *hosts);

/*
 * Returns the host of an attempt that begins now, or PG_HOST_NONE if none may begin yet. A host that is alone is always
 * returned. Each attempt ends with one pg_hosts_tried.
 */
unsigned	 pg_hosts_take(struct pg_hosts *hosts, uint64_t now_ms);

/* The attempt at `host` has ended. */
void	 pg_hosts_tried(struct pg_hosts *hosts, unsigned host);

/* Returns true if all attempts go to the primary: it is known, and none has failed there since its last success. */
bool	 pg_hosts_has_primary(const struct pg_hosts *hosts);

/* A connection to `host` has become usable. Another primary than the last one is logged. */
void	 pg_hosts_works(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* Returns true if an attempt at `host` that began at `begun_ms` is older than the primary's last connection, and at another host. */
bool	 pg_hosts_is_passed(const struct pg_hosts *hosts, unsigned host, uint64_t begun_ms);

/* An attempt at `host` failed. */
void	 pg_hosts_failed(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/*
 * Returns true if `host` is the primary and silent. Its greeting is no success then: the attempt goes on until the first answer,
 * and the search for another primary with it.
 */
bool	 pg_hosts_is_silent(const struct pg_hosts *hosts, unsigned host);

/* `host` has answered something on one of its usable connections. */
void	 pg_hosts_heard(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* A statement or probe that was sent to `host` at `sent_ms` got no answer in time. The search begins at another host. */
void	 pg_hosts_late(struct pg_hosts *hosts, unsigned host, uint64_t sent_ms, uint64_t now_ms);

/* `host` takes no writes. Its connections carry no further statements. */
void	 pg_hosts_no_writes(struct pg_hosts *hosts, unsigned host, uint64_t now_ms);

/* Returns true if every host has failed since the last success. */
bool	 pg_hosts_all_failed(const struct pg_hosts *hosts);

/* Takes the addresses of look-ups that have ended. The owner calls it every few dozen milliseconds. */
void	 pg_hosts_tick(struct pg_hosts *hosts);

#endif
