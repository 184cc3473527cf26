#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# A store that is down or refuses writes: /readyz, /metrics, `make status` and `make queue` say which one and why, and show no
# old numbers.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# field SERVICE FILTER: a field of its /readyz, whatever its status.
field() {
	curl -sS -m 30 "http://$(address_of "$1-0")/readyz" | jq -r "$2"
}

field_is() {
	[[ $(field "$1" "$2") == "$3" ]]
}

# sample SERVICE NAME: the value of a metric, empty if it is absent.
sample() {
	curl -sS -m 30 "http://$(address_of "$1-0")/metrics" | awk -v name="$2" 'index($0, name " ") == 1 { print $NF }'
}

sample_is() {
	[[ $(sample "$1" "$2") == "$3" ]]
}

shows_no_queue() {
	local metrics
	metrics=$(curl -fsS -m 30 "http://$(address_of queue-0)/metrics") && ! grep -q '^queue_waiting{' <<<"$metrics"
}

all_are_ready() {
	local service
	for service in "${SERVICES[@]}"; do
		curl -fsS -m 30 -o /dev/null "http://$(address_of "$service-0")/readyz" || return 1
	done
}

# status_says TEXT: whether `make status` fails and says so. Sets $said. On a busy machine it may count a slow program as silent.
status_says() {
	! said=$(deploy/local/status 2>&1) && [[ $said == *"$1"* ]]
}

# told STORE STATE TEXT: the queue service names the store's state in /readyz, metrics and `make status`.
told() {
	local store=$1 state=$2 text=$3 up=${1/postgres/pg}_up
	wait_for 60 field_is queue ".stores.$store" "$state" || fail "/readyz: $(field queue '[.detail, .stores]')"
	has '/readyz' "$(field queue .detail)" "$text"
	wait_for 60 sample_is queue "$up" 0
	is 'the reason in /metrics' "$(sample queue "store_problem{store=\"$store\",reason=\"$state\"}")" 1
	wait_for 60 status_says "not ready: $text"
	has 'the last line of make status' "$(tail -n 1 <<<"$said")" 'not ready: '
}

test_redis_that_is_down_is_named_and_numbers_disappear() {
	"$RUN_DIR/ctl" stop redis >/dev/null
	told redis down 'Redis is down'
	wait_for 60 status_says 'does not answer: connection refused'
	said=$(deploy/local/queue --once 2>&1) && fail "make queue does not fail"
	has 'make queue' "$said" 'Redis is down'
	wait_for 60 shows_no_queue
	"$RUN_DIR/ctl" start redis >/dev/null
	wait_for 60 all_are_ready
	is 'redis_up' "$(sample queue redis_up)" 1
}

test_redis_without_memory_is_named() {
	redis CONFIG SET maxmemory 1 >/dev/null
	told redis out_of_memory 'Redis refuses writes: out of memory'
	redis CONFIG SET maxmemory 0 >/dev/null
	wait_for 60 all_are_ready
}

# A worker that starts does not know what Redis would say to a write, and must not call it up before it knows.
test_redis_without_memory_is_named_by_a_worker_that_starts() {
	local worker
	redis CONFIG SET maxmemory 1 >/dev/null
	worker=$(pgrep -P "$("$RUN_DIR/ctl" pid queue-0)")
	kill -KILL "$worker"
	while kill -0 "$worker" 2>/dev/null; do sleep 0.01; done
	# The connection waits for the new worker.
	said=$(curl -sS -m 100 "http://$(address_of queue-0)/readyz")
	has 'the first answer' "$said" '"stores":{"postgres":'
	lacks 'the first answer' "$said" '"redis":"up"'
	redis CONFIG SET maxmemory 0 >/dev/null
	wait_for 60 all_are_ready
}

# The file of a snapshot cannot be made, so Redis refuses writes.
test_redis_that_cannot_save_is_named() {
	local folder
	folder=$(redis CONFIG GET dir | tail -n 1)
	chmod 500 "$folder"
	redis CONFIG SET save '3600 1' >/dev/null
	redis BGSAVE >/dev/null || true
	told redis cannot_save 'Redis refuses writes: it cannot write its data to disk'
	chmod 700 "$folder"
	redis CONFIG SET save '' >/dev/null
	wait_for 60 all_are_ready
}

test_postgres_that_is_down_is_named_and_numbers_disappear() {
	wait_for 60 sample_is queue 'background_left{work="cleanup"}' 0
	"$RUN_DIR/ctl" stop postgres >/dev/null
	told postgres down 'PostgreSQL is down'
	said=$(deploy/local/queue --once 2>&1) && fail "make queue does not fail"
	has 'make queue' "$said" 'PostgreSQL is down'
	wait_for 60 sample_is queue events_backlog ''
	is 'the age of the oldest event' "$(sample queue events_lag_seconds)" ''
	"$RUN_DIR/ctl" start postgres >/dev/null
	wait_for 120 all_are_ready
	wait_for 60 sample_is queue events_backlog 0
}

