#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The zone of a refusal in the access log, the gateway's metrics, and the rotation of its logs.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

log=$work/run/gateway/access.log
metrics_port=$((base + 9))
exporter_pid=

settings_of_file() {
	export GATEWAY_STATUS_PORT=$((base + 8)) GATEWAY_CONNECTION_LOG=$work/run/gateway/connections.log
}

stop_what_file_started() {
	[[ -z $exporter_pid ]] || kill "$exporter_pid" 2>/dev/null || true
}

# user NAME: prints an Authorization header as long as a real one, with NAME in the part that the limits count.
user() {
	printf 'Authorization: Bearer h.payload.%060d%s' 0 "$1"
}

# queue_token NAME: the same for X-Queue-Token.
queue_token() {
	printf 'X-Queue-Token: %090d%s' 0 "$1"
}

# at_once ZONE COUNT [OPTION of curl...] PATH: makes COUNT calls at once that ZONE should refuse. The log shows ZONE with them.
at_once() {
	many "$2" -A "zone-$1" "${@:3}" >/dev/null
}

# in_turn ZONE COUNT [OPTION of curl...] PATH: the same on one connection.
in_turn() {
	curl -ks -A "zone-$1" -o /dev/null "${@:3:$#-3}" "$secure${*: -1}#[1-$2]" >/dev/null || true
}

# in_streams: the same as streams of one connection.
in_streams() {
	curl -ks --no-progress-meter --parallel --parallel-max 50 --http2 -A "zone-$1" -o /dev/null "${@:3:$#-3}" \
		"$secure${*: -1}#[1-$2]" >/dev/null || true
}

# refusals ZONE KEY: checks that each refused call made for ZONE names ZONE and a key that matches KEY, and that there is at least one.
refusals() {
	local said
	wait_for 60 grep -q "\"status\":429.*\"userAgent\":\"zone-$1\"" "$log" || return 0
	said=$(jq -rR "fromjson? | select(.userAgent == \"zone-$1\" and .status == 429) | .limitZone" "$log" | sort -u | xargs)
	is "who refused calls for $1" "$said" "$1"
	said=$(jq -rR "fromjson? | select(.userAgent == \"zone-$1\" and .status == 429) | .limitKey" "$log" | sort -u)
	[[ $(grep -cE "^$2\$" <<<"$said") == "$(wc -l <<<"$said")" ]] || fail "keys of $1: $said"
}

test_refused_request_names_its_zone_and_key() {
	# Low, so that a slow machine reaches them too.
	tuned 's/rate=[0-9]*r\/s/rate=1r\/m/; s/burst=[0-9]*/burst=3/'
	at_once status_token 15 -H "$(queue_token a)" /queues/status
	at_once status_user 15 -H "$(user b)" /queues/status
	at_once enter_user 15 -H "$(user c)" /queues/enter
	at_once other_user 15 -H "$(user d)" /points
	in_turn own_connection 15 /healthz
	in_turn listing_connection 15 /concerts
	in_turn map_connection 15 /schedules/1/seats
	in_turn changes_connection 15 '/schedules/1/seats?since=1'
	for zone in status_token status_user enter_user other_user; do
		refusals "$zone" '[0-9a-f]{10}'
	done
	for zone in own_connection listing_connection map_connection changes_connection; do
		refusals "$zone" 'connection [0-9]+'
	done
	is 'a request that passed' "$(jq -rR 'fromjson? | select(.status == 200) | .limitZone + .limitKey' "$log" | sort -u)" ''
	is 'keys of one token' "$(jq -rR 'fromjson? | select(.limitZone == "status_token") | .limitKey' "$log" | sort -u | wc -l)" 1
	lacks 'the log' "$(cat "$log")" payload
	is 'keys of three users' "$(jq -rR 'fromjson? | select(.limitZone | endswith("_user")) | .limitKey' "$log" | sort -u | wc -l)" 3
	# Something short may be a password.
	at_once short 15 -H 'Authorization: Bearer secret' /points
	wait_for 60 grep -q '"status":429.*"userAgent":"zone-short"' "$log" || return 0
	is 'key of a short value' "$(jq -rR 'fromjson? | select(.userAgent == "zone-short" and .status == 429) | .limitKey' "$log" | sort -u)" short
	right
}

