/* The edge on Kore: the handler that every Kore configuration names. */
#ifndef CT_DISPATCH_H
#define CT_DISPATCH_H

struct http_request;

/* Kore's handler for all paths and methods. */
int	 ct_dispatch(struct http_request *req);

/* Parent: registers the edge (http/edge.h) and its metrics. */
void	 ct_dispatch_configure(void);

/* Each reply from now on closes its connection. For a worker that ends. */
void	 ct_dispatch_close_connections(void);

#endif
