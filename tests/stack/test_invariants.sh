#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Runs after all other files of this suite.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# No test of this suite has broken an invariant of the data.
test_suite_leaves_no_broken_invariant() {
	said=$(deploy/local/invariants 2>&1) || fail "$said"
}

run_tests