test_refusal_by_address_names_its_zone() {
	tuned 's/\(zone=[a-z]*_address burst\)=[0-9]*/\1=5/; s/\(zone=[a-z]*_address:16m rate\)=[0-9]*r\/s/\1=1r\/m/
		s/\(zone=other_address burst\)=[0-9]*/\1=120/' GATEWAY_LIMIT_PER_ADDRESS=on
	at_once status_address 20 /queues/status
	at_once enter_address 20 /queues/enter
	at_once listing_address 20 --http1.1 /concerts
	at_once map_address 20 --http1.1 /schedules/1/seats
	at_once changes_address 20 --http1.1 '/schedules/1/seats?since=1'
	at_once other_address 150 /reservations
	for zone in status_address enter_address listing_address map_address changes_address other_address; do
		refusals "$zone" '127\.0\.0\.1'
	done
	right
}

test_refusal_of_requests_in_flight_names_its_zone() {
	tuned 's/^limit_conn user_connections .*/limit_conn user_connections 2;/
		s/^limit_conn address_connections [0-9]*/limit_conn address_connections 20/
		s/^limit_conn map_connection_open [0-9]*/limit_conn map_connection_open 1/
		s/^limit_conn map_address_open [0-9]*/limit_conn map_address_open 3/
		s/^limit_conn address_bodies [0-9]*/limit_conn address_bodies 2/' GATEWAY_LIMIT_PER_ADDRESS=on
	until_refused zone-user_connections 8 at_once user_connections 10 -H "$(user e)" /reservations/held
	until_refused zone-address_connections 20 at_once address_connections 40 /reservations/held
	until_refused zone-map_address_open 7 at_once map_address_open 10 --http1.1 /schedules/held/seats
	until_refused zone-address_bodies 8 at_once address_bodies 10 --http2 /queues/status?held
	until_refused zone-map_connection_open 5 in_streams map_connection_open 6 /schedules/held/seats
	refusals user_connections '[0-9a-f]{10}'
	refusals map_connection_open 'connection [0-9]+'
	for zone in address_connections map_address_open address_bodies; do
		refusals "$zone" '127\.0\.0\.1'
	done
	right
}

# lines_there NUMBER: returns true if the log and its older files have at least NUMBER lines of the next test.
lines_there() {
	(($(cat "$log" "$log".[0-9]* 2>/dev/null | grep -c '"path":"/reservations/rotated-') >= $1))
}

new_log_is_in_use() {
	call /reservations/afterwards
	sleep 1.5 # nginx writes its lines once a second
	grep -q afterwards "$log"
}

test_rotation_under_load_loses_no_line() {
	local loops round k
	sed -i 's/size 100M/size 20k/; s/rotate 3/rotate 200/' "$RUN_DIR/gateway/current/logrotate.conf"
	for ((round = 1; round <= 5; round++)); do
		loops=()
		for k in 1 2 3 4; do
			curl -ks -o /dev/null -A "loop-$k" "$secure/reservations/rotated-$round-$k-[1-100]" &
			loops+=($!)
		done
		"$work/nginx/rotate-logs" 2>"$work/out" || fail "rotate-logs: $(cat "$work/out")"
		wait "${loops[@]}"
		wait_for 60 lines_there $((400 * round))
		"$work/nginx/rotate-logs" 2>"$work/out" || fail "rotate-logs: $(cat "$work/out")"
	done
	(($(find "$RUN_DIR/gateway" -name 'access.log.*' | wc -l) >= 3)) || fail 'there were hardly any rotations'
	is 'requests with a line' "$(cat "$log" "$log".[0-9]* | jq -rR 'fromjson? | select(.path | startswith("/reservations/rotated-")) | .path' |
		sort -u | wc -l)" 2000
	is 'requests that reached the services' "$(reached /reservations/rotated-)" 2000
	# The new log is in use, and the old one is not. nginx may open it some time after the rotation.
	wait_for 60 new_log_is_in_use
	[[ $(id -u) -ne 0 ]] || is 'the owner of the new log' "$(stat -c %U "$log")" www-data
}

# --- metrics --------------------------------------------------------------------------

start_exporter() {
	[[ -z $exporter_pid ]] || return 0
	EXPORTER_DIR=$work/exporter GATEWAY_ACCESS_LOG=$log GATEWAY_METRICS_PORT=$metrics_port \
		"$root/deploy/monitoring/run-gateway-exporter" >"$work/exporter.log" 2>&1 &
	exporter_pid=$!
	wait_for 60 curl -sf -o /dev/null "http://127.0.0.1:$metrics_port/metrics" || fail "the exporter: $(tail -n 5 "$work/exporter.log")"
	# The exporter reads only lines that nginx writes from now on.
	wait_for 60 count_call
}

