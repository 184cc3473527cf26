# Sourced by the scripts here: reads the settings of the local stack and checks them.
# shellcheck shell=bash
#
# A setting's value comes from the first of these that has one: the environment; the overlay that STACK_ENV names (test.env, asan.env);
# env; the defaults of deploy/settings/table. The stacks of tests and benchmarks take free ports (test-ports.sh).
# `use_running_settings` takes the values with which the running stack was started.

# use_superuser sets these. PostgreSQL's own programs and Patroni read them too. They cannot start with a list of ports, and a busy server
# takes longer than PGCONNECT_TIMEOUT: Patroni then has no checkpoint after a promotion, and the old primary never follows the new one.
unset PGHOST PGPORT PGDATABASE PGUSER PGPASSFILE PGTARGETSESSIONATTRS PGCONNECT_TIMEOUT

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOCAL=$ROOT/deploy/local
# shellcheck source=deploy/local/test-ports.sh
source "$LOCAL/test-ports.sh"
# shellcheck source=deploy/local/ha.sh
source "$LOCAL/ha.sh"
# shellcheck source=deploy/settings/read.sh
source "$ROOT/deploy/settings/read.sh"

# The local stack derives these settings from others, and ignores values from the environment.
DERIVED_SETTINGS=(PORT SERVICE_VERSION PG_CONNINFO PG_HOST PG_SSLROOTCERT REDIS_NODES REDIS_USER REDIS_PASSWORD_FILE TOSS_BOOKS GATEWAY_DIR
	GATEWAY_TLS_CERT
	GATEWAY_TLS_KEY QUEUE_HOST RESERVATION_HOST PAYMENT_HOST POINT_HOST QUEUE_UPSTREAMS RESERVATION_UPSTREAMS PAYMENT_UPSTREAMS
	POINT_UPSTREAMS)

# The folders of the stacks that tests and benchmarks start, break and remove.
TEST_FOLDERS=("$ROOT/.run-test" "$ROOT/.run-test-2" "$ROOT/.run-asan" "$ROOT/.run-bench" "$ROOT/.run-fault" "$ROOT/.run-money" "$ROOT/.run-abuse"
	"$ROOT/.run-backup" "$ROOT/.run-monitoring" "$ROOT/.run-ha")

is_test_folder() {
	[[ " ${TEST_FOLDERS[*]} " == *" $1 "* ]]
}

die() {
	echo "error: $*" >&2
	exit 1
}

# Sockets are file descriptors, so a service needs thousands. But when a Kore worker starts, it tries each descriptor up to the limit.
# That takes 0.15 s of CPU for a million, and minutes for a billion, which is often a container's limit.
limit_files() {
	local hard
	hard=$(ulimit -Hn)
	ulimit -Sn "$([[ $hard == unlimited ]] || ((hard > 16384)) && echo 16384 || echo "$hard")"
}

# Prints the names of the settings that the local stack has, one a line.
setting_names() {
	local name
	for name in "${SETTING_NAMES[@]}"; do
		[[ " ${DERIVED_SETTINGS[*]} " == *" $name "* ]] || echo "$name"
	done
}

# read_settings FILE: takes its NAME=value lines for the names that have no value yet, and exports them.
read_settings() {
	local line name
	while IFS= read -r line; do
		[[ $line =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]] || continue
		name=${BASH_REMATCH[1]}
		[[ -n ${!name:-} ]] || printf -v "$name" '%s' "${BASH_REMATCH[2]}"
		export "${name?}"
	done <"$1"
}

# Gives the settings without a value the table's defaults, and exports all.
default_settings() {
	local name initial
	for name in $(setting_names); do
		initial=${SETTING_DEFAULT[$name]}
		[[ $initial != required ]] || initial=
		[[ -n ${!name:-} ]] || printf -v "$name" '%s' "$initial"
		export "${name?}"
	done
}

