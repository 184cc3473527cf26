-- A hold is dead exactly at its end, swept or not. Calls that come later change nothing.
BEGIN;
SELECT plan(67);
\ir include/reservation.psql
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-2'))) AS a \gset

-- A moment before its time.
SELECT pg_temp.ends_in(:'a', '1 minute');
SELECT is(reservation.status_of(:'a'), 'HOLD', 'hold_before_its_end_is_a_HOLD');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'OK', 'hold_before_its_end_may_be_paid');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'hold_before_its_end_keeps_its_seats');
SELECT is((reservation.sweep(100)).body, '{"expired":0}', 'sweeper_leaves_a_live_hold');

-- Each call uses the database's clock. The test asks for the state just before the end; it asks again if the answer
-- came too late.
CREATE FUNCTION pg_temp.status_before_its_end(p_reservation uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_status	text;
BEGIN
	LOOP
		PERFORM pg_temp.ends_in(p_reservation, '50 milliseconds');
		v_status := reservation.status_of(p_reservation);
		EXIT WHEN clock_timestamp() < (SELECT hold_expires_at FROM reservation.reservations WHERE reservation_id = p_reservation);
	END LOOP;
	RETURN v_status;
END $$;
SELECT is(pg_temp.status_before_its_end(:'a'), 'HOLD', 'hold_with_a_moment_left_may_be_paid');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'a';
SELECT is(reservation.status_of(:'a'), 'EXPIRED', 'hold_at_its_end_is_EXPIRED_without_a_write');

-- At its end, not swept.
SELECT is((reservation.get_reservation(:'ann', :'a')).body::json ->> 'status', 'EXPIRED', 'run_out_hold_is_shown_EXPIRED');
SELECT is((reservation.list_reservations(:'ann', 'EXPIRED', 20, NULL)).body::json #>> '{items,0,reservationId}', :'a', 'run_out_hold_is_listed_as_EXPIRED');
SELECT is((reservation.list_reservations(:'ann', 'HOLD', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'run_out_hold_is_not_listed_as_HOLD');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'RESERVATION_EXPIRED', 'run_out_hold_is_not_paid');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 1)).outcome, 'RESERVATION_EXPIRED', 'run_out_hold_is_not_paid_with_another_amount');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).outcome, 'RESERVATION_EXPIRED', 'run_out_hold_is_not_cancelled');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '20', 'seats_of_run_out_holds_count_as_available');
SELECT is((reservation.queue_facts(NULL, :'schedule')).body::json ->> 'seatsLeft', '33', 'seats_of_run_out_holds_count_for_the_queue');
SELECT is((reservation.seat_map(:'schedule', NULL)).body::json #>> '{sections,0,rows,0,seats,0,status}', 'AVAILABLE', 'seats_of_run_out_holds_are_AVAILABLE_on_the_map');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 1', 'row_of_a_run_out_hold_still_says_HOLD');
SELECT is(pg_temp.hurt(), 'none', 'run_out_hold_violates_no_invariant');

-- Another user takes one of its two seats.
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-3'))) AS b \gset
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'seat_of_a_run_out_hold_is_held_at_once');
SELECT is(pg_temp.hurt(), 'none', 'old_claim_is_not_live');
SELECT is(reservation.status_of(:'a'), 'EXPIRED', 'old_hold_stays_EXPIRED');

-- Late calls: the old hold's end is moved to the future, so only the hold epoch protects the seat.
UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + interval '1 minute' WHERE reservation_id = :'a';
CREATE TEMP TABLE before AS SELECT json_agg(s ORDER BY s.seat_id)::text AS seats FROM reservation.seats s;
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'RESERVATION_EXPIRED', 'hold_that_lost_a_seat_is_not_paid_even_in_time');
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_EXPIRED', 'late_confirm_with_an_old_epoch_is_refused');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s), seats, 'late_confirm_changes_nothing') FROM before;
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"HOLD","failedPayments":1}', 'late_failure_is_counted');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).outcome, 'RESERVATION_EXPIRED', 'late_cancel_is_refused');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s), seats, 'late_calls_free_no_seat') FROM before;
SELECT pg_temp.ends_in(:'a', '-1 second');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'sweeper_expires_the_old_hold');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'sweeper_keeps_the_seat_of_the_new_hold');
SELECT is(pg_temp.state(:'schedule', 'V-A-2'), 'AVAILABLE, epoch 1', 'sweeper_frees_the_seat_that_it_still_had');
SELECT is(reservation.status_of(:'b'), 'HOLD', 'new_hold_stays_HOLD');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_after_the_sweep');

-- Sweeping.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-1', 'R-A-2'))) AS c \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-B-1'))) AS d \gset
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'R-B-2'))) AS e \gset
SELECT pg_temp.ends_in(:'c', '-3 seconds'), pg_temp.ends_in(:'d', '-2 seconds'), pg_temp.ends_in(:'e', '-1 second');
SELECT is((reservation.sweep(2)).body, '{"expired":2,"left":1}', 'sweeper_takes_at_most_its_limit');
SELECT results_eq(format('SELECT status, expired_at IS NOT NULL FROM reservation.reservations WHERE reservation_id IN (%L, %L, %L) ORDER BY reservation_id', :'c', :'d', :'e'),
    $$VALUES ('EXPIRED', true), ('EXPIRED', true), ('HOLD', false)$$, 'sweeper_takes_the_oldest_first');
