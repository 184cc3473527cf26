#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The commands of the local stack.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_second_up_changes_nothing() {
	local before after
	before=$(for name in $(programs); do "$RUN_DIR/ctl" pid "$name"; done)
	said=$(deploy/local/up 2>&1) || fail "it failed: $said"
	after=$(for name in $(programs); do "$RUN_DIR/ctl" pid "$name"; done)
	has 'what it says' "$said" 'nothing was changed'
	has 'what it says' "$said" "https://localhost:$GATEWAY_HTTPS_PORT"
	is 'the processes' "$after" "$before"
}

test_journey_by_points_completes() {
	said=$(deploy/local/journey 2>&1) || fail "it failed: $said"
	is 'the last line' "$(tail -n 1 <<<"$said")" 'The journey is complete.'
}

test_journey_with_charges_by_card_completes() {
	local before
	before=$(sed -n 's/^CHARGE_FUNDING=//p' "$RUN_DIR/env")
	sed -i 's/^CHARGE_FUNDING=.*/CHARGE_FUNDING=card/' "$RUN_DIR/env"
	"$RUN_DIR/ctl" restart point-0 >/dev/null
	wait_for 60 curl -sf -o /dev/null "http://127.0.0.1:$POINT_PORT/readyz"
	said=$(deploy/local/journey 2>&1) || fail "it failed: $said"
	is 'the last line' "$(tail -n 1 <<<"$said")" 'The journey is complete.'
	sed -i "s/^CHARGE_FUNDING=.*/CHARGE_FUNDING=$before/" "$RUN_DIR/env"
	"$RUN_DIR/ctl" restart point-0 >/dev/null
	wait_for 60 curl -sf -o /dev/null "http://127.0.0.1:$POINT_PORT/readyz"
}

test_status_lists_every_program() {
	wait_for 120 status_is_whole || fail "it failed: $said"
	is 'ready programs' "$(grep -c ' RUNNING .* ready$' <<<"$said")" "$(programs | wc -l)"
	is 'the last line' "$(tail -n 1 <<<"$said")" "all $(programs | wc -l) programs are ready"
}

# Restarts the point service's first instance, for example with other settings in RUN_DIR/env.
restart_point() {
	"$RUN_DIR/ctl" restart point-0 >/dev/null
	wait_for 60 curl -sf -o /dev/null "http://127.0.0.1:$POINT_PORT/readyz"
}

test_spans_of_a_request_through_the_gateway_are_printed() {
	local trace=0af7651916cd43dd8448eb211c80319c collector=$((port + 15)) pid
	deploy/local/spans "$collector" >"$work/spans" 2>&1 &
	pid=$!
	cp "$RUN_DIR/env" "$work/env"
	sed -i '/^TRACE_/d' "$RUN_DIR/env"
	printf 'TRACE_COLLECTOR_URL=http://127.0.0.1:%d\nTRACE_SAMPLE_ONE_IN=1\n' "$collector" >>"$RUN_DIR/env"
	restart_point
	get /points -H "Authorization: Bearer $(make -s token STACK_ENV="${STACK_ENV:-}")" -H "traceparent: 00-$trace-b7ad6b7169203331-00" \
		>/dev/null
	wait_for 60 grep -q postgresql.wait "$work/spans"
	said=$(sed -n "/^trace $trace/,/^$/p" "$work/spans")
	has trace "$said" "trace $trace  point"
	has request "$said" '  GET /points  200'
	has function "$said" '    point.get_wallet  OK'
	has parts "$said" '      postgresql.queue'
	kill "$pid"
	cp "$work/env" "$RUN_DIR/env"
	restart_point
}

test_spans_refuses_a_wrong_argument() {
	said=$(deploy/local/spans port 2>&1) && fail "it did not fail"
	has usage "$said" 'usage: spans [PORT]'
}

test_logs_print_the_lines_asked_for() {
	said=$(N=3 P=postgres deploy/local/logs)
	is 'lines' "$(wc -l <<<"$said")" 4
	is 'a log that is none' "$(P=none deploy/local/logs 2>&1)" "error: P: there is no log $RUN_DIR/log/none.log"
}

test_invariants_refuses_a_wrong_number_of_rows() {
	said=$(ROWS=all deploy/local/invariants 2>&1) && fail "it did not fail"
	is 'the message' "$said" "error: ROWS: 'all' is not a whole number from 1 to 9999999"
}

test_states_of_a_supervisord_that_stops_are_none() {
	# shellcheck disable=SC2317 # states calls it
	curl() {
		printf '<%s>\n' methodResponse fault value struct member name
		printf '<%s>%s</%s>\n' name faultCode name int 6 int name faultString name string SHUTDOWN_STATE string
		printf '</%s>\n' member struct value fault methodResponse
	}
	is 'the states' "$(states)" ''
	unset -f curl
}

# The exporters' names begin like those of the programs that they watch.
test_each_program_of_monitoring_has_the_address_of_its_port() {
	local name port
	while read -r name port; do
		is "the address of $name" "$(MONITORING=1 address_of "$name")" "127.0.0.1:$port"
	done < <(MONITORING=1 monitoring_ports)
}

# Clients choose parts of some lines, and a terminal obeys these bytes.
test_logs_print_no_control_character() {
	printf 'a\033[31mb\xc2\x9b31mc\x7fd\t\xed\x91\x9c\n' >"$RUN_DIR/log/odd.log"
	said=$(P=odd deploy/local/logs | tail -n 1)
	rm -f "$RUN_DIR/log/odd.log"
	is 'the line' "$said" $'a?[31mb?31mc?d\t표'
}

