-- Rows that the payments table refuses, refunds of card payments, and the damage that payment.invariants finds when a
-- guard is off.
BEGIN;
SELECT plan(46);

\set ann '00000000-0000-7000-8000-0000000000a1'

-- Inserts a payment: an APPROVED card payment of 5000, changed by p_change.
CREATE FUNCTION pg_temp.payment(p_change json) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_payment	payment.payments;
BEGIN
	v_payment := ROW(platform.uuid_v7(), gen_random_uuid(), '00000000-0000-7000-8000-0000000000a1', 'CARD', 5000,
	    'APPROVED', NULL, now(), NULL, 0, now());
	v_payment := json_populate_record(v_payment, p_change);
	INSERT INTO payment.payments SELECT v_payment.*;
	INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, asked_at, sent_at, due_at)
	SELECT v_payment.payment_id, v_payment.payment_id, 'k', 'h', now(), now(),
	    CASE WHEN v_payment.status IN ('PENDING', 'REFUND_PENDING') THEN now() END
	WHERE v_payment.method = 'CARD';
	RETURN v_payment.payment_id;
END $$;

-- Each status with exactly the columns that belong to it.
SELECT lives_ok(format('SELECT pg_temp.payment(%L)', c), format('valid_row_is_taken_%s', c)) FROM unnest(ARRAY[
	'{}',
	'{"status": "PENDING", "approved_at": null}',
	'{"status": "FAILED", "approved_at": null, "failure_code": "CARD_DECLINED"}',
	'{"method": "POINT", "status": "FAILED", "approved_at": null, "failure_code": "INSUFFICIENT_POINTS"}',
	'{"status": "REFUND_PENDING"}',
	'{"status": "REFUNDED", "refunded_at": "2025-01-01T00:00:00Z", "refunded_amount": 5000}']) c;
SELECT throws_ok(format('SELECT pg_temp.payment(%L)', c), '23514', NULL, format('invalid_row_is_refused_%s', c)) FROM unnest(ARRAY[
	'{"amount": 0}',
	'{"amount": -1}',
	'{"method": "CASH"}',
	'{"status": "DONE"}',
	'{"status": "PENDING"}',
	'{"approved_at": null}',
	'{"failure_code": "CARD_DECLINED"}',
	'{"status": "FAILED", "approved_at": null}',
	'{"refunded_amount": 5000}',
	'{"refunded_at": "2025-01-01T00:00:00Z"}',
	'{"status": "REFUNDED", "refunded_at": "2025-01-01T00:00:00Z", "refunded_amount": 5001}',
	'{"status": "REFUNDED", "refunded_at": "2025-01-01T00:00:00Z", "refunded_amount": 0}',
	'{"status": "REFUNDED", "refunded_amount": 5000}',
	'{"status": "REFUND_PENDING", "refunded_amount": -1}',
	'{"method": "POINT", "status": "PENDING", "approved_at": null}',
	'{"method": "POINT", "status": "REFUND_PENDING"}']) c;

-- At most one payment of a reservation has not failed.
\set paid '00000000-0000-7000-8000-00000000000f'
SELECT lives_ok(format('SELECT pg_temp.payment(%L)', c), 'reservation_may_have_many_failed_payments') FROM unnest(ARRAY[
	format('{"reservation_id": "%s", "status": "FAILED", "approved_at": null, "failure_code": "CARD_DECLINED"}', :'paid'),
	format('{"reservation_id": "%s", "status": "FAILED", "approved_at": null, "failure_code": "CARD_DECLINED"}', :'paid')]) c;
SELECT lives_ok(format('SELECT pg_temp.payment(%L)', format('{"reservation_id": "%s"}', :'paid')), 'reservation_may_have_one_approved_payment');
SELECT throws_ok(format('SELECT pg_temp.payment(%L)', c), '23505', NULL, 'second_payment_that_has_not_failed_is_refused') FROM unnest(ARRAY[
	format('{"reservation_id": "%s"}', :'paid'),
	format('{"reservation_id": "%s", "status": "PENDING", "approved_at": null}', :'paid')]) c;

-- The provider refunds a card payment: REFUND_PENDING until then, and no points.
SELECT is(payment.refund(:'paid', 'q'), ROW('OK', '{"amount":5000,"status":"REFUND_PENDING"}', NULL, false, 'q')::platform.reply,
    'refund_of_a_card_payment_is_pending');
SELECT is(payment.refund(:'paid', 'q2'), ROW('OK', '{"amount":5000,"status":"REFUND_PENDING"}', NULL, false, 'q2')::platform.reply, 'repeated_refund_of_a_card_answers_the_same');
SELECT is(payment.refund_of(:'paid')::text, '{"amount":5000,"status":"REFUND_PENDING"}', 'reservation_shows_the_pending_refund');
SELECT is((point.get_wallet(:'ann')).body::json ->> 'balance', '0', 'refund_of_a_card_gives_no_points');
SELECT throws_ok(format('SELECT pg_temp.payment(%L)', format('{"reservation_id": "%s"}', :'paid')), '23505', NULL, 'refunded_reservation_is_not_paid_again');
DELETE FROM payment.cards;
DELETE FROM payment.payments WHERE user_id = :'ann';

