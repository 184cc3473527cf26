# Sourced by the benchmarks: a stack of their own, the floors beside it, alternating rounds, medians, the table.
# shellcheck shell=bash
#
# A floor and what it judges are measured in turn, ROUNDS times. The ratio is the median of the rounds' ratios:
# what else the machine does then falls on both alike. The noise is how far the floor itself was apart between
# rounds, (most - least) / median.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BENCH=$TOP/tests/bench
export STACK_ENV=bench
# shellcheck source=deploy/local/settings.sh
source "$TOP/deploy/local/settings.sh"
load_settings
OUT=$BUILD_DIR/bench
WORK=$RUN_DIR/bench

QUICK=${BENCH_QUICK:-}
ROUNDS=${BENCH_ROUNDS:-$([[ -n $QUICK ]] && echo 3 || echo 5)}
SECONDS_EACH=${BENCH_SECONDS:-$([[ -n $QUICK ]] && echo 1 || echo 3)}
CONNECTIONS=256
ALL_CORES=0-$(($(nproc) - 1))

# Floors, next to the stack's own ports (deploy/local/bench.env).
CONSTANT_PORT=24190
FLOOR_HTTPS_PORT=24444
FLOOR_HTTP_PORT=24081

say() {
	printf '==> %s\n' "$*"
}

# --- starting and stopping -------------------------------------------------------------

floor_pids=()

stop_all() {
	local pid
	trap - EXIT
	for pid in "${floor_pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	[[ -n ${KEEP:-} ]] || "$LOCAL/clean" --only "$RUN_DIR" >/dev/null
}

# A new, empty stack; gone again when the script ends (KEEP=1 leaves it).
start_stack() {
	say "starting the stack of the benchmarks in $RUN_DIR"
	"$LOCAL/install-packages" build run bench
	trap stop_all EXIT
	trap 'exit 1' INT TERM
	"$LOCAL/clean" --only "$RUN_DIR" >/dev/null
	mkdir -p "$RUN_DIR"
	"$LOCAL/up" --no-journey >"$RUN_DIR/up.log" 2>&1 || {
		tail -n 30 "$RUN_DIR/up.log"
		die "the stack did not come up"
	}
	make -s --no-print-directory -C "$BENCH"
	mkdir -p "$WORK"
	PATH=$PATH:/usr/sbin
}

# wait_for_answer URL LOG: until it answers, twenty seconds at most.
wait_for_answer() {
	local i
	for ((i = 0; i < 200; i++)); do
		! curl -fsSk -m 2 -o /dev/null "$1" 2>"$WORK/curl.log" || return 0
		sleep 0.1
	done
	tail -n 10 "$WORK/curl.log" "$2" >&2
	die "$1 does not answer"
}

# start_constant SERVICE BYTES: Kore answering a constant, with the configuration of that service.
start_constant() {
	local folder=$WORK/constant
	mkdir -p "$folder"
	# shellcheck disable=SC2016
	BIND=127.0.0.1 PORT=$CONSTANT_PORT WORKERS=1 SO=$OUT/constant.so RUNDIR=$folder \
		envsubst '$BIND $PORT $WORKERS $SO $RUNDIR' <"$TOP/services/$1/conf/$1.conf" >"$folder/constant.conf"
	(cd "$folder" && CONSTANT_BYTES=$2 exec setpriv --pdeathsig TERM \
		"$BUILD_DIR/kore/kore" -f -n -r -c "$folder/constant.conf") >"$folder/log" 2>&1 &
	floor_pids+=($!)
	wait_for_answer "http://127.0.0.1:$CONSTANT_PORT/" "$folder/log"
}

# The same gateway once more, in front of the constant.
start_floor_gateway() {
	local constant=127.0.0.1:$CONSTANT_PORT
	GATEWAY_DIR=$WORK/gateway GATEWAY_HTTPS_PORT=$FLOOR_HTTPS_PORT GATEWAY_HTTP_PORT=$FLOOR_HTTP_PORT \
		QUEUE_UPSTREAMS=$constant RESERVATION_UPSTREAMS=$constant PAYMENT_UPSTREAMS=$constant \
		POINT_UPSTREAMS=$constant GATEWAY_ACCESS_LOG=$WORK/access.log GATEWAY_ERROR_LOG=$WORK/gateway.log \
		"$TOP/nginx/reload" --first >/dev/null
	setpriv --pdeathsig TERM nginx -c "$WORK/gateway/current/nginx.conf" -e stderr >"$WORK/nginx.log" 2>&1 &
	floor_pids+=($!)
	wait_for_answer "https://localhost:$FLOOR_HTTPS_PORT/healthz" "$WORK/nginx.log"
}

operator_token() {
	"$LOCAL/token" --roles operator
}

