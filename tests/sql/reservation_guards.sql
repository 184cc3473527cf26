-- A seat is sold once: the guards against mistakes, the invariants that find the damage when a guard is off, and the
-- rights on the functions of schema reservation.
BEGIN;
SELECT plan(52);
\ir include/reservation.psql
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'), 1)) AS a \gset
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-3'), 1)) AS b \gset
SELECT pg_temp.seat(:'schedule', 'V-A-1') AS seat1, pg_temp.seat(:'schedule', 'V-A-2') AS seat2, pg_temp.seat(:'schedule', 'V-B-1') AS seat_free \gset
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_at_first');

-- The second guard.
SELECT throws_ok(format('INSERT INTO reservation.reservation_seats VALUES (%L, %L, %L, 1, true)', :'b', :'seat1', :'schedule'), '23505',
    'duplicate key value violates unique constraint "one_live_claim_a_seat"', 'second_live_claim_of_a_seat_is_refused');
SELECT lives_ok(format('INSERT INTO reservation.reservation_seats VALUES (%L, %L, %L, 1, false)', :'b', :'seat1', :'schedule'), 'second_claim_that_is_not_live_is_accepted');
SELECT throws_ok(format('UPDATE reservation.reservation_seats SET live = true WHERE reservation_id = %L', :'b'), '23505', NULL, 'dead_claim_that_becomes_live_is_refused');
DELETE FROM reservation.reservation_seats WHERE reservation_id = :'b' AND seat_id = :'seat1';
SELECT throws_ok(format('INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq, total_amount, hold_ttl_seconds,
	hold_expires_at, created_at) SELECT platform.uuid_v7(), user_id, schedule_id, queue_seq, 1, 1, now(), now()
	FROM reservation.reservations WHERE reservation_id = %L', :'a'), '23505',
    'duplicate key value violates unique constraint "queue_token_used_once"', 'second_reservation_by_one_queue_token_is_refused');

-- Rows of an impossible shape are refused.
SELECT throws_ok(format('UPDATE reservation.seats SET %s WHERE seat_id = %L', change, :'seat1'), '23514', NULL, 'HOLD_seat_is_refused_with_' || change)
FROM unnest(ARRAY['hold_expires_at = NULL', 'reservation_id = NULL', 'status = ''AVAILABLE''', 'status = ''SOLD_OUT''', 'status = ''GONE''']) change;
SELECT throws_ok(format('UPDATE reservation.seats SET %s WHERE seat_id = %L', change, :'seat_free'), '23514', NULL, 'AVAILABLE_seat_is_refused_with_' || change)
FROM unnest(ARRAY['hold_expires_at = now()', format('reservation_id = %L', :'a'), 'status = ''HOLD''', 'status = ''SOLD_OUT''']) change;
SELECT throws_ok(format('UPDATE reservation.reservations SET %s WHERE reservation_id = %L', change, :'a'), '23514', NULL, 'HOLD_is_refused_with_' || change)
FROM unnest(ARRAY['status = ''CONFIRMED''', 'status = ''CANCELLED''', 'status = ''EXPIRED''', 'payment_id = reservation_id', 'confirmed_at = now()',
    'status = ''CONFIRMED'', confirmed_at = now()', 'status = ''CANCELLED'', cancelled_at = now(), payment_id = reservation_id',
    'status = ''EXPIRED'', expired_at = now(), cancelled_at = now()', 'total_amount = 0']) change;

-- Each change of a seat raises its change counter.
SELECT changes AS changes FROM reservation.seats WHERE seat_id = :'seat1' \gset
UPDATE reservation.seats SET hold_expires_at = hold_expires_at + interval '1 second' WHERE seat_id = :'seat1';
SELECT is(changes, :changes + 1::bigint, 'update_that_forgets_to_count_is_counted') FROM reservation.seats WHERE seat_id = :'seat1';
UPDATE reservation.seats SET hold_expires_at = hold_expires_at - interval '1 second', changes = 0, changed_xid = '3' WHERE seat_id = :'seat1';
SELECT ok(changes = :changes + 2 AND changed_xid = pg_current_xact_id(), 'update_that_counts_wrongly_is_corrected') FROM reservation.seats WHERE seat_id = :'seat1';

