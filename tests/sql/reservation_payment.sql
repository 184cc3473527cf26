-- What payment and reservation do to each other: claim, confirm, failures,
-- cancel and refund; with the real payment and point functions.
BEGIN;
SELECT plan(78);
\ir include/reservation.psql
CREATE FUNCTION pg_temp.pay(p_user uuid, p_reservation uuid, p_amount bigint, p_attempts int DEFAULT 3) RETURNS platform.reply
LANGUAGE sql AS $$ SELECT payment.pay_by_points(p_user, p_reservation, p_amount, platform.uuid_v7()::text, 'hash', p_attempts, 'pay') $$;
CREATE FUNCTION pg_temp.balance(p_user uuid) RETURNS bigint
LANGUAGE sql AS $$ SELECT ((point.get_wallet(p_user)).body::json ->> 'balance')::bigint $$;
CREATE FUNCTION pg_temp.everything() RETURNS text
LANGUAGE sql AS $$ SELECT (SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s)
    || (SELECT json_agg(r ORDER BY r.reservation_id)::text FROM reservation.reservations r)
    || (SELECT json_agg(c ORDER BY c.reservation_id, c.seat_id)::text FROM reservation.reservation_seats c) $$;
SELECT is((point.charge(:'ann', 1000000, 'c1', 'h', 'r')).outcome, 'CREATED', 'ann has 1,000,000 points');

-- Claiming: what is refused changes nothing.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'R-A-1'))) AS a \gset
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'OK', 'a hold may be paid by its owner, with its price');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'OK', 'asking again says the same');
SELECT is((reservation.claim_for_payment(:'bob', :'a', 250000)).outcome, 'RESERVATION_NOT_FOUND', 'not by another');
SELECT is((reservation.claim_for_payment(:'ann', :'nobody', 250000)).outcome, 'RESERVATION_NOT_FOUND', 'an unknown one');
SELECT is((reservation.claim_for_payment(:'ann', :'a', n)).outcome, 'AMOUNT_MISMATCH', 'not with ' || n) FROM unnest(ARRAY[249999, 250001, 0, -1]) n;
SELECT is((reservation.confirm(:'nobody', :'nobody')).outcome, 'RESERVATION_NOT_FOUND', 'an unknown one cannot be confirmed');
SELECT is((reservation.payment_failed(:'nobody', 1)).outcome, 'RESERVATION_NOT_FOUND', 'nor fail');
SELECT is(reservation.status_of(:'nobody'), NULL, 'and has no status');
SELECT is(pg_temp.everything(), :'everything', 'none of these changed anything');

-- Paying.
SELECT is((pg_temp.pay(:'ann', :'a', 250000)).outcome, 'CREATED', 'it is paid');
SELECT is(reservation.status_of(:'a'), 'CONFIRMED', 'and CONFIRMED');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'SOLD_OUT, epoch 1', 'its seat is SOLD_OUT');
SELECT is(pg_temp.state(:'schedule', 'R-A-1'), 'SOLD_OUT, epoch 1', 'the other too');
SELECT is(((reservation.get_reservation(:'ann', :'a')).body::jsonb -> 'payment') - 'paymentId', '{"status":"APPROVED","method":"POINT","amount":250000}'::jsonb, 'its payment is shown with it');
SELECT is((reservation.get_reservation(:'ann', :'a')).body::jsonb -> 'refund', 'null'::jsonb, 'no refund');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((reservation.get_reservation(:'ann', :'a')).body::json -> 'payment') WITH ORDINALITY o (k, n)),
    ARRAY['paymentId', 'status', 'method', 'amount'], 'members in their order');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'RESERVATION_ALREADY_PAID', 'once');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 1)).outcome, 'RESERVATION_ALREADY_PAID', 'whatever the amount');
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.confirm(:'a', payment_id)).outcome, 'OK', 'the same payment may say so again') FROM reservation.reservations WHERE reservation_id = :'a';
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_ALREADY_PAID', 'another may not');
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"CONFIRMED","failedPayments":0}', 'a failure does not count any more');
SELECT is(pg_temp.everything(), :'everything', 'none of these changed anything');
SELECT is_empty('SELECT * FROM platform.invariants', 'no invariant is hurt');

-- Cancelling what is paid.
SELECT is((reservation.cancel(:'bob', :'a', 'r')).outcome, 'RESERVATION_NOT_FOUND', 'nobody cancels another''s');
SELECT is(pg_temp.balance(:'ann'), 750000::bigint, 'the points are spent');
SELECT reservation.cancel(:'ann', :'a', 'r1') AS reply \gset x_
SELECT is((:'x_reply'::platform.reply).outcome, 'OK', 'it is cancelled by its owner');
SELECT is((:'x_reply'::platform.reply).body::json ->> 'status', 'CANCELLED', 'CANCELLED');
SELECT is((:'x_reply'::platform.reply).body::jsonb -> 'refund', '{"amount":250000,"status":"REFUNDED"}'::jsonb, 'and refunded in full');
SELECT is((:'x_reply'::platform.reply).body::jsonb #>> '{payment,status}', 'REFUNDED', 'its payment says so');
SELECT is(pg_temp.balance(:'ann'), 1000000::bigint, 'the points are back');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'AVAILABLE, epoch 1', 'the seat is AVAILABLE');
SELECT pg_temp.everything() AS everything \gset
SELECT is((reservation.cancel(:'ann', :'a', 'r2')).body, (:'x_reply'::platform.reply).body, 'again: the same, to the byte');
SELECT is(pg_temp.balance(:'ann'), 1000000::bigint, 'and given back once');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 250000)).outcome, 'RESERVATION_CANCELLED', 'it cannot be paid again');
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_CANCELLED', 'nor confirmed');
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"CANCELLED","failedPayments":0}', 'nor fail');
SELECT is(pg_temp.everything(), :'everything', 'nothing of this changed anything');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'AVAILABLE, epoch 1', 'the seat');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'CREATED', 'is another''s now');
SELECT is((reservation.cancel(:'ann', :'a', 'r3')).body, (:'x_reply'::platform.reply).body, 'and again: still the same');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'without touching it');

