-- Payment and reservation together: claim, confirm, failures, cancel and refund, with the real payment and point
-- functions.
BEGIN;
SELECT plan(84);
\ir include/reservation.psql
CREATE FUNCTION pg_temp.pay(p_user uuid, p_reservation uuid, p_amount bigint, p_attempts int DEFAULT 3) RETURNS platform.reply
LANGUAGE sql AS $$ SELECT payment.pay_by_points(p_user, p_reservation, p_amount, platform.uuid_v7()::text, 'hash', p_attempts, 'pay') $$;
CREATE FUNCTION pg_temp.balance(p_user uuid) RETURNS bigint
LANGUAGE sql AS $$ SELECT ((point.get_wallet(p_user)).body::json ->> 'balance')::bigint $$;
CREATE FUNCTION pg_temp.everything() RETURNS text
LANGUAGE sql AS $$ SELECT (SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s)
    || (SELECT json_agg(r ORDER BY r.reservation_id)::text FROM reservation.reservations r)
    || (SELECT json_agg(c ORDER BY c.reservation_id, c.seat_id)::text FROM reservation.reservation_seats c) $$;
SELECT is((point.charge(:'ann', 1000000, 'c1', 'h', 'r')).outcome, 'CREATED', 'ann_charges_1000000');

-- Refused claims change nothing.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'R-A-1'))) AS a \gset
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'OK', 'owner_may_pay_the_price_of_a_hold');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'OK', 'repeated_claim_answers_the_same');
SELECT is((reservation.claim_for_payment(:'bob', :'a', 250000)).outcome, 'RESERVATION_NOT_FOUND', 'claim_of_another_user_is_not_found');
SELECT is((reservation.claim_for_payment(:'ann', :'nobody', 250000)).outcome, 'RESERVATION_NOT_FOUND', 'claim_of_an_unknown_reservation_is_not_found');
SELECT is((reservation.claim_for_payment(:'ann', :'a', n)).outcome, 'AMOUNT_MISMATCH', 'amount_mismatch_of_' || n) FROM unnest(ARRAY[249999, 250001, 0, -1]) n;
SELECT is((reservation.confirm(:'nobody', :'nobody')).outcome, 'RESERVATION_NOT_FOUND', 'confirm_of_an_unknown_reservation_is_not_found');
SELECT is((reservation.payment_failed(:'nobody', 1)).outcome, 'RESERVATION_NOT_FOUND', 'failure_of_an_unknown_reservation_is_not_found');
SELECT is(reservation.status_of(:'nobody'), NULL, 'unknown_reservation_has_no_status');
SELECT is(pg_temp.everything(), :'everything', 'refusals_change_nothing');

-- Paying.
SELECT is((pg_temp.pay(:'ann', :'a', 250000)).outcome, 'CREATED', 'payment_is_CREATED');
SELECT is(reservation.status_of(:'a'), 'CONFIRMED', 'paid_reservation_is_CONFIRMED');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'SOLD_OUT, epoch 1', 'first_paid_seat_is_SOLD_OUT');
SELECT is(pg_temp.state(:'schedule', 'R-A-1'), 'SOLD_OUT, epoch 1', 'second_paid_seat_is_SOLD_OUT');
SELECT is(((reservation.get_reservation(:'ann', :'a')).body::jsonb -> 'payment') - 'paymentId', '{"status":"APPROVED","method":"POINT","amount":250000}'::jsonb, 'reservation_shows_its_payment');
SELECT is((reservation.get_reservation(:'ann', :'a')).body::jsonb -> 'refund', 'null'::jsonb, 'reservation_has_no_refund');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((reservation.get_reservation(:'ann', :'a')).body::json -> 'payment') WITH ORDINALITY o (k, n)),
    ARRAY['paymentId', 'status', 'method', 'amount'], 'reservation_has_the_members_of_the_contract_in_order');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'RESERVATION_ALREADY_PAID', 'claim_of_a_paid_reservation_is_refused');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 1)).outcome, 'RESERVATION_ALREADY_PAID', 'claim_of_a_paid_reservation_is_refused_with_any_amount');
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.confirm(:'a', payment_id)).outcome, 'OK', 'repeated_confirm_by_the_same_payment_is_OK') FROM reservation.reservations WHERE reservation_id = :'a';
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_ALREADY_PAID', 'confirm_by_another_payment_is_refused');
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"CONFIRMED","failedPayments":0}', 'failure_of_a_paid_reservation_does_not_count');
SELECT is(pg_temp.everything(), :'everything', 'late_calls_change_nothing');
SELECT is_empty('SELECT * FROM platform.invariants', 'no_invariant_is_violated_by_a_payment');

