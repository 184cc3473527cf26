#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Reads without a token: limits by connection and address, and the memory that a client can hold without reading.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# in_a_row COUNT PATH: makes COUNT calls over one connection. Prints how many answers had each status.
in_a_row() {
	curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' "${@:3}" "$secure$2?[1-$1]" | sort | uniq -c |
		awk '{ print $2 "=" $1 }' | xargs
}

test_maps_are_limited_by_connection() {
	local began answers version
	for version in --http1.1 --http2; do
		began=$(now)
		answers=$(in_a_row 200 /schedules/1/seats "$version")
		limited 41 $((43 + 20 * ($(now) - began) / 1000000)) "$answers"
		answers=$(in_a_row 200 /schedules/1/seats/ "$version")
		limited 41 200 "$answers"
		is 'as many maps as other reads' "$(in_a_row 40 /schedules/1/seats "$version")" 200=40
	done
	# Other connections and requests for changes have their own limits.
	is 'another connection' "$(in_a_row 10 /schedules/1/seats)" 200=10
	is changes "$(curl -ks -o /dev/null -w '%{http_code}\n' "$secure/schedules/1/seats?since=[1-30]" | sort | uniq -c | xargs)" '30 200'
}

# An answer with all changes since a long time ago is as large as the map.
test_changes_of_a_map_are_limited_by_connection() {
	local began answers
	began=$(now)
	answers=$(curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' "$secure/schedules/1/seats?since=[1-200]" |
		sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)
	limited 41 $((43 + 20 * ($(now) - began) / 1000000)) "$answers"
	hold stalled -n 1 -t 100 -w 4 -s 60 -u '/schedules/big/seats?since=0'
	served 127.0.0.3
	figures now
	is 'changes that are on their way' $((answered - refused)) 4
}

# The service does not know ?Since=, so it answers with the whole map.
test_map_with_an_unknown_parameter_is_limited_as_a_map() {
	local parameter
	for parameter in Since=1 SINCE=1 xsince=1 since; do
		limited 41 200 "$(curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' \
			"$secure/schedules/1/seats?n=[1-200]&$parameter" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)"
	done
}

test_listings_are_limited_by_connection() {
	local began answers path
	for path in /concerts /schedules /schedules/1 /concerts/1; do
		began=$(now)
		answers=$(in_a_row 200 "$path" --http2)
		limited 41 $((43 + 20 * ($(now) - began) / 1000000)) "$answers"
	done
	is 'an account is counted by its token' "$(in_a_row 60 /reservations)" 200=60
}

