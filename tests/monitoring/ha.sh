# Sourced by `tests/monitoring/run ha`: the tests of the alerts that only machines of HA=1 cause.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run

# shellcheck source=tests/ha/machines.sh
source tests/ha/machines.sh

# The machines that the test has stopped.
away=()
stop_machines() { supervisor stop "${away[@]}"; }
start_machines() { supervisor start "${away[@]}"; }

# is_whole: each alert of the last test has ended, but a copy may still be made.
is_whole() {
	wait_for 240 answers postgres
	wait_for 240 has_three_servers
}

has_three_servers() {
	[[ $(patroni_members | awk '$3 ~ /running|streaming/' | wc -l) == 3 && -n $(synchronous_standby) ]]
}

test_dead_standby_fires_PostgresMachineAway() {
	is_whole
	away=("$(other_standby)")
	provoke stop_machines start_machines PostgresMachineAway
}

freeze_machine() { machine_freezes "${away[0]}"; }
continue_machine() { machine_continues "${away[0]}"; }

test_frozen_primary_fires_PostgresMachineAway() {
	is_whole
	away=("$(primary)")
	provoke freeze_machine continue_machine PostgresMachineAway
}

test_primary_alone_fires_PostgresNoSynchronousStandby() {
	is_whole
	away=("$(synchronous_standby)" "$(other_standby)")
	provoke stop_machines start_machines PostgresNoSynchronousStandby
}

test_servers_that_are_away_fire_PostgresDown() {
	is_whole
	away=(postgres-0 postgres-1 postgres-2)
	provoke stop_machines start_machines PostgresDown ServiceNotReady
}

# Without etcd, Patroni cannot choose another standby.
make_writes_wait() {
	away=(etcd-0 etcd-1)
	stop_machines
	mapfile -t receivers < <(log_receivers)
	kill -STOP "${receivers[@]}"
	sql -c "INSERT INTO public.waits VALUES (1)" >/dev/null 2>&1 &
	writer=$!
}
let_writes_go_on() {
	kill -CONT "${receivers[@]}"
	start_machines
	wait "$writer"
}

test_lost_etcd_and_silent_standbys_fire_WritesWaitForStandby_and_EtcdLost() {
	is_whole
	sql -c "CREATE TABLE IF NOT EXISTS public.waits (n int)" >/dev/null
	provoke make_writes_wait let_writes_go_on WritesWaitForStandby EtcdLost EtcdMemberAway
	is "the write that waited" "$(sql -c "SELECT count(*) > 0 FROM public.waits")" t
}

# The process that replays the log. Patroni would resume a replay that is only paused.
pause_replay() {
	startup=$(pgrep -P "$(heads_of "${away[0]}" | tail -n 1)" -f startup)
	kill -STOP "$startup" || return 1
	for _ in 1 2 3 4; do
		sql -c "SELECT pg_logical_emit_message(true, 'lag', repeat('x', 1000000))" >/dev/null
	done
}
continue_replay() { kill -CONT "$startup"; }

test_standby_that_replays_nothing_fires_PostgresReplicationLag() {
	is_whole
	away=("$(other_standby)")
	provoke pause_replay continue_replay PostgresReplicationLag
}

test_dead_replica_fires_RedisMasterWithoutReplica() {
	away=(redis-4)
	[[ $(redis_answer $((REDIS_PORT + 4))) == ready ]] || fail "redis-4 is not ready"
	provoke stop_machines start_machines RedisMasterWithoutReplica
}

test_second_gateway_that_is_away_fires_GatewayDown() {
	away=(gateway-1)
	provoke stop_machines start_machines GatewayDown
}

# The last test: after all repairs no alert fires.
test_repaired_machines_fire_no_alert() {
	wait_for 240 nothing_fires || fail "firing: $(firing | xargs)"
}
