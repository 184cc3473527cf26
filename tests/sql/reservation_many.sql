-- Many holds at once (reservation.hold_many): each gets the answer of reservation.hold and writes the same rows.
BEGIN;
SELECT plan(29);
\ir include/reservation.psql
SELECT pg_temp.new_schedule('[{"section":"A \"b\"","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'CLOSED') AS closed \gset
SELECT pg_temp.new_schedule('[{"section":"A \"b\"","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]') AS quoted \gset

CREATE TEMP TABLE asked (n int PRIMARY KEY, who uuid, schedule uuid, seats uuid[], grade text, quantity int, seq bigint,
    key text, hash text, refusal text);
-- Runs the batch by hold_many, keeps the answers, and empties the batch.
CREATE FUNCTION pg_temp.answers() RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE sql AS $$
	WITH a AS (SELECT array_agg(who::text ORDER BY n) AS who, array_agg(schedule::text ORDER BY n) AS schedule,
		array_agg(seats::text ORDER BY n) AS seats, array_agg(grade ORDER BY n) AS grade, array_agg(quantity::text ORDER BY n) AS quantity,
		array_agg(seq::text ORDER BY n) AS seq, array_agg('300'::text ORDER BY n) AS ttl, array_agg(key ORDER BY n) AS key,
		array_agg(hash ORDER BY n) AS hash, array_agg(refusal ORDER BY n) AS refusal, array_agg('request ' || n ORDER BY n) AS request FROM asked)
	SELECT o.* FROM a, LATERAL reservation.hold_many(a.who, a.schedule, a.seats, a.grade, a.quantity, a.seq, a.ttl, a.key, a.hash, a.refusal, a.request, array_fill('0'::text, ARRAY[cardinality(a.who)])) o;
$$;
CREATE FUNCTION pg_temp.person(p_n int) RETURNS uuid
LANGUAGE sql AS $$ SELECT format('00000000-0000-7000-8000-%s', lpad(p_n::text, 12, '0'))::uuid $$;

-- One request of each kind. 12 and 13 are one user.
SELECT pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'), 7) AS reply \gset a_
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-3'), 8)) AS dead \gset
SELECT pg_temp.ends_in(:'dead', '-1 second');
SELECT pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'), 9, 300, 'k', 'h') AS reply \gset b_
INSERT INTO asked VALUES
	(1, pg_temp.person(1), :'schedule', pg_temp.seats(:'schedule', 'V-B-2', 'R-A-1', 'V-B-1')),
	(2, pg_temp.person(2), :'schedule', pg_temp.seats(:'schedule', 'V-A-1')),
	(3, pg_temp.person(3), :'schedule', pg_temp.seats(:'schedule', 'V-B-3', 'V-B-2')),
	(4, pg_temp.person(4), :'schedule', pg_temp.seats(:'schedule', 'V-A-3', 'V-B-4')),
	(5, pg_temp.person(5), :'schedule', ARRAY[:'nobody'::uuid]),
	(6, pg_temp.person(6), :'closed', pg_temp.seats(:'closed', 'A "b"-A-1')),
	(7, pg_temp.person(7), :'nobody', ARRAY[:'nobody'::uuid]),
	(8, pg_temp.person(8), :'schedule', pg_temp.seats(:'schedule', 'V-B-5', 'V-B-5')),
	(9, :'ann', :'schedule', pg_temp.seats(:'schedule', 'V-B-5')),
	(10, pg_temp.person(10), :'schedule', pg_temp.seats(:'schedule', 'V-B-5')),
	(11, pg_temp.person(11), :'schedule', NULL),
	(12, pg_temp.person(12), :'schedule', pg_temp.seats(:'schedule', 'V-B-7')),
	(13, pg_temp.person(12), :'schedule', pg_temp.seats(:'schedule', 'V-B-8')),
	(14, :'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1')),
	(15, pg_temp.person(15), :'schedule', pg_temp.seats(:'schedule', 'V-B-9')),
	(16, pg_temp.person(16), :'quoted', pg_temp.seats(:'quoted', 'A "b"-A-1')),
	(17, pg_temp.person(17), :'schedule', pg_temp.seats(:'schedule', 'V-B-3')),
	(18, pg_temp.person(18), :'schedule', pg_temp.seats(:'quoted', 'A "b"-A-2')),
	(19, pg_temp.person(19), :'schedule', pg_temp.seats(:'schedule', 'V-A-1'));
