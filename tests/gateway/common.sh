# The gateway under test, its stand-in for the services, and the helpers of the tests. Each test_*.sh sources this.
# shellcheck shell=bash
#
# Each file of tests starts nginx with the project's files on private ports, in front of a program (upstream.c) that answers
# with the request that it received. GATEWAY_TEST_BASE (27000) is the first of the ten ports.
# tests/run gateway builds the programs and runs all files; bash tests/gateway/test_tls.sh runs one of them.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
export PATH=$PATH:/usr/sbin
# shellcheck source=tests/lib/tap.sh
source "$root/tests/lib/tap.sh"
programs=$root/build/tests/gateway
base=${GATEWAY_TEST_BASE:-27000}
work=$tap_folder/gateway
upstream_log=$work/upstream.log
upstream_pid=

tear_down_file() {
	local pid=
	! declare -F stop_what_file_started >/dev/null || stop_what_file_started
	[[ ! -s $work/run/gateway/nginx.pid ]] || pid=$(<"$work/run/gateway/nginx.pid")
	[[ -z $pid ]] || kill "$pid" 2>/dev/null || true
	[[ -z $upstream_pid ]] || kill "$upstream_pid" 2>/dev/null || true
	wait 2>/dev/null || true
	[[ ! -x $work/nginx/firewall ]] || "$work/nginx/firewall" unload
}

# --- what runs -----------------------------------------------------------------

# A file of tests may define its own start_gateway.
declare -F start_gateway >/dev/null || start_gateway() {
	"$work/nginx/reload" --first
	nginx -c "$RUN_DIR/gateway/current/nginx.conf" &
}

# The services have these instances: queue one, reservation two, payment two of which the second is down, point one that is
# down. The gateway's files are a copy, which tests may change.
set_up_file() {
	unset "${!GATEWAY_@}" # settings of the caller's stack
	chmod 755 "$tap_folder"
	mkdir -p "$work"
	export RUN_DIR=$work/run BIND=127.0.0.1
	export GATEWAY_HTTPS_PORT=$((base + 0)) GATEWAY_HTTP_PORT=$((base + 1))
	export QUEUE_UPSTREAMS=127.0.0.1:$((base + 2))
	export RESERVATION_UPSTREAMS="127.0.0.1:$((base + 3)) 127.0.0.1:$((base + 4))"
	export PAYMENT_UPSTREAMS="127.0.0.1:$((base + 5)) 127.0.0.1:$((base + 6))"
	export POINT_UPSTREAMS=127.0.0.1:$((base + 7))
	export ENVIRONMENT=development CORS_ORIGIN=https://www.example.com GATEWAY_LIMIT_PER_ADDRESS=off GATEWAY_WORKERS=2

	! declare -F settings_of_file >/dev/null || settings_of_file
	mkdir -p "$RUN_DIR/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
		-keyout "$RUN_DIR/tls/key.pem" -out "$RUN_DIR/tls/cert.pem" 2>/dev/null
	: >"$upstream_log"
	"$programs/upstream" "$upstream_log" $((base + 2)) $((base + 3)) $((base + 4)) $((base + 5)) &
	upstream_pid=$!

	mkdir -p "$work/deploy"
	cp -R "$root/nginx" "$work/nginx"
	cp -R "$root/deploy/settings" "$work/deploy/settings"
	sed -i 's/^proxy_read_timeout .*/proxy_read_timeout 5s;/' "$work/nginx/tuning.conf"
	start_gateway
	secure=https://127.0.0.1:$GATEWAY_HTTPS_PORT
	for ((i = 0; i < 600; i++)); do
		curl -ksf -o /dev/null "$secure/healthz" && return
		sleep 0.1
	done
	cat "$RUN_DIR/gateway/error.log" >&2
	echo "the gateway did not start" >&2
	exit 1
}

# --- helpers of the tests ---------------------------------------------------------

# call [OPTION of curl...] PATH: sets $status, $headers (names in lower case) and $body.
call() {
	local path=${*: -1}
	status=$(curl -ks --max-time 60 -D "$work/headers" -o "$work/body" -w '%{http_code}' \
		"${@:1:$#-1}" --path-as-is "$secure$path") || true
	headers=$(tr -d '\r' <"$work/headers" | sed 's/^\([^:]*\):/\L\1:/')
	body=$(tr -d '\0' <"$work/body" 2>/dev/null || true)
}

