-- Holds and maps beside other connections. A reader of changes misses nothing, even if transactions commit out of
-- order. Holds never wait for seats of other holds, but duplicates wait. No wait revives a dead hold. A seat whose hold
-- has run out can be taken while the sweeper frees it.
--
-- Other connections see only committed rows. So this test makes its own concert through them and removes it at the end.
-- No BEGIN here: a transaction that has written, even a temporary function, would hold the version back.
SET client_min_messages = warning;
SELECT plan(88);

\set ann '00000000-0000-7000-8000-c0ecce0000a1'
\set bob '00000000-0000-7000-8000-c0ecce0000b2'
\ir include/connections.psql

-- Only violations that this test makes count.
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

-- Connection a begins before b and commits after it.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 1), 1)), 'CREATED', 'connection_a_holds_seat_1_uncommitted');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 2), 1)), 'CREATED', 'connection_b_holds_seat_2_and_commits');
SELECT pg_temp.ask('reader', 'SELECT body FROM reservation.seat_map(%L, NULL)', :'schedule') AS map \gset
SELECT is(:'map'::json #>> '{sections,0,rows,0,seats,0,status}', 'AVAILABLE', 'reader_sees_seat_1_free');
SELECT is(:'map'::json #>> '{sections,0,rows,0,seats,1,status}', 'HOLD', 'reader_sees_seat_2_held');
SELECT dblink_exec('a', 'COMMIT');
SELECT ok(a.changed_xid < b.changed_xid, 'transaction_with_the_lower_id_commits_later')
FROM reservation.seats a, reservation.seats b WHERE a.seat_id = (:'seats'::uuid[])[1] AND b.seat_id = (:'seats'::uuid[])[2];
-- Open transactions of other databases hold the version back too, so wait until all transactions that ran beside these
-- two are over.
DO $$ BEGIN
	WHILE pg_snapshot_xmin(pg_current_snapshot()) <= (SELECT max(changed_xid) FROM reservation.seats)
	    AND clock_timestamp() < now() + interval '1 minute' LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
SELECT pg_temp.ask('reader', 'SELECT body FROM reservation.seat_changes(%L, %s)', :'schedule', :'map'::json ->> 'version') AS changes \gset
SELECT ok(:'changes'::jsonb -> 'changed' @> format('[{"seatId":"%s","status":"HOLD"}]', (:'seats'::uuid[])[1])::jsonb, 'changes_since_the_map_have_the_late_commit');
SELECT ok((:'changes'::json ->> 'version')::bigint > (:'map'::json ->> 'version')::bigint, 'version_goes_on');
SELECT is(pg_temp.ask('reader', 'SELECT body::json ->> ''changed'' FROM reservation.seat_changes(%L, %s)', :'schedule', :'changes'::json ->> 'version'), '[]',
    'no_change_since_the_new_version');

-- Seats are taken without waiting.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 3, 4), 2)), 'CREATED', 'connection_a_holds_seats_3_and_4_uncommitted');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 4, 5), 2)), 'SEAT_NOT_AVAILABLE', 'hold_of_a_locked_seat_is_refused_at_once');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 5), 2)), 'CREATED', 'same_token_holds_another_seat');
SELECT is(pg_temp.ask('b', 'SELECT body::json #>> ''{seats,0,number}'' FROM reservation.hold(%L, %L, NULL, ''VIP'', 2, 3, 300, NULL, NULL, NULL, ''r'', 0)', :'bob', :'schedule'), '10',
    'best_available_skips_locked_seats');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 4), 4)), 'CREATED', 'rolled_back_hold_leaves_seats_free');

