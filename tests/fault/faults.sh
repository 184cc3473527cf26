# Sourced by run: what breaks, and when. A schedule of faults is made from a seed before the first one happens,
# so the same seed breaks the same things at the same moments.
# shellcheck shell=bash disable=SC2154 # proxies is run's

# plan_faults SEED SECONDS: lines of "MS FAULT ARGUMENT...", from the start of the load.
plan_faults() {
	local at=700 end=$(($2 * 1000 - 1500)) service services=(queue reservation payment point) ways=(requests answers both)
	RANDOM=$1
	while ((at < end)); do
		service=${services[RANDOM % 4]}
		case $((RANDOM % 16)) in
		0 | 1 | 2) echo "$at worker_killed $service $((RANDOM % INSTANCES))" ;;
		3 | 4) echo "$at service_killed $service $((RANDOM % INSTANCES))" ;;
		5 | 6) echo "$at postgres_stopped" ;;
		7) echo "$at redis_killed" ;;
		8) echo "$at redis_emptied" ;;
		9 | 10 | 11) echo "$at stalled postgres ${ways[RANDOM % 3]} $((500 + RANDOM % 2500)) $((RANDOM % 2))" ;;
		12) echo "$at stalled redis ${ways[RANDOM % 3]} $((200 + RANDOM % 1000)) $((RANDOM % 2))" ;;
		13 | 14) echo "$at pool_full $((500 + RANDOM % 2000))" ;;
		15) echo "$at server_full $((500 + RANDOM % 1500))" ;;
		esac
		at=$((at + 300 + RANDOM % 1700))
	done
}

pause_ms() {
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}

# signal NAME PROGRAM: nothing if it does not run just now (supervisor then says 0, which would be ourselves).
signal() {
	local pid
	pid=$(supervisor pid "$2")
	[[ ! $pid =~ ^[0-9]+$ ]] || ((pid <= 1)) || kill "-$1" "$pid"
}

# worker_killed SERVICE INSTANCE: Kore's process that does the work; the parent starts another.
worker_killed() {
	local parent
	parent=$(supervisor pid "$1-$2")
	[[ ! $parent =~ ^[0-9]+$ ]] || ((parent <= 1)) || pkill -KILL -P "$parent"
}

# The parent: its workers outlive it for a moment, supervisor starts another.
service_killed() {
	signal KILL "$1-$2"
}

# "Immediate": every backend at once, and recovery from the log when it starts again.
postgres_stopped() {
	signal QUIT postgres
}

redis_killed() {
	signal KILL redis
}

redis_emptied() {
	rm -rf "${RUN_DIR:?}/redis"/*
	redis_killed
}

# stalled STORE WAY MS LOST: bytes are held; then they go on their way, late, or are lost with their connections.
stalled() {
	echo "hold $2" >&"${proxies[$1]}"
	pause_ms "$3"
	(($4 == 0)) || echo cut >&"${proxies[$1]}"
	echo go >&"${proxies[$1]}"
}

# pool_full MS: every connection of the services waits for a lock, requests pile up behind them.
pool_full() {
	sql -c "BEGIN" -c "LOCK TABLE reservation.seats, point.wallets, platform.idempotency" -c "SELECT pg_sleep($1 / 1000.0)" -c COMMIT >/dev/null 2>&1
}

# server_full MS: PostgreSQL has no room for the services any more.
server_full() {
	local roles
	roles=$(sql -c "SELECT string_agg(format('ALTER ROLE %I CONNECTION LIMIT ', rolname) || '%s', ';') FROM pg_roles WHERE rolname ~ '_service\$'") || return 0
	sql -c "${roles//%s/0}" -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ~ '_service\$'" >/dev/null 2>&1
	pause_ms "$1"
	until sql -c "${roles//%s/-1}" >/dev/null 2>&1; do sleep 0.1; done
}

# faults SEED SECONDS: does what plan_faults says and then waits for the end; says each on a line. $faults_done counts.
faults() {
	local started at what arguments now
	started=$(date +%s%3N)
	while read -r at what arguments; do
		now=$(($(date +%s%3N) - started))
		((now >= at)) || pause_ms $((at - now))
		((now < $2 * 1000)) || break
		printf '    %5.1f s  %s %s\n' "$(($(date +%s%3N) - started))e-3" "$what" "$arguments"
		# What cannot break because it is broken already is no matter.
		# shellcheck disable=SC2086 # words
		"$what" $arguments </dev/null 2>/dev/null || true
		faults_done=$((faults_done + 1))
	done < <(plan_faults "$1" "$2")
}
