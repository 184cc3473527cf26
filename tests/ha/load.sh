# Sourced by tests/ha/run: the people of a scenario, and what is judged at its end. The people and the checker are those of tests/fault.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and of tests/fault/load.sh

# The longest time without an acknowledged write, whatever happens and however busy the machine is. The scenarios have shorter targets.
readonly target_seconds=30

# `tests/ha/run long` sets it to 1. The short run is part of `make test` and judges no speed.
judges_targets=0

# With a longer queue of processes than this for each processor, a target shorter than target_seconds is not judged: other work delays
# everything.
readonly busy_load=4

# The Redis master that keeps the queue in which people buy; empty: any.
buy_on=

# people_buy SECONDS [OPTION of the users...]: in the background. Returns when the first writes are acknowledged, at a moment that the seed
# chooses.
people_buy() {
	: >"$work/history.csv"
	: >"$work/found"
	small_schedule
	while [[ -n $buy_on && $(redis_master_of "q:{$schedule}:waiting") != "$buy_on" ]]; do
		small_schedule
	done
	load_before=$(cut -d' ' -f1 /proc/loadavg)
	people "$1" --count 40 --hoard 15 --settle 60 "${@:2}" >"$work/found" &
	people_pid=$!
	wait_for 60 has_writes
	pause_ms $((1000 + RANDOM % 1000))
}

has_writes() {
	grep -q ',201,' "$work/history.csv"
}

pause_ms() {
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}

# skip NAME WHY: a line of TAP.
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# print_times: a table of all longest times without a write, with their targets.
print_times() {
	[[ -s $work/times ]] || return 0
	echo "# seconds target  the longest time without an acknowledged write; of the lines of a lost Redis: without an answer"
	sort -k3,3 -k1,1n "$work/times" | awk '{ printf "# %7s %6s  %s\n", $1, $2, $3 }'
}

# people_are_done [SECONDS]: waits for them, and notes what is wrong: what the checker finds, and a time without acknowledged writes that is
# longer than this target. If the scenario sets healed_us, only the time after that moment counts.
healed_us=0
people_are_done() {
	local gap at writes target=${1:-$target_seconds} busy
	((judges_targets == 1)) || target=$target_seconds
	wait "$people_pid"
	wait_for "$target_seconds" answers postgres
	sed 's/^/#   /' "$work/totals"
	read -r gap at writes < <(longest_gap)
	busy="a load of $load_before on $(nproc) processors"
	echo "# seed $seed: $writes acknowledged writes; the longest time without one: $gap s, from $at s after the first; target $target s; $busy"
	echo "$gap $target ${name#*_}" >>"$work/times"
	if ((${gap%.*} >= target)); then
		if ((${gap%.*} < target_seconds && ${load_before%.*} >= busy_load * $(nproc))); then
			echo "# longer than the target, which is not judged with $busy"
		else
			echo "no write was acknowledged for $gap s; the target is $target s; $busy" >>"$work/found"
		fi
	fi
	((writes >= 20)) || echo "only $writes writes were acknowledged" >>"$work/found"
	# The checker's own tables need no standby.
	PGOPTIONS="${PGOPTIONS:-} -c synchronous_commit=local" check >>"$work/found"
}

# Prints the longest time between two acknowledged writes, its begin after the first one, both in seconds, and the number of writes.
longest_gap() {
	python3 - "$work/history.csv" "$healed_us" <<-'END'
		import csv, sys
		acknowledged = sorted(int(r[6]) for r in csv.reader(open(sys.argv[1]))
		    if r[9] == "201" and r[1] != "enter" or r[9] == "200" and r[1] == "cancel")
		gaps = [(b - max(a, int(sys.argv[2])), a - acknowledged[0]) for a, b in zip(acknowledged, acknowledged[1:])] or [(0, 0)]
		print("%.1f %.1f %d" % (max(gaps)[0] / 1e6, max(gaps)[1] / 1e6, len(acknowledged)))
	END
}

# whole: waits until each program answers and a standby is synchronous, so that the next scenario begins with a whole stack.
whole() {
	wait_for "$UP_TIMEOUT_SECONDS" all_answer
	wait_for "$UP_TIMEOUT_SECONDS" has_synchronous_standby
}

has_synchronous_standby() {
	[[ -n $(synchronous_standby) ]]
}
