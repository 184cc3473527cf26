# Sourced by run: what breaks, and when. A schedule of faults is made from a seed before the first one happens,
# so the same seed breaks the same things at the same moments.
# shellcheck shell=bash disable=SC2034,SC2154 # proxies, work and the counts are run's

declare -A faults_of=() # of each kind, those that had an effect

# Each kind, as often as it is to come in sixteen.
readonly fault_kinds=(worker_killed service_killed postgres_stopped redis_killed redis_emptied stalled_postgres
	stalled_redis pool_full server_full)
readonly fault_deck=(worker_killed worker_killed worker_killed service_killed service_killed postgres_stopped
	postgres_stopped redis_killed redis_emptied stalled_postgres stalled_postgres stalled_postgres stalled_redis
	pool_full pool_full server_full)

# plan_faults SEED SECONDS: lines of "MS FAULT ARGUMENT...", from the start of the load. Dealt like cards, so that of
# sixteen faults in a row each kind is one. The first is always the same: a second in which PostgreSQL's answers get
# stuck and are then lost leaves everybody in doubt, at whatever moments the others come.
plan_faults() {
	local at=700 end=$(($2 * 1000 - 1500)) services=(queue reservation payment point) ways=(requests answers both)
	local deck=() card service
	RANDOM=$1
	echo "$at stalled_postgres answers 1000 1"
	at=2200
	while ((at < end)); do
		((${#deck[@]} > 0)) || deck=("${fault_deck[@]}")
		card=$((RANDOM % ${#deck[@]}))
		service=${services[RANDOM % 4]}
		case ${deck[card]} in
		worker_killed | service_killed) echo "$at ${deck[card]} $service $((RANDOM % INSTANCES))" ;;
		stalled_postgres) echo "$at ${deck[card]} ${ways[RANDOM % 3]} $((500 + RANDOM % 2500)) $((RANDOM % 2))" ;;
		stalled_redis) echo "$at ${deck[card]} ${ways[RANDOM % 3]} $((200 + RANDOM % 1000)) $((RANDOM % 2))" ;;
		pool_full) echo "$at pool_full $((500 + RANDOM % 2000))" ;;
		server_full) echo "$at server_full $((500 + RANDOM % 1500))" ;;
		*) echo "$at ${deck[card]}" ;;
		esac
		unset "deck[card]"
		deck=("${deck[@]}")
		at=$((at + 300 + RANDOM % 1700))
	done
}

pause_ms() {
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}

# Each fault prints what it has done to the system, and nothing if that was nothing: only what is seen counts. Where
# that takes a while to be seen it is watched for while the load and the faults go on.
watchers=()

# pid_of PROGRAM: nothing if it does not run just now (supervisor then says 0, which would be ourselves).
pid_of() {
	local pid
	pid=$(supervisor pid "$1")
	[[ ! $pid =~ ^[0-9]+$ ]] || ((pid <= 1)) || echo "$pid"
}

# becomes COMMAND OLD WHAT: says so when the command prints a pid, and it is another one.
becomes() {
	local now tries
	for ((tries = 0; tries < 200; tries++)); do
		now=$($1)
		if [[ -n $now && $now != "$2" ]]; then
			echo "$3: ${now//$'\n'/ } instead of ${2//$'\n'/ }"
			return
		fi
		sleep 0.05
	done
}

# killed SIGNAL PROGRAM: another process is it after a while.
killed() {
	local pid
	pid=$(pid_of "$2")
	[[ -n $pid ]] && kill "-$1" "$pid" || return 0
	becomes "pid_of $2" "$pid" "$2" &
	watchers+=($!)
}

# worker_killed SERVICE INSTANCE: Kore's process that does the work; the parent starts another.
worker_killed() {
	local parent workers
	parent=$(pid_of "$1-$2")
	[[ -n $parent ]] && workers=$(pgrep -P "$parent") || return 0
	# shellcheck disable=SC2086 # words
	kill -KILL $workers || return 0
	becomes "pgrep -P $parent" "$workers" "worker of $1-$2" &
	watchers+=($!)
}

