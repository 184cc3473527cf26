/* The edge's handler, which every Kore configuration names, and its one switch. */
#ifndef CT_DISPATCH_H
#define CT_DISPATCH_H

struct http_request;

/* Kore's page handler for all paths and methods. */
int	 ct_dispatch(struct http_request *req);

/* Parent: metrics. */
void	 ct_dispatch_configure(void);

/* From now on every reply also closes its connection: the worker is about to end. */
void	 ct_dispatch_close_connections(void);

#endif
