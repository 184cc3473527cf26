# The parts of a request that the gateway passes on, and the requests that it refuses. Sourced by run.
# shellcheck shell=bash disable=SC2154

test_only_the_listed_headers_go_on() {
	local extra=() k
	for ((k = 0; k < 40; k++)); do
		extra+=(-H "X-Extra-$k: $k")
	done
	write "${extra[@]}" -H 'X-Queue-Token: token-1' -H 'Idempotency-Key: key-1' -H 'Content-Type: application/json' \
		-H 'If-None-Match: W/"1"' -H 'Cookie: a=b' -H 'X-Forwarded-For: 192.0.2.1' -H 'X-Request-Id: mine' \
		-H 'Connection: close, X-Queue-Token' -H 'Via: x' -d '{"a":1}' --http1.1 /queues/enter
	is status "$status" 200
	has request "$body" 'X-Queue-Token: token-1'
	has request "$body" 'Idempotency-Key: key-1'
	has request "$body" 'Content-Type: application/json'
	has request "$body" 'If-None-Match: W/"1"'
	has request "$body" 'X-Forwarded-For: 127.0.0.1'
	has request "$body" 'Authorization: Bearer h.p.'
	has request "$body" 'Content-Length: 7'
	has request "$body" '{"a":1}'
	lacks request "$body" X-Extra
	lacks request "$body" Cookie
	lacks request "$body" mine
	lacks request "$body" 192.0.2.1
	lacks request "$body" Via
	is 'header lines' "$(sed -n '/^\r*$/q;p' <<<"$body" | wc -l)" 10
}

test_a_value_no_service_could_read_is_replaced() {
	local long key
	long=$(printf 'x%.0s' {1..300})
	call -H 'X-Queue-Token: tök' -H "If-None-Match: ö" -H 'Content-Type: ü' /queues/status
	has request "$body" 'X-Queue-Token: invalid'
	has request "$body" 'Content-Type: invalid'
	lacks request "$body" If-None-Match
	write -H 'Content-Encoding: gzip' -d x /queues/enter
	has request "$body" 'Content-Encoding: gzip'
	write -H 'Content-Encoding: ü' -d x /queues/enter
	has request "$body" 'Content-Encoding: invalid'
	write -H 'Content-Encoding: Identity' -d x /queues/enter
	lacks request "$body" Content-Encoding
	call -H "X-Queue-Token: $long" -H 'Authorization: Bearer é' /queues/status
	has request "$body" 'X-Queue-Token: invalid'
	has request "$body" 'Authorization: invalid'
	# A key too long, or not ASCII, stays one the service refuses.
	for key in "$long" é; do
		write -X POST -H "Idempotency-Key: $key" /queues/enter
		is 'length of the key' "$(sed -n 's/^Idempotency-Key: //p' <<<"$body" | tr -d '\r\n' | wc -c)" 256
	done
	# Empty, or white space: not sent.
	call -H 'X-Queue-Token;' -H 'Idempotency-Key:   ' /queues/status
	lacks request "$body" X-Queue-Token
	lacks request "$body" Idempotency-Key
}

