# For the races (race, payment_race, ledger_race): pgbench calls the SQL functions by many clients at once. Each result is one test
# (tests/lib/tap.sh). PGHOST, PGPORT, PGDATABASE and PGUSER (a superuser) name the database.
# shellcheck shell=bash

# shellcheck source=tests/lib/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../lib/tap.sh"

# Many clients want the same locks, and the machine may be slow. A wait longer than this never ends. (PostgreSQL finds a
# deadlock within a second.)
export PGOPTIONS='-c lock_timeout=120s -c statement_timeout=240s'
# The other settings of the services' roles (migrations/platform/deploy/roles.sql).
readonly ROLE_OPTIONS='-c jit=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan'
# A client whose seat stays locked repeats the call, as the services do. Each try takes at least half a second.
# shellcheck disable=SC2034 # the races use it
readonly MAX_TRIES=200
# A race goes on until each kind of call has succeeded, for at most this time.
# shellcheck disable=SC2034
readonly MORE_SECONDS=600

work=$tap_folder/race
mkdir "$work"

# query SQL: prints its result. A query that fails prints its error, because some queries must find nothing.
query() {
	psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 -c "$1" 2>"$work/query" || {
		echo "the query failed: $(head -n 5 "$work/query" | tee /dev/stderr)"
		return 1
	}
}

# check NAME GOT WANTED: one test, which passes if both are the same text.
check() {
	: >"$tap_faults"
	is have "$2" "$3"
	result "$1" "$tap_faults"
}

# bench [pgbench's arguments]: CLIENTS clients run scripts; the output goes to the file $work/bench. Fails if a client saw an error,
# or gave up a transaction that it had rolled back.
bench() {
	local status=0
	PGOPTIONS="$PGOPTIONS $ROLE_OPTIONS" pgbench --no-vacuum --client="$CLIENTS" --jobs=2 "$@" >"$work/bench" 2>&1 || status=$?
	# Of no transactions, 0 are NaN%: in the given time a very slow machine may finish none.
	((status == 0)) && grep -qxE 'number of failed transactions: 0 \((0\.000|NaN|-nan)%\)' "$work/bench"
}

# complaints: prints the errors of the last bench, those of PostgreSQL first: tests/run shows only the first words.
complaints() {
	grep -E -A 1 'ERROR|FATAL|PANIC' "$work/bench" | head -n 8 || true
	grep -vE 'ERROR|FATAL|PANIC' "$work/bench" | grep -E '^pgbench: |^number of failed transactions' | head -n 8 || echo 'pgbench gave no result'
}

# race NAME [pgbench's arguments]: a test that passes if bench succeeds.
race() {
	local name=$1
	shift
	: >"$tap_faults"
	bench "$@" || complaints >>"$tap_faults"
	result "$name" "$tap_faults"
}

# Deadlocks that PostgreSQL has found in this database.
deadlocks() {
	query 'SELECT pg_stat_force_next_flush()' >/dev/null
	query 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'
}