# write: makes the call as a new user each time, so that no test reaches a rate limit by chance.
users=0
write() {
	users=$((users + 1))
	call -H "Authorization: Bearer h.p.$users.$RANDOM$RANDOM" "$@"
}

# raw TEXT [ANSWERS]: sends TEXT over TLS as HTTP/1.1 and prints what comes back. TEXT has \r\n as escapes. The connection stays
# open until the gateway closes it or ANSWERS (1) answers have arrived, and a moment longer, to see whether there is one too many.
raw() {
	: >"$work/raw"
	rm -f "$work/raw.closed"
	# shellcheck disable=SC2059,SC2094
	{
		printf "$1"
		for ((i = 0; i < 600; i++)); do
			[[ ! -e $work/raw.closed && $(grep -c 'HTTP/1.1 ' "$work/raw") -lt ${2:-1} ]] || break
			sleep 0.1
		done
		sleep 0.3
	} | {
		timeout 90 openssl s_client -quiet -no_ign_eof -connect "127.0.0.1:$GATEWAY_HTTPS_PORT" >"$work/raw" 2>/dev/null || true
		: >"$work/raw.closed"
	}
	cat "$work/raw"
}

# Prints the time in microseconds.
now() {
	echo "${EPOCHREALTIME//[!0-9]/}"
}

# header NAME: prints the value of a header of the last answer.
header() {
	sed -n "s/^$1: //p" <<<"$headers"
}

# problem STATUS CODE: the last answer is a problem document of the gateway with this status and code.
problem() {
	is status "$status" "$1"
	is content-type "$(header content-type)" application/problem+json
	is code "$(jq -r .code <<<"$body" 2>&1)" "$2"
	is 'status in the body' "$(jq -r .status <<<"$body" 2>&1)" "$1"
	is type "$(jq -r .type <<<"$body" 2>&1)" "/problems/$(tr 'A-Z_' 'a-z-' <<<"$2")"
	is requestId "$(jq -r .requestId <<<"$body" 2>&1)" "$(header x-request-id)"
	[[ $1 != 429 && $1 != 503 ]] || is retry "$(jq -r .retryAfterSeconds <<<"$body" 2>&1)" "$(header retry-after)"
}

# raw_problem ANSWER STATUS CODE: the same for an answer that raw printed.
raw_problem() {
	has 'the answer' "$1" "HTTP/1.1 $2 "
	has 'the answer' "$1" "\"code\":\"$3\""
	has 'the answer' "$1" "X-Request-Id: "
}

# reached TEXT: prints how many requests with TEXT in their first line reached the services.
reached() {
	grep -c -- "$1" "$upstream_log" || true
}

# plain TEXT: sends TEXT, with \r\n as escapes, to the plain HTTP port and prints the answer. The connection stays open until it has
# arrived, and a moment longer, for the rest of it.
plain() {
	local i
	: >"$work/plain"
	# shellcheck disable=SC2059,SC2094
	{
		printf "$1"
		for ((i = 0; i < 600; i++)); do
			! grep -q 'HTTP/1.1 ' "$work/plain" || break
			sleep 0.1
		done
		sleep 0.3
	} | timeout 90 curl -sN --max-time 80 "telnet://127.0.0.1:$GATEWAY_HTTP_PORT" >"$work/plain" || true
	cat "$work/plain"
}

# many COUNT [OPTION of curl...] PATH: makes COUNT calls at once. Prints how many answers had each status.
many() {
	local count=$1
	shift
	curl -ks --no-progress-meter --parallel --parallel-immediate --parallel-max 50 -o /dev/null -w '%{http_code}\n' \
		"${@:1:$#-1}" "$secure${*: -1}?[1-$count]" | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs
}

# limited LEAST MOST ANSWERS: in the output of `many`, at least LEAST and fewer than MOST calls passed; the others are 429.
limited() {
	[[ $3 =~ ^200=([0-9]+)\ 429=([0-9]+)$ ]] || { fail "answers: $3"; return; }
	((BASH_REMATCH[1] >= $1 && BASH_REMATCH[1] < $2)) || fail "passed: ${BASH_REMATCH[1]}, not $1 to $(($2 - 1))"
}

