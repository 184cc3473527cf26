-- Many holds at once, reservation.hold_many: each is answered as reservation.hold
-- would have answered it, and writes what it would have written.
BEGIN;
SELECT plan(27);
\ir include/reservation.psql
SELECT pg_temp.new_schedule('[{"section":"A \"b\"","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'CLOSED') AS closed \gset
SELECT pg_temp.new_schedule('[{"section":"A \"b\"","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]') AS quoted \gset

CREATE TEMP TABLE asked (n int PRIMARY KEY, who uuid, schedule uuid, seats uuid[], grade text, quantity int, seq bigint,
    key text, hash text, refusal text);
-- Answers all that is asked, by hold_many, and forgets it.
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

-- One of everything. 12 and 13 are one user.
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

SELECT is(count(*) || ' ' || count(DISTINCT n), '19 19', 'each has one answer') FROM answers;
SELECT results_eq('SELECT n::int, outcome FROM answers ORDER BY n', $$VALUES (1, 'CREATED'), (2, 'SEAT_NOT_AVAILABLE'), (3, 'SEAT_NOT_AVAILABLE'),
    (4, 'CREATED'), (5, 'SEAT_NOT_FOUND'), (6, 'SCHEDULE_NOT_ON_SALE'), (7, 'SCHEDULE_NOT_FOUND'), (8, 'INVALID_REQUEST'), (9, 'QUEUE_TOKEN_USED'),
    (10, 'QUEUE_TOKEN_EXPIRED'), (11, 'CREATED'), (12, 'CREATED'), (13, 'QUEUE_TOKEN_USED'), (14, 'SEAT_NOT_AVAILABLE'), (15, 'CREATED'),
    (16, 'CREATED'), (17, 'CREATED'), (18, 'SEAT_NOT_FOUND'), (19, 'SEAT_NOT_AVAILABLE')$$, 'its own');
SELECT is(pg_temp.at_first((reservation.get_reservation(a.who, pg_temp.id(ROW(o.outcome, o.body, NULL, NULL, NULL)::platform.reply))).body), o.body,
    format('a hold is shown afterwards as it was answered (%s)', o.n)) FROM answers o JOIN asked a USING (n) WHERE o.outcome = 'CREATED' ORDER BY o.n;
SELECT is(pg_temp.places(ROW('CREATED', body, NULL, false, NULL)::platform.reply), 'V-B-1 V-B-2 R-A-1', 'in the house''s order') FROM answers WHERE n = 1;
SELECT is(body, format('{"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-B-2')), 'a seat that another one of them has got is named') FROM answers WHERE n = 3;
SELECT is(body, (:'b_reply'::platform.reply).body, 'so is one that was held before, as hold says it') FROM answers WHERE n = 2;
SELECT is(outcome || ' ' || body || ' ' || replayed || ' ' || request_id, 'SEAT_NOT_AVAILABLE ' || (:'b_reply'::platform.reply).body || ' true request',
    'the first answer to a key is given again') FROM answers WHERE n = 14;
SELECT is(string_agg(DISTINCT replayed || ' ' || (request_id = 'request ' || n), ','), 'false true', 'all others are first answers, of their own requests')
FROM answers WHERE n <> 14;
SELECT is(pg_temp.state(:'schedule', 'V-A-3'), 'HOLD, epoch 2', 'a seat whose hold has run out is to be had');
SELECT is(pg_temp.state(:'schedule', 'V-B-5'), 'AVAILABLE, epoch 0', 'what was refused left its seat');

-- Again: what was kept under a key, and what has used its place.
UPDATE asked SET seats = pg_temp.seats(:'schedule', 'V-B-10') WHERE n IN (1, 4);
CREATE TEMP TABLE again AS SELECT * FROM pg_temp.answers();
SELECT results_eq('SELECT n::int, outcome, body, replayed, request_id FROM again WHERE n IN (15, 19) ORDER BY n',
    'SELECT n::int, outcome, body, true, request_id FROM answers WHERE n IN (15, 19) ORDER BY n', 'answers with a key are kept, to the byte');
SELECT is(string_agg(DISTINCT outcome, ','), 'QUEUE_TOKEN_USED', 'a place is good for one hold') FROM again WHERE n IN (1, 4);
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

-- Seats whose holds have run out are found by their index, however many claims there are.
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
SELECT is(seq_scan, :scans::bigint, 'two seats whose holds have run out are taken without a scan of all claims')
FROM pg_stat_xact_user_tables WHERE relid = 'reservation.reservation_seats'::regclass;
SELECT is(string_agg(outcome, ' '), 'CREATED CREATED', 'both of them') FROM taken_over;
SELECT is(count(*), 2::bigint, 'their old claims are let go') FROM reservation.reservation_seats c JOIN big b USING (seat_id)
WHERE b.n <= 2 AND NOT c.live;
DELETE FROM reservation.reservation_seats WHERE schedule_id = :'big' AND hold_epoch = 0;

-- Forty at once for ten seats, two each.
TRUNCATE asked;
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]') AS few \gset
INSERT INTO asked SELECT n, pg_temp.person(n), :'few', pg_temp.seats(:'few', 'V-A-' || 1 + n % 5 * 2, 'V-A-' || 2 + n % 5 * 2), NULL, NULL, 500
FROM generate_series(1, 40) n;
CREATE TEMP TABLE forty AS SELECT * FROM pg_temp.answers();
SELECT results_eq('SELECT outcome, count(*), max(n) FROM forty GROUP BY outcome ORDER BY 3', $$VALUES ('CREATED', 5::bigint, 5::bigint), ('SEAT_NOT_AVAILABLE', 35, 40)$$,
    'of those who want the same seats the first have them');
SELECT is(count(*), 10::bigint, 'each seat is claimed once') FROM reservation.reservation_seats c WHERE c.schedule_id = :'few' AND c.live;
SELECT is(count(*), 0::bigint, 'nothing is asked, nothing is answered')
FROM reservation.hold_many('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
SELECT throws_ok($$SELECT reservation.hold_many(ARRAY['x'], '{x}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')$$, '22P02', NULL,
    'one that cannot be read fails all: they are asked one by one');
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

SELECT * FROM finish();
ROLLBACK;
