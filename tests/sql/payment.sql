-- Payments by points with the real reservations and the real ledger: approved, refused, failed, replayed, cancelled. In
-- each case either everything happens or nothing.
BEGIN;
SELECT plan(104);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set nil '00000000-0000-7000-8000-000000000000'

-- A concert tomorrow, a schedule on sale, one row of 20 seats at 50,000.
CREATE TEMP TABLE stage AS
SELECT ((reservation.create_schedule(
    ((reservation.create_concert('Title', 'Artist', 'Venue', 'Address')).body::json ->> 'concertId')::uuid,
    now() + interval '1 day', now() + interval '1 day 3 hours', NULL, 'ON_SALE',
    '[{"section": "A", "grade": "VIP", "price": 50000, "rows": 1, "seatsPerRow": 20}]')).body::json ->> 'scheduleId')::uuid AS schedule;
UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = (SELECT schedule FROM stage);

-- Holds the next free seat for a user; returns the reservation's id.
CREATE SEQUENCE pg_temp.place;
CREATE FUNCTION pg_temp.hold(p_user uuid, p_ttl int DEFAULT 300) RETURNS uuid LANGUAGE sql AS $$
	SELECT ((reservation.hold(p_user, (SELECT schedule FROM stage), NULL, 'VIP', 1, nextval('pg_temp.place'), p_ttl,
	    NULL, NULL, NULL, 'hold', 0)).body::json ->> 'reservationId')::uuid
$$;
CREATE FUNCTION pg_temp.pay(p_user uuid, p_reservation uuid, p_key text, p_amount bigint DEFAULT 50000, p_max int DEFAULT 3)
RETURNS platform.reply LANGUAGE sql AS $$
	SELECT payment.pay_by_points(p_user, p_reservation, p_amount, p_key,
	    encode(sha256((p_reservation || ' ' || p_amount)::bytea), 'hex'), p_max, 'request of ' || p_key)
$$;
CREATE FUNCTION pg_temp.balance(p_user uuid) RETURNS int LANGUAGE sql AS $$
	SELECT ((point.get_wallet(p_user)).body::json ->> 'balance')::int
$$;
-- The status of a reservation's seat on the map.
CREATE FUNCTION pg_temp.seats(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT s.status, ' ') FROM reservation.reservation_seats c JOIN reservation.seats s USING (seat_id)
	WHERE c.reservation_id = p_reservation
$$;
CREATE FUNCTION pg_temp.entries(p_user uuid) RETURNS int LANGUAGE sql AS $$
	SELECT count(*)::int FROM point.entries WHERE user_id = p_user
$$;
CREATE FUNCTION pg_temp.payments(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(status || coalesce(' ' || failure_code, ''), ', ' ORDER BY payment_id), 'none')
	FROM payment.payments WHERE reservation_id = p_reservation
$$;

SELECT is((point.charge(:'ann', 120000, 'k', 'h', 'r')).outcome, 'CREATED', 'ann_charges_120000');
SELECT pg_temp.hold(:'ann') AS r1, pg_temp.hold(:'ann') AS r2, pg_temp.hold(:'ann') AS r3, pg_temp.hold(:'bob') AS r4 \gset
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);

-- Approved.
INSERT INTO said SELECT 'paid', pg_temp.pay(:'ann', :'r1', 'p1');
SELECT is((r).outcome, 'CREATED', 'payment_by_points_is_CREATED') FROM said;
SELECT is((r).request_id, 'request of p1', 'payment_has_the_request_id_of_its_request') FROM said;
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['paymentId', 'reservationId', 'status', 'method', 'amount', 'failureCode', 'approvedAt', 'refundedAt',
          'reservationStatus', 'createdAt'], 'payment_has_the_members_of_the_contract_in_order') FROM said;
SELECT is((r).body::jsonb - 'paymentId' - 'approvedAt' - 'createdAt', jsonb_build_object('reservationId', :'r1', 'status', 'APPROVED',
    'method', 'POINT', 'amount', 50000, 'failureCode', NULL, 'refundedAt', NULL, 'reservationStatus', 'CONFIRMED'),
    'payment_is_APPROVED_and_its_reservation_CONFIRMED') FROM said;
