-- A hold runs out before its transaction commits, because the machine is slow or the commit waits for a standby. Another
-- hold looks at the seat before the commit and locks it after the commit. It gets the seat, however it asks.
--
-- Other connections see only committed rows. So this test makes its own concert through them and removes it at the end.
SET client_min_messages = warning;
SELECT plan(13);

\set ann '00000000-0000-7000-8000-c0ecce0000a1'
\set bob '00000000-0000-7000-8000-c0ecce0000b2'
\ir include/connections.psql

SELECT pg_temp.ask('a', $$SELECT body::json ->> 'concertId' FROM reservation.create_concert('T', 'A', 'V', 'S')$$) AS concert \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":2},{"section":"S","grade":"S","price":1000,"rows":1,"seatsPerRow":1}]')$$,
    :'concert') AS schedule \gset
SELECT array_agg(seat_id ORDER BY section_no, number) AS seats FROM reservation.seats WHERE schedule_id = :'schedule' \gset

-- Connection a holds a seat for Ann. The hold has run out, and the transaction is open.
CREATE FUNCTION pg_temp.late_hold(p_user uuid, p_schedule uuid, p_seats uuid[], p_seq int) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_outcome	text;
BEGIN
	PERFORM dblink_exec('a', 'BEGIN');
	v_outcome := pg_temp.ask('a', format('SELECT outcome FROM reservation.hold(%L, %L, %L, NULL, NULL, %s, 300, NULL, NULL, NULL, ''r'', 0)',
	    p_user, p_schedule, p_seats, p_seq));
	RETURN v_outcome || ' ' || pg_temp.ask('a', format('WITH late AS (UPDATE reservation.reservations
		SET hold_expires_at = clock_timestamp() - interval ''1 ms'' WHERE (user_id, schedule_id, queue_seq) = (%L, %L, %s) RETURNING *)
	    UPDATE reservation.seats s SET hold_expires_at = late.hold_expires_at FROM late
	    WHERE s.reservation_id = late.reservation_id RETURNING ''late''', p_user, p_schedule, p_seq));
END $$;

-- This lock of the table lets other connections look at seats, and lets none lock a seat.
SELECT is(pg_temp.late_hold(:'ann', :'schedule', (:'seats'::uuid[])[1:1], 1), 'CREATED late', 'hold_runs_out_before_its_commit');
SELECT dblink_exec('a', 'LOCK TABLE reservation.seats IN EXCLUSIVE MODE');
SELECT ok(pg_temp.waits('b', 'SELECT outcome FROM reservation.hold(%L, %L, %L, NULL, NULL, 1, 300, NULL, NULL, NULL, ''r'', 0)',
    :'bob', :'schedule', ((:'seats'::uuid[])[1:1])::text), 'second_hold_has_looked_before_the_commit');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED', 'seat_whose_hold_ran_out_before_its_commit_is_granted');

SELECT is(pg_temp.late_hold(:'ann', :'schedule', (:'seats'::uuid[])[2:2], 2), 'CREATED late', 'second_hold_runs_out_before_its_commit');
SELECT dblink_exec('a', 'LOCK TABLE reservation.seats IN EXCLUSIVE MODE');
SELECT ok(pg_temp.waits('b', $$SELECT outcome FROM reservation.hold_many(ARRAY[%L], ARRAY[%L], ARRAY[%L], ARRAY[NULL], ARRAY[NULL],
    ARRAY['2'], ARRAY['300'], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY['r'], ARRAY['0'])$$,
    '00000000-0000-7000-8000-c0ecce0000c3', :'schedule', ((:'seats'::uuid[])[2:2])::text), 'batch_has_looked_before_the_commit');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED', 'batch_gets_a_seat_whose_hold_ran_out_before_its_commit');

-- A search locks seats before it looks at them, so here it waits after its look: for an advisory lock.
SELECT dblink_exec('reader', $$
	ALTER FUNCTION reservation.best_in_row(uuid, text, int, bigint, uuid[]) RENAME TO best_in_row_at_once;
	CREATE FUNCTION reservation.best_in_row(uuid, text, int, bigint, uuid[]) RETURNS uuid[] LANGUAGE plpgsql AS '
	DECLARE
		v_seats	uuid[] := reservation.best_in_row_at_once($1, $2, $3, $4, $5);
	BEGIN
		PERFORM pg_advisory_lock_shared(20250101);
		PERFORM pg_advisory_unlock_shared(20250101);
		RETURN v_seats;
	END'$$);
SELECT is(pg_temp.ask('reader', 'SELECT ''locked'' FROM pg_advisory_lock(20250101)'), 'locked', 'search_will_wait_after_its_look');
SELECT is(pg_temp.late_hold(:'ann', :'schedule', (:'seats'::uuid[])[3:3], 3), 'CREATED late', 'third_hold_runs_out_before_its_commit');
SELECT ok(pg_temp.waits('b', 'SELECT outcome FROM reservation.hold(%L, %L, NULL, ''S'', 1, 3, 300, NULL, NULL, NULL, ''r'', 0)', :'bob', :'schedule'),
    'search_has_found_the_seat_before_the_commit');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.ask('reader', 'SELECT pg_advisory_unlock(20250101)::text'), 'true', 'search_goes_on');
SELECT is(pg_temp.answer_in_the_end('b', format('SELECT outcome FROM reservation.hold(%L, %L, NULL, ''S'', 1, 3, 300, NULL, NULL, NULL, ''r'', 0)',
    :'bob', :'schedule')), 'CREATED', 'search_gets_a_seat_whose_hold_ran_out_before_its_commit');
SELECT dblink_exec('reader', 'DROP FUNCTION reservation.best_in_row(uuid, text, int, bigint, uuid[]);
    ALTER FUNCTION reservation.best_in_row_at_once(uuid, text, int, bigint, uuid[]) RENAME TO best_in_row');

SELECT dblink_exec('b', $$DO 'BEGIN WHILE (reservation.sweep(1000)).body <> ''{"expired":0}'' LOOP END LOOP; END'$$);
SELECT is(string_agg(r.status || ' ' || c.live, ', ' ORDER BY r.reservation_id), 'EXPIRED false, HOLD true, EXPIRED false, HOLD true, EXPIRED false, HOLD true',
    'late_holds_expire_and_each_seat_has_one_live_claim')
FROM reservation.reservations r JOIN reservation.reservation_seats c USING (reservation_id) WHERE r.schedule_id = :'schedule';
SELECT is_empty('SELECT * FROM reservation.invariants', 'no_invariant_is_violated');

SELECT dblink_exec('a', format('DELETE FROM %s', t)) FROM unnest(ARRAY[
	format('reservation.reservation_seats WHERE schedule_id = %L', :'schedule'), format('reservation.reservations WHERE schedule_id = %L', :'schedule'),
	format('reservation.seats WHERE schedule_id = %L', :'schedule'), format('reservation.sections WHERE schedule_id = %L', :'schedule'),
	format('reservation.schedules WHERE concert_id = %L', :'concert'), format('reservation.concerts WHERE concert_id = %L', :'concert')]) t;
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
