#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Changed files and settings on a running gateway.
# shellcheck source=tests/gateway/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_reload_of_a_changed_file_drops_no_request() {
	local k loops=() answers path unanswered protocol=(--http1.1 --http2)
	# curl repeats a request by itself if a kept connection is closed during it. The trace of -v shows that.
	for k in 1 2 3 4; do
		curl -ksv "${protocol[k % 2]}" -w '%{http_code} %{url}\n' -o /dev/null "$secure/concerts/slow-$k?[1-30]" \
			-o /dev/null "$secure/queues/$k?[1-1500]" >"$work/load.$k" 2>"$work/trace.$k" &
		loops+=($!)
	done
	sleep 0.3
	for k in 1 2 3; do
		"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	done
	wait "${loops[@]}" || fail "a request was dropped"
	answers=$(cut -d' ' -f1 "$work"/load.[24] | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)
	is 'answers over HTTP/1.1' "$answers" 200=3060
	is 'connections closed under a request' "$(cat "$work"/trace.[24] | grep -ci 'connection died\|retrying\|reset by peer')" 0
	# Over HTTP/2 a worker that ends refuses new requests with GOAWAY, which says that nothing was done. A client may send them again.
	# Some versions of curl do that, others report no answer.
	for k in 1 3; do
		mapfile -t unanswered < <(sed -n "s|^000 $secure||p" "$work/load.$k")
		is 'answers over HTTP/2' "$(grep -c '^200 ' "$work/load.$k")" $((1530 - ${#unanswered[@]}))
		for path in "${unanswered[@]}"; do
			is "$path sent on" "$(reached "GET $path$")" 0
		done
		is 'connections reset or refused' "$(grep -ciE 'reset by peer|connection refused' "$work/trace.$k")" 0
		[[ $((${#unanswered[@]} + $(grep -ci 'connection died\|retrying' "$work/trace.$k"))) -le \
			$(grep -c 'GOAWAY, error=0' "$work/trace.$k") ]] || fail 'a request failed without a GOAWAY'
	done
	has 'the trace of HTTP/1.1' "$(grep -i '^< connection: close' "$work/trace.2" | head -1)" close
	has output "$(cat "$work/out")" 'new workers'
}

test_write_during_a_reload_is_answered_and_closes_its_connection() {
	local file sure=0
	file=$(sed -n 's/.*[$]draining_file { default "\(.*\)"; }.*/\1/p' "$RUN_DIR/gateway/current/nginx.conf")
	touch "$file"
	# A worker checks once a second whether the file is there.
	for ((i = 0; i < 600; i++)); do
		write --http1.1 -d '{"a":1}' /queues/enter
		is status "$status" 200
		[[ $(header connection) != close ]] || sure=$((sure + 1))
		((sure < 20)) || break
		sleep 0.05
	done
	has request "$body" '{"a":1}'
	is connection "$(header connection)" close
	write --http1.1 -H 'Transfer-Encoding: chunked' -d '{"a":1}' /queues/enter
	has request "$body" '{"a":1}'
	rm "$file"
	for ((i = 0; i < 600; i++)); do
		write --http1.1 -d '{}' /queues/enter
		[[ $(header connection) == close ]] || break
		sleep 0.05
	done
	is 'connection afterwards' "$(header connection)" keep-alive
}

test_reload_applies_the_deny_list_and_settings() {
	local path
	cp "$work/nginx/deny.conf" "$work/deny.right"
	# The file says that new lines are appended.
	printf 'deny 127.0.0.2;\ndeny 127.0.1.0/24; # a network\nallow 127.0.1.9;\n' >>"$work/nginx/deny.conf"
	CORS_ORIGIN='' "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	for path in /concerts /healthz /nowhere /.problem / /payments/webhooks/toss; do
		call --interface 127.0.0.2 "$path"
		problem 403 FORBIDDEN
		call --interface 127.0.1.8 --http1.1 "$path"
		problem 403 FORBIDDEN
	done
	call --interface 127.0.0.2 -X OPTIONS -H 'Access-Control-Request-Method: POST' -H 'Origin: https://www.example.com' /queues
	problem 403 FORBIDDEN
	head -c 70000 /dev/zero >"$work/large"
	call --interface 127.0.0.2 --data-binary "@$work/large" /queues/enter
	problem 403 FORBIDDEN
	raw_problem "$(curl -s -i --interface 127.0.0.2 "http://127.0.0.1:$GATEWAY_HTTP_PORT/concerts")" 403 FORBIDDEN
	call --interface 127.0.1.9 /concerts
	is 'the exception' "$status" 200
	call /concerts
	is 'another address' "$status" 200
	call -X OPTIONS -H 'Access-Control-Request-Method: POST' -H 'Origin: https://www.example.com' /nowhere
	is 'origin without the setting' "$(header access-control-allow-origin)" ''
	# One line has all rules and ends with an exception.
	printf 'deny 127.0.0.0/29; allow 127.0.0.1;\n' >"$work/nginx/deny.conf"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call --interface 127.0.0.2 /concerts
	problem 403 FORBIDDEN
	cp "$work/deny.right" "$work/nginx/deny.conf"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	call --interface 127.0.0.2 /concerts
	is 'status again' "$status" 200
}

test_reload_of_a_wrong_file_changes_nothing_and_names_its_line() {
	local before after line text
	before=$(readlink "$RUN_DIR/gateway/current")
	cp "$work/nginx/tuning.conf" "$work/tuning.right"
	line=$(($(wc -l <"$work/nginx/tuning.conf") + 1))
	echo 'client_max_body_sise 64k;' >>"$work/nginx/tuning.conf"
	if "$work/nginx/reload" >"$work/out" 2>&1; then
		fail "the reload succeeded"
	fi
	has output "$(cat "$work/out")" "nginx/tuning.conf:$line"
	has output "$(cat "$work/out")" 'nothing was changed'
	after=$(readlink "$RUN_DIR/gateway/current")
	is 'files in force' "$after" "$before"
	is 'folders left' "$(find "$RUN_DIR/gateway" -maxdepth 1 -name 'conf.*' | wc -l)" 1
	# render copies a limit to other files. The message must still name the line in the operator's file.
	for text in 'limit_req zone=status_token bursst=1; # for status' 'limit_conn user_connections 5; # for stauts'; do
		cp "$work/tuning.right" "$work/nginx/tuning.conf"
		echo "$text" >>"$work/nginx/tuning.conf"
		! "$work/nginx/reload" >"$work/out" 2>&1 || fail "the reload accepted $text"
		has "$text" "$(cat "$work/out")" "nginx/tuning.conf:$line"
	done
	cp "$work/tuning.right" "$work/nginx/tuning.conf"
	if GATEWAY_LIMIT_PER_ADDRESS=perhaps "$work/nginx/reload" >"$work/out" 2>&1; then
		fail "the reload accepted a wrong setting"
	fi
	has output "$(cat "$work/out")" "setting GATEWAY_LIMIT_PER_ADDRESS: 'perhaps' is not one of on, off"
	call /concerts
	is status "$status" 200
}

# The signal comes when the new files are in force and the old workers still run, as Ctrl-C might.
test_interrupted_reload_keeps_the_files_in_force() {
	local current draining pid
	draining=$(sed -n 's/.*[$]draining_file { default "\(.*\)"; }.*/\1/p' "$RUN_DIR/gateway/current/nginx.conf")
	current=$(readlink "$RUN_DIR/gateway/current")
	"$work/nginx/reload" >"$work/out" 2>&1 &
	pid=$!
	for ((i = 0; i < 1500; i++)); do
		[[ $(readlink "$RUN_DIR/gateway/current") == "$current" ]] || break
		sleep 0.02
	done
	kill -TERM "$pid" 2>/dev/null || true
	wait "$pid" || true
	[[ -s $RUN_DIR/gateway/current/nginx.conf ]] || fail "the files in force are gone"
	[[ -n $draining && ! -e $draining ]] || fail "the old workers are still told to close: '$draining'"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
	is 'folders left' "$(find "$RUN_DIR/gateway" -maxdepth 1 -name 'conf.*' | wc -l)" 1
}

run_tests
