# Sourced by `tests/ha/run long`: the scenarios that take longer. Each is a function as in scenarios.sh.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and load.sh

judges_targets=1

# How often the primary is frozen, and how often at most without the guard that protects from it.
freezes=${FREEZES:-20}
[[ $freezes =~ ^[1-9][0-9]{0,3}$ ]] || {
	echo "error: FREEZES: '$freezes' is no number from 1 to 9999" >&2
	exit 2
}

# On a busy machine people may end before the switchover does. Then it says nothing, and they come again for longer.
scenario_switchover_loses_nothing() {
	local seconds during
	for ((seconds = 12; seconds < 200; seconds *= 2)); do
		people_buy "$seconds"
		deploy/local/switchover >"$work/switchover.log" 2>&1 || cat "$work/switchover.log" >>"$work/found"
		during=$(kill -0 "$people_pid" 2>/dev/null && echo yes || echo no)
		people_are_done 3
		whole
		[[ $during == no && ! -s $work/found ]] || break
		echo "# people had ended before the switchover"
	done
	[[ $during == yes ]] || fail "people ended before each switchover"
}

# Patroni is alive, and hands the role over at once. A start in place would show commits that no standby has.
# Backends wait for a standby at that moment; they must end by themselves, or the server cannot start again.
scenario_killed_postmaster_loses_nothing() {
	local machine postmaster receivers
	people_buy 15
	machine=$(primary)
	postmaster=$(heads_of "$machine" | tail -n 1)
	mapfile -t receivers < <(log_receivers)
	stop_receivers
	kill -KILL "$postmaster"
	kill -CONT "${receivers[@]}"
	people_are_done 6
	[[ $(primary) != "$machine" ]] || fail "$machine is still the primary"
	whole
}

scenario_frozen_primary_that_continues_loses_nothing() {
	local n
	for ((n = 1; n <= freezes; n++)); do
		echo "# freeze $n of $freezes"
		freeze_primary 15
		whole
		[[ ! -s $work/found ]] || return 0
	done
}

# freeze_primary TARGET [OPTION of the users...]: until another one is the primary, and some time longer.
freeze_primary() {
	local machine
	people_buy 25 "${@:2}"
	machine=$(primary)
	machine_freezes "$machine"
	wait_for 40 is_not_primary "$machine"
	pause_ms $((RANDOM % 3000))
	machine_continues "$machine"
	people_are_done "$1"
}

is_not_primary() {
	local now
	now=$(primary)
	[[ -n $now && $now != "$1" ]]
}

# The control: the checker sees what is lost if Patroni keeps its keys with etcd's API v3. A loss needs chance.
scenario_control_frozen_primary_with_etcd3_loses_writes() {
	local n lost=0
	keep_keys_with etcd3
	for ((n = 1; n <= freezes; n++)); do
		# After a loss no standby follows, so some calls never get an answer.
		freeze_primary "$target_seconds" --settle 5
		lost=$(grep -c -e '^told 201' -e '^told CONFIRMED' "$work/found")
		echo "# freeze $n of at most $freezes: the checker found $lost lost answers"
		((lost == 0)) || break
		whole
	done
	: >"$work/found"
	((lost > 0)) || fail "no answer was lost in $freezes freezes"
	keep_keys_with etcd
}

# keep_keys_with etcd|etcd3: Patroni forgets the cluster and begins anew with this API. The primary stays the same, the others copy it.
keep_keys_with() {
	local k first
	first=$(primary)
	for k in 0 1 2; do
		machine_dies "postgres-$k"
		[[ postgres-$k == "$first" ]] || {
			empty_folder "$(cluster_folder "$k")/pg_wal"
			empty_folder "$(cluster_folder "$k")"
		}
		sed -i "s/^etcd3\{0,1\}:/$1:/" "$(readlink -f "$RUN_DIR/patroni")/postgres-$k.yml"
	done
	# It may know no key.
	etcd_call '/v2/keys/service/concert?recursive=true' -o /dev/null -X DELETE 2>/dev/null
	etcd_call /v3/kv/deleterange -o /dev/null -d "$(jq -n '{key: "/service/concert/", range_end: "/service/concert0"} | map_values(@base64)')"
	if [[ $1 == etcd ]]; then
		put_patroni_settings
	else
		etcd_call /v3/kv/put -o /dev/null -d "$(jq -n --arg value "$(patroni_settings)" \
			'{key: "/service/concert/config", $value} | map_values(@base64)')"
	fi || fail "etcd does not take Patroni's settings"
	start_programs "$first"
	wait_for "$UP_TIMEOUT_SECONDS" answers postgres
	start_programs postgres-{0..2}
	whole
}

# Commits do not wait for it.
scenario_other_standby_dies_and_writes_go_on() {
	local machine before
	people_buy 12
	machine=$(other_standby)
	before=$(synchronous_standby)
	machine_dies "$machine"
	people_are_done 4
	is "the synchronous standby" "$(synchronous_standby)" "$before"
	machine_comes_back "$machine"
	whole
}

scenario_synchronous_standby_dies_and_nothing_is_lost() {
	local machine
	people_buy 12
	machine=$(synchronous_standby)
	machine_dies "$machine"
	people_are_done 6
	machine_comes_back "$machine"
	whole
}

scenario_synchronous_standby_freezes_and_nothing_is_lost() {
	local machine
	people_buy 20
	machine=$(synchronous_standby)
	machine_freezes "$machine"
	wait_for "$target_seconds" another_is_synchronous "$machine"
	pause_ms $((RANDOM % 3000))
	machine_continues "$machine"
	people_are_done 10
	whole
}

