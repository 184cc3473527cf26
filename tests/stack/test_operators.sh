#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# What the commands say to an operator who makes a mistake, or while a part is away.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# says WANTED COMMAND...: the command fails and prints only this line.
says() {
	local wanted=$1
	shift
	said=$("$@" 2>&1) && fail "$1 does not fail"
	is "what $1 says" "$said" "$wanted"
}

test_commands_name_a_postgres_that_is_down_in_one_line() {
	local line='error: PostgreSQL does not answer: connection refused; make status shows all programs'
	"$RUN_DIR/ctl" stop postgres >/dev/null
	says "$line" deploy/local/invariants
	says "$line" deploy/local/ledger-verify
	says "$line" deploy/local/story 0197a3c2-0000-7000-8000-000000000001
	says "$line" deploy/local/migrate
	says "$line" env SINCE=2026-01-01T00:00:00Z deploy/local/reconcile
	"$RUN_DIR/ctl" start postgres >/dev/null
	wait_for 120 deploy/local/status
}

# A migration or a log level must not change a stack that another command is replacing.
test_log_level_and_migrate_wait_for_the_lock() {
	local command
	for command in "deploy/local/log-level info" deploy/local/migrate; do
		(exec 9>>"$RUN_DIR/lock" && flock 9 && exec sleep 600) &
		wait_for 60 is_locked
		# shellcheck disable=SC2086 # a command and its arguments
		$command >"$work/said" 2>&1 &
		wait_for 60 grep -q 'is at work' "$work/said"
		kill %1
		wait %1 2>/dev/null
		wait %2 || fail "$command fails: $(cat "$work/said")"
	done
	deploy/local/log-level '' >/dev/null
}

is_locked() {
	! flock -n "$RUN_DIR/lock" true
}

test_token_with_an_unknown_role_is_refused() {
	says "token: --roles: 'boss' is not a list of operator, support, gate (token --help)" deploy/local/token --roles boss
	says "token: --roles: 'operator,' is not a list of operator, support, gate (token --help)" deploy/local/token --roles operator,
	said=$(deploy/local/token --roles operator,gate) || fail "two roles are refused"
	is roles "$(jq -cR 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .roles' <<<"$said")" '["operator","gate"]'
}

test_help_prints_only_the_comment_of_the_command() {
	local command
	for command in backups down archive-gap status switchover restore rotate; do
		lacks "the help of $command" "$(deploy/local/"$command" --help)" 'set -euo'
	done
}

# With `sort | head` sort may end by SIGPIPE, and the segments would stay away from the archive.
test_archive_of_many_segments_has_its_gap_closed() {
	local k segment
	mkdir -p "$work/cluster/pg_wal/archive_status" "$work/bin"
	for ((k = 1; k <= 20000; k++)); do
		printf '00000001%016X-abc.lz4\n' "$k"
	done >"$work/archived"
	cat >"$work/bin/pgbackrest" <<-'END'
		#!/bin/sh
		case "$*" in
		*archive/concert) echo 15-1 ;;
		*archive/concert/15-1) echo 0000000100000000 ;;
		*) cat "$ARCHIVED" ;;
		esac
	END
	chmod +x "$work/bin/pgbackrest"
	touch "$work/cluster/archiving"
	segment=$(printf '00000001%016X' 20001)
	touch "$work/cluster/pg_wal/archive_status/$segment.done"
	said=$(PATH=$work/bin:$PATH ARCHIVED=$work/archived \
		deploy/local/archive-gap none concert "$work/cluster" on_role_change master postgres-1 2>&1) ||
		fail "it failed: $said"
	[[ -e $work/cluster/pg_wal/archive_status/$segment.ready ]] || fail "the segment will not be archived: $said"
}

run_tests
