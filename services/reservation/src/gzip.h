/*
 * Compresses the copies that answer many readers (gzip), once for each version.
 * A map of 100,000 seats takes 50 ms. So each turn of the loop compresses one slice
 * of a large answer, and other requests are served in between.
 */
#ifndef RESERVATION_GZIP_H
#define RESERVATION_GZIP_H

#include <stdbool.h>

#include "http/handler.h"

/*
 * Calls done(packed, arg) once: within this call for a short answer, from a later
 * turn of the loop for a long one. The callback owns `packed`, which is NULL if
 * compression saves nothing. `plain` must live until then.
 */
void	 gzip_answer(const struct ct_shared *plain, void (*done)(struct ct_shared *packed, void *arg), void *arg);

/* Returns true if the header Accept-Encoding (NULL: none) allows gzip. */
bool	 gzip_accepted(const char *accept_encoding);

/* Parent: metrics. */
void	 gzip_configure(void);

#endif
