# Sourced by the commands here: talks to supervisor, and asks each program whether it is ready.
# shellcheck shell=bash

PATH=$PATH:/usr/sbin:/usr/lib/postgresql/15/bin
SERVICES=(queue reservation payment point)

# A program that sends nothing for this time does not answer.
: "${ANSWER_SECONDS:=3}"

supervisor() {
	supervisorctl -c "$RUN_DIR/supervisord.conf" "$@"
}

# supervisor_call METHOD VALUE...: prints supervisor's answer. supervisorctl takes too long to start for what must happen now.
supervisor_call() {
	local method=$1 values=""
	shift
	(($# == 0)) || printf -v values '<param><value>%s</value></param>' "$@"
	curl -fsS -m 5 --unix-socket "$RUN_DIR/socket/supervisor.sock" http://localhost/RPC2 -H 'Content-Type: text/xml' \
		-d "<methodCall><methodName>supervisor.$method</methodName><params>$values</params></methodCall>"
}

# states: prints "PROGRAM STATE DESCRIPTION" for each program. It asks supervisord directly, because supervisorctl starts slowly on a
# busy machine. Fails if supervisord does not answer. Prints nothing while it stops.
states() {
	local body
	body=$(curl -sS -m "$ANSWER_SECONDS" --unix-socket "$RUN_DIR/socket/supervisor.sock" -H 'Content-Type: text/xml' \
		-d '<methodCall><methodName>supervisor.getAllProcessInfo</methodName></methodCall>' http://localhost/RPC2) || return 1
	awk -F '[<>]' '$2 == "name" { field = $3 }
		$2 == "value" && $4 == "string" { value[field] = $5 }
		$2 == "/struct" && "name" in value { print value["name"], value["statename"], value["description"] }' <<<"$body"
}

# pid_of PROGRAM: prints its pid, or nothing if it does not run.
pid_of() {
	states | awk -v name="$1" '$1 == name && $2 == "RUNNING" { print $4 + 0 }'
}

# Returns true if this stack's supervisord runs.
stack_runs() {
	[[ -S $RUN_DIR/socket/supervisor.sock ]] && timeout 60 supervisorctl -c "$RUN_DIR/supervisord.conf" pid >/dev/null 2>&1
}

# Only one command at a time may change a stack. The lock ends with the process. So the programs that it starts must not inherit the
# lock (9>&-). A command that another command calls uses the lock of its caller.
lock_stack() {
	mkdir -p "$RUN_DIR"
	[[ ! /proc/self/fd/9 -ef $RUN_DIR/lock ]] || return 0
	exec 9>>"$RUN_DIR/lock"
	if ! flock -n 9; then
		echo "another command that changes the stack (make up, down, deploy, ...) is at work in $RUN_DIR (pid $(<"$RUN_DIR/lock")); waiting for it"
		flock -w 300 9 || die "it has not finished in 300 s"
	fi
	echo $$ >"$RUN_DIR/lock"
}

# Prints the programs of the stores. With HA=1, "postgres" names the current primary in the other functions, and "redis" the cluster.
stores() {
	if [[ $HA == 0 ]]; then
		printf '%s\n' postgres redis
	else
		printf '%s\n' etcd-{0..2} postgres-{0..2} redis-{0..5}
	fi
}

# Prints all programs, in the order in which they start.
programs() {
	local service k
	stores
	! has_simulator || echo toss
	for service in "${SERVICES[@]}"; do
		for ((k = 0; k < $(instances_of "$service"); k++)); do
			echo "$service-$k"
		done
	done
	gateways
	[[ $MONITORING == 0 ]] || monitoring_ports | cut -d' ' -f1
}

# running_gateways: prints the gateways that run.
running_gateways() {
	local running
	running=$(states | awk '$2 == "RUNNING" { print $1 }') || return 0
	gateways | grep -xFf <(echo "$running") || true
}

# Prints the programs of MONITORING=1 and their ports, one on a line. All of them answer /metrics. deploy/local/prepare starts them.
monitoring_ports() {
	echo "gateway-exporter $GATEWAY_METRICS_PORT"
	echo "nginx-exporter $NGINX_METRICS_PORT"
	echo "postgres-exporter $POSTGRES_METRICS_PORT"
	echo "redis-exporter $REDIS_METRICS_PORT"
	echo "node-exporter $NODE_METRICS_PORT"
	echo "probe-exporter $PROBE_METRICS_PORT"
	echo "prometheus $PROMETHEUS_PORT"
	[[ $HA == 0 ]] || ha_exporters
}

address_of() {
	local base
	case $1 in
	postgres) echo "127.0.0.1:$PG_PORT$([[ $HA == 0 ]] || echo "-$((PG_PORT + 2))")" ;;
	postgres-[0-9] | etcd-* | redis-[0-5]) ha_address "$1" ;;
	redis) echo "$REDIS_HOST:$REDIS_PORT$([[ $HA == 0 ]] || echo "-$((REDIS_PORT + 5))")" ;;
	toss) echo "127.0.0.1:$TOSS_PORT" ;;
	gateway | gateway-[0-9]) (use_gateway "$1" && echo "localhost:$GATEWAY_HTTPS_PORT") ;;
	*-exporter | *-exporter-[0-9] | prometheus) echo "127.0.0.1:$(monitoring_ports | sed -n "s/^$1 //p")" ;;
	*)
		base=${1%-*}
		base=${base^^}_PORT
		echo "127.0.0.1:$((${!base} + ${1##*-}))"
		;;
	esac
}

