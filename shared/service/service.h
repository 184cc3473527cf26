/*
 * A service: a table of routes, and functions that run at its start and end. Each service defines one
 * `const struct ct_service ct_service`. Kore's hooks (kore/worker.c) run it through lifecycle.h.
 */
#ifndef CT_SERVICE_H
#define CT_SERVICE_H

#include "base/buf.h"
#include "http/request.h"
#include "pg/pg.h"
#include "redis/redis_cluster.h"

/* All functions may be NULL. */
struct ct_service {
	const char		*name;		/* "queue" */
	const struct ct_route	*routes;	/* ends with an empty row; /livez, /readyz and /metrics are added to them */
	bool			 uses_pg;	/* true: it also does its share of the background work (background/background.h) */
	bool			 uses_redis;	/* true: its requests use Redis, so /readyz needs it; background work uses it too */
	void			(*configure)(void);	/* in the parent: reads settings, registers metrics */
	void			(*start)(void);		/* in each worker, after its clients are created */
	void			(*stop)(void);		/* in each worker, after its clients' end: no callback runs later */
	void			(*redis_connected)(struct ct_redis *, void *);	/* see ct_redis_cluster_init */
	void			(*print_metrics)(struct ct_buf *);	/* appends to /metrics, in the worker that answers it */
};

extern const struct ct_service	ct_service;

/* This worker's clients; NULL where the service does not use them. */
extern struct ct_pg	*ct_service_pg;
extern struct ct_redis_cluster	*ct_service_redis;

#endif
