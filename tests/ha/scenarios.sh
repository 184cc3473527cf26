# Sourced by tests/ha/run: the short scenarios, which `make test` runs. Each is one function: people buy, something happens to a machine,
# the people end and are judged, and the stack is whole again.
# shellcheck shell=bash

# The primary's last records reach no standby. So what it acknowledged then would be lost without synchronous replication.
scenario_acknowledged_writes_survive_the_death_of_the_primary() {
	local machine receivers
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

# For less than wal_sender_timeout: after that the primary would go on without them.
stop_receivers() {
	kill -STOP "${receivers[@]}"
	pause_ms 500
}
