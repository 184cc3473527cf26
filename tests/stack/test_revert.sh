#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# `migrations/migrate` twice at once, and `migrations/migrate revert`, in private databases of the stack's server.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Each test chooses FORCE and the terminal.
revert() {
	PGDATABASE=revert_tests migrations/migrate revert "$@"
}

revert_database() {
	use_superuser
	export SQITCH_FULLNAME=tests SQITCH_EMAIL=tests@localhost
	if [[ ! -e $work/revert_source ]]; then
		PGDATABASE=postgres sql -c "DROP DATABASE IF EXISTS revert_source WITH (FORCE)" -c "CREATE DATABASE revert_source"
		PGDATABASE=revert_source migrations/migrate >"$work/revert_source" 2>&1 || fail "$(tail -n 3 "$work/revert_source")"
		PGDATABASE=revert_source sql -c "SELECT point.charge(gen_random_uuid(), 1000, 'k', 'h', 'r')" >/dev/null
	fi
	PGDATABASE=postgres sql -c "DROP DATABASE IF EXISTS revert_tests WITH (FORCE)" \
		-c "CREATE DATABASE revert_tests TEMPLATE revert_source"
}

# there_are SCHEMA: prints how many tables the schema has.
there_are() {
	PGDATABASE=revert_tests sql -c "SELECT count(*) FROM information_schema.tables WHERE table_schema = '$1'"
}

# refused_revert COMMAND...: the command must fail and change nothing. Sets $said to its output.
refused_revert() {
	local status=0 before
	before=$(there_are point)
	said=$("$@" 2>&1) || status=$?
	[[ $status != 0 ]] || fail "not refused: $*"
	is 'the tables' "$(there_are point)" "$before"
	is 'what is applied' "$(PGDATABASE=revert_tests sql -c "SELECT count(*) FROM platform.applied WHERE schema_name = 'point'")" 1
	is 'the entries' "$(PGDATABASE=revert_tests sql -c 'SELECT count(*) FROM point.entries')" 1
}

# on_terminal ANSWER COMMAND...: runs the command with a terminal and types the answer.
on_terminal() {
	local answer=$1
	shift
	printf '%s\n' "$answer" | script -qec "$(printf '%q ' "$@")" /dev/null
}

says_that_it_waits() {
	grep -q 'another migrate works on this database' "$work/$1"
}

# A migration that makes an index CONCURRENTLY waits for every statement, also for one that waits for the migration.
test_two_migrations_at_once_both_succeed() {
	local first second killed
	use_superuser
	export SQITCH_FULLNAME=tests SQITCH_EMAIL=tests@localhost PGDATABASE=together
	PGDATABASE=postgres sql -c "DROP DATABASE IF EXISTS together WITH (FORCE)" -c "CREATE DATABASE together"
	migrations/migrate >"$work/first" 2>&1 &
	first=$!
	migrations/migrate >"$work/second" 2>&1 &
	second=$!
	wait_for 60 eval 'says_that_it_waits first || says_that_it_waits second'
	migrations/migrate >"$work/killed" 2>&1 &
	killed=$!
	wait_for 60 says_that_it_waits killed
	kill -KILL "$killed"
	wait "$first" || fail "$(tail -n 3 "$work/first")"
	wait "$second" || fail "$(tail -n 3 "$work/second")"
	is 'schemas that one of them found done' "$(cat "$work/first" "$work/second" | grep -c ': up to date')" 5
	PGDATABASE=postgres sql -c "DROP DATABASE together"
}

test_revert_without_confirmation_is_refused() {
	revert_database
	refused_revert revert point </dev/null
	has 'the message' "$said" 'drops the whole schema'
	has 'the message' "$said" 'FORCE=1 migrations/migrate revert point'
	refused_revert on_terminal point env PGDATABASE=revert_tests migrations/migrate revert point
	has 'the message' "$said" 'drops the whole schema'
	refused_revert revert point entries </dev/null
	has 'the message' "$said" 'no terminal to ask on'
	refused_revert env FORCE=yes PGDATABASE=revert_tests migrations/migrate revert point entries </dev/null
	refused_revert on_terminal y env PGDATABASE=revert_tests migrations/migrate revert point entries
	has 'the message' "$said" 'not confirmed'
	refused_revert on_terminal '' env PGDATABASE=revert_tests migrations/migrate revert point entries
}

test_revert_with_a_connected_service_is_refused() {
	local connection
	revert_database
	(PGPASSFILE=$RUN_DIR/secrets/point_service.pgpass PGPASSWORD=$(<"$RUN_DIR/secrets/point_service") PGDATABASE=revert_tests \
		PGUSER=point_service PGOPTIONS="-c statement_timeout=0" exec psql -qAt -c "SELECT pg_sleep(600)" >/dev/null 2>&1) &
	connection=$!
	# shellcheck disable=SC2016 # the inner shell's
	wait_for 60 bash -c '[[ $(psql -qAtd postgres -c "SELECT count(*) FROM pg_stat_activity
		WHERE datname = '"'revert_tests'"' AND usename = '"'point_service'"'") == 1 ]]'
	FORCE=1 refused_revert revert point </dev/null
	has 'the message' "$said" 'services are connected: point_service (1)'
	FORCE=1 refused_revert revert point entries </dev/null
	# This holds for every schema, because a service calls functions of several schemas.
	said=$(FORCE=1 revert queue 2>&1 </dev/null) && fail "queue was reverted"
	has 'the message' "$said" 'services are connected'
	kill "$connection"
	wait "$connection" 2>/dev/null
}

test_confirmed_revert_removes_the_changes() {
	revert_database
	said=$(on_terminal point env PGDATABASE=revert_tests migrations/migrate revert point entries 2>&1) || fail "$said"
	is 'the entries, which the change made' "$(PGDATABASE=revert_tests sql -c "SELECT to_regclass('point.entries') IS NOT NULL")" t
	is 'what came after' "$(PGDATABASE=revert_tests sql -c "SELECT to_regclass('point.charges') IS NULL")" t
	PGDATABASE=revert_tests migrations/migrate point >"$work/revert.log" 2>&1 || fail "$(tail -n 3 "$work/revert.log")"
	said=$(FORCE=1 revert point 2>&1 </dev/null) || fail "$said"
	is 'the tables' "$(there_are point)" 0
	PGDATABASE=postgres sql -c "DROP DATABASE revert_tests WITH (FORCE)" -c "DROP DATABASE revert_source"
}

run_tests