SELECT matches((r).body::json ->> 'approvedAt', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'approvedAt_is_a_time') FROM said;
SELECT matches((r).body::json ->> 'createdAt', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'createdAt_is_a_time') FROM said;
SELECT is(reservation.status_of(:'r1'), 'CONFIRMED', 'paid_reservation_is_CONFIRMED');
SELECT is(pg_temp.seats(:'r1'), 'SOLD_OUT', 'paid_seat_is_SOLD_OUT');
SELECT is(pg_temp.balance(:'ann'), 70000, 'paid_points_are_taken');
SELECT is(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'referenceId'), 'DEDUCT 50000 ' || ((r).body::json ->> 'paymentId'),
    'debit_refers_to_the_payment')
FROM said, LATERAL (SELECT (point.list_entries(:'ann', 1, NULL)).body::json -> 'items' -> 0 AS h) x;
SELECT is((payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)), ROW('OK', (r).body, NULL, false, NULL)::platform.reply,
    'owner_reads_the_payment_as_it_was_answered') FROM said;
SELECT is((payment.get_payment(:'bob', ((r).body::json ->> 'paymentId')::uuid)).outcome, 'PAYMENT_NOT_FOUND', 'another_user_does_not_find_the_payment') FROM said;
SELECT is((payment.get_payment(:'ann', :'nil')).outcome, 'PAYMENT_NOT_FOUND', 'unknown_payment_is_not_found');
SELECT is(payment.for_reservation(:'r1')::text, format('{"paymentId":"%s","status":"APPROVED","method":"POINT","amount":50000}',
    (r).body::json ->> 'paymentId'), 'reservation_shows_its_payment') FROM said;
SELECT is(payment.refund_of(:'r1')::text, NULL, 'paid_reservation_has_no_refund');

-- The same key again.
SELECT is(pg_temp.pay(:'ann', :'r1', 'p1'), ROW('CREATED', (r).body, NULL, true, 'request of p1')::platform.reply,
    'replay_is_the_first_answer_to_the_byte') FROM said;
SELECT is((pg_temp.pay(:'ann', :'r2', 'p1')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'key_with_another_reservation_is_refused');
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'key_with_another_amount_is_refused');
SELECT is(pg_temp.balance(:'ann') || ' ' || pg_temp.entries(:'ann'), '70000 2', 'replays_take_no_points');
SELECT is(pg_temp.payments(:'r2'), 'none', 'reused_key_records_no_payment');

-- Refused payments move nothing and record nothing. The refusals are stored under their keys.
SELECT is((pg_temp.pay(:'ann', :'r1', 'again')).outcome, 'RESERVATION_ALREADY_PAID', 'paid_reservation_is_not_paid_again');
SELECT ok((pg_temp.pay(:'ann', :'r1', 'again')).replayed, 'refusal_of_a_paid_reservation_is_stored');
SELECT is((pg_temp.pay(:'ann', :'nil', 'nil')).outcome, 'RESERVATION_NOT_FOUND', 'unknown_reservation_is_not_found');
SELECT ok((pg_temp.pay(:'ann', :'nil', 'nil')).replayed, 'refusal_of_an_unknown_reservation_is_stored');
SELECT is((pg_temp.pay(:'bob', :'r2', 'bob')).outcome, 'RESERVATION_NOT_FOUND', 'reservation_of_another_user_is_not_found');
SELECT is((pg_temp.pay(:'ann', :'r2', 'less', 49999)).outcome, 'AMOUNT_MISMATCH', 'amount_below_the_price_is_refused');
SELECT is((pg_temp.pay(:'ann', :'r2', 'more', 50001)).outcome, 'AMOUNT_MISMATCH', 'amount_above_the_price_is_refused');
SELECT ok((pg_temp.pay(:'ann', :'r2', 'less', 49999)).replayed, 'refusal_of_the_amount_is_stored');
SELECT is((pg_temp.pay(:'ann', :'r2', 'zero', a)).outcome, 'INVALID_REQUEST', format('amount_of_%s_is_invalid', a)) FROM unnest(ARRAY[0, -50000]) a;
SELECT is((pg_temp.pay(:'ann', :'r2', 'zero', 49999)).replayed, false, 'refusal_of_an_invalid_amount_is_not_stored');
SELECT is((SELECT count(*)::int FROM payment.payments WHERE user_id IN (:'ann', :'bob')), 1, 'refusals_record_no_payment');
SELECT is(pg_temp.balance(:'ann') || ' ' || reservation.status_of(:'r2') || ' ' || pg_temp.seats(:'r2'), '70000 HOLD HOLD', 'refusals_move_nothing');