-- Cancelling a hold.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-3'))) AS b \gset
SELECT reservation.cancel(:'ann', :'b', 'r') AS reply \gset y_
SELECT is((:'y_reply'::platform.reply).body::jsonb ->> 'status', 'CANCELLED', 'a hold is cancelled');
SELECT is((:'y_reply'::platform.reply).body::jsonb -> 'refund', 'null'::jsonb, 'with nothing to give back');
SELECT is(pg_temp.state(:'schedule', 'V-A-3'), 'AVAILABLE, epoch 1', 'its seats are AVAILABLE');
SELECT is((reservation.cancel(:'ann', :'b', 'r')).body, (:'y_reply'::platform.reply).body, 'again: the same');
SELECT is((reservation.cancel(:'ann', :'nobody', 'r')).outcome, 'RESERVATION_NOT_FOUND', 'an unknown one is not found');
SELECT is((pg_temp.pay(:'ann', :'b', 300000)).outcome, 'RESERVATION_CANCELLED', 'it cannot be paid');

-- The concert has begun.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":4}]') AS tonight \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'tonight', pg_temp.seats(:'tonight', 'V-A-1'))) AS c \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'tonight', pg_temp.seats(:'tonight', 'V-A-2'))) AS d \gset
SELECT is((pg_temp.pay(:'ann', :'c', 1000)).outcome, 'CREATED', 'a seat for tonight');
UPDATE reservation.schedules SET start_at = clock_timestamp() WHERE schedule_id = :'tonight';
SELECT is((reservation.cancel(:'ann', :'c', 'r')).outcome, 'CANCELLATION_CLOSED', 'cannot be given back once it has begun');
SELECT is(reservation.status_of(:'c'), 'CONFIRMED', 'it stays CONFIRMED');
SELECT is(pg_temp.balance(:'ann'), 999000::bigint, 'and paid');
SELECT is((reservation.cancel(:'ann', :'d', 'r')).outcome, 'OK', 'a hold can');
UPDATE reservation.schedules SET start_at = clock_timestamp() + interval '2 seconds' WHERE schedule_id = :'tonight';
SELECT is((reservation.cancel(:'ann', :'c', 'r')).outcome, 'OK', 'until the last moment it can');

-- Failed payments.
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))) AS e \gset
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'INSUFFICIENT_POINTS', 'bob has no points');
SELECT is(reservation.status_of(:'e'), 'HOLD', 'the hold lives on');
SELECT is((SELECT failed_payments FROM reservation.reservations WHERE reservation_id = :'e'), 1, 'the failure is counted');
SELECT is((reservation.get_reservation(:'bob', :'e')).body::jsonb #>> '{payment,status}', 'FAILED', 'and shown');
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'INSUFFICIENT_POINTS', 'again');
SELECT is((point.charge(:'bob', 200000, 'c1', 'h', 'r')).outcome, 'CREATED', 'he charges');
SELECT is((pg_temp.pay(:'bob', :'e', 150000)).outcome, 'CREATED', 'and pays');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-2'))) AS f \gset
SELECT is((pg_temp.pay(:'cleo', :'f', 150000)).outcome, 'INSUFFICIENT_POINTS', 'cleo fails') FROM generate_series(1, 3);
SELECT is(reservation.status_of(:'f'), 'CANCELLED', 'the third time cancels');
SELECT is(pg_temp.state(:'schedule', 'V-B-2'), 'AVAILABLE, epoch 1', 'and frees the seat');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'))) AS g \gset
SELECT is((reservation.payment_failed(:'g', 1)).body, '{"status":"CANCELLED","failedPayments":1}', 'where one attempt is allowed, the first cancels');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-4'))) AS h \gset
SELECT pg_temp.ends_in(:'h', interval '-1 ms') IS NULL AS over \gset
SELECT is((reservation.payment_failed(:'h', 1)).body, '{"status":"HOLD","failedPayments":1}', 'failure_of_a_run_out_hold_is_counted');
-- In a statement of its own, which sees what the one before it wrote.
SELECT is(reservation.status_of(:'h'), 'EXPIRED', 'failed_payment_does_not_cancel_a_run_out_hold');
SELECT is_empty('SELECT * FROM platform.invariants', 'after all this no invariant is hurt');

-- What only damage can do: a paid seat has moved on, by its epoch alone. Nobody is refunded for a seat that may be another's.
UPDATE reservation.seats SET hold_epoch = hold_epoch + 1 WHERE seat_id = pg_temp.seat(:'schedule', 'V-B-1');
SELECT pg_temp.everything() AS everything, pg_temp.balance(:'bob') AS balance \gset
SELECT is((reservation.cancel(:'bob', :'e', 'r')).outcome, 'RESERVATION_EXPIRED', 'a ticket whose seat has moved on is not cancelled');
SELECT is(pg_temp.balance(:'bob'), :balance::bigint, 'nor refunded');
SELECT is((SELECT status FROM payment.payments WHERE reservation_id = :'e' AND status <> 'FAILED'), 'APPROVED', 'its payment is as it was');
SELECT is(pg_temp.everything(), :'everything', 'and so is the seat');
SELECT isnt(pg_temp.hurt(), 'none', 'and the checker says that something is wrong');

SELECT * FROM finish();
ROLLBACK;
