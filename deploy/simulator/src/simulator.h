/*
 * The simulator of Toss Payments' API: the declarations that its files share.
 *
 * A request goes api.c -> behaviour.c (how is this one to be answered?) ->
 * books.c (what it does to the money), or to transactions.c for the list -> back to api.c; webhook.c tells the
 * merchant afterwards; control.c is how tests give orders and read the books.
 */
#ifndef SIMULATOR_H
#define SIMULATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/handler.h"

#define KEY_TEXT		201	/* a payment key: up to 200 characters */
#define ORDER_TEXT		65	/* an order id: 6 to 64 characters */
#define CODE_TEXT		65
#define TIME_TEXT		32
#define TRANSACTION_TEXT	33
#define IDEMPOTENCY_KEY_MAX	300

/* --- errors.c: the provider's error codes --- */

struct provider_error {
	const char	*code;
	int		 status;
	const char	*message;
};

/* One that the provider documents, or NULL. */
const struct provider_error	*error_find(const char *code);
/* The documented code that `text` begins with, the longest; NULL: none. */
const struct provider_error	*error_at_start(const char *text);

/* --- books.c: payments, and the file that outlives this process --- */

enum payment_status { IN_PROGRESS, DONE, PARTIAL_CANCELED, CANCELED, ABORTED };

struct cancel {
	int64_t		 amount;
	char		*reason;
	char		 at[TIME_TEXT];
	char		 transaction[TRANSACTION_TEXT];
	int64_t		 left;		/* what could still be given back after it */
	struct cancel	*next;
};

struct payment {
	char			 key[KEY_TEXT];
	char			 order[ORDER_TEXT];
	enum payment_status	 status;
	int64_t			 total;
	int64_t			 balance;
	char			 requested_at[TIME_TEXT];
	char			 approved_at[TIME_TEXT];	/* "": not */
	char			 transaction[TRANSACTION_TEXT];	/* the last one */
	char			 failure[CODE_TEXT];
	struct cancel		*cancels, **cancels_end;
	unsigned		 confirm_requests, cancel_requests, find_requests;	/* since this process began */
	unsigned		 webhooks;	/* delivered, since this process began */
	char			 confirm_idempotency[IDEMPOTENCY_KEY_MAX + 1];	/* of the last request; "": none */
	char			 cancel_idempotency[IDEMPOTENCY_KEY_MAX + 1];
	struct payment		*next_key, *next_order, *next;	/* hash chains; all, oldest first */
};

/* What a confirm or a cancel asks for. Strings may be NULL where the request lacked them. */
struct order {
	const char	*path;			/* of the call, part of the idempotency key's scope */
	const char	*idempotency_key;	/* NULL: none */
	const char	*payment_key;
	const char	*order_id;
	int64_t		 amount;		/* confirm: of all; cancel: 0 is what is left */
	const char	*reason;
	const char	*decline;		/* a code to refuse it with; NULL: as the books say */
};

/* A whole answer. */
struct answer {
	int		 status;
	struct ct_buf	 body;
};

/* Parent: opens the file. Worker: reads it. */
void		 books_configure(void);
void		 books_start(void);

struct payment	*payment_by_key(const char *key);
struct payment	*payment_by_order(const char *order);	/* the latest of that order */
struct payment	*payments_first(void);

/* Makes it known, IN_PROGRESS, if it is not. */
struct payment	*payment_seen(const char *key, const char *order, int64_t amount);

/*
 * The user has been through the payment window: the key is of this order and amount from now on, on disk before it
 * returns. False if the key is already another order's or amount's.
 */
bool		 books_open(const char *key, const char *order, int64_t amount);

/* The first answer to that key on that path, if there was one. */
bool		 books_replay(const char *path, const char *idempotency_key, struct answer *answer);

/*
 * Does what is asked, on disk before it returns, together with the answer if
 * there is an idempotency key. *event_r: the webhook's number, 0 if nothing changed.
 */
void		 books_confirm(const struct order *order, struct answer *answer, uint64_t *event_r);
void		 books_cancel(const struct order *order, struct answer *answer, uint64_t *event_r);

/* The merchant has been told about event (or has not answered to the last try). */
void		 books_told(uint64_t event);

/* Changes that the merchant has not been told of, newest first. */
struct untold {
	uint64_t	 event;
	struct payment	*payment;
	struct untold	*next;
};
const struct untold	*books_untold(void);

void		 payment_json(struct ct_buf *buf, const struct payment *payment);
const char	*payment_status_name(enum payment_status status);
void		 answer_error(struct answer *answer, const char *code);

/* --- transactions.c --- */

/* The answer to GET /v1/transactions with this query (NULL: none). */
void		 transactions_list(const char *query, struct answer *answer);

/* --- behaviour.c: how a request is answered --- */

enum operation { OP_CONFIRM, OP_CANCEL, OP_FIND, OPERATIONS };

enum behaviour {
	AS_IT_IS, DECLINE, DELAY, TIMEOUT_BEFORE, TIMEOUT_AFTER, ERROR_BEFORE, ERROR_AFTER, MALFORMED,
	CUT_BEFORE, CUT_AFTER
};

enum notice { NOTICE_ONCE, NOTICE_TWICE, NOTICE_LATE, NOTICE_EARLY };

struct manner {
	enum behaviour	 behaviour;
	const char	*code;		/* DECLINE */
	long		 ms;		/* DELAY */
};

/* Returns the behaviour for this request about the key, and uses up one of the ordered ones. */
struct manner	 manner_of(const char *payment_key, enum operation operation);
enum notice	 notice_of(const char *payment_key);

/* Orders: false if `text` is no behaviour ("decline:CODE", "delay:MS", "timeout_before", ...). */
bool		 behaviour_order(const char *payment_key, enum operation operation, const char *text, unsigned times);
bool		 notice_order(const char *payment_key, const char *text);
void		 behaviour_seed(uint64_t seed, unsigned percent);

/* Adds {"decline": 3, ..., "early": 1}: how often each has happened since this process began. */
void		 behaviour_counts(struct ct_buf *buf);

/* --- webhook.c --- */

void		 webhook_configure(void);
void		 webhook_start(void);
/* Tells the merchant how the payment stands now. `told` (may be NULL) runs when the first try has ended. */
void		 webhook_send(uint64_t event, struct payment *payment, enum notice notice,
		     void (*told)(void *arg), void *arg);
void		 webhook_counts(unsigned *sent_r, unsigned *delivered_r, unsigned *waiting_r);

/* --- api.c, control.c --- */

void		 api_configure(void);
void		 api_start(void);
void		 control_behaviours(struct ct_request *request);
void		 control_payments(struct ct_request *request);
void		 control_seed(struct ct_request *request);
void		 control_books(struct ct_request *request);

#endif
