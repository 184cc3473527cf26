# Sourced by tests/stack/run: `migrations/migrate revert`, in a database of its own beside the stack's.
# shellcheck shell=bash disable=SC2154 # $work is the runner's

# With FORCE or a terminal as each test gives it.
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

there_are() { # there_are WHAT: tables of the schema point, say
	PGDATABASE=revert_tests sql -c "SELECT count(*) FROM information_schema.tables WHERE table_schema = '$1'"
}

# refused COMMAND...: it fails and changes nothing; $said is what it said.
refused_revert() {
	local status=0 before
	before=$(there_are point)
	said=$("$@" 2>&1) || status=$?
	[[ $status != 0 ]] || fail "not refused: $*"
	is 'the tables' "$(there_are point)" "$before"
	is 'what is applied' "$(PGDATABASE=revert_tests sql -c "SELECT count(*) FROM platform.applied WHERE schema_name = 'point'")" 1
	is 'the entries' "$(PGDATABASE=revert_tests sql -c 'SELECT count(*) FROM point.entries')" 1
}

# on_terminal ANSWER COMMAND...: the command has a terminal, on which the answer is typed.
on_terminal() {
	local answer=$1
	shift
	printf '%s\n' "$answer" | script -qec "$(printf '%q ' "$@")" /dev/null
}

test_revert_asks_first() {
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

test_revert_refuses_while_a_service_is_connected() {
	local connection
	revert_database
	(PGPASSFILE=$RUN_DIR/secrets/point_service.pgpass PGPASSWORD=$(<"$RUN_DIR/secrets/point_service") PGDATABASE=revert_tests \
		PGUSER=point_service exec psql -qAt -c "SELECT pg_sleep(60)" >/dev/null 2>&1) &
	connection=$!
	# shellcheck disable=SC2016 # the inner shell's
	wait_for 20 bash -c '[[ $(psql -qAtd postgres -c "SELECT count(*) FROM pg_stat_activity
		WHERE datname = '"'revert_tests'"' AND usename = '"'point_service'"'") == 1 ]]'
	FORCE=1 refused_revert revert point </dev/null
	has 'the message' "$said" 'services are connected: point_service (1)'
	FORCE=1 refused_revert revert point entries </dev/null
	# Whichever schema: a service calls functions of several.
	said=$(FORCE=1 revert queue 2>&1 </dev/null) && fail "queue was reverted"
	has 'the message' "$said" 'services are connected'
	kill "$connection"
	wait "$connection" 2>/dev/null
}

test_confirmed_revert_is_done() {
	revert_database
	said=$(on_terminal point env PGDATABASE=revert_tests migrations/migrate revert point entries 2>&1) || fail "$said"
	is 'the entries, which the change made' "$(PGDATABASE=revert_tests sql -c "SELECT to_regclass('point.entries') IS NOT NULL")" t
	is 'what came after' "$(PGDATABASE=revert_tests sql -c "SELECT to_regclass('point.charges') IS NULL")" t
	PGDATABASE=revert_tests migrations/migrate point >"$work/revert.log" 2>&1 || fail "$(tail -n 3 "$work/revert.log")"
	said=$(FORCE=1 revert point 2>&1 </dev/null) || fail "$said"
	is 'the tables' "$(there_are point)" 0
	PGDATABASE=postgres sql -c "DROP DATABASE revert_tests WITH (FORCE)" -c "DROP DATABASE revert_source"
}