-- While a card payment is open, points cannot pay. The refusal is only for now, so it is not stored.
SELECT ((reservation.create_schedule(
    ((reservation.create_concert('Title', 'Artist', 'Venue', 'Address')).body::json ->> 'concertId')::uuid,
    now() + interval '1 day', now() + interval '1 day 3 hours', NULL, 'ON_SALE',
    '[{"section": "A", "grade": "VIP", "price": 5000, "rows": 1, "seatsPerRow": 2}]')).body::json ->> 'scheduleId')::uuid AS schedule \gset
SELECT ((reservation.hold(:'ann', :'schedule', NULL, 'VIP', 1, 1, 300, NULL, NULL, NULL, 'h')).body::json ->> 'reservationId')::uuid AS r \gset
SELECT is((point.charge(:'ann', 20000, 'k', 'h', 'q')).outcome, 'CREATED', 'ann_charges');
SELECT pg_temp.payment(format('{"reservation_id": "%s", "status": "PENDING", "approved_at": null}', :'r')::json) AS open \gset
SELECT is(payment.pay_by_points(:'ann', :'r', 5000, 'p', 'h', 3, 'q'), ROW('PAYMENT_IN_PROGRESS', NULL, NULL, false, 'q')::platform.reply,
    'card_payment_refuses_points');
SELECT is((payment.pay_by_points(:'ann', :'r', 5000, 'p', 'h', 3, 'q')).replayed, false, 'PAYMENT_IN_PROGRESS_is_not_stored');
SELECT is(payment.refund(:'r', 'q'), ROW('PAYMENT_NOT_FOUND', NULL, NULL, false, 'q')::platform.reply, 'pending_payment_is_not_refunded');
UPDATE payment.payments SET status = 'FAILED', failure_code = 'CARD_DECLINED' WHERE payment_id = :'open';
SELECT is((payment.pay_by_points(:'ann', :'r', 5000, 'p', 'h', 3, 'q')).outcome, 'CREATED', 'same_key_pays_after_the_card_has_failed');

-- Does damage and undoes it; returns the names of the invariants that it violates.
CREATE FUNCTION pg_temp.after(p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_hurt	text;
BEGIN
	EXECUTE p_damage;
	SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') INTO v_hurt FROM payment.invariants;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN v_hurt;
END $$;
SELECT is(pg_temp.after('SELECT 1'), 'none', 'no_invariant_is_violated');
SELECT is(pg_temp.after(format($$UPDATE payment.payments SET status = 'REFUNDED', refunded_at = now(), refunded_amount = amount
    WHERE reservation_id = %L AND status = 'APPROVED'$$, :'r')),
    'points_follow_payment reservation_follows_payment', 'refund_that_gave_nothing_back_is_found');
SELECT is(pg_temp.after(format($$DELETE FROM payment.payments WHERE reservation_id = %L AND status = 'APPROVED'$$, :'r')),
    'kept_answer_has_its_effect points_follow_payment', 'points_taken_for_no_payment_are_found');
SELECT is(pg_temp.after(format($$UPDATE payment.payments SET user_id = gen_random_uuid() WHERE reservation_id = %L AND status = 'APPROVED'$$, :'r')),
    'kept_answer_has_its_effect points_follow_payment', 'points_of_another_user_are_found');
SELECT is(pg_temp.after($$SELECT pg_temp.payment('{"method": "POINT"}')$$),
    'points_follow_payment reservation_follows_payment', 'payment_that_took_no_points_is_found');
SELECT is(pg_temp.after(format($$DROP INDEX payment.payments_one_a_reservation;
    SELECT pg_temp.payment('{"reservation_id": "%s"}')$$, :'r')),
    'one_payment_a_reservation', 'second_payment_without_the_index_is_found');
SELECT is(pg_temp.after(format($$ALTER TABLE payment.payments DROP CONSTRAINT payments_refund_within_amount;
    UPDATE payment.payments SET status = 'REFUNDED', refunded_at = now(), refunded_amount = amount + 1
    WHERE reservation_id = %L AND status = 'APPROVED'$$, :'r')),
    'points_follow_payment refund_within_amount refunded_in_full reservation_follows_payment', 'refund_above_the_amount_is_found');

-- The debit comes last, so a refused confirmation leaves nothing to undo.
SELECT ((reservation.hold(:'ann', :'schedule', NULL, 'VIP', 1, 2, 300, NULL, NULL, NULL, 'h')).body::json ->> 'reservationId')::uuid AS r2 \gset
CREATE OR REPLACE FUNCTION reservation.confirm(p_reservation uuid, p_payment uuid) RETURNS platform.reply
LANGUAGE sql AS $$ SELECT platform.refuse('RESERVATION_EXPIRED') $$;
SELECT is((payment.pay_by_points(:'ann', :'r2', 5000, 'p2', 'h', 3, 'q')).outcome, 'RESERVATION_EXPIRED', 'refused_confirmation_is_the_answer');
SELECT is((point.get_wallet(:'ann')).body::json ->> 'balance' || ' ' || (SELECT count(*) FROM payment.payments WHERE reservation_id = :'r2'),
    '15000 0', 'refused_confirmation_moves_nothing');

SELECT * FROM finish();
ROLLBACK;