-- A hold is dead exactly at its end, swept or not.
SELECT pg_temp.hold(:'ann', 1) AS late, pg_temp.hold(:'ann', 1) AS swept \gset
SELECT pg_sleep(1.05) IS NOT NULL AS slept \gset
SELECT is((pg_temp.pay(:'ann', :'late', 'late')).outcome, 'RESERVATION_EXPIRED', 'hold_that_has_run_out_is_not_paid');
SELECT ok((pg_temp.pay(:'ann', :'late', 'late')).replayed, 'refusal_of_a_run_out_hold_is_stored');
SELECT is(pg_temp.balance(:'ann') || ' ' || pg_temp.payments(:'late'), '70000 none', 'refusal_of_a_run_out_hold_moves_nothing');
SELECT is((reservation.sweep(100)).outcome, 'OK', 'sweeper_runs');
SELECT is((pg_temp.pay(:'ann', :'swept', 'swept')).outcome, 'RESERVATION_EXPIRED', 'swept_hold_is_not_paid');

-- Too few points: each failure is recorded and leaves the hold, until the last one cancels it.
INSERT INTO said SELECT 'poor', pg_temp.pay(:'bob', :'r4', 'b1');
SELECT is((r).outcome, 'INSUFFICIENT_POINTS', 'payment_without_points_is_refused') FROM said WHERE name = 'poor';
SELECT matches((r).body, '^{"paymentId":"[0-9a-f-]{36}","balance":0}$', 'refusal_names_the_payment_and_the_balance') FROM said WHERE name = 'poor';
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS', 'failed_payment_is_recorded');
SELECT is((payment.get_payment(:'bob', ((r).body::json ->> 'paymentId')::uuid)).body::jsonb - 'createdAt',
    jsonb_build_object('paymentId', (r).body::json ->> 'paymentId', 'reservationId', :'r4', 'status', 'FAILED', 'method', 'POINT',
    'amount', 50000, 'failureCode', 'INSUFFICIENT_POINTS', 'approvedAt', NULL, 'refundedAt', NULL, 'reservationStatus', 'HOLD'),
    'failed_payment_has_its_failure_code') FROM said WHERE name = 'poor';
SELECT is(payment.for_reservation(:'r4') ->> 'status', 'FAILED', 'reservation_shows_the_failed_payment');
SELECT is(pg_temp.pay(:'bob', :'r4', 'b1'), ROW('INSUFFICIENT_POINTS', (r).body, NULL, true, 'request of b1')::platform.reply,
    'replay_of_a_failure_is_the_first_answer_to_the_byte') FROM said WHERE name = 'poor';
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS', 'replay_of_a_failure_records_nothing');
SELECT is(reservation.status_of(:'r4') || ' ' || pg_temp.seats(:'r4'), 'HOLD HOLD', 'failed_payment_leaves_the_hold');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L', :'bob'), 'failed_payment_makes_no_wallet');
SELECT is((point.charge(:'bob', 49999, 'k', 'h', 'r')).outcome, 'CREATED', 'bob_charges_one_point_too_few');
SELECT matches((pg_temp.pay(:'bob', :'r4', 'b2')).body, '"balance":49999}$', 'second_failure_is_refused');
SELECT is(pg_temp.balance(:'bob') || ' ' || pg_temp.entries(:'bob'), '49999 1', 'second_failure_moves_nothing');
SELECT is((pg_temp.pay(:'bob', :'r4', 'b1')).body, (r).body, 'first_failure_is_still_replayed') FROM said WHERE name = 'poor';
SELECT is((pg_temp.pay(:'bob', :'r4', 'b3')).outcome, 'INSUFFICIENT_POINTS', 'third_failure_is_refused');
SELECT is(reservation.status_of(:'r4'), 'CANCELLED', 'third_failure_cancels_the_reservation');
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS, FAILED INSUFFICIENT_POINTS, FAILED INSUFFICIENT_POINTS', 'three_failures_are_recorded');
SELECT is(payment.for_reservation(:'r4') ->> 'paymentId', (SELECT max(payment_id::text) FROM payment.payments WHERE reservation_id = :'r4'),
    'reservation_shows_the_last_failure');