test_limits_by_connection_can_be_switched_off() {
	GATEWAY_LIMIT_PER_CONNECTION=off "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	is maps "$(in_a_row 200 /schedules/1/seats)" 200=200
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

test_cheap_answers_are_limited() {
	local answers path
	for path in /nowhere / /healthz; do
		answers=$(in_a_row 900 "$path" --http2)
		has "$path" "$answers" 429=
	done
	tuned 's/\(zone=other_address burst\)=[0-9]*/\1=20/; s/\(zone=other_address:16m rate\)=[0-9]*r\/s/\1=1r\/m/' \
		GATEWAY_LIMIT_PER_ADDRESS=on
	answers=$(curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$GATEWAY_HTTP_PORT/nowhere?[1-60]" | sort | uniq -c | xargs)
	has 'the plain port' "$answers" ' 429'
	right
}

# Many clients share a connection of a load balancer.
test_requests_through_a_load_balancer_are_not_limited_by_connection() {
	# shellcheck disable=SC2016 # $a is sed's
	tuned '$a set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;'
	is 'maps of many clients' "$(in_a_row 60 /schedules/1/seats -H 'X-Forwarded-For: 192.0.2.9')" 200=60
	limited 41 200 "$(in_a_row 200 /schedules/1/seats)"
	right
}

test_maps_and_listings_are_limited_by_address() {
	tuned 's/\(zone=map_address burst\)=[0-9]*/\1=20/; s/\(zone=map_address:16m rate\)=[0-9]*r/\1=10r/
		s/\(zone=listing_address burst\)=[0-9]*/\1=20/; s/\(zone=listing_address:16m rate\)=[0-9]*r/\1=10r/' \
		GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_LIMIT_PER_CONNECTION=off
	rated 10 20 100 /schedules/1/seats
	rated 10 20 100 /schedules
	is 'another address' "$(many 20 --interface 127.0.0.3 /schedules/1/seats)" 200=20
	right
}

# One customer of a provider has all addresses of an IPv6 /64.
test_ipv6_network_counts_as_one_address() {
	# shellcheck disable=SC2016 # $a is sed's
	tuned 's/\(zone=other_address burst\)=[0-9]*/\1=5/; s/\(zone=other_address:16m rate\)=[0-9]*r\/s/\1=1r\/m/
		$a set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;' GATEWAY_LIMIT_PER_ADDRESS=on
	limited 6 10 "$(many 10 -H 'X-Forwarded-For: 2001:db8:0:1::1' /reservations)"
	call -H 'X-Forwarded-For: 2001:db8:0:1:ffff::2' /reservations
	problem 429 TOO_MANY_REQUESTS
	call -H 'X-Forwarded-For: 2001:db8:0:2::1' /reservations
	is 'another network' "$status" 200
	right
}

# nginx sends the first 512 KiB of the 2 MiB at once, and the rest at the limited speed. In this test the limit is so low that the
# rest does not arrive within the time of the call.
test_rest_of_a_large_map_is_sent_at_a_bounded_speed() {
	local version path bytes
	tuned 's/^limit_rate 2m/limit_rate 10k/'
	for version in --http1.1 --http2; do
		for path in /schedules/big/seats '/schedules/big/seats?since=0'; do
			bytes=$(curl -ks "$version" --max-time 6 -o /dev/null -w '%{size_download}' "$secure$path" || true)
			((bytes >= 512 * 1024 && bytes < 1024 * 1024)) || fail "$version $path: $bytes bytes"
		done
		bytes=$(curl -ks "$version" --max-time 60 -o /dev/null -w '%{size_download}' "$secure/reservations/big" || true)
		is "$version: bytes of another answer" "$bytes" $((2 * 1024 * 1024))
	done
	right
}

only_new_workers() {
	[[ $(pgrep -P "$(<"$RUN_DIR/gateway/nginx.pid")" | wc -l) == "$GATEWAY_WORKERS" ]]
}

# Prints the KiB of memory of all workers, when those have ended that a reload replaced.
workers_memory() {
	local pid sum=0
	wait_for 90 only_new_workers
	for pid in $(pgrep -P "$(<"$RUN_DIR/gateway/nginx.pid")"); do
		sum=$((sum + $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")))
	done
	echo "$sum"
}

# The client opens its window by one byte a second, so no timeout ends the answers.
test_connection_that_does_not_read_holds_bounded_memory() {
	local before took
	before=$(workers_memory)
	hold stalled -n 1 -t 100 -w 4 -s 60 -u /schedules/big/seats
	took=$(($(workers_memory) - before))
	((took < 6 * 1024)) || fail "maps: one connection holds $took KiB"
	served 127.0.0.3
	figures now
	is 'maps that are on their way' $((answered - refused)) 4
	before=$(workers_memory)
	hold stalled -n 1 -t 100 -w 32 -s 60 -u /reservations/big
	took=$(($(workers_memory) - before))
	((took < 12 * 1024)) || fail "other answers: one connection holds $took KiB"
	figures now
	is 'answers that are on their way' "$answered" 32
}

# A stream that the client resets at once still counts as a request. nginx closes a connection after a number of requests.
test_flood_of_frames_closes_the_connection() {
	local mode
	for mode in reset settings pings continuation; do
		hold "$mode" -n 1 -s 60 -u /queues/flooded
		served 127.0.0.3
		wait_for 60 grep -q closed "$work/hostile.out"
		figures now
		((closed > 0)) || fail "$mode: the connection is open after $sent frames"
	done
	is 'requests taken back that reached a service' "$(reached /queues/flooded)" 0
}

test_header_that_never_ends_closes_the_connection() {
	local mode
	tuned 's/^client_header_timeout .*/client_header_timeout 1s;/'
	for mode in header hello silent idle idle2; do
		hold "$mode" -n 5 -c 1 -s 60
		figures
		((closed > 0)) || fail "$mode: the connection is still open"
	done
	right
}

run_tests
