# Sourced by prepare and by the commands for backups. It knows the folders of PostgreSQL's cluster, of its write-ahead log and of
# pgBackRest's repository, and runs commands in them as the user postgres.
# shellcheck shell=bash

STANZA=concert # pgBackRest's name for this cluster

# PostgreSQL refuses to run as root, so root runs it as the package's own user.
as_postgres() {
	if ((EUID == 0)); then
		(cd / && setpriv --reuid=postgres --regid=postgres --init-groups "$@")
	else
		"$@"
	fi
}

# real_folder NAME: prints the folder behind NAME. NAME may be a link, and the folder need not exist.
real_folder() {
	readlink -m "$1"
}

# Makes the cluster's folder. If the user postgres cannot reach RUN_DIR (under /root, for example), RUN_DIR/postgres is a link to a
# folder under /var/lib.
make_data_folder() {
	local outside
	[[ ! -d $RUN_DIR/postgres ]] || return 0
	if [[ -L $RUN_DIR/postgres ]]; then
		mkdir -m 700 "$(real_folder "$RUN_DIR/postgres")"
	elif as_postgres test -x "$RUN_DIR"; then
		mkdir -m 700 "$RUN_DIR/postgres"
	else
		outside=/var/lib/concert-$(sha256sum <<<"$RUN_DIR" | cut -c1-12)
		echo "    the user postgres cannot reach $RUN_DIR: the cluster is in $outside"
		rm -rf "$outside"
		mkdir -m 700 "$outside"
		ln -sfn "$outside" "$RUN_DIR/postgres"
	fi
	((EUID != 0)) || chown postgres: "$RUN_DIR/postgres/"
}