-- With the guards off, the test makes one mistake at a time, and the invariants name it.
CREATE FUNCTION pg_temp.hurt_by(p_mistake text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_hurt	text;
BEGIN
	BEGIN
		EXECUTE p_mistake;
		v_hurt := pg_temp.hurt();
		RAISE EXCEPTION 'taken back';
	EXCEPTION WHEN raise_exception THEN
		RETURN v_hurt;
	END;
END $$;
DROP INDEX reservation.one_live_claim_a_seat;
ALTER TABLE reservation.seats DROP CONSTRAINT seat_state;
ALTER TABLE reservation.reservations DROP CONSTRAINT reservation_state;
ALTER TABLE reservation.reservation_seats DROP CONSTRAINT reservation_seats_seat_id_fkey;
SELECT is(pg_temp.hurt_by('SELECT 1'), 'none', 'system_without_guards_has_no_violation_at_first');
SELECT is(pg_temp.hurt_by(format('INSERT INTO reservation.reservation_seats VALUES (%L, %L, %L, 1)', :'b', :'seat1', :'schedule')),
    'a_live_claim_is_on_the_seat a_reservation_costs_what_its_seats_cost a_seat_has_one_live_claim', 'seat_claimed_twice_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.seats SET reservation_id = %L, hold_epoch = 2 WHERE seat_id = %L', :'b', :'seat1')),
    'a_live_claim_is_on_the_seat a_seat_is_as_its_reservation a_taken_seat_has_its_claim', 'seat_moved_to_another_reservation_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.seats SET status = ''AVAILABLE'', reservation_id = NULL, hold_expires_at = NULL WHERE seat_id = %L', :'seat1')),
    'a_live_claim_is_on_the_seat', 'seat_freed_under_its_hold_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.seats SET status = ''SOLD_OUT'', hold_expires_at = NULL WHERE seat_id = %L', :'seat1')),
    'a_seat_is_as_its_reservation', 'seat_SOLD_OUT_without_a_confirmed_reservation_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.seats SET status = ''SOLD_OUT'' WHERE seat_id = %L', :'seat_free')),
    'a_seat_is_as_its_reservation a_taken_seat_has_its_claim', 'seat_SOLD_OUT_without_any_reservation_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.seats SET hold_expires_at = hold_expires_at + interval ''1 hour'' WHERE seat_id = %L', :'seat1')),
    'a_seat_is_as_its_reservation', 'seat_held_longer_than_its_reservation_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.reservation_seats SET live = false WHERE seat_id = %L', :'seat2')),
    'a_live_reservation_has_all_its_seats a_taken_seat_has_its_claim', 'hold_that_has_lost_a_seat_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.reservations SET status = ''CANCELLED'', cancelled_at = now() WHERE reservation_id = %L', :'a')),
    'a_seat_is_as_its_reservation an_ended_reservation_has_no_seat', 'cancelled_reservation_that_has_kept_a_seat_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.reservations SET total_amount = 1 WHERE reservation_id = %L', :'a')),
    'a_reservation_costs_what_its_seats_cost', 'wrong_total_is_found');
SELECT is(pg_temp.hurt_by(format('UPDATE reservation.reservations SET schedule_id = %L WHERE reservation_id = %L', :'nobody', :'a')),
    'a_reservation_is_of_one_schedule', 'seats_of_another_schedule_are_found');
SELECT is(pg_temp.hurt_by(format('DELETE FROM reservation.seats WHERE seat_id = %L', :'seat_free')), 'a_section_has_all_its_seats', 'missing_seat_is_found');
SELECT is(pg_temp.hurt_by(format('SELECT reservation.confirm(%L, platform.uuid_v7())', :'a')), 'a_confirmed_reservation_is_paid', 'confirmed_reservation_without_payment_is_found');
SELECT is(pg_temp.hurt(), 'none', 'repaired_system_has_no_violation');

-- What each role may do, as the role.
CREATE FUNCTION pg_temp.as_role(p_role text, p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_said	text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', p_role);
	BEGIN
		EXECUTE p_sql INTO v_said;
	EXCEPTION WHEN OTHERS THEN
		v_said := SQLSTATE;
	END;
	RESET ROLE;
	RETURN v_said;
END $$;
SELECT is(pg_temp.as_role('reservation_service', format('SELECT outcome FROM reservation.get_reservation(%L, %L)', :'ann', :'a')), 'OK', 'reservation_service_calls_its_functions');
SELECT is(pg_temp.as_role('reservation_service', format('SELECT outcome FROM reservation.cancel(%L, %L, ''r'')', :'bob', :'b')), 'OK', 'reservation_functions_reach_the_other_schemas');
SELECT is(pg_temp.as_role('queue_service', format('SELECT outcome FROM reservation.queue_facts(NULL, %L)', :'schedule')), 'OK', 'queue_service_calls_its_functions');
SELECT is(pg_temp.as_role(r, s), '42501', r || '_may_not_' || s) FROM (VALUES
	('reservation_service', 'SELECT count(*) FROM reservation.seats'),
	('reservation_service', 'UPDATE reservation.seats SET price = 1'),
	('reservation_service', 'SELECT count(*) FROM platform.idempotency'),
	('reservation_service', 'SELECT reservation.expire_holds(1)'),
	('reservation_service', 'SELECT reservation.confirm(NULL, NULL)'),
	('reservation_service', 'SELECT payment.refund(NULL, NULL)'),
	('queue_service', 'SELECT reservation.sweep(1)'),
	('payment_service', 'SELECT reservation.confirm(NULL, NULL)'),
	('payment_owner', 'SELECT count(*) FROM reservation.reservations'),
	('point_service', 'SELECT reservation.get_concert(NULL)')) v (r, s);

SELECT * FROM finish();
ROLLBACK;
