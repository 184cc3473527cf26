/*
 * A purpose for which a service takes money by card: payments for reservations, or charges of points. The service
 * names its SQL functions; the calls to the provider, and what follows from its answers, are the same for both
 * (card_request.h, card_resolver.h). Owner: the payment team. Linked by payment and point.
 */
#ifndef CT_CARD_USE_H
#define CT_CARD_USE_H

#include <stdbool.h>

#include "pg/pg.h"

struct ct_card_use {
	const char	*name;		/* "payment": in log lines, and as a label of metrics */
	const char	*id_member;	/* "paymentId": the member of the functions' answers with the id */

	/* Answers BEGUN {<id_member>, orderId}: confirm it; ACCEPTED: its outcome is unknown; any other outcome is
	 * the answer to the user. */
	const struct ct_pg_statement	*begin;
	/*
	 * Takes user, id, result, the provider's code or NULL, and settle_more unless that is NULL.
	 * ACCEPTED or NO_CONTENT: its outcome is still unknown.
	 */
	const struct ct_pg_statement	*settle;
	/*
	 * Takes limit, lease in ms, and due_more unless that is NULL. Leases what is due:
	 * {due: [{<id_member>, userId, status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds, left}
	 */
	const struct ct_pg_statement	*due;
	/* Takes user, id, timeout in ms. BEGUN: confirm it again; else as settle. */
	const struct ct_pg_statement	*confirm_again;

	const char	*settle_more, *due_more;
	/* The user waits for refunds, so the metrics show how long they take. */
	bool		 has_refunds;
};

#endif