SELECT is(pg_temp.seats(:'r4'), 'AVAILABLE', 'cancelled_reservation_frees_its_seat');
SELECT is((point.charge(:'bob', 1000, 'k2', 'h', 'r')).outcome, 'CREATED', 'bob_charges_enough');
SELECT is((pg_temp.pay(:'bob', :'r4', 'b4')).outcome, 'RESERVATION_CANCELLED', 'cancelled_reservation_is_not_paid');
SELECT is(pg_temp.balance(:'bob'), 50999, 'refusal_of_a_cancelled_reservation_moves_nothing');
SELECT pg_temp.hold(:'nil') AS once, pg_temp.hold(:'bob') AS r5 \gset
SELECT is((pg_temp.pay(:'nil', :'once', 'n1', 50000, 1)).outcome, 'INSUFFICIENT_POINTS', 'single_allowed_attempt_fails');
SELECT is(reservation.status_of(:'once'), 'CANCELLED', 'single_failed_attempt_cancels');
SELECT is((pg_temp.pay(:'bob', :'r5', 'b5', 50000, 1)).outcome, 'CREATED', 'single_allowed_attempt_succeeds');
SELECT is(reservation.status_of(:'r5') || ' ' || pg_temp.balance(:'bob'), 'CONFIRMED 999', 'approved_single_attempt_keeps_the_reservation');

-- A failure, then enough points.
SELECT is((pg_temp.pay(:'ann', :'r2', 'a2')).outcome, 'CREATED', 'ann_pays_for_a_second_reservation');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3')).outcome, 'INSUFFICIENT_POINTS', 'ann_has_too_few_points_for_a_third');
SELECT is((point.charge(:'ann', 30000, 'k2', 'h', 'r')).outcome, 'CREATED', 'ann_charges_the_rest');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3')).replayed, true, 'key_of_a_failure_stays_failed');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3b')).outcome, 'CREATED', 'new_key_pays_after_a_failure');
SELECT is(pg_temp.payments(:'r3'), 'FAILED INSUFFICIENT_POINTS, APPROVED', 'both_attempts_are_recorded');
SELECT is(payment.for_reservation(:'r3') ->> 'status', 'APPROVED', 'reservation_shows_the_attempt_that_succeeded');

-- Cancelled: given back once.
SELECT is((reservation.cancel(:'ann', :'r1', 'c1')).body::json ->> 'refund', '{"amount":50000,"status":"REFUNDED"}', 'cancelled_reservation_is_refunded');
SELECT is(pg_temp.balance(:'ann') || ' ' || reservation.status_of(:'r1') || ' ' || pg_temp.seats(:'r1'), '50000 CANCELLED AVAILABLE', 'refund_gives_points_back_and_frees_the_seat');
SELECT is(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'referenceId'), 'ROLLBACK 50000 ' || ((r).body::json ->> 'paymentId'),
    'entry_of_the_refund_refers_to_the_payment')
FROM said, LATERAL (SELECT (point.list_entries(:'ann', 1, NULL)).body::json -> 'items' -> 0 AS h) x WHERE name = 'paid';
SELECT is(b ->> 'status' || ' ' || (b ->> 'reservationStatus'), 'REFUNDED CANCELLED', 'refunded_payment_is_REFUNDED')
FROM said, LATERAL (SELECT (payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)).body::json AS b) x WHERE name = 'paid';
SELECT matches((payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)).body, '"refundedAt":"\d{4}', 'refunded_payment_has_refundedAt') FROM said WHERE name = 'paid';
SELECT refunded_at AS when FROM payment.payments WHERE reservation_id = :'r1' \gset
SELECT is((reservation.cancel(:'ann', :'r1', 'c2')).body::json ->> 'refund', '{"amount":50000,"status":"REFUNDED"}', 'repeated_cancellation_answers_the_same');
SELECT is(payment.refund(:'r1', 'c3'), ROW('OK', '{"amount":50000,"status":"REFUNDED"}', NULL, false, 'c3')::platform.reply, 'repeated_refund_answers_the_same');
SELECT is(pg_temp.balance(:'ann'), 50000, 'repeated_refund_gives_nothing_back');
SELECT is(refunded_at, :'when', 'repeated_refund_keeps_refundedAt') FROM payment.payments WHERE reservation_id = :'r1';
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1')).body, (r).body, 'key_of_a_refunded_payment_replays_its_first_answer') FROM said WHERE name = 'paid';
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1-new')).outcome, 'RESERVATION_CANCELLED', 'cancelled_reservation_is_not_paid_again');
SELECT is(payment.for_reservation(:'r1') ->> 'status', 'REFUNDED', 'reservation_shows_its_refund');
SELECT is(payment.refund(:'r4', 'c4'), ROW('PAYMENT_NOT_FOUND', NULL, NULL, false, 'c4')::platform.reply, 'failed_payment_is_not_refunded');
SELECT is((payment.refund(:'nil', 'c5')).outcome, 'PAYMENT_NOT_FOUND', 'missing_payment_is_not_refunded');
SELECT is((payment.refund_of(:'r4'))::text, NULL, 'failed_payment_shows_no_refund');

