/*
 * The log of a server's outage. A client that reconnects every few moments logs one line when its outage begins and one
 * when it ends, however many attempts fail in between.
 */
#ifndef CT_OUTAGE_H
#define CT_OUTAGE_H

#include <stdbool.h>

/* Read and written by these functions only. */
struct ct_outage {
	const char	*server;
	bool		 logged;	/* the outage that lasts has its line */
};

/* No outage. `server` begins the log lines ("postgres"); kept by pointer. */
void	 ct_outage_init(struct ct_outage *outage, const char *server);

/* There is no connection. `why` is a text without secrets. Logged as a warning, once an outage. */
void	 ct_outage_begin(struct ct_outage *outage, const char *why);

/* The server works. Logged if the beginning was logged. */
void	 ct_outage_end(struct ct_outage *outage);

#endif
