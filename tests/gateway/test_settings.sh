#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# nginx/render and the gateway's settings.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_wrong_setting_is_named() {
	local setting
	for setting in GATEWAY_HTTPS_PORT=0 GATEWAY_HTTP_PORT=x INSTANCES=0 'CORS_ORIGIN=https://a;b' 'BIND=a b' \
		'GATEWAY_WEBHOOK_ADDRESSES=192.0.2.1 192.0.2.256' GATEWAY_WEBHOOK_ADDRESSES=10.0.0.0/33 GATEWAY_WEBHOOK_ADDRESSES=::/129 \
		'GATEWAY_WEBHOOK_ADDRESSES=1.2.3.4 1;' GATEWAY_WEBHOOK_ADDRESSES=1:2:3 GATEWAY_WEBHOOK_ADDRESSES=toss.im \
		'GATEWAY_SERVER_NAME=a;b' 'QUEUE_UPSTREAMS=nowhere' 'RUN_DIR=/tmp/a b' GATEWAY_WORKERS=many; do
		if env "$setting" "$work/nginx/render" "$work/wrong" >"$work/out" 2>&1; then
			fail "$setting was accepted"
		fi
		has output "$(cat "$work/out")" "setting ${setting%%=*}: "
	done
}

# production [SETTING=VALUE...]: renders with valid production settings, changed by these. Prints "rendered", or the errors of render.
production() {
	env ENVIRONMENT=production GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_FIREWALL=none GATEWAY_SERVER_NAME=api.example.com \
		env "$@" "$work/nginx/render" "$work/production" >"$work/out" 2>&1 && echo rendered
	cat "$work/out"
}

test_development_settings_in_production_are_each_refused() {
	local said name mode
	is 'the settings of a production' "$(production)" rendered
	has hsts "$(cat "$work/production/nginx.conf")" 'max-age=31536000'
	has 'limits by address' "$(cat "$work/production/nginx.conf")" '0.0.0.0/1 "4";'
	said=$(production GATEWAY_LIMIT_PER_ADDRESS=off GATEWAY_LIMIT_PER_CONNECTION=off GATEWAY_SERVER_NAME=localhost \
		GATEWAY_HSTS_SECONDS=0 GATEWAY_USER=root 'CORS_ORIGIN=https://a.example http://b.example' \
		GATEWAY_TLS_KEY="$work/none" INSTANCES=x GATEWAY_WORKERS=many)
	for name in GATEWAY_LIMIT_PER_ADDRESS GATEWAY_LIMIT_PER_CONNECTION GATEWAY_SERVER_NAME GATEWAY_HSTS_SECONDS GATEWAY_USER \
		CORS_ORIGIN GATEWAY_TLS_KEY INSTANCES GATEWAY_WORKERS; do
		has 'the faults' "$said" "setting $name: "
	done
	lacks 'the faults' "$said" rendered
	# Without a value, ENVIRONMENT is production.
	has 'no ENVIRONMENT' "$(production -u ENVIRONMENT GATEWAY_LIMIT_PER_ADDRESS=off)" 'setting GATEWAY_LIMIT_PER_ADDRESS: off'
	has 'an empty ENVIRONMENT' "$(production ENVIRONMENT= GATEWAY_LIMIT_PER_ADDRESS=off)" 'setting GATEWAY_LIMIT_PER_ADDRESS: off'
	has 'another word' "$(production ENVIRONMENT=prod)" "setting ENVIRONMENT: 'prod' is not"
	is 'limits by address where nothing is set' "$(production -u GATEWAY_LIMIT_PER_ADDRESS)" rendered
	is development "$(production ENVIRONMENT=development GATEWAY_LIMIT_PER_ADDRESS=off GATEWAY_SERVER_NAME=localhost)" rendered
	for mode in 604 640 620 660 644; do
		chmod "$mode" "$RUN_DIR/tls/key.pem"
		has "a key of mode $mode" "$(production)" 'setting GATEWAY_TLS_KEY: '
	done
	chmod 600 "$RUN_DIR/tls/key.pem"
	is 'a key of mode 600' "$(production)" rendered
	mkdir -p "$work/no-nft"
	printf '#!/bin/sh\necho "Error: Operation not permitted" >&2\nexit 1\n' >"$work/no-nft/nft"
	chmod +x "$work/no-nft/nft"
	has 'no right to use nft' "$(production GATEWAY_FIREWALL= PATH="$work/no-nft:$PATH")" \
		'setting GATEWAY_FIREWALL: connections by address cannot be bounded here (nft: Operation not permitted)'
}

