/*
 * What makes a Kore application of a table of routes. Each service defines one
 * `const struct ct_service ct_service`; the library owns Kore's hooks
 * (kore_parent_configure, kore_worker_configure, kore_worker_teardown) and the
 * one handler the Kore configuration names, ct_dispatch.
 */
#ifndef CT_SERVICE_H
#define CT_SERVICE_H

#include "ct/buf.h"
#include "ct/pg.h"
#include "ct/redis.h"
#include "ct/request.h"

struct ct_service {
	const char		*name;		/* "queue" */
	const struct ct_route	*routes;	/* ends with an empty row; livez, readyz, metrics are added */
	bool			 uses_pg;
	bool			 uses_redis;
	void			(*configure)(void);	/* parent: reads settings, registers metrics; may be NULL */
	void			(*start)(void);		/* worker, after ct_pg and ct_redis exist; may be NULL */
	void			(*stop)(void);		/* worker, after their end: no callback runs later, replies are sent; may be NULL */
	void			(*redis_connected)(struct ct_redis *, void *);	/* may be NULL */
	void			(*print_metrics)(struct ct_buf *);	/* more for /metrics, by the worker that is asked; may be NULL */
};

extern const struct ct_service	ct_service;

/* This worker's clients; NULL where the service does not use them. */
extern struct ct_pg	*ct_service_pg;
extern struct ct_redis	*ct_service_redis;

#endif
