#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2154 # variables of common.sh; bash -c expands its own
# The services' addresses come from DNS and change while the gateway runs.
#
# A real DNS server (dnsmasq) answers from a file that the tests change. The gateway runs as in its image (nginx/start), in a mount
# namespace whose /etc/resolv.conf names that server. This takes root; otherwise each test passes without a check.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

dns_address=127.53.$((base / 256 % 256)).$((base % 256))
dns_pid=''
starter_pid=''
stand_in_pid=''
silent_pid=''

can_run() {
	[[ $(id -u) -eq 0 ]] && unshare --mount true 2>/dev/null
}

settings_of_file() {
	local name
	export QUEUE_UPSTREAMS=queue.services.test:$((base + 2))
	export RESERVATION_UPSTREAMS=reservation.services.test:$((base + 3))
	export PAYMENT_UPSTREAMS=
	for name in a b c d e; do
		PAYMENT_UPSTREAMS+="payment-$name.services.test:$((base + 5)) "
	done
	export POINT_UPSTREAMS=127.0.0.1:$((base + 7))
	export GATEWAY_RESOLVE_SECONDS=1 GATEWAY_LIMIT_PER_CONNECTION=off
	names
}

# names LINE...: gives the DNS server these names, instead of the earlier ones. A line has an address and a name.
names() {
	printf '%s\n' "$@" >"$work/hosts"
	[[ -z $dns_pid ]] || kill -HUP "$dns_pid"
}

start_dns() {
	: >"$work/dns.log"
	dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --no-resolv --no-hosts --addn-hosts="$work/hosts" \
		--listen-address="$dns_address" --bind-interfaces --log-queries --log-facility="$work/dns.log" &
	dns_pid=$!
	wait_for 60 grep -q started "$work/dns.log"
}

stop_dns() {
	kill "$dns_pid"
	wait "$dns_pid" 2>/dev/null || true
	dns_pid=
}

start_gateway() {
	: >"$work/follow.log"
	start_dns
	printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$dns_address" >"$work/resolv.conf"
	start_starter
}

# A shell ignores QUIT in the programs that it starts in the background. `env` undoes that.
start_starter() {
	env --default-signal=QUIT unshare --mount --propagation private bash -c 'mount --bind "$1" /etc/resolv.conf && exec "$2"' - \
		"$work/resolv.conf" "$work/nginx/start" >>"$work/follow.log" 2>&1 &
	starter_pid=$!
}

stop_what_file_started() {
	[[ -z $starter_pid ]] || kill -TERM "$starter_pid" 2>/dev/null || true
	[[ -z $dns_pid ]] || kill "$dns_pid" 2>/dev/null || true
	[[ -z $silent_pid ]] || kill "$silent_pid" 2>/dev/null || true
	[[ -z $stand_in_pid ]] || kill "$stand_in_pid" 2>/dev/null || true
}

# More instances: reservation at 127.0.2.1 and 127.0.2.2, payment at 127.0.2.1.
start_stand_in() {
	"$programs/upstream" "$upstream_log" "127.0.2.1:$((base + 3))" "127.0.2.2:$((base + 3))" "127.0.2.1:$((base + 5))" &
	stand_in_pid=$!
}

# Begins a test: DNS runs and has one address of reservation and of payment, the gateway uses them, and instances answer there.
begin() {
	[[ -n $stand_in_pid ]] || start_stand_in
	[[ -n $dns_pid ]] || start_dns
	names '127.0.2.1 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.1 && wait_for 60 uses payment 127.0.2.1
}

# uses SERVICE ADDRESS...: returns true if the current files have these addresses of the service.
uses() {
	[[ $(sed -n 's/^server \([0-9.]*\):.* max_fails.*/\1/p' "$RUN_DIR/gateway/current/servers/$1.conf" | xargs) == "${*:2}" ]] &&
		! pgrep -f "$work/nginx/reload" >/dev/null
}

