# Sourced by settings.sh: what HA=1 adds to the local stack. docs/availability.md has the whole picture.
# shellcheck shell=bash disable=SC2016 # other shells' and envsubst's variables
#
#	etcd-0..2		agree on which PostgreSQL is the primary
#	postgres-0..2		Patroni, each with its PostgreSQL: a primary and two standbys, one of them synchronous
#	redis-0..5		a Redis Cluster of three masters and their replicas
#	gateway, gateway-1	a client may use either
#
# Each stands for a machine of its own. Here all of them are at 127.0.0.1. With HA_MACHINES there are three machines, each a network
# namespace with an address, in which an etcd, a PostgreSQL and two Redis run.

# Where the ports of each kind begin, from HA_PORT on.
# shellcheck disable=SC2034 # prepare uses them too
HA_GATEWAY=0 HA_ETCD=3 HA_ETCD_PEER=6 HA_PATRONI=9 HA_REDIS_BUS=12 HA_ETCD_METRICS=18 HA_EXPORTERS=21 HA_PORTS=25

# Prints "PORT SETTING" for each port of the programs that replace or join those of HA=0.
ha_ports() {
	local k
	for k in 0 1 2; do
		echo "$((PG_PORT + k)) PG_PORT$( ((k == 0)) || echo " + $k")"
	done
	for ((k = 0; k < 6; k++)); do
		echo "$((REDIS_PORT + k)) REDIS_PORT$( ((k == 0)) || echo " + $k")"
	done
	for ((k = HA_GATEWAY; k < HA_PORTS; k++)); do
		echo "$((HA_PORT + k)) HA_PORT + $k"
	done
}

# Stops if HA=1 does not go together with another setting.
check_ha_settings() {
	[[ -z $REDIS_VIA_PORT ]] || bad_setting REDIS_VIA_PORT "empty (with HA=1 the services know all Redis nodes)"
	[[ -z $PG_VIA_PORT ]] || bad_setting PG_VIA_PORT "empty (with HA=1 the services know all PostgreSQL servers)"
	[[ $HA_MACHINES =~ ^(([0-9]{1,3}\.){3}[0-9]{1,3}@[A-Za-z0-9_-]+( |$)){3}$ || -z $HA_MACHINES ]] ||
		bad_setting HA_MACHINES "three words ADDRESS@NAMESPACE"
	[[ -z $HA_MACHINES || $MONITORING == 0 ]] || bad_setting HA_MACHINES "empty (with MONITORING=1)"
	[[ -z $HA_MACHINES ]] || ((EUID == 0)) || bad_setting HA_MACHINES "empty (only root can enter a network namespace)"
}

