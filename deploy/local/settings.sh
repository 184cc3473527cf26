# Sourced by the scripts here: the settings, where they come from, and what is wrong with them.
# shellcheck shell=bash
#
# In order: the environment, then the overlay that STACK_ENV names (test.env, asan.env), then env.
# `use_running_settings` takes those that the running stack was started with instead.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LOCAL=$ROOT/deploy/local

die() {
	echo "error: $*" >&2
	exit 1
}

# Sockets are file descriptors: as many as this user may have, within reason. A worker of Kore's tries every descriptor
# up to the limit when it starts: 0.15 s of CPU for a million, minutes for the billion that containers often have.
limit_files() {
	local hard
	hard=$(ulimit -Hn)
	ulimit -Sn "$([[ $hard == unlimited ]] || ((hard > 16384)) && echo 16384 || echo "$hard")"
}

setting_names() {
	sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*/\1/p' "$LOCAL/env"
}

# Takes NAME=value lines for the names that have no value yet, and exports them.
read_settings() {
	local line name
	while IFS= read -r line; do
		[[ $line =~ ^([A-Z][A-Z0-9_]*)=(.*)$ ]] || continue
		name=${BASH_REMATCH[1]}
		[[ -n ${!name:-} ]] || printf -v "$name" '%s' "${BASH_REMATCH[2]}"
		export "${name?}"
	done <"$1"
}

