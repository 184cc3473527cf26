# The gateway and stand-in that the tests run against, and the tests' words. Sourced by run.
# shellcheck shell=bash

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
base=${GATEWAY_TEST_BASE:-27000}
work=$(mktemp -d /tmp/gateway-test.XXXXXX)
chmod 755 "$work"
upstream_log=$work/upstream.log
upstream_pid=

stop() {
	local pid=
	[[ ! -s $work/run/gateway/nginx.pid ]] || pid=$(<"$work/run/gateway/nginx.pid")
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	[[ -z $upstream_pid ]] || kill "$upstream_pid" 2>/dev/null || true
	wait 2>/dev/null || true
	[[ ! -x $work/nginx/firewall ]] || "$work/nginx/firewall" unload
	[[ -n ${KEEP:-} ]] || rm -rf "$work"
}
trap stop EXIT

# --- what runs -----------------------------------------------------------------

# queue: one instance. reservation: two. payment: two, the second dead. point:
# one, dead. The files are a copy, which tests may change.
start() {
	unset "${!GATEWAY_@}" # of a stack that the caller knows
	export RUN_DIR=$work/run BIND=127.0.0.1
	export GATEWAY_HTTPS_PORT=$((base + 143)) GATEWAY_HTTP_PORT=$((base + 80))
	export QUEUE_UPSTREAMS=127.0.0.1:$((base + 110))
	export RESERVATION_UPSTREAMS="127.0.0.1:$((base + 120)) 127.0.0.1:$((base + 121))"
	export PAYMENT_UPSTREAMS="127.0.0.1:$((base + 130)) 127.0.0.1:$((base + 131))"
	export POINT_UPSTREAMS=127.0.0.1:$((base + 140))
	export ENVIRONMENT=development CORS_ORIGIN=https://www.example.com GATEWAY_LIMIT_PER_ADDRESS=off GATEWAY_WORKERS=2

	mkdir -p "$RUN_DIR/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout "$RUN_DIR/tls/key.pem" -out "$RUN_DIR/tls/cert.pem" 2>/dev/null
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -pthread -o "$work/upstream" "$here/upstream.c"
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -o "$work/hostile" "$here/hostile.c" -lssl -lcrypto
	: >"$upstream_log"
	"$work/upstream" "$upstream_log" $((base + 110)) $((base + 120)) $((base + 121)) $((base + 130)) &
	upstream_pid=$!

	cp -R "$root/nginx" "$work/nginx"
	sed -i 's/^proxy_read_timeout .*/proxy_read_timeout 5s;/' "$work/nginx/tuning.conf"
	"$work/nginx/reload" --first
	nginx -c "$RUN_DIR/gateway/current/nginx.conf" &
	secure=https://127.0.0.1:$GATEWAY_HTTPS_PORT
	for ((i = 0; i < 50; i++)); do
		curl -ksf -o /dev/null "$secure/healthz" && return
		sleep 0.1
	done
	cat "$RUN_DIR/gateway/error.log" >&2
	echo "the gateway did not start" >&2
	exit 1
}

# --- words for tests -------------------------------------------------------------

# call [curl's arguments] PATH: sets $status, $headers (lower case names) and $body.
call() {
	local path=${*: -1}
	status=$(curl -ks --max-time 10 -D "$work/headers" -o "$work/body" -w '%{http_code}' \
		"${@:1:$#-1}" --path-as-is "$secure$path") || true
	headers=$(tr -d '\r' <"$work/headers" | sed 's/^\([^:]*\):/\L\1:/')
	body=$(tr -d '\0' <"$work/body" 2>/dev/null || true)
}

# A new user for each call, so that the rate limits never meet a test by chance.
users=0
write() {
	users=$((users + 1))
	call -H "Authorization: Bearer h.p.$users.$RANDOM$RANDOM" "$@"
}

# raw TEXT [ANSWERS]: sends it over TLS (HTTP/1.1, \r\n written out), prints all that comes back. The connection
# stays open until ANSWERS answers (one) are there, and for a moment in which one too many would come.
raw() {
	: >"$work/raw"
	# shellcheck disable=SC2059,SC2094
	{
		printf "$1"
		for ((i = 0; i < 100; i++)); do
			[[ $(grep -c 'HTTP/1.1 ' "$work/raw") -lt ${2:-1} ]] || break
			sleep 0.1
		done
		sleep 0.3
	} | timeout 20 openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" \
		>"$work/raw" 2>/dev/null || true
	cat "$work/raw"
}