UPDATE asked SET seq = CASE WHEN n = 9 THEN 7 ELSE 100 END;
UPDATE asked SET grade = 'S', quantity = 2 WHERE n = 11;
UPDATE asked SET key = 'k', hash = 'h' WHERE n IN (14, 15, 19);
UPDATE asked SET refusal = 'QUEUE_TOKEN_EXPIRED' WHERE n = 10;
CREATE TEMP TABLE answers AS SELECT * FROM pg_temp.answers();

SELECT is(count(*) || ' ' || count(DISTINCT n), '19 19', 'each_request_has_one_answer') FROM answers;
SELECT results_eq('SELECT n::int, outcome FROM answers ORDER BY n', $$VALUES (1, 'CREATED'), (2, 'SEAT_NOT_AVAILABLE'), (3, 'SEAT_NOT_AVAILABLE'),
    (4, 'CREATED'), (5, 'SEAT_NOT_FOUND'), (6, 'SCHEDULE_NOT_ON_SALE'), (7, 'SCHEDULE_NOT_FOUND'), (8, 'INVALID_REQUEST'), (9, 'QUEUE_TOKEN_USED'),
    (10, 'QUEUE_TOKEN_EXPIRED'), (11, 'CREATED'), (12, 'CREATED'), (13, 'QUEUE_TOKEN_USED'), (14, 'SEAT_NOT_AVAILABLE'), (15, 'CREATED'),
    (16, 'CREATED'), (17, 'CREATED'), (18, 'SEAT_NOT_FOUND'), (19, 'SEAT_NOT_AVAILABLE')$$, 'each_request_has_its_own_outcome');
SELECT is(pg_temp.at_first((reservation.get_reservation(a.who, pg_temp.id(ROW(o.outcome, o.body, NULL, NULL, NULL)::platform.reply))).body), o.body,
    format('hold_is_shown_as_it_was_answered_(%s)', o.n)) FROM answers o JOIN asked a USING (n) WHERE o.outcome = 'CREATED' ORDER BY o.n;
SELECT is(pg_temp.places(ROW('CREATED', body, NULL, false, NULL)::platform.reply), 'V-B-1 V-B-2 R-A-1', 'seats_are_from_front_to_back') FROM answers WHERE n = 1;
SELECT is(body, format('{"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-B-2')), 'refusal_names_a_seat_taken_in_the_batch') FROM answers WHERE n = 3;
SELECT is(body, (:'b_reply'::platform.reply).body, 'refusal_in_a_batch_names_a_held_seat_like_a_single_hold') FROM answers WHERE n = 2;
SELECT is(outcome || ' ' || body || ' ' || replayed || ' ' || request_id, 'SEAT_NOT_AVAILABLE ' || (:'b_reply'::platform.reply).body || ' true request',
    'stored_answer_is_replayed') FROM answers WHERE n = 14;
SELECT is(string_agg(DISTINCT replayed || ' ' || (request_id = 'request ' || n), ','), 'false true', 'other_answers_are_first_answers_of_their_requests')
FROM answers WHERE n <> 14;
SELECT is(pg_temp.state(:'schedule', 'V-A-3'), 'HOLD, epoch 2', 'seat_whose_hold_has_run_out_is_held');
SELECT is(pg_temp.state(:'schedule', 'V-B-5'), 'AVAILABLE, epoch 0', 'refused_requests_leave_their_seats');

-- The same batch again: some answers are stored under a key, and some places are used.
UPDATE asked SET seats = pg_temp.seats(:'schedule', 'V-B-10') WHERE n IN (1, 4);
CREATE TEMP TABLE again AS SELECT * FROM pg_temp.answers();
SELECT results_eq('SELECT n::int, outcome, body, replayed, request_id FROM again WHERE n IN (15, 19) ORDER BY n',
    'SELECT n::int, outcome, body, true, request_id FROM answers WHERE n IN (15, 19) ORDER BY n', 'answers_with_a_key_are_stored_to_the_byte');
SELECT is(string_agg(DISTINCT outcome, ','), 'QUEUE_TOKEN_USED', 'place_in_the_queue_holds_once') FROM again WHERE n IN (1, 4);
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_by_a_batch');

