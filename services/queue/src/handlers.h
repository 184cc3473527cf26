/* The handlers of the queue service, one file per endpoint. service.c has the routes. */
#ifndef QUEUE_HANDLERS_H
#define QUEUE_HANDLERS_H

#include "http/handler.h"

void	enter(struct ct_request *);		/* enter.c */
void	status(struct ct_request *);		/* status.c */
void	leave(struct ct_request *);		/* leave.c */
void	control_get(struct ct_request *);	/* control.c */
void	control_put(struct ct_request *);
void	queues_list(struct ct_request *);	/* queues_list.c */

#endif
