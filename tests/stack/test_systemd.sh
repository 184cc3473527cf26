#!/usr/bin/env bash
# shellcheck disable=SC2013,SC2154 # variables of common.sh; names of units have no blanks
# The units of deploy/systemd, and the scripts that they start. systemd itself does not run here.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/local/unprivileged.sh
source deploy/local/unprivileged.sh

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

# The local stack runs the programs with the same options, so here it is only about systemd.
test_systemd_units_of_debian_read_the_defaults_of_monitoring() {
	local file name
	for file in deploy/monitoring/default/*; do
		name=${file##*/}
		grep -qx "EnvironmentFile=/etc/default/$name" "/lib/systemd/system/$name.service" || fail "$name.service does not read /etc/default/$name"
		# Words that bash and systemd read alike.
		grep -qxE "ARGS='[^'\"\\]*'" "$file" || fail "$file has no simple line ARGS='...'"
		said=$(systemd-analyze verify --man=no --recursive-errors=no "/lib/systemd/system/$name.service" 2>&1) || fail "$said"
	done
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
	wait_ready payment PAYMENT_PORT="$PAYMENT_PORT" deploy/systemd/wait-ready 60
	is "its status ($said)" "$status" 0
	# The gateway.
	wait_ready '' GATEWAY_HTTPS_PORT="$GATEWAY_HTTPS_PORT" deploy/systemd/wait-ready 60
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
	wait_for 60 test -s "$work/port"
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

# The tree as in /opt/concert, and the settings of README.md with addresses of the test stack. Sets $opt; writes $opt/env.
install_opt() {
	local service n=40
	opt=$work/opt
	[[ ! -e $opt ]] || return 0
	chmod 711 "$work"
	mkdir -p "$opt"/{services,deploy/systemd,build/kore,secrets,keys}
	cp "$BUILD_DIR"/{queue,reservation,payment,point}.so "$BUILD_DIR/version" "$opt/build"
	cp "$BUILD_DIR/kore/kore" "$opt/build/kore"
	cp services/kore.conf "$opt/services"
	cp deploy/systemd/{start-service,wait-ready} "$opt/deploy/systemd"
	openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out "$opt/keys/one.pem" 2>/dev/null
	sed -n '/^3\. /,/^4\. /s/^   \([A-Z_]*=.*\)$/\1/p' deploy/systemd/README.md |
		sed -E "/^PG_SSLROOTCERT=/d; s/^(BIND|PG_HOST|REDIS_HOST)=.*/\1=127.0.0.1/; s/^PG_PORT=.*/PG_PORT=$PG_PORT/
			s/^REDIS_PORT=.*/REDIS_PORT=$REDIS_PORT/; s#^JWT_KEYS_DIR=.*#JWT_KEYS_DIR=$opt/keys#" >"$opt/env"
	for service in QUEUE RESERVATION PAYMENT POINT; do
		sed -i "s/^${service}_PORT=.*/${service}_PORT=$((POINT_PORT + n))/" "$opt/env"
		n=$((n + 1))
	done
	chmod -R go+rX "$opt"
}

# start_unit SERVICE: what the unit starts, with the credentials that it has. Sets $pid.
start_unit() {
	local service=$1 folder=$work/run-$1 name file as=()
	mkdir -p "$folder/credentials"
	while IFS=: read -r name file; do
		cp "$RUN_DIR/secrets/$file" "$folder/credentials/$name"
	done < <(sed -n 's#^LoadCredential=\([a-z_]*\):/etc/concert/secrets/\(.*\)#\1:\2#p' "deploy/systemd/concert-$service@.service")
	chmod 700 "$folder" "$folder/credentials"
	((EUID != 0)) || {
		chown -R "$SERVICE_USER:" "$folder"
		as=(setpriv "--reuid=$SERVICE_USER" "--regid=$SERVICE_USER" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all)
	}
	(
		cd / || exit 1
		mapfile -t settings <"$opt/env"
		exec env -i PATH=/usr/bin:/bin "${settings[@]}" SERVICE="$service" INSTANCE=0 RUNTIME_DIRECTORY="$folder" \
			CREDENTIALS_DIRECTORY="$folder/credentials" "${as[@]}" setpriv --pdeathsig KILL "$opt/deploy/systemd/start-service"
	) >"$work/$service.log" 2>&1 &
	pid=$!
}

test_systemd_unit_starts_with_the_settings_of_its_guide() {
	local service settings pid=0
	install_opt
	mapfile -t settings <"$opt/env"
	for service in "${SERVICES[@]}"; do
		start_unit "$service"
		wait_ready "$service" "${settings[@]}" "$opt/deploy/systemd/wait-ready" 120
		is "the start of $service ($said; $(tail -n 3 "$work/$service.log"))" "$status" 0
		kill "$pid"
		wait "$pid"
		is "the end of $service" "$?" 0
	done
}

# roll ENV SECONDS: deploy/systemd/roll payment, which waits SECONDS for each instance, with a systemctl that only writes down what it
# should do.
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
	said=$(PATH=$work/bin:$PATH DONE=$work/done ENV_FILE=$1 READY_SECONDS=$2 deploy/systemd/roll payment 2>&1) || status=$?
}

test_systemd_roll_stops_at_an_instance_that_is_not_ready() {
	printf '# settings\nBIND=127.0.0.1\nPAYMENT_PORT=1\n' >"$work/env"
	roll "$work/env" 1
	is 'its status' "$status" 1
	has 'its message' "$said" 'STOPPED: concert-payment@0.service is not ready; 0 of 2'
	is 'what it did' "$(<"$work/done")" 'restart concert-payment@0.service'
}

test_systemd_roll_restarts_each_instance_in_turn() {
	serve 200
	printf 'BIND=127.0.0.1\nPAYMENT_PORT=%s\n' "$port" >"$work/env"
	roll "$work/env" 60
	is "its status ($said)" "$status" 0
	is 'what it did' "$(tr '\n' ' ' <"$work/done")" 'restart concert-payment@0.service restart concert-payment@1.service '
	has 'its last line' "$said" 'all 2 instances of payment are ready'
	kill "$server"
}

run_tests
