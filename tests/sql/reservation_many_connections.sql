-- A batch of holds while another connection has locked seats: it never waits for them, it refuses only the requests
-- that want them, and it locks no seat behind one that it cannot have.
--
-- Other connections see only what is committed, so the test makes a concert of its own through them and removes it.
SET client_min_messages = warning;
SELECT plan(14);
\ir include/connections.psql

SELECT pg_temp.ask('a', $$SELECT body::json ->> 'concertId' FROM reservation.create_concert('T', 'A', 'V', 'S')$$) AS concert \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":12}]')$$, :'concert') AS schedule \gset
-- In the order in which holds lock seats.
SELECT array_agg(seat_id ORDER BY seat_id) AS seats FROM reservation.seats WHERE schedule_id = :'schedule' \gset
CREATE FUNCTION pg_temp.seat(p_seats text, p_at int) RETURNS text LANGUAGE sql AS $$ SELECT (p_seats::uuid[])[p_at]::text $$;
CREATE FUNCTION pg_temp.person(p_n int) RETURNS uuid
LANGUAGE sql AS $$ SELECT format('00000000-0000-7000-8000-c0ecce%s', lpad(p_n::text, 6, '0'))::uuid $$;
-- A batch of holds for the users p_first, p_first + 1, ...: each wants the seats of a text like '1,2'. It answers
-- 'CREATED' or the error code, and the numbers of the unavailable seats.
CREATE FUNCTION pg_temp.batch(p_schedule uuid, p_seats text, p_first int, VARIADIC p_wanted text[]) RETURNS text
LANGUAGE sql AS $$
	WITH asked AS (
		SELECT array_agg(pg_temp.person(p_first + n::int - 1)::text ORDER BY n) AS users,
		       array_agg((SELECT array_agg(pg_temp.seat(p_seats, a::int) ORDER BY a DESC) FROM unnest(string_to_array(w, ',')) a)::text ORDER BY n) AS seats
		FROM unnest(p_wanted) WITH ORDINALITY x (w, n))
	SELECT format($q$SELECT string_agg(concat_ws(' ', h.outcome, (SELECT string_agg(array_position(%1$L::uuid[], u::uuid)::text, ',')
	    FROM json_array_elements_text(CASE WHEN h.outcome = 'SEAT_NOT_AVAILABLE' THEN h.body::json -> 'unavailableSeatIds' END) u)), '; ' ORDER BY h.n)
	    FROM reservation.hold_many(%2$L, array_fill(%3$L::text, ARRAY[%4$s]), %5$L, array_fill(NULL::text, ARRAY[%4$s]), array_fill(NULL::text, ARRAY[%4$s]),
		array_fill('1'::text, ARRAY[%4$s]), array_fill('300'::text, ARRAY[%4$s]), array_fill(NULL::text, ARRAY[%4$s]), array_fill(NULL::text, ARRAY[%4$s]),
		array_fill(NULL::text, ARRAY[%4$s]), array_fill('r'::text, ARRAY[%4$s]), array_fill('0'::text, ARRAY[%4$s])) h$q$,
	    p_seats, a.users, p_schedule, cardinality(p_wanted), a.seats) FROM asked a
$$;
CREATE FUNCTION pg_temp.locks(p_connection text, p_seat text) RETURNS text
LANGUAGE sql AS $$ SELECT pg_temp.ask(p_connection, 'SELECT coalesce((SELECT ''locked'' FROM reservation.seats WHERE seat_id = %L FOR UPDATE SKIP LOCKED), ''not to be had'')', p_seat) $$;

-- A seat in the middle of the first request is locked.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.locks('a', pg_temp.seat(:'seats', 2)), 'locked', 'another_connection_locks_seat_2');
SELECT dblink_exec('b', 'BEGIN');
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 1, '1,2,3', '5,6', '1', '4,2')),
    'SEAT_NOT_AVAILABLE 2; CREATED; CREATED; SEAT_NOT_AVAILABLE 2', 'batch_with_a_locked_seat_refuses_only_the_requests_for_it_at_once');
