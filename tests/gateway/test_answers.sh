#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The answers of the services and of the gateway, and their headers.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_each_answer_has_one_request_id_of_the_gateway() {
	local path id
	for path in /concerts /nowhere /points /concerts/conflict; do
		write -X POST -H 'X-Request-Id: 11111111-1111-4111-8111-111111111111' "$path"
		id=$(header x-request-id)
		[[ $id =~ ^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$ ]] || fail "$path: '$id'"
		lacks id "$id" 11111111
	done
	call /concerts
	has request "$body" "X-Request-Id: $(header x-request-id)"
}

test_error_of_a_service_is_passed_on_unchanged() {
	write -X POST /queues/conflict
	is status "$status" 409
	is body "$body" '{"by":"service"}'
	is content-type "$(header content-type)" application/problem+json
	write /queues/missing
	is status "$status" 404
	is body "$body" '{"by":"service"}'
}

test_service_that_is_down_is_503() {
	call /points
	problem 503 SERVICE_UNAVAILABLE
	write -X POST -d '{}' /points/charge
	problem 503 SERVICE_UNAVAILABLE
}

test_write_without_an_answer_is_outcome_unknown_and_sent_once() {
	local what
	for what in break junk half hang; do
		write -d '{}' "/queues/$what-post"
		problem 503 OUTCOME_UNKNOWN
		is "POSTs with $what" "$(reached "$what-post")" 1
	done
	# The gateway does not send the write to the other instance either.
	for what in POST PATCH; do
		write -X "$what" -d '{}' "/reservations/break-$what"
		problem 503 OUTCOME_UNKNOWN
		is "$what sent" "$(reached "reservations/break-$what")" 1
	done
}

# The most frequent writes have a way of their own through the gateway.
test_frequent_write_without_an_answer_is_outcome_unknown() {
	local path
	for path in /queues/enter /reservations/hold /payments; do
		write -d '{"answer":"break"}' "$path"
		problem 503 OUTCOME_UNKNOWN
		is "$path sent" "$(reached "POST $path\$")" 1
	done
}

test_read_without_an_answer_is_sent_to_another_instance() {
	call /reservations/break-get
	problem 503 SERVICE_UNAVAILABLE
	is 'instances tried' "$(grep break-get "$upstream_log" | cut -d' ' -f1 | sort -u | wc -l)" 2
}

test_dead_instance_is_skipped() {
	local k
	for ((k = 0; k < 20; k++)); do
		write -d '{}' "/payments/over-post"
		is 'POST' "$status" 200
		call /payments/over-get
		is 'GET' "$status" 200
	done
	is 'POSTs' "$(reached over-post)" 20
	is 'GETs' "$(reached over-get)" 20
}

test_instances_share_the_load() {
	local k
	for ((k = 0; k < 20; k++)); do
		call /concerts/share
	done
	[[ $(reached "^$((base + 3)) GET /concerts/share") -gt 4 ]] || fail "the first instance received 4 requests or fewer"
	[[ $(reached "^$((base + 4)) GET /concerts/share") -gt 4 ]] || fail "the second instance received 4 requests or fewer"
}

test_other_origin_gets_no_cors_headers() {
	local preflight=(-X OPTIONS -H 'Access-Control-Request-Method: POST')
	call "${preflight[@]}" -H 'Origin: https://www.example.com' /queues/enter
	is status "$status" 204
	is origin "$(header access-control-allow-origin)" https://www.example.com
	has allowed "$(header access-control-allow-headers)" X-Queue-Token
	has allowed "$(header access-control-allow-methods)" PATCH
	is vary "$(header vary)" Origin
	call -H 'Origin: https://www.example.com' /nowhere
	is 'origin on an error' "$(header access-control-allow-origin)" https://www.example.com
	is exposed "$(header access-control-expose-headers)" 'Date, ETag, Retry-After, X-Request-Id, Idempotent-Replayed'
	call "${preflight[@]}" -H 'Origin: https://evil.example.com' /queues/readonly
	is 'status elsewhere' "$status" 405
	is 'origin elsewhere' "$(header access-control-allow-origin)" ''
	call -X OPTIONS /queues/readonly
	is 'status without an origin' "$status" 405
}