-- Cancelling what is paid.
SELECT is((reservation.cancel(:'bob', :'a', 'r')).outcome, 'RESERVATION_NOT_FOUND', 'cancel_of_another_user_is_not_found');
SELECT is(pg_temp.balance(:'ann'), 750000::bigint, 'points_are_spent');
SELECT reservation.cancel(:'ann', :'a', 'r1') AS reply \gset x_
SELECT is((:'x_reply'::platform.reply).outcome, 'OK', 'cancel_by_the_owner_is_OK');
SELECT is((:'x_reply'::platform.reply).body::json ->> 'status', 'CANCELLED', 'cancelled_reservation_is_CANCELLED');
SELECT is((:'x_reply'::platform.reply).body::jsonb -> 'refund', '{"amount":250000,"status":"REFUNDED"}'::jsonb, 'cancelled_reservation_is_refunded_in_full');
SELECT is((:'x_reply'::platform.reply).body::jsonb #>> '{payment,status}', 'REFUNDED', 'payment_of_the_cancelled_reservation_is_REFUNDED');
SELECT is(pg_temp.balance(:'ann'), 1000000::bigint, 'points_are_back');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'AVAILABLE, epoch 1', 'seat_is_AVAILABLE');
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.cancel(:'ann', :'a', 'r2')).body, (:'x_reply'::platform.reply).body, 'repeated_cancel_answers_the_same_to_the_byte');
SELECT is(pg_temp.balance(:'ann'), 1000000::bigint, 'repeated_cancel_gives_nothing_back');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'RESERVATION_CANCELLED', 'cancelled_reservation_is_not_paid');
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_CANCELLED', 'cancelled_reservation_is_not_confirmed');
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"CANCELLED","failedPayments":0}', 'failure_of_a_cancelled_reservation_does_not_count');
SELECT is(pg_temp.everything(), :'everything', 'calls_after_the_cancel_change_nothing');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'AVAILABLE, epoch 1', 'freed_seat_is_held_by_another_user');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'CREATED', 'freed_seat_is_HOLD');
SELECT is((reservation.cancel(:'ann', :'a', 'r3')).body, (:'x_reply'::platform.reply).body, 'repeated_cancel_after_that_answers_the_same');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'repeated_cancel_leaves_the_new_hold');

-- Cancelling with an idempotency key: the answer is stored, and another request gets none of it.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-4'))) AS k \gset
SELECT reservation.cancel(:'ann', :'k', 'r4', 'key', 'hash') AS reply \gset k_
SELECT is(((:'k_reply'::platform.reply).outcome, (:'k_reply'::platform.reply).replayed)::text, '(OK,f)', 'cancel_with_a_key_is_OK');
SELECT is((o.outcome, o.body, o.replayed, o.request_id)::text, ('OK', (:'k_reply'::platform.reply).body, true, 'r4')::text,
    'repeated_cancel_with_the_key_is_a_replay') FROM reservation.cancel(:'ann', :'k', 'r5', 'key', 'hash') o;
