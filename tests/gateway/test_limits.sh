#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Rate and connection limits.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_status_is_limited_by_token() {
	# One call a minute, so that a slow machine reaches the limit too: a call, and a burst of six.
	tuned 's/\(zone=status_token:[0-9a-z]* rate\)=3r\/s/\1=1r\/m/'
	is 'one token' "$(many 20 -H 'X-Queue-Token: limited' /queues/status)" '200=7 429=13'
	call -H 'X-Queue-Token: limited' /queues/status
	problem 429 TOO_MANY_REQUESTS
	is retry-after "$(header retry-after)" 1
	is 'another token' "$(many 3 -H 'X-Queue-Token: other' /queues/status)" '200=3'
	right
	rated 3 6 20 -H 'X-Queue-Token: rated' /queues/status
	sleep 0.5
	call -H 'X-Queue-Token: rated' /queues/status
	is 'half a second later' "$status" 200
}

# Each of three devices polls once a second, as pollAfterSeconds says. Together they may poll six times at once.
test_devices_that_share_a_token_are_not_refused() {
	local second
	for second in 1 2 3 4; do
		is "three devices, second $second" "$(many 3 -H 'X-Queue-Token: shared' /queues/status)" '200=3'
		sleep 1
	done
	is 'all at once' "$(many 6 -H 'X-Queue-Token: shared-6' /queues/status)" '200=6'
}

test_other_calls_are_limited_by_user() {
	rated 20 40 200 -H 'Authorization: Bearer h.p.greedy' /concerts
	is 'another user' "$(many 40 -H 'Authorization: Bearer h.p.modest' /concerts)" '200=40'
	is 'another limit' "$(many 40 -H 'Authorization: Bearer h.p.greedy' /queues/enter)" '200=40'
	is 'without a token' "$(many 200 /reservations)" '200=200'
}

test_entering_is_limited_by_user() {
	rated 20 40 200 -H 'Authorization: Bearer h.p.pushing' /queues/enter
	is 'another user' "$(many 40 -H 'Authorization: Bearer h.p.calm' /queues/enter)" '200=40'
}

test_status_without_a_token_is_limited_by_user() {
	rated 20 40 200 -H 'Authorization: Bearer h.p.guessing' /queues/status
	is 'another user' "$(many 40 -H 'Authorization: Bearer h.p.waiting' /queues/status)" '200=40'
}

test_limits_by_address_can_be_switched_on() {
	local path
	tuned 's/\(zone=[a-z]*_address burst\)=[0-9]*/\1=20/; s/\(zone=[a-z]*_address:16m rate\)=[0-9]*r/\1=10r/' \
		GATEWAY_LIMIT_PER_ADDRESS=on
	# Each kind of call has its own count. The first count is used up when the second kind begins.
	for path in /reservations /queues/status /queues/enter; do
		rated 10 20 100 "$path"
	done
	right
	is 'switched off' "$(many 100 /reservations)" '200=100'
}

# The stand-in for the services answers these requests when the others are refused, so they are in flight together.
test_requests_in_flight_are_limited_by_user_and_address() {
	local said
	tuned 's/^limit_conn user_connections .*/limit_conn user_connections 5;/'
	is 'one user' "$(until_refused busy 15 many 20 -A busy -H 'Authorization: Bearer h.p.busy' /concerts/held)" '200=5 429=15'
	said=$(until_refused told 15 curl -ks --no-progress-meter -A told "$secure/concerts/held?[1-20]" --parallel --parallel-immediate \
		-H 'Authorization: Bearer h.p.busy' | grep -o '"code":"[A-Z_]*"' | sort -u)
	is 'what the others are told' "$said" '"code":"TOO_MANY_REQUESTS"'
	is 'nobody' "$(many 20 /concerts/slow)" '200=20'
	tuned 's/^limit_conn address_connections .*/limit_conn address_connections 5;/' GATEWAY_LIMIT_PER_ADDRESS=on
	is 'one address' "$(until_refused near 15 many 20 -A near /concerts/held)" '200=5 429=15'
	right
}

run_tests