test_logs_of_a_folder_without_logs_fail() {
	said=$(RUN_DIR=$work/empty deploy/local/logs 2>&1) && fail "it did not fail: $said"
	has 'what it says' "$said" "no log in $work/empty/log: make up starts a stack"
}

# With `find | grep -q` find may end by SIGPIPE, and the log would count as lost.
test_write_ahead_log_of_many_segments_is_found() {
	local k
	chmod 711 "$work"
	mkdir "$work/many"
	for ((k = 0; k < 3000; k++)); do
		printf x >"$work/many/$(printf %024X "$k")"
	done
	chmod -R go+rX "$work/many"
	for ((k = 0; k < 10; k++)); do
		bash -c 'set -euo pipefail
			source deploy/local/settings.sh
			source deploy/local/cluster.sh
			source deploy/local/recovery.sh
			has_log "$1"' bash "$work/many" || fail "has_log does not find it"
	done
}

# next_call_is_logged LOG: until all workers have opened the new log, a call may still be in the old one.
next_call_is_logged() {
	get /healthz && grep -q /healthz "$1"
}

# Without this rotation the log would fill the disk: supervisor cannot rotate a log that nginx writes itself.
test_large_access_log_is_rotated_under_load() {
	local log=$RUN_DIR/gateway-log/access.log
	is 'the link for make logs' "$(readlink -f "$RUN_DIR/log/access.log")" "$(readlink -f "$log")"
	truncate -s 106000000 "$log"
	get /healthz >/dev/null
	wait_for 60 test -s "$log.1"
	wait_for 60 next_call_is_logged "$log"
	(($(stat -c %s "$log") < 1000000)) || fail "nginx still writes to the old log: $(stat -c %s "$log") bytes"
	rm -f "$log.1"
}

test_gateway_started_without_an_alert_or_warning() {
	is 'its error log' "$(cat "$RUN_DIR"/gateway-log/gateway-error.log* | grep -E '\[(warn|alert|emerg|crit)\]' | grep -v upstream || true)" ''
}

test_limits_shows_who_was_refused() {
	local token k
	token=$(make -s token STACK_ENV="${STACK_ENV:-}")
	for ((k = 0; k < 5; k++)); do
		curl -ks --parallel --parallel-immediate --parallel-max 50 -o /dev/null -H "Authorization: Bearer $token" \
			"https://127.0.0.1:$GATEWAY_HTTPS_PORT/reservations?x=[1-100]"
	done
	wait_for 60 grep -q '"limitZone":"other_user"' "$RUN_DIR/gateway-log/access.log"
	said=$(make -s limits STACK_ENV="${STACK_ENV:-}") || fail "it failed: $said"
	has 'what it says' "$(tr -s ' ' <<<"$said")" 'other_user 20/s, bursts of 40'
	has 'what it says' "$said" 'GET /reservations'
	lacks 'what it says' "$said" "${token: -20}"
	has 'help' "$(deploy/local/limits --help)" 'GATEWAY_ACCESS_LOG'
}

test_token_prints_only_tokens() {
	local user=0197a3c2-0000-7000-8000-000000000001 claims
	said=$(make -s token "USER=$user" ROLES=operator STACK_ENV="${STACK_ENV:-}" 2>&1)
	[[ $said =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]] || fail "the output is not only a token: $said"
	claims=$(jq -R 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson' <<<"$said")
	is sub "$(jq -r .sub <<<"$claims")" "$user"
	is roles "$(jq -c .roles <<<"$claims")" '["operator"]'
	said=$(make -s token COUNT=3 STACK_ENV="${STACK_ENV:-}")
	is 'users' "$(cut -d. -f2 <<<"$said" | sort -u | wc -l)" 3
}

test_committed_data_is_on_disk() {
	use_superuser
	is fsync "$(sql -c 'SHOW fsync')" on
	is synchronous_commit "$(sql -c 'SHOW synchronous_commit')" on
	is appendonly "$(redis config get appendonly | tail -n 1)" yes
}

test_connections_of_all_workers_fit_into_postgres() {
	use_superuser
	(($(sql -c 'SHOW max_connections') >= 4 * INSTANCES * WORKERS * PG_POOL_SIZE + 20)) || fail "max_connections is too small"
}

test_changed_gateway_setting_takes_effect_at_reload() {
	local before
	before=$(sed -n 's/^GATEWAY_HSTS_SECONDS=//p' "$RUN_DIR/env")
	sed -i 's/^GATEWAY_HSTS_SECONDS=.*/GATEWAY_HSTS_SECONDS=4711/' "$RUN_DIR/env"
	make -s gateway-reload STACK_ENV="${STACK_ENV:-}" >/dev/null || fail "the reload failed"
	has 'an answer' "$(get /healthz -D - -o /dev/null)" 'max-age=4711'
	sed -i "s/^GATEWAY_HSTS_SECONDS=.*/GATEWAY_HSTS_SECONDS=$before/" "$RUN_DIR/env"
	make -s gateway-reload STACK_ENV="${STACK_ENV:-}" >/dev/null || fail "the reload failed"
}

# Compose and systemd must wait for the drain and five seconds more, before they kill a service. (Kubernetes: deploy/k8s/check.)
test_stop_timeouts_are_longer_than_the_drain() {
	local drain file seconds
	drain=${SETTING_DEFAULT[DRAIN_SECONDS]}
	seconds=$(sed -n '/^x-service/,/^$/s/^  stop_grace_period: \([0-9]*\)s$/\1/p' docker-compose.yml)
	((seconds >= drain + 5)) || fail "docker-compose.yml waits only $seconds s"
	for file in deploy/systemd/*.service; do
		seconds=$(sed -n 's/^TimeoutStopSec=//p' "$file")
		((seconds >= drain + 5)) || fail "$file waits only $seconds s"
	done
}

run_tests
