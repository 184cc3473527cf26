-- What only several connections can show: a reader of changes misses nothing
-- though transactions commit out of order; holds never wait for one another's
-- seats; duplicates do wait; nobody who waits brings a dead hold back; and a seat
-- whose hold has run out is to be had also while somebody tidies it.
--
-- Other connections see only what is committed, so this makes a concert of its
-- own through them and takes it away in the end. No BEGIN here: a transaction
-- that has written (temporary functions count) would hold the version back.
SET client_min_messages = warning;
SELECT plan(72);

\set ann '00000000-0000-7000-8000-c0ecce0000a1'
\set bob '00000000-0000-7000-8000-c0ecce0000b2'
-- The others come in as this session did. Each of their statements has a deadline, so that a lock that is never let go
-- fails the test that waits for it, by name.
\getenv pgpassword PGPASSWORD
\if :{?pgpassword}
\else
\set pgpassword ''
\endif
SELECT concat_ws(' ', 'host=' || :'HOST', 'port=' || :'PORT', 'dbname=' || :'DBNAME', 'user=' || :'USER',
    'password=' || nullif(:'pgpassword', ''), 'application_name=pgtap', 'options=''-c statement_timeout=20s''') AS conninfo \gset
SELECT dblink_connect(c, :'conninfo') FROM unnest(ARRAY['a', 'b', 'reader']) c;
CREATE TEMP TABLE backend AS SELECT c AS connection, (SELECT pid FROM dblink(c, 'SELECT pg_backend_pid()') d (pid int))
FROM unnest(ARRAY['a', 'b', 'reader']) c;

CREATE FUNCTION pg_temp.ask(p_connection text, p_sql text, VARIADIC p_values text[] DEFAULT '{}') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text;
BEGIN
	SELECT answer INTO v_answer FROM dblink(p_connection, format(p_sql, VARIADIC p_values), false) d (answer text);
	RETURN CASE WHEN FOUND THEN v_answer ELSE dblink_error_message(p_connection) END;
