# Sourced by restore: its steps. They share variables.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # restore sets and reads them
#
# RUN_DIR/restoring has NAME=value lines. It exists from the moment when the restore moves the old cluster aside until the stack may
# start. After an interruption, the next restore reads there where the old cluster and its log are.

POSTGRES_BIN=/usr/lib/postgresql/15/bin

# --- which backup ------------------------------------------------------------------

# Prints the timelines that lead to the wanted one, one on a line: the number, and the place in the log where it ends (empty: no end).
# Each restore begins a new timeline, so a moment alone does not determine the backup.
timelines() {
	local folder newest text
	folder=archive/$STANZA/$(pgbackrest repo-ls "archive/$STANZA" | grep -E '^[0-9]+-[0-9]+$' | sort -V | tail -n 1)
	newest=$({
		pgbackrest repo-ls "$folder"
		as_postgres ls "$WAL_DIR" "${OLD_WAL:-$WAL_DIR}" 2>/dev/null
	} | sed -n 's/^\([0-9A-F]\{8\}\)\.history$/\1/p' | sort | tail -n 1)
	[[ -z $TIMELINE ]] || newest=$(printf %08X "$TIMELINE")
	: "${newest:=00000001}"
	if [[ $newest != 00000001 ]]; then
		text=$(pgbackrest repo-get "$folder/$newest.history" 2>/dev/null ||
			as_postgres cat "$WAL_DIR/$newest.history" 2>/dev/null || as_postgres cat "$OLD_WAL/$newest.history" 2>/dev/null) ||
			die "there is no timeline $((16#$newest)) in $BACKUP_DIR"
		awk 'NF >= 2 && $1 ~ /^[0-9]+$/ { print $1, $2 }' <<<"$text"
	fi
	echo "$((16#$newest))"
}