answers_with() {
	call "$2"
	[[ $status == "$1" ]]
}

asked_more_than() {
	(($(grep -c 'query\[A\] reservation' "$work/dns.log") > $1))
}

# A run of each test file without root shows that it is skipped.
skipped() {
	if can_run; then
		return 1
	fi
	echo "# skipped: root and mount namespaces are needed"
}

test_gateway_starts_without_any_address_and_answers_503() {
	skipped && return
	call /healthz
	is status "$status" 200
	call /concerts
	problem 503 SERVICE_UNAVAILABLE
	write -d '{}' /payments
	problem 503 SERVICE_UNAVAILABLE
	write -d '{}' /queues/enter
	problem 503 SERVICE_UNAVAILABLE
}

test_service_whose_address_appears_is_used_without_a_restart() {
	skipped && return
	local master
	master=$(<"$RUN_DIR/gateway/nginx.pid")
	begin || return 0
	wait_for 60 answers_with 200 /concerts
	write -d '{}' /payments
	is status "$status" 200
	is master "$(<"$RUN_DIR/gateway/nginx.pid")" "$master"
	# The queue's name still has no address.
	write -d '{}' /queues/enter
	problem 503 SERVICE_UNAVAILABLE
	wait_for 60 grep -q 'gateway-follow: changed: .*reservation.services.test 127.0.2.1' "$work/follow.log"
}

test_look_up_without_a_change_reloads_nothing() {
	skipped && return
	local current looks
	begin || return 0
	current=$(readlink "$RUN_DIR/gateway/current")
	looks=$(grep -c 'query\[A\] reservation' "$work/dns.log")
	wait_for 60 asked_more_than $((looks + 3))
	is 'files in force' "$(readlink "$RUN_DIR/gateway/current")" "$current"
}

# load FILE COMMAND...: repeats the command until the file `loading` is gone. Its output goes to FILE.
load() {
	while [[ -e $work/loading ]]; do
		"${@:2}" || echo "curl: $?"
	done >"$1"
}

read_concerts() {
	curl -ks --http1.1 -w '%{http_code}\n' -o /dev/null "$secure/concerts/[1-50]"
}

# Fewer than the burst of a user, and a new user each time.
payers=0
pay() {
	payers=$((payers + 1))
	curl -ks --http1.1 -w '%{http_code}\n' -H "Authorization: Bearer h.p.$BASHPID-$payers" -d '{}' -o /dev/null "$secure/payments?[1-30]"
}

test_changed_addresses_under_load_lose_no_request() {
	skipped && return
	local k loops=()
	begin || return 0
	touch "$work/loading"
	for k in 1 2; do
		load "$work/reads.$k" read_concerts &
		loops+=($!)
		load "$work/writes.$k" pay &
		loops+=($!)
	done
	names '127.0.2.1 reservation.services.test' '127.0.2.2 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.1 127.0.2.2
	names '127.0.2.2 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.2
	rm "$work/loading"
	wait "${loops[@]}"
	is 'answers of reads' "$(cat "$work"/reads.* | sort -u)" 200
	is 'answers of writes' "$(cat "$work"/writes.* | sort -u)" 200
	(($(reached "^127.0.2.2:$((base + 3)) ") > 0)) || fail "the new instance got no request"
	: >"$upstream_log"
	call /concerts
	is 'requests to the old instance' "$(reached "^127.0.2.1:$((base + 3)) ")" 0
	is 'requests to the new instance' "$(reached "^127.0.2.2:$((base + 3)) ")" 1
}

test_operators_unfinished_changes_wait_for_the_operators_reload() {
	skipped && return
	begin || return 0
	echo 'client_max_body_sise 64k;' >>"$work/nginx/tuning.conf"
	names '127.0.2.2 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.2
	lacks 'the files in force' "$(cat "$RUN_DIR/gateway/current/tuning.conf")" body_sise
	right
	# The settings of the operator's reload stay when addresses change later.
	CORS_ORIGIN=https://other.example.com "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	names '127.0.2.1 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.1
	call -H 'Origin: https://other.example.com' /concerts
	is 'the origin' "$(header access-control-allow-origin)" https://other.example.com
}