SELECT is(pg_temp.state(:'schedule', 'R-A-2'), 'AVAILABLE, epoch 1', 'swept_seats_are_AVAILABLE');
SELECT is_empty(format('SELECT 1 FROM reservation.reservation_seats WHERE reservation_id = %L AND live', :'c'), 'swept_claims_are_not_live');
SELECT is((reservation.sweep(2)).body, '{"expired":1}', 'next_sweep_takes_the_rest');
SELECT is((reservation.sweep(2)).body, '{"expired":0}', 'sweep_of_nothing_expires_nothing');
SELECT is((reservation.claim_for_payment(:'ann', :'d', 100000)).outcome, 'RESERVATION_EXPIRED', 'swept_hold_is_not_paid');
SELECT is((reservation.cancel(:'ann', :'d', 'r')).outcome, 'RESERVATION_EXPIRED', 'swept_hold_is_not_cancelled');
SELECT is((reservation.confirm(:'d', platform.uuid_v7())).outcome, 'RESERVATION_EXPIRED', 'swept_hold_is_not_confirmed');
SELECT is((reservation.payment_failed(:'d', 1)).body, '{"status":"EXPIRED","failedPayments":0}', 'failure_of_a_swept_hold_does_not_count');
SELECT is((reservation.get_reservation(:'ann', :'c')).body::json #>> '{seats,1,number}', '2', 'swept_hold_shows_its_seats');

-- A hold that has lost one seat is swept without touching that seat.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-3', 'R-A-4'))) AS f \gset
SELECT pg_temp.ends_in(:'f', '-1 second');
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'R-A-4'))) AS g \gset
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'hold_that_lost_a_seat_is_swept');
SELECT is(pg_temp.state(:'schedule', 'R-A-3'), 'AVAILABLE, epoch 1', 'sweep_frees_the_seat_that_was_left');
SELECT is(pg_temp.state(:'schedule', 'R-A-4'), 'HOLD, epoch 2', 'sweep_keeps_the_lost_seat');
SELECT is((reservation.claim_for_payment(:'bob', :'g', 100000)).outcome, 'OK', 'new_holder_of_the_lost_seat_may_pay');

-- Two users take all seats of a dead hold.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'S-A-1', 'S-A-2'))) AS h \gset
SELECT pg_temp.ends_in(:'h', '-1 second');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'S-A-1'))).outcome, 'CREATED', 'hold_of_two_seats_runs_out');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'S-A-2'))).outcome, 'CREATED', 'two_users_take_its_seats');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'hold_without_seats_is_swept');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_after_two_takers');

-- Each request with a used token is refused and frees no seat, before and after a sweep.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-B-9', 'V-B-10'))) AS k \gset
SELECT pg_temp.ends_in(:'k', '-1 second');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-8'), 4711)).outcome, 'CREATED', 'bob_uses_his_token');
SELECT is((pg_temp.hold(:'bob', :'schedule', s, 4711)).outcome, 'QUEUE_TOKEN_USED', 'used_token_is_refused_for_' || what)
FROM (VALUES ('a seat whose hold has run out', pg_temp.seats(:'schedule', 'V-B-9')), ('that and one he has', pg_temp.seats(:'schedule', 'V-B-8', 'V-B-9')),
    ('one he has', pg_temp.seats(:'schedule', 'V-B-8')), ('one that is not there', ARRAY[:'nobody'::uuid])) w (what, s);
SELECT is(pg_temp.hurt(), 'none', 'used_token_ends_no_claim');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'run_out_hold_is_swept');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_after_used_tokens');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-9'))).outcome, 'CREATED', 'new_token_takes_the_run_out_seat');

-- Best available also finds seats whose holds have run out.
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'S-A-3'))) AS i \gset
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'S', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'all_seats_of_a_grade_are_held');
SELECT pg_temp.ends_in(:'i', '-1 millisecond');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'S', 1)), 'S-A-3', 'best_available_takes_the_run_out_seat');
SELECT is(reservation.status_of(:'i'), 'EXPIRED', 'hold_behind_the_best_available_stays_EXPIRED');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'hold_behind_the_best_available_is_swept');

-- A confirmed reservation never expires.
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))) AS j \gset
SELECT is((reservation.confirm(:'j', platform.uuid_v7())).outcome, 'OK', 'reservation_is_CONFIRMED');
UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() - interval '1 day' WHERE reservation_id = :'j';
SELECT is((reservation.sweep(100)).body, '{"expired":0}', 'sweeper_leaves_a_CONFIRMED_reservation');
SELECT is(reservation.status_of(:'j'), 'CONFIRMED', 'swept_system_keeps_it_CONFIRMED');
SELECT is((pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'its_seat_stays_SOLD_OUT');

SELECT * FROM finish();
ROLLBACK;
