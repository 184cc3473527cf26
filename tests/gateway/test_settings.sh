# What nginx/render makes of its settings. Sourced by run.
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
