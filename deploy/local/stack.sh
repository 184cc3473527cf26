# Sourced by the commands here: asking and telling supervisor, and whether each part answers.
# shellcheck shell=bash

PATH=$PATH:/usr/sbin:/usr/lib/postgresql/15/bin
SERVICES=(queue reservation payment point)

supervisor() {
	supervisorctl -c "$RUN_DIR/supervisord.conf" "$@"
}

# Is this stack's supervisord there?
stack_runs() {
	[[ -S $RUN_DIR/socket/supervisor.sock ]] && supervisor pid >/dev/null 2>&1
}

# One command at a time changes a stack. The lock ends with the process; what is started must not keep it (9>&-).
lock_stack() {
	mkdir -p "$RUN_DIR"
	exec 9>>"$RUN_DIR/lock"
	if ! flock -n 9; then
		echo "another make up or make down is at work in $RUN_DIR (pid $(<"$RUN_DIR/lock")); waiting for it"
		flock -w 300 9 || die "it has not finished in 300 s"
	fi
	echo $$ >"$RUN_DIR/lock"
}

# All programs, in the order they are started.
programs() {
	local service k
	printf '%s\n' postgres redis
	! has_simulator || echo toss
	for service in "${SERVICES[@]}"; do
		for ((k = 0; k < INSTANCES; k++)); do
			echo "$service-$k"
		done
	done
	echo gateway
}

address_of() {
	local base
	case $1 in
	postgres) echo "127.0.0.1:$PG_PORT" ;;
	redis) echo "$REDIS_HOST:$REDIS_PORT" ;;
	toss) echo "127.0.0.1:$TOSS_PORT" ;;
	gateway) echo "localhost:$GATEWAY_HTTPS_PORT" ;;
	*)
		base=${1%-*}
		base=${base^^}_PORT
		echo "127.0.0.1:$((${!base} + ${1##*-}))"
		;;
	esac
}

# redis-cli as the operators' user. The password goes through the environment: every user can read a command line.
redis() {
	REDISCLI_AUTH=$(<"$RUN_DIR/secrets/redis_operator") timeout "${REDIS_CLI_SECONDS:-600}" \
		redis-cli --no-auth-warning --user operator -h "$REDIS_HOST" -p "$REDIS_PORT" "$@"
}

# Does the program do its work now? Not only: is there a process.
answers() {
	local address
	address=$(address_of "$1")
	case $1 in
	postgres) pg_isready -q -t 2 -h 127.0.0.1 -p "$PG_PORT" ;;
	redis) [[ $(REDIS_CLI_SECONDS=2 redis ping 2>/dev/null) == PONG ]] ;;
	gateway) curl -fsS -m 2 -o /dev/null --cacert "$RUN_DIR/tls/cert.pem" "https://$address/healthz" 2>/dev/null ;;
	*) curl -fsS -m 2 -o /dev/null "http://$address/readyz" 2>/dev/null ;;
	esac
}

# Waits until all the programs named answer, saying each one that does; at the deadline says which don't,
# with the last lines of their logs, and fails.
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
				echo "error: $name does not answer after $UP_TIMEOUT_SECONDS s; $(supervisor status "$name" | tr -s ' ')" >&2
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

# psql and migrate as the superuser.
use_superuser() {
	export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGDATABASE=concert PGUSER=postgres \
		PGPASSFILE=$RUN_DIR/secrets/postgres.pgpass PGCONNECT_TIMEOUT=5 PG_PASSWORD_DIR=$RUN_DIR/secrets
}

sql() {
	psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 "$@"
}
