# Connections that ask for nothing: from one address they keep no other address out. Sourced by run.
# shellcheck shell=bash disable=SC2154

# hold MODE [ARG...]: a hostile client from 127.0.0.2 in the background; returns when it has all it can get.
hold() {
	: >"$work/hostile.out"
	"$work/hostile" "$@" "$GATEWAY_HTTPS_PORT" >"$work/hostile.out" 2>&1 &
	hostile_pid=$!
	for ((i = 0; i < 600; i++)); do
		! grep -q ready "$work/hostile.out" || return 0
		sleep 0.1
	done
	fail "the hostile client is not ready: $(cat "$work/hostile.out")"
}

# Waits for the hostile client's end and sets $peak, $closed, $answered, $refused and $sent to what it says.
figures() {
	local name
	wait "$hostile_pid" || fail "the hostile client failed: $(cat "$work/hostile.out")"
	for name in peak closed answered refused sent; do
		printf -v "$name" '%d' "$(sed -n "s/.*\b$name=\([0-9]*\).*/\1/p" "$work/hostile.out")"
	done
}

# served ADDRESS: five calls from there are answered, each over a connection of its own.
served() {
	local k
	for ((k = 0; k < 5; k++)); do
		call --interface "$1" /concerts
		is "call $k from $1" "$status" 200
	done
}

firewall_works() {
	[[ $(id -u) -eq 0 ]] && nft add table inet concert_gateway_probe 2>/dev/null && nft delete table inet concert_gateway_probe
}

# bounded SED-SCRIPT: connections.nft changed so, in force.
bounded() {
	cp "$root/nginx/connections.nft" "$work/nginx/connections.nft"
	sed -i "$1" "$work/nginx/connections.nft"
	! cmp -s "$root/nginx/connections.nft" "$work/nginx/connections.nft" || fail "nothing was changed: $1"
	GATEWAY_LIMIT_PER_ADDRESS=on "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

unbounded() {
	cp "$root/nginx/connections.nft" "$work/nginx/connections.nft"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

# Where the kernel's rules cannot be loaded, as in some containers, this shows nothing.
test_an_address_has_a_bounded_number_of_connections() {
	local mode
	firewall_works || return 0
	bounded 's/ct count over [0-9]*/ct count over 40/'
	for mode in silent hello idle kept ping; do
		hold "$mode" -n 100 -s 2
		served 127.0.0.3
		figures
		# The client may see the end of some a moment later than the kernel.
		((peak > 20 && peak <= 60)) || fail "$mode: $peak connections at once, not 40"
	done
	unbounded
}

test_an_address_begins_a_bounded_number_of_connections() {
	firewall_works || return 0
	bounded 's/rate over 300\/second burst 3000/rate over 1\/second burst 30/'
	hold silent -n 100 -s 4
	served 127.0.0.3
	figures
	((peak >= 30 && peak <= 60)) || fail "$peak connections were begun, not 30 and a few"
	unbounded
}

test_a_load_balancer_is_not_bounded() {
	firewall_works || return 0
	echo 'set_real_ip_from 127.0.0.2/32;' >>"$work/nginx/tuning.conf"
	echo 'set_real_ip_from 2001:db8::/32;' >>"$work/nginx/tuning.conf"
	bounded 's/ct count over [0-9]*/ct count over 40/'
	hold silent -n 100 -s 2
	figures
	is 'connections of a load balancer' "$peak" 100
	right
	unbounded
}

test_rules_that_are_in_force_keep_their_counts_over_a_reload() {
	firewall_works || return 0
	bounded 's/ct count over [0-9]*/ct count over 40/'
	hold silent -n 40 -s 4
	GATEWAY_LIMIT_PER_ADDRESS=on "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call --interface 127.0.0.2 /healthz
	is 'one more connection' "$status" 000
	figures
	unbounded
	is 'rules with the limits off' "$(nft list tables | grep -c "concert_gateway_$GATEWAY_HTTPS_PORT" || true)" 0
}

test_rules_that_cannot_be_loaded_are_a_fault_unless_something_else_bounds_connections() {
	local as=(env GATEWAY_LIMIT_PER_ADDRESS=on)
	# nft fails for every user, root included.
	mkdir -p "$work/no-nft"
	printf '#!/bin/sh\necho "Error: Operation not permitted" >&2\nexit 1\n' >"$work/no-nft/nft"
	chmod +x "$work/no-nft/nft"
	as+=(PATH="$work/no-nft:$PATH")
	if "${as[@]}" GATEWAY_FIREWALL=nft "$work/nginx/reload" >"$work/out" 2>&1; then
		fail 'nft: a reload without the rules'
	fi
	has nft "$(cat "$work/out")" 'setting GATEWAY_FIREWALL: connections by address are not bounded: nft: Operation not permitted'
	has nft "$(cat "$work/out")" 'nothing was changed'
	if "${as[@]}" ENVIRONMENT=production "$work/nginx/firewall" load "$work/run/gateway/current/connections.nft" >"$work/out" 2>&1; then
		fail 'production: no rules'
	fi
	has production "$(cat "$work/out")" 'setting GATEWAY_FIREWALL: '
	"${as[@]}" "$work/nginx/reload" >"$work/out" 2>&1 || fail "development: $(cat "$work/out")"
	has development "$(cat "$work/out")" 'warning: connections by address are not bounded'
	"${as[@]}" GATEWAY_FIREWALL=none "$work/nginx/reload" >"$work/out" 2>&1 || fail "none: $(cat "$work/out")"
	lacks none "$(cat "$work/out")" warning
	unbounded
}

# Without the kernel's rules: nginx closes the connections that are idle longest when it runs short of room. An honest
# client is idle too, between its handshake and its request: the number of places divided by the rate of new connections
# is the time that it has for this. Here that is longer than a call may last, as it is with the defaults.
test_idle_connections_make_room_for_others() {
	local mode
	GATEWAY_CONNECTIONS=150 "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	for mode in kept ping; do
		hold "$mode" -n 1000 -r 20 -s 30
		served 127.0.0.3
		kill "$hostile_pid"
		figures
		((closed > 0)) || fail "$mode: none was closed"
	done
	unbounded
}
