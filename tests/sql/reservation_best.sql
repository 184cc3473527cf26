-- Best available: together in one row of the grade if any row has room, in the
-- frontmost, leaving no single seat if that can be helped, near the middle.
BEGIN;
SELECT plan(30);
\ir include/reservation.psql

-- Ten seats a row: 1 to 10.
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-A-5 V-A-6', 'two in the middle of the front row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-A-3 V-A-4', 'two beside them, so that no single seat is left (1-2 and 7-10)');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 4)), 'V-A-7 V-A-8 V-A-9 V-A-10', 'four where four are left');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 3)), 'V-B-4 V-B-5 V-B-6', 'three do not fit into two: the next row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-A-2', 'one: the last gap of the front row, the seat nearer to the middle');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-A-1', 'then the other');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-B-7 V-B-8', 'two of 1-3 or 7-10: those that leave no single seat');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 4)), 'V-B-1 V-B-2 V-B-3 V-B-9', 'four, with none together: over the fewest rows');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)).outcome, 'SEAT_NOT_AVAILABLE', 'fewer than asked for are left: none is taken');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)).body, '{"unavailableSeatIds":[]}', 'and none is named');
SELECT is(pg_temp.state(:'schedule', 'V-B-10'), 'AVAILABLE, epoch 0', 'the last one stays free');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-B-10', 'and goes to who wants one');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'then all are gone');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '0', 'none remains');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,1,available}', '10', 'of another grade nothing was taken');

-- A Reservation like any other.
SELECT is((r).body::jsonb ->> 'totalAmount', '200000', 'it costs what its seats cost') FROM pg_temp.hold_best(:'bob', :'schedule', 'R', 2) r;
SELECT is((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, 'k', 'h', NULL, 'q')).outcome, 'CREATED', 'with a key');
SELECT ok((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, 'k', 'h', NULL, 'q')).replayed, 'it is answered again');
SELECT is((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, NULL, NULL, NULL, 'q')).outcome, 'QUEUE_TOKEN_USED', 'a used token gets none');
SELECT is((reservation.hold(:'bob', :'nobody', NULL, 'R', 1, 2, 300, NULL, NULL, NULL, 'q')).outcome, 'SCHEDULE_NOT_FOUND', 'an unknown schedule');

-- Two sections of one grade: the frontmost row of either, before the second of the first.
SELECT pg_temp.new_schedule('[{"section":"L","grade":"VIP","price":2,"rows":2,"seatsPerRow":2},
    {"section":"X","grade":"VIP","price":1,"rows":2,"seatsPerRow":2}]') AS two \gset
SELECT is((pg_temp.hold_best(:'ann', :'two', 'R', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'a grade that the schedule has not');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 2)), 'L-A-1 L-A-2', 'the first section''s front row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 2)), 'X-A-1 X-A-2', 'the other section''s front row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 4)), 'L-B-1 L-B-2 X-B-1 X-B-2', 'four where a row has two: side by side in the same row');

-- Where no row has room for all together: those of one row that are nearest to each other.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":7}]') AS gaps \gset
SELECT is((pg_temp.hold(:'bob', :'gaps', pg_temp.seats(:'gaps', 'V-A-2', 'V-A-3', 'V-A-6'))).outcome, 'CREATED', 'of seven seats 1, 4, 5 and 7 are left');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'gaps', 'VIP', 3)), 'V-A-4 V-A-5 V-A-7', 'three: those that are nearest to each other');

-- Forty at once, in one statement: all fit, each has its own.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":8,"seatsPerRow":10}]') AS batch \gset
CREATE TEMP TABLE answers AS
SELECT n, o.* FROM generate_series(1, 41) n, LATERAL reservation.hold(:'ann', :'batch', NULL, 'VIP', 2, n, 300, NULL, NULL, NULL, 'r', 0) o;
SELECT results_eq('SELECT outcome, count(*) FROM answers GROUP BY outcome ORDER BY outcome', $$VALUES ('CREATED', 40::bigint), ('SEAT_NOT_AVAILABLE', 1)$$,
    'forty pairs in a house of eighty, and not one more');
SELECT is_empty($$SELECT body FROM answers WHERE outcome = 'CREATED' AND (body::json #>> '{seats,0,row}' <> body::json #>> '{seats,1,row}'
    OR (body::json #>> '{seats,1,number}')::int - (body::json #>> '{seats,0,number}')::int <> 1)$$, 'every pair sits together');
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

-- Threes in a row of ten: 3 + 3 + 3, and one is left.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]') AS threes \gset
SELECT is(count(*) FILTER (WHERE (r).outcome = 'CREATED'), 3::bigint, 'three threes fit into ten')
FROM (SELECT pg_temp.hold_best(:'ann', :'threes', 'VIP', 3) AS r FROM generate_series(1, 4)) x;

SELECT * FROM finish();
ROLLBACK;
