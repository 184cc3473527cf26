#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The parts of a request that the gateway passes on, and the requests that it refuses.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_unlisted_headers_are_not_passed_on() {
	local extra=() k
	for ((k = 0; k < 40; k++)); do
		extra+=(-H "X-Extra-$k: $k")
	done
	write "${extra[@]}" -H 'X-Queue-Token: token-1' -H 'Idempotency-Key: key-1' -H 'Content-Type: application/json' \
		-H 'If-None-Match: W/"1"' -H 'Cookie: a=b' -H 'X-Forwarded-For: 192.0.2.1' -H 'X-Request-Id: mine' \
		-H 'Connection: close, X-Queue-Token' -H 'Via: x' -d '{"a":1}' --http1.1 /queues/leave
	is status "$status" 200
	has request "$body" 'X-Queue-Token: token-1'
	has request "$body" 'Idempotency-Key: key-1'
	has request "$body" 'Content-Type: application/json'
	has request "$body" 'If-None-Match: W/"1"'
	has request "$body" 'Authorization: Bearer h.p.'
	has request "$body" 'Content-Length: 7'
	has request "$body" '{"a":1}'
	lacks request "$body" X-Extra
	lacks request "$body" Cookie
	lacks request "$body" mine
	lacks request "$body" 192.0.2.1
	lacks request "$body" Via
	is 'header lines' "$(sed -n '/^\r*$/q;p' <<<"$body" | wc -l)" 9
}

# lines: prints how many lines the request in $body has before its body.
lines() {
	sed -n '/^\r*$/q;p' <<<"$body" | wc -l
}

# The gateway passes the most frequent calls on in a shorter way (nginx/parts/request.conf), if they have their usual form.
test_frequent_call_is_passed_on_with_the_headers_of_its_service() {
	local sent=(-H 'X-Queue-Token: token-1' -H 'Idempotency-Key: key-1' -H 'Content-Type: application/json' -H 'Cookie: a=b'
		-H 'X-Request-Id: mine' -H 'Accept-Encoding: gzip' -H 'X-Body-Length: 5') path
	for path in /queues/enter /payments; do
		write "${sent[@]}" -d '{"a":1}' "$path"
		has "$path" "$body" "POST $path HTTP/1.1"
		has "$path" "$body" 'Authorization: Bearer h.p.'
		has "$path" "$body" 'Idempotency-Key: key-1'
		has "$path" "$body" 'Content-Type: application/json'
		has "$path" "$body" 'Content-Length: 7'
		has "$path" "$body" '{"a":1}'
		is "lines of $path" "$(lines)" 7
	done
	write "${sent[@]}" -d '{"a":1}' /reservations/hold
	has hold "$body" 'X-Queue-Token: token-1'
	has hold "$body" 'Idempotency-Key: key-1'
	is 'lines of a hold' "$(lines)" 8
	call "${sent[@]}" -H 'Authorization: Bearer h.p.often' /queues/status
	has status "$body" 'GET /queues/status HTTP/1.1'
	has status "$body" 'Authorization: Bearer h.p.often'
	has status "$body" 'X-Queue-Token: token-1'
	is 'lines of a status' "$(lines)" 5
}

# If such a call has another form, the gateway passes it on like all other calls.
test_frequent_call_in_another_form_is_passed_on() {
	call --head /queues/status
	is HEAD "$status" 200
	call -H 'Content-Type: text/plain' '/queues/status?a=b'
	has 'a query' "$body" 'GET /queues/status?a=b HTTP/1.1'
	has 'a query' "$body" 'Content-Type: text/plain'
	call '/queues/st%61tus'
	has 'an escape' "$body" 'GET /queues/st'
	call -X DELETE /queues/status
	has 'another method' "$body" 'DELETE /queues/status HTTP/1.1'
	call --http1.1 -X TRACE /queues/status
	has TRACE "$body" 'DELETE /queues/status HTTP/1.1'
	write -H 'Content-Encoding: gzip' -d '{"a":1}' /payments
	has 'an encoding' "$body" 'Content-Encoding: gzip'
	has 'an encoding' "$body" '{"a":1}'
	write --http1.1 -H 'Transfer-Encoding: chunked' -d '{"a":1}' /payments
	has chunked "$body" 'Content-Length: 7'
	has chunked "$body" '{"a":1}'
	write -X POST --http1.1 -H 'Content-Length:' /reservations/hold
	has 'no body' "$body" 'Content-Length: 0'
	call "/queues/status?$(printf 'x%.0s' {1..1983})"
	is 'a target of 1998 bytes' "$status" 200
	call "/queues/status?$(printf 'x%.0s' {1..1984})"
	problem 400 INVALID_REQUEST
}

