/* A body that many replies send without copying it for each. */
#ifndef CT_SHARED_BODY_H
#define CT_SHARED_BODY_H

#include <stddef.h>

/* Counts its references: one for its owner, and one for each reply until its last byte is sent or its client is gone. */
struct ct_shared {
	unsigned	refs;
	unsigned	sends;		/* the edge's: connections that the body is being sent on */
	size_t		length;
	char		data[];		/* and a NUL */
};

/* Returns a copy of the data with one reference, the caller's. */
struct ct_shared	*ct_shared_new(const char *data, size_t length);

/* Gives up one reference; the last one frees the body. NULL is allowed. */
void			 ct_shared_drop(struct ct_shared *shared);

#endif
