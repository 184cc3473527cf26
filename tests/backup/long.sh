# Sourced by tests/backup/run: the tests of the long run only.
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets work, moment

# refused NAME MESSAGE COMMAND...: checks that the command fails with the message, and that PostgreSQL still runs.
refused() {
	local name=$1 message=$2 said
	shift 2
	said=$("$@" 2>&1 </dev/null) && echo "it succeeded" >>"$work/found"
	[[ $said == *"$message"* ]] || echo "it said: $said" >>"$work/found"
	answers postgres || echo "PostgreSQL is down" >>"$work/found"
	judge "$name"
}

refused moment_before_the_first_backup_is_refused 'before the end of the first backup' env TO=2020-01-01T00:00:00Z YES=1 deploy/local/restore
refused moment_in_the_future_is_refused 'in the future' env TO=2199-01-01T00:00:00Z YES=1 deploy/local/restore
refused moment_without_an_offset_is_refused 'is not a time' env TO=2026-01-01T00:00:00 YES=1 deploy/local/restore
refused restore_without_terminal_needs_yes 'YES=1' env TO="$moment" YES='' deploy/local/restore
refused reconcile_without_since_is_refused 'SINCE is missing' env SINCE='' deploy/local/reconcile
refused unknown_timeline_is_refused 'there is no timeline' env TIMELINE=99 YES=1 deploy/local/restore
refused step_after_restore_with_running_services_is_refused 'stop the services first' deploy/local/after-restore queues

# --- a restore that is killed ---------------------------------------------------------

interrupted() {
	YES=1 TO=$moment deploy/local/restore >"$work/interrupted.log" 2>&1 &
	local pid=$!
	wait_for 120 grep -q '^==> restoring backup' "$work/interrupted.log"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	# shellcheck disable=SC2016 # wait_for evaluates it
	wait_for 60 eval '! pgrep -f "pgbackrest --config=$(readlink -f "$RUN_DIR/pgbackrest")" >/dev/null'
}
buy_until between 4 "$purchases" true
wait_for 120 settled
interrupted
{
	said=$(deploy/local/up --no-journey 2>&1) && echo "make up starts a half restored cluster"
	[[ $said == *'a restore was interrupted'* ]] || echo "make up said: ${said: -300}"
	restore second.log TO=
	wait_for 120 settled
	ignored='unknown here and keeps 0?; .*captured ([0-9]+), refunded \1$' check between
	check_holds between
} >"$work/found" 2>&1
judge interrupted_restore_can_be_run_again

# --- cluster and log are lost -----------------------------------------------------------

buy_until archived 5 "$purchases" true
wait_for 120 settled
wait_for_archive >>"$work/lacks"
destroy "$(readlink -f "$RUN_DIR/postgres")" "$(readlink -f "$PG_WAL_DIR")/pg_wal"
{
	cat "$work/lacks"
	said=$(deploy/local/down && deploy/local/up --no-journey 2>&1) && echo "make up begins with an empty cluster"
	[[ $said == *'make restore'* ]] || echo "make up said: ${said: -300}"
	restore all.log TO=
	grep -q 'The write-ahead log is lost' "$work/all.log" || echo "the restore does not say what is lost: $(head -n 5 "$work/all.log")"
	wait_for 120 settled
	ignored='unknown here and keeps 0?; .*captured ([0-9]+), refunded \1$' check archived
	check_holds archived
} >"$work/found" 2>&1
judge archived_writes_survive_the_loss_of_cluster_and_log

# --- an archive that fails ----------------------------------------------------------------

repository=$(readlink -f "$BACKUP_DIR")
line_says() {
	! deploy/local/backups --line >"$work/line" 2>&1 && grep -q "$1" "$work/line"
}
chmod 000 "$repository/archive"
sql -c "SELECT pg_switch_wal()" >/dev/null
wait_for 120 line_says 'ARCHIVING FAILS' 2>>"$work/found" || cat "$work/line" >>"$work/found"
deploy/local/status >"$work/line" 2>&1 && echo "make status does not fail" >>"$work/found"
grep -q 'ARCHIVING FAILS' "$work/line" || echo "make status: $(cat "$work/line")" >>"$work/found"
chmod 750 "$repository/archive"
wait_for 120 deploy/local/backups --line
mv "$repository" "$repository.away"
line_says 'THE BACKUPS ARE GONE' || cat "$work/line" >>"$work/found"
mv "$repository.away" "$repository"
judge archive_that_fails_is_seen
