# Sourced by the benchmarks. It has their own stack, the floors, alternating rounds, medians and the table.
# shellcheck shell=bash
#
# A floor and the measured program run in turn, ROUNDS times, so that other load of the machine affects both alike. The
# ratio is the median of the rounds' ratios. The noise is the floor's own spread between rounds: (most - least) / median.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BENCH=$TOP/tests/bench
export STACK_ENV=bench
# shellcheck source=deploy/local/settings.sh
source "$TOP/deploy/local/settings.sh"
load_test_settings
OUT=$BUILD_DIR/bench
WORK=$RUN_DIR/bench

# The comment at the top of a benchmark is its help. `source` without arguments keeps the benchmark's arguments in $1, $2 ...
case ${1:-} in
-h | --help)
	sed -n '/^# `make bench-/,/^[^#]/s/^# \{0,1\}//p' "$0"
	exit 0
	;;
esac

# check_bench_number NAME VALUE MIN MAX [WHY]
check_bench_number() {
	if ! [[ $2 =~ ^[1-9][0-9]{0,8}$ ]] || (($2 < $3 || $2 > $4)); then
		die "$1 is '$2', not a whole number from $3 to $4${5:+: $5}"
	fi
}

QUICK=${BENCH_QUICK:-}
ROUNDS=${BENCH_ROUNDS:-$([[ -n $QUICK ]] && echo 3 || echo 5)}
SECONDS_EACH=${BENCH_SECONDS:-$([[ -n $QUICK ]] && echo 1 || echo 3)}
check_bench_number BENCH_ROUNDS "$ROUNDS" 1 99
check_bench_number BENCH_SECONDS "$SECONDS_EACH" 1 60
CONNECTIONS=256

# The numbers of the cores that this process may use.
mapfile -t CORES < <(taskset -c -p $$ | sed 's/.*: //' | tr , '\n' | while IFS=- read -r from to; do seq "$from" "${to:-$from}"; done)
ALL_CORES=$(IFS=, && echo "${CORES[*]}")

# The floors have ports of the stack's block (deploy/local/test-ports.sh).
CONSTANT_PORT=$((GATEWAY_HTTPS_PORT + 60))
FLOOR_HTTPS_PORT=$((GATEWAY_HTTPS_PORT + 61))

say() {
	printf '==> %s\n' "$*"
}

# --- before anything is started ----------------------------------------------------------

# Only one benchmark runs at a time in this clone: two would share a folder and ports, and disturb each other's figures.
lock_benchmarks() {
	mkdir -p "$OUT"
	exec 8>>"$OUT/lock"
	flock -n 8 || die "another benchmark of this clone is at work (pid $(tail -n 1 "$OUT/lock")); wait until it has ended"
	echo $$ >"$OUT/lock"
}

# check_free PORT...
check_free() {
	local port holder
	for port; do
		holder=$(ss -Hltnp "sport = :$port" | head -n 1)
		[[ -z $holder ]] || die "port $port, which this benchmark needs, is taken$(
			sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/ by \1, pid \2/p' <<<"$holder"): stop that first"
	done
}