load_settings() {
	if [[ -n ${STACK_ENV:-} ]]; then
		[[ -r $LOCAL/$STACK_ENV.env ]] || die "STACK_ENV: there is no deploy/local/$STACK_ENV.env"
		read_settings "$LOCAL/$STACK_ENV.env"
	fi
	read_settings "$LOCAL/env"
	[[ $RUN_DIR == /* ]] || RUN_DIR=$ROOT/$RUN_DIR
	[[ $RUN_DIR =~ ^[A-Za-z0-9/._+@-]+$ ]] || die "setting RUN_DIR: '$RUN_DIR' has characters other than letters, digits and /._+@-"
	: "${JWT_SECRET_FILE:=$RUN_DIR/secrets/jwt}"
	: "${QUEUE_TOKEN_SECRET_FILE:=$RUN_DIR/secrets/queue_token}"
	: "${CARD_PROVIDER_SECRET_FILE:=$RUN_DIR/secrets/toss}"
	# What else nginx/render can be told is for a gateway elsewhere: here these follow from the settings.
	unset GATEWAY_DIR GATEWAY_TLS_CERT GATEWAY_TLS_KEY {QUEUE,RESERVATION,PAYMENT,POINT}_{HOST,UPSTREAMS}
	local name
	for name in JWT_SECRET_FILE JWT_KEYS_DIR QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE; do
		[[ -z ${!name} || ${!name} == /* ]] || printf -v "$name" '%s' "$ROOT/${!name}"
	done
	[[ $CARD_PROVIDER_URL != simulator ]] || CARD_PROVIDER_URL=http://127.0.0.1:$TOSS_PORT
	: "${TOSS_WEBHOOK_URL:=http://127.0.0.1:$PAYMENT_PORT/payments/webhooks/toss}"
	: "${GATEWAY_ACCESS_LOG:=$RUN_DIR/log/access.log}"
	: "${GATEWAY_ERROR_LOG:=$RUN_DIR/log/gateway-error.log}"
	[[ $JWT_ALG == HS256 ]] || JWT_SECRET_FILE=
	BUILD_DIR=$ROOT/build${ASAN:+/asan}
	export RUN_DIR BUILD_DIR JWT_SECRET_FILE QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE CARD_PROVIDER_URL
	export TOSS_WEBHOOK_URL GATEWAY_ACCESS_LOG GATEWAY_ERROR_LOG
}

# For commands about a stack that is there: its own settings, whatever the environment says.
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
	die "setting $1: '${!1}' is not $2 (deploy/local/env says what it means)"
}

check_number() {
	local name=$1 min=$2 max=$3
	if ! [[ ${!name} =~ ^(0|[1-9][0-9]{0,9})$ ]] || ((${!name} < min || ${!name} > max)); then
		bad_setting "$name" "a whole number from $min to $max"
	fi
}

# A secret's file: the one that is made under RUN_DIR if it is not there, or one that can be read.
check_secret() {
	local name=$1 made=$RUN_DIR/secrets/$2
	[[ ${!name} == "$made" || -r ${!name} ]] || bad_setting "$name" "a file that can be read"
}

check_choice() {
	local name=$1 choice
	shift
	for choice in "$@"; do
		[[ ${!name} != "$choice" ]] || return 0
	done
	bad_setting "$name" "one of: $*"
}

# Stops with a message that names the first setting that is wrong. The services check theirs again;
# here it happens before anything is started.
check_settings() {
	local name
	# The local stack's Redis, PostgreSQL and provider are a developer's.
	check_choice ENVIRONMENT development
	for name in GATEWAY_HTTPS_PORT GATEWAY_HTTP_PORT PG_PORT REDIS_PORT QUEUE_PORT RESERVATION_PORT \
		PAYMENT_PORT POINT_PORT TOSS_PORT; do
		check_number "$name" 1 65535
	done
	for name in PG_VIA_PORT REDIS_VIA_PORT GATEWAY_PUBLIC_PORT; do
		[[ -z ${!name} ]] || check_number "$name" 1 65535
	done
	check_number INSTANCES 1 8
	check_number WORKERS 1 32
	check_number UP_TIMEOUT_SECONDS 5 600
	check_number PG_POOL_SIZE 1 64
	check_number PG_TIMEOUT_MS 100 60000
	check_number PG_QUEUE_MAX 1 100000
	[[ -z $PG_LOCK_TIMEOUT_MS ]] || check_number PG_LOCK_TIMEOUT_MS 1 60000
	check_number REDIS_TIMEOUT_MS 10 60000
	check_choice JWT_ALG HS256 RS256 ES256
	check_number REQUESTS_MAX 1 4000
	check_number DRAIN_SECONDS 0 300
	check_choice LOG_LEVEL error warning info debug
	check_number QUEUE_MAX_ACTIVE 0 1000000
	check_number QUEUE_ADMIT_PER_SECOND 0 100000
	check_number QUEUE_MAX_WAITING 0 100000000
	check_number QUEUE_ACTIVE_TTL_SECONDS 1 86400
	check_number QUEUE_ABANDON_AFTER_SECONDS 30 86400
	check_number QUEUE_SETTLE_SECONDS 0 3600
	# tests/fault has no time to wait for it, and its users ask more often than once in 20 s.
	[[ ${STACK_ENV:-} == fault ]] || ((QUEUE_SETTLE_SECONDS > 20)) ||
		bad_setting QUEUE_SETTLE_SECONDS "more than 20, the longest pollAfterSeconds"
	check_number QUEUE_TICK_MS 10 5000
	check_number QUEUE_COPY_FROM 0 100000000
	check_number HOLD_TTL_SECONDS 1 86400
	check_number UNPAID_HOLDS_MAX 0 1000
	check_number SWEEP_INTERVAL_MS 50 600000
	check_number EVENTS_KEEP_SECONDS 1 31536000
	check_number EVENTS_KEEP 1000 100000000
	check_number PAYMENT_MAX_ATTEMPTS 1 100
	check_choice CHARGE_FUNDING trusted card
	check_number CARD_PROVIDER_TIMEOUT_MS 100 60000
	check_number TOSS_WEBHOOK_PAUSE_MS 1 3600000
	check_number TOSS_WEBHOOK_LATE_MS 1 3600000
	[[ $CARD_PROVIDER_URL =~ ^https?://[][A-Za-z0-9.:-]+$ ]] || bad_setting CARD_PROVIDER_URL "simulator or an http(s) address"
	has_simulator || [[ -r $CARD_PROVIDER_SECRET_FILE ]] || bad_setting CARD_PROVIDER_SECRET_FILE "a file that can be read"
	check_secret CARD_PROVIDER_SECRET_FILE toss
	check_secret QUEUE_TOKEN_SECRET_FILE queue_token
	check_choice GATEWAY_LIMIT_PER_ADDRESS on off
	check_choice GATEWAY_LIMIT_PER_CONNECTION on off
	[[ $GATEWAY_FIREWALL =~ ^(nft|none|)$ ]] || bad_setting GATEWAY_FIREWALL "nft, none or empty"
	# The parts of this stack find each other at 127.0.0.1.
	check_choice BIND 127.0.0.1 0.0.0.0
	check_choice REDIS_HOST 127.0.0.1 localhost
	[[ $GATEWAY_WORKERS == auto ]] || check_number GATEWAY_WORKERS 1 256
	check_number GATEWAY_CONNECTIONS 64 1000000
	[[ $GATEWAY_WEBHOOK_ADDRESSES =~ ^[0-9A-Fa-f.:/\ ]*$ ]] ||
		bad_setting GATEWAY_WEBHOOK_ADDRESSES "empty, or addresses and networks such as 192.0.2.0/24"
	check_number GATEWAY_HSTS_SECONDS 0 99999999
	[[ $GATEWAY_SERVER_NAME =~ ^[A-Za-z0-9.:_-]+$ ]] || bad_setting GATEWAY_SERVER_NAME "a host name or address"
	[[ $GATEWAY_USER =~ ^[a-z_][a-z0-9_-]*$ ]] || bad_setting GATEWAY_USER "a user's name"
	[[ $CORS_ORIGIN =~ ^(\*|https?://[][A-Za-z0-9.:-]+| )*$ ]] ||
		bad_setting CORS_ORIGIN "empty, * or web origins such as https://www.example.com"
	if [[ $JWT_ALG == HS256 ]]; then
		check_secret JWT_SECRET_FILE jwt
	else
		[[ -d $JWT_KEYS_DIR ]] || bad_setting JWT_KEYS_DIR "a folder"
	fi
}

# Is the card provider the simulator that this stack runs?
has_simulator() {
	[[ $CARD_PROVIDER_URL == "http://127.0.0.1:$TOSS_PORT" ]]
}

# "PORT what", a line for each port the stack listens on.
stack_ports() {
	local service upper k
	echo "$GATEWAY_HTTPS_PORT GATEWAY_HTTPS_PORT"
	echo "$GATEWAY_HTTP_PORT GATEWAY_HTTP_PORT"
	echo "$PG_PORT PG_PORT"
	echo "$REDIS_PORT REDIS_PORT"
	! has_simulator || echo "$TOSS_PORT TOSS_PORT"
	for service in queue reservation payment point; do
		upper=${service^^}_PORT
		for ((k = 0; k < INSTANCES; k++)); do
			echo "$((${!upper} + k)) $upper$( ((k == 0)) || echo " + $k")"
		done
	done
}

# Every port must be another one, and free; `$1` lists ports that our own running stack has.
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