END $$;
CREATE FUNCTION pg_temp.answer(p_connection text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text;
	v_message	text;
BEGIN
	SELECT answer INTO v_answer FROM dblink_get_result(p_connection, false) d (answer text);
	v_message := dblink_error_message(p_connection);
	PERFORM FROM dblink_get_result(p_connection, false) d (answer text);
	RETURN coalesce(v_answer, v_message);
END $$;
-- Begins to ask; the answer comes later. True once it waits for a lock, or pauses before it tries again; false if it
-- is answered without having been seen to. One that gave up before it was seen, for a seat that stays locked, is sent
-- again.
CREATE FUNCTION pg_temp.waits(p_connection text, p_sql text, VARIADIC p_values text[] DEFAULT '{}') RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
	v_end	timestamptz := clock_timestamp() + interval '20 seconds';
BEGIN
	FOR i IN 1 .. 5 LOOP
		PERFORM dblink_send_query(p_connection, format(p_sql, VARIADIC p_values));
		WHILE dblink_is_busy(p_connection) = 1 LOOP
			PERFORM pg_stat_clear_snapshot();
			IF EXISTS (SELECT FROM pg_locks l JOIN backend k USING (pid) WHERE k.connection = p_connection AND NOT l.granted)
			    OR EXISTS (SELECT FROM pg_stat_activity y JOIN backend k USING (pid) WHERE k.connection = p_connection AND y.wait_event = 'PgSleep') THEN
				RETURN true;
			END IF;
			IF clock_timestamp() > v_end THEN
				RETURN false;
			END IF;
			PERFORM pg_sleep(0.001);
		END LOOP;
		EXIT WHEN pg_temp.answer(p_connection) !~ 'stays locked';
	END LOOP;
	RETURN false;
END $$;
-- The answer; if it says that a seat stayed locked, it is asked once more, as the services do.
CREATE FUNCTION pg_temp.answer_in_the_end(p_connection text, p_sql text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text := pg_temp.answer(p_connection);
BEGIN
	RETURN CASE WHEN v_answer ~ 'stays locked' THEN pg_temp.ask(p_connection, p_sql) ELSE v_answer END;
END $$;

-- What others have left behind is not ours to count.
SELECT dblink_exec('a', $$DO 'BEGIN WHILE (reservation.sweep(1000)).body <> ''{"expired":0}'' LOOP END LOOP; END'$$);
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'concertId' FROM reservation.create_concert('T', 'A', 'V', 'S')$$) AS concert \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":20}]')$$, :'concert') AS schedule \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'schedule'));
SELECT array_agg(seat_id ORDER BY number) AS seats FROM reservation.seats WHERE schedule_id = :'schedule' \gset
CREATE FUNCTION pg_temp.hold(p_user uuid, p_schedule uuid, p_seats uuid[], p_seq int, p_key text DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT outcome FROM reservation.hold(%L, %L, %L, NULL, NULL, %s, 300, %L, ''h'', NULL, ''r'', 0)',
    p_user, p_schedule, p_seats, p_seq, p_key) $$;
CREATE FUNCTION pg_temp.reservation(p_user uuid, p_schedule uuid, p_seq int) RETURNS uuid
LANGUAGE sql VOLATILE AS $$ SELECT reservation_id FROM reservation.reservations WHERE (user_id, schedule_id, queue_seq) = (p_user, p_schedule, p_seq) $$;
CREATE FUNCTION pg_temp.seat(p_seats text, p_from int, p_to int DEFAULT NULL) RETURNS uuid[]
LANGUAGE sql AS $$ SELECT (p_seats::uuid[])[p_from : coalesce(p_to, p_from)] $$;

-- a begins before b and commits after it.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 1), 1)), 'CREATED', 'a holds seat 1 and does not commit yet');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 2), 1)), 'CREATED', 'b holds seat 2 and commits');
SELECT pg_temp.ask('reader', 'SELECT body FROM reservation.seat_map(%L, NULL)', :'schedule') AS map \gset
SELECT is(:'map'::json #>> '{sections,0,rows,0,seats,0,status}', 'AVAILABLE', 'a reader sees seat 1 free');
SELECT is(:'map'::json #>> '{sections,0,rows,0,seats,1,status}', 'HOLD', 'and seat 2 held');
SELECT dblink_exec('a', 'COMMIT');
SELECT ok(a.changed_xid < b.changed_xid, 'a''s transaction has the lower id, and comes later')
FROM reservation.seats a, reservation.seats b WHERE a.seat_id = (:'seats'::uuid[])[1] AND b.seat_id = (:'seats'::uuid[])[2];
-- What is open in other databases holds the version back too: waits until all is over that was there with these two.
DO $$ BEGIN
	WHILE pg_snapshot_xmin(pg_current_snapshot()) <= (SELECT max(changed_xid) FROM reservation.seats)
	    AND clock_timestamp() < now() + interval '1 minute' LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT pg_temp.ask('reader', 'SELECT body FROM reservation.seat_changes(%L, %s)', :'schedule', :'map'::json ->> 'version') AS changes \gset
SELECT ok(:'changes'::jsonb -> 'changed' @> format('[{"seatId":"%s","status":"HOLD"}]', (:'seats'::uuid[])[1])::jsonb, 'what has changed since the map has seat 1 in it');
SELECT ok((:'changes'::json ->> 'version')::bigint > (:'map'::json ->> 'version')::bigint, 'the version has gone on');
SELECT is(pg_temp.ask('reader', 'SELECT body::json ->> ''changed'' FROM reservation.seat_changes(%L, %s)', :'schedule', :'changes'::json ->> 'version'), '[]',
    'and nothing has changed since');

-- Seats are taken without waiting.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 3, 4), 2)), 'CREATED', 'a holds 3 and 4, not committed');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 4, 5), 2)), 'SEAT_NOT_AVAILABLE', 'who wants 4 is told at once');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 5), 2)), 'CREATED', 'and may have 5 with the same token');
SELECT is(pg_temp.ask('b', 'SELECT body::json #>> ''{seats,0,number}'' FROM reservation.hold(%L, %L, NULL, ''VIP'', 2, 3, 300, NULL, NULL, NULL, ''r'', 0)', :'bob', :'schedule'), '10',
    'who asks for the best gets the best that are free');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 4), 4)), 'CREATED', 'what was not committed is free again');

