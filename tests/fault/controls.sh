# Sourced by run: takes guards away in the private test database. Each prints SQL; what it changes must be there
# to be changed, or the control fails: a control that controls nothing would go unseen.
# shellcheck shell=bash disable=SC2034 # run uses it

# Replaces a pattern in the schema's functions whose names match; an error if it is in none.
readonly alter_function="CREATE OR REPLACE FUNCTION pg_temp.alter(p_schema text, p_names text, p_pattern text, p_by text)
RETURNS void LANGUAGE plpgsql AS \$do\$
DECLARE
	v_old text; v_new text; v_changed int := 0;
BEGIN
	FOR v_old IN SELECT pg_get_functiondef(p.oid) FROM pg_proc p
	    WHERE p.pronamespace = p_schema::regnamespace AND p.proname ~ p_names LOOP
		v_new := regexp_replace(v_old, p_pattern, p_by, 'g');
		IF v_new <> v_old THEN EXECUTE v_new; v_changed := v_changed + 1; END IF;
	END LOOP;
	IF v_changed = 0 THEN
		RAISE EXCEPTION 'no function of % has: %', p_schema, p_pattern;
	END IF;
END \$do\$;"

# alter SCHEMA NAMES PATTERN BY
alter() {
	printf "SELECT pg_temp.alter('%s', '%s', '%s', '%s');\n" "$1" "$2" "${3//\'/\'\'}" "${4//\'/\'\'}"
}

# Seats are not locked while a hold looks at them.
off_row_lock() {
	alter reservation '^lock_seats$' 'FOR UPDATE SKIP LOCKED' ''
	alter reservation '^lock_best_seats$' 'FOR UPDATE SKIP LOCKED' ''
	alter reservation '^hold_many$' 'FOR UPDATE SKIP LOCKED' ''
}

# The UPDATE takes the seat whatever it has become.
off_condition() {
	local pattern="(hold_epoch \+ 1.*WHERE.*)AND \(s\.status = 'AVAILABLE' OR s\.status = 'HOLD' AND s\.hold_expires_at <= [pv]_now\)"
	alter reservation '^take_seats$' "$pattern" '\1'
	alter reservation '^hold_many$' "$pattern" '\1'
}

off_index() {
	echo 'DROP INDEX reservation.one_live_claim_a_seat;'
}

# Not a guard: a pause between the look at a seat and taking it, for others to come between.
off_haste() {
	alter reservation '^take_seats$' 'INSERT INTO reservation\.reservations ' 'PERFORM pg_sleep(0.03); INSERT INTO reservation.reservations '
	alter reservation '^hold_many$' 'INSERT INTO reservation\.reservations ' 'PERFORM pg_sleep(0.03); INSERT INTO reservation.reservations '
}

# Nor this: holds run out soon, so that seats change hands.
off_patience() {
	alter reservation '^take_seats$' 'secs => p_ttl_seconds' 'secs => 0.3'
	alter reservation '^hold_many$' 'secs => p_hold_ttls\[w\.n\]::int' 'secs => 0.3'
}

# Nobody looks at the time and nothing sweeps: a hold that has run out is paid as if it had not.
off_clock() {
	alter reservation '^claim_for_payment$' 'v_reservation\.hold_expires_at <= clock_timestamp\(\)' 'false'
	alter reservation '^sweep$' 'pg_try_advisory_xact_lock\([^;]*\) THEN' 'false THEN'
}

# Nobody looks whether the seat is still that hold's.
off_epoch() {
	alter reservation '^(lock_own_seats|confirm|release)$' 'AND s\.reservation_id = c\.reservation_id(\s+)AND s\.hold_epoch = c\.hold_epoch' ''
	alter reservation '^lock_own_seats$' 'AND c\.live' ''
}

# A repetition is run again.
off_idempotency() {
	alter platform idempotency_begin 'p_key IS NULL' 'true'
	alter platform idempotency_end 'p_key IS NOT NULL AND' 'false AND'
}

off_token() {
	echo 'ALTER TABLE reservation.reservations DROP CONSTRAINT queue_token_used_once;'
	alter reservation '^take_seats$' 'ON CONFLICT ON CONSTRAINT queue_token_used_once DO NOTHING' ''
	alter reservation '^hold_many$' 'ON CONFLICT ON CONSTRAINT queue_token_used_once DO NOTHING' ''
}
