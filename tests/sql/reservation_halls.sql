-- The seats of a large hall are made in several calls, each with a bounded time of its own.
BEGIN;
SELECT plan(9);
\ir include/reservation.psql

-- 13,106 seats: sections that end within a call, begin in one, and go through several.
\set sections '[{"section":"A","grade":"R","price":300,"rows":3,"seatsPerRow":1},{"section":"B","grade":"S","price":100,"rows":7,"seatsPerRow":1000},{"section":"C","grade":"R","price":200,"rows":1,"seatsPerRow":5500},{"section":"D","grade":"VIP","price":900,"rows":201,"seatsPerRow":3}]'
SELECT (reservation.create_concert('Title', 'Artist', 'Venue', 'Address')).body::json ->> 'concertId' AS concert \gset
SELECT reservation.begin_schedule(:'concert', now() + interval '30 days', now() + interval '31 days', NULL, NULL, 'ON_SALE', 4, :'sections', NULL) AS r \gset begun_
SELECT is((:'begun_r'::platform.reply).outcome, 'MORE', 'begun_schedule_answers_more');
SELECT split_part((:'begun_r'::platform.reply).body, ' ', 1) AS hall \gset
SELECT is(count(*), 0::bigint, 'begun_schedule_has_no_seats') FROM reservation.seats WHERE schedule_id = :'hall';

-- statement_timeout is 8 ms here, so each call stops after the first 1,000 seats.
CREATE TEMP TABLE calls (n serial, outcome text, body text);
DO $$
DECLARE
	v_reply	platform.reply := (SELECT ('MORE', s.schedule_id || ' 0', NULL, false, NULL)::platform.reply
	    FROM reservation.schedules s ORDER BY s.schedule_id DESC LIMIT 1);
BEGIN
	PERFORM set_config('statement_timeout', '8ms', true);
	WHILE v_reply.outcome = 'MORE' LOOP
		v_reply := reservation.make_seats(v_reply.body);
		INSERT INTO calls (outcome, body) VALUES (v_reply.outcome, v_reply.body);
	END LOOP;
	PERFORM set_config('statement_timeout', '60s', true);
END $$;
SELECT is(string_agg(outcome, ' ' ORDER BY n), repeat('MORE ', 13) || 'CREATED', 'each_call_stops_when_its_time_is_over') FROM calls;
SELECT is(array_agg(split_part(body, ' ', 2)::int ORDER BY n), ARRAY(SELECT generate_series(1000, 13000, 1000)), 'a_call_goes_on_where_the_last_one_stopped')
FROM calls WHERE outcome = 'MORE';
SELECT results_eq(format($$SELECT section, grade, price, row_no, row_label, number FROM reservation.seats WHERE schedule_id = %L ORDER BY seat_id$$, :'hall'),
    format($$SELECT s ->> 'section', s ->> 'grade', (s ->> 'price')::bigint, r, reservation.row_label(r), n
    FROM json_array_elements(%L) WITH ORDINALITY x (s, o), generate_series(1, (s ->> 'rows')::int) r, generate_series(1, (s ->> 'seatsPerRow')::int) n
    ORDER BY o, r, n$$, :'sections'), 'all_seats_are_there_once_with_ids_in_their_order');
SELECT is(body, (reservation.get_schedule(:'hall')).body, 'created_schedule_is_answered_as_it_reads_later') FROM calls WHERE outcome = 'CREATED';
SELECT is((reservation.create_schedule(:'concert', now() + interval '30 days', now() + interval '31 days', NULL, NULL, 'ON_SALE', 4, :'sections', NULL)).body::json ->> 'totalSeats',
    '13106', 'call_of_the_release_before_makes_all_seats');
SELECT is(pg_temp.hurt(), 'none', 'schedule_made_in_steps_violates_no_invariant');

INSERT INTO reservation.sections SELECT schedule_id, 5, 'E', 'S', 100, 1, 1 FROM reservation.sections WHERE schedule_id = :'hall' LIMIT 1;
SELECT throws_like('SET CONSTRAINTS ALL IMMEDIATE', '%does not have all its seats', 'schedule_without_all_seats_cannot_commit');

SELECT * FROM finish();
ROLLBACK;
