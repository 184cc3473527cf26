# The functions that remove guards in the private test database. Sourced by run. Each prints SQL. The SQL fails if it changes
# nothing, because a control that removes nothing would prove nothing.
# shellcheck shell=bash disable=SC2034 # run uses $alter_function

# Replaces every match of a pattern in a function. It is an error if nothing matches. If several functions have the name, it changes
# those that match: the others call them.
readonly alter_function="CREATE OR REPLACE FUNCTION pg_temp.alter(p_schema text, p_name text, p_pattern text, p_by text)
RETURNS void LANGUAGE plpgsql AS \$do\$
DECLARE
	v_old text; v_new text; v_changed boolean := false;
BEGIN
	FOR v_old IN SELECT pg_get_functiondef(p.oid) FROM pg_proc p
	    WHERE p.pronamespace = p_schema::regnamespace AND p.proname = p_name LOOP
		v_new := regexp_replace(v_old, p_pattern, p_by, 'g');
		IF v_new <> v_old THEN
			EXECUTE v_new;
			v_changed := true;
		END IF;
	END LOOP;
	IF NOT v_changed THEN
		RAISE EXCEPTION '%.% has no: %', p_schema, p_name, p_pattern;
	END IF;
END \$do\$;"

# alter SCHEMA FUNCTION PATTERN REPLACEMENT
alter() {
	printf "SELECT pg_temp.alter('%s', '%s', '%s', '%s');\n" "$1" "$2" "${3//\'/\'\'}" "${4//\'/\'\'}"
}

# A hold reads seats without locking them.
off_row_lock() {
	alter reservation lock_seats 'FOR UPDATE SKIP LOCKED' ''
	alter reservation lock_best_seats 'FOR UPDATE SKIP LOCKED' ''
	alter reservation hold_many 'FOR UPDATE SKIP LOCKED' ''
	alter reservation lock_run_out_seat 'FOR UPDATE SKIP LOCKED' ''
}

# The UPDATE takes the seat in any state.
off_condition() {
	local pattern="(hold_epoch \+ 1.*WHERE.*)AND \(s\.status = 'AVAILABLE' OR s\.status = 'HOLD' AND s\.hold_expires_at <= [pv]_now\)"
	alter reservation take_seats "$pattern" '\1'
	alter reservation hold_many "$pattern" '\1'
}

off_index() {
	echo 'DROP INDEX reservation.one_live_claim_a_seat;'
}

# Not a guard. Pauses between reading a seat, ending its old claim and taking it, so that other holds come between.
off_haste() {
	alter reservation hold_seats 'RETURN reservation\.take_seats' 'PERFORM pg_sleep(0.03); RETURN reservation.take_seats'
	alter reservation hold_many 'FOR v_run_out IN' 'PERFORM pg_sleep(0.03); FOR v_run_out IN'
	alter reservation take_seats 'INSERT INTO reservation\.reservations ' 'PERFORM pg_sleep(0.03); INSERT INTO reservation.reservations '
	alter reservation hold_many 'INSERT INTO reservation\.reservations ' 'PERFORM pg_sleep(0.03); INSERT INTO reservation.reservations '
}

# Not a guard. Holds expire soon, so that seats change owners.
off_patience() {
	alter reservation take_seats 'secs => p_ttl_seconds' 'secs => 0.3'
	alter reservation hold_many 'secs => p_hold_ttls\[[a-z_]+\.n\]::int' 'secs => 0.3'
}

# Not a guard. Holds last longer than the run.
off_running_out() {
	alter reservation take_seats 'secs => p_ttl_seconds' 'secs => 60'
	alter reservation hold_many 'secs => p_hold_ttls\[[a-z_]+\.n\]::int' 'secs => 60'
}

# Payment and cancellation ignore the time: an expired hold is paid or cancelled like a live one.
off_clock_of_confirm() {
	alter reservation claim_for_payment 'v_reservation\.hold_expires_at <= clock_timestamp\(\)' 'false'
	# Otherwise the last failed payment of an expired hold would not cancel it.
	alter reservation payment_failed 'AND v_reservation\.hold_expires_at > clock_timestamp\(\)' ''
}
off_clock_of_cancel() {
	alter reservation cancel 'v_reservation\.hold_expires_at <= v_now' 'false'
}

