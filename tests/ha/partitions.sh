# Sourced by `tests/ha/run long`: the links between the machines are cut (network.sh), or a machine loses packets. Each scenario is a
# function as in scenarios.sh. Services, gateways and people are in front of all machines, so a primary that is cut off from the others may
# still get their writes.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and load.sh

here=10.75.0.4

# machine_number ROLE: prints the number of the machine of `primary` or `synchronous_standby`.
machine_number() {
	local name
	name=$("$1")
	echo "${name#*-}"
}

# other_addresses K: prints the addresses of the other two machines, with spaces.
other_addresses() {
	local k
	for k in 0 1 2; do
		((k == $1)) || host_of "postgres-$k"
	done | xargs
}

# ports_of etcd|patroni|postgres...: prints the ports of all of these, with spaces.
ports_of() {
	local kind k
	for kind in "$@"; do
		for k in 0 1 2; do
			case $kind in
			etcd) echo $((HA_PORT + HA_ETCD + k)) $((HA_PORT + HA_ETCD_PEER + k)) ;;
			patroni) echo $((HA_PORT + HA_PATRONI + k)) ;;
			postgres) echo $((PG_PORT + k)) ;;
			esac
		done
	done | xargs
}

# another_leads K: whether the other machines have a primary that is not on machine K. K itself may not know that.
another_leads() {
	local other leader
	for other in 0 1 2; do
		((other != $1)) || continue
		leader=$(patroni_call "$other" /cluster 2>/dev/null | jq -r '.members[] | select(.role == "leader") | .name')
		[[ -z $leader || $leader == "postgres-$1" ]] || return 0
	done
	return 1
}

# cut_until_another_leads K COMMAND...: cuts the machine off while people buy, until another one has its role, and some time longer.
cut_until_another_leads() {
	"${@:2}"
	wait_for 60 another_leads "$1"
	pause_ms $((RANDOM % 3000))
}

partition_primary_without_any_link_loses_nothing() {
	local k
	people_buy 25
	k=$(machine_number primary)
	cut_until_another_leads "$k" unplug "$k"
	plug "$k"
	people_are_done 15
	whole
}

# The services still reach the old primary. Its commits wait for the synchronous standby, so it acknowledges nothing.
partition_primary_that_only_the_services_reach_loses_nothing() {
	local k
	people_buy 25
	k=$(machine_number primary)
	cut_until_another_leads "$k" lose "$k" both "$(other_addresses "$k")"
	lose_nothing "$k"
	people_are_done 15
	whole
}

# The control: the checker sees what such a primary acknowledges if commits do not wait for a standby.
partition_control_primary_that_only_the_services_reach_loses_writes_without_synchronous_commit() {
	local k lost
	change_patroni_settings '{"synchronous_mode": false}'
	wait_for 60 has_no_synchronous_standby
	# After a loss some calls never get an answer.
	people_buy 25 --settle 5
	k=$(machine_number primary)
	cut_until_another_leads "$k" lose "$k" both "$(other_addresses "$k")"
	lose_nothing "$k"
	people_are_done
	lost=$(grep -c -e '^told 201' -e '^told CONFIRMED' "$work/found")
	: >"$work/found"
	((lost > 0)) || fail "no answer was lost"
	echo "# the checker found $lost lost answers"
	change_patroni_settings '{"synchronous_mode": true}'
	whole
}

has_no_synchronous_standby() {
	[[ -z $(synchronous_standby) && $(sql -c 'SHOW synchronous_standby_names') == "" ]]
}

# One direction: the other machines hear the primary but it does not hear them, or the other way round.
partition_primary_with_half_a_link_loses_nothing() {
	local k direction=in
	((RANDOM % 2 == 0)) || direction=out
	echo "# the primary loses the packets that go $direction"
	people_buy 25
	k=$(machine_number primary)
	cut_until_another_leads "$k" lose "$k" "$direction" "$(other_addresses "$k")"
	lose_nothing "$k"
	people_are_done 15
	whole
}

# The other machines' etcd has the majority. The primary's key ends there, but no standby takes over from a primary whose Patroni answers.
# The primary asks the standbys' Patronis whether it may go on (failsafe mode).
partition_primary_without_etcd_goes_on() {
	local k
	people_buy 25
	k=$(machine_number primary)
	lose "$k" both "$(other_addresses "$k")" "$(ports_of etcd)"
	wait_for 60 failsafe_is_active "postgres-$k"
	wait "$people_pid"
	lose_nothing "$k"
	people_are_done 4
	whole
	is "the primary" "$(primary)" "postgres-$k"
}

# The standbys still get its log, and the services still reach it. It must stop before its key ends, because a standby becomes the primary
# then.
partition_primary_without_etcd_and_patronis_stops() {
	local k
	people_buy 25
	k=$(machine_number primary)
	cut_until_another_leads "$k" lose "$k" both "$(other_addresses "$k")" "$(ports_of etcd patroni)"
	is "the old primary" "$(takes_writes "$k")" no
	lose_nothing "$k"
	people_are_done 15
	whole
}

# takes_writes K: prints yes or no.
takes_writes() {
	local said
	said=$(PGHOST=$(host_of "postgres-$1") PGPORT=$((PG_PORT + $1)) PGTARGETSESSIONATTRS=any sql -c \
		"SELECT CASE WHEN pg_is_in_recovery() THEN 'no' ELSE 'yes' END" 2>/dev/null) || said=no
	echo "$said"
}

partition_synchronous_standby_without_any_link_loses_nothing() {
	local k
	people_buy 20
	k=$(machine_number synchronous_standby)
	unplug "$k"
	wait_for 60 another_is_synchronous "postgres-$k"
	pause_ms $((RANDOM % 3000))
	plug "$k"
	people_are_done 10
	whole
}

# Patroni takes the standby out of the commits, and writes go on without a copy.
partition_primary_without_standbys_goes_on() {
	local k
	people_buy 20
	k=$(machine_number primary)
	lose "$k" both "$(other_addresses "$k")" "$(ports_of patroni postgres)"
	pause_ms $((12000 + RANDOM % 3000))
	lose_nothing "$k"
	people_are_done 8
	whole
	is "the primary" "$(primary)" "postgres-$k"
}

# The cluster is well, so nothing changes until the services reach the primary again. Each call is answered meanwhile.
partition_services_without_the_primary_answer_503_and_go_on() {
	local k direction
	direction=$(shuf -n 1 -e in out both --random-source=<(yes $RANDOM))
	echo "# the primary loses the packets that go $direction"
	people_buy 25
	k=$(machine_number primary)
	lose "$k" "$direction" "$here" "$(ports_of postgres)"
	pause_ms $((6000 + RANDOM % 4000))
	call "$(user_new)" POST /points/charge '{"amount":1000}' "$(user_new)" >"$work/answer"
	is "the answer to a charge" "$(status)" 503
	lose_nothing "$k"
	healed_us=$(date +%s%6N)
	people_are_done 5
	healed_us=0
	whole
	is "the primary" "$(primary)" "postgres-$k"
}