-- Of two uses of a token, and of two with one key, the second waits for the first.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 12), 5)), 'CREATED', 'a uses its token, not committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 13), 5)), 'another use of it waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'QUEUE_TOKEN_USED', 'and is refused once the first has committed');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 14), 6, 'k')), 'CREATED', 'a uses a key, not committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 14), 6, 'k')), 'the same request waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED', 'and has the same answer');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 15), 7, 'k2')), 'CREATED', 'a takes long over a key');
SELECT dblink_exec('b', 'SET lock_timeout = ''50ms''');
SELECT dblink_send_query('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 15), 7, 'k2'));
SELECT matches(pg_temp.answer('b'), 'lock timeout', 'the same request waits no longer than lock_timeout, and is told so');
SELECT dblink_exec('b', 'RESET lock_timeout');
SELECT dblink_exec('a', 'COMMIT');

-- Paid in time, though the time runs out before the commit.
SELECT pg_temp.reservation(:'ann', :'schedule', 5) AS r12, pg_temp.reservation(:'ann', :'schedule', 6) AS r14, pg_temp.reservation(:'ann', :'schedule', 7) AS r15 \gset
CREATE FUNCTION pg_temp.ends_in(p_reservation uuid, p_left interval) RETURNS void
LANGUAGE sql AS $$
	SELECT dblink_exec('b', format('WITH at AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + %L::interval
	    WHERE reservation_id = %L RETURNING *) UPDATE reservation.seats s SET hold_expires_at = at.hold_expires_at FROM at
	    WHERE s.reservation_id = at.reservation_id', p_left, p_reservation));
$$;
-- a claims it, in a transaction that stays open, in its last moments; once more if that came too late.
CREATE FUNCTION pg_temp.claimed_in_time(p_user uuid, p_reservation uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text;
BEGIN
	FOR i IN 1 .. 50 LOOP
		PERFORM pg_temp.ends_in(p_reservation, '300 milliseconds');
		PERFORM dblink_exec('a', 'BEGIN');
		v_answer := pg_temp.ask('a', 'SELECT outcome FROM reservation.claim_for_payment(%L, %L, 1000)', p_user::text, p_reservation::text);
		EXIT WHEN v_answer = 'OK';
		PERFORM dblink_exec('a', 'ROLLBACK');
	END LOOP;
	RETURN v_answer;
END $$;
SELECT pg_temp.ends_in(:'r14', '1 millisecond');
SELECT is(pg_temp.claimed_in_time(:'ann', :'r12'), 'OK', 'a payment claims a hold in its last moment');
SELECT ok(pg_temp.waits('reader', 'SELECT outcome FROM reservation.claim_for_payment(%L, %L, 1000)', :'ann', :'r12'), 'a second payment of it waits');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'r12';
SELECT dblink_send_query('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 12), 8));
SELECT matches(pg_temp.answer('b'), 'stays locked', 'its time is up, but nobody else gets the seat, or is told that it is gone: that is not known yet');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'and the sweeper takes the other dead hold only');
SELECT is(pg_temp.ask('a', 'SELECT outcome FROM reservation.confirm(%L, %L)', :'r12', :'r14'), 'OK', 'the payment is confirmed');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer('reader'), 'RESERVATION_EXPIRED', 'had it come to nothing, the second would be too late: waiting brings no dead hold back');

-- Somebody takes over a dead hold's seat while its owner tries to pay.
SELECT dblink_exec('b', format('UPDATE reservation.%s SET hold_expires_at = clock_timestamp() - interval ''1 ms'' WHERE reservation_id = %L', t, :'r15')) FROM unnest(ARRAY['reservations', 'seats']) t;
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 15), 9)), 'CREATED', 'a dead hold''s seat is taken over, not committed');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.confirm(%L, %L)', :'r15', :'r15'), 'RESERVATION_EXPIRED', 'a late confirm of the dead hold comes too late, and is told so at once');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.cancel(%L, %L, NULL)', :'ann', :'r15'), 'RESERVATION_EXPIRED', 'a late cancel too');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.payment_failed(%L, 1)', :'r15'), 'OK', 'a late failure');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(status || ' ' || hold_epoch, 'HOLD 2', 'none of them touches the seat') FROM reservation.seats WHERE seat_id = (:'seats'::uuid[])[15];

