#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Killed programs start again.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# gone PID: whether the process has ended. An ended process whose parent has not yet read its status (a zombie) has no
# program.
gone() {
	! readlink -e "/proc/$1/exe"
}

points_answer() {
	get /points -H "Authorization: Bearer $(deploy/local/token)"
}

test_killed_service_restarts_and_its_workers_end() {
	local parent worker
	parent=$("$RUN_DIR/ctl" pid point-0)
	worker=$(pgrep -P "$parent")
	kill -KILL "$parent"
	wait_for 60 gone "$worker"
	wait_for 60 points_answer
	[[ $("$RUN_DIR/ctl" pid point-0) != "$parent" ]] || fail "supervisor did not start it again"
}

test_killed_gateway_restarts_and_its_workers_end() {
	local master workers worker
	master=$("$RUN_DIR/ctl" pid gateway)
	workers=$(pgrep -P "$master" | tr '\n' ' ')
	kill -KILL "$master"
	wait_for 60 get /healthz
	for worker in $workers; do
		wait_for 60 gone "$worker"
	done
	[[ $("$RUN_DIR/ctl" pid gateway) != "$master" ]] || fail "supervisor did not start it again"
}

test_killed_stores_restart_and_services_reconnect() {
	kill -KILL "$("$RUN_DIR/ctl" pid redis)"
	kill -KILL "$("$RUN_DIR/ctl" pid postgres)"
	wait_for 60 points_answer
	wait_for 60 deploy/local/status
}

run_tests