-- Of two uses of a token, or of a key, the second waits for the first.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 12), 5)), 'CREATED', 'connection_a_uses_a_token_uncommitted');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 13), 5)), 'second_use_of_a_token_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'QUEUE_TOKEN_USED', 'second_use_is_refused_after_the_commit');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 14), 6, 'k')), 'CREATED', 'connection_a_uses_a_key_uncommitted');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 14), 6, 'k')), 'same_request_with_the_key_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED', 'same_request_gets_the_same_answer');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 15), 7, 'k2')), 'CREATED', 'first_request_with_a_key_takes_long');
SELECT dblink_exec('b', 'SET lock_timeout = ''50ms''');
SELECT dblink_send_query('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 15), 7, 'k2'));
SELECT matches(pg_temp.answer('b'), 'lock timeout', 'same_request_waits_at_most_lock_timeout');
SELECT dblink_exec('b', 'RESET lock_timeout');
SELECT dblink_exec('a', 'COMMIT');

-- The claim came in time, and the hold runs out before the commit.
SELECT pg_temp.reservation(:'ann', :'schedule', 5) AS r12, pg_temp.reservation(:'ann', :'schedule', 6) AS r14, pg_temp.reservation(:'ann', :'schedule', 7) AS r15 \gset
CREATE FUNCTION pg_temp.ends_in(p_reservation uuid, p_left interval) RETURNS void
LANGUAGE sql AS $$
	SELECT dblink_exec('b', format('WITH at AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + %L::interval
	    WHERE reservation_id = %L RETURNING *) UPDATE reservation.seats s SET hold_expires_at = at.hold_expires_at FROM at
	    WHERE s.reservation_id = at.reservation_id', p_left, p_reservation));
$$;
-- Connection a claims the hold in the hold's last moments, in a transaction that stays open. If it was too late, it
-- tries once more, with a little more time.
CREATE FUNCTION pg_temp.claimed_in_time(p_user uuid, p_reservation uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text;
BEGIN
	FOR i IN 1 .. 50 LOOP
		PERFORM pg_temp.ends_in(p_reservation, i * interval '300 milliseconds');
		PERFORM dblink_exec('a', 'BEGIN');
		v_answer := pg_temp.ask('a', 'SELECT outcome FROM reservation.claim_for_payment(%L, %L, 1000)', p_user::text, p_reservation::text);
		EXIT WHEN v_answer = 'OK';
		PERFORM dblink_exec('a', 'ROLLBACK');
	END LOOP;
	RETURN v_answer;
END $$;
SELECT pg_temp.ends_in(:'r14', '1 millisecond');
SELECT is(pg_temp.claimed_in_time(:'ann', :'r12'), 'OK', 'payment_claims_a_hold_in_its_last_moment');
SELECT ok(pg_temp.waits('reader', 'SELECT outcome FROM reservation.claim_for_payment(%L, %L, 1000)', :'ann', :'r12'), 'second_payment_waits');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'r12';
SELECT dblink_send_query('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 12), 8));
SELECT matches(pg_temp.answer('b'), 'stays locked', 'claimed_seat_past_its_end_is_neither_given_nor_refused');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1,"left":1}', 'sweeper_skips_the_claimed_hold');
SELECT is(pg_temp.ask('a', 'SELECT outcome FROM reservation.confirm(%L, %L)', :'r12', :'r14'), 'OK', 'claimed_payment_is_confirmed');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer('reader'), 'RESERVATION_EXPIRED', 'second_payment_after_the_end_is_EXPIRED');

-- Another user takes the seat of a dead hold while its owner tries to pay.
SELECT dblink_exec('b', format('UPDATE reservation.%s SET hold_expires_at = clock_timestamp() - interval ''1 ms'' WHERE reservation_id = %L', t, :'r15')) FROM unnest(ARRAY['reservations', 'seats']) t;
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 15), 9)), 'CREATED', 'seat_of_a_dead_hold_is_taken_uncommitted');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.confirm(%L, %L)', :'r15', :'r15'), 'RESERVATION_EXPIRED', 'late_confirm_is_refused_at_once');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.cancel(%L, %L, NULL)', :'ann', :'r15'), 'RESERVATION_EXPIRED', 'late_cancel_is_refused_at_once');
SELECT is(pg_temp.ask('b', 'SELECT outcome FROM reservation.payment_failed(%L, 1)', :'r15'), 'OK', 'late_failure_returns_at_once');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(status || ' ' || hold_epoch, 'HOLD 2', 'late_calls_leave_the_seat') FROM reservation.seats WHERE seat_id = (:'seats'::uuid[])[15];