# --- measuring ---------------------------------------------------------------------------

# value NAME <result line: the value of NAME=... in it
value() {
	sed -n "s/^RESULT .*\<$1=\([0-9.]*\).*/\1/p"
}

# cpu_us PID...: microseconds of CPU that these processes have used
cpu_us() {
	local pid
	for pid in "$@"; do
		cat "/proc/$pid"/task/*/schedstat
	done | awk '{ s += $1 } END { printf "%.0f\n", s / 1000 }'
}

# worker_in FOLDER: the worker process of the Kore that runs there
worker_in() {
	pgrep -P "$(<"$1/kore.pid")" -f 'kore \[wrk'
}

# counting_cpu NAME PID COMMAND...: COMMAND prints requests a second, as load does; what the process used meanwhile
# is noted. More than one process: "PID PID".
counting_cpu() {
	local name=$1 pids=$2 before rps
	shift 2
	# shellcheck disable=SC2086 # several
	before=$(cpu_us $pids)
	rps=$("$@") || return 1
	# shellcheck disable=SC2086
	echo "$(($(cpu_us $pids) - before)) $((rps * SECONDS_EACH))" >>"$WORK/cpu.$name"
	echo "$rps"
}

# cpu_a_request NAME: microseconds
cpu_a_request() {
	awk '{ us += $1; n += $2 } END { printf "%.1f", n ? us / n : 0 }' "$WORK/cpu.$1"
}

# on_core CORE PID...: where these may run from now on, with all their threads
on_core() {
	local core=$1 pid
	shift
	for pid in "$@"; do
		taskset -a -c -p "$core" "$pid" >/dev/null
	done
}

# load URL ARGS...: requests a second, by wrk with requests.lua. An answer that is an error ends the run.
load() {
	local result url=$1
	shift
	result=$(taskset -c "${LOAD_CORE:-$ALL_CORES}" wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" --timeout 10s -s "$BENCH/requests.lua" "$url" -- "$@" 2>&1 | tail -n 1)
	[[ $result == RESULT* ]] || die "wrk: $result"
	[[ $(value errors <<<"$result") == 0 ]] || die "errors under load at $url: $result"
	value rps <<<"$result"
}

# median NUMBER...
median() {
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# spread NUMBER...: (most - least) / median, in percent
spread() {
	printf '%s\n' "$@" | sort -g | awk '{ v[NR] = $1 }
		END { m = NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2; printf "%.0f", m ? 100 * (v[NR] - v[1]) / m : 0 }'
}

# compare NAME TARGET FLOOR OURS: FLOOR and OURS are functions that print a number, given the round. A row of the
# table comes of it.
compare() {
	local name=$1 target=$2 floor=$3 ours=$4 round f o
	local floors=() all=() ratios=()
	say "$name"
	for ((round = 0; round < ROUNDS; round++)); do
		f=$("$floor" "$round") || exit 1
		o=$("$ours" "$round") || exit 1
		floors+=("$f")
		all+=("$o")
		ratios+=("$(awk -v f="$f" -v o="$o" 'BEGIN { printf "%.3f", f ? o / f : 0 }')")
		printf '    round %d: floor %s, ours %s, ratio %s\n' $((round + 1)) "$f" "$o" "${ratios[-1]}"
	done
	row "$name" "$(median "${floors[@]}")" "$(median "${all[@]}")" "$(median "${ratios[@]}")" ">= $target" \
		"$(spread "${floors[@]}")%"
}

# --- the table -----------------------------------------------------------------------------

table=()

# row NAME FLOOR OURS RATIO TARGET NOISE: RATIO is judged against TARGET (">= n" or "<= n").
row() {
	local reached
	reached=$(awk -v r="$4" -v op="${5%% *}" -v t="${5##* }" \
		'BEGIN { r += 0; t += 0; print (op == ">=" ? r >= t : r <= t) ? "yes" : "no" }')
	table+=("$1|$2|$3|$4|$5|$reached|$6")
}

print_table() {
	local line
	echo
	printf '%-46s %10s %10s %8s %9s %8s %6s\n' "what" "floor" "ours" "ratio" "target" "reached" "noise"
	for line in "${table[@]}"; do
		IFS='|' read -r name floor ours ratio target reached noise <<<"$line"
		printf '%-46s %10s %10s %8s %9s %8s %6s\n' "$name" "$floor" "$ours" "$ratio" "$target" "$reached" "$noise"
	done
	echo
	echo "$ROUNDS alternating rounds of $SECONDS_EACH s, medians; noise: how far the floor was apart between rounds."
	echo "$(nproc) cores for servers and load generator; load average at the end: $(cut -d' ' -f1-3 /proc/loadavg)"
}