SELECT is(pg_temp.locks('reader', pg_temp.seat(:'seats', 3)), 'locked', 'request_that_failed_at_seat_2_has_not_locked_seat_3');
SELECT is(pg_temp.locks('reader', pg_temp.seat(:'seats', 1)), 'not to be had', 'request_for_seat_1_alone_gets_it');
SELECT dblink_exec(c, 'ROLLBACK') FROM unnest(ARRAY['a', 'b']) c;

-- Two requests of a batch want a locked seat, a third one the seat that the first one cannot use.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.locks('a', pg_temp.seat(:'seats', 8)), 'locked', 'another_connection_locks_seat_8');
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 11, '7,8', '8', '7', '9', '9,10')),
    'SEAT_NOT_AVAILABLE 8; SEAT_NOT_AVAILABLE 8; CREATED; CREATED; SEAT_NOT_AVAILABLE 9', 'seat_that_a_refused_request_wanted_goes_to_the_next_one');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 21, '8', '10')), 'CREATED; CREATED', 'seats_of_refused_requests_are_free_afterwards');

-- One connection has taken a seat and not committed. A batch that wants it is refused, and gets it after the other
-- rolls back.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.batch(:'schedule', :'seats', 31, '11,12')), 'CREATED', 'batch_takes_two_seats_not_committed');
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 32, '12', '3')), 'SEAT_NOT_AVAILABLE 12; CREATED', 'second_batch_is_refused_a_locked_seat_at_once');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 34, '11,12')), 'CREATED', 'seats_of_a_rolled_back_batch_are_free');

-- A hold has run out: of two requests of a batch for its seat, the first one gets it.
SELECT dblink_exec('a', format($$UPDATE reservation.%s SET hold_expires_at = clock_timestamp() - interval '1 ms' WHERE reservation_id =
    (SELECT reservation_id FROM reservation.seats WHERE seat_id = %L)$$, t, pg_temp.seat(:'seats', 3))) FROM unnest(ARRAY['reservations']) t;
SELECT dblink_exec('a', format($$UPDATE reservation.seats SET hold_expires_at = clock_timestamp() - interval '1 ms' WHERE seat_id = %L$$, pg_temp.seat(:'seats', 3)));
SELECT is(pg_temp.ask('b', pg_temp.batch(:'schedule', :'seats', 41, '3,1', '3', '5')), 'CREATED; SEAT_NOT_AVAILABLE 3; CREATED', 'seat_of_a_hold_that_has_run_out_goes_to_the_first_request');
SELECT is(string_agg(c.live::text, ' ' ORDER BY c.hold_epoch), 'false true', 'old_claim_of_the_seat_is_not_live')
FROM reservation.reservation_seats c WHERE c.seat_id = pg_temp.seat(:'seats', 3)::uuid;

SELECT pg_temp.ask('a', 'SELECT body FROM reservation.sweep(1000)');
SELECT is_empty($$SELECT * FROM reservation.invariants$$, 'no_invariant_is_violated');
SELECT is(count(DISTINCT seat_id), count(*), 'no_seat_is_claimed_twice') FROM reservation.reservation_seats WHERE schedule_id = :'schedule' AND live;

SELECT dblink_exec('a', format('DELETE FROM %s', t)) FROM unnest(ARRAY[
	format('reservation.reservation_seats WHERE schedule_id = %L', :'schedule'), format('reservation.reservations WHERE schedule_id = %L', :'schedule'),
	format('reservation.seats WHERE schedule_id = %L', :'schedule'), format('reservation.sections WHERE schedule_id = %L', :'schedule'),
	format('reservation.schedules WHERE concert_id = %L', :'concert'), format('reservation.concerts WHERE concert_id = %L', :'concert')]) t;
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
