# The helpers of the tests of the local stack. Each test_*.sh sources this. tests/run starts the test stack and runs all files.
# shellcheck shell=bash
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=deploy/local/settings.sh
source deploy/local/settings.sh
# shellcheck source=deploy/local/stack.sh
source deploy/local/stack.sh
# shellcheck source=tests/lib/tap.sh
source tests/lib/tap.sh
use_running_settings
work=$tap_folder
# On a busy machine a worker loads a changed file late.
export LOADED_SECONDS=120

# The settings of a second stack: its folder and ports differ from those of the test stack.
port=$((GATEWAY_HTTPS_PORT + 180))
other=(STACK_ENV=test RUN_DIR="$work/run" GATEWAY_HTTPS_PORT="$port" GATEWAY_HTTP_PORT=$((port + 1)) PG_PORT=$((port + 2))
	REDIS_PORT=$((port + 3)) QUEUE_PORT=$((port + 4)) RESERVATION_PORT=$((port + 6)) PAYMENT_PORT=$((port + 8))
	POINT_PORT=$((port + 10)) TOSS_PORT=$((port + 12)) GATEWAY_STATUS_PORT=$((port + 13)))

# refused_up NAME=VALUE...: starts a second stack with these settings. The start must be refused, and no program may start. Sets
# $said to what it printed.
refused_up() {
	local status=0
	rm -rf "$work/run"
	said=$(env -u RUN_DIR "${other[@]}" "$@" deploy/local/up --no-journey 2>&1 </dev/null) || status=$?
	[[ $status != 0 ]] || fail "the start was not refused"
	[[ ! -e $work/run/supervisord.pid && ! -e $work/run/secrets ]] || fail "a program was started"
}

# get PATH [OPTION of curl...]: prints the body of the gateway's answer.
get() {
	curl -fsS -m 30 --cacert "$RUN_DIR/tls/cert.pem" "${@:2}" "https://localhost:$GATEWAY_HTTPS_PORT$1"
}

# size_of LOG: prints the size of a program's log.
size_of() {
	stat -c %s "$RUN_DIR/log/$1"
}

# logged LOG SIZE TEXT: whether the log has the text after its first SIZE bytes. A program writes to supervisord, which writes the log a
# moment later. So wait for it.
logged() {
	[[ $(tail -c "+$(($2 + 1))" "$RUN_DIR/log/$1") == *"$3"* ]]
}

# status_is_whole: whether `make status` finds all programs ready. Sets $said. On a busy machine it may count a slow program as silent.
status_is_whole() {
	said=$(deploy/local/status 2>&1)
}

nothing_waits_in_the_outbox() {
	[[ $(sql -c 'SELECT count(*) FROM platform.outbox') == 0 ]]
}

load_pid=""

# start_load: clients send requests through the gateway until nothing_was_lost.
start_load() {
	rm -f "$work/report.works"
	deploy/local/token --count 8 >"$work/tokens"
	node tests/stack/load.mjs "https://localhost:$GATEWAY_HTTPS_PORT" "$RUN_DIR/tls/cert.pem" "$work/tokens" "$work/report" &
	load_pid=$!
}

stop_load() {
	[[ -n $load_pid ]] || return 0
	kill -TERM "$load_pid" 2>/dev/null
	wait "$load_pid"
	load_pid=""
}

# nothing_was_lost: stops the load when it has charged and bought something. No request failed.
nothing_was_lost() {
	wait_for 300 test -e "$work/report.works"
	rm -f "$work/report"
	stop_load
	is 'failed requests' "$(jq .failed "$work/report")" 0
	[[ $(jq .failed "$work/report") == 0 ]] || fail "$(jq -r '.failures[:5][]' "$work/report")"
	(($(jq .charged "$work/report") > 0 && $(jq .bought "$work/report") > 0)) || fail "the load charged or bought nothing"
	echo "# $(jq -r '"\(.requests) requests, \(.failed) failed; \(.bought) tickets bought"' "$work/report")"
}