# Whether it is a 400, or a 404, 405, 413 or 401 before that, is for the service to say.
test_a_read_goes_on_without_its_body_and_says_that_there_was_one() {
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

test_a_read_with_a_body_over_64k_is_413() {
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

test_another_method_with_a_body_goes_on_without_it() {
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

test_a_read_of_http_2_with_an_unannounced_body_goes_on_without_it() {
	printf 'POST /queues/smuggled HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 0\r\n\r\n' >"$work/smuggled"
	call --http2 -X GET -T - /queues/unannounced <"$work/smuggled"
	is status "$status" 200
	has request "$body" 'GET /queues/unannounced'
	lacks request "$body" smuggled
	call /queues/after
	has request "$body" 'GET /queues/after'
	is smuggled "$(reached smuggled)" 0
}

test_two_requests_in_one_segment_are_two_requests() {
	local answer
	answer=$(raw 'GET /queues/one HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\nGET /queues/two HTTP/1.1\r\nHost: a\r\n\r\n' 2)
	has first "$answer" 'GET /queues/one'
	has second "$answer" 'GET /queues/two'
}

test_a_write_always_has_a_length() {
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

test_a_body_over_64k_is_413() {
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

test_route_and_method_come_before_the_size() {
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

test_a_target_too_long_for_the_services_is_400() {
	call "/queues/$(printf 'x%.0s' {1..1990})"
	is 'status of 1998 bytes' "$status" 200
	call "/queues/$(printf 'x%.0s' {1..1991})"
	problem 400 INVALID_REQUEST
	call "/queues/$(printf 'x%.0s' {1..9000})"
	problem 400 INVALID_REQUEST
	raw_problem "$(raw "GET /queues/$(printf 'x%.0s' {1..9000}) HTTP/1.1\r\nHost: a\r\n\r\n")" 400 INVALID_REQUEST
}

test_headers_too_long_are_400_and_four_kilobytes_of_jwt_go_on() {
	local jwt
	jwt=$(printf 'x%.0s' {1..4080})
	call -H "Authorization: Bearer $jwt" /concerts
	has request "$body" "Bearer $jwt"
	raw_problem "$(raw "GET /queues/a HTTP/1.1\r\nHost: a\r\nX-Long: $(printf 'x%.0s' {1..9000})\r\n\r\n")" 400 INVALID_REQUEST
	call --http1.1 -H "X-Long: $(printf 'x%.0s' {1..9000})" /queues/a
	problem 400 INVALID_REQUEST
}

test_what_is_no_http_is_400() {
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

test_an_unknown_method_is_the_services_404_or_405() {
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

# In each location that takes a body, and however it is announced; also where the service is down, as the point service is
# here: the gateway's own answer.
test_a_body_over_64k_is_a_problem_document_at_each_service() {
	local path method form
	head -c 70000 /dev/zero >"$work/large"
	for path in /points/charge /points /queues/enter /reservations/hold /schedules/1/seats /concerts /payments \
		/payments/webhooks/toss /admin/queues/1; do
		for method in POST PUT PATCH; do
			for form in '--http1.1 -H Transfer-Encoding:chunked' '--http1.1' '--http2' \
				'--http1.1 -H Transfer-Encoding:chunked -H Expect:100-continue'; do
				# Every form at one path; at the others what is found too large only while it is read.
				[[ $path == /points/charge || $form == '--http1.1 -H Transfer-Encoding:chunked' ]] || continue
				# shellcheck disable=SC2086
				write $form -X "$method" --data-binary "@$work/large" "$path"
				if [[ $method$path == P[UA]*webhooks/toss ]]; then
					# The service says that its method is another: here it answers 200 without a body.
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

# A body that ends in another place for the gateway than for the service would be a second request.
test_forms_that_hide_a_second_request_are_refused_or_passed_on_as_one() {
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
	# Bytes after a whole request are the same client's next request, never another client's.
	raw "POST /queues/enter HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nContent-Length: 60\r\nConnection: close\r\n\r\n$smuggled" >/dev/null
	is smuggled "$(reached smuggled)" 0
}

test_paths_in_odd_forms_reach_only_the_service_they_name() {
	local path
	for path in '//queues/enter' '/queues//enter' '/./queues/enter' '/x/../queues/enter' '/%71ueues/enter' '/queues/enter/' \
		'/queues/enter;a=b' '/queues%2fenter' '/queues/%2e%2e/metrics' '/queues/..;/metrics' '/queues/\..\metrics' \
		'/queues/%00' '/queues/a%0d%0ab' '/queues#x' '/queues?x=/../metrics'; do
		call "$path"
		[[ $status == 200 || $status == 400 || $status == 404 ]] || fail "$path: $status"
		[[ $status != 200 ]] || has "$path" "$body" 'Host: queue'
	done
	is 'metrics asked' "$(grep -c ' /metrics' "$upstream_log" || true)" 0
	# A header that only looks like another one.
	call --http1.1 -H 'X_Queue_Token: underscore' -H 'X-Queue-Token:  spaced ' /queues/status
	lacks request "$body" underscore
	has request "$body" 'X-Queue-Token: spaced'
	raw_problem "$(raw 'GET /queues/odd HTTP/1.1\r\nHost: a\r\nAuthorization : x\r\n\r\n')" 400 INVALID_REQUEST
	raw_problem "$(raw 'GET /queues/odd HTTP/1.1\r\nHost: a\r\n Authorization: x\r\n\r\n')" 400 INVALID_REQUEST
	is 'sent on' "$(reached queues/odd)" 0
}