# redis_at PORT: runs redis-cli as the operators' user. The password goes through the environment, because every user can read a command
# line.
redis_at() {
	REDISCLI_AUTH=$(<"$RUN_DIR/secrets/redis_operator") timeout "${REDIS_CLI_SECONDS:-600}" \
		redis-cli --no-auth-warning --user operator -h "$(redis_host "$1")" -p "$@"
}

# redis_host PORT: prints the address of the Redis with this port.
redis_host() {
	if [[ $HA == 1 ]]; then host_of "redis-$(($1 - REDIS_PORT))"; else echo "$REDIS_HOST"; fi
}

# The same on the only Redis, or on the node of the cluster that has the command's key.
redis() {
	local port
	if [[ $HA == 0 ]]; then
		redis_at "$REDIS_PORT" "$@"
	else
		port=$(redis_port) && redis_at "$port" -c "$@"
	fi
}

# redis_port: prints the port of the first node of the Redis Cluster that answers.
redis_port() {
	local k
	for ((k = 0; k < 6; k++)); do
		[[ $(REDIS_CLI_SECONDS=2 redis_at $((REDIS_PORT + k)) PING 2>/dev/null) == PONG ]] || continue
		echo $((REDIS_PORT + k))
		return
	done
	echo "no node of the Redis Cluster answers" >&2
	return 1
}

# Returns true if the program does its work now. A running process is not enough.
answers() {
	[[ $(answer_of "$1") == ready ]]
}

# answer_of PROGRAM: prints "ready", or the fault: "not ready: Redis is down", "does not answer: connection refused".
answer_of() {
	case $1 in
	postgres) (use_superuser && postgres_answer) ;;
	postgres-[0-9]) (use_superuser && PGPORT=$((PG_PORT + ${1#*-})) PGHOST=$(host_of "$1") PGTARGETSESSIONATTRS=any postgres_answer) ;;
	redis) if [[ $HA == 0 ]]; then redis_answer "$REDIS_PORT"; else redis_cluster_answer; fi ;;
	redis-[0-5]) redis_answer $((REDIS_PORT + ${1#*-})) ;;
	etcd-*) http_answer "https://$(address_of "$1")/health" --cacert "$RUN_DIR/tls/etcd.pem" --cert "$RUN_DIR/tls/etcd.pem" --key "$RUN_DIR/tls/etcd.key" ;;
	gateway | gateway-[0-9]) http_answer "https://$(address_of "$1")/healthz" --cacert "$RUN_DIR/tls/cert.pem" ;;
	*-exporter | *-exporter-[0-9] | prometheus) http_answer "http://$(address_of "$1")/metrics" -o /dev/null ;;
	*) http_answer "http://$(address_of "$1")/readyz" ;;
	esac
}

# http_answer URL [curl's options]: prints the answer. A service that is not ready gives the reason in its problem.
http_answer() {
	local body status=0
	body=$(curl -sS -m "$ANSWER_SECONDS" -w '\n%{http_code}' "$@" 2>&1) || status=$?
	case $status:${body##*$'\n'} in
	0:200) echo ready ;;
	0:*) echo "not ready: $(jq -er '.detail | rtrimstr(".")' <<<"${body%$'\n'*}" 2>/dev/null || echo "it answers ${body##*$'\n'}")" ;;
	7:*) echo "does not answer: connection refused" ;;
	28:*) silence ;;
	*) echo "does not answer: $(head -n 1 <<<"$body")" ;;
	esac
}

silence() {
	echo "does not answer within $ANSWER_SECONDS s"
}

# A standby of HA=1 is ready while it receives the primary's log. Of a list of servers the writable one is asked.
postgres_answer() {
	local said status=0 standby="'not ready: read-only (a standby)'"
	[[ $HA == 0 ]] || standby="coalesce((SELECT 'ready' FROM pg_stat_wal_receiver WHERE status = 'streaming'), 'not ready: it does not follow the primary')"
	said=$(PGDATABASE=postgres timeout "$ANSWER_SECONDS" psql --no-psqlrc -qAt -c \
		"SELECT CASE WHEN pg_is_in_recovery() THEN $standby
		 WHEN current_setting('default_transaction_read_only')::boolean THEN 'not ready: read-only (default_transaction_read_only)'
		 ELSE 'ready' END" 2>&1) || status=$?
	case $status in
	0) echo "$said" ;;
	124) silence ;;
	*) echo "does not answer: $(sed -e 's/^.*FATAL: *//' -e 's/^.*failed: *//' -e 's/Connection refused/connection refused/' <<<"$said" | head -n 1)" ;;
	esac
}

