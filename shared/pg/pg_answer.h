/* The server's answer to one statement, collected from its results. No I/O. */
#ifndef CT_PG_ANSWER_H
#define CT_PG_ANSWER_H

#include <stdbool.h>

#include <libpq-fe.h>

/* The result that the statement sent last should have, besides an error. */
enum pg_expected {
	PG_EXPECT_PREPARED,	/* of Prepare: "command OK" */
	PG_EXPECT_BEGIN,	/* of BEGIN: "command OK" */
	PG_EXPECT_ROWS,		/* of a call: one set of rows */
	PG_EXPECT_COMMIT	/* of COMMIT: "command OK" with the tag COMMIT; one that rolls back has the tag ROLLBACK */
};

struct pg_answer {
	PGresult	*rows;		/* of the last call; not certain before the server is ready for the next statement */
	char		 sqlstate[6];	/* "": no error */
	bool		 fatal;		/* the error also ends the connection */
	bool		 unclear;	/* a result came that the statement cannot have, or the commit may be on this server only */
};

/* Forgets the error of the statement before. Keeps the rows. */
void	 pg_answer_clear_error(struct pg_answer *answer);

/* Frees the rows. */
void	 pg_answer_free_rows(struct pg_answer *answer);

/*
 * Keeps or frees `result`, which it owns from now on. An error is logged with the name of the function and the number of
 * calls, never with values.
 */
void	 pg_answer_take(struct pg_answer *answer, PGresult *result, enum pg_expected expected, const char *function,
	     unsigned calls);

/*
 * Reads a notice. The server warns if somebody ended its wait for the synchronous standby: the transaction has committed, but
 * the standby may not have it. Then the answer is unclear.
 */
void	 pg_answer_take_notice(struct pg_answer *answer, const PGresult *notice);

/* Returns true if the error says that the server takes no writes. */
bool	 pg_answer_is_read_only(const struct pg_answer *answer);

/* Returns true if the error says that the plan no longer fits the tables or types, or that the server has lost it. */
bool	 pg_answer_is_stale_plan(const struct pg_answer *answer);

#endif