test_unreadable_header_value_is_replaced() {
	local long key path
	long=$(printf 'x%.0s' {1..300})
	call -H 'X-Queue-Token: tök' -H "If-None-Match: ö" -H 'Content-Type: ü' /queues/a
	has request "$body" 'X-Queue-Token: invalid'
	has request "$body" 'Content-Type: invalid'
	lacks request "$body" If-None-Match
	write -H 'Content-Encoding: gzip' -d x /queues/enter
	has request "$body" 'Content-Encoding: gzip'
	write -H 'Content-Encoding: ü' -d x /queues/enter
	has request "$body" 'Content-Encoding: invalid'
	write -H 'Content-Encoding: Identity' -d x /queues/enter
	lacks request "$body" Content-Encoding
	for path in /queues/status /queues/a; do
		call -H "X-Queue-Token: $long" -H 'Authorization: Bearer é' "$path"
		has request "$body" 'X-Queue-Token: invalid'
		has request "$body" 'Authorization: invalid'
	done
	# A key that is too long or not ASCII is passed on in a form that the service refuses.
	for key in "$long" é; do
		write -X POST -H "Idempotency-Key: $key" /queues/enter
		is 'length of the key' "$(sed -n 's/^Idempotency-Key: //p' <<<"$body" | tr -d '\r\n' | wc -c)" 256
	done
	# Values that are empty or white space are not passed on.
	call -H 'X-Queue-Token;' -H 'Idempotency-Key:   ' /queues/a
	lacks request "$body" X-Queue-Token
	lacks request "$body" Idempotency-Key
}

well_formed=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

test_well_formed_traceparent_is_passed_on() {
	local path
	for path in /queues/status /queues/a /concerts; do
		call -H "traceparent: $well_formed" "$path"
		has "$path" "$body" "traceparent: $well_formed"
		call -H "TraceParent: ${well_formed%1}0" "$path"
		has "$path, not sampled" "$body" "traceparent: ${well_formed%1}0"
		call "$path"
		lacks "$path without one" "$body" traceparent
	done
	for path in /queues/enter /payments /queues/leave; do
		write -H "traceparent: $well_formed" -d '{"a":1}' "$path"
		has "$path" "$body" "traceparent: $well_formed"
	done
}

test_ill_formed_traceparent_is_left_out() {
	local value
	for value in 01-"${well_formed#*-}" ff-"${well_formed#*-}" "$well_formed-x" "${well_formed}0" "${well_formed%?}" \
		"${well_formed^^}" 00-00000000000000000000000000000000-b7ad6b7169203331-01 \
		00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01 00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01 \
		"$well_formed,$well_formed" "x$well_formed" é; do
		call -H "traceparent: $value" /queues/status
		is "status with $value" "$status" 200
		lacks "$value" "$body" traceparent
		call -H "traceparent: $value" /concerts
		lacks "$value" "$body" traceparent
	done
}

# nginx 1.22 knows only the first of several lines of a name. A service that is called directly takes none of them.
test_repeated_traceparent_is_passed_on_once() {
	call --http1.1 -H "traceparent: $well_formed" -H "traceparent: ${well_formed%1}0" /queues/a
	is lines "$(grep -c traceparent <<<"$body")" 1
	has first "$body" "traceparent: $well_formed"
}

test_pages_of_an_allowed_origin_may_send_traceparent() {
	call -X OPTIONS -H 'Origin: https://www.example.com' -H 'Access-Control-Request-Method: GET' /concerts
	is status "$status" 204
	has 'allowed headers' "$(header access-control-allow-headers)" traceparent
}

# The gateway tells the service that there was a body. The service answers 400, or 401, 404, 405 or 413 if an earlier check fails.
test_body_of_a_read_is_not_passed_on_but_announced() {
	local method smuggled='POST /queues/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 0\r\n\r\n' answer
	for method in GET HEAD; do
		answer=$(raw "$method /queues/first HTTP/1.1\r\nHost: a\r\nContent-Length: 80\r\n\r\n$smuggled")
		has "$method" "$answer" 'HTTP/1.1 400 '
		[[ $method == HEAD ]] || has "$method" "$answer" '{"by":"service"}'
		is "answers to $method" "$(grep -c 'HTTP/1.1 ' <<<"$answer")" 1
		answer=$(raw "$method /queues/first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n$smuggled\r\n0\r\n\r\n")
		has "$method" "$answer" 'HTTP/1.1 400 '
		is "answers to $method" "$(grep -c 'HTTP/1.1 ' <<<"$answer")" 1
	done
	is 'sent on' "$(reached queues/first) $(reached smuggled)" '4 0'
	call -X GET -d 'x' /queues/status
	is status "$status" 400
	call -X GET -d 'x' /queues/missing
	is 'no such path' "$status" 404
	call -X GET -d '' /queues/status
	is 'an empty one' "$status" 200
	call -H 'X-Body-Length: 5' /queues/status
	is "a client's word" "$status" 200
}