test_each_answer_has_the_security_headers_once() {
	local path name
	for path in /concerts /nowhere /healthz /points; do
		call "$path"
		for name in strict-transport-security x-content-type-options x-frame-options referrer-policy \
			content-security-policy cache-control; do
			is "$name on $path" "$(grep -c "^$name: " <<<"$headers")" 1
		done
		is server "$(header server)" nginx
	done
}

test_compressed_seat_map_has_a_weak_etag() {
	call -H 'Accept-Encoding: gzip' /concerts/big
	is encoding "$(header content-encoding)" gzip
	is etag "$(header etag)" 'W/"strong"'
	call /concerts/big
	is 'size uncompressed' "$(wc -c <"$work/body")" $((2 * 1024 * 1024))
	is etag "$(header etag)" '"strong"'
	call -H 'Accept-Encoding: gzip' /concerts
	is 'encoding of a small one' "$(header content-encoding)" ''
}

# logged COUNT CONDITION: waits until COUNT lines of the access log meet jq's CONDITION. Fails the test at the deadline.
logged() {
	local k log=$RUN_DIR/gateway/access.log
	for ((k = 0; k < 600; k++)); do
		(($(jq -c "select($2) | 1" "$log" | wc -l) < $1)) || return 0
		sleep 0.1
	done
	fail "fewer than $1 lines with $2: $(tail -n 5 "$log")"
}

test_good_polls_are_logged_as_a_sample_and_other_calls_one_by_one() {
	local log=$RUN_DIR/gateway/access.log
	# The sample is one in 10,000, so hardly any of these polls is logged.
	tuned 's/^\t1% 100;/\t0.01% 10000;/; s/zone=status_token burst=6/zone=status_token burst=30/'
	: >"$log"
	is polls "$(many 20 -H 'X-Queue-Token: polled' /queues/status)" 200=20
	many 60 -H 'X-Queue-Token: polled' /queues/status >/dev/null
	write -d '{}' /payments
	call -X GET -d x /queues/status
	call -H 'X-Queue-Token: patient' '/queues/status?slowly'
	logged 1 '.status == 429'
	logged 1 '.path == "/payments" and .status == 200'
	logged 1 '.status == 400'
	logged 1 '.path == "/queues/status" and .seconds >= 0.5'
	is 'requests a line' "$(jq -c 'select(.status != 200) | .requests' "$log" | sort -u)" 1
	(($(jq -c 'select(.path == "/queues/status" and .status == 200 and .seconds < 0.5) | 1' "$log" | wc -l) < 10)) ||
		fail "10 good polls or more were logged: $(tail -n 5 "$log")"
	tuned 's/^\t1% 100;/\t100% 1;/'
	: >"$log"
	is polls "$(many 5 -H 'X-Queue-Token: every' /queues/status)" 200=5
	logged 5 '.path == "/queues/status" and .status == 200 and .requests == 1'
	right
}

test_access_log_is_json_without_secrets() {
	local line id
	write -H 'X-Queue-Token: secret-token' -H $'User-Agent: a"b\\c' '/queues/logged?query=secret'
	id=$(header x-request-id)
	# nginx buffers the log for about a second.
	for ((i = 0; i < 600; i++)); do
		line=$(grep "$id" "$RUN_DIR/gateway/access.log") && break
		sleep 0.1
	done
	is path "$(jq -r .path <<<"$line")" /queues/logged
	is service "$(jq -r .service <<<"$line")" queue
	is status "$(jq -r .status <<<"$line")" 200
	is agent "$(jq -r .userAgent <<<"$line")" 'a"b\c'
	jq -e '.seconds >= 0 and (.upstreamSeconds | tonumber) >= 0' <<<"$line" >/dev/null || fail "times: $line"
	lacks 'the log' "$(cat "$RUN_DIR/gateway/access.log")" secret
	lacks 'the log' "$(cat "$RUN_DIR/gateway/access.log")" Bearer
	jq -e . "$RUN_DIR/gateway/access.log" >/dev/null || fail "a line of the log is not JSON"
}

# An error page turns the method into GET. The log has the client's.
test_access_log_has_the_method_of_a_refused_call() {
	local path long
	long=$(printf '%02000d' 0)
	for path in /payments /payments/x/cancel; do
		call -X POST "$path?$long"
		problem 400 INVALID_REQUEST
		logged 1 ".path == \"$path\" and .status == 400 and .method == \"POST\""
		call -X PUT "$path?$long"
		logged 1 ".path == \"$path\" and .status == 400 and .method == \"PUT\""
	done
}

run_tests
