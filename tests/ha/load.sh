# Sourced by tests/ha/run: the people of a scenario, and what is judged at its end. The people and the checker are those of tests/fault.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of run and of tests/fault/load.sh

# The longest time without an acknowledged write after a machine's death or freeze. Measured are about 10 to 14 s (docs/availability.md); a
# busy machine gets more.
readonly target_seconds=30

# people_buy SECONDS: in the background. Returns when the first writes are acknowledged, at a moment that the seed chooses.
people_buy() {
	: >"$work/history.csv"
	: >"$work/found"
	small_schedule
	people "$1" --count 40 --hoard 15 --settle 60 >"$work/found" &
	people_pid=$!
	wait_for 20 has_writes
	pause_ms $((1000 + RANDOM % 1000))
}

has_writes() {
	grep -q ',201,' "$work/history.csv"
}

pause_ms() {
	sleep "$(($1 / 1000)).$(printf %03d $(($1 % 1000)))"
}

# people_are_done: waits for them, and notes what is wrong: what the checker finds, and too long a time without acknowledged writes.
people_are_done() {
	local gap at writes
	wait "$people_pid"
	wait_for "$target_seconds" answers postgres
	sed 's/^/#   /' "$work/totals"
	read -r gap at writes < <(longest_gap)
	echo "# seed $seed: $writes acknowledged writes; the longest time without one: $gap s, from $at s after the first"
	[[ ${gap%.*} -lt $target_seconds ]] || echo "no write was acknowledged for $gap s" >>"$work/found"
	((writes >= 20)) || echo "only $writes writes were acknowledged" >>"$work/found"
	check >>"$work/found"
}

# Prints the longest time between two acknowledged writes, its begin after the first one, both in seconds, and the number of writes.
longest_gap() {
	python3 - "$work/history.csv" <<-'END'
		import csv, sys
		acknowledged = sorted(int(r[6]) for r in csv.reader(open(sys.argv[1]))
		    if r[9] == "201" and r[1] != "enter" or r[9] == "200" and r[1] == "cancel")
		gaps = [(b - a, a - acknowledged[0]) for a, b in zip(acknowledged, acknowledged[1:])] or [(0, 0)]
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