another_is_synchronous() {
	local now
	now=$(synchronous_standby)
	[[ -n $now && $now != "$1" ]]
}

# Writes go on without a copy. Patroni's log and metrics say it.
scenario_writes_go_on_without_standbys() {
	local machine standbys said
	people_buy 20
	machine=$(primary)
	mapfile -t standbys < <(synchronous_standby && other_standby)
	((${#standbys[@]} == 2)) || fail "there are ${#standbys[@]} standbys"
	said=$(stat -c %s "$RUN_DIR/log/$machine.log")
	machine_dies "${standbys[0]}"
	machine_dies "${standbys[1]}"
	wait_for "$target_seconds" log_says "$machine" "$said" 'Assigning synchronous standby status to []'
	wait_for "$target_seconds" has_more_writes "$(wc -l <"$work/history.csv")"
	is "number of synchronous standbys" "$(for k in 0 1 2; do metric "postgres-$k" patroni_sync_standby; done | grep -c '^1')" 0
	people_are_done 8
	is "the primary" "$(primary)" "$machine"
	machine_comes_back "${standbys[0]}"
	machine_comes_back "${standbys[1]}"
	whole
	is "number of synchronous standbys" "$(for k in 0 1 2; do metric "postgres-$k" patroni_sync_standby; done | grep -c '^1')" 1
}

# log_says PROGRAM FROM TEXT: whether its log has the text behind this many bytes.
log_says() {
	tail -c +"$(($2 + 1))" "$RUN_DIR/log/$1.log" | grep -qF "$3"
}

has_more_writes() {
	tail -n +"$(($1 + 1))" "$work/history.csv" | grep -q ',201,'
}

# metric POSTGRES NAME: prints the value of this metric of its Patroni, or nothing.
metric() {
	patroni_call "${1#postgres-}" /metrics 2>/dev/null | awk -v name="$2" 'index($1, name "{") == 1 { print $2 }'
}

scenario_etcd_minority_is_lost_and_writes_go_on() {
	local machine
	people_buy 20
	machine=etcd-$((RANDOM % 3))
	machine_dies "$machine"
	people_are_done 4
	machine_comes_back "$machine"
	whole
}

# For longer than the primary's key lives. The primary asks the standbys instead (failsafe mode).
scenario_etcd_majority_is_lost_and_writes_go_on() {
	local machine k alive=$((RANDOM % 3))
	people_buy 25
	machine=$(primary)
	for k in 0 1 2; do
		((k == alive)) || machine_dies "etcd-$k"
	done
	wait_for "$target_seconds" failsafe_is_active "$machine"
	wait "$people_pid"
	failsafe_is_active "$machine" || fail "the failsafe mode of $machine is over, and etcd is not back"
	people_are_done 4
	for k in 0 1 2; do
		((k == alive)) || machine_comes_back "etcd-$k"
	done
	whole
	is "the primary" "$(primary)" "$machine"
}

failsafe_is_active() {
	[[ $(metric "$1" patroni_failsafe_mode_is_active) == 1 ]]
}

# It stays away until all people are done. A user without an answer takes the other gateway; without that, its calls stay open.
scenario_gateway_dies_and_users_take_the_other_one() {
	local machine=gateway
	((RANDOM % 2 == 0)) || machine=gateway-1
	people_buy 12 --other-gateway "$(use_gateway gateway-1 && echo "$GATEWAY_HTTPS_PORT")"
	machine_dies "$machine"
	people_are_done 4
	machine_comes_back "$machine"
	whole
}

# Segments that the dead primary had not archived are archived by the next one, so a restore can go beyond the death.
scenario_archive_has_no_gap_after_the_death_of_the_primary() {
	local machine archiver
	: >"$work/found"
	deploy/local/backup >"$work/backup.log" 2>&1 || cat "$work/backup.log" >>"$work/found"
	machine=$(primary)
	archiver=$(pgrep -P "$(heads_of "$machine" | tail -n 1)" -f archiver)
	kill -STOP "$archiver"
	for _ in 1 2 3; do
		sql -c "SELECT pg_logical_emit_message(false, 'ha', 'a record')" -c "SELECT pg_switch_wal()" -c "SELECT pg_current_xact_id()" >/dev/null
	done
	machine_dies "$machine"
	wait_for "$target_seconds" answers postgres
	wait_for 60 archive_is_whole
	machine_comes_back "$machine"
	whole
}

# The numbers of the archived segments have no gap, and the newest is that of now.
archive_is_whole() {
	(
		# shellcheck source=deploy/local/cluster.sh
		source deploy/local/cluster.sh
		find_cluster
		id=$(pgbackrest repo-ls "archive/$STANZA" | grep -E '^[0-9]+-[0-9]+$' | sort -V | tail -n 1)
		newest=$(sql -c "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 9) FROM pg_logical_emit_message(false, 'ha', 'a record')" -c "SELECT pg_switch_wal()" | head -n 1)
		last=
		while read -r segment; do
			# 256 segments have the same first eight digits.
			number=$((16#${segment:0:8} * 256 + 16#${segment:8}))
			[[ -z $last ]] || ((number == last + 1)) || exit 1
			last=$number
		done < <(for part in $(pgbackrest repo-ls "archive/$STANZA/$id" | grep -E '^[0-9A-F]{16}$'); do
			pgbackrest repo-ls "archive/$STANZA/$id/$part" | grep -vE 'backup|partial' | cut -c9-24
		done | sort -u)
		[[ -n $last ]] && ((last >= 16#${newest:0:8} * 256 + 16#${newest:8} - 1))
	)
}