# The parent: its workers outlive it for a moment, supervisor starts another.
service_killed() {
	killed KILL "$1-$2"
}

# "Immediate": every backend at once, and recovery from the log when it starts again.
postgres_stopped() {
	killed QUIT postgres
}

redis_killed() {
	killed KILL redis
}

redis_emptied() {
	local kept
	kept=$(find "${RUN_DIR:?}/redis/" -type f | wc -l)
	rm -rf "${RUN_DIR:?}/redis"/*
	((kept == 0)) || killed KILL redis
}

# stalled STORE WAY MS LOST: bytes are held; then they go on their way, late, or are lost with their connections.
stalled() {
	local said tries held=0 cut=0
	said=$(wc -l <"$work/$1.said")
	echo "hold $2" >&"${proxies[$1]}"
	pause_ms "$3"
	(($4 == 0)) || echo cut >&"${proxies[$1]}"
	echo go >&"${proxies[$1]}"
	for ((tries = 0; tries < 100; tries++)); do
		(($(wc -l <"$work/$1.said") == said)) || break
		sleep 0.02
	done
	read -r held cut < <(tail -n "+$((said + 1))" "$work/$1.said")
	((held + cut == 0)) || echo "$held pieces held, $cut connections cut"
}
stalled_postgres() {
	stalled postgres "$@"
}
stalled_redis() {
	stalled redis "$@"
}

# pool_full MS: every connection of the services waits for a lock, requests pile up behind them. The tables are in the
# order in which the services come to them, or this would be the one that a deadlock ends.
pool_full() {
	local waiting
	waiting=$(sql -c "BEGIN" -c "LOCK TABLE platform.idempotency, reservation.seats, point.wallets" -c "SELECT pg_sleep($1 / 1000.0)" \
		-c "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted" -c COMMIT | tail -n 1) || return 0
	((waiting == 0)) || echo "$waiting connections waited"
}

# server_full MS: PostgreSQL has no room for the services any more.
server_full() {
	local roles ended
	roles=$(sql -c "SELECT string_agg(format('ALTER ROLE %I CONNECTION LIMIT ', rolname) || '%s', ';') FROM pg_roles WHERE rolname ~ '_service\$'") || return 0
	ended=$(sql -c "${roles//%s/0}" -c "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE usename ~ '_service\$'" | tail -n 1)
	pause_ms "$1"
	until sql -c "${roles//%s/-1}" >/dev/null 2>&1; do sleep 0.1; done
	((${ended:-0} == 0)) || echo "$ended connections ended"
}

# faults SEED SECONDS: does what plan_faults says and then waits for the end; says each on a line, and in the end what
# came of them. $faults_done and $faults_of count those that had an effect.
faults() {
	local started at what arguments now n=0 done=()
	started=$(date +%s%3N)
	rm -f "$work"/effect.*
	watchers=()
	while read -r at what arguments; do
		now=$(($(date +%s%3N) - started))
		((now >= at)) || pause_ms $((at - now))
		((now < $2 * 1000)) || break
		printf '    %5.1f s  %s %s\n' "$(($(date +%s%3N) - started))e-3" "$what" "$arguments"
		# What cannot break because it is broken already has no effect.
		# shellcheck disable=SC2086 # words
		"$what" $arguments </dev/null >"$work/effect.$n" 2>/dev/null || true
		done+=("$what")
		n=$((n + 1))
	done < <(plan_faults "$1" "$2")
	((${#watchers[@]} == 0)) || wait "${watchers[@]}"
	for ((n = 0; n < ${#done[@]}; n++)); do
		if [[ -s $work/effect.$n ]]; then
			faults_done=$((faults_done + 1))
			faults_of[${done[n]}]=$((${faults_of[${done[n]}]:-0} + 1))
			echo "    ${done[n]}: $(<"$work/effect.$n")"
		else
			echo "    ${done[n]}: no effect, not counted"
		fi
	done
}
