#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Where the gateway sends a request: redirects, hosts, paths, the webhook.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_plain_port_redirects_with_308() {
	local plain=http://127.0.0.1:$GATEWAY_HTTP_PORT answer
	answer=$(curl -s -i -X POST -d x "$plain/queues/enter?a=b")
	has status "$answer" 'HTTP/1.1 308 '
	has location "$answer" "Location: https://localhost:$GATEWAY_HTTPS_PORT/queues/enter?a=b"
	has id "$answer" 'X-Request-Id: '
	is 'sent on' "$(reached 'queues/enter?a=b')" 0
}

test_plain_port_redirects_to_the_public_port() {
	GATEWAY_PUBLIC_PORT=443 "$work/nginx/render" "$work/public"
	has 'behind a port 443' "$(cat "$work/public/nginx.conf")" "return 308 https://localhost\$redirect_path;"
	GATEWAY_PUBLIC_PORT=444 GATEWAY_SERVER_NAME=::1 "$work/nginx/render" "$work/public"
	has 'behind a port 444' "$(cat "$work/public/nginx.conf")" "return 308 https://[::1]:444\$redirect_path;"
}

# The redirect must not contain the host that the client sent. Otherwise an attacker could redirect users to another site.
test_other_host_is_redirected_to_the_configured_name() {
	local text answer
	while read -r text; do
		answer=$(plain "$text")
		has "$text" "$answer" 'HTTP/1.1 308 '
		has "$text" "$answer" "Location: https://localhost:$GATEWAY_HTTPS_PORT/"
		lacks "$text" "${answer,,}" evil.example
	done <<-'E'
		GET /concerts HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n
		GET /concerts HTTP/1.1\r\nHost: EVIL.example:80\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n
		GET http://evil.example/concerts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n
		GET http://evil.example HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n
		GET http://evil.example?x HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n
		GET /concerts HTTP/1.0\r\n\r\n
		GET /concerts HTTP/1.0\r\nHost: evil.example\r\n\r\n
	E
	# A target without a slash must not extend the host's name.
	answer=$(plain 'GET .evil.example/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
	has 'a target without a slash' "$answer" 'HTTP/1.1 400 '
	lacks 'a target without a slash' "$answer" Location
}

# The gateway never uses the request's Host: neither the service nor an answer gets it. So any host is allowed, for example from a
# health check that knows only the address.
test_unknown_host_is_answered_and_not_passed_on() {
	local answer
	answer=$(raw 'GET /queues/a HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\r\n')
	has answer "$answer" 'HTTP/1.1 200 '
	has answer "$answer" 'Host: queue'
	lacks answer "$answer" evil.example
	call --http2 -H 'Host: evil.example' /queues/a
	is status "$status" 200
	lacks answer "$headers$body" evil.example
	answer=$(raw 'GET https://evil.example/queues/a HTTP/1.1\r\nHost: localhost\r\n\r\n')
	has answer "$answer" 'GET /queues/a HTTP/1.1'
	lacks answer "$answer" evil.example
}

test_healthz_is_answered_by_the_gateway() {
	call /healthz
	is status "$status" 200
	is body "$body" '{"status":"ok"}'
	call -X POST /healthz
	problem 405 METHOD_NOT_ALLOWED
	is allow "$(header allow)" 'GET, HEAD'
}

test_each_path_is_passed_to_its_service() {
	local path service
	while read -r path service; do
		call "$path"
		is "status of $path" "$status" 200
		has "$path" "$body" "Host: $service"
		has "$path" "$body" "GET $path HTTP/1.1"
	done <<-'E'
		/concerts reservation
		/concerts/0193?x=%20y reservation
		/schedules?concertId=1 reservation
		/schedules/1/seats reservation
		/reservations reservation
		/admin/concerts/1 reservation
		/admin/concerts/1/schedules reservation
		/admin/schedules/1 reservation
		/queues/status queue
		/queues queue
		/admin/queues/1 queue
		/payments payment
		/payments/1 payment
	E
}

test_other_paths_are_404() {
	local path
	for path in / /pointsX /queuesx/enter /admin /admin/points /admin/queuesX /livez /readyz /metrics /.problem \
		/queues/../metrics /concertsandmore /index.html; do
		call "$path"
		problem 404 NOT_FOUND
	done
}

test_webhook_from_an_address_not_listed_is_403() {
	local path webhooks_before
	webhooks_before=$(reached webhooks)
	GATEWAY_WEBHOOK_ADDRESSES='127.0.0.8 127.0.2.0/24 2001:db8::/32' "$work/nginx/reload" >"$work/out" 2>&1 ||
		fail "reload: $(cat "$work/out")"
	for path in /payments/webhooks/toss /payments/webhooks/ //payments//webhooks/toss /payments/%77ebhooks/toss \
		/payments/x/../webhooks/toss '/payments/webhooks/toss?a=b' /payments/webhooks; do
		call -d '{}' "$path"
		problem 403 FORBIDDEN
	done
	is 'sent on' "$(reached 'webhooks')" "$webhooks_before"
	call --interface 127.0.0.8 -d '{}' /payments/webhooks/toss
	is 'a named address' "$status" 200
	call --interface 127.0.2.77 -d '{}' /payments/webhooks/toss
	is 'a named network' "$status" 200
	write -d '{}' /payments/webhooksx
	is 'another path' "$status" 200
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call -d '{}' /payments/webhooks/toss
	is 'anybody, without the setting' "$status" 200
}

run_tests