test_read_only_postgres_is_named() {
	use_superuser
	sql -c 'ALTER SYSTEM SET default_transaction_read_only = on' -c 'SELECT pg_reload_conf()' >/dev/null
	told postgres read_only 'PostgreSQL refuses writes: read-only'
	PGOPTIONS='-c default_transaction_read_only=off' sql -c 'ALTER SYSTEM RESET default_transaction_read_only' \
		-c 'SELECT pg_reload_conf()' >/dev/null
	wait_for 120 all_are_ready
}

test_postgres_with_too_many_connections_is_named() {
	use_superuser
	sql -c 'ALTER ROLE queue_service CONNECTION LIMIT 0'
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'queue_service'" >/dev/null
	told postgres too_many_connections 'PostgreSQL refuses connections: it has too many'
	sql -c 'ALTER ROLE queue_service CONNECTION LIMIT -1'
	wait_for 120 all_are_ready
}

is_stopped() {
	[[ $(ps -o stat= -p "$1") =~ ^(T.*|Z.*)?$ ]]
}

# send SIGNAL PID: to the process, and then to all that descend from it. A stopped process makes no more children.
send() {
	local child
	kill "-$1" "$2" 2>/dev/null || return 0
	[[ $1 != STOP ]] || wait_for 60 is_stopped "$2"
	for child in $(pgrep -P "$2"); do
		send "$1" "$child"
	done
}

# status_hears PROGRAM...: whether `make status` ends and finds these programs ready, and supervisord for the word supervisord. Sets $said
# and $status.
status_hears() {
	local name
	status=0
	said=$(ANSWER_SECONDS=120 timeout 100 deploy/local/status 2>&1) || status=$?
	for name in "$@"; do
		if [[ $name == supervisord ]]; then
			[[ $said != *supervisord* ]] || return 1
		else
			grep -qE "^$name .* ready\$" <<<"$said" || return 1
		fi
	done
}

# Each may take 120 s to answer. They are asked side by side, and nobody waits for the silent ones.
test_silent_programs_are_named_and_delay_no_status() {
	local name pid status=0 pids=() silent=(postgres redis toss payment-0)
	for name in "${silent[@]}"; do
		pids+=("$(pid_of "$name")")
		send STOP "${pids[-1]}"
	done
	# On a busy machine these answers may be late too, so ask again.
	wait_for 240 status_hears gateway supervisord
	is 'the status' "$status" 1
	for name in "${silent[@]}"; do
		has "the line of $name" "$(grep "^$name " <<<"$said")" 'RUNNING'
		# On a busy machine psql's own limit of 5 s comes first: "does not answer: timeout expired".
		has "the line of $name" "$(grep "^$name " <<<"$said")" 'does not answer'
	done
	has 'the last line' "$(tail -n 1 <<<"$said")" 'not ready: postgres redis toss '
	# No user asks the services anything.
	wait_for 120 field_is queue '.stores | "\(.postgres) \(.redis)"' 'down down'
	wait_for 120 field_is reservation '.stores | "\(.postgres) \(.redis)"' 'down down'
	wait_for 120 field_is point .stores.postgres down
	for pid in "${pids[@]}"; do
		send CONT "$pid"
	done
	wait_for 120 all_are_ready
}

test_silent_supervisord_is_named() {
	local pid status names
	pid=$(<"$RUN_DIR/supervisord.pid")
	kill -STOP "$pid"
	mapfile -t names < <(programs)
	wait_for 240 status_hears "${names[@]}"
	kill -CONT "$pid"
	is 'the status' "$status" 1
	has 'make status' "$said" "supervisord (pid $pid) does not answer within "
	is 'the last line' "$(tail -n 1 <<<"$said")" 'not ready: supervisord'
}

# started_after TIME: whether the process of point-0 that answers started at another time.
started_after() {
	local now
	now=$(sample point process_start_time_seconds 2>/dev/null) && [[ -n $now && $now != "$1" ]]
}

test_killed_programs_leave_a_trace() {
	local before started workers
	before=$(restarts_of point-0)
	started=$(sample point process_start_time_seconds)
	kill -9 "$("$RUN_DIR/ctl" pid point-0)"
	# For a moment the workers of the killed process may still answer.
	wait_for 60 started_after "$started"
	wait_for 60 all_are_ready
	is 'restarts' "$(restarts_of point-0)" $((before + 1))
	workers=$(sample point ct_worker_restarts_total)
	kill -9 "$(pgrep -P "$("$RUN_DIR/ctl" pid point-0)" | tail -n 1)"
	wait_for 60 sample_is point ct_worker_restarts_total $((workers + 1))
	wait_for 60 all_are_ready
	wait_for 120 status_is_whole
	has 'make status' "$(grep point-0 <<<"$said")" "+$((workers + 1))"
}

test_metrics_of_every_service_pass_promtool() {
	local service
	for service in "${SERVICES[@]}"; do
		curl -sS -m 30 "http://$(address_of "$service-0")/metrics" | promtool check metrics >"$work/promtool" 2>&1 ||
			fail "$service: $(head -n 5 "$work/promtool")"
	done
}

run_tests