load_settings() {
	local name
	if [[ -n ${STACK_ENV:-} ]]; then
		[[ -r $LOCAL/$STACK_ENV.env ]] || die "STACK_ENV: there is no deploy/local/$STACK_ENV.env"
		read_settings "$LOCAL/$STACK_ENV.env"
	fi
	[[ -z ${RUN_DIR:-} || $RUN_DIR == /* ]] || RUN_DIR=$ROOT/$RUN_DIR
	! is_test_folder "${RUN_DIR:-}" || choose_test_ports
	read_settings "$LOCAL/env"
	# One instance of a service may die.
	[[ ${HA:-0} != 1 ]] || : "${INSTANCES:=2}"
	default_settings
	[[ $RUN_DIR == /* ]] || RUN_DIR=$ROOT/$RUN_DIR
	[[ $RUN_DIR =~ ^[A-Za-z0-9/._+@-]+$ ]] || die "setting RUN_DIR: '$RUN_DIR' has characters other than letters, digits and /._+@-"
	: "${JWT_SECRET_FILE:=$RUN_DIR/secrets/jwt}"
	: "${QUEUE_TOKEN_SECRET_FILE:=$RUN_DIR/secrets/queue_token}"
	: "${CARD_PROVIDER_SECRET_FILE:=$RUN_DIR/secrets/toss}"
	unset "${DERIVED_SETTINGS[@]}"
	: "${PG_WAL_DIR:=$RUN_DIR/wal}"
	: "${BACKUP_DIR:=$RUN_DIR/backup}"
	for name in JWT_SECRET_FILE JWT_KEYS_DIR QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE PG_WAL_DIR BACKUP_DIR; do
		[[ -z ${!name} || ${!name} == /* ]] || printf -v "$name" '%s' "$ROOT/${!name}"
	done
	[[ $CARD_PROVIDER_URL != simulator ]] || CARD_PROVIDER_URL=http://127.0.0.1:$TOSS_PORT
	: "${TOSS_WEBHOOK_URL:=http://127.0.0.1:$PAYMENT_PORT/payments/webhooks/toss}"
	: "${GATEWAY_ACCESS_LOG:=$RUN_DIR/gateway-log/access.log}"
	: "${GATEWAY_ERROR_LOG:=$RUN_DIR/gateway-log/gateway-error.log}"
	[[ $MONITORING == 0 ]] || : "${GATEWAY_CONNECTION_LOG:=$RUN_DIR/gateway-log/gateway-connections.log}"
	[[ $JWT_ALG == HS256 ]] || JWT_SECRET_FILE=
	BUILD_DIR=$ROOT/build${ASAN:+/asan}
	export RUN_DIR BUILD_DIR JWT_SECRET_FILE QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE CARD_PROVIDER_URL
	export TOSS_WEBHOOK_URL GATEWAY_ACCESS_LOG GATEWAY_ERROR_LOG GATEWAY_CONNECTION_LOG PG_WAL_DIR BACKUP_DIR
}

# load_settings for tests and benchmarks. They refuse a RUN_DIR from the environment, because it names a stack that the user
# wants to keep.
load_test_settings() {
	load_settings
	check_test_folder "$RUN_DIR"
}

check_test_folder() {
	is_test_folder "$1" ||
		die "setting RUN_DIR: tests and benchmarks remove the stack that they use, so it cannot be $1 (unset RUN_DIR)"
}

# For commands on a running stack: takes the running stack's settings, and ignores those of the environment.
use_running_settings() {
	local name
	load_settings
	[[ -r $RUN_DIR/env ]] || die "no stack in $RUN_DIR: make up starts one"
	for name in $(setting_names); do
		[[ $name == RUN_DIR ]] || unset "$name"
	done
	read_settings "$RUN_DIR/env"
	load_settings
}

print_settings() {
	local name
	for name in $(setting_names); do
		printf '%s=%s\n' "$name" "${!name}"
	done
}

bad_setting() {
	die "setting $1: '${!1}' is not $2 (make settings T=$1 says what it means)"
}

# check_secret NAME FILE: the setting must name RUN_DIR/secrets/FILE, which make-secrets makes, or a readable file.
check_secret() {
	local name=$1 made=$RUN_DIR/secrets/$2
	[[ ${!name} == "$made" || -r ${!name} ]] || bad_setting "$name" "a file that can be read"
}

# check_local NAME WORD...: the local stack accepts only one of these values.
check_local() {
	local name=$1
	shift
	[[ " $* " == *" ${!name} "* ]] || bad_setting "$name" "one of $* (in the local stack)"
}

# check_folder NAME: checks the name of a folder of PostgreSQL, because commands contain it.
check_folder() {
	[[ ${!1} =~ ^/[A-Za-z0-9/._+@-]+$ ]] || bad_setting "$1" "a folder whose name has only letters, digits and /._+@-"
}

# Stops with a message that names the first wrong setting. The services check their settings again; this check comes before any
# program starts. The table has the ranges and choices; the local stack's own rules are below.
check_settings() {
	local name
	for name in $(setting_names); do
		setting_is_valid "$name" || bad_setting "$name" "$(setting_form "$name")"
	done
	# The local stack's Redis, PostgreSQL and provider are for development.
	check_local ENVIRONMENT development
	# The parts of this stack find each other at 127.0.0.1.
	check_local BIND 127.0.0.1 0.0.0.0
	check_local REDIS_HOST 127.0.0.1 localhost
	check_folder PG_WAL_DIR
	check_folder BACKUP_DIR
	[[ $HA == 0 ]] || check_ha_settings
	# The services' ports are ten apart.
	for name in INSTANCES {QUEUE,RESERVATION,PAYMENT,POINT}_INSTANCES; do
		((${!name:-1} <= 8)) || bad_setting "$name" "at most 8 (in the local stack)"
	done
	# tests/fault cannot wait for that time. Its users poll more often than every 20 s.
	[[ ${STACK_ENV:-} == fault ]] || ((QUEUE_SETTLE_SECONDS > 20)) ||
		bad_setting QUEUE_SETTLE_SECONDS "more than 20, the longest pollAfterSeconds"
	has_simulator || [[ -r $CARD_PROVIDER_SECRET_FILE ]] || bad_setting CARD_PROVIDER_SECRET_FILE "a file that can be read"
	check_secret CARD_PROVIDER_SECRET_FILE toss
	check_secret QUEUE_TOKEN_SECRET_FILE queue_token
	if [[ $JWT_ALG == HS256 ]]; then
		check_secret JWT_SECRET_FILE jwt
	else
		[[ -n $JWT_JWKS_URL || -d $JWT_KEYS_DIR ]] || bad_setting JWT_KEYS_DIR "a folder"
		[[ -z $JWT_JWKS_URL || -z $JWT_KEYS_DIR ]] || bad_setting JWT_KEYS_DIR "empty, although JWT_JWKS_URL is set"
	fi
}

# instances_of SERVICE: prints the number of its instances.
instances_of() {
	local name=${1^^}_INSTANCES
	echo "${!name:-$INSTANCES}"
}

# check_service NAME EXAMPLE: ends the program unless NAME is one of the services.
check_service() {
	[[ " queue reservation payment point " == *" ${1:-none} "* ]] ||
		die "S: '$1' is none of queue, reservation, payment, point: $2"
}

# PostgreSQL's max_connections has room for all instances, for some more instances (make deploy, make scale), and for tools.
PG_SPARE_INSTANCES=8 PG_SPARE_CONNECTIONS=130

# Prints max_connections for the local PostgreSQL.
pg_max_connections() {
	local service count=$PG_SPARE_INSTANCES
	for service in queue reservation payment point; do
		count=$((count + $(instances_of "$service")))
	done
	echo $((count * WORKERS * PG_POOL_SIZE + PG_SPARE_CONNECTIONS))
}

# Returns true if the card provider is the simulator of this stack.
has_simulator() {
	[[ $CARD_PROVIDER_URL == "http://127.0.0.1:$TOSS_PORT" ]]
}

# Prints "PORT SETTING" for each port on which the stack listens.
stack_ports() {
	local service upper k
	echo "$GATEWAY_HTTPS_PORT GATEWAY_HTTPS_PORT"
	echo "$GATEWAY_HTTP_PORT GATEWAY_HTTP_PORT"
	echo "$GATEWAY_STATUS_PORT GATEWAY_STATUS_PORT"
	if [[ $MONITORING != 0 ]]; then
		for upper in GATEWAY_METRICS_PORT NGINX_METRICS_PORT POSTGRES_METRICS_PORT REDIS_METRICS_PORT NODE_METRICS_PORT \
			PROBE_METRICS_PORT PROMETHEUS_PORT; do
			echo "${!upper} $upper"
		done
	fi
	if [[ $HA == 0 ]]; then
		echo "$PG_PORT PG_PORT"
		echo "$REDIS_PORT REDIS_PORT"
	else
		ha_ports
	fi
	! has_simulator || echo "$TOSS_PORT TOSS_PORT"
	for service in queue reservation payment point; do
		upper=${service^^}_PORT
		for ((k = 0; k < $(instances_of "$service"); k++)); do
			echo "$((${!upper} + k)) $upper$( ((k == 0)) || echo " + $k")"
		done
	done
}

# check_ports PORTS: checks that all ports differ and are free. The running stack's own PORTS may be in use.
check_ports() {
	local ours=" $1 " port what holder
	declare -A seen=()
	while read -r port what; do
		[[ -z ${seen[$port]:-} ]] || die "port $port is both ${seen[$port]} and $what"
		seen[$port]=$what
		[[ $ours != *" $port "* ]] || continue
		holder=$(ss -Hltnp "sport = :$port" | head -n 1)
		[[ -z $holder ]] || die "port $port ($what) is taken$(sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ by \1, pid \2/p' <<<"$holder"): stop that, or choose another port: ${what%% *}=... make up"
	done < <(stack_ports)
}
