# The library of all shell tests. A test file sources it and prints TAP, which prove reads.
# shellcheck shell=bash
#
# A file of tests has functions test_<condition>_<result>, and ends with run_tests. In a test:
#
#	is WHAT GOT WANTED           fails the test unless both are the same text
#	has WHAT TEXT PART           fails it unless the text contains the part
#	lacks WHAT TEXT PART         fails it if the text contains the part
#	fail MESSAGE                 fails it
#	wait_for SECONDS COMMAND...  waits until the command succeeds; fails the test at the deadline
#
# A test goes on after a failure, so one run shows them all. A suite that measures has no test functions. It calls `result` for each
# of its results, and `end_tests` at the end.
#
# T=word runs only the tests with the word in their name, or all if the name of the file or of its folder contains it. The functions
# set_up_file and tear_down_file, if the file has them, run once: before the first test that is wanted, and at the end.

tap_process=$BASHPID
tap_file=$(realpath "$0")
tap_count=0
tap_failed=0
tap_running= # the name of the test that runs
tap_folder=$(mktemp -d)
tap_faults=$tap_folder/faults # a file, because a test also fails in its subshells
# bash also runs this trap in a subshell that ends at an unset variable. There the tests go on.
trap '[[ $BASHPID != "$tap_process" ]] || tap_clean_up' EXIT

tap_clean_up() {
	trap - EXIT
	[[ -z $tap_running ]] || {
		echo "the test ended its file" >>"$tap_faults"
		result "$tap_running" "$tap_faults"
	}
	! declare -F tear_down_file >/dev/null || tear_down_file
	rm -rf "$tap_folder"
}

# result NAME FILE: one test, which passed if the file is there and empty. Otherwise the file says why it failed.
result() {
	tap_count=$((tap_count + 1))
	if [[ -e $2 && ! -s $2 ]]; then
		echo "ok $tap_count - $1"
		return
	fi
	tap_failed=$((tap_failed + 1))
	echo "not ok $tap_count - $1"
	if [[ -e $2 ]]; then
		head -n 20 "$2" | cut -c1-600 | sed 's/^/#   /'
	else
		echo "#   nothing was compared: $2 is gone"
	fi
}

# end_tests: the plan, and the exit status.
end_tests() {
	((tap_count > 0)) || {
		echo "1..0 # SKIP nothing here is called '${T:-}'"
		[[ -n ${HARNESS_ACTIVE:-} ]] # prove goes on with the next file
		exit
	}
	echo "1..$tap_count"
	((tap_failed == 0))
	exit
}

fail() {
	printf '%s\n' "$*" >>"$tap_faults"
}

is() {
	[[ $2 == "$3" ]] || fail "$1: '$2', not '$3'"
}

has() {
	[[ $2 == *"$3"* ]] || fail "$1 lacks '$3': ${2:0:600}"
}

lacks() {
	[[ $2 != *"$3"* ]] || fail "$1 has '$3': ${2:0:600}"
}

wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < deadline)) || { fail "waited too long for: $*"; return 1; }
		sleep 0.1
	done
}

# wanted NAME: whether T selects the test, by its name or by the name of its file or suite (the file's folder).
wanted() {
	[[ $1 == *"${T:-}"* || $(basename "$tap_file" .sh) == *"${T:-}"* || $(basename "${tap_file%/*}") == *"${T:-}"* ]]
}

# names_of_tests: prints the names of the file's test functions, in the order in which it defines them; then those of $tap_more, a file
# that it sources.
names_of_tests() {
	sed -n 's/^test_\([A-Za-z0-9_]*\)() {$/\1/p' "$tap_file" ${tap_more:+"$tap_more"}
}

# run_tests: all of them.
run_tests() {
	local name names
	mapfile -t names < <(names_of_tests)
	for name in "${names[@]}"; do
		wanted "$name" || continue
		: >"$tap_faults"
		if ((tap_count == 0)) && declare -F set_up_file >/dev/null; then
			set_up_file
		fi
		tap_running=$name
		"test_$name"
		tap_running=
		result "$name" "$tap_faults"
	done
	end_tests
}
