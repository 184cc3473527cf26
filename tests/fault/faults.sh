# The faults and their schedule. Sourced by run. A seed determines the whole schedule before the load starts, so the same seed
# makes the same faults at the same moments.
# shellcheck shell=bash disable=SC2034,SC2154 # proxies, work and the counts are variables of run

declare -A faults_of=() # for each kind, the number of faults that had an effect

# A deck of sixteen faults: each kind as often as it should happen in sixteen faults.
readonly fault_kinds=(worker_killed service_killed postgres_stopped redis_killed redis_emptied stalled_postgres
	stalled_redis pool_full server_full)
readonly fault_deck=(worker_killed worker_killed worker_killed service_killed service_killed postgres_stopped
	postgres_stopped redis_killed redis_emptied stalled_postgres stalled_postgres stalled_postgres stalled_redis
	pool_full pool_full server_full)

# plan_faults SEED SECONDS: prints lines of "MS FAULT ARGUMENT...", in milliseconds from the start of the load. Faults are dealt like
# cards, so each kind happens in every sixteen. The first fault is always the same: PostgreSQL's answers are held for a second and
# then lost. It leaves all clients with unknown outcomes, whenever the other faults happen.
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

# Each fault prints its effect on the system, or nothing if it had none. Only faults with an effect count. If the effect takes time,
# a background process watches for it while load and faults continue.
watchers=()

# becomes COMMAND OLD WHAT: waits until the command prints another pid than OLD, and prints the change.
becomes() {
	local now tries
	for ((tries = 0; tries < 1200; tries++)); do
		now=$($1)
		if [[ -n $now && $now != "$2" ]]; then
			echo "$3: ${now//$'\n'/ } instead of ${2//$'\n'/ }"
			return
		fi
		sleep 0.05
	done
}

# killed SIGNAL PROGRAM: kills the program. The effect is its new process.
killed() {
	local pid
	pid=$(pid_of "$2")
	[[ -n $pid ]] && kill "-$1" "$pid" || return 0
	becomes "pid_of $2" "$pid" "$2" &
	watchers+=($!)
}

# worker_killed SERVICE INSTANCE: kills the worker processes of a Kore. Their parent starts others.
worker_killed() {
	local parent workers
	parent=$(pid_of "$1-$2")
	[[ -n $parent ]] && workers=$(pgrep -P "$parent") || return 0
	# shellcheck disable=SC2086 # words
	kill -KILL $workers || return 0
	becomes "pgrep -P $parent" "$workers" "worker of $1-$2" &
	watchers+=($!)
}

# service_killed SERVICE INSTANCE: kills the parent process. Its workers live a moment longer; supervisor starts a new parent.
service_killed() {
	killed KILL "$1-$2"
}

# PostgreSQL's "immediate" shutdown: every backend ends at once, and the next start recovers from the log.
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

# stalled STORE WAY MS LOST: the proxy holds bytes for MS. Then it passes them on, or (LOST 1) drops them with their connections.
stalled() {
	local said tries held=0 cut=0
	said=$(wc -l <"$work/$1.said")
	echo "hold $2" >&"${proxies[$1]}"
	pause_ms "$3"
	(($4 == 0)) || echo cut >&"${proxies[$1]}"
	echo go >&"${proxies[$1]}"
	for ((tries = 0; tries < 500; tries++)); do
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

# pool_full MS: every connection of the services waits for a lock, and requests queue up. The tables are locked in the same order as
# in the services' transactions. Otherwise a deadlock could end this transaction.
pool_full() {
	local waiting
	waiting=$(sql -c "BEGIN" -c "LOCK TABLE platform.idempotency, reservation.seats, point.wallets" -c "SELECT pg_sleep($1 / 1000.0)" \
		-c "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted" -c COMMIT | tail -n 1) || return 0
	((waiting == 0)) || echo "$waiting connections waited"
}

# server_full MS: PostgreSQL ends the services' connections and refuses new ones.
server_full() {
	local roles ended
	roles=$(sql -c "SELECT string_agg(format('ALTER ROLE %I CONNECTION LIMIT ', rolname) || '%s', ';') FROM pg_roles WHERE rolname ~ '_service\$'") || return 0
	ended=$(sql -c "${roles//%s/0}" -c "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE usename ~ '_service\$'" | tail -n 1)
	pause_ms "$1"
	until sql -c "${roles//%s/-1}" >/dev/null 2>&1; do sleep 0.1; done
	((${ended:-0} == 0)) || echo "$ended connections ended"
}

# faults SEED SECONDS: makes the planned faults and waits for their effects. Prints each fault, and at the end all effects.
# $faults_done and $faults_of count the faults that had an effect.
faults() {
	local started at what arguments now n=0 done=()
	started=$(date +%s%3N)
	rm -f "$work"/effect.*
	watchers=()
	while read -r at what arguments; do
		now=$(($(date +%s%3N) - started))
		((now >= at)) || pause_ms $((at - now))
		((now < $2 * 1000)) || break
		printf '#   %5.1f s  %s %s\n' "$(($(date +%s%3N) - started))e-3" "$what" "$arguments"
		# A fault has no effect if its program is down already.
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
			echo "#   ${done[n]}: $(<"$work/effect.$n")"
		else
			echo "#   ${done[n]}: no effect, not counted"
		fi
	done
}
