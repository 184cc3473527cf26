/*
 * A request that a card pays for: begin (it is on record, committed), ask the
 * provider to confirm, settle with what it said. No transaction and no lock is open
 * while it is asked. Should this process end in the middle, or the answer not come, the
 * service's resolver goes on from what is on record; the user is told 202.
 *
 * A request whose key is being answered by another one waits here for that one.
 */
#ifndef CT_CARD_REQUEST_H
#define CT_CARD_REQUEST_H

#include "ct/card.h"
#include "ct/pg.h"
#include "ct/request.h"

/* What such requests of a service have in common. */
struct ct_card_kind {
	/* Answers BEGUN {<id_member>, orderId}: confirm this; ACCEPTED: it is in doubt; or what the user is told. */
	const struct ct_pg_statement	*begin;
	/* Takes user, id, result and provider's code, and settle_more if that is not NULL; ACCEPTED: it is in doubt. */
	const struct ct_pg_statement	*settle;
	const char			*id_member;
	const char			*settle_more;
	void				(*in_doubt)(void);	/* the resolver is to look */
	void				(*certain)(double seconds);	/* after so long */
};

/* One a worker. */
void	 ct_card_request_start(void);

/*
 * `args` are those of kind->begin, at most CT_PG_ARGS_MAX with a NULL behind them; they and
 * payment_key live as long as the request. Replies, 503 if too many are under way.
 */
void	 ct_card_request(struct ct_request *request, const struct ct_card_kind *kind, const char *payment_key,
	     int64_t amount, const char *const *args);

#endif