# Makes a call that the exporter should count. Returns true if the exporter counts it within ten seconds. So no earlier call is left that
# the exporter would count during a test.
count_call() {
	local k
	call /nowhere
	for ((k = 0; k < 100; k++)); do
		(($(metric 'gateway_requests_total{class="other",service="gateway",status="404"}') == 0)) || return 0
		sleep 0.1
	done
	return 1
}

# metric NAME: prints the present value of a metric; 0 if it is missing.
metric() {
	curl -s "http://127.0.0.1:$metrics_port/metrics" | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

has_value() {
	[[ $(metric "$1") == "$2" ]]
}

# moved NAME BY BEFORE: the metric becomes BEFORE + BY.
moved() {
	wait_for 60 has_value "$1" $(($3 + $2)) || fail "$1: $(metric "$1"), not $3 + $2"
}

test_metrics_count_each_call_by_class_and_status() {
	local k answers names=() before=() by=()
	start_exporter
	# expect METRIC BY: the calls below move it by this.
	expect() {
		names+=("$1")
		by+=("$2")
		before+=("$(metric "$1")")
	}
	expect 'gateway_requests_total{class="payments",service="payment",status="200"}' 3
	expect 'gateway_requests_total{class="listing",service="reservation",status="200"}' 2
	expect 'gateway_requests_total{class="charge",service="point",status="503"}' 1
	expect 'gateway_requests_total{class="health",service="gateway",status="405"}' 1
	expect 'gateway_requests_total{class="enter",service="queue",status="413"}' 1
	expect 'gateway_requests_total{class="seats",service="reservation",status="400"}' 1
	expect 'gateway_upstream_seconds_count{service="payment"}' 3
	expect 'gateway_upstream_seconds_count{service="reservation"}' 2
	expect 'gateway_upstream_tries_total{service="reservation",status="200"}' 2
	expect 'gateway_request_seconds_bucket{service="reservation",le="0.25"}' 2
	for k in 1 2 3; do
		write -d '{}' /payments
	done
	call /concerts
	call /concerts/slow # takes 300 ms
	write -d '{}' /points/charge
	call -X DELETE /healthz
	head -c 70000 /dev/zero >"$work/large"
	call --data-binary "@$work/large" /queues/enter
	call "/schedules/1/seats?$(printf 'x%.0s' {1..2000})"
	answers=$(many 60 -H "$(queue_token counted)" /queues/status)
	[[ $answers =~ 429=([0-9]+) ]] || fail "no call was refused: $answers"
	names+=('gateway_limited_total{zone="status_token"}')
	by+=("${BASH_REMATCH[1]}")
	before+=(0)
	for k in "${!names[@]}"; do
		# On a slow machine /concerts may take longer than 0.25 s.
		[[ ${names[k]} != *le=* ]] || continue
		moved "${names[k]}" "${by[k]}" "${before[k]}"
	done
	has 'the buckets of times' "$(curl -s "http://127.0.0.1:$metrics_port/metrics")" \
		'gateway_upstream_seconds_bucket{le="+Inf",service="reservation"}'
}

test_metrics_miss_no_line_at_a_rotation() {
	local loop before
	start_exporter
	before=$(metric 'gateway_requests_total{class="hold",service="reservation",status="200"}')
	sed -i 's/size [0-9]*[kM]/size 1k/' "$RUN_DIR/gateway/current/logrotate.conf"
	curl -ks -o /dev/null "$secure/reservations/hold?[1-600]" &
	loop=$!
	wait_for 60 grep -q '/reservations/hold' "$log"
	"$work/nginx/rotate-logs"
	wait "$loop"
	moved 'gateway_requests_total{class="hold",service="reservation",status="200"}' 600 "$before"
	grep -q '/reservations/hold' "$log.1" || fail 'the rotation was not during the load'
}

# shake [OPTION of openssl...]: a handshake, and a request if it succeeds.
shake() {
	timeout 60 openssl s_client -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" -ign_eof "$@" \
		< <(printf 'GET /handshake HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n') >/dev/null 2>&1 || true
}

test_handshakes_are_counted_full_resumed_and_failed() {
	local full resumed protocol alert
	start_exporter
	full=$(metric 'gateway_tls_handshakes_total{session="full"}') resumed=$(metric 'gateway_tls_handshakes_total{session="resumed"}')
	protocol=$(metric 'gateway_tls_handshakes_failed_total{reason="protocol"}')
	alert=$(metric 'gateway_tls_handshakes_failed_total{reason="alert"}')
	shake -sess_out "$work/session"
	shake -sess_in "$work/session"
	shake -tls1_1 -cipher DEFAULT@SECLEVEL=0
	shake -tls1_1 -cipher DEFAULT@SECLEVEL=0
	shake -tls1_2 -verify_return_error -no-CAfile -no-CApath -no-CAstore
	moved 'gateway_tls_handshakes_total{session="full"}' 1 "$full"
	moved 'gateway_tls_handshakes_total{session="resumed"}' 1 "$resumed"
	moved 'gateway_tls_handshakes_failed_total{reason="protocol"}' 2 "$protocol"
	moved 'gateway_tls_handshakes_failed_total{reason="alert"}' 1 "$alert"
}

failed_handshakes() {
	curl -s "http://127.0.0.1:$metrics_port/metrics" | awk '/^gateway_tls_handshakes_failed_total/ { n += $2 } END { print n + 0 }'
}

# Clients can write texts into the access log and, after a quote, into the log of connections.
test_texts_of_clients_count_as_nothing() {
	local before client protocol listing forged metrics text='SSL_do_handshake() failed (alert ) while SSL handshaking, client: '
	start_exporter
	before=$(failed_handshakes)
	protocol=$(metric 'gateway_tls_handshakes_failed_total{reason="protocol"}')
	listing=$(metric 'gateway_requests_total{class="listing",service="reservation",status="200"}')
	call -A "$text" /concerts
	call '/concerts/SSL_do_handshake()failed'
	call -A 'firewall rate 987654 open 987654 ' /concerts
	# nginx writes a header value of HTTP/2 into the log of connections with its line ends.
	forged=$(head -n 1 "$log" | jq -c '.service = "forged" | .limitZone = "forged"')
	call --http2 -A $'x\nfirewall rate 987654 open 987654 \n'"$forged"$'\nx' /concerts
	# A client of HTTP/1.1 disconnects, so nginx writes its request line to the log of connections.
	curl -ks --http1.1 --max-time 60 -o /dev/null -g "$secure/schedules/hang/in%20SSL%20handshake,%20client:%20;SSL_do_handshake()failed" &
	client=$!
	wait_for 60 grep -q /schedules/hang/in "$upstream_log"
	kill "$client"
	wait "$client" || true
	wait_for 60 grep -q /schedules/hang/in "$GATEWAY_CONNECTION_LOG"
	# The exporter counts only this real failure.
	shake -tls1_1 -cipher DEFAULT@SECLEVEL=0
	moved 'gateway_requests_total{class="listing",service="reservation",status="200"}' 3 "$listing"
	moved 'gateway_tls_handshakes_failed_total{reason="protocol"}' 1 "$protocol"
	is 'failed handshakes' "$(failed_handshakes)" $((before + 1))
	metrics=$(curl -s "http://127.0.0.1:$metrics_port/metrics")
	lacks 'refused connections' "$metrics" 987654
	lacks 'the labels' "$metrics" forged
}

test_request_without_an_answer_has_status_0() {
	local name='gateway_requests_total{class="reservations",service="reservation",status="0"}' before
	start_exporter
	before=$(metric "$name")
	call --http2 -A $'a line end\nin a header' /reservations/unanswered
	moved "$name" 1 "$before"
	has 'its line' "$(grep -F '"path":"/reservations/unanswered"' "$log")" '"status":0,'
	is 'numbers with zeros before them, which are no JSON' "$(grep -cE '":0[0-9]' "$log")" 0
}

accepted() {
	curl -s "http://127.0.0.1:$GATEWAY_STATUS_PORT/stub_status" | awk 'NR == 3 { print $1 }'
}

test_connections_are_counted_on_loopback_only() {
	local before
	start_exporter
	before=$(accepted)
	call /concerts
	call /concerts
	# Two of the calls, and one of the second question.
	is 'connections accepted' "$(accepted)" $((before + 3))
	call /stub_status
	is 'the public gateway' "$status" 404
	is 'addresses that answer' \
		"$(ss -Hltn "sport = :$GATEWAY_STATUS_PORT or sport = :$metrics_port" | awk '{ print $4 }' | sort -u | xargs)" "127.0.0.1:$GATEWAY_STATUS_PORT 127.0.0.1:$metrics_port"
	lacks 'metrics' "$(curl -s "http://127.0.0.1:$metrics_port/metrics")" zone-
}

test_connections_that_the_kernel_refused_are_counted() {
	firewall_works || return 0
	start_exporter
	sed -i 's/ct count over [0-9]*/ct count over 20/' "$work/nginx/connections.nft"
	GATEWAY_LIMIT_PER_ADDRESS=on "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	is 'before' "$("$work/nginx/firewall" refused | xargs)" 'rate 0 open 0'
	hold silent -n 50 -o 20 -s 60
	figures now
	wait_for 60 kernel_count_is_shown
	cp "$root/nginx/connections.nft" "$work/nginx/connections.nft"
	right
}

kernel_count_is_shown() {
	local open
	open=$("$work/nginx/firewall" refused | sed -n 's/^open //p')
	((open > 0)) && has_value 'gateway_connections_refused_total{rule="open"}' "$open"
}

# --- make limits ------------------------------------------------------------------------

shown_are_logged() {
	[[ $(grep -c '"status":429.*"userAgent":"shown"' "$log") == "$1" ]]
}

test_limits_shows_zone_key_and_count_also_from_rotated_logs() {
	local answers refused said key
	# Even a slow machine sends more of them than three a second.
	answers=$(many 100 -H "$(queue_token shown)" -A shown /queues/status)
	[[ $answers =~ 429=([0-9]+) ]] || fail "no call was refused: $answers"
	refused=${BASH_REMATCH[1]}
	wait_for 60 shown_are_logged "$refused"
	key=$(jq -rR 'fromjson? | select(.userAgent == "shown" and .status == 429) | .limitKey' "$log" | sort -u)
	sed -i 's/size [0-9]*[kM]/size 1k/' "$RUN_DIR/gateway/current/logrotate.conf"
	"$work/nginx/rotate-logs"
	lacks 'the new log' "$(cat "$log" 2>/dev/null)" '"userAgent":"shown"'
	said=$(GATEWAY_ACCESS_LOG=$log ROWS=100 "$work/nginx/limits" 60) || fail "limits failed: $said"
	has 'limits' "$(tr -s ' ' <<<"$said")" "status_token 3/s, bursts of 6 $key $refused "
	has 'limits' "$(grep "$key" <<<"$said")" 'GET /queues/status'
	has 'limits' "$(grep "$key" <<<"$said")" 127.0.0.1
	has 'busiest addresses' "$(tr -s ' ' <<<"$said")" ' of 2000/s'
	has 'a log that is none' "$(GATEWAY_ACCESS_LOG=$work/none "$work/nginx/limits" 2>&1 || true)" 'there is no such log'
	has 'minutes that are none' "$("$work/nginx/limits" soon 2>&1 || true)" "MINUTES: 'soon'"
	# A client chooses the path: a terminal takes the bytes C2 9B (or 9B) for the beginning of a command.
	jq -c --arg path $'/\xc2\x9b31m' 'select(.userAgent == "shown") | .path = $path | .limitKey = "odd"' "$log".[0-9]* >"$work/odd.log"
	said=$(GATEWAY_ACCESS_LOG=$work/odd.log "$work/nginx/limits" 60)
	has 'controls' "$(grep -a odd <<<"$said")" 'GET /??31m '
	head -c 3000000 /dev/zero | tr '\0' 'x' >"$work/large.log"
	has 'a large log' "$(GATEWAY_ACCESS_LOG=$work/large.log LIMITS_MEGABYTES=1 "$work/nginx/limits")" 'Only the newest 1 MB'
}

# A shell may have more files than the gateway's master, for example that of an operator who reloads it.
test_reload_from_a_shell_with_more_open_files_asks_for_those_of_the_master() {
	local master
	master=$(<"$RUN_DIR/gateway/nginx.pid")
	prlimit --pid "$master" --nofile=3000:3000
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	has 'the files in force' "$(cat "$RUN_DIR/gateway/current/nginx.conf")" 'worker_rlimit_nofile 3000;'
	call /concerts
	is status "$status" 200
	is 'alerts since the start' "$(cat "$RUN_DIR"/gateway/error.log* | grep -c '\[alert\]' || true)" 0
}

run_tests
