/* The reservation service's handlers, one endpoint a file; routes are in service.c. */
#ifndef RESERVATION_HANDLERS_H
#define RESERVATION_HANDLERS_H

#include "ct/request.h"

/* concerts.c */
void	concerts_list(struct ct_request *);
void	concerts_get(struct ct_request *);

/* schedules.c */
void	schedules_list(struct ct_request *);
void	schedules_get(struct ct_request *);

/* seats.c; seats_configure in the parent. */
void	seats_configure(void);
void	seats_get(struct ct_request *);

/* hold.c; hold_configure reads HOLD_TTL_SECONDS and UNPAID_HOLDS_MAX in the parent. */
void	hold_configure(void);
void	hold(struct ct_request *);

/* reservations.c */
void	reservations_list(struct ct_request *);
void	reservations_get(struct ct_request *);

/* cancel.c */
void	cancel(struct ct_request *);

/* admin.c */
void	admin_create_concert(struct ct_request *);
void	admin_patch_concert(struct ct_request *);
void	admin_create_schedule(struct ct_request *);
void	admin_patch_schedule(struct ct_request *);

/*
 * sweeper.c: tidies holds that have run out, every SWEEP_INTERVAL_MS, in every
 * worker; the SQL function lets one of them through at a time. Nothing waits
 * for it: a hold is dead at its time by the database's clock.
 */
void	sweeper_configure(void);
void	sweeper_start(void);

/* relay.c: moves events from the outbox to the Redis stream; EVENTS_KEEP_SECONDS, EVENTS_KEEP. One worker at a time does. */
void	relay_configure(void);
void	relay_start(void);

/* clean.c: removes what has been kept long enough, once a minute. */
void	clean_start(void);

#endif