-- One sweeper at a time.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT body FROM reservation.sweep(1)'), '{"expired":1,"left":1}', 'connection_a_sweeps_one_of_two_dead_holds');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":0}', 'second_sweeper_does_nothing_meanwhile');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'second_sweeper_sweeps_the_other_afterwards');

-- A cancel that waits until the hold has run out is too late.
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 16), 60)), 'CREATED', 'ann_holds_a_seat');
SELECT pg_temp.reservation(:'ann', :'schedule', 60) AS r16 \gset
SELECT is(pg_temp.claimed_in_time(:'ann', :'r16'), 'OK', 'payment_claims_it_in_its_last_moment');
SELECT ok(pg_temp.waits('reader', 'SELECT outcome FROM reservation.cancel(%L, %L, NULL)', :'ann', :'r16'), 'cancellation_waits_for_the_payment');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'r16';
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer('reader'), 'RESERVATION_EXPIRED', 'cancellation_that_waited_past_the_end_is_refused');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'dead_hold_is_left_to_the_sweeper');

-- A seat whose hold has run out can be taken while the sweeper frees it: the hold waits and is never refused.
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
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'small', pg_temp.seat(:'w', n), n)), 'CREATED', format('seat_%s_is_held', n)) FROM generate_series(1, 4) n;
-- All these holds run out. Connection a sweeps them and has not committed yet.
CREATE FUNCTION pg_temp.swept(p_schedule uuid) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.ends_in(r.reservation_id, '-1 millisecond') FROM reservation.reservations r
	WHERE r.schedule_id = p_schedule AND r.status = 'HOLD';
	PERFORM dblink_exec('a', 'BEGIN');
	RETURN pg_temp.ask('a', 'SELECT body FROM reservation.sweep(100)');
END $$;

SELECT is(pg_temp.swept(:'small'), '{"expired":4}', 'sweeper_frees_four_seats_uncommitted');
SELECT dblink_send_query('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1), 11, 'w'));
SELECT matches(pg_temp.answer('b'), 'stays locked', 'hold_of_a_seat_locked_too_long_is_a_serialization_failure');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1, 2), 11, 'w')), 'hold_with_a_key_waits_for_the_sweeper');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 1, 2), 11, 'w')), 'CREATED', 'hold_gets_its_seats_after_the_sweep');

SELECT is(pg_temp.swept(:'small'), '{"expired":1}', 'sweeper_ends_the_first_open_sweep');
SELECT ok(pg_temp.waits('b', pg_temp.hold_many(:'ann', :'small', pg_temp.seat(:'w', 1, 2), 12, 'w')), 'batch_waits_for_the_sweeper');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold_many(:'ann', :'small', pg_temp.seat(:'w', 1, 2), 12, 'w')), 'CREATED', 'batch_gets_its_seats_after_the_sweep');

SELECT is(pg_temp.swept(:'small'), '{"expired":1}', 'sweeper_ends_the_second_open_sweep');
SELECT ok(pg_temp.waits('b', pg_temp.hold_best(:'bob', :'small', 4, 13)), 'best_four_wait_while_only_two_are_free');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold_best(:'bob', :'small', 4, 13)), 'CREATED', 'best_four_get_their_seats_after_a_rolled_back_sweep');

SELECT pg_temp.ends_in(pg_temp.reservation(:'bob', :'small', 13), '-1 millisecond');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold_best(:'ann', :'small', 1, 14)), 'CREATED', 'search_for_one_seat_frees_four_uncommitted');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 3), 15)), 'hold_of_another_freed_seat_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer_in_the_end('b', pg_temp.hold(:'bob', :'small', pg_temp.seat(:'w', 3), 15)), 'CREATED', 'hold_gets_the_freed_seat_after_the_commit');
SELECT dblink_exec('a', $$DO 'BEGIN WHILE (reservation.sweep(1000)).body <> ''{"expired":0}'' LOOP END LOOP; END'$$);