SELECT is((reservation.cancel(:'ann', :'k', 'r6', 'key', 'other')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'cancel_of_another_request_with_the_key_is_refused');
SELECT is((reservation.cancel(:'ann', :'k', 'r7', NULL, NULL)).replayed, false, 'cancel_without_a_key_is_no_replay');
SELECT is((reservation.cancel(:'ann', :'k', 'r8', 'key 2', 'hash')).outcome, 'OK', 'repeated_cancel_with_another_key_is_OK');
SELECT is((SELECT string_agg(i.key || ' ' || i.refused, ', ' ORDER BY i.key) FROM platform.idempotency i
    WHERE i.user_id = :'ann' AND i.operation = 'reservations.cancel'), 'key false, key 2 true', 'only_the_answer_to_the_repeated_cancel_may_be_forgotten');

-- Cancelling a hold.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-3'))) AS b \gset
SELECT reservation.cancel(:'ann', :'b', 'r') AS reply \gset y_
SELECT is((:'y_reply'::platform.reply).body::jsonb ->> 'status', 'CANCELLED', 'hold_is_cancelled');
SELECT is((:'y_reply'::platform.reply).body::jsonb -> 'refund', 'null'::jsonb, 'cancelled_hold_has_no_refund');
SELECT is(pg_temp.state(:'schedule', 'V-A-3'), 'AVAILABLE, epoch 1', 'seats_of_the_cancelled_hold_are_AVAILABLE');
SELECT is((reservation.cancel(:'ann', :'b', 'r')).body, (:'y_reply'::platform.reply).body, 'repeated_cancel_of_a_hold_answers_the_same');
SELECT is((reservation.cancel(:'ann', :'nobody', 'r')).outcome, 'RESERVATION_NOT_FOUND', 'cancel_of_an_unknown_reservation_is_not_found');
SELECT is((pg_temp.pay(:'ann', :'b', 300000)).outcome, 'RESERVATION_CANCELLED', 'cancelled_hold_is_not_paid');

-- The concert has begun.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":4}]') AS tonight \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'tonight', pg_temp.seats(:'tonight', 'V-A-1'))) AS c \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'tonight', pg_temp.seats(:'tonight', 'V-A-2'))) AS d \gset
SELECT is((pg_temp.pay(:'ann', :'c', 1000)).outcome, 'CREATED', 'ticket_for_tonight_is_paid');
UPDATE reservation.schedules SET start_at = clock_timestamp() WHERE schedule_id = :'tonight';
SELECT is((reservation.cancel(:'ann', :'c', 'r')).outcome, 'CANCELLATION_CLOSED', 'cancel_after_the_concert_has_begun_is_CANCELLATION_CLOSED');
SELECT is(reservation.status_of(:'c'), 'CONFIRMED', 'uncancelled_ticket_stays_CONFIRMED');
SELECT is(pg_temp.balance(:'ann'), 999000::bigint, 'uncancelled_ticket_stays_paid');
SELECT is((reservation.cancel(:'ann', :'d', 'r')).outcome, 'OK', 'hold_is_cancelled_after_the_concert_has_begun');
UPDATE reservation.schedules SET start_at = clock_timestamp() + interval '2 seconds' WHERE schedule_id = :'tonight';
SELECT is((reservation.cancel(:'ann', :'c', 'r')).outcome, 'OK', 'ticket_is_cancelled_until_the_last_moment');

-- Failed payments.
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))) AS e \gset
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'INSUFFICIENT_POINTS', 'payment_without_points_is_refused');
SELECT is(reservation.status_of(:'e'), 'HOLD', 'failed_payment_leaves_the_hold');
SELECT is((SELECT failed_payments FROM reservation.reservations WHERE reservation_id = :'e'), 1, 'failed_payment_is_counted');
SELECT is((reservation.get_reservation(:'bob', :'e')).body::jsonb #>> '{payment,status}', 'FAILED', 'reservation_shows_the_failed_payment');
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'INSUFFICIENT_POINTS', 'second_payment_without_points_is_refused');
SELECT is((point.charge(:'bob', 200000, 'c1', 'h', 'r')).outcome, 'CREATED', 'bob_charges');
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'CREATED', 'bob_pays');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-2'))) AS f \gset
SELECT is((pg_temp.pay(:'cleo', :'f', 150000)).outcome, 'INSUFFICIENT_POINTS', 'cleo_has_no_points') FROM generate_series(1, 3);
SELECT is(reservation.status_of(:'f'), 'CANCELLED', 'third_failure_cancels');
SELECT is(pg_temp.state(:'schedule', 'V-B-2'), 'AVAILABLE, epoch 1', 'third_failure_frees_the_seat');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'))) AS g \gset
SELECT is((reservation.payment_failed(:'g', 1)).body, '{"status":"CANCELLED","failedPayments":1}', 'single_allowed_attempt_cancels_at_once');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-4'))) AS h \gset
SELECT pg_temp.ends_in(:'h', interval '-1 ms') IS NULL AS over \gset
SELECT is((reservation.payment_failed(:'h', 1)).body, '{"status":"HOLD","failedPayments":1}', 'failure_of_a_run_out_hold_is_counted');
-- A separate statement sees the rows that the statement before it wrote.
SELECT is(reservation.status_of(:'h'), 'EXPIRED', 'failed_payment_does_not_cancel_a_run_out_hold');
SELECT is_empty('SELECT * FROM platform.invariants', 'no_invariant_is_violated');

-- A paid seat has another hold epoch: only damaged data can have this. No refund is paid, because the seat may be
-- another user's.
UPDATE reservation.seats SET hold_epoch = hold_epoch + 1 WHERE seat_id = pg_temp.seat(:'schedule', 'V-B-1');
SELECT pg_temp.everything() AS everything, pg_temp.balance(:'bob') AS balance \gset
SELECT is((reservation.cancel(:'bob', :'e', 'r')).outcome, 'RESERVATION_EXPIRED', 'cancel_of_a_ticket_that_lost_its_seat_is_refused');
SELECT is(pg_temp.balance(:'bob'), :balance::bigint, 'refused_cancel_refunds_nothing');
SELECT is((SELECT status FROM payment.payments WHERE reservation_id = :'e' AND status <> 'FAILED'), 'APPROVED', 'refused_cancel_leaves_the_payment');
SELECT is(pg_temp.everything(), :'everything', 'refused_cancel_leaves_the_seat');
SELECT isnt(pg_temp.hurt(), 'none', 'ticket_that_lost_its_seat_is_a_violation');

SELECT * FROM finish();
ROLLBACK;