test_read_with_a_body_over_64k_is_413() {
	head -c 70000 /dev/zero >"$work/large"
	call -X GET --data-binary "@$work/large" /concerts
	problem 413 PAYLOAD_TOO_LARGE
	call -X GET --http1.1 --data-binary "@$work/large" /concerts
	problem 413 PAYLOAD_TOO_LARGE
	call -X GET --http1.1 -H 'Transfer-Encoding: chunked' --data-binary "@$work/large" /concerts
	problem 413 PAYLOAD_TOO_LARGE
	has HEAD "$(raw 'HEAD /concerts HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n')" 'HTTP/1.1 413 '
	call -X GET --data-binary "@$work/large" /queues/missing
	is 'no such path' "$status" 404
}

test_body_of_an_unknown_method_is_not_passed_on() {
	local method smuggled='POST /queues/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 0\r\n\r\n' answer
	for method in DELETE OPTIONS FOO; do
		answer=$(raw "$method /queues/readonly HTTP/1.1\r\nHost: a\r\nContent-Length: 80\r\n\r\n$smuggled")
		has "$method" "$answer" 'HTTP/1.1 405 '
		is "answers to $method" "$(grep -c 'HTTP/1.1 ' <<<"$answer")" 1
		answer=$(raw "$method /queues/readonly HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n$smuggled\r\n0\r\n\r\n")
		has "$method" "$answer" 'HTTP/1.1 405 '
		is "answers to $method" "$(grep -c 'HTTP/1.1 ' <<<"$answer")" 1
	done
	call /queues/after
	has request "$body" 'GET /queues/after'
	is smuggled "$(reached smuggled)" 0
}

# The service refuses the method with any body.
test_body_of_a_write_to_a_read_only_path_is_not_passed_on() {
	local method
	for method in POST PUT PATCH; do
		write -X "$method" -d '{"a":1}' /queues/status
		has "$method" "$body" "$method /queues/status"
		has "$method" "$body" 'Content-Length: 0'
		lacks "$method" "$body" '{"a":1}'
	done
	call /queues/after
	has request "$body" 'GET /queues/after'
}

test_unannounced_http_2_body_of_a_read_is_not_passed_on() {
	printf 'POST /queues/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 0\r\n\r\n' >"$work/smuggled"
	call --http2 -X GET -T - /queues/unannounced <"$work/smuggled"
	is status "$status" 200
	has request "$body" 'GET /queues/unannounced'
	lacks request "$body" smuggled
	call --http2 -X GET -T - /queues/status <"$work/smuggled"
	is 'status of a call made often' "$status" 200
	has 'a call made often' "$body" 'GET /queues/status'
	lacks 'a call made often' "$body" smuggled
	call /queues/after
	has request "$body" 'GET /queues/after'
	is smuggled "$(reached smuggled)" 0
}

test_two_requests_in_one_segment_are_both_answered() {
	local answer
	answer=$(raw 'GET /queues/one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /queues/two HTTP/1.1\r\nHost: a\r\n\r\n' 2)
	has first "$answer" 'GET /queues/one'
	has second "$answer" 'GET /queues/two'
}

test_write_is_passed_on_with_a_length() {
	write -X POST --http1.1 -H 'Content-Length:' /queues/leave
	has 'no body' "$body" 'Content-Length: 0'
	write -X POST --http1.1 -H 'Transfer-Encoding: chunked' -d '{"chunked":1}' /queues/enter
	has chunked "$body" 'Content-Length: 13'
	lacks chunked "$body" Transfer-Encoding
	has chunked "$body" '{"chunked":1}'
	write -X PUT --http2 -T - /admin/queues/1 <<<'{"mode":"PAUSED"}'
	has 'http 2' "$body" 'Content-Length: 18'
	has 'http 2' "$body" '{"mode":"PAUSED"}'
	write -X PATCH -d '{}' /admin/schedules/1
	has patch "$body" 'PATCH /admin/schedules/1'
	has patch "$body" 'Content-Length: 2'
}