test_addresses_stay_in_use_while_dns_does_not_answer() {
	skipped && return
	begin || return 0
	stop_dns
	wait_for 60 grep -q 'names without an address now: .*reservation.services.test' "$work/follow.log"
	call /concerts
	is status "$status" 200
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call /concerts
	is 'status after a reload' "$status" 200
}

test_gateway_that_restarts_without_dns_uses_the_last_addresses() {
	skipped && return
	begin || return 0
	stop_dns
	kill -QUIT "$starter_pid"
	wait "$starter_pid" || fail "the gateway ended with $?"
	start_starter
	wait_for 60 answers_with 200 /healthz
	call /concerts
	is status "$status" 200
	# It follows them again when DNS is back.
	start_dns
	names '127.0.2.2 reservation.services.test'
	wait_for 60 uses reservation 127.0.2.2
}

# The resolver would wait five seconds for the first server, and the look-up has four.
test_name_server_that_is_silent_hides_no_address() {
	skipped && return
	local silent=127.54.$((base / 256 % 256)).$((base % 256))
	begin || return 0
	perl -MIO::Socket::INET -e '$_ = IO::Socket::INET->new(Proto => "udp", LocalAddr => $ARGV[0], LocalPort => 53) or die; sleep' "$silent" &
	silent_pid=$!
	printf 'nameserver %s\nnameserver %s\n' "$silent" "$dns_address" >"$work/resolv.conf"
	names '127.0.2.2 reservation.services.test' '127.0.2.1 payment-a.services.test'
	wait_for 60 uses reservation 127.0.2.2
	printf 'nameserver %s\noptions timeout:1 attempts:1\n' "$dns_address" >"$work/resolv.conf"
	kill "$silent_pid"
	silent_pid=
}

# QUEUE_HOST with several instances: one name with several ports.
test_name_of_several_instances_is_looked_up_once() {
	local k
	mkdir "$work/once"
	echo 'queue localhost:1 localhost:2 localhost:3' >"$work/once/upstreams"
	for k in {1..10}; do
		nginx/resolve "$work/once"
		is 'names' "$(cut -d' ' -f1 "$work/once/addresses")" localhost
		is 'instances' "$(grep -c '127.0.0.1' "$work/once/servers/queue.conf")" 3
	done
}

test_gateway_stops_with_a_request_in_flight_after_its_answer() {
	skipped && return
	local slow
	begin || return 0
	curl -ks -o /dev/null -w '%{http_code}' "$secure/concerts/slowly" >"$work/slow" &
	slow=$!
	wait_for 60 grep -q slowly "$upstream_log"
	kill -QUIT "$starter_pid"
	wait "$starter_pid" || fail "the gateway ended with $?"
	starter_pid=
	wait "$slow" || true
	is 'the answer' "$(cat "$work/slow")" 200
}

uses_servers() {
	[[ $(grep -c max_fails "$RUN_DIR/gateway/current/servers/$1.conf") == "$2" ]] && ! pgrep -f "$work/nginx/reload" >/dev/null
}

# The last test, because names that end keep their addresses. The test before has stopped the gateway.
test_gateway_uses_at_most_256_of_very_many_addresses() {
	skipped && return
	local k name lines=('127.0.2.1 reservation.services.test')
	[[ -n $starter_pid ]] || start_starter
	begin || return 0
	for name in a b c d e; do
		for k in {1..200}; do
			lines+=("127.8.0.$k payment-$name.services.test")
		done
	done
	names "${lines[@]}"
	wait_for 60 uses_servers payment 256
	call /concerts
	is status "$status" 200
}

run_tests