now() { # in microseconds
	echo "${EPOCHREALTIME//[!0-9]/}"
}

fail() {
	printf '    %s\n' "$*" >>"$work/failure"
}

is() { # is WHAT GOT WANTED
	[[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"
}

has() { # has WHAT TEXT PART
	[[ $2 == *"$3"* ]] || fail "$1 lacks '$3': ${2:0:400}"
}

lacks() { # lacks WHAT TEXT PART
	[[ $2 != *"$3"* ]] || fail "$1 has '$3': ${2:0:400}"
}

header() { # the value of one response header of the last call
	sed -n "s/^$1: //p" <<<"$headers"
}

# problem STATUS CODE: the last call was answered by the gateway with this.
problem() {
	is status "$status" "$1"
	is content-type "$(header content-type)" application/problem+json
	is code "$(jq -r .code <<<"$body" 2>&1)" "$2"
	is 'status in the body' "$(jq -r .status <<<"$body" 2>&1)" "$1"
	is type "$(jq -r .type <<<"$body" 2>&1)" "/problems/$(tr 'A-Z_' 'a-z-' <<<"$2")"
	is requestId "$(jq -r .requestId <<<"$body" 2>&1)" "$(header x-request-id)"
	[[ $1 != 429 && $1 != 503 ]] || is retry "$(jq -r .retryAfterSeconds <<<"$body" 2>&1)" "$(header retry-after)"
}

# raw_problem ANSWER STATUS CODE: the same of what raw printed.
raw_problem() {
	has 'the answer' "$1" "HTTP/1.1 $2 "
	has 'the answer' "$1" "\"code\":\"$3\""
	has 'the answer' "$1" "X-Request-Id: "
}

# How many requests whose line holds TEXT reached the services.
reached() {
	grep -c -- "$1" "$upstream_log" || true
}

# plain TEXT: sends it to the plain port (\r\n written out), prints the answer.
plain() {
	# shellcheck disable=SC2059
	{
		printf "$1"
		sleep 0.3
	} | timeout 10 curl -s --max-time 5 "telnet://127.0.0.1:$GATEWAY_HTTP_PORT" || true
}

# many COUNT ARGS...: COUNT calls at once; prints how many had which status.
many() {
	local count=$1
	shift
	curl -ks --no-progress-meter --parallel --parallel-immediate --parallel-max 50 -o /dev/null -w '%{http_code}\n' \
		"${@:1:$#-1}" "$secure${*: -1}?[1-$count]" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs
}

# limited LEAST MOST ANSWERS: in the output of `many`, LEAST to MOST calls passed, and the others were 429.
limited() {
	[[ $3 =~ ^200=([0-9]+)\ 429=([0-9]+)$ ]] || { fail "answers: $3"; return; }
	((BASH_REMATCH[1] >= $1 && BASH_REMATCH[1] < $2)) || fail "passed: ${BASH_REMATCH[1]}, not $1 to $(($2 - 1))"
}

# rated RATE BURST COUNT ARGS...: of COUNT calls at once, the burst and one pass, and those that the rate allows meanwhile.
rated() {
	local began answers
	began=$(now)
	answers=$(many "${@:3}")
	limited $(($2 + 1)) $(($2 + 3 + $1 * ($(now) - began) / 1000000)) "$answers"
}

# tuned SED-SCRIPT [SETTING=VALUE...]: reloads with tuning.conf changed so; right: with the right one.
tuned() {
	cp "$root/nginx/tuning.conf" "$work/nginx/tuning.conf"
	sed -i "$1" "$work/nginx/tuning.conf"
	! cmp -s "$root/nginx/tuning.conf" "$work/nginx/tuning.conf" || fail "nothing was changed: $1"
	env "${@:2}" "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

right() {
	cp "$root/nginx/tuning.conf" "$work/nginx/tuning.conf"
	sed -i 's/^proxy_read_timeout .*/proxy_read_timeout 5s;/' "$work/nginx/tuning.conf"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}
