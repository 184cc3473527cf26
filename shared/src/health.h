/* The routes that every service has for those who run it, never through the gateway. */
#ifndef CT_HEALTH_H
#define CT_HEALTH_H

#include "ct/request.h"

/* /livez, /readyz and /metrics; ends with an empty row. */
extern const struct ct_route	ct_health_routes[];

/* From now on readyz says no. */
void	 ct_health_draining(void);

#endif
