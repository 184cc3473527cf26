#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Connections without requests. Many of them from one address must not keep other addresses out.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# bounded SED-SCRIPT: reloads with connections.nft changed by the script. unbounded: reloads with the original file.
bounded() {
	cp "$root/nginx/connections.nft" "$work/nginx/connections.nft"
	sed -i "$1" "$work/nginx/connections.nft"
	! cmp -s "$root/nginx/connections.nft" "$work/nginx/connections.nft" || fail "the script changes nothing: $1"
	GATEWAY_LIMIT_PER_ADDRESS=on "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

unbounded() {
	cp "$root/nginx/connections.nft" "$work/nginx/connections.nft"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

# Passes without a check where the kernel's rules cannot be loaded, as in some containers.
test_address_with_many_connections_has_a_bounded_number_of_connections() {
	local mode
	firewall_works || return 0
	bounded 's/ct count over [0-9]*/ct count over 40/'
	for mode in silent hello idle kept ping; do
		hold "$mode" -n 100 -o 21 -s 60
		served 127.0.0.3
		figures now
		# The client may see the end of a connection a moment later than the kernel.
		((peak > 20 && peak <= 60)) || fail "$mode: $peak connections at once, not 40"
	done
	unbounded
}

test_address_that_connects_fast_gets_a_bounded_rate() {
	firewall_works || return 0
	bounded 's/rate over 300\/second burst 3000/rate over 1\/second burst 30/'
	hold silent -n 100 -s 8
	served 127.0.0.3
	figures
	((peak >= 30 && peak <= 60)) || fail "$peak connections were accepted, not 30 to 60"
	unbounded
}

test_connections_of_a_load_balancer_are_not_limited() {
	firewall_works || return 0
	echo 'set_real_ip_from 127.0.0.2/32;' >>"$work/nginx/tuning.conf"
	echo 'set_real_ip_from 2001:db8::/32;' >>"$work/nginx/tuning.conf"
	bounded 's/ct count over [0-9]*/ct count over 40/'
	hold silent -n 100 -s 60
	figures now
	is 'connections of a load balancer' "$peak" 100
	right
	unbounded
}

test_firewall_rules_keep_their_counts_over_a_reload() {
	firewall_works || return 0
	# The connections must last longer than a slow reload.
	sed -i 's/^client_header_timeout .*/client_header_timeout 300s;/' "$work/nginx/tuning.conf"
	bounded 's/ct count over [0-9]*/ct count over 40/'
	hold silent -n 40 -s 300
	GATEWAY_LIMIT_PER_ADDRESS=on "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call --interface 127.0.0.2 /healthz
	is 'one more connection' "$status" 000
	figures now
	is 'connections that the reload closed' "$closed" 0
	right
	unbounded
	is 'rules with the limits off' "$(nft list tables | grep -c "concert_gateway_$GATEWAY_HTTPS_PORT" || true)" 0
}

test_firewall_rules_that_cannot_be_loaded_stop_the_reload_unless_optional() {
	local as=(env GATEWAY_LIMIT_PER_ADDRESS=on)
	# This nft fails for every user, also for root.
	mkdir -p "$work/no-nft"
	printf '#!/bin/sh\necho "Error: Operation not permitted" >&2\nexit 1\n' >"$work/no-nft/nft"
	chmod +x "$work/no-nft/nft"
	as+=(PATH="$work/no-nft:$PATH")
	if "${as[@]}" GATEWAY_FIREWALL=nft "$work/nginx/reload" >"$work/out" 2>&1; then
		fail 'nft: the reload succeeded without the rules'
	fi
	has nft "$(cat "$work/out")" 'setting GATEWAY_FIREWALL: connections by address are not bounded: nft: Operation not permitted'
	has nft "$(cat "$work/out")" 'nothing was changed'
	if "${as[@]}" ENVIRONMENT=production "$work/nginx/firewall" load "$work/run/gateway/current/connections.nft" >"$work/out" 2>&1; then
		fail 'production: the rules were not required'
	fi
	has production "$(cat "$work/out")" 'setting GATEWAY_FIREWALL: '
	"${as[@]}" "$work/nginx/reload" >"$work/out" 2>&1 || fail "development: $(cat "$work/out")"
	has development "$(cat "$work/out")" 'warning: connections by address are not bounded'
	"${as[@]}" GATEWAY_FIREWALL=none "$work/nginx/reload" >"$work/out" 2>&1 || fail "none: $(cat "$work/out")"
	lacks none "$(cat "$work/out")" warning
	unbounded
}

# Without the kernel's rules, nginx closes the connections that are idle longest when it runs out of places. An honest client is
# also idle, between its handshake and its request. The client has this much time for it: the number of places divided by the
# rate of new connections. Here, as with the default settings, this time is longer than a call may last.
test_oldest_idle_connections_close_when_places_run_out() {
	local mode
	GATEWAY_CONNECTIONS=150 "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	for mode in kept ping; do
		hold "$mode" -n 1000 -r 20 -s 60
		served 127.0.0.3
		figures now
		((closed > 0)) || fail "$mode: no connection was closed"
	done
	unbounded
}

run_tests
