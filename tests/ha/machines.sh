# Sourced by tests/ha/run: the machines of the HA=1 stack die, freeze and come back. A machine is one of its programs, with all of the
# program's processes.
# shellcheck shell=bash

# primary, synchronous_standby, other_standby: print the PostgreSQL that has this role now.
primary() { members_with leader; }
synchronous_standby() { members_with sync_standby; }
other_standby() { members_with replica; }

# redis_master_of KEY: prints the program that is the master of the key's slot.
redis_master_of() {
	local slot
	slot=$(redis CLUSTER KEYSLOT "$1")
	redis CLUSTER NODES | awk -v slot="$slot" -v first="$REDIS_PORT" '$3 ~ /master/ && $3 !~ /fail/ {
		split($2, address, /[:@]/)
		for (i = 9; i <= NF; i++) { split($i, range, "-"); if (slot + 0 >= range[1] + 0 && slot + 0 <= (range[2] == "" ? range[1] : range[2]) + 0)
			print "redis-" address[2] - first } }'
}

# Prints the process that supervisor knows and, of a PostgreSQL, the postmaster: it is no child of Patroni's.
heads_of() {
	supervisor_call getProcessInfo "<string>$1</string>" | tr -d '\n' | sed -n 's/.*<name>pid<\/name><value><int>\([1-9][0-9]*\)<.*/\1\n/p'
	[[ $1 != postgres-* ]] || head -n 1 "$(readlink -f "$(cluster_folder "${1#postgres-}")")/postmaster.pid" 2>/dev/null
}

# signal SIGNAL PID...: the processes and their children. A child may have ended meanwhile.
signal() {
	local children
	kill "-$1" "${@:2}"
	# Frozen processes make no more children.
	mapfile -t children < <(pgrep -P "$(IFS=,; echo "${*:2}")")
	((${#children[@]} == 0)) || kill "-$1" "${children[@]}" 2>/dev/null || true
}

# machine_freezes NAME: all its processes stop at once, and their connections stay open.
machine_freezes() {
	local heads
	mapfile -t heads < <(heads_of "$1")
	signal STOP "${heads[@]}"
}

machine_continues() {
	local heads
	mapfile -t heads < <(heads_of "$1")
	signal CONT "${heads[@]}"
}

# machine_dies NAME [COMMAND...]: all its processes are killed at the same moment, and nothing starts them again. Supervisor is told first,
# so the machine is frozen until then. The command runs just before.
machine_dies() {
	local heads children
	mapfile -t heads < <(heads_of "$1")
	"${@:2}"
	signal STOP "${heads[@]}"
	supervisor_call stopProcess "<string>$1</string>" '<boolean>0</boolean>' >/dev/null || fail "supervisor does not let $1 stay down"
	mapfile -t children < <(pgrep -P "$(IFS=,; echo "${heads[*]}")")
	kill -KILL "${heads[@]}" "${children[@]}"
}

machine_comes_back() {
	supervisor start "$1" >/dev/null 2>&1
}

# Prints the processes with which the standbys receive the primary's log.
log_receivers() {
	local k postmaster
	for k in 0 1 2; do
		postmaster=$(head -n 1 "$(readlink -f "$(cluster_folder "$k")")/postmaster.pid" 2>/dev/null)
		[[ -z $postmaster ]] || pgrep -P "$postmaster" -f walreceiver
	done
}