# begin MINUTES MEMORY_MB [ARGUMENTS...]: ends the benchmark if the arguments are wrong or the machine is too small, and
# prints how long it takes.
begin() {
	local minutes=$1 need=$2 free load
	(($# == 2)) || die "'$3' is not an argument of this benchmark: see $0 --help"
	"$LOCAL/install-packages" build run bench
	PATH=$PATH:/usr/sbin
	free=$(awk '/^MemAvailable:/ { printf "%.0f", $2 / 1024 }' /proc/meminfo)
	((free >= need)) || die "this benchmark needs $need MB of free memory; the machine has $free MB"
	lock_benchmarks
	check_free "$CONSTANT_PORT" "$FLOOR_HTTPS_PORT"
	trap stop_all EXIT
	trap 'say "interrupted"; exit 130' INT TERM
	trap 'echo "error: $0, line $LINENO: this failed: $BASH_COMMAND" >&2' ERR
	say "this takes about $minutes minutes on two cores that nothing else uses, with the default rounds"
	load=$(cut -d' ' -f1 /proc/loadavg)
	awk -v l="$load" 'BEGIN { exit l < 0.7 }' &&
		say "load average $load: other programs use this machine. That makes the run longer and the ratios less exact"
	true
}

# --- starting and stopping -------------------------------------------------------------

floor_pids=()

# Cleans up at every kind of end. A second Ctrl-C does not interrupt it.
stop_all() {
	local status=$? pid
	trap - EXIT ERR
	trap '' INT TERM
	for pid in "${floor_pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
	if [[ -n ${KEEP:-} ]]; then
		say "KEEP=1: stack, logs and results stay in $RUN_DIR; STACK_ENV=bench make down stops what runs there"
		return
	fi
	say "stopping, and removing $RUN_DIR"
	clean_up
	((status == 0 || status == 130)) || say "logs and results are removed; KEEP=1 leaves them in $RUN_DIR"
}

# Removes a stack and the benchmarks' files; bench-gateway starts no stack.
clean_up() {
	"$LOCAL/clean" --only "$RUN_DIR" >/dev/null
	rm -rf "$WORK" "$RUN_DIR/up.log" "$RUN_DIR/lock"
	rmdir "$RUN_DIR" 2>/dev/null || true
}

# Starts a new, empty stack.
start_stack() {
	say "starting a stack in $RUN_DIR"
	clean_up
	mkdir -p "$RUN_DIR"
	"$LOCAL/up" --no-journey >"$RUN_DIR/up.log" 2>&1 8>&- || {
		tail -n 30 "$RUN_DIR/up.log"
		die "the stack did not come up"
	}
	make -s --no-print-directory -C "$BENCH"
	mkdir -p "$WORK"
}

# wait_for_answer URL LOG: waits until the URL answers, at most twenty seconds.
wait_for_answer() {
	local i
	for ((i = 0; i < 200; i++)); do
		! curl -fsSk -m 2 -o /dev/null "$1" 2>"$WORK/curl.log" || return 0
		sleep 0.1
	done
	tail -n 10 "$WORK/curl.log" "$2" >&2
	die "$1 does not answer"
}

# start_constant BYTES: starts a Kore that answers a constant, with the configuration of the services.
start_constant() {
	local folder=$WORK/constant
	mkdir -p "$folder"
	# shellcheck disable=SC2016
	BIND=127.0.0.1 PORT=$CONSTANT_PORT WORKERS=1 SO=$OUT/constant.so RUNDIR=$folder \
		envsubst '$BIND $PORT $WORKERS $SO $RUNDIR' <"$TOP/services/kore.conf" >"$folder/constant.conf"
	(cd "$folder" && CONSTANT_BYTES=$1 exec setpriv --pdeathsig TERM \
		"$BUILD_DIR/kore/kore" -f -n -r -c "$folder/constant.conf") >"$folder/log" 2>&1 &
	floor_pids+=($!)
	wait_for_answer "http://127.0.0.1:$CONSTANT_PORT/" "$folder/log"
}

# The gateway configuration that nginx floors copy.
GATEWAY_CONFIG=$RUN_DIR/gateway/current/nginx.conf

# start_floor_nginx PATH: an nginx with the gateway's TLS, workers and connections, but no limits, no log and no headers
# of its own. Standard input is the rest of its http block; @server@ stands for the first lines of its server.
# floor_nginx: its process. floor_user: a line "user NAME;", or empty for the gateway's user.
start_floor_nginx() {
	local folder=$WORK/nginx server
	mkdir -p "$folder"
	server="listen 127.0.0.1:$FLOOR_HTTPS_PORT ssl http2 reuseport backlog=4096; $(grep -E '^\s*ssl_' "$GATEWAY_CONFIG" | tr -s '\n\t' ' ')"
	cat >"$folder/nginx.conf" <<-END
		${floor_user:-$(grep '^user ' "$GATEWAY_CONFIG")}
		$(grep -E '^(worker_processes|worker_rlimit_nofile) ' "$GATEWAY_CONFIG")
		daemon off;
		pid $folder/nginx.pid;
		error_log $folder/error.log;
		events { $(grep -E '^\s*(worker_connections|multi_accept) ' "$GATEWAY_CONFIG") }
		http {
			access_log off;
			client_body_temp_path $folder; proxy_temp_path $folder; fastcgi_temp_path $folder;
			uwsgi_temp_path $folder; scgi_temp_path $folder;
			$(sed "s|@server@|$server|")
		}
	END
	setpriv --pdeathsig TERM nginx -c "$folder/nginx.conf" -e stderr >"$folder/log" 2>&1 &
	floor_nginx=$!	# of setpriv, which becomes nginx
	floor_pids+=("$floor_nginx")
	wait_for_answer "https://localhost:$FLOOR_HTTPS_PORT$1" "$folder/log"
}

# A bare nginx in front of the constant. It keeps connections as the gateway does.
start_bare_nginx() {
	start_floor_nginx / <<-END
		upstream constant { server 127.0.0.1:$CONSTANT_PORT; keepalive 256; keepalive_requests 1000000; }
		server {
			@server@
			location / {
				proxy_pass http://constant;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
			}
		}
	END
}

# operate SCHEDULE JSON: sets a queue's settings as an operator
operate() {
	curl -fsS -m 5 -o /dev/null -X PUT "http://127.0.0.1:$QUEUE_PORT/admin/queues/$1" -H "Authorization: Bearer $(operator_token)" \
		-H 'Content-Type: application/json' -d "$2"
}

operator_token() {
	"$LOCAL/token" --roles operator
}

# --- pgbench and its data --------------------------------------------------------------------

# Plans SQL of this shell with the settings of the services' roles.
plan_as_services() {
	export PGOPTIONS="-c statement_timeout=300s -c search_path= -c jit=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
}

# make_people JWTS: makes the table bench.people (n, user_id) with a row for each line of the file
make_people() {
	sql <<-SQL
		SET client_min_messages = warning;
		CREATE SCHEMA bench;
		CREATE TABLE bench.jwts (n serial PRIMARY KEY, jwt text NOT NULL);
		\\copy bench.jwts (jwt) FROM '$1'
		-- A token's second part, base64url, says whose it is.
		CREATE TABLE bench.people AS
			SELECT j.n, (convert_from(decode(rpad(p.part, (length(p.part) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::json ->> 'sub')::uuid AS user_id
			FROM bench.jwts j, translate(split_part(j.jwt, '.', 2), '-_', '+/') p (part);
		ALTER TABLE bench.people ADD PRIMARY KEY (n);
	SQL
}

# charge TABLE COUNT AMOUNT: charges points for the users of bench.TABLE, in several transactions, because each user's lock
# is held until the transaction ends
charge() {
	sql -c "CREATE OR REPLACE PROCEDURE bench.charge() LANGUAGE plpgsql AS \$\$
		BEGIN
			FOR v_from IN 1 .. $2 BY 1000 LOOP
				PERFORM point.charge(p.user_id, $3, 'bench', repeat('0', 64), 'bench') FROM bench.$1 p
				WHERE p.n BETWEEN v_from AND v_from + 999;
				COMMIT;
			END LOOP;
		END \$\$" -c 'CALL bench.charge()'
}

# best_clients UNIT COMMAND...: prints the best number of pgbench clients. COMMAND, with that number as its last argument,
# prints their rate per second.
best_clients() {
	local unit=$1 clients rate most=0 best=0
	shift
	for clients in 4 8 16 32; do
		rate=$("$@" "$clients") || return 1
		echo "    $clients clients: $rate $unit a second" >&2
		((rate <= most)) || { most=$rate best=$clients; }
	done
	((best > 0)) || die "pgbench did nothing"
	echo "$best"
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

# counting_cpu NAME PID COMMAND...: COMMAND prints requests per second, as load does. Records the CPU time that the process
# uses meanwhile. Several processes: "PID PID".
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

# warm_rate LOG: transactions a second in a log of pgbench, from the time on when each session has done ten. A session plans
# each statement in its first transactions; the services' connections did so before the run.
warm_rate() {
	awk '{ at[NR] = $5 + $6 / 1000000; if (++n[$1] == 10 && at[NR] > warm) warm = at[NR]; if (at[NR] > last) last = at[NR] }
		END { for (i = 1; i <= NR; i++) done += (at[i] > warm); printf "%.0f\n", (last > warm) ? done / (last - warm) : 0 }' "$1"
}

# on_core CORE PID...: binds these processes and all their threads to the core
on_core() {
	local core=$1 pid
	shift
	for pid in "$@"; do
		taskset -a -c -p "$core" "$pid" >/dev/null
	done
}

# load URL ARGS...: prints requests per second, by wrk with requests.lua. An error answer ends the run.
load() {
	local result url=$1
	shift
	result=$(taskset -c "${LOAD_CORE:-$ALL_CORES}" wrk -t1 -c"$CONNECTIONS" -d"${SECONDS_EACH}s" --timeout 10s -s "$BENCH/requests.lua" "$url" -- "$@" 2>&1 | tail -n 1)
	[[ $result == RESULT* ]] || die "wrk: $result"
	[[ $(value errors <<<"$result") == 0 ]] || die "errors under load at $url: $result"
	[[ $(value ran_out <<<"$result") != 1 ]] || echo "    $url: all requests were sent before the time was over, so the figure is too low" >&2
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

# range NUMBER...: the least and the most
range() {
	printf '%s\n' "$@" | sort -g | awk 'NR == 1 { l = $1 } END { printf "%.2f to %.2f", l, $1 }'
}

# compare NAME TARGET FLOOR OURS [<=]: FLOOR and OURS are functions that print a number, given the round. Adds a row to the
# table. The ratio must be at least TARGET, or with <= at most.
compare() {
	compare_all "$3" "${5:->=}" "$1" "$2" "$4"
}

# compare_all FLOOR >=|<= (NAME TARGET OURS)...: the same for several OURS, each against the FLOOR of its own round. Every
# second round goes from the last to the first, so that a machine that becomes slower or faster favours none of them.
compare_all() {
	local floor=$1 at=$2 round step f line
	local names=() targets=() ours=() floors=() steps=() backwards=(floor) order o=() all=() ratios=()
	shift 2
	while (($# > 0)); do
		names+=("$1") targets+=("$2") ours+=("$3")
		backwards=("${#steps[@]}" "${backwards[@]}")
		steps+=("${#steps[@]}")
		shift 3
	done
	say "$(printf '%s; ' "${names[@]}" | sed 's/; $//')"
	for ((round = 0; round < ROUNDS; round++)); do
		if ((round % 2)); then order=("${backwards[@]}"); else order=(floor "${steps[@]}"); fi
		for step in "${order[@]}"; do
			if [[ $step == floor ]]; then
				f=$("$floor" "$round") || exit 1
			else
				o[step]=$("${ours[step]}" "$round") || exit 1
			fi
		done
		floors+=("$f")
		line=
		for step in "${steps[@]}"; do
			[[ $f =~ [1-9] && ${o[step]} =~ [1-9] ]] ||
				die "${names[step]}: nothing was done within a round (floor $f, ours ${o[step]}): take longer rounds (BENCH_SECONDS)"
			all[step]+=" ${o[step]}"
			ratios[step]+=" $(awk -v f="$f" -v o="${o[step]}" 'BEGIN { printf "%.3f", f ? o / f : 0 }')"
			line+=", ours ${o[step]}, ratio ${ratios[step]##* }"
		done
		echo "    round $((round + 1)): floor $f$line"
	done
	for step in "${steps[@]}"; do
		# shellcheck disable=SC2086 # a number a word
		row "${names[step]}" "$(median "${floors[@]}")" "$(median ${all[step]})" "$(median ${ratios[step]})" "$at ${targets[step]}" \
			"$(spread "${floors[@]}")%" "$(range ${ratios[step]})"
	done
}

# --- the table -----------------------------------------------------------------------------

table=()

# row NAME FLOOR OURS RATIO TARGET NOISE [ROUNDS]: RATIO is judged against TARGET (">= n" or "<= n").
row() {
	local reached
	reached=$(awk -v r="$4" -v op="${5%% *}" -v t="${5##* }" \
		'BEGIN { r += 0; t += 0; print (op == ">=" ? r >= t : r <= t) ? "yes" : "no" }')
	table+=("$1|$2|$3|$4|$5|$reached|$6|${7:-}")
}

print_table() {
	local line
	echo
	printf '%-50s %10s %10s %8s %9s %8s %6s  %s\n' "what" "floor" "ours" "ratio" "target" "reached" "noise" "rounds"
	for line in "${table[@]}"; do
		IFS='|' read -r name floor ours ratio target reached noise rounds <<<"$line"
		printf '%-50s %10s %10s %8s %9s %8s %6s  %s\n' "$name" "$floor" "$ours" "$ratio" "$target" "$reached" "$noise" "$rounds"
	done
	echo
	echo "$ROUNDS alternating rounds of $SECONDS_EACH s, medians; noise: how far the floor was apart between rounds; rounds: the lowest and the highest ratio."
	echo "$(nproc) cores for servers and load generator; load average at the end: $(cut -d' ' -f1-3 /proc/loadavg)"
}
