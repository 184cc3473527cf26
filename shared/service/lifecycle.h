/* A service's start and end, without Kore: its worker's hooks (kore/worker.c) call these in this order. */
#ifndef CT_LIFECYCLE_H
#define CT_LIFECYCLE_H

#include <stdbool.h>

/* Parent: reads all settings but Kore's, registers routes and metrics. The caller then calls ct_config_finish(). */
void	 ct_service_configure(void);

/* Worker: creates the clients and starts the service. */
void	 ct_service_start(void);

/* Returns true if the service's clients can use its stores: what /readyz asks. */
bool	 ct_service_reaches_stores(void);

/* Worker: /readyz answers 503 from now on. */
void	 ct_service_drain(void);

/* Returns true if no request, no call to a store and no call to another server waits for its answer. */
bool	 ct_service_idle(void);

/*
 * Worker: ends the clients, which answers the calls that are still waiting, and then the service. No event of the loop
 * may run afterwards.
 */
void	 ct_service_stop(void);

#endif
