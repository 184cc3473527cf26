/* The router: from method and path to an endpoint. */
#ifndef CT_ROUTER_H
#define CT_ROUTER_H

#include "http/exchange.h"

/* Start: adds a route. Stops the start if the route is wrong or has the method and path of another one. */
void	 ct_router_add(const struct ct_route *route);

enum ct_match {
	CT_MATCH_ROUTE,
	CT_MATCH_OTHER_METHOD,	/* the path has routes, but none with this method */
	CT_MATCH_NONE
};

/*
 * Finds the route for the exchange's method and path, and sets the exchange's endpoint and raw_ids. After
 * CT_MATCH_OTHER_METHOD allow_r holds the value of the Allow header.
 */
#define CT_ALLOW_TEXT	64
enum ct_match	 ct_router_find(struct ct_exchange *exchange, char allow_r[CT_ALLOW_TEXT]);

#endif
