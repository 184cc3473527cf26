# Sourced by tests/ha/run: the short scenarios, which `make test` runs. Each is one function: people buy, something happens to a machine,
# the people end and are judged, and the stack is whole again.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and its other parts

# The primary's last records reach no standby. So what it acknowledged then would be lost without synchronous replication.
scenario_acknowledged_writes_survive_the_death_of_the_primary() {
	local machine receivers
	wait_for "$UP_TIMEOUT_SECONDS" two_standbys_receive
	people_buy 20
	machine=$(primary)
	mapfile -t receivers < <(log_receivers)
	((${#receivers[@]} == 2)) || fail "the standbys have ${#receivers[@]} receivers"
	machine_dies "$machine" stop_receivers
	# They end before they read what the kernel has for them.
	kill -TERM "${receivers[@]}"
	kill -CONT "${receivers[@]}"
	people_are_done 12
	[[ $(primary) != "$machine" ]] || fail "$machine is still the primary"
	machine_comes_back "$machine"
	whole
}

two_standbys_receive() {
	[[ $(log_receivers | wc -l) == 2 ]]
}

# For less than wal_sender_timeout: after that the primary would go on without them.
stop_receivers() {
	kill -STOP "${receivers[@]}"
	pause_ms 500
}

# Four users wait in the line of a schedule whose Redis master dies, while people buy. They ask in another order and have their old places.
scenario_places_survive_the_death_of_a_redis_master() {
	local machine
	read -r later_concert later_schedule < <(schedule_new 2 "now() + '6 hours'")
	waiters=()
	for _ in 1 2 3 4; do
		wait_in_line
	done
	people_buy 20
	machine=$(redis_master_of "q:{$later_schedule}:waiting")
	machine_dies "$machine"
	wait_for "$target_seconds" first_waiter_is_answered
	check_line >>"$work/found"
	[[ $(redis_master_of "q:{$later_schedule}:waiting") != "$machine" ]] || fail "$machine is still the master"
	people_are_done
	machine_comes_back "$machine"
	whole
}

first_waiter_is_answered() {
	local user token
	read -r user token <<<"${waiters[0]}"
	call "$user" GET /queues/status '' '' "$token" >/dev/null
	[[ $(status) == 200 ]]
}