# rated RATE BURST COUNT [OPTION of curl...] PATH: checks that of COUNT calls at once, BURST + 1 pass, and those that RATE allows in this
# time. The calls are streams of four connections. A connection for each call would take so long on a slow machine that all calls pass.
rated() {
	local began answers k pids=()
	began=$(now)
	for k in 1 2 3 4; do
		curl -ks --no-progress-meter --http2 --parallel -o /dev/null -w '%{http_code}\n' "${@:4:$#-4}" "$secure${*: -1}?[$k-$3:4]" \
			>"$work/rated.$k" &
		pids+=($!)
	done
	wait "${pids[@]}"
	answers=$(cat "$work"/rated.[1-4] | sort | uniq -c | awk '{ print $2 "=" $1 }' | xargs)
	limited $(($2 + 1)) $(($2 + 3 + $1 * ($(now) - began) / 1000000)) "$answers"
}

# until_refused AGENT REFUSED COMMAND...: runs a command that makes calls with "held" in their paths. The stand-in for the services
# answers none of them before the gateway has refused REFUSED calls of the user agent AGENT. Prints the command's output.
until_refused() {
	local calls
	rm -f "$upstream_log.release"
	"${@:3}" >"$work/held" &
	calls=$!
	wait_for 60 are_refused "$1" "$2" || true
	touch "$upstream_log.release"
	wait "$calls" || true
	cat "$work/held"
}

are_refused() {
	(($(grep -c "\"status\":429.*\"userAgent\":\"$1\"" "$RUN_DIR/gateway/access.log") >= $2))
}

# tuned SED-SCRIPT [SETTING=VALUE...]: reloads with tuning.conf changed by the script. right: reloads with the original file.
tuned() {
	cp "$root/nginx/tuning.conf" "$work/nginx/tuning.conf"
	sed -i "$1" "$work/nginx/tuning.conf"
	! cmp -s "$root/nginx/tuning.conf" "$work/nginx/tuning.conf" || fail "the script changes nothing: $1"
	env "${@:2}" "$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

right() {
	cp "$root/nginx/tuning.conf" "$work/nginx/tuning.conf"
	sed -i 's/^proxy_read_timeout .*/proxy_read_timeout 5s;/' "$work/nginx/tuning.conf"
	"$work/nginx/reload" >"$work/out" 2>&1 || fail "reload: $(cat "$work/out")"
}

# Whether the kernel's rules can be loaded. Some containers cannot.
firewall_works() {
	local table=concert_gateway_probe_$base
	[[ $(id -u) -eq 0 ]] && nft add table inet "$table" 2>/dev/null && nft delete table inet "$table"
}

# --- a hostile client ------------------------------------------------------------

# hold MODE [ARG...]: starts a hostile client (hostile.c) on 127.0.0.2 and waits until it has all connections that it can get.
hold() {
	: >"$work/hostile.out"
	"$programs/hostile" "$@" "$GATEWAY_HTTPS_PORT" >"$work/hostile.out" 2>&1 &
	hostile_pid=$!
	for ((i = 0; i < 600; i++)); do
		! grep -q ready "$work/hostile.out" || return 0
		sleep 0.1
	done
	fail "the hostile client is not ready: $(cat "$work/hostile.out")"
}

# figures [now]: waits for the hostile client to end; with `now` it ends at once. Sets $peak, $closed, $answered, $refused and $sent to the
# figures that it prints.
figures() {
	local name
	[[ ${1:-} != now ]] || kill "$hostile_pid" 2>/dev/null || true
	wait "$hostile_pid" || fail "the hostile client failed: $(cat "$work/hostile.out")"
	for name in peak closed answered refused sent; do
		printf -v "$name" '%d' "$(sed -n "s/.*\b$name=\([0-9]*\).*/\1/p" "$work/hostile.out")"
	done
}

# served ADDRESS: five calls from the address succeed, each on a new connection.
served() {
	local k
	for ((k = 0; k < 5; k++)); do
		call --interface "$1" /concerts
		is "call $k from $1" "$status" 200
	done
}
