-- Best available: seats together in the frontmost row of the grade that has room, without single seats beside them if
-- possible, near the middle.
BEGIN;
SELECT plan(30);
\ir include/reservation.psql

-- Ten seats in each row: 1 to 10.
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-A-5 V-A-6', 'two_seats_are_in_the_middle_of_the_front_row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-A-3 V-A-4', 'next_two_leave_no_single_seat');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 4)), 'V-A-7 V-A-8 V-A-9 V-A-10', 'four_fit_where_four_are_left');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 3)), 'V-B-4 V-B-5 V-B-6', 'three_that_do_not_fit_go_to_the_next_row');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-A-2', 'one_takes_the_gap_nearest_to_the_middle');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-A-1', 'next_one_takes_the_other_gap');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)), 'V-B-7 V-B-8', 'two_take_the_gap_that_leaves_no_single_seat');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 4)), 'V-B-1 V-B-2 V-B-3 V-B-9', 'four_apart_span_the_fewest_rows');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)).outcome, 'SEAT_NOT_AVAILABLE', 'fewer_seats_than_asked_are_refused');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 2)).body, '{"unavailableSeatIds":[]}', 'refusal_names_no_seat');
SELECT is(pg_temp.state(:'schedule', 'V-B-10'), 'AVAILABLE, epoch 0', 'refusal_leaves_the_last_seat_free');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)), 'V-B-10', 'single_request_gets_the_last_seat');
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'VIP', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'request_without_free_seats_is_refused');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '0', 'no_seat_of_the_grade_remains');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,1,available}', '10', 'other_grades_are_untouched');

-- A Reservation like any other.
SELECT is((r).body::jsonb ->> 'totalAmount', '200000', 'total_is_the_sum_of_the_seats') FROM pg_temp.hold_best(:'bob', :'schedule', 'R', 2) r;
SELECT is((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, 'k', 'h', NULL, 'q')).outcome, 'CREATED', 'best_with_a_key_is_CREATED');
SELECT ok((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, 'k', 'h', NULL, 'q')).replayed, 'best_with_a_key_is_replayed');
SELECT is((reservation.hold(:'bob', :'schedule', NULL, 'R', 1, 1, 300, NULL, NULL, NULL, 'q')).outcome, 'QUEUE_TOKEN_USED', 'used_token_is_refused');
SELECT is((reservation.hold(:'bob', :'nobody', NULL, 'R', 1, 2, 300, NULL, NULL, NULL, 'q')).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_not_found');

-- Two sections of one grade: the front rows of both come before the second row of the first section.
SELECT pg_temp.new_schedule('[{"section":"L","grade":"VIP","price":2,"rows":2,"seatsPerRow":2},
    {"section":"X","grade":"VIP","price":1,"rows":2,"seatsPerRow":2}]') AS two \gset
SELECT is((pg_temp.hold_best(:'ann', :'two', 'R', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'grade_that_the_schedule_lacks_is_refused');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 2)), 'L-A-1 L-A-2', 'front_row_of_the_first_section_is_first');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 2)), 'X-A-1 X-A-2', 'front_row_of_the_other_section_is_next');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'two', 'VIP', 4)), 'L-B-1 L-B-2 X-B-1 X-B-2', 'four_in_rows_of_two_are_side_by_side');

-- No row has room for all together: the seats of one row that are nearest to each other.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":7}]') AS gaps \gset
SELECT is((pg_temp.hold(:'bob', :'gaps', pg_temp.seats(:'gaps', 'V-A-2', 'V-A-3', 'V-A-6'))).outcome, 'CREATED', 'seats_1_4_5_and_7_are_left');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'gaps', 'VIP', 3)), 'V-A-4 V-A-5 V-A-7', 'three_apart_are_the_nearest_to_each_other');

-- Forty holds in one statement: all fit, and each has its own seats.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":8,"seatsPerRow":10}]') AS batch \gset
CREATE TEMP TABLE answers AS
SELECT n, o.* FROM generate_series(1, 41) n, LATERAL reservation.hold(:'ann', :'batch', NULL, 'VIP', 2, n, 300, NULL, NULL, NULL, 'r', 0) o;
SELECT results_eq('SELECT outcome, count(*) FROM answers GROUP BY outcome ORDER BY outcome', $$VALUES ('CREATED', 40::bigint), ('SEAT_NOT_AVAILABLE', 1)$$,
    'forty_pairs_fit_into_eighty_seats');
SELECT is_empty($$SELECT body FROM answers WHERE outcome = 'CREATED' AND (body::json #>> '{seats,0,row}' <> body::json #>> '{seats,1,row}'
    OR (body::json #>> '{seats,1,number}')::int - (body::json #>> '{seats,0,number}')::int <> 1)$$, 'every_pair_sits_together');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated');

-- Threes in a row of ten: 3 + 3 + 3, and one seat is left.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]') AS threes \gset
SELECT is(count(*) FILTER (WHERE (r).outcome = 'CREATED'), 3::bigint, 'three_threes_fit_into_ten_seats')
FROM (SELECT pg_temp.hold_best(:'ann', :'threes', 'VIP', 3) AS r FROM generate_series(1, 4)) x;

SELECT * FROM finish();
ROLLBACK;
