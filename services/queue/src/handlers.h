/* The queue service's handlers, one endpoint a file; routes are in service.c. */
#ifndef QUEUE_HANDLERS_H
#define QUEUE_HANDLERS_H

#include "ct/request.h"

void	enter(struct ct_request *);		/* enter.c */
void	status(struct ct_request *);		/* status.c */
void	leave(struct ct_request *);		/* leave.c */
void	control_get(struct ct_request *);	/* control.c */
void	control_put(struct ct_request *);

#endif
