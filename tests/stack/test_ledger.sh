#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The commands that explain and check data: story, ledger-verify, invariants.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_story_lists_all_steps_of_a_reservation() {
	local id amount what
	use_superuser
	deploy/local/journey >/dev/null 2>&1 || fail "the journey failed"
	id=$(sql -c "SELECT reservation_id FROM reservation.reservations WHERE confirmed_at IS NOT NULL ORDER BY reservation_id DESC LIMIT 1")
	amount=$(sql -c "SELECT total_amount FROM reservation.reservations WHERE reservation_id = '$id'")
	wait_for 60 nothing_waits_in_the_outbox
	said=$(make -s story "R=$id" STACK_ENV="${STACK_ENV:-}" 2>&1) || fail "$said"
	for what in 'queue        place ' 'hold         user ' ' by POINT is begun' ' approved' "DEDUCT $amount of" 'reservation  CONFIRMED' \
		'reservation  CANCELLED' "refunded: $amount" "ROLLBACK $amount of" ReservationHeld PaymentApproved PointDeducted \
		ReservationCancelled 'the reservation is CANCELLED'; do
		has 'the story' "$said" "$what"
	done
	is 'its times' "$(cut -c1-24 <<<"$said")" "$(cut -c1-24 <<<"$said" | sort)"
	is 'of one that is none' "$(deploy/local/story 0197a3c2-0000-7000-8000-000000000001 2>&1)" \
		'error: there is no reservation 0197a3c2-0000-7000-8000-000000000001'
	has 'of a word' "$(deploy/local/story word 2>&1)" "'word' is not a reservation id"
}

test_changed_ledger_entry_is_named_by_ledger_verify() {
	local user
	use_superuser
	user=$(sql -c "SELECT platform.uuid_v7()")
	for amount in 1000 2000 3000; do
		sql -c "SELECT point.charge('$user', $amount, '$amount', 'h', 'r')" >/dev/null
	done
	said=$(make -s ledger-verify STACK_ENV="${STACK_ENV:-}" 2>&1) || fail "the whole ledger is reported as broken: $said"
	has 'of a whole ledger' "$said" 'the ledger is whole: '
	has 'its progress' "$said" ' wallets against them'
	tamper() {
		sql -c 'BEGIN' -c 'ALTER TABLE point.entries DISABLE TRIGGER entries_append_only' \
			-c "UPDATE point.entries SET amount = amount + $1 WHERE user_id = '$user' AND version = 2" \
			-c 'ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_append_only' -c 'COMMIT'
	}
	tamper 5
	said=$(deploy/local/ledger-verify 2>&1) && fail "it did not fail"
	has 'what it says' "$said" "the ledger is broken at entry 2 of wallet $user "
	has 'what it says' "$said" 'its hash is not that of its fields'
	tamper -5
	deploy/local/ledger-verify >/dev/null 2>&1 || fail "the repaired ledger is reported as broken"
}

# The command prints the number of violations by kind, prints each violation, and fails.
test_broken_invariant_is_reported() {
	local user
	use_superuser
	user=$(sql -c "SELECT platform.uuid_v7()")
	sql -c "SELECT point.charge('$user', 1000, 'first', 'h', 'r')" >/dev/null
	wrong() {
		sql -c 'BEGIN' -c 'ALTER TABLE point.wallets DISABLE TRIGGER wallets_follow_ledger' \
			-c "UPDATE point.wallets SET balance = balance + $1 WHERE user_id = '$user'" \
			-c 'ALTER TABLE point.wallets ENABLE ALWAYS TRIGGER wallets_follow_ledger' -c 'COMMIT'
	}
	wrong 7
	said=$(make -s invariants STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "it did not fail"
	has 'how many' "$said" '1 x point.balance_is_ledger_sum'
	has 'which' "$said" "$user"
	has 'the last word' "$said" 'violation(s): the data breaks a rule'
	wrong -7
}

run_tests