-- Lists: own ones, newest first, in pages.
SELECT is((SELECT array_agg(p ->> 'paymentId' ORDER BY n)
    FROM json_array_elements((payment.list_payments(:'ann', 100, NULL)).body::json -> 'items') WITH ORDINALITY o (p, n)),
    (SELECT array_agg(payment_id::text ORDER BY payment_id DESC) FROM payment.payments WHERE user_id = :'ann'), 'list_of_payments_is_newest_first');
SELECT is((SELECT array_agg(p ->> 'status' ORDER BY n)
    FROM json_array_elements((payment.list_payments(:'ann', 100, NULL)).body::json -> 'items') WITH ORDINALITY o (p, n)),
    ARRAY['APPROVED', 'FAILED', 'APPROVED', 'REFUNDED'], 'list_has_all_four_payments');
CREATE TEMP TABLE page AS SELECT b -> 'items' AS items, b ->> 'nextCursor' AS next, (b -> 'items' -> 2 ->> 'paymentId')::uuid AS last
FROM (SELECT (payment.list_payments(:'ann', 3, NULL)).body::json AS b) x;
SELECT is(json_array_length(items), 3, 'page_has_three_payments') FROM page;
SELECT is(next, platform.cursor(last), 'cursor_is_the_last_payment_of_the_page') FROM page;
SELECT is(json_array_length(b -> 'items') || ' ' || coalesce(b ->> 'nextCursor', 'no more'), '1 no more', 'next_page_has_the_rest')
FROM (SELECT (payment.list_payments(:'ann', 3, last)).body::json AS b FROM page) x;
SELECT is((payment.list_payments(:'ann', 4, NULL)).body::json ->> 'nextCursor', NULL, 'full_page_without_more_has_no_cursor');
SELECT is((payment.list_payments(:'bob', 3, last)).outcome, 'INVALID_REQUEST', 'cursor_of_another_user_is_refused') FROM page;
SELECT is((payment.list_payments(:'ann', 3, gen_random_uuid())).outcome, 'INVALID_REQUEST', 'cursor_that_is_no_payment_is_refused');
SELECT is((payment.list_payments(gen_random_uuid(), 20, NULL)).body, '{"items":[],"nextCursor":null}', 'list_of_a_user_without_payments_is_empty');

-- A batch, as the service sends it: each row has its own outcome.
SELECT pg_temp.hold(:'ann') AS r6 \gset
SELECT is((SELECT array_agg(o.outcome ORDER BY r.n) FROM unnest(
    ARRAY[:'ann', :'ann', :'ann', :'bob']::uuid[], ARRAY[:'r6', :'r6', :'r6', :'r6']::uuid[],
    ARRAY['x1', 'x1', 'x2', 'x1']) WITH ORDINALITY r (u, v, k, n),
    LATERAL payment.pay_by_points(r.u, r.v, 50000, r.k, 'h', 3, 'q') o),
    ARRAY['CREATED', 'CREATED', 'RESERVATION_ALREADY_PAID', 'RESERVATION_NOT_FOUND'], 'each_row_of_a_batch_has_its_own_outcome');
SELECT is(pg_temp.balance(:'ann'), 0, 'batch_pays_a_reservation_once');

-- The service's rights, as the service.
SELECT pg_temp.hold(:'bob') AS r7 \gset
SET LOCAL ROLE payment_service;
SELECT is((payment.pay_by_points(:'bob', :'r7', 50000, 'as service', 'h', 3, 'q')).outcome, 'INSUFFICIENT_POINTS', 'payment_service_may_pay');
SELECT is((payment.list_payments(:'bob', 1, NULL)).outcome, 'OK', 'payment_service_may_list');
SELECT throws_ok(format('SELECT payment.refund(%L, %L)', :'r5', 'q'), '42501', NULL, 'payment_service_may_not_refund');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %1$L, %1$L)', :'bob'), '42501', NULL, 'payment_service_may_not_move_points');
SELECT throws_ok(format('SELECT reservation.confirm(%L, %1$L)', :'r7'), '42501', NULL, 'payment_service_may_not_confirm');
SELECT throws_ok('SELECT 1 FROM payment.payments', '42501', NULL, 'payment_service_may_not_read_tables');
RESET ROLE;

SELECT is_empty('SELECT * FROM platform.invariants', 'no_invariant_is_violated');

SELECT * FROM finish();
ROLLBACK;