test_body_over_64k_is_413() {
	head -c 65537 /dev/zero >"$work/large"
	head -c 65536 /dev/zero | tr '\0' ' ' >"$work/fits"
	write --data-binary "@$work/large" /queues/enter
	problem 413 PAYLOAD_TOO_LARGE
	write --http1.1 --data-binary "@$work/large" /queues/enter
	problem 413 PAYLOAD_TOO_LARGE
	write --http1.1 -H 'Transfer-Encoding: chunked' --data-binary "@$work/large" /queues/enter
	problem 413 PAYLOAD_TOO_LARGE
	write --http2 -X POST -T - /queues/enter <"$work/large"
	problem 413 PAYLOAD_TOO_LARGE
	write --data-binary "@$work/fits" /queues/enter
	is 'status of 65536 bytes' "$status" 200
}

test_large_body_to_a_wrong_route_or_method_is_404_or_405() {
	head -c 1000000 /dev/zero >"$work/large"
	write --data-binary "@$work/large" /nowhere
	problem 404 NOT_FOUND
	write --data-binary "@$work/large" /queues/missing
	is status "$status" 404
	is body "$body" '{"by":"service"}'
	write --data-binary "@$work/large" /queues/readonly
	is status "$status" 405
	is allow "$(header allow)" 'GET, HEAD'
	write --data-binary "@$work/large" /payments/webhooks/toss
	problem 413 PAYLOAD_TOO_LARGE
	write --http1.1 -H 'Transfer-Encoding: chunked' --data-binary "@$work/large" /payments/webhooks/toss
	problem 413 PAYLOAD_TOO_LARGE
	write -X PUT --data-binary "@$work/large" /payments/webhooks/toss
	lacks 'asked the service' "$body" PAYLOAD_TOO_LARGE
}

test_target_too_long_for_the_services_is_400() {
	call "/queues/$(printf 'x%.0s' {1..1990})"
	is 'status of 1998 bytes' "$status" 200
	call "/queues/$(printf 'x%.0s' {1..1991})"
	problem 400 INVALID_REQUEST
	call "/queues/$(printf 'x%.0s' {1..9000})"
	problem 400 INVALID_REQUEST
	raw_problem "$(raw "GET /queues/$(printf 'x%.0s' {1..9000}) HTTP/1.1\r\nHost: a\r\n\r\n")" 400 INVALID_REQUEST
}

test_long_headers_are_400_but_a_4_kb_jwt_is_passed_on() {
	local jwt
	jwt=$(printf 'x%.0s' {1..4080})
	call -H "Authorization: Bearer $jwt" /concerts
	has request "$body" "Bearer $jwt"
	raw_problem "$(raw "GET /queues/a HTTP/1.1\r\nHost: a\r\nX-Long: $(printf 'x%.0s' {1..9000})\r\n\r\n")" 400 INVALID_REQUEST
	call --http1.1 -H "X-Long: $(printf 'x%.0s' {1..9000})" /queues/a
	problem 400 INVALID_REQUEST
}

test_invalid_http_is_400() {
	local text
	while IFS= read -r text; do
		raw_problem "$(raw "$text")" 400 INVALID_REQUEST
	done <<-'E'
		nonsense\r\n\r\n
		GET\r\n\r\n
		GET / HTTP/1.1\r\n\r\n
		GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n
		get /queues HTTP/1.1\r\nHost: a\r\n\r\n
		GET /queues HTTP/3.7\r\nHost: a\r\n\r\n
		GET /%%00 HTTP/1.1\r\nHost: a\r\n\r\n
		GET /%%zz HTTP/1.1\r\nHost: a\r\n\r\n
		GET /%%2e%%2e/x HTTP/1.1\r\nHost: a\r\n\r\n
		GET /../../x HTTP/1.1\r\nHost: a\r\n\r\n
		POST /queues/bad HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n
		POST /queues/bad HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab
		POST /queues/bad HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		POST /queues/bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n
		POST /queues/bad HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n
		GET /queues/bad HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y\r\n\r\n
	E
	is 'sent on' "$(reached queues/bad)" 0
	raw_problem "$(curl -s -i "http://127.0.0.1:$GATEWAY_HTTPS_PORT/queues")" 400 INVALID_REQUEST
}

test_unknown_method_is_404_or_405_of_the_service() {
	local method
	for method in TRACE FOO DELETE PROPFIND; do
		call --http1.1 -X "$method" /queues/readonly
		is "$method" "$status" 405
		is allow "$(header allow)" 'GET, HEAD'
		call -X "$method" /queues/missing
		is "$method" "$status" 404
		call -X "$method" /nowhere
		problem 404 NOT_FOUND
	done
	is 'as they are' "$(reached 'TRACE\|FOO\|PROPFIND')" 0
}