# The sweeper does nothing.
off_sweeper() {
	alter reservation sweep 'pg_try_advisory_xact_lock\([^;]*\) THEN' 'false THEN'
}

# The three conditions by which a hold finds its own seats, and not those that another hold has taken over: the seat has the hold's
# reservation id, the seat has the claim's hold epoch, and the claim is live.
readonly by_reservation='AND s\.reservation_id = c\.reservation_id' by_epoch='AND s\.hold_epoch = c\.hold_epoch' by_claim='AND c\.live'

# Payment, cancellation or expiry does not check whether the seat is still the hold's.
off_fence_of_confirm() {
	alter reservation lock_own_seats "($by_reservation|$by_epoch|$by_claim)" ''
	alter reservation confirm "($by_reservation|$by_epoch)" ''
}
off_fence_of_cancel() {
	alter reservation lock_own_seats "($by_reservation|$by_epoch|$by_claim)" ''
	alter reservation release "($by_reservation|$by_epoch|$by_claim)" ''
}
off_fence_of_expiry() {
	alter reservation expire_holds "($by_reservation|$by_epoch|$by_claim)" ''
	alter reservation expire_holds 'AND s\.reservation_id = ANY \(v_dead\)' ''
}

# All three check the hold epoch and the live claim, but not the reservation id. The live claim stays, because freeing a seat ends its
# claim and keeps the epoch. The rule that only whole holds expire is not a check of the owner. So it stays, expressed by the hold
# epoch.
off_fence_by_name() {
	alter reservation lock_own_seats "$by_reservation" ''
	alter reservation confirm "$by_reservation" ''
	alter reservation release "$by_reservation" ''
	alter reservation expire_holds "$by_reservation" ''
	alter reservation expire_holds 's\.reservation_id = ANY \(v_dead\)' 'EXISTS (SELECT FROM reservation.reservation_seats c
		WHERE c.reservation_id = ANY (v_dead) AND c.live AND c.seat_id = s.seat_id AND c.hold_epoch = s.hold_epoch)'
}
# All three check only the reservation id.
off_fence_but_reservation() {
	alter reservation lock_own_seats "($by_epoch|$by_claim)" ''
	alter reservation confirm "$by_epoch" ''
	alter reservation release "($by_epoch|$by_claim)" ''
	alter reservation expire_holds "($by_epoch|$by_claim)" ''
}

# Three checks in ten report a free seat as not available.
off_honesty() {
	alter reservation hold_seats 'WHERE NOT \(s\.status' 'WHERE random() < 0.3 OR NOT (s.status'
	alter reservation hold_many 'WHERE NOT \(t\.status' 'WHERE random() < 0.3 OR NOT (t.status'
}

# The limit ignores the seats that the user already has.
off_limit() {
	alter reservation hold_seats 'v_refusal\.outcome IS NOT NULL' 'false'
	alter reservation hold_many 'AND \(reservation\.limit_refusal.*\.outcome IS NULL END' 'END'
}

# Three users in ten are refused for a limit that they have not reached.
off_honesty_of_limit() {
	alter reservation limit_refusal 'v_owned \+ p_seats > p_max_per_user' 'v_owned + p_seats > p_max_per_user OR random() < 0.3'
	alter reservation hold_many 'AND \(SELECT true FROM reservation\.reservations o' 'AND false AND (SELECT true FROM reservation.reservations o'
}

# A repeated request runs again instead of being replayed.
off_idempotency() {
	alter platform idempotency_begin 'p_key IS NULL' 'true'
	alter platform idempotency_end 'p_key IS NOT NULL AND' 'false AND'
}

# Removes the check and the index that allow one hold for each queue place.
off_token() {
	echo 'ALTER TABLE reservation.reservations DROP CONSTRAINT queue_token_used_once;'
	alter reservation hold_seats 'r\.queue_seq = p_queue_seq' 'false'
	alter reservation hold_many 'u\.queue_seq = r\.queue_seq' 'false'
	alter reservation take_seats 'ON CONFLICT ON CONSTRAINT queue_token_used_once DO NOTHING' ''
}
