-- Batches of charges and payments beside other connections. A batch waits for the users that it names, and sees what
-- they committed meanwhile. Two batches never deadlock. No wait revives a dead hold.
--
-- Other connections see only committed rows. So this test makes its own users and concert and removes them at the end,
-- also from the ledger, with its guards off.
SET client_min_messages = warning;
SELECT plan(34);
\ir include/connections.psql

\set ann '00000000-0000-7000-8000-aa0c0de000a1'
\set bob '00000000-0000-7000-8000-aa0c0de000b2'
SELECT dblink_exec('a', $$DO 'BEGIN WHILE (reservation.sweep(1000)).body <> ''{"expired":0}'' LOOP END LOOP; END'$$);
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'concertId' FROM reservation.create_concert('T', 'A', 'V', 'S')$$) AS concert \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":20}]')$$, :'concert') AS schedule \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'schedule'));

-- The outcomes of a batch of charges or payments, an element a request: "CREATED again, CREATED".
CREATE FUNCTION pg_temp.charges(p_users uuid[], VARIADIC p_keys text[]) RETURNS text LANGUAGE sql AS $$
	SELECT format($q$SELECT string_agg(outcome || CASE WHEN replayed THEN ' again' ELSE '' END, ', ' ORDER BY n)
	    FROM point.charge_many(%L, %L, %L, %L, %L)$q$, p_users::text[], array_fill('5000'::text, ARRAY[cardinality(p_users)]), p_keys,
	    array_fill('h'::text, ARRAY[cardinality(p_users)]), array_fill('r'::text, ARRAY[cardinality(p_users)]))
$$;
CREATE FUNCTION pg_temp.payments(p_users uuid[], p_holds uuid[], VARIADIC p_keys text[]) RETURNS text LANGUAGE sql AS $$
	SELECT format($q$SELECT string_agg(outcome || CASE WHEN replayed THEN ' again' ELSE '' END, ', ' ORDER BY n)
	    FROM payment.pay_by_points_many(%L, %L, %L, %L, %L, %L, %L)$q$, p_users::text[], p_holds::text[],
	    array_fill('1000'::text, ARRAY[cardinality(p_users)]), p_keys, array_fill('h'::text, ARRAY[cardinality(p_users)]),
	    array_fill('3'::text, ARRAY[cardinality(p_users)]), array_fill('r'::text, ARRAY[cardinality(p_users)]))
$$;
CREATE FUNCTION pg_temp.held(p_user uuid, p_schedule uuid, p_seq int) RETURNS uuid LANGUAGE sql AS $$
	SELECT pg_temp.ask('reader', 'SELECT body::json ->> ''reservationId'' FROM reservation.hold(%L, %L, NULL, ''VIP'', 1, %s, 300, NULL, NULL, NULL, ''r'', 0)',
	    p_user::text, p_schedule::text, p_seq::text)::uuid
