# Reads without a token: limits by connection and address, and the memory that a client can hold without reading. Sourced by run.
# shellcheck shell=bash disable=SC2154

# in_a_row COUNT PATH: COUNT calls over one connection; prints how many had which status.
in_a_row() {
	curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' "${@:3}" "$secure$2?[1-$1]" | sort | uniq -c |
		awk '{ print $2 "=" $1 }' | xargs
}

test_maps_are_limited_a_connection() {
	local began answers version
	for version in --http1.1 --http2; do
		began=$(now)
		answers=$(in_a_row 40 /schedules/1/seats $version)
		limited 11 $((13 + 2 * ($(now) - began) / 1000000)) "$answers"
		answers=$(in_a_row 20 /schedules/1/seats/ $version)
		limited 11 20 "$answers"
	done
	# Another connection, whole pages that ask for changes, and other paths of a schedule.
	is 'another connection' "$(in_a_row 10 /schedules/1/seats)" 200=10
	is changes "$(curl -ks -o /dev/null -w '%{http_code}\n' "$secure/schedules/1/seats?since=[1-30]" | sort | uniq -c | xargs)" '30 200'
}

# Changes since long ago are as large as the map.
test_changes_of_a_map_are_limited_a_connection() {
	local began answers
	began=$(now)
	answers=$(curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' "$secure/schedules/1/seats?since=[1-100]" |
		sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)
	limited 41 $((43 + 5 * ($(now) - began) / 1000000)) "$answers"
	hold stalled -n 1 -t 100 -s 4 -u '/schedules/big/seats?since=0'
	figures
	is 'changes that are on their way' $((answered - refused)) 4
}

# The service knows no ?Since=, so it answers the whole map.
test_a_map_with_another_parameter_is_limited_as_a_map() {
	local parameter
	for parameter in Since=1 SINCE=1 xsince=1 since; do
		limited 11 20 "$(curl -ks --no-progress-meter -o /dev/null -w '%{http_code}\n' \
			"$secure/schedules/1/seats?n=[1-20]&$parameter" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)"
	done
}

test_listings_are_limited_a_connection() {
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
	is maps "$(in_a_row 40 /schedules/1/seats)" 200=40
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

test_cheap_answers_are_limited_too() {
	local answers path
	for path in /nowhere / /healthz; do
		answers=$(in_a_row 900 "$path" --http2)
		has "$path" "$answers" 429=
	done
	tuned 's/\(zone=other_address burst\)=[0-9]*/\1=20/; s/\(zone=other_address:16m rate\)=[0-9]*r/\1=10r/' \
		GATEWAY_LIMIT_PER_ADDRESS=on
	answers=$(curl -s -o /dev/null -w '%{http_code}\n' "http://127.0.0.1:$GATEWAY_HTTP_PORT/nowhere?[1-60]" | sort | uniq -c | xargs)
	has 'the plain port' "$answers" ' 429'
	right
}

# Behind a load balancer a connection stands for many clients.
test_a_load_balancers_connection_is_not_limited() {
	# shellcheck disable=SC2016 # $a is sed's
	tuned '$a set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;'
	is 'maps of many clients' "$(in_a_row 60 /schedules/1/seats -H 'X-Forwarded-For: 192.0.2.9')" 200=60
	limited 11 60 "$(in_a_row 60 /schedules/1/seats)"
	right
}

test_maps_and_listings_are_limited_an_address() {
	tuned 's/\(zone=map_address burst\)=[0-9]*/\1=20/; s/\(zone=map_address:16m rate\)=[0-9]*r/\1=10r/
		s/\(zone=listing_address burst\)=[0-9]*/\1=20/; s/\(zone=listing_address:16m rate\)=[0-9]*r/\1=10r/' \
		GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_LIMIT_PER_CONNECTION=off
	rated 10 20 100 /schedules/1/seats
	rated 10 20 100 /schedules
	is 'another address' "$(many 20 --interface 127.0.0.3 /schedules/1/seats)" 200=20
	right
}

# One customer has all addresses of an IPv6 /64.
test_an_ipv6_network_is_one_address() {
	# shellcheck disable=SC2016 # $a is sed's
	tuned 's/\(zone=other_address burst\)=[0-9]*/\1=5/; s/\(zone=other_address:16m rate\)=[0-9]*r/\1=1r/
		$a set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;' GATEWAY_LIMIT_PER_ADDRESS=on
	limited 6 10 "$(many 10 -H 'X-Forwarded-For: 2001:db8:0:1::1' /reservations)"
	call -H 'X-Forwarded-For: 2001:db8:0:1:ffff::2' /reservations
	problem 429 TOO_MANY_REQUESTS
	call -H 'X-Forwarded-For: 2001:db8:0:2::1' /reservations
	is 'another network' "$status" 200
	right
}

# Of 2 MiB, 512 KiB come at once and the rest at the rate; here it is so low that the time is too short for all.
test_the_rest_of_a_large_map_comes_at_a_bounded_speed() {
	local version path bytes
	tuned 's/\(map\|changes\) 2m;/\1 50k;/'
	for version in --http1.1 --http2; do
		for path in /schedules/big/seats '/schedules/big/seats?since=0'; do
			bytes=$(curl -ks "$version" --max-time 3 -o /dev/null -w '%{size_download}' "$secure$path" || true)
			((bytes >= 512 * 1024 && bytes < 1024 * 1024)) || fail "$version $path: $bytes bytes"
		done
		bytes=$(curl -ks "$version" --max-time 10 -o /dev/null -w '%{size_download}' "$secure/reservations/big" || true)
		is "$version: bytes of another answer" "$bytes" $((2 * 1024 * 1024))
	done
	right
}

# KiB of memory of all workers.
workers_memory() {
	local pid sum=0
	for pid in $(pgrep -P "$(<"$RUN_DIR/gateway/nginx.pid")"); do
		sum=$((sum + $(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")))
	done
	echo "$sum"
}

# The window is opened by a byte a second, so nothing ends by itself.
test_a_connection_that_does_not_read_holds_a_bounded_memory() {
	local before took
	before=$(workers_memory)
	hold stalled -n 1 -t 100 -s 4 -u /schedules/big/seats
	took=$(($(workers_memory) - before))
	((took < 6 * 1024)) || fail "maps: one connection holds $took KiB"
	served 127.0.0.3
	figures
	is 'maps that are on their way' $((answered - refused)) 4
	before=$(workers_memory)
	hold stalled -n 1 -t 100 -s 4 -u /reservations/big
	took=$(($(workers_memory) - before))
	((took < 12 * 1024)) || fail "other answers: one connection holds $took KiB"
	figures
	is 'answers that are on their way' "$answered" 32
}

# A stream that is reset at once still counts as a request: nginx closes a connection after a number of them.
test_floods_of_frames_end_the_connection() {
	local mode
	for mode in reset settings pings continuation; do
		hold "$mode" -n 1 -s 2 -u /queues/flooded
		served 127.0.0.3
		figures
		((closed > 0)) || fail "$mode: $sent frames over one connection"
	done
	is 'requests taken back that reached a service' "$(reached /queues/flooded)" 0
}

test_a_header_that_never_ends_is_given_up() {
	local mode
	tuned 's/^client_header_timeout .*/client_header_timeout 1s;/'
	for mode in header hello silent idle idle2; do
		hold "$mode" -n 5 -c 1 -s 10
		figures
		((closed > 0)) || fail "$mode: still open"
	done
	right
}
