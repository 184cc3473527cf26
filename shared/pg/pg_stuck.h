/*
 * Stuck keys: first arguments (a user's id, for most statements) whose call, sent alone, waited for a lock until the server
 * ended it. Only statements that form batches have keys, because they lock the row of their first argument first.
 */
#ifndef CT_PG_STUCK_H
#define CT_PG_STUCK_H

#include <stdbool.h>
#include <stdint.h>

#include "pg/pg_call.h"

#define PG_STUCK_MAX	16	/* keys; one more replaces the key that ends first */
#define PG_STUCK_MS	10000	/* a key is stuck for this time, or until a call of it is carried out */
#define PG_KEY_TEXT	40	/* bytes with the final zero; a longer first argument is no key */

/* Read and written by these functions only, but for `sends`. Zero: no key is stuck. */
struct pg_stuck {
	struct {
		char		text[PG_KEY_TEXT];
		uint64_t	until_ms;
	}		keys[PG_STUCK_MAX];
	uint64_t	until_ms;	/* no key is stuck from then on */
	unsigned	sends;		/* in flight with a stuck key: at most 1 */
};

/* Returns true if the call's key is stuck. */
bool	 pg_stuck_has(const struct pg_stuck *stuck, const struct pg_call *call);

/* The server ended the call, sent alone, while it waited for a lock. */
void	 pg_stuck_add(struct pg_stuck *stuck, const struct pg_call *call);

/* The call was carried out. */
void	 pg_stuck_remove(struct pg_stuck *stuck, const struct pg_call *call);

#endif
