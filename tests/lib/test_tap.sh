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

run_tests
