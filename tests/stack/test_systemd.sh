#!/usr/bin/env bash
# shellcheck disable=SC2013,SC2154 # variables of common.sh; names of units have no blanks
# The units of deploy/systemd, and the scripts that they start. systemd itself does not run here.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The units with the paths of this tree, because systemd-analyze looks for the programs.
copy_units() {
	local unit
	mkdir -p "$work/units"
	for unit in deploy/systemd/concert-*; do
		# pgBackRest is on the database's machine only.
		sed "s#/opt/concert/#$PWD/#g; s#/usr/bin/pgbackrest#/bin/true#" "$unit" >"$work/units/${unit##*/}"
	done
}

# verify UNIT: sets $said. systemd-analyze exits with 0 for a key that it does not know.
verify() {
	said=$(cd "$work/units" && systemd-analyze verify --man=no --recursive-errors=no "./$1" 2>&1) && [[ -z $said ]]
}

test_systemd_units_are_valid() {
	local unit
	copy_units
	for unit in "$work"/units/*; do
		verify "${unit##*/}" || fail "${unit##*/}: $said"
	done
	# Control: the check finds faults.
	sed -i 's/^RestartSec=.*/RestartSecs=2/' "$work/units/concert-queue@.service"
	! verify concert-queue@.service || fail 'an unknown key was not found'
	sed -i 's/wait-ready/no-such-script/' "$work/units/concert-point@.service"
	! verify concert-point@.service || fail 'a missing program was not found'
}

test_systemd_unit_that_ends_often_is_always_started_again() {
	local unit
	for unit in $(grep -l '^Restart=always' deploy/systemd/*.service); do
		grep -qx 'StartLimitIntervalSec=0' "$unit" || fail "$unit stays down after five quick ends"
		(($(sed -n 's/^RestartSec=//p' "$unit") >= 2)) || fail "$unit restarts too fast"
	done
	is 'units that run all the time' "$(grep -l '^Restart=always' deploy/systemd/*.service | wc -l)" 6
}

# wait_ready SERVICE NAME=VALUE... ARGUMENT...: sets $said and $status.
wait_ready() {
	status=0
	said=$(env BIND=127.0.0.1 SERVICE="$1" INSTANCE=0 "${@:2}" 2>&1) || status=$?
}

test_systemd_start_ends_when_the_instance_is_ready() {
	wait_ready payment PAYMENT_PORT="$PAYMENT_PORT" deploy/systemd/wait-ready 20
	is "its status ($said)" "$status" 0
	# The gateway.
	wait_ready '' GATEWAY_HTTPS_PORT="$GATEWAY_HTTPS_PORT" deploy/systemd/wait-ready 20
	is "its status ($said)" "$status" 0
}

test_systemd_start_fails_if_the_instance_does_not_answer() {
	wait_ready payment PAYMENT_PORT=1 deploy/systemd/wait-ready --alive 1
	is 'its status' "$status" 1
	has 'its message' "$said" 'payment-0 is not ready after 1 s'
}

# serve STATUS: two servers on neighbouring ports, where /livez answers 200 and all else STATUS. Sets $port and $server.
serve() {
	rm -f "$work/port"
	python3 - "$1" "$work/port" <<-'END' &
		import http.server, os, sys, threading
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        self.send_response(200 if self.path == "/livez" else int(sys.argv[1]))
		        self.end_headers()
		        self.wfile.write(b"redis: unavailable")
		    def log_message(self, *arguments): pass
		while True:
		    one = http.server.HTTPServer(("127.0.0.1", 0), Handler)
		    try:
		        two = http.server.HTTPServer(("127.0.0.1", one.server_port + 1), Handler)
		        break
		    except (OSError, OverflowError):
		        one.server_close()
		threading.Thread(target=two.serve_forever, daemon=True).start()
		with open(sys.argv[2] + ".new", "w") as file:
		    file.write(str(one.server_port))
		os.rename(sys.argv[2] + ".new", sys.argv[2])
		one.serve_forever()
	END
	server=$!
	wait_for 20 test -s "$work/port"
	port=$(<"$work/port")
}

test_systemd_start_keeps_an_instance_without_a_store() {
	serve 503
	wait_ready payment PAYMENT_PORT="$port" deploy/systemd/wait-ready --alive 1
	is 'with --alive' "$status" 0
	has 'its message' "$said" 'redis: unavailable'
	wait_ready payment PAYMENT_PORT="$port" deploy/systemd/wait-ready 1
	is 'without it' "$status" 1
	kill "$server"
}

# roll ENV: deploy/systemd/roll payment, with a systemctl that only writes down what it should do.
roll() {
	mkdir -p "$work/bin"
	cat >"$work/bin/systemctl" <<-'END'
		#!/bin/bash
		case $1 in
		list-units) printf '%s loaded active running x\n' concert-payment@1.service concert-payment@0.service ;;
		*) echo "$*" >>"$DONE" ;;
		esac
	END
	chmod 755 "$work/bin/systemctl"
	: >"$work/done"
	status=0
	said=$(PATH=$work/bin:$PATH DONE=$work/done ENV_FILE=$1 READY_SECONDS=1 deploy/systemd/roll payment 2>&1) || status=$?
}

test_systemd_roll_stops_at_an_instance_that_is_not_ready() {
	printf '# settings\nBIND=127.0.0.1\nPAYMENT_PORT=1\n' >"$work/env"
	roll "$work/env"
	is 'its status' "$status" 1
	has 'its message' "$said" 'STOPPED: concert-payment@0.service is not ready; 0 of 2'
	is 'what it did' "$(<"$work/done")" 'restart concert-payment@0.service'
}

test_systemd_roll_restarts_each_instance_in_turn() {
	serve 200
	printf 'BIND=127.0.0.1\nPAYMENT_PORT=%s\n' "$port" >"$work/env"
	roll "$work/env"
	is "its status ($said)" "$status" 0
	is 'what it did' "$(tr '\n' ' ' <"$work/done")" 'restart concert-payment@0.service restart concert-payment@1.service '
	has 'its last line' "$said" 'all 2 instances of payment are ready'
	kill "$server"
}

run_tests
