/*
 * Compresses answers (gzip) for the copies that many readers take, once a
 * version. 100,000 seats take 50 ms: so a large answer is compressed a slice a
 * turn of the loop, one answer after the other, and holds are served between.
 */
#ifndef RESERVATION_PACK_H
#define RESERVATION_PACK_H

#include <stdbool.h>

#include "ct/request.h"

/*
 * Calls done(packed, arg) once: within this call for a short answer, from a later
 * turn of the loop for a long one. `packed` is the callback's to drop; NULL if
 * compression saves nothing. `plain` must live until then.
 */
void	 pack(const struct ct_shared *plain, void (*done)(struct ct_shared *packed, void *arg), void *arg);

/* Returns true if the header Accept-Encoding (NULL: none) allows gzip. */
bool	 pack_accepted(const char *accept_encoding);

/* Parent: metrics. */
void	 pack_configure(void);

#endif