# machine_of PROGRAM: prints the number of its machine. A Redis master and its replica are on two.
machine_of() {
	case $1 in
	redis-[345]) echo $(((${1#*-} + 1) % 3)) ;;
	*) echo "${1##*-}" ;;
	esac
}

# host_of PROGRAM: prints its address.
host_of() {
	local machines=()
	[[ $HA == 0 ]] || read -ra machines <<<"$HA_MACHINES"
	((${#machines[@]} > 0)) || machines=(127.0.0.1 127.0.0.1 127.0.0.1)
	echo "${machines[$(machine_of "$1")]%@*}"
}

# ha_address PROGRAM: prints its address and port.
ha_address() {
	local k=${1##*-}
	case $1 in
	etcd-*) k=$((HA_PORT + HA_ETCD + k)) ;;
	postgres-*) k=$((PG_PORT + k)) ;;
	redis-*) k=$((REDIS_PORT + k)) ;;
	esac
	echo "$(host_of "$1"):$k"
}

# hosts_of KIND: prints the addresses of KIND-0 to KIND-2, with commas.
hosts_of() {
	echo "$(host_of "$1-0"),$(host_of "$1-1"),$(host_of "$1-2")"
}

# ha_program NAME USER PRIORITY STOPWAIT COMMAND: prints supervisor's part for this program. It runs on its machine.
ha_program() {
	local machines enter=""
	read -ra machines <<<"$HA_MACHINES"
	if ((${#machines[@]} > 0)); then
		# Only root can enter the namespace, so the user changes behind that.
		enter="ip netns exec ${machines[$(machine_of "$1")]#*@} setpriv --reuid=$2 --regid=$(id -gn "$2") --init-groups "
	fi
	program "$1" "$3" TERM "$4" "$enter$5"
	((EUID != 0 || ${#machines[@]} > 0)) || echo "user=$2"
}

# Prints the value, with the number before its suffix: access.log, access-1.log.
numbered() {
	[[ $1 == *.log ]] && echo "${1%.log}-$2.log" || echo "$1"
}

# gateways: prints the programs that are gateways.
gateways() {
	echo gateway
	[[ $HA == 0 ]] || echo gateway-1
}

# Prints the exporters of the machines that only HA=1 has, and their ports.
ha_exporters() {
	echo "gateway-exporter-1 $((HA_PORT + HA_EXPORTERS))"
	echo "nginx-exporter-1 $((HA_PORT + HA_EXPORTERS + 1))"
	echo "postgres-exporter-1 $((HA_PORT + HA_EXPORTERS + 2))"
	echo "postgres-exporter-2 $((HA_PORT + HA_EXPORTERS + 3))"
}

# use_gateway PROGRAM: takes the settings of this gateway. nginx/render and nginx itself read them.
use_gateway() {
	[[ $1 != gateway ]] || return 0
	export GATEWAY_DIR=$RUN_DIR/$1
	export GATEWAY_HTTPS_PORT=$((HA_PORT + HA_GATEWAY)) GATEWAY_HTTP_PORT=$((HA_PORT + HA_GATEWAY + 1))
	[[ -z $GATEWAY_STATUS_PORT ]] || export GATEWAY_STATUS_PORT=$((HA_PORT + HA_GATEWAY + 2))
	GATEWAY_ACCESS_LOG=$(numbered "$GATEWAY_ACCESS_LOG" "${1#gateway-}")
	GATEWAY_ERROR_LOG=$(numbered "$GATEWAY_ERROR_LOG" "${1#gateway-}")
	GATEWAY_CONNECTION_LOG=$(numbered "$GATEWAY_CONNECTION_LOG" "${1#gateway-}")
	export GATEWAY_ACCESS_LOG GATEWAY_ERROR_LOG GATEWAY_CONNECTION_LOG
}

# The folder of PostgreSQL K's cluster. That of the first one is the same as with HA=0.
cluster_folder() {
	echo "$RUN_DIR/postgres$( (($1 == 0)) || echo "-$1")"
}

# etcd_call PATH [OPTION of curl...]: asks the first etcd that answers. Only the certificate of this stack is let in.
etcd_call() {
	local k
	for k in 0 1 2; do
		! curl -fsS -m 3 --cacert "$RUN_DIR/tls/etcd.pem" --cert "$RUN_DIR/tls/etcd.pem" --key "$RUN_DIR/tls/etcd.key" "${@:2}" \
			"https://$(ha_address "etcd-$k")$1" || return 0
	done
	return 1
}

# patroni_call K PATH [OPTION of curl...]: asks the Patroni of PostgreSQL K. Its password goes through a file descriptor, because
# every user can read a command line.
patroni_call() {
	curl -sS --fail-with-body -m 3 -K - "${@:3}" "http://$(host_of "postgres-$1"):$((HA_PORT + HA_PATRONI + $1))$2" \
		<<<"user = \"patroni:$(<"$RUN_DIR/secrets/patroni")\""
}

# Prints the members as Patroni sees them, a line each: name, role (leader, sync_standby, replica), state, timeline, bytes behind.
# Fails if no Patroni answers.
patroni_members() {
	local k said
	for k in 0 1 2; do
		if said=$(patroni_call "$k" /cluster 2>/dev/null); then
			jq -r '.members[] | [.name, .role, .state, (.timeline // "-"), (.lag // "-")] | map(tostring) | join(" ")' <<<"$said"
			return
		fi
	done
	return 1
}

# members_with ROLE: prints the names of the members with this role.
members_with() {
	patroni_members | awk -v role="$1" '$2 == role { print $1 }'
}

# redis_nodes: prints the addresses of the Redis Cluster, for the services.
redis_nodes() {
	local k
	for ((k = 0; k < 6; k++)); do
		printf '%s%s' "$( ((k == 0)) || echo ' ')" "$(ha_address "redis-$k")"
	done
}

# redis_masters: prints the port of each master. With HA=0 that is the only Redis.
redis_masters() {
	if [[ $HA == 0 ]]; then
		echo "$REDIS_PORT"
	else
		redis CLUSTER NODES | awk '$3 ~ /master/ && $3 !~ /fail/ && NF > 8 { split($2, address, /[:@]/); print address[2] }'
	fi
}

# ha_role_of PROGRAM: prints what a PostgreSQL or Redis is now and how far it is behind, or nothing.
ha_role_of() {
	local said
	if [[ $1 == redis-[0-5] ]]; then
		said=$(REDIS_CLI_SECONDS=2 redis_at $((REDIS_PORT + ${1#*-})) INFO replication 2>/dev/null) || return 0
		tr -d '\r' <<<"$said" | awk -F: -v first="$REDIS_PORT" '{ is[$1] = $2 }
			END { if (is["role"] == "master") printf "master, %d replicas\n", is["connected_slaves"]
				else printf "replica of redis-%d, %d bytes behind at most\n", is["master_port"] - first,
					is["slave_read_repl_offset"] - is["slave_repl_offset"] }'
	fi
	[[ $1 == postgres-[0-9] ]] || return 0
	patroni_call "${1#postgres-}" /cluster 2>/dev/null | jq -r --arg name "$1" '.members[] | select(.name == $name) |
		({leader: "primary", sync_standby: "synchronous standby", replica: "standby"}[.role] // .role) +
		(if .role == "leader" then ", timeline \(.timeline)" else ", \(.lag) bytes behind" end)'
}

# --- preparing ---------------------------------------------------------------------

# RUN_DIR/ha is there while the newest cluster is one of Patroni's three. It holds HA_PORT and HA_MACHINES, because etcd keeps its
# addresses.
note_ha() {
	printf '%s\n' "$HA_PORT" "$HA_MACHINES" >"$RUN_DIR/ha.new"
	mv "$RUN_DIR/ha.new" "$RUN_DIR/ha"
}

# rank_of K: prints "TIMELINE PRIMARY K" of a stopped cluster, so that the newest one sorts last. PRIMARY is 1 if it was the primary at its
# end. Prints nothing if there is no cluster.
rank_of() {
	local folder control timeline primary=0
	folder=$(real_folder "$(cluster_folder "$1")")
	control=$(LC_ALL=C as_postgres /usr/lib/postgresql/15/bin/pg_controldata "$folder" 2>/dev/null) || return 0
	[[ ! $control =~ 'cluster state:'\ +('in production'|'shut down'$'\n') ]] || primary=1
	# A standby's control file may be older than the timeline that it follows.
	timeline=$(as_postgres ls "$folder/pg_wal/" | sed -n 's/^\([0-9A-F]\{8\}\)[0-9A-F]\{16\}$/\1/p' | sort | tail -n 1)
	echo "${timeline:-00000000} $primary $1"
}

# take_newest_cluster: the newest one of the three stopped clusters becomes that in RUN_DIR/postgres, the others are of no use. Sets
# WAS_PRIMARY to 1 if it was the primary at its end.
take_newest_cluster() {
	local newest folder
	read -r _ WAS_PRIMARY newest < <(for newest in 0 1 2; do rank_of "$newest"; done | sort | tail -n 1) || return 0
	((newest != 0)) || return 0
	folder=$(real_folder "$(cluster_folder "$newest")")
	echo "    the newest cluster is that of postgres-$newest: it becomes $RUN_DIR/postgres"
	rm -rf "$DATA_DIR"
	mv "$folder" "$DATA_DIR"
	move_wal
}

# For HA=0. The only Redis and the cluster have no common data: what is left of an earlier time would be wrong.
leave_redis_cluster() {
	[[ -e $RUN_DIR/redis-cluster ]] || return 0
	empty_folder "$RUN_DIR/redis"
	rm -f "$RUN_DIR/redis-cluster"
}

# For HA=1. RUN_DIR/redis-cluster is there while the newest data of Redis are those of the cluster. It holds REDIS_PORT, because the nodes keep
# their ports.
enter_redis_cluster() {
	local k
	if [[ -e $RUN_DIR/redis-cluster ]]; then
		[[ $(<"$RUN_DIR/redis-cluster") == "$REDIS_PORT" ]] ||
			bad_setting REDIS_PORT "$(<"$RUN_DIR/redis-cluster"), with which this stack's Redis Cluster was made"
	else
		for ((k = 0; k < 6; k++)); do
			empty_folder "$RUN_DIR/redis-$k"
		done
	fi
}

# What a node of the cluster has beside redis.conf (docs/queue.md#redis-cluster).
redis_node_settings() {
	cat <<-END
		cluster-enabled yes
		cluster-port $((HA_PORT + HA_REDIS_BUS + $1))
		cluster-announce-ip $(host_of "redis-$1")
		cluster-node-timeout 2000
		cluster-require-full-coverage no
		repl-diskless-sync-delay 0
		masteruser replica
		masterauth $(<"$RUN_DIR/secrets/redis_replica")
	END
}

# For HA=0.
leave_ha() {
	[[ -e $RUN_DIR/ha ]] || return 0
	find_cluster
	WAS_PRIMARY=0
	take_newest_cluster
	[[ $WAS_PRIMARY == 1 ]] || die "HA=0 needs a primary's cluster, and the newest one is a standby's: HA=1 make up, then HA=0 make up"
	rm -f "$RUN_DIR/ha"
}

# For HA=1. Where the newest cluster is that of HA=0, the standbys and etcd of an earlier HA=1 are of no use.
enter_ha() {
	local k noted
	if [[ -e $RUN_DIR/ha ]]; then
		mapfile -t noted <"$RUN_DIR/ha"
		[[ ${noted[0]} == "$HA_PORT" ]] || bad_setting HA_PORT "${noted[0]}, with which this stack's etcd was made"
		[[ ${noted[1]:-} == "$HA_MACHINES" ]] || bad_setting HA_MACHINES "'${noted[1]:-}', with which this stack's etcd was made"
	else
		for k in 0 1 2; do
			empty_folder "$RUN_DIR/etcd-$k"
			((k == 0)) || empty_folder "$RUN_DIR/postgres-$k"
		done
	fi
}

empty_folder() {
	[[ ! -d $1/ ]] || find "$(readlink -f "$1")" -mindepth 1 -delete
}

# Folders, keys and configuration of etcd and Patroni.
prepare_ha() {
	local k folder
	for k in 0 1 2; do
		own_folder "etcd-$k" etcd
		folder=$(readlink -f "$RUN_DIR/etcd-$k")
		own_copy etcd "$RUN_DIR/tls/etcd.pem" "$folder/cert.pem"
		own_copy etcd "$RUN_DIR/tls/etcd.key" "$folder/key.pem"
	done
	own_folder patroni postgres
	folder=$(readlink -f "$RUN_DIR/patroni")
	own_copy postgres "$RUN_DIR/tls/etcd.pem" "$folder/etcd.pem"
	own_copy postgres "$RUN_DIR/tls/etcd.key" "$folder/etcd.key"
	own_copy postgres "$LOCAL/archive-gap" "$folder/archive-gap" 500
	for k in 0 1 2; do
		render_patroni "$k" | as_postgres sh -c 'umask 077 && cat >"$1"' sh "$folder/postgres-$k.yml"
		render_postgresql_conf "$k" | as_postgres sh -c 'umask 077 && cat >"$1"' sh "$folder/postgresql-$k.conf"
	done
}

# own_copy USER FILE COPY [MODE]: a copy of the file for this user alone.
own_copy() {
	if ((EUID == 0)); then
		install -m "${4:-400}" -o "$1" -g "$(id -g "$1")" "$2" "$3"
	else
		install -m "${4:-400}" "$2" "$3"
	fi
}

render_patroni() {
	local k=$1 folder data api
	api=$(host_of "postgres-$k"):$((HA_PORT + HA_PATRONI + k))
	folder=$(readlink -f "$RUN_DIR/patroni")
	data=$(readlink -f "$(cluster_folder "$k")")
	cat <<-END
		# Rendered by deploy/local/ha.sh; changes here are lost. What all members share is in etcd (put_patroni_settings).
		scope: concert
		name: postgres-$k
		restapi:
		  listen: $api
		  connect_address: $api
		  authentication:
		    username: patroni
		    password: '$(<"$RUN_DIR/secrets/patroni")'
		# Not etcd3: Patroni 3.0.2 then takes the leader key back after a freeze, and acknowledged writes are lost.
		etcd:
		  hosts: $(ha_address etcd-0),$(ha_address etcd-1),$(ha_address etcd-2)
		  protocol: https
		  cacert: $folder/etcd.pem
		  cert: $folder/etcd.pem
		  key: $folder/etcd.key
		postgresql:
		  listen: $(ha_address "postgres-$k")
		  connect_address: $(ha_address "postgres-$k")
$([[ -z $HA_MACHINES ]] || printf '  pg_hba:\n    - host all all samenet scram-sha-256\n    - host replication all samenet scram-sha-256')
		  data_dir: $data
		  bin_dir: /usr/lib/postgresql/15/bin
		  pgpass: $folder/pgpass-$k
		  custom_conf: $folder/postgresql-$k.conf
		  use_unix_socket: false
		  authentication:
		    superuser:
		      username: postgres
		      password: '$(<"$RUN_DIR/secrets/postgres")'
		    replication:
		      username: replicator
		      password: '$(<"$RUN_DIR/secrets/replicator")'
		  basebackup:
		    - checkpoint: fast
		$( ((k > 0)) || echo "    - waldir: $WAL_DIR")
		  recovery_conf:
		    restore_command: 'test -e archiving && pgbackrest --config=$PGBACKREST/pgbackrest.conf --stanza=$STANZA --pg1-path=$data archive-get %f "%p"'
		  # What such a member has and the primary has not was never acknowledged, so it may be copied anew.
		  remove_data_directory_on_rewind_failure: true
		  remove_data_directory_on_diverged_timelines: true
		  callbacks:
		    on_role_change: $folder/archive-gap $PGBACKREST/pgbackrest.conf $STANZA $data
	END
}

render_postgresql_conf() {
	local data
	data=$(readlink -f "$(cluster_folder "$1")")
	PG_PORT=$((PG_PORT + $1)) \
		ARCHIVE_COMMAND="test ! -e archiving || pgbackrest --config=$PGBACKREST/pgbackrest.conf --stanza=$STANZA --pg1-path=$data archive-push %p" \
		envsubst '$PG_PORT $PG_MAX_CONNECTIONS $ARCHIVE_COMMAND $BACKUP_WAL_SECONDS' <"$LOCAL/postgresql.conf"
}

# --- starting and stopping ---------------------------------------------------------

# What all members of the cluster share. docs/availability.md says why each value is as it is.
patroni_settings() {
	jq -n --argjson connections "$(pg_max_connections)" '{
		ttl: 10, loop_wait: 1, retry_timeout: 3, primary_start_timeout: 0, failsafe_mode: true,
		synchronous_mode: true, synchronous_node_count: 1, maximum_lag_on_failover: 1073741824,
		postgresql: {use_pg_rewind: true, use_slots: false, parameters: {
			max_connections: $connections, wal_sender_timeout: "2s", wal_keep_size: "512MB"}}}'
}

put_patroni_settings() {
	etcd_call /v2/keys/service/concert/config -o /dev/null -X PUT --data-urlencode "value=$(patroni_settings)"
}

# The role with which standbys copy the primary. Its password goes through standard input.
make_replicator() {
	PGDATABASE=postgres sql <<-SQL
		SET log_statement = 'none';
		SET log_min_duration_statement = -1;
		DO \$\$
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'replicator') THEN
				CREATE ROLE replicator;
			END IF;
		END
		\$\$;
		ALTER ROLE replicator LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '$(<"$RUN_DIR/secrets/replicator")';
	SQL
}

# start_programs NAME...: at the same time.
start_programs() {
	local name
	for name in "$@"; do
		supervisor start "$name" >/dev/null 2>&1 &
	done
	wait
}

# A cluster that Patroni does not know yet, new or of HA=0, is that of postgres-0; the others copy it.
start_ha_stores() {
	start_programs etcd-{0..2}
	wait_until_ready etcd-{0..2}
	put_patroni_settings || die "etcd does not take Patroni's settings: make logs P=etcd-0"
	if [[ ! -e $RUN_DIR/ha ]]; then
		start_programs postgres-0
		wait_until_ready postgres
		use_superuser
		make_replicator
	fi
	note_ha
	start_programs postgres-{0..2} redis-{0..5}
	wait_until_ready postgres
	(use_superuser && make_replicator)
	make_redis_cluster
	wait_until_ready postgres-{0..2} redis-{0..5}
	wait_until_synchronous
}

# The nodes 0 to 2 are masters with a third of the slots each, the others their replicas. A cluster that is there stays as it is.
make_redis_cluster() {
	local k id
	[[ ! -e $RUN_DIR/redis-cluster ]] || return 0
	for ((k = 0; k < 6; k++)); do
		redis_says "$k" PONG PING
	done
	for k in 0 1 2; do
		redis_at $((REDIS_PORT + k)) CLUSTER ADDSLOTSRANGE $((k * 5462)) $((k == 2 ? 16383 : k * 5462 + 5461)) >/dev/null
		redis_at $((REDIS_PORT + k)) CLUSTER SET-CONFIG-EPOCH $((k + 1)) >/dev/null
	done
	for ((k = 1; k < 6; k++)); do
		redis_at $((REDIS_PORT + k)) CLUSTER MEET "$(host_of redis-0)" "$REDIS_PORT" $((HA_PORT + HA_REDIS_BUS)) >/dev/null
	done
	for ((k = 0; k < 6; k++)); do
		redis_says "$k" cluster_known_nodes:6 CLUSTER INFO
	done
	for k in 0 1 2; do
		id=$(redis_at $((REDIS_PORT + k)) CLUSTER MYID)
		redis_says $((k + 3)) "$id" CLUSTER NODES
		redis_at $((REDIS_PORT + k + 3)) CLUSTER REPLICATE "$id" >/dev/null
	done
	for ((k = 0; k < 6; k++)); do
		redis_says "$k" cluster_slots_ok:16384 CLUSTER INFO
	done
	echo "$REDIS_PORT" >"$RUN_DIR/redis-cluster"
}

# redis_says NODE TEXT COMMAND...: waits until the answer of the node has this text.
redis_says() {
	local node=$1 text=$2 deadline=$((SECONDS + UP_TIMEOUT_SECONDS)) said=""
	shift 2
	until said=$(redis_at $((REDIS_PORT + node)) "$@" 2>&1) && [[ $said == *"$text"* ]]; do
		((SECONDS < deadline)) || die "redis-$node does not say $text after $UP_TIMEOUT_SECONDS s: ${said//$'\n'/ }"
		sleep 0.1
	done
}

# With a synchronous standby, the death of the primary loses nothing.
wait_until_synchronous() {
	local deadline=$((SECONDS + UP_TIMEOUT_SECONDS))
	until [[ -n $(members_with sync_standby) ]]; do
		((SECONDS < deadline)) || die "there is no synchronous standby after $UP_TIMEOUT_SECONDS s: make logs P=postgres-0"
		sleep 0.2
	done
	echo "    primary $(members_with leader), synchronous standby $(members_with sync_standby)"
}

# switch_over [NAME]: makes this standby, or the synchronous one, the primary. Returns 1 and sets WHY if it cannot.
switch_over() {
	local to=${1:-} from sync said
	from=$(members_with leader) || true
	[[ -n $from ]] || {
		WHY="there is no primary: make status"
		return 1
	}
	sync=$(members_with sync_standby)
	: "${to:=$sync}"
	[[ $to =~ ^postgres-[012]$ ]] || {
		WHY="there is no standby that could take over: make status"
		return 1
	}
	[[ $to != "$from" ]] || {
		echo "$to is the primary already: nothing was changed"
		return 0
	}
	if [[ $to != "$sync" ]]; then
		# Patroni switches only to a synchronous standby, so for a moment both are.
		echo "    $to becomes a synchronous standby"
		change_patroni_settings '{"synchronous_node_count": 2}' || return 1
		if ! wait_for_role "$to" sync_standby; then
			change_patroni_settings '{"synchronous_node_count": 1}' || true
			WHY="$to does not become synchronous: make status"
			return 1
		fi
	fi
	said=$(patroni_call "${from#postgres-}" /switchover -m 60 -H 'Content-Type: application/json' \
		-d "{\"leader\":\"$from\",\"candidate\":\"$to\"}" 2>&1) || WHY="Patroni refuses: ${said//$'\n'/ }"
	[[ $to == "$sync" ]] || change_patroni_settings '{"synchronous_node_count": 1}' || true
	[[ -z $WHY ]] && wait_for_role "$to" leader
}

change_patroni_settings() {
	local k
	for k in 0 1 2; do
		! patroni_call "$k" /config -o /dev/null -X PATCH -H 'Content-Type: application/json' -d "$1" 2>/dev/null || return 0
	done
	WHY="no Patroni takes changed settings: make status"
	return 1
}

# wait_for_role NAME ROLE: fails at the deadline, and sets WHY.
wait_for_role() {
	local deadline=$((SECONDS + UP_TIMEOUT_SECONDS))
	until members_with "$2" 2>/dev/null | grep -qx "$1"; do
		((SECONDS < deadline)) || {
			WHY="after $UP_TIMEOUT_SECONDS s $1 is not $2: make status"
			return 1
		}
		sleep 0.2
	done
}