# Sets LABEL to the newest backup that ended before the target, on a timeline that leads to the wanted one. Sets FIRST to the earliest
# moment that a restore can go to.
choose_backup() {
	local list lines
	list=$(backup_list)
	lines=$(timelines) || exit 1
	# Turns an lsn such as 0/5000110 into two numbers, so that jq can compare it.
	list=$(jq -c --arg lines "$lines" '
		def place: split("/") | map(explode | reduce .[] as $c (0; . * 16 + (if $c > 57 then $c - 55 else $c - 48 end)));
		($lines | split("\n") | map(select(. != "") | split(" ") | {key: .[0], value: (.[1] // "")}) | from_entries) as $ends |
		map((.archive.start[0:8] | explode | reduce .[] as $c (0; . * 16 + (if $c > 57 then $c - 55 else $c - 48 end)) | tostring) as $t |
			select($ends | has($t)) | select($ends[$t] == "" or (.lsn.stop | place) <= ($ends[$t] | place)))' <<<"$list")
	FIRST=$(jq '.[0].timestamp.stop // empty' <<<"$list")
	[[ -n $FIRST ]] || die "no backup in $BACKUP_DIR can be restored${TIMELINE:+ on timeline $TIMELINE}; nothing was changed"
	if [[ -n $target ]]; then
		((target <= $(date +%s))) || die "TO: $TO is in the future; nothing was changed"
		((target >= FIRST)) || die "TO: $TO is before the end of the first backup, $(utc "$FIRST"); nothing was changed"
	fi
	LABEL=$(jq -r --argjson target "${target:-9999999999}" 'map(select(.timestamp.stop <= $target))[-1].label' <<<"$list")
}

# --- before it begins ----------------------------------------------------------------

# Reads RUN_DIR/restoring, if a restore was interrupted. Sets OLD_DATA, OLD_WAL, TRANSACTION.
read_state() {
	local name value
	OLD_DATA='' OLD_WAL='' TRANSACTION=''
	[[ -r $RUN_DIR/restoring ]] || return 0
	while IFS='=' read -r name value; do
		case $name in
		OLD_DATA | OLD_WAL | TRANSACTION) printf -v "$name" '%s' "$value" ;;
		esac
	done <"$RUN_DIR/restoring"
}

write_state() { # NAME=value...
	printf '%s\n' "$@" >"$RUN_DIR/restoring.new"
	mv "$RUN_DIR/restoring.new" "$RUN_DIR/restoring"
}

# has_log FOLDER: returns true if the folder has segments of a write-ahead log.
has_log() {
	[[ -n $1 && -n $(as_postgres find "$1" -maxdepth 1 -regex '.*/[0-9A-F]+' -size +0 -print -quit 2>/dev/null) ]]
}

say_what_is_lost() {
	local newest
	read_state
	if [[ -n $target ]]; then
		echo "All that was written from $(utc "$target") until now ($((($(date +%s) - target) / 60)) minutes) will be undone: reservations, payments, points,"
		echo "administration. Card money taken since then stays at the provider until make reconcile gives it back."
	elif has_log "${OLD_WAL:-$WAL_DIR}"; then
		echo "The write-ahead log in ${OLD_WAL:-$WAL_DIR} is there: nothing that was acknowledged will be lost."
	else
		newest=$(as_postgres find "$REPOSITORY/archive" -name '0*' -type f -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)
		echo "The write-ahead log is lost. What was written after the last archived part of it is lost with it: after about"
		echo "$(utc "${newest%.*}")$( ((BACKUP_WAL_SECONDS == 0)) || echo ", at most about $BACKUP_WAL_SECONDS s before the end")."
	fi
	echo "The stack stops for this time. The restore keeps the current cluster aside."
}

confirm() {
	local answer=
	[[ $YES != 1 ]] || return 0
	[[ -t 0 ]] || die "to restore without a terminal: YES=1 make restore; nothing was changed"
	read -r -p "Type yes to restore: " answer
	[[ $answer == yes ]] || die "not restored; nothing was changed"
}

# --- the files ---------------------------------------------------------------------

# Moves the cluster and its log aside. Removes the incomplete cluster that an interrupted restore has left.
keep_old_cluster() {
	local stamp
	stamp=before-restore-$(date -u +%Y%m%dT%H%M%SZ)
	if [[ ! -e $RUN_DIR/restoring ]]; then
		wait_for_postgres_to_end
		last_transaction
		OLD_DATA=$DATA_DIR.$stamp OLD_WAL=$WAL_DIR.$stamp
		write_state "OLD_DATA=$OLD_DATA" "OLD_WAL=$OLD_WAL" "TRANSACTION=$TRANSACTION"
	else
		wait_for_postgres_to_end
	fi
	move_aside "$DATA_DIR" "$OLD_DATA"
	move_aside "$WAL_DIR" "$OLD_WAL"
	make_data_folder
	prepare_backups
	REPLACED=
	[[ ! -d $OLD_DATA ]] || REPLACED=$OLD_DATA
	[[ ! -d $OLD_WAL ]] || REPLACED="$REPLACED${REPLACED:+ }$OLD_WAL"
}

# Waits until the old PostgreSQL has ended. One from an interrupted restore ends with that restore.
wait_for_postgres_to_end() {
	local pid deadline=$((SECONDS + 60))
	pid=$(as_postgres head -n 1 "$DATA_DIR/postmaster.pid" 2>/dev/null || true)
	while [[ -n $pid && $(readlink "/proc/$pid/exe" || true) == */postgres ]]; do
		((SECONDS < deadline)) || die "PostgreSQL still runs in $DATA_DIR (pid $pid): stop it, then make restore again"
		sleep 0.2
	done
}

# move_aside FOLDER ASIDE: moves FOLDER to ASIDE. If ASIDE already exists, FOLDER is the remainder of an interrupted restore, and is
# removed.
move_aside() {
	if [[ -d $2 ]]; then
		rm -rf "$1"
	elif [[ -d $1 && -n $(ls -A "$1") ]]; then
		mv "$1" "$2"
	fi
}

# Sets TRANSACTION to the next transaction of the old cluster. It is empty if the old cluster was not shut down properly.
last_transaction() {
	local control
	TRANSACTION=
	control=$(LC_ALL=C as_postgres "$POSTGRES_BIN/pg_controldata" "$DATA_DIR" 2>/dev/null) || return 0
	grep -q '^Database cluster state: *shut down$' <<<"$control" || return 0
	TRANSACTION=$(sed -n "s/^Latest checkpoint's NextXID: *\([0-9]*\):\([0-9]*\)$/\1 \2/p" <<<"$control" |
		awk '{ printf "%.0f", $1 * 4294967296 + $2 }')
}

restore_files() {
	local options=(--set="$LABEL" --link-map=pg_wal="$WAL_DIR")
	if [[ -n $target ]]; then
		options+=(--type=time --target="$(date -u -d "@$target" '+%Y-%m-%d %H:%M:%S+00')" --target-action=promote)
	fi
	[[ -z $TIMELINE ]] || options+=(--target-timeline="$TIMELINE")
	pgbackrest "${options[@]}" restore || die "pgBackRest failed: $PGBACKREST/log; run make restore again"
	keep_surviving_log
}

# Copies the unarchived files of the old log into the new cluster's log. Recovery reads them after the archive.
keep_surviving_log() {
	local file copied=0
	[[ -d $OLD_WAL ]] || return 0
	while read -r file; do
		! as_postgres test -e "$OLD_WAL/archive_status/$file.done" || continue
		as_postgres cp --preserve=timestamps "$OLD_WAL/$file" "$WAL_DIR/$file"
		copied=$((copied + 1))
	done < <(as_postgres find "$OLD_WAL" -maxdepth 1 -regextype posix-extended -regex '.*/([0-9A-F]{24}|[0-9A-F]{8}\.history)' -printf '%f\n' | sort)
	echo "    $copied files of the surviving write-ahead log"
}

# --- recovery ------------------------------------------------------------------------

# Runs PostgreSQL for recovery only. It listens at a socket in a folder that only its own user can enter.
recover() {
	SOCKET_DIR=$(mktemp -d /tmp/concert-restore.XXXXXX)
	chmod 700 "$SOCKET_DIR"
	echo 'local all all trust' >"$SOCKET_DIR/hba.conf"
	((EUID != 0)) || chown -R postgres: "$SOCKET_DIR"
	RESTORE_LOG=$RUN_DIR/log/restore.log
	: >"$RESTORE_LOG"
	trap stop_recovery EXIT
	if ! run_recovery; then
		grep -q 'recovery ended before configured recovery target was reached' "$RESTORE_LOG" || {
			tail -n 15 "$RESTORE_LOG" >&2
			die "PostgreSQL cannot recover: $RESTORE_LOG"
		}
		echo "    nothing was written after that moment, or the log of it is lost: going to the end of the log"
		as_postgres sed -i '/^recovery_target_time\b/d; /^recovery_target_action\b/d' "$DATA_DIR/postgresql.auto.conf"
		run_recovery || {
			tail -n 15 "$RESTORE_LOG" >&2
			die "PostgreSQL cannot recover: $RESTORE_LOG"
		}
	fi
	RESTORED_TO=$(sed -n 's/.*last completed transaction was at log time \(.*\)/\1/p' "$RESTORE_LOG" | tail -n 1)
	[[ -z $RESTORED_TO ]] || RESTORED_TO=$(utc "$(date -d "$RESTORED_TO" +%s)")
	# RUN_DIR/secrets has the valid passwords, also if they are newer than the backup.
	NEW_PASSWORD=$(<"$RUN_DIR/secrets/postgres") private_sql <<-'END'
		\getenv password NEW_PASSWORD
		ALTER ROLE postgres PASSWORD :'password';
	END
	check_complete
	stop_recovery
	trap - EXIT
}

private_sql() {
	as_postgres psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 -h "$SOCKET_DIR" -p "$PG_PORT" -U postgres -d postgres "$@"
}

# Starts PostgreSQL and waits until it has recovered. Fails if it ends.
run_recovery() {
	local said=$SECONDS
	as_postgres setpriv --pdeathsig INT "$POSTGRES_BIN/postgres" -D "$DATA_DIR" -c listen_addresses= -c unix_socket_directories="$SOCKET_DIR" \
		-c hba_file="$SOCKET_DIR/hba.conf" -c hot_standby=off >>"$RESTORE_LOG" 2>&1 9>&- &
	RECOVERY_PID=$!
	until private_sql -c 'SELECT 1' >/dev/null 2>&1; do
		kill -0 "$RECOVERY_PID" 2>/dev/null || return 1
		if ((SECONDS >= said + 5)); then
			said=$SECONDS
			echo "    ${SECONDS} s: $(grep -o 'restored log file "[0-9A-F]*"\|redo starts at .*' "$RESTORE_LOG" | tail -n 1)"
		fi
		sleep 0.2
	done
}

stop_recovery() {
	! kill -0 "${RECOVERY_PID:-0}" 2>/dev/null || [[ -z ${RECOVERY_PID:-} ]] ||
		as_postgres "$POSTGRES_BIN/pg_ctl" -D "$DATA_DIR" -m fast -t 600 -s -w stop || true
	rm -rf "${SOCKET_DIR:?}"
}

# Sets LOST to no if recovery has replayed all of the surviving log and the user gave no moment.
check_complete() {
	local newest place
	LOST=unknown
	[[ -z $target ]] && has_log "$OLD_WAL" || return 0
	newest=$(as_postgres find "$OLD_WAL/archive_status" -regextype posix-extended -regex '.*/[0-9A-F]{24}\.(ready|done)' -printf '%f\n' 2>/dev/null |
		cut -c9-24 | sort | tail -n 1)
	# The end of the log as the first segment of the new timeline: 8 digits, then 8 more.
	place=$(private_sql -c "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 9)")
	if [[ -n $newest && $place < $newest ]]; then
		echo "    WARNING: the log ends at $place, but parts of it up to $newest had existed: some acknowledged writes are lost" >&2
		return 0
	fi
	LOST=no
}

# Records that the data is recovered. From now on make up can finish the restore: after-restore reads this file.
note_recovered() {
	if [[ -n $target ]]; then
		SINCE_SECONDS=$target
	elif [[ -n $RESTORED_TO ]]; then
		SINCE_SECONDS=$(date -d "$RESTORED_TO" +%s)
	else
		SINCE_SECONDS=$(jq -n --arg label "$LABEL" '$label[0:15] | strptime("%Y%m%d-%H%M%S") | mktime')
	fi
	write_state "RECOVERED=1" "OLD_DATA=$OLD_DATA" "OLD_WAL=$OLD_WAL" "TRANSACTION=$TRANSACTION" "LOST=$LOST"
}