# This holds in each location that takes a body and for each way to announce it. It also holds if the service is down, as the
# point service is here.
test_body_over_64k_is_a_problem_document_at_each_service() {
	local path method form
	head -c 70000 /dev/zero >"$work/large"
	for path in /points/charge /points /queues/enter /reservations/hold /schedules/1/seats /concerts /payments \
		/payments/webhooks/toss /admin/queues/1; do
		for method in POST PUT PATCH; do
			for form in '--http1.1 -H Transfer-Encoding:chunked' '--http1.1' '--http2' \
				'--http1.1 -H Transfer-Encoding:chunked -H Expect:100-continue'; do
				# One path is tested with every form of body. The other paths are tested only with the form
				# whose size nginx learns while it reads.
				[[ $path == /points/charge || $form == '--http1.1 -H Transfer-Encoding:chunked' ]] || continue
				# shellcheck disable=SC2086
				write $form -X "$method" --data-binary "@$work/large" "$path"
				if [[ $method$path == P[UA]*webhooks/toss ]]; then
					# The service would refuse the method. Its stand-in answers 200 without a body.
					lacks "$form $method $path" "$body" '<html'
				else
					problem 413 PAYLOAD_TOO_LARGE
				fi
			done
			write --http2 -X "$method" -T - "$path" <"$work/large"
			[[ $path == *toss ]] || problem 413 PAYLOAD_TOO_LARGE
		done
	done
}

# If gateway and service disagreed about a body's end, the rest of the body would be a second request.
test_hidden_second_request_is_refused_or_passed_on_as_one() {
	local text answer smuggled='GET /queues/smuggled HTTP/1.1\r\nHost: a\r\n\r\n'
	while IFS= read -r text; do
		answer=$(raw "POST /queues/enter HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\n$text")
		[[ $(grep -c '^HTTP/1.1 ' <<<"$answer") -le 1 ]] || fail "two answers to: $text"
	done <<-E
		Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n
		Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n
		Content-Length: 4\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n
		Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n
		Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n
		Transfer-Encoding:\x0bchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n
		Transfer-Encoding\r\n: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n
		X: y\r\n Content-Length: 0\r\nContent-Length: 5\r\n\r\n0\r\n\r\n
		Content-Length: +5\r\n\r\n0\r\n\r\n
		Content-Length: 5, 5\r\n\r\n0\r\n\r\n
		Content-Length: 0x5\r\n\r\n0\r\n\r\n
		Content-Length: -1\r\n\r\n
		Content-Length: 99999999999999999999\r\n\r\n
		Content_Length: 0\r\nContent-Length: 5\r\n\r\n0\r\n\r\n
		Transfer-Encoding: chunked\r\n\r\n5;ext=\"a\r\nx\"\r\nabcde\r\n0\r\n\r\n
		Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n
		Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n
	E
	# Bytes after a complete request are the next request of the same client, never of another client.
	raw "POST /queues/enter HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 60\r\nConnection: close\r\n\r\n$smuggled" >/dev/null
	is smuggled "$(reached smuggled)" 0
}

test_path_in_an_odd_form_reaches_only_its_service() {
	local path
	for path in '//queues/enter' '/queues//enter' '/./queues/enter' '/x/../queues/enter' '/%71ueues/enter' '/queues/enter/' \
		'/queues/enter;a=b' '/queues%2fenter' '/queues/%2e%2e/metrics' '/queues/..;/metrics' '/queues/\..\metrics' \
		'/queues/%00' '/queues/a%0d%0ab' '/queues#x' '/queues?x=/../metrics'; do
		call "$path"
		[[ $status == 200 || $status == 400 || $status == 404 ]] || fail "$path: $status"
		[[ $status != 200 ]] || has "$path" "$body" 'Host: queue'
	done
	is 'metrics asked' "$(grep -c ' /metrics' "$upstream_log" || true)" 0
	# These headers only look like headers that are passed on.
	call --http1.1 -H 'X_Queue_Token: underscore' -H 'X-Queue-Token:  spaced ' /queues/status
	lacks request "$body" underscore
	has request "$body" 'X-Queue-Token: spaced'
	raw_problem "$(raw 'GET /queues/odd HTTP/1.1\r\nHost: a\r\nAuthorization : x\r\n\r\n')" 400 INVALID_REQUEST
	raw_problem "$(raw 'GET /queues/odd HTTP/1.1\r\nHost: a\r\n Authorization: x\r\n\r\n')" 400 INVALID_REQUEST
	is 'sent on' "$(reached queues/odd)" 0
}

run_tests
