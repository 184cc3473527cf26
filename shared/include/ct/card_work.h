/*
 * Finds out what became of what a card was to pay for and whose outcome is not known,
 * and has captured money given back that is not to be kept. Work is a row that is due:
 * kind->due leases it to one worker of one instance, whoever comes first; what the provider says
 * goes to kind->settle, which either settles it or sets the time of the next try. A
 * worker that dies in between leaves a lease that runs out.
 *
 *   PENDING, CHARGING   look up; if nothing was taken and kind->confirm_again lets it, confirm
 *                       again with the same key; if what was taken can never be what it
 *                       is for, cancel
 *   REFUND_PENDING      cancel; if that is not certain, look up; if the money is still there,
 *                       the next cancel has another key
 *   APPROVED            (a webhook has come) look up; nothing but the provider's word is written down
 *   FAILED              (given up while a confirm may still have been on its way) look up; if
 *                       it was taken after all, cancel
 */
#ifndef CT_CARD_WORK_H
#define CT_CARD_WORK_H

#include "ct/card.h"
#include "ct/pg.h"

/* What a service has to do with it. */
struct ct_card_work_kind {
	const char			*what;		/* "payment": for the log */
	const char			*id_member;	/* "paymentId" */
	/* limit, lease in ms: {due: [{<id_member>, userId, status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds} */
	const struct ct_pg_statement	*due;
	const char			*due_more;	/* one more argument of `due`, if that takes one */
	const struct ct_pg_statement	*confirm_again;	/* user, id, timeout in ms: BEGUN, or as settle */
	const struct ct_pg_statement	*settle;	/* as ct_card_kind's */
	const char			*settle_more;
	void				(*certain)(bool given_back, double seconds);	/* after so long it is */
};

/* One a worker; from then on it looks twice a second. */
void	 ct_card_work_start(const struct ct_card_work_kind *kind);

/* And now: there may be news. */
void	 ct_card_work_look(void);

#endif