# make_postgres_folder FOLDER: makes a folder that only the user postgres can use. If that user cannot reach RUN_DIR, the folder
# there is a link to one under /var/lib. An existing folder stays, because it may hold the only remains of a cluster.
make_postgres_folder() {
	local folder=$1
	if [[ ${1%/*} == "$RUN_DIR" && ! -L $1 ]] && ! as_postgres test -x "$RUN_DIR"; then
		folder=/var/lib/concert-$(sha256sum <<<"$RUN_DIR" | cut -c1-12)-${1##*/}
		echo "    the user postgres cannot reach $RUN_DIR: its folder ${1##*/} is $folder"
		ln -sfn "$folder" "$1"
	fi
	folder=$(real_folder "$folder")
	if [[ ! -d $folder ]]; then
		mkdir -p "$folder"
		chmod 700 "$folder"
		((EUID != 0)) || chown postgres: "$folder"
	fi
	as_postgres test -w "$folder" || die "the user $(as_postgres id -un) cannot write to $1"
}

# Makes the folders of the write-ahead log and of the backups, and pgBackRest's configuration. Sets DATA_DIR, WAL_DIR, REPOSITORY.
prepare_backups() {
	make_postgres_folder "$RUN_DIR/pgbackrest"
	make_postgres_folder "$PG_WAL_DIR"
	make_postgres_folder "$BACKUP_DIR"
	find_cluster
	as_postgres mkdir -p "$WAL_DIR" "$PGBACKREST/lock" "$PGBACKREST/log" "$PGBACKREST/spool"
	as_postgres chmod 700 "$WAL_DIR"
	# shellcheck disable=SC2016 # the inner shell's
	as_postgres sh -c 'cat >"$1"' sh "$PGBACKREST/pgbackrest.conf" <<-END
		# Rendered by deploy/local/cluster.sh; changes here are lost.
		[global]
		repo1-path=$REPOSITORY
		repo1-retention-full=$BACKUP_KEEP
		compress-type=lz4
		process-max=2
		start-fast=y
		log-path=$PGBACKREST/log
		log-level-file=info
		log-level-console=warn
		lock-path=$PGBACKREST/lock
		spool-path=$PGBACKREST/spool

		[$STANZA]
		pg1-path=$DATA_DIR
		pg1-port=$PG_PORT
		pg1-user=postgres
	END
}

# Finds the cluster to back up. With HA=1 this is the primary's cluster, or the first one if no primary runs.
find_cluster() {
	CLUSTER_PORT=$PG_PORT
	if [[ $HA == 1 ]] && stack_runs; then
		CLUSTER_PORT=$( (use_superuser && PGDATABASE=postgres sql -c 'SHOW port') 2>/dev/null) || CLUSTER_PORT=$PG_PORT
	fi
	DATA_DIR=$(real_folder "$(cluster_folder $((CLUSTER_PORT - PG_PORT)))")
	WAL_DIR=$(real_folder "$PG_WAL_DIR")/pg_wal # PG_WAL_DIR itself may be the mount point of a disk
	REPOSITORY=$(real_folder "$BACKUP_DIR")
	PGBACKREST=$(real_folder "$RUN_DIR/pgbackrest")
	# Before the first backup PostgreSQL archives nothing. The file `archiving` is in the cluster, so a restored cluster archives again.
	ARCHIVE_COMMAND="test ! -e archiving || pgbackrest --config=$PGBACKREST/pgbackrest.conf --stanza=$STANZA archive-push %p"
	export ARCHIVE_COMMAND BACKUP_WAL_SECONDS
}

# Returns true if each segment in WAL_DIR can be read and is of this cluster. The first page of a segment names its cluster (xlp_sysid
# in PostgreSQL's xlog_internal.h); it is zero in a segment without records. From 2038 on an id has the highest bit, so ids are texts here.
log_is_of_this_cluster() {
	local this segment id
	this=$(LC_ALL=C as_postgres /usr/lib/postgresql/15/bin/pg_controldata "$DATA_DIR" | sed -n 's/^Database system identifier: *//p')
	[[ -n $this ]] || return 1
	while read -r segment; do
		id=$(as_postgres od -An -tu8 -j24 -N8 "$segment" | tr -d ' ')
		[[ $id == 0 || $id == "$this" ]] || return 1
	done < <(as_postgres find "$WAL_DIR" -maxdepth 1 -regextype posix-extended -regex '.*/[0-9A-F]{24}' -size +31c)
}

# Moves the write-ahead log of a stopped cluster to WAL_DIR, if the log is still in the cluster or in an earlier PG_WAL_DIR. After an
# interruption it starts again: the old folder is the log until the link points to the new one.
move_wal() {
	local old
	! as_postgres test -d "$DATA_DIR/pg_wal.old" || as_postgres test -e "$DATA_DIR/pg_wal" ||
		as_postgres mv "$DATA_DIR/pg_wal.old" "$DATA_DIR/pg_wal"
	old=$(as_postgres readlink -f "$DATA_DIR/pg_wal")
	if [[ $old == "$WAL_DIR" ]]; then
		# A restored cluster has recovery.signal, and recovery reads its log from the archive. Any other cluster needs its log here.
		as_postgres test -e "$DATA_DIR/recovery.signal" || [[ -n $(as_postgres find "$WAL_DIR" -maxdepth 1 -name '0*' -print -quit) ]] ||
			die "the write-ahead log of the cluster in $DATA_DIR is gone ($WAL_DIR is empty): make restore"
		return
	fi
	[[ ! -e $DATA_DIR/postmaster.pid ]] || die "PostgreSQL runs in $DATA_DIR: its write-ahead log cannot move to $WAL_DIR"
	log_is_of_this_cluster || die "$WAL_DIR has the write-ahead log of another cluster: set PG_WAL_DIR to a folder of its own"
	echo "    moving the write-ahead log to $WAL_DIR"
	as_postgres find "$WAL_DIR" -mindepth 1 -delete
	as_postgres cp -a "$old/." "$WAL_DIR/"
	as_postgres sync -f "$WAL_DIR"
	if as_postgres test -L "$DATA_DIR/pg_wal"; then
		as_postgres ln -sfn "$WAL_DIR" "$DATA_DIR/pg_wal"
	else
		as_postgres mv "$DATA_DIR/pg_wal" "$DATA_DIR/pg_wal.old"
		as_postgres ln -s "$WAL_DIR" "$DATA_DIR/pg_wal"
		old=$DATA_DIR/pg_wal.old
	fi
	as_postgres rm -rf "$old"
}

# Runs pgBackRest for this cluster. pgBackRest reads PostgreSQL's password from the environment.
pgbackrest() {
	PGHOST=$(host_of "postgres-$((CLUSTER_PORT - PG_PORT))") PGPORT=$CLUSTER_PORT PGTARGETSESSIONATTRS=any PGPASSWORD=$(cat "$RUN_DIR/secrets/postgres" 2>/dev/null) \
		PGBACKREST_PG1_PATH=$DATA_DIR PGBACKREST_PG1_PORT=$CLUSTER_PORT \
		as_postgres setpriv --pdeathsig TERM pgbackrest --config="$PGBACKREST/pgbackrest.conf" --stanza="$STANZA" "$@"
}

# Returns true if there ever was a backup of this cluster or of an earlier one.
has_repository() {
	as_postgres test -e "$REPOSITORY/backup/$STANZA/backup.info"
}

# Prints the backups that can be restored, oldest first, as JSON: [{label, type, start, stop, size, ...}].
backup_list() {
	pgbackrest --output=json info | jq -c '[.[0].backup // [] | .[] | select(.error | not)]'
}

bytes() {
	numfmt --to=iec --format=%.1f "$1"
}