-- Claims of seats whose holds have run out are found by their index, however many claims there are.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":50,"seatsPerRow":100}]') AS big \gset
CREATE TEMP TABLE big AS SELECT seat_id, row_number() OVER (ORDER BY seat_id) AS n FROM reservation.seats WHERE schedule_id = :'big';
SELECT count(pg_temp.hold(:'ann', :'big', ARRAY[seat_id])) FROM big WHERE n <= 2;
SELECT count(pg_temp.ends_in(reservation_id, '-1 second')) FROM reservation.reservations WHERE schedule_id = :'big';
INSERT INTO reservation.reservation_seats SELECT (SELECT min(reservation_id::text)::uuid FROM reservation.reservations
    WHERE schedule_id = :'big'), b.seat_id, :'big', 0, true FROM big b WHERE b.n > 2;
ANALYZE reservation.reservation_seats;
TRUNCATE asked;
INSERT INTO asked SELECT b.n, pg_temp.person(b.n::int), :'big', ARRAY[b.seat_id], NULL, NULL, 600 FROM big b WHERE b.n <= 2;
SELECT seq_scan AS scans FROM pg_stat_xact_user_tables WHERE relid = 'reservation.reservation_seats'::regclass \gset
CREATE TEMP TABLE taken_over AS SELECT * FROM pg_temp.answers();
SELECT is(seq_scan, :scans::bigint, 'run_out_seats_are_taken_without_a_scan_of_all_claims')
FROM pg_stat_xact_user_tables WHERE relid = 'reservation.reservation_seats'::regclass;
SELECT is(string_agg(outcome, ' '), 'CREATED CREATED', 'both_run_out_seats_are_held') FROM taken_over;
SELECT is(count(*), 2::bigint, 'claims_of_run_out_seats_are_not_live') FROM reservation.reservation_seats c JOIN big b USING (seat_id)
WHERE b.n <= 2 AND NOT c.live;
DELETE FROM reservation.reservation_seats WHERE schedule_id = :'big' AND hold_epoch = 0;

-- Forty requests at once for ten seats, two seats each.
TRUNCATE asked;
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]') AS few \gset
INSERT INTO asked SELECT n, pg_temp.person(n), :'few', pg_temp.seats(:'few', 'V-A-' || 1 + n % 5 * 2, 'V-A-' || 2 + n % 5 * 2), NULL, NULL, 500
FROM generate_series(1, 40) n;
CREATE TEMP TABLE forty AS SELECT * FROM pg_temp.answers();
SELECT results_eq('SELECT outcome, count(*), max(n) FROM forty GROUP BY outcome ORDER BY 3', $$VALUES ('CREATED', 5::bigint, 5::bigint), ('SEAT_NOT_AVAILABLE', 35, 40)$$,
    'first_requests_for_the_same_seats_get_them');
SELECT is(count(*), 10::bigint, 'each_seat_is_claimed_once') FROM reservation.reservation_seats c WHERE c.schedule_id = :'few' AND c.live;
SELECT is(count(*), 0::bigint, 'empty_batch_has_no_answer')
FROM reservation.hold_many('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
SELECT throws_ok($$SELECT reservation.hold_many(ARRAY['x'], '{x}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, '22P02', NULL,
    'unreadable_request_fails_the_whole_batch');

-- A locked seat that cannot be taken is impossible with our code. If it happens, the batch raises and changes nothing.
TRUNCATE asked;
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":4}]') AS stuck \gset
INSERT INTO asked VALUES (1, pg_temp.person(71), :'stuck', pg_temp.seats(:'stuck', 'V-A-1', 'V-A-2'), NULL, NULL, 700),
	(2, pg_temp.person(72), :'stuck', pg_temp.seats(:'stuck', 'V-A-3'), NULL, NULL, 700);
CREATE FUNCTION pg_temp.stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
SELECT format('CREATE TRIGGER stuck BEFORE UPDATE ON reservation.seats FOR EACH ROW WHEN (OLD.seat_id = %L) EXECUTE FUNCTION pg_temp.stay()',
    pg_temp.seat(:'stuck', 'V-A-2')) AS stick \gset
SAVEPOINT stuck;
:stick;
SELECT throws_like('SELECT * FROM pg_temp.answers()', 'not all of 3 locked seats could be taken', 'batch_that_cannot_take_a_locked_seat_raises');
ROLLBACK TO stuck;
SELECT results_eq('SELECT outcome FROM pg_temp.answers() ORDER BY n', $$VALUES ('CREATED'), ('CREATED')$$, 'batch_succeeds_after_the_lock_ends');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated');

SELECT * FROM finish();
ROLLBACK;
