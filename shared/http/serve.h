/* Takes a request through the checks, in the contract's order, and gives it to its handler. */
#ifndef CT_SERVE_H
#define CT_SERVE_H

#include "http/exchange.h"

#define CT_BODY_MAX	(64 * 1024)

/* Start: registers metrics. With more than `requests_max` requests in flight a worker sheds load. */
void	 ct_serve_configure(unsigned requests_max);

/* Runs the checks and then the handler. The reply comes now or from a later callback. */
void	 ct_serve(struct ct_exchange *exchange);

/*
 * Where the users' keys come from another server (service/jwks.h). `ask` is called for a token whose kid no key has, and
 * tells what to do with its request:
 */
enum ct_keys_asked {
	CT_KEYS_COMING,		/* a new set is on its way: let it wait for ct_serve_keys_came */
	CT_KEYS_NOT_COMING,	/* answer 401 */
	CT_KEYS_NEVER_CAME	/* there is no set yet, so the token may be good: answer 503 */
};
void	 ct_serve_ask_keys(enum ct_keys_asked (*ask)(void));

/* The set has come, or not: checks the tokens of all waiting requests again. */
void	 ct_serve_keys_came(void);

/* At the end of the worker: answers the waiting requests with 503. */
void	 ct_serve_stop(void);

#endif