-- One sweeper at a time.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT body FROM reservation.sweep(1)'), '{"expired":1}', 'a sweeps one of two dead holds');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":0}', 'meanwhile b leaves it at that');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'then sweeps the other');

-- A cancellation that waits until the hold has run out is too late.
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 16), 60)), 'CREATED', 'ann holds a seat');
SELECT pg_temp.reservation(:'ann', :'schedule', 60) AS r16 \gset
SELECT is(pg_temp.claimed_in_time(:'ann', :'r16'), 'OK', 'a payment claims it in its last moment');
SELECT ok(pg_temp.waits('reader', 'SELECT outcome FROM reservation.cancel(%L, %L, NULL)', :'ann', :'r16'), 'cancellation_waits_for_the_payment');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'r16';
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer('reader'), 'RESERVATION_EXPIRED', 'cancellation_that_waited_past_the_end_is_refused');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'it is left to the sweeper');

-- A seat whose hold has run out is to be had while somebody tidies it: who asks waits, and is never refused.
CREATE FUNCTION pg_temp.hold_many(p_user uuid, p_schedule uuid, p_seats uuid[], p_seq int, p_key text DEFAULT NULL) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT string_agg(outcome, '' '') FROM reservation.hold_many(ARRAY[%L], ARRAY[%L], ARRAY[%L], ARRAY[NULL], ARRAY[NULL],
    ARRAY[''%s''], ARRAY[''300''], ARRAY[%L], ARRAY[''h''], ARRAY[NULL], ARRAY[''r''], ARRAY[''0''])', p_user, p_schedule, p_seats, p_seq, p_key) $$;
CREATE FUNCTION pg_temp.hold_best(p_user uuid, p_schedule uuid, p_quantity int, p_seq int) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT outcome FROM reservation.hold(%L, %L, NULL, ''VIP'', %s, %s, 300, NULL, NULL, NULL, ''r'', 0)',
    p_user, p_schedule, p_quantity, p_seq) $$;
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"W","grade":"VIP","price":1000,"rows":1,"seatsPerRow":4}]')$$, :'concert') AS small \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'small'));
SELECT array_agg(seat_id ORDER BY number) AS w FROM reservation.seats WHERE schedule_id = :'small' \gset
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'small', pg_temp.seat(:'w', n), n)), 'CREATED', format('seat %s is held', n)) FROM generate_series(1, 4) n;
-- All of them run out; a sweeps, and has not committed yet.
CREATE FUNCTION pg_temp.swept(p_schedule uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.ends_in(r.reservation_id, '-1 millisecond') FROM reservation.reservations r
	WHERE r.schedule_id = p_schedule AND r.status = 'HOLD';
	PERFORM dblink_exec('a', 'BEGIN');
	RETURN pg_temp.ask('a', 'SELECT body FROM reservation.sweep(100)');
END $$;

SELECT is(pg_temp.swept(:'small'), '{"expired":4}', 'the sweeper tidies all four');
SELECT dblink_send_query('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1), 11, 'w'));
SELECT matches(pg_temp.answer('b'), 'stays locked', 'who wants one of them meanwhile is told to ask again, if it takes too long');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1, 2), 11, 'w')), 'asks again, with his key, and waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1, 2), 11, 'w')), 'CREATED', 'and has his seats');

SELECT is(pg_temp.swept(:'small'), '{"expired":1}', 'again');
SELECT ok(pg_temp.waits('b', pg_temp.hold_many(:'ann', :'small', pg_temp.seat(:'w', 1, 2), 12, 'w')), 'so does a batch');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold_many(:'ann', :'small', pg_temp.seat(:'w', 1, 2), 12, 'w')), 'CREATED', 'it has them');

