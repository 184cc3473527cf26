# Sourced by `tests/ha/run long`: Redis masters and replicas die, freeze, and come back with old data. In each scenario people buy in
# a queue that the lost machine keeps, and users wait in four lines (tests/ha/lines): two on the lost machine, one on each other master.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and load.sh

# The time that docs/availability.md promises for a lost Redis master. It is printed beside each measured time, and not judged: a
# machine that does other work delays everything.
readonly redis_target_seconds=5

# schedule_on MASTER ROWS OPENS: a new schedule whose queue this master keeps. Prints the ids of the concert and the schedule.
schedule_on() {
	local made
	while :; do
		made=$(schedule_new "$2" "$3")
		[[ $(redis_master_of "q:{${made#* }}:waiting") != "$1" ]] || break
	done
	echo "$made"
}

# redis_master_programs: prints the programs that are masters.
redis_master_programs() {
	local port
	for port in $(redis_masters); do
		echo "redis-$((port - REDIS_PORT))"
	done
}

# redis_replica_of MASTER: prints the program that is its replica.
redis_replica_of() {
	local id
	id=$(redis_of "$1" CLUSTER MYID)
	redis CLUSTER NODES | awk -v id="$id" -v first="$REDIS_PORT" '$4 == id && $3 !~ /fail/ {
		split($2, address, /[:@]/); print "redis-" address[2] - first }'
}

