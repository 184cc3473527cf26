#!/usr/bin/env bash
# The library of all shell tests (tap.sh): no failed test passes.
# shellcheck source=tests/lib/tap.sh
source "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# run_file: runs a file of tests with the text of the standard input. Sets $said to its output, and $status.
run_file() {
	status=0
	{ printf 'source %q\n' "$(dirname "$tap_file")/tap.sh" && cat; } >"$tap_folder/file.sh"
	said=$(env -u T -u HARNESS_ACTIVE bash "$tap_folder/file.sh" 2>/dev/null) || status=$?
}

# lines: what the file said, without comments and numbers.
lines() {
	sed -e '/^#/d' -e 's/ [0-9]* - / /' <<<"$said" | paste -sd,
}

test_fault_in_a_subshell_fails_its_test() {
	run_file <<-'END'
		test_in_a_pipeline() {
			true | fail here
		}
		test_in_a_subshell() {
			(is numbers 1 2)
		}
		test_equal() {
			is numbers 1 1
		}
		run_tests
	END
	is 'the tests' "$(lines)" 'not ok in_a_pipeline,not ok in_a_subshell,ok equal,1..3'
	is 'the status' "$status" 1
}

test_result_without_its_file_fails() {
	run_file <<-'END'
		result gone "$tap_folder/none"
		: >"$tap_folder/empty"
		result empty "$tap_folder/empty"
		end_tests
	END
	is 'the tests' "$(lines)" 'not ok gone,ok empty,1..2'
	is 'the status' "$status" 1
}

# Otherwise the later tests of the file would find neither what the file has set up nor their own faults.
test_subshell_that_ends_at_an_unset_variable_tears_nothing_down() {
	run_file <<-'END'
		set -u
		tear_down_file() {
			echo 'torn down'
		}
		test_unset() {
			true | cat "$unset"
		}
		test_later() {
			fail here
		}
		run_tests
	END
	is 'the tests' "$(lines)" 'ok unset,not ok later,1..2,torn down'
}

test_exit_in_a_test_fails_it() {
	run_file <<-'END'
		test_exit() {
			exit 0
		}
		test_later() {
			:
		}
		run_tests
	END
	is 'the tests' "$(lines)" 'not ok exit'
}

# CI shows only the list of what failed.
test_file_that_breaks_off_is_listed_with_its_error_and_its_end() {
	# shellcheck disable=SC2034 # what_failed reads it
	local results=$tap_folder
	# shellcheck source=/dev/null
	source <(sed -n '/^what_failed()/,/^}/p' tests/run)
	cat >"$tap_folder/early" <<-'END'
		echo 'error: the port is taken' >&2
		printf 'line %s\n' 1 2 3 4
	END
	cat >"$tap_folder/half" <<-'END'
		echo 'ok 1 - first'
		echo '1..3'
		echo '# the server has ended'
	END
	env -u HARNESS_ACTIVE prove --verbose --exec bash "$tap_folder/early" "$tap_folder/half" >"$tap_folder/some.log" 2>&1
	is 'the list' "$(what_failed some)" "some: error: $tap_folder/early broke off after 0 tests | error: the port is taken | line 3 | line 4
some: $tap_folder/half broke off after 1 tests | the server has ended"
	printf '%s\n' 'packages: none' "error: the suite's command ended with status 1" >"$tap_folder/none.log"
	is 'the list without a file' "$(what_failed none)" "none: error: the suite's command ended with status 1 | packages: none"
}

run_tests