SELECT is(pg_temp.swept(:'small'), '{"expired":1}', 'again');
SELECT ok(pg_temp.waits('b', pg_temp.hold_best(:'bob', :'small', 4, 13)), 'who wants the best four, and only two are free by now, waits');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold_best(:'bob', :'small', 4, 13)), 'CREATED', 'and has all four, though that sweep came to nothing');

SELECT pg_temp.ends_in(pg_temp.reservation(:'bob', :'small', 13), '-1 millisecond');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold_best(:'ann', :'small', 1, 14)), 'CREATED', 'who wants the best one frees all four');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 3), 15)), 'who wants one of the others waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 3), 15)), 'CREATED', 'and has it');
SELECT dblink_exec('a', $$DO 'BEGIN WHILE (reservation.sweep(1000)).body <> ''{"expired":0}'' LOOP END LOOP; END'$$);

-- Another transaction has one seat of a dead hold locked (it looked at it, and has not ended): the sweeper leaves the hold
-- whole, and does not wait. Ann's is swept meanwhile.
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 17, 18), 41)), 'CREATED', 'bob_holds_two_seats');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 19), 41)), 'CREATED', 'ann_holds_another');
SELECT pg_temp.ends_in(pg_temp.reservation(u::uuid, :'schedule', 41), '-1 second') FROM unnest(ARRAY[:'bob', :'ann']) u;
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT status FROM reservation.seats WHERE seat_id = %L FOR UPDATE', (:'seats'::uuid[])[18]::text), 'HOLD', 'one_of_bobs_seats_is_locked');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'a_hold_whose_seat_another_transaction_has_locked_is_not_swept');
SELECT is_empty('SELECT * FROM reservation.invariants', 'and_the_sweeper_hurts_no_invariant');
SELECT is(status, 'HOLD', 'the_hold_is_left_as_it_is') FROM reservation.reservations WHERE reservation_id = pg_temp.reservation(:'bob', :'schedule', 41);
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'the_next_sweep_takes_it');
SELECT is(string_agg(status || ' ' || hold_epoch, ', '), 'AVAILABLE 1, AVAILABLE 1, AVAILABLE 1', 'and_frees_all_its_seats') FROM reservation.seats
WHERE seat_id = ANY (pg_temp.seat(:'seats', 17, 19));

-- Two holds of one user at once, in two transactions, alone and in a batch: the second counts the first one's seats.
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"P","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]')$$, :'concert') AS pair \gset
SELECT array_agg(seat_id ORDER BY number) AS p FROM reservation.seats WHERE schedule_id = :'pair' \gset
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'pair', pg_temp.seat(:'p', 1, 3), 51)), 'CREATED', 'ann_holds_three_of_four_seats_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'pair', pg_temp.seat(:'p', 4, 5), 52)), 'her_next_hold_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'SEAT_LIMIT_EXCEEDED', 'and_counts_them');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold_many(:'bob', :'pair', pg_temp.seat(:'p', 6, 8), 51)), 'CREATED', 'bob_holds_three_in_a_batch_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold_many(:'bob', :'pair', pg_temp.seat(:'p', 9, 10), 52)), 'his_next_batch_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'SEAT_LIMIT_EXCEEDED', 'and_counts_them_too');

SELECT is_empty('SELECT * FROM reservation.invariants', 'no invariant is hurt');

SELECT dblink_exec('a', format('DELETE FROM %s', t)) FROM unnest(ARRAY[
	format('reservation.reservation_seats WHERE schedule_id IN (%L, %L, %L)', :'schedule', :'small', :'pair'),
	format('reservation.reservations WHERE schedule_id IN (%L, %L, %L)', :'schedule', :'small', :'pair'),
	format('reservation.seats WHERE schedule_id IN (%L, %L, %L)', :'schedule', :'small', :'pair'),
	format('reservation.sections WHERE schedule_id IN (%L, %L, %L)', :'schedule', :'small', :'pair'),
	format('reservation.schedules WHERE concert_id = %L', :'concert'), format('reservation.concerts WHERE concert_id = %L', :'concert'),
	format('platform.idempotency WHERE user_id IN (%L, %L)', :'ann', :'bob')]) t;
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