-- Another transaction has locked one seat of a dead hold: the sweeper leaves the whole hold and does not wait. Ann's
-- hold is swept meanwhile.
SELECT is(pg_temp.ask('b', pg_temp.hold(:'bob', :'schedule', pg_temp.seat(:'seats', 17, 18), 41)), 'CREATED', 'bob_holds_two_seats');
SELECT is(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', pg_temp.seat(:'seats', 19), 41)), 'CREATED', 'ann_holds_another_seat');
SELECT pg_temp.ends_in(pg_temp.reservation(u::uuid, :'schedule', 41), '-1 second') FROM unnest(ARRAY[:'bob', :'ann']) u;
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT status FROM reservation.seats WHERE seat_id = %L FOR UPDATE', (:'seats'::uuid[])[18]::text), 'HOLD', 'one_of_bobs_seats_is_locked');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1,"left":1}', 'hold_with_a_locked_seat_is_not_swept');
SELECT is_empty('SELECT * FROM reservation.invariants', 'sweeper_that_skips_a_hold_violates_no_invariant');
SELECT is(status, 'HOLD', 'skipped_hold_is_unchanged') FROM reservation.reservations WHERE reservation_id = pg_temp.reservation(:'bob', :'schedule', 41);
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('b', 'SELECT body FROM reservation.sweep(100)'), '{"expired":1}', 'next_sweep_expires_the_skipped_hold');
SELECT is(string_agg(status || ' ' || hold_epoch, ', '), 'AVAILABLE 1, AVAILABLE 1, AVAILABLE 1', 'next_sweep_frees_all_seats_of_the_hold') FROM reservation.seats
WHERE seat_id = ANY (pg_temp.seat(:'seats', 17, 19));

-- Two holds of one user at once, in two transactions, alone and in a batch: the second counts the seats of the first.
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"P","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]')$$, :'concert') AS pair \gset
SELECT array_agg(seat_id ORDER BY number) AS p FROM reservation.seats WHERE schedule_id = :'pair' \gset
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold(:'ann', :'pair', pg_temp.seat(:'p', 1, 3), 51)), 'CREATED', 'ann_holds_three_of_four_seats_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'pair', pg_temp.seat(:'p', 4, 5), 52)), 'second_hold_of_ann_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'SEAT_LIMIT_EXCEEDED', 'second_hold_of_ann_counts_the_first');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.hold_many(:'bob', :'pair', pg_temp.seat(:'p', 6, 8), 51)), 'CREATED', 'bob_holds_three_in_a_batch_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.hold_many(:'bob', :'pair', pg_temp.seat(:'p', 9, 10), 52)), 'second_batch_of_bob_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'SEAT_LIMIT_EXCEEDED', 'second_batch_of_bob_counts_the_first');

-- Two searches for the best seats at once take different rows; a third one takes seats between theirs. The next search
-- finds seats that another connection gives back or rolls back.
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"B","grade":"VIP","price":1000,"rows":2,"seatsPerRow":4}]')$$, :'concert') AS best \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'best'));
CREATE FUNCTION pg_temp.best(p_schedule uuid, p_seq int) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT coalesce((SELECT string_agg(s ->> ''row'' || (s ->> ''number''), '' '') FROM json_array_elements(r.body::json -> ''seats'') s), r.outcome)
    FROM reservation.hold(%L, %L, NULL, ''VIP'', 2, %s, 300, NULL, NULL, NULL, ''r'', 0) r', platform.uuid_v7(), p_schedule, p_seq) $$;