# redis_answer PORT. Redis refuses a script with a shebang and no flags for the same reasons as a write (shared/service/stores.h).
redis_answer() {
	local said status=0
	said=$(REDIS_CLI_SECONDS=$ANSWER_SECONDS redis_at "$1" EVAL $'#!lua\nreturn 1' 0 2>&1) || status=$?
	if [[ $HA == 1 && $said == READONLY* ]]; then
		# A replica.
		said=$(REDIS_CLI_SECONDS=$ANSWER_SECONDS redis_at "$1" INFO replication 2>&1) || status=$?
		[[ $said != *master_link_status:up* ]] || said=1
		[[ $said != *master_link_status:down* ]] || said="not ready: it does not follow its master"
	fi
	case $status:$said in
	124:*) silence ;;
	*:1) echo ready ;;
	*:"not ready"*) echo "$said" ;;
	*:MISCONF*"No space left"*) echo "not ready: refuses writes: disk full" ;;
	*:MISCONF* | *:OOM* | *:READONLY* | *:NOREPLICAS* | *:CLUSTERDOWN*) echo "not ready: refuses writes: $said" ;;
	*:LOADING*) echo "not ready: it loads its data" ;;
	*"Could not connect"*) echo "does not answer: $(tr '[:upper:]' '[:lower:]' <<<"${said##*: }")" ;;
	*) echo "does not answer: $said" ;;
	esac
}

# restarts: prints "PROGRAM N": how often supervisor has restarted the program after it ended, since `make up` started the stack.
# It prints no line for a program that has never ended.
restarts() {
	{ cat "$RUN_DIR"/log/supervisord.log{.1,} 2>/dev/null || true; } |
		awk '/ supervisord started with pid / { split("", n) } $4 == "exited:" { n[$5]++ } END { for (name in n) print name, n[name] }'
}

restarts_of() {
	restarts | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

# Waits until all named programs answer, and prints each one that does. After UP_TIMEOUT_SECONDS it prints the ones that do not, with
# their last log lines, and fails.
wait_until_ready() {
	local waiting=("$@") still name started=$SECONDS said=0
	while ((${#waiting[@]} > 0)); do
		still=()
		for name in "${waiting[@]}"; do
			if answers "$name"; then
				printf '    %-15s ready at %s\n' "$name" "$(address_of "$name")"
			else
				still+=("$name")
			fi
		done
		waiting=("${still[@]}")
		((${#waiting[@]} > 0)) || return 0
		if ((SECONDS - started >= UP_TIMEOUT_SECONDS)); then
			for name in "${waiting[@]}"; do
				echo "error: after $UP_TIMEOUT_SECONDS s $name $(answer_of "$name"); $(supervisor status "$name" | tr -s ' ')" >&2
				echo "the last lines of $RUN_DIR/log/$name.log:" >&2
				tail -n 15 "$RUN_DIR/log/$name.log" >&2 || true
			done
			return 1
		fi
		if ((SECONDS - started >= said + 5)); then
			said=$((SECONDS - started))
			echo "    waiting for ${waiting[*]} ($said s of at most $UP_TIMEOUT_SECONDS)"
		fi
		sleep 0.2
	done
}

# Sets the environment so that psql and migrate run as the superuser, with HA=1 on the primary.
use_superuser() {
	export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGDATABASE=concert PGUSER=postgres \
		PGPASSFILE=$RUN_DIR/secrets/postgres.pgpass PGCONNECT_TIMEOUT=5 PG_PASSWORD_DIR=$RUN_DIR/secrets
	[[ $HA == 0 ]] || {
		PGHOST=$(hosts_of postgres)
		export PGHOST PGPORT=$PG_PORT,$((PG_PORT + 1)),$((PG_PORT + 2)) PGTARGETSESSIONATTRS=read-write PGCONNECT_TIMEOUT=2
	}
}

sql() {
	psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 "$@"
}

# Ends a command with one line if PostgreSQL cannot be asked. A PostgreSQL that refuses writes can. A busy one may take some seconds.
need_postgres() {
	local said
	said=$(ANSWER_SECONDS=20 answer_of postgres)
	[[ $said != "does not answer"* ]] || die "PostgreSQL $said; make status shows all programs"
}

redis_cluster_answer() {
	local said
	said=$(REDIS_CLI_SECONDS=$ANSWER_SECONDS redis CLUSTER INFO 2>&1) || true
	[[ $said == *cluster_slots_ok:16384* ]] && echo ready || echo "not ready: some slots have no master"
}
