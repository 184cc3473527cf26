/* The errors of the stores, and the states that they tell. */
#include <criterion/criterion.h>

#include "base/store_state.h"

Test(store_state, redis_error_tells_the_reason)
{
	static const struct {
		const char	*error;
		const char	*name;
	} cases[] = {
		{ "NOAUTH Authentication required.", "unauthorized" },
		{ "WRONGPASS invalid username-password pair or user is disabled.", "unauthorized" },
		{ "NOPERM this user has no permissions to run the 'ping' command", "unauthorized" },
		{ "LOADING Redis is loading the dataset in memory", "loading" },
		{ "READONLY You can't write against a read only replica.", "read_only" },
		{ "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", "read_only" },
		{ "MISCONF Errors writing to the AOF file: No space left on device", "disk_full" },
		{ "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", "cannot_save" },
		{ "OOM command not allowed when used memory > 'maxmemory'.", "out_of_memory" },
		{ "NOREPLICAS Not enough good replicas to write.", "too_few_replicas" },
		{ "ERR max number of clients reached", "too_many_connections" },
		{ "ERR Function not found", "up" },
		{ "WRONGTYPE Operation against a key holding the wrong kind of value", "up" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(ct_store_state_name(ct_store_state_of_redis(cases[i].error)), cases[i].name, "%s", cases[i].error);
}

Test(store_state, postgres_error_tells_the_reason)
{
	static const struct {
		const char	*text;
		const char	*name;
	} cases[] = {
		{ "cannot connect: connection to server at \"127.0.0.1\", port 1 failed: Connection refused", "down" },
		{ "cannot connect: FATAL:  sorry, too many clients already", "too_many_connections" },
		{ "cannot connect: FATAL:  remaining connection slots are reserved for non-replication superuser connections",
		    "too_many_connections" },
		{ "cannot connect: FATAL:  too many connections for role \"queue_service\"", "too_many_connections" },
		{ "cannot connect: FATAL:  the database system is starting up", "loading" },
		{ "cannot connect: FATAL:  password authentication failed for user \"queue_service\"", "unauthorized" },
		{ "cannot connect in time", "down" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(ct_store_state_name(ct_store_state_of_connect(cases[i].text)), cases[i].name, "%s", cases[i].text);
	cr_assert_eq(ct_store_state_of_sqlstate("25006"), CT_STORE_READ_ONLY);
	cr_assert_eq(ct_store_state_of_sqlstate("53100"), CT_STORE_DISK_FULL);
	/* One statement's fault, or a connection that an administrator ended, says nothing about the next write. */
	cr_assert_eq(ct_store_state_of_sqlstate("23505"), CT_STORE_UP);
	cr_assert_eq(ct_store_state_of_sqlstate("57P01"), CT_STORE_UP);
	cr_assert_eq(ct_store_state_of_sqlstate("53200"), CT_STORE_UP);
	cr_assert_eq(ct_store_state_of_sqlstate(""), CT_STORE_UP);
}

Test(store_state, texts_follow_the_name_of_the_store)
{
	cr_assert_str_eq(ct_store_state_text(CT_STORE_DOWN), "is down");
	cr_assert_str_eq(ct_store_state_text(CT_STORE_DISK_FULL), "refuses writes: disk full");
	for (int state = 0; state < CT_STORE_STATES; state++) {
		cr_assert_not_null(ct_store_state_name((enum ct_store_state)state));
		cr_assert_not_null(ct_store_state_text((enum ct_store_state)state));
	}
}