$$;
CREATE FUNCTION pg_temp.left_to(p_hold uuid, p_left text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.ask('a', 'WITH r AS (UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + %L WHERE reservation_id = %L RETURNING *)
	    UPDATE reservation.seats s SET hold_expires_at = r.hold_expires_at FROM r WHERE s.reservation_id = r.reservation_id RETURNING ''set''',
	    p_left, p_hold::text)
$$;

-- The same charge at the same moment, alone and in a batch.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.charges(ARRAY[:'ann']::uuid[], 'k')), 'CREATED', 'first_charge_of_ann_is_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.charges(ARRAY[:'bob', :'ann']::uuid[], 'k', 'k')), 'batch_with_the_same_charge_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED again', 'batch_that_waited_replays_the_charge');
SELECT is((SELECT string_agg(balance::text, ' ') FROM point.wallets WHERE user_id IN (:'ann', :'bob')), '5000 5000', 'each_charge_counts_once');
-- Two batches name the same users in different orders.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.charges(ARRAY[:'ann']::uuid[], 'k2')), 'CREATED', 'other_connection_charges_ann');
SELECT ok(pg_temp.waits('b', pg_temp.charges(ARRAY[:'bob', :'ann']::uuid[], 'k3', 'k3')), 'batch_charges_bob_and_ann');
SELECT is(pg_temp.ask('a', pg_temp.charges(ARRAY[:'bob']::uuid[], 'k2')), 'CREATED', 'batches_lock_users_in_one_order');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED', 'batch_that_waited_for_its_users_goes_through');

-- A batch waits for any other write of its users, because each of them locks the user first.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT ''locked'' FROM platform.lock_user(%L)', :'ann'), 'locked', 'charge_of_ann_holds_her_lock');
SELECT ok(pg_temp.waits('b', pg_temp.charges(ARRAY[:'bob', :'ann']::uuid[], 'k4', 'k4')), 'batch_of_charges_waits_for_its_users');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED', 'batch_goes_on_after_the_commit');

-- The same payment at the same moment, and the same reservation with two keys.
SELECT pg_temp.held(:'ann', :'schedule', 1) AS r1, pg_temp.held(:'bob', :'schedule', 2) AS r2, pg_temp.held(:'ann', :'schedule', 3) AS r3,
    pg_temp.held(:'bob', :'schedule', 4) AS r4, pg_temp.held(:'ann', :'schedule', 5) AS r5, pg_temp.held(:'bob', :'schedule', 6) AS r6,
    pg_temp.held(:'ann', :'schedule', 7) AS r7, pg_temp.held(:'bob', :'schedule', 8) AS r8, pg_temp.held(:'ann', :'schedule', 9) AS r9,
    pg_temp.held(:'bob', :'schedule', 10) AS r10, pg_temp.held(:'ann', :'schedule', 11) AS r11, pg_temp.held(:'bob', :'schedule', 12) AS r12 \gset
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.payments(ARRAY[:'ann']::uuid[], ARRAY[:'r1']::uuid[], 'k')), 'CREATED', 'first_payment_of_ann_is_not_committed');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'bob', :'ann']::uuid[], ARRAY[:'r2', :'r1']::uuid[], 'k', 'k')), 'batch_with_the_same_payment_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED again', 'batch_that_waited_replays_the_payment');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', pg_temp.payments(ARRAY[:'ann']::uuid[], ARRAY[:'r3']::uuid[], 'k3')), 'CREATED', 'other_connection_pays_for_ann');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'bob', :'ann']::uuid[], ARRAY[:'r4', :'r3']::uuid[], 'k4', 'k4')), 'batch_with_the_same_reservation_waits');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, RESERVATION_ALREADY_PAID', 'batch_that_waited_does_not_pay_twice');

SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT ''locked'' FROM platform.lock_user(%L)', :'ann'), 'locked', 'payment_of_ann_holds_her_lock');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'bob', :'ann']::uuid[], ARRAY[:'r12', :'r11']::uuid[], 'k12', 'k11')), 'batch_of_payments_waits_for_its_users');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED', 'batch_of_payments_goes_on_after_the_commit');

-- A transaction that has locked the row ends the hold while a batch waits for it.
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.left_to(:'r5', '-1 second'), 'set', 'hold_ends_in_an_open_transaction');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'ann', :'bob']::uuid[], ARRAY[:'r5', :'r6']::uuid[], 'k5', 'k6')), 'batch_waits_for_a_locked_reservation');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'RESERVATION_EXPIRED, CREATED', 'hold_that_ended_during_the_wait_is_not_paid');

-- A hold that found the seat free keeps the seat's lock for a while, and the batch waits for the lock.
SELECT seat_id AS seat7 FROM reservation.reservation_seats WHERE reservation_id = :'r7' \gset
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT ''locked'' FROM reservation.seats WHERE seat_id = %L FOR UPDATE', :'seat7'), 'locked', 'seat_is_locked_by_another_transaction');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'ann', :'bob']::uuid[], ARRAY[:'r7', :'r8']::uuid[], 'k7', 'k8')), 'batch_waits_for_a_locked_seat_of_a_living_hold');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.answer('b'), 'CREATED, CREATED', 'seat_that_was_locked_is_paid');

-- The same, until the hold has run out: the batch changes nothing. On a slow machine the batch begins in the last
-- second of the hold and sends the request alone; the result is the same.
SELECT seat_id AS seat9 FROM reservation.reservation_seats WHERE reservation_id = :'r9' \gset
SELECT is(pg_temp.left_to(:'r9', '4 seconds'), 'set', 'hold_has_four_seconds_left');
SELECT dblink_exec('a', 'BEGIN');
SELECT is(pg_temp.ask('a', 'SELECT ''locked'' FROM reservation.seats WHERE seat_id = %L FOR UPDATE', :'seat9'), 'locked', 'seat_of_the_hold_is_locked');
SELECT ok(pg_temp.waits('b', pg_temp.payments(ARRAY[:'ann', :'bob']::uuid[], ARRAY[:'r9', :'r10']::uuid[], 'k9', 'k10')), 'batch_waits_for_the_locked_seat');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'r9';
SELECT dblink_exec('a', 'COMMIT');
SELECT matches(pg_temp.answer('b'), 'has run out|RESERVATION_EXPIRED, CREATED', 'batch_that_waited_past_the_end_of_a_hold_does_not_pay_it');
SELECT is(reservation.status_of(:'r9'), 'EXPIRED', 'hold_that_ran_out_during_the_wait_is_not_confirmed');

SELECT is((SELECT string_agg((w.balance + 1000 * (SELECT count(*) FROM payment.payments p WHERE p.user_id = w.user_id AND p.status = 'APPROVED'))::text, ' ')
    FROM point.wallets w WHERE w.user_id IN (:'ann', :'bob')), '20000 20000', 'each_payment_took_its_points_once');
SELECT is_empty('SELECT * FROM platform.invariants', 'concurrent_batches_violate_no_invariant');
SELECT is((SELECT string_agg(broken, ' ') FROM point.verify()), NULL, 'concurrent_batches_keep_the_hash_chain');

SELECT dblink_exec('a', s) FROM unnest(ARRAY[
	'ALTER TABLE point.entries DISABLE TRIGGER entries_append_only; ALTER TABLE point.wallets DISABLE TRIGGER wallets_stay',
	format('DELETE FROM point.entries WHERE user_id IN (%L, %L); DELETE FROM point.wallets WHERE user_id IN (%1$L, %2$L)', :'ann', :'bob'),
	'ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_append_only; ALTER TABLE point.wallets ENABLE ALWAYS TRIGGER wallets_stay',
	format('DELETE FROM payment.payments WHERE user_id IN (%L, %L)', :'ann', :'bob'),
	format('DELETE FROM reservation.reservation_seats WHERE schedule_id = %L; DELETE FROM reservation.reservations WHERE schedule_id = %1$L', :'schedule'),
	format('DELETE FROM reservation.seats WHERE schedule_id = %L; DELETE FROM reservation.sections WHERE schedule_id = %1$L', :'schedule'),
	format('DELETE FROM reservation.schedules WHERE concert_id = %L; DELETE FROM reservation.concerts WHERE concert_id = %1$L', :'concert'),
	format('DELETE FROM platform.idempotency WHERE user_id IN (%L, %L)', :'ann', :'bob')]) s;
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