# redis_of PROGRAM COMMAND...: the command on this node.
redis_of() {
	REDIS_CLI_SECONDS=5 redis_at $((REDIS_PORT + ${1#redis-})) "${@:2}"
}

# people_wait_and_buy [SECONDS]: chooses the master that will be lost ($machine) and its replica ($replica). Returns when people buy, for
# this time, and wait.
people_wait_and_buy() {
	local masters other
	mapfile -t masters < <(redis_master_programs)
	((${#masters[@]} == 3)) || fail "there are ${#masters[@]} Redis masters"
	# Half of the time it also has the stream of events.
	machine=$(redis_master_of events)
	((RANDOM % 4 < 2)) || machine=${masters[RANDOM % 3]}
	replica=$(redis_replica_of "$machine")
	lines=()
	add_line still "$machine" "now() + '6 hours'"
	key="q:{${lines[0]##*:}}:waiting"
	add_line moving "$machine" NULL
	sql -c "SELECT queue.save_control('${lines[1]##*:}', 1, '$(user_new)', 0, 'OPEN', 3, NULL, NULL, 60)" >/dev/null
	for other in "${masters[@]}"; do
		[[ $other == "$machine" ]] || add_line undisturbed "$other" "now() + '6 hours'"
	done
	first_event=$(sql -c "SELECT greatest((SELECT max(event_id) FROM platform.events), (SELECT max(event_id) FROM platform.outbox), 0)")
	rm -f "$work/begun" "$work/enough"
	tests/ha/lines --begun "$work/begun" --enough "$work/enough" --seed "$seed" "${lines[@]}" >"$work/lines" 2>&1 &
	lines_pid=$!
	buy_on=$machine
	people_buy "${1:-25}" --count 20
	buy_on=
	wait_for 60 test -s "$work/begun"
	echo "# seed $seed: $machine will be lost; its replica is $replica"
	pause_ms $((RANDOM % 1000))
}

# add_line KIND MASTER OPENS: adds a line of a new schedule to $lines.
add_line() {
	local made
	made=$(schedule_on "$2" 4 "$3")
	lines+=("$1:$2-$1:${made/ /:}")
}

# some_enter: waits until three more users have places in the first line.
some_enter() {
	wait_for 60 line_has $(($(redis ZCARD "$key") + 3))
}

line_has() {
	(($(redis ZCARD "$key") >= $1))
}

# places_came_back: the tokens of these users brought their places back.
places_came_back() {
	local n
	n=$(redis HGET "${key/waiting/state}" restored)
	echo "# ${n:-0} places of the line came back by their tokens"
	((${n:-0} >= 3)) || fail "only ${n:-0} places came back by their tokens, and 3 were lost"
}

# people_have_waited: ends the lines, and notes what is wrong. Then the same for the people who buy.
people_have_waited() {
	pause_ms 2000
	touch "$work/enough"
	wait "$lines_pid" || fail "the lines broke off"
	grep '^# ' "$work/lines"
	grep -v '^# ' "$work/lines" >>"$work/found"
	echo "# the target for the line of $machine: $redis_target_seconds s; a load of $load_before on $(nproc) processors"
	sed -n "s/^# line $machine-.* without an answer: \([0-9.]*\) s.*/\1 $redis_target_seconds ${name#*_}_(its_lines)/p" "$work/lines" >>"$work/times"
	# The times above are not judged; this bound is for a system that does not go on.
	people_are_done 60
	wait_for 90 events_are_in_the_stream
	echo "# $(wc -l <"$work/events.made") events; the stream's master is $(redis_master_of events), and $machine was lost"
}

# Each event of this scenario is in the stream. The relay sends events again if the stream has lost its end.
events_are_in_the_stream() {
	[[ $(sql -c "SELECT count(*) FROM platform.outbox") == 0 ]] || return 1
	sql -c "SELECT event_id FROM platform.events WHERE event_id > $first_event" | sort >"$work/events.made"
	redis XRANGE events - + | awk '$0 == "id" { getline; print }' | sort -u >"$work/events.sent"
	[[ -s $work/events.made && -z $(comm -23 "$work/events.made" "$work/events.sent") ]]
}

is_replaced() {
	local now
	now=$(redis_master_of "$key")
	[[ -n $now && $now != "$machine" ]]
}

# The queue service uses the master of the lost machine's slots.
line_goes_on() {
	[[ $(curl -sS -m 5 -o "$work/control" -w '%{http_code}' "http://127.0.0.1:$QUEUE_PORT/admin/queues/${lines[0]##*:}" \
		-H "Authorization: Bearer $(deploy/local/token --user "$(user_new)" --roles operator)") == 200 ]]
}

# redis_is_whole: three masters, each with a replica that follows it.
redis_is_whole() {
	local k n=0
	for ((k = 0; k < 6; k++)); do
		case $(redis_of "redis-$k" INFO replication | tr -d '\r') in
		*role:master*connected_slaves:1*state=online*) n=$((n + 1)) ;;
		*role:slave*master_link_status:up*) ;;
		*) return 1 ;;
		esac
	done
	((n == 3)) && answers redis
}

whole_with_redis() {
	wait_for "$UP_TIMEOUT_SECONDS" redis_is_whole
	whole
}

scenario_redis_master_dies_and_other_lines_go_on() {
	people_wait_and_buy
	machine_dies "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replaced
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	is "role of $replica" "$(redis_of "$replica" ROLE | head -n 1)" master
	machine_comes_back "$machine"
	whole_with_redis
}

# Its clients and the other nodes have left it before it continues. It must not answer with its old data.
scenario_redis_master_freezes_and_continues_with_old_data() {
	people_wait_and_buy
	machine_freezes "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replaced
	# Sometimes for longer than the gap reaches into the future (docs/adr/0029-the-gap-of-a-failover.md).
	pause_ms $((RANDOM % 12000))
	machine_continues "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replica "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	whole_with_redis
}

is_replica() {
	[[ $(redis_of "$1" ROLE | head -n 1) == slave ]]
}

# The master continues at about the moment at which its replica takes over, so it may answer in between.
scenario_redis_master_freezes_for_as_long_as_a_failover_takes() {
	local n replaced=0
	people_wait_and_buy 40
	for n in 1 2 3 4; do
		machine=$(redis_master_of "$key")
		machine_freezes "$machine"
		pause_ms $((2000 + RANDOM % 2200))
		machine_continues "$machine"
		wait_for "$UP_TIMEOUT_SECONDS" redis_is_whole
		wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
		! is_replaced || replaced=$((replaced + 1))
	done
	echo "# replaced in $replaced of 4 freezes"
	people_have_waited
	whole_with_redis
}

# keep_file MACHINE, put_back_file MACHINE: the append-only file as it is now, and back on the machine when it is dead.
keep_file() {
	rm -rf "$work/old"
	cp -a "$(readlink -f "$RUN_DIR/$1")/appendonlydir" "$work/old"
}

put_back_file() {
	local folder
	folder=$(readlink -f "$RUN_DIR/$1")
	rm -rf "$folder/appendonlydir"
	cp -a "$work/old" "$folder/appendonlydir"
}

# The file is some seconds older than the death, and the replica may not take over. So Redis goes on with the old data, and the replica
# copies them.
scenario_redis_master_comes_back_with_old_data() {
	people_wait_and_buy
	redis_of "$replica" CONFIG SET cluster-replica-no-failover yes >/dev/null
	keep_file "$machine"
	some_enter
	pause_ms $((RANDOM % 2000))
	machine_dies "$machine"
	put_back_file "$machine"
	pause_ms $((RANDOM % 4000))
	machine_comes_back "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	redis_of "$replica" CONFIG SET cluster-replica-no-failover no >/dev/null
	people_have_waited
	places_came_back
	is "the master" "$(redis_master_of "$key")" "$machine"
	whole_with_redis
}

# Its old data must not come back: it follows the new master.
scenario_redis_master_comes_back_with_old_data_after_it_is_replaced() {
	people_wait_and_buy
	keep_file "$machine"
	some_enter
	pause_ms $((RANDOM % 2000))
	machine_dies "$machine"
	put_back_file "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replaced
	pause_ms $((RANDOM % 3000))
	machine_comes_back "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replica "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	whole_with_redis
}

# The replica has lost its connection, and cannot log in again. So it lacks what the master did since then.
scenario_redis_replica_that_is_behind_takes_over() {
	lose_a_master_with_its_newest_writes
	places_came_back
	whole_with_redis
}

lose_a_master_with_its_newest_writes() {
	local before
	people_wait_and_buy
	redis_of "$replica" CONFIG SET masterauth wrong >/dev/null
	redis_of "$machine" CLIENT KILL TYPE replica >/dev/null
	before=$(redis_of "$replica" INFO replication | sed -n 's/^slave_repl_offset:\([0-9]*\).*/\1/p')
	some_enter
	pause_ms $((RANDOM % 3000))
	echo "# $replica is $(($(redis_of "$machine" INFO replication | sed -n 's/^master_repl_offset:\([0-9]*\).*/\1/p') - before)) bytes behind"
	machine_dies "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replaced
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	redis_of "$replica" CONFIG SET masterauth "$(<"$RUN_DIR/secrets/redis_replica")" >/dev/null
	machine_comes_back "$machine"
}

# The master is lost after its replica, or at the same time. The lines of the others go on. Then both come back, in an order that the seed
# chooses. A replica alone cannot know whether it has the newest data, so it waits for the master.
scenario_redis_master_and_replica_are_lost_and_places_stay() {
	lose_a_master_and_its_replica
	whole_with_redis
}

lose_a_master_and_its_replica() {
	people_wait_and_buy
	machine_dies "$replica"
	((RANDOM % 2 == 0)) || pause_ms 1500
	machine_dies "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" line_is_refused
	pause_ms $((5000 + RANDOM % 3000))
	line_is_refused || fail "the line of $machine goes on without its master and replica"
	if ((RANDOM % 2 == 0)); then
		machine_comes_back "$replica"
		pause_ms $((RANDOM % 3000))
		machine_comes_back "$machine"
	else
		machine_comes_back "$machine"
		pause_ms $((RANDOM % 3000))
		machine_comes_back "$replica"
	fi
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	is "the master" "$(redis_master_of "$key")" "$machine"
}

# The master does not come back, and an operator gives its schedules to the replica (docs/availability.md). The replica died first.
scenario_redis_replica_takes_over_by_hand() {
	people_wait_and_buy
	machine_dies "$replica"
	some_enter
	machine_dies "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" line_is_refused
	machine_comes_back "$replica"
	wait_for "$UP_TIMEOUT_SECONDS" redis_of "$replica" PING
	pause_ms 6000
	line_is_refused || fail "the replica took over by itself"
	deploy/local/redis-cli -p $((REDIS_PORT + ${replica#redis-})) CLUSTER FAILOVER TAKEOVER >/dev/null
	wait_for "$UP_TIMEOUT_SECONDS" is_replaced
	wait_for "$UP_TIMEOUT_SECONDS" line_goes_on
	people_have_waited
	places_came_back
	machine_comes_back "$machine"
	wait_for "$UP_TIMEOUT_SECONDS" is_replica "$machine"
	whole_with_redis
}

line_is_refused() {
	line_goes_on
	[[ $(jq -r .code "$work/control") == SERVICE_UNAVAILABLE ]]
}

# --- controls: the lines see what is lost without a guard ----------------------------

# The queue notes no gap when another process keeps it. So it treats the tokens of lost places as ended.
scenario_control_failover_without_a_gap_loses_places() {
	local so guard without
	so=$(readlink -f "$RUN_DIR/releases/queue/current")/queue.so
	cp "$so" "$work/queue.so"
	# The text of the functions is in the program, so its length may not change.
	guard="'gap_from', text(from)"
	printf -v without '%-*s' ${#guard} "'gap_from', text(to)"
	LC_ALL=C sed "s/$guard/$without/" "$work/queue.so" >"$work/without.so"
	! cmp -s "$work/queue.so" "$work/without.so" || fail "the guard is not in $so"
	use_queue_program "$work/without.so"
	lose_a_master_with_its_newest_writes
	expect_faults "a place is lost"
	use_queue_program "$work/queue.so"
	whole_with_redis
}

# use_queue_program FILE: the instances of the queue service run this program from now on.
use_queue_program() {
	supervisor stop queue-0 queue-1 >/dev/null
	install -m 555 "$1" "$so"
	start_programs queue-0 queue-1
	wait_for "$UP_TIMEOUT_SECONDS" answers queue-0
	wait_for "$UP_TIMEOUT_SECONDS" answers queue-1
}

# expect_faults TEXT: this violation was found, and is no fault of the control.
expect_faults() {
	local n
	n=$(grep -c "$1" "$work/found")
	echo "# found without the guard: $(sed 's/^line [^:]*: //; s/:.*//' "$work/found" | sort | uniq -c | tr -s ' \n' ' ')"
	: >"$work/found"
	((n > 0)) || fail "without the guard nobody noticed: $1"
}

# All masters stop while some slots have none.
scenario_control_full_coverage_stops_all_lines() {
	local k
	for ((k = 0; k < 6; k++)); do
		redis_of "redis-$k" CONFIG SET cluster-require-full-coverage yes >/dev/null
	done
	lose_a_master_and_its_replica
	expect_faults "a line of another master is disturbed"
	for ((k = 0; k < 6; k++)); do
		redis_of "redis-$k" CONFIG SET cluster-require-full-coverage no >/dev/null
	done
	whole_with_redis
}