SELECT dblink_exec(c, 'BEGIN') FROM unnest(ARRAY['a', 'b']) c;
SELECT is(pg_temp.ask('a', pg_temp.best(:'best', 61)), 'A1 A2', 'first_search_takes_the_front_row_not_committed');
SELECT is(pg_temp.ask('b', pg_temp.best(:'best', 62)), 'B1 B2', 'second_search_takes_a_row_of_its_own_not_committed');
SELECT is(pg_temp.ask('a', pg_temp.best(:'best', 63)), 'A3 A4', 'first_search_continues_in_its_row');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 64)), 'B3 B4', 'third_search_finds_seats_between_theirs');
SELECT dblink_exec('a', 'ROLLBACK');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 65)), 'A1 A2', 'search_finds_seats_that_another_connection_rolled_back');
SELECT dblink_exec('b', 'COMMIT');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 66)), 'A3 A4', 'last_seats_are_found');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 67)), 'SEAT_NOT_AVAILABLE', 'search_after_the_last_seats_is_refused');
CREATE FUNCTION pg_temp.given_back(p_schedule uuid, p_seq int) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT outcome FROM reservation.reservations r, reservation.cancel(r.user_id, r.reservation_id, NULL) c
    WHERE r.schedule_id = %L AND r.queue_seq = %s', p_schedule, p_seq) $$;
SELECT is(pg_temp.ask('b', pg_temp.given_back(:'best', 65)), 'OK', 'another_connection_gives_two_seats_back');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 68)), 'A1 A2', 'search_finds_seats_that_another_connection_gave_back');
-- Connection a gives back seats in front, before others give back seats behind them, and commits after them.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.given_back(:'best', 66)), 'OK', 'connection_gives_seats_in_front_back_not_committed');
SELECT pg_temp.ask('b', pg_temp.given_back(:'best', 64));
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 69)), 'B3 B4', 'search_finds_seats_behind_the_uncommitted_ones');
SELECT pg_temp.ask('b', pg_temp.given_back(:'best', 69));
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'best', 70)), 'A3 A4', 'search_finds_seats_given_back_earlier_but_committed_later');

-- All rows are claimed. Of the row in front only one seat is not locked.
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"C","grade":"VIP","price":1000,"rows":2,"seatsPerRow":15}]')$$, :'concert') AS claimed \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'claimed'));
SELECT dblink_exec(c, 'BEGIN') FROM unnest(ARRAY['a', 'b']) c;
SELECT is(pg_temp.ask('a', pg_temp.best(:'claimed', 71)), 'A7 A8', 'first_search_claims_the_front_row');
SELECT is(pg_temp.ask('a', $$SELECT count(*) FROM (SELECT FROM reservation.seats
    WHERE schedule_id = %L AND row_no = 1 AND number NOT IN (1, 7, 8) FOR UPDATE) s$$, :'claimed'), '12', 'connection_locks_all_seats_of_the_row_but_one');
SELECT is(pg_temp.ask('b', pg_temp.best(:'claimed', 72)), 'B7 B8', 'second_search_claims_the_second_row');
SELECT is(pg_temp.ask('reader', pg_temp.best(:'claimed', 73)), 'B9 B10', 'search_finds_adjacent_seats_in_a_row_that_another_search_has_claimed');
SELECT dblink_exec(c, 'ROLLBACK') FROM unnest(ARRAY['a', 'b']) c;

SELECT is_empty('SELECT * FROM reservation.invariants', 'no_invariant_is_violated');

SELECT dblink_exec('a', format('DELETE FROM %s', t)) FROM unnest(ARRAY[
	format('reservation.reservation_seats WHERE schedule_id IN (%L, %L, %L, %L, %L)', :'schedule', :'small', :'pair', :'best', :'claimed'),
	format('reservation.reservations WHERE schedule_id IN (%L, %L, %L, %L, %L)', :'schedule', :'small', :'pair', :'best', :'claimed'),
	format('reservation.seats WHERE schedule_id IN (%L, %L, %L, %L, %L)', :'schedule', :'small', :'pair', :'best', :'claimed'),
	format('reservation.sections WHERE schedule_id IN (%L, %L, %L, %L, %L)', :'schedule', :'small', :'pair', :'best', :'claimed'),
	format('reservation.schedules WHERE concert_id = %L', :'concert'), format('reservation.concerts WHERE concert_id = %L', :'concert'),
	format('platform.idempotency WHERE user_id IN (%L, %L)', :'ann', :'bob')]) t;
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
