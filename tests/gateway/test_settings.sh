# nginx/render and its settings. Sourced by run.
# shellcheck shell=bash disable=SC2154

test_wrong_settings_are_named() {
	local setting
	for setting in GATEWAY_HTTPS_PORT=0 GATEWAY_HTTP_PORT=x INSTANCES=0 'CORS_ORIGIN=https://a;b' 'BIND=a b' \
		'GATEWAY_WEBHOOK_ADDRESSES=192.0.2.1 192.0.2.256' GATEWAY_WEBHOOK_ADDRESSES=10.0.0.0/33 GATEWAY_WEBHOOK_ADDRESSES=::/129 \
		'GATEWAY_WEBHOOK_ADDRESSES=1.2.3.4 1;' GATEWAY_WEBHOOK_ADDRESSES=1:2:3 GATEWAY_WEBHOOK_ADDRESSES=toss.im \
		'GATEWAY_SERVER_NAME=a;b' 'QUEUE_UPSTREAMS=nowhere' 'RUN_DIR=/tmp/a b' GATEWAY_WORKERS=many; do
		if env "$setting" "$work/nginx/render" "$work/wrong" >"$work/out" 2>&1; then
			fail "$setting was taken"
		fi
		has output "$(cat "$work/out")" "setting ${setting%%=*}: "
	done
}

# production [SETTING=VALUE...]: renders with what a production has, and these; prints what render says, or "rendered".
production() {
	env ENVIRONMENT=production GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_FIREWALL=none GATEWAY_SERVER_NAME=api.example.com \
		env "$@" "$work/nginx/render" "$work/production" >"$work/out" 2>&1 && echo rendered
	cat "$work/out"
}

test_production_refuses_what_is_safe_only_in_development_and_names_each_fault() {
	local said name mode
	is 'the settings of a production' "$(production)" rendered
	has hsts "$(cat "$work/production/nginx.conf")" 'max-age=31536000'
	has 'limits by address' "$(cat "$work/production/nginx.conf")" 'limit_per_address { default "on"; }'
	said=$(production GATEWAY_LIMIT_PER_ADDRESS=off GATEWAY_LIMIT_PER_CONNECTION=off GATEWAY_SERVER_NAME=localhost \
		GATEWAY_HSTS_SECONDS=0 GATEWAY_USER=root 'CORS_ORIGIN=https://a.example http://b.example' \
		GATEWAY_TLS_KEY="$work/none" INSTANCES=x GATEWAY_WORKERS=many)
	for name in GATEWAY_LIMIT_PER_ADDRESS GATEWAY_LIMIT_PER_CONNECTION GATEWAY_SERVER_NAME GATEWAY_HSTS_SECONDS GATEWAY_USER \
		CORS_ORIGIN GATEWAY_TLS_KEY INSTANCES GATEWAY_WORKERS; do
		has 'the faults' "$said" "setting $name: "
	done
	lacks 'the faults' "$said" rendered
	# Production is what it is where nothing says otherwise.
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

# A worker with more connections than files would accept no connection once the files are used up.
test_connections_are_no_more_than_open_files() {
	local conf as=()
	# Root may raise its limit, but for this.
	[[ $(id -u) -ne 0 ]] || as=(setpriv --bounding-set -sys_resource --inh-caps -sys_resource)
	# shellcheck disable=SC2016
	conf=$("${as[@]}" bash -c '
		ulimit -n 2000 && "$1/render" "$2" && cat "$2/nginx.conf"' - "$work/nginx" "$work/files" 2>&1) || fail "$conf"
	has 'with 2,000 files' "$conf" 'worker_rlimit_nofile 2000;'
	has 'with 2,000 files' "$conf" 'worker_connections 1488;'
	# In production the number stands for room that other addresses have (nginx/README.md).
	# shellcheck disable=SC2016
	conf=$(ENVIRONMENT=production GATEWAY_LIMIT_PER_ADDRESS=on GATEWAY_FIREWALL=none GATEWAY_SERVER_NAME=api.example.com "${as[@]}" \
		bash -c 'ulimit -n 2000 && "$1/render" "$2"' - "$work/nginx" "$work/files" 2>&1) && fail 'production was rendered'
	has production "$conf" 'setting GATEWAY_CONNECTIONS: 32768: a worker needs at least 16512 open files, and this user may have 2000'
}

test_instances_listen_on_the_ports_after_the_first() {
	env -u QUEUE_UPSTREAMS QUEUE_PORT=9110 INSTANCES=3 BIND=0.0.0.0 "$work/nginx/render" "$work/three"
	is servers "$(grep -o '127.0.0.1:911[0-9]' "$work/three/upstreams.conf" | xargs)" \
		'127.0.0.1:9110 127.0.0.1:9111 127.0.0.1:9112'
}

test_nginx_has_nothing_to_warn_about() {
	is 'nginx -t' "$(nginx -t -q -c "$RUN_DIR/gateway/current/nginx.conf" 2>&1)" ''
	is 'the error log' "$(grep -E '\[(warn|alert|emerg|crit)\]' "$RUN_DIR/gateway/error.log" |
		grep -v -e 'upstream server temporarily disabled' -e 'not enough, reusing connections' || true)" ''
	[[ $(id -u) -eq 0 ]] || return 0
	# As an ordinary user, too.
	install -d -o nobody "$work/user" "$work/user/tls"
	install -o nobody "$RUN_DIR"/tls/*.pem "$work/user/tls"
	# shellcheck disable=SC2016
	is 'nginx -t as nobody' "$(RUN_DIR=$work/user setpriv --reuid=nobody --clear-groups \
		bash -c '"$1/reload" --first && nginx -t -q -c "$RUN_DIR/gateway/current/nginx.conf"' - "$work/nginx" 2>&1)" ''
}
