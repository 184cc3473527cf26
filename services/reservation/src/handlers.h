/* The reservation service's handlers, one endpoint a file; service.c has the routes. */
#ifndef RESERVATION_HANDLERS_H
#define RESERVATION_HANDLERS_H

#include "http/handler.h"

/* concerts.c */
void	concerts_list(struct ct_request *);
void	concerts_get(struct ct_request *);

/* schedules.c */
void	schedules_list(struct ct_request *);
void	schedules_get(struct ct_request *);

/* seats.c. Parent: seats_configure. */
void	seats_configure(void);
void	seats_get(struct ct_request *);

/* hold.c. Parent: hold_configure reads HOLD_TTL_SECONDS and UNPAID_HOLDS_MAX. */
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
 * sweeper.c: ends holds that ran out, every SWEEP_INTERVAL_MS. Every worker calls the
 * SQL function, which lets one of them work at a time.
 */
void	sweeper_configure(void);
void	sweeper_start(void);

#endif
