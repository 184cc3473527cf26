/* Whether a store (PostgreSQL or Redis) can be used, and if not, why: for /readyz, the metrics and `make status`. */
#ifndef CT_STORE_STATE_H
#define CT_STORE_STATE_H

enum ct_store_state {
	CT_STORE_UP,
	CT_STORE_DOWN,			/* no connection, for any reason that is not below */
	CT_STORE_UNAUTHORIZED,		/* it refuses the user, the password or the user's rights */
	CT_STORE_LOADING,		/* it starts, stops or loads its data */
	CT_STORE_TOO_MANY_CONNECTIONS,
	/* It refuses writes. */
	CT_STORE_READ_ONLY,		/* a replica or a standby, or set so */
	CT_STORE_DISK_FULL,
	CT_STORE_CANNOT_SAVE,		/* it cannot write its data to disk, for another reason */
	CT_STORE_OUT_OF_MEMORY,
	CT_STORE_TOO_FEW_REPLICAS,
	CT_STORE_STATES
};

/* "up", "down", "disk_full": in JSON and as a label. */
const char		*ct_store_state_name(enum ct_store_state state);

/* "is down", "refuses writes: disk full": follows the name of the store in a sentence. */
const char		*ct_store_state_text(enum ct_store_state state);

/* From the text of an error that Redis answered. An error that says nothing about Redis' state is CT_STORE_UP. */
enum ct_store_state	 ct_store_state_of_redis(const char *error);

/* From the SQLSTATE of a statement. CT_STORE_UP unless other writes will be refused for the same reason. */
enum ct_store_state	 ct_store_state_of_sqlstate(const char *sqlstate);

/* From libpq's text about a connection that failed. CT_STORE_DOWN if it has none of the known reasons. */
enum ct_store_state	 ct_store_state_of_connect(const char *text);

#endif