# If a worker allowed more connections than open files, it would accept no connection after the last file.
test_few_open_files_reduce_the_connections() {
	local conf as=()
	# Without this capability even root cannot raise its limit.
	[[ $(id -u) -ne 0 ]] || as=(setpriv --bounding-set -sys_resource --inh-caps -sys_resource)
	# shellcheck disable=SC2016
	conf=$("${as[@]}" bash -c '
		ulimit -n 2000 && "$1/render" "$2" && cat "$2/nginx.conf"' - "$work/nginx" "$work/files" 2>&1) || fail "$conf"
	has 'with 2,000 files' "$conf" 'worker_rlimit_nofile 2000;'
	has 'with 2,000 files' "$conf" 'worker_connections 1488;'
	# In production the number of connections guarantees places for other addresses (nginx/README.md).
	# shellcheck disable=SC2016
	conf=$(ENVIRONMENT=production GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_FIREWALL=none GATEWAY_SERVER_NAME=api.example.com "${as[@]}" \
		bash -c 'ulimit -n 2000 && "$1/render" "$2"' - "$work/nginx" "$work/files" 2>&1) && fail 'production was rendered'
	has production "$conf" 'setting GATEWAY_CONNECTIONS: 32768: a worker needs at least 16512 open files, and this user may have 2000'
}

test_instances_have_consecutive_ports() {
	env -u QUEUE_UPSTREAMS QUEUE_PORT=9110 INSTANCES=3 BIND=0.0.0.0 "$work/nginx/render" "$work/three"
	is servers "$(grep -o '127.0.0.1:911[0-9]' "$work/three/servers/queue.conf" | xargs)" \
		'127.0.0.1:9110 127.0.0.1:9111 127.0.0.1:9112'
}

test_name_without_an_address_does_not_keep_nginx_from_starting() {
	QUEUE_UPSTREAMS='nowhere.invalid:9110' RESERVATION_UPSTREAMS='[::1]:9120 127.0.0.1:9121 localhost:9122' \
		"$work/nginx/render" "$work/unknown" >"$work/out" 2>&1 || fail "render: $(cat "$work/out")"
	is 'nginx -t' "$(nginx -t -q -c "$work/unknown/nginx.conf" 2>&1)" ''
	is 'the names without an answer' "$(cat "$work/unknown/unanswered")" nowhere.invalid
	has servers "$(cat "$work/unknown/servers/reservation.conf")" 'server [::1]:9120 max_fails=5 fail_timeout=2s;'
	has servers "$(cat "$work/unknown/servers/reservation.conf")" 'server 127.0.0.1:9121 max_fails=5 fail_timeout=2s;'
	has servers "$(cat "$work/unknown/servers/reservation.conf")" 'server 127.0.0.1:9122 max_fails=5 fail_timeout=2s;'
}

test_limit_without_calls_applies_to_every_call() {
	local limits=$RUN_DIR/gateway/current/limits
	tuned 's/^\(limit_conn user_connections 200;\).*/\1/'
	is 'kinds of calls that have it' "$({ grep -l 'user_connections 200' "$limits"/*.conf || true; } | wc -l)" \
		"$(find "$limits" -name '*.conf' | wc -l)"
	right
}

# Otherwise the limit would apply to no call, or to other calls than the operator wants.
# shellcheck disable=SC2016 # $x is of nginx
test_limit_that_render_cannot_assign_is_refused_with_its_line() {
	local line text
	cp -R "$work/nginx" "$work/careless"
	line=$(($(wc -l <"$work/nginx/tuning.conf") + 1))
	for text in $'limit_req\n\tzone=status_token burst=60 nodelay; # for status' 'limit_req zone=status_token burst=60 # for status' \
		'limit_req_zone $x zone=x:1m rate=1r/s; limit_req zone=x; # for status' 'if ($x) { limit_rate 1; }' \
		'limit_req zone=status_token; #For status' 'limit_req zone=status_token; # for: status' 'limit_req zone=status_token; # for' \
		'limit_req zone=status_token; # for status, enter' 'limit_req zone=status_token; # raised for the sale' \
		'include /etc/limits.conf;'; do
		{ cat "$work/nginx/tuning.conf" && echo "$text"; } >"$work/careless/tuning.conf"
		! "$work/careless/render" "$work/careless.out" >"$work/out" 2>&1 || fail "render accepted $text"
		has "$text" "$(cat "$work/out")" "nginx/tuning.conf:$line: "
	done
	{ cat "$work/nginx/tuning.conf" && printf '\tlimit_conn\taddress_bodies\t7;#\tfor\tstatus  enter\n# include limit_req x for y\n'; } >"$work/careless/tuning.conf"
	"$work/careless/render" "$work/careless.out" 2>"$work/out" || fail "render: $(cat "$work/out")"
	is 'tabs' "$(cd "$work/careless.out/limits" && grep -l 'address_bodies.*7' -- *.conf | xargs)" 'enter.conf status.conf'
}

# Without limits, nginx would pass on every request of the location.
test_each_location_that_passes_requests_on_has_limits() {
	local without
	without=$(awk '/^[[:space:]]*location / { name = $0; has = 0 } /include limits\// { has = 1 } /proxy_pass / && !has { print FILENAME ": " name }' \
		"$RUN_DIR"/gateway/current/conf.d/*.conf)
	is 'locations without limits' "$without" ''
}

test_nginx_prints_no_warning() {
	is 'nginx -t' "$(nginx -t -q -c "$RUN_DIR/gateway/current/nginx.conf" 2>&1)" ''
	is 'the error log' "$(grep -E '\[(warn|alert|emerg|crit)\]' "$RUN_DIR/gateway/error.log" |
		grep -v -e 'upstream server temporarily disabled' -e 'not enough, reusing connections' || true)" ''
	[[ $(id -u) -eq 0 ]] || return 0
	# The same as an ordinary user.
	install -d -o nobody "$work/user" "$work/user/tls"
	install -o nobody "$RUN_DIR"/tls/*.pem "$work/user/tls"
	# shellcheck disable=SC2016
	is 'nginx -t as nobody' "$(RUN_DIR=$work/user setpriv --reuid=nobody --clear-groups \
		bash -c '"$1/reload" --first && nginx -t -q -c "$RUN_DIR/gateway/current/nginx.conf"' - "$work/nginx" 2>&1)" ''
}

run_tests
