-- The violations that `make invariants` shows an operator. The guards are off, and the test makes one mistake at a
-- time, across all schemas. reservation_guards, payment_records and point_ledger do the same within one schema.
BEGIN;
SELECT plan(19);
\ir include/reservation.psql
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'), 1, 300, 'hold')) AS a \gset
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'), 2)) AS b \gset
SELECT (point.charge(:'ann', 1000000, 'charge', 'h', 'r')).body::json ->> 'chargeId' AS charge \gset
SELECT (payment.pay_by_points(:'ann', :'a', 150000, 'pay', 'h', 3, 'r')).body::json ->> 'paymentId' AS payment \gset
SELECT is((payment.pay_by_points(:'bob', :'b', 150000, 'poor', 'h', 3, 'r')).outcome, 'INSUFFICIENT_POINTS', 'payment_without_points_fails');
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-5'), 3)) AS c \gset
SELECT (payment.pay_by_points(:'ann', :'c', 150000, 'pay c', 'h', 3, 'r')).body::json ->> 'paymentId' AS refunded \gset
SELECT (reservation.cancel(:'ann', :'c', 'r')).outcome AS cancelled \gset

-- Only violations that this test makes count, not those that were there before.
CREATE TEMP TABLE before AS SELECT * FROM platform.invariants;
CREATE FUNCTION pg_temp.shown_by(p_mistake text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_shown	text;
BEGIN
	BEGIN
		EXECUTE p_mistake;
		SELECT coalesce(string_agg(DISTINCT i.name, ' ' ORDER BY i.name), 'none') INTO v_shown
		FROM (SELECT * FROM platform.invariants EXCEPT SELECT * FROM before) i;
		RAISE EXCEPTION 'taken back';
	EXCEPTION WHEN raise_exception THEN
		RETURN v_shown;
	END;
END $$;
DROP INDEX reservation.one_live_claim_a_seat;
ALTER TABLE reservation.seats DROP CONSTRAINT seat_state;
ALTER TABLE reservation.reservations DROP CONSTRAINT reservation_state;
ALTER TABLE reservation.reservations DROP CONSTRAINT queue_token_used_once;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_follow_ledger;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_stay;
ALTER TABLE point.entries DISABLE TRIGGER entries_append_only;
ALTER TABLE point.entries DISABLE TRIGGER entries_move_wallet;

SELECT is(pg_temp.shown_by('SELECT 1'), 'none', 'system_without_guards_has_no_violation_at_first');
SELECT matches(pg_temp.shown_by(format('INSERT INTO reservation.reservation_seats (reservation_id, seat_id, schedule_id, hold_epoch) VALUES (%L, %L, %L, 1)',
    :'b', pg_temp.seat(:'schedule', 'V-A-1'), :'schedule')), 'reservation.a_seat_has_one_live_claim', 'two_live_claims_of_a_seat_are_found');
SELECT matches(pg_temp.shown_by(format('UPDATE payment.payments SET status = ''FAILED'', failure_code = ''X'', approved_at = NULL WHERE payment_id = %L', :'payment')),
    'reservation.a_confirmed_reservation_is_paid', 'confirmed_reservation_without_payment_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE payment.payments SET amount = 1 WHERE payment_id = %L', :'payment')),
    'reservation.a_confirmed_reservation_is_paid', 'confirmed_reservation_paid_too_little_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE reservation.seats SET status = ''SOLD_OUT'', hold_expires_at = NULL WHERE seat_id = %L', pg_temp.seat(:'schedule', 'V-A-3'))),
    'reservation.a_seat_is_as_its_reservation', 'sold_seat_without_reservation_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE point.wallets SET balance = balance + 1 WHERE user_id = %L', :'ann')),
    'point.balance_is_ledger_sum', 'balance_unlike_the_ledger_sum_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE reservation.reservations SET status = ''CANCELLED'', cancelled_at = now() WHERE reservation_id = %L', :'a')),
    'payment.reservation_follows_payment', 'payment_without_reservation_is_found');
SELECT matches(pg_temp.shown_by(format('DELETE FROM payment.payments WHERE payment_id = %L', :'payment')),
    'payment.points_follow_payment', 'points_taken_without_payment_are_found');
SELECT matches(pg_temp.shown_by(format('UPDATE point.entries SET operation_id = platform.uuid_v7() WHERE operation_id = %L', :'payment')),
    'payment.points_follow_payment', 'payment_that_took_no_points_is_found');
SELECT is(pg_temp.shown_by(format('UPDATE reservation.reservations SET queue_seq = 1, user_id = %L WHERE reservation_id = %L', :'ann', :'b')),
    'reservation.a_queue_token_is_used_once', 'token_used_twice_is_found');
SELECT is(pg_temp.shown_by(format('UPDATE platform.idempotency SET body = replace(body, %L, %L) WHERE user_id = %L AND key = ''hold''', :'a', platform.uuid_v7(), :'ann')),
    'reservation.a_kept_answer_has_its_effect', 'stored_hold_without_reservation_is_found');
SELECT is(pg_temp.shown_by(format('UPDATE platform.idempotency SET body = replace(body, %L, %L) WHERE user_id = %L AND key = ''pay''', :'payment', platform.uuid_v7(), :'ann')),
    'payment.kept_answer_has_its_effect', 'stored_payment_without_payment_is_found');
SELECT is(pg_temp.shown_by(format('UPDATE platform.idempotency SET outcome = ''CREATED'' WHERE user_id = %L AND key = ''poor''', :'bob')),
    'payment.kept_answer_has_its_effect', 'stored_success_of_a_failed_payment_is_found');
SELECT is(pg_temp.shown_by(format('UPDATE platform.idempotency SET body = replace(body, %L, %L) WHERE user_id = %L AND key = ''charge''', :'charge', platform.uuid_v7(), :'ann')),
    'point.kept_answer_has_its_effect', 'stored_charge_without_entry_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE reservation.reservation_seats SET live = false WHERE reservation_id = %L', :'a')),
    'reservation.a_live_reservation_has_all_its_seats', 'ticket_without_its_seat_is_found');
SELECT matches(pg_temp.shown_by(format('DELETE FROM payment.payments WHERE payment_id = %L', :'refunded')),
    'reservation.a_cancelled_ticket_is_refunded', 'cancelled_ticket_without_payment_is_found');
SELECT matches(pg_temp.shown_by(format('UPDATE payment.payments SET status = ''FAILED'', failure_code = ''X'', approved_at = NULL, refunded_at = NULL,
	refunded_amount = 0 WHERE payment_id = %L', :'refunded')),
    'reservation.a_cancelled_ticket_is_refunded', 'cancelled_ticket_with_failed_payment_is_found');
SELECT is(pg_temp.shown_by('SELECT 1'), 'none', 'repaired_system_has_no_violation');

SELECT * FROM finish();
ROLLBACK;
