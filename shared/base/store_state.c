/* The states of a store and the errors that tell them, see store_state.h. */
#include <stddef.h>
#include <string.h>

#include "base/store_state.h"

static const struct {
	const char	*name;
	const char	*text;
} states[CT_STORE_STATES] = {
	[CT_STORE_UP] = { "up", "is up" },
	[CT_STORE_DOWN] = { "down", "is down" },
	[CT_STORE_UNAUTHORIZED] = { "unauthorized", "refuses this service's user or password" },
	[CT_STORE_LOADING] = { "loading", "is starting or stopping" },
	[CT_STORE_TOO_MANY_CONNECTIONS] = { "too_many_connections", "refuses connections: it has too many" },
	[CT_STORE_READ_ONLY] = { "read_only", "refuses writes: read-only" },
	[CT_STORE_DISK_FULL] = { "disk_full", "refuses writes: disk full" },
	[CT_STORE_CANNOT_SAVE] = { "cannot_save", "refuses writes: it cannot write its data to disk" },
	[CT_STORE_OUT_OF_MEMORY] = { "out_of_memory", "refuses writes: out of memory" },
	[CT_STORE_TOO_FEW_REPLICAS] = { "too_few_replicas", "refuses writes: too few replicas" },
};

/* The beginning of an error, or a part of a text; and the state that it tells. */
struct sign {
	const char		*text;
	enum ct_store_state	 state;
};

const char *
ct_store_state_name(enum ct_store_state state)
{
	return (states[state].name);
}

const char *
ct_store_state_text(enum ct_store_state state)
{
	return (states[state].text);
}

enum ct_store_state
ct_store_state_of_redis(const char *error)
{
	static const struct sign	signs[] = {
		{ "NOAUTH ", CT_STORE_UNAUTHORIZED }, { "WRONGPASS ", CT_STORE_UNAUTHORIZED },
		{ "NOPERM ", CT_STORE_UNAUTHORIZED }, { "LOADING ", CT_STORE_LOADING },
		{ "MASTERDOWN ", CT_STORE_READ_ONLY }, { "READONLY ", CT_STORE_READ_ONLY },
		{ "MISCONF ", CT_STORE_CANNOT_SAVE }, { "OOM ", CT_STORE_OUT_OF_MEMORY },
		{ "NOREPLICAS ", CT_STORE_TOO_FEW_REPLICAS }, { "CLUSTERDOWN ", CT_STORE_DOWN },
		{ "ERR max number of clients", CT_STORE_TOO_MANY_CONNECTIONS },
	};
	size_t				i;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strncmp(error, signs[i].text, strlen(signs[i].text)) != 0)
			continue;
		if (signs[i].state == CT_STORE_CANNOT_SAVE && strstr(error, "No space left") != NULL)
			return (CT_STORE_DISK_FULL);
		return (signs[i].state);
	}
	return (CT_STORE_UP);
}

enum ct_store_state
ct_store_state_of_sqlstate(const char *sqlstate)
{
	static const struct sign	signs[] = {
		{ "25006", CT_STORE_READ_ONLY }, { "53100", CT_STORE_DISK_FULL }, { "58030", CT_STORE_CANNOT_SAVE },
	};
	size_t				i;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strcmp(sqlstate, signs[i].text) == 0)
			return (signs[i].state);
	}
	return (CT_STORE_UP);
}

/* libpq 15 gives no SQLSTATE for a refused connection, only the server's words. */
enum ct_store_state
ct_store_state_of_connect(const char *text)
{
	static const struct sign	signs[] = {
		{ "too many c", CT_STORE_TOO_MANY_CONNECTIONS },	/* clients; connections for role, for database */
		{ "remaining connection slots", CT_STORE_TOO_MANY_CONNECTIONS },
		{ "the database system is ", CT_STORE_LOADING },	/* starting up, shutting down, in recovery mode */
		{ "authentication failed", CT_STORE_UNAUTHORIZED },
		{ "no password supplied", CT_STORE_UNAUTHORIZED },
		{ "pg_hba.conf", CT_STORE_UNAUTHORIZED },
		{ "permission denied", CT_STORE_UNAUTHORIZED },
		{ "is not permitted to log in", CT_STORE_UNAUTHORIZED },
		{ "No space left", CT_STORE_DISK_FULL },
		{ "takes no writes", CT_STORE_READ_ONLY },		/* the client's own words */
	};
	size_t				i;

	for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strstr(text, signs[i].text) != NULL)
			return (signs[i].state);
	}
	return (CT_STORE_DOWN);
}
