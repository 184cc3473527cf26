/* The routes that every service has for its operators. The gateway does not offer them. */
#ifndef CT_HEALTH_H
#define CT_HEALTH_H

#include "http/request.h"

/* /livez, /readyz and /metrics; ends with an empty row. */
extern const struct ct_route	ct_health_routes[];

/* From now on /readyz answers 503. */
void	 ct_health_draining(void);

#endif
