-- Paying with points over the real reservations and the real ledger: approved,
-- refused, failed, replayed, cancelled; and that in each case either all of it
-- happened or nothing.
BEGIN;
SELECT plan(106);

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

-- Holds the next free seat for a user; its reservation's id.
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
-- The seat's status on the map, of a reservation.
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

SELECT is((point.charge(:'ann', 120000, 'k', 'h', 'r')).outcome, 'CREATED', 'ann has 120,000 points');
SELECT pg_temp.hold(:'ann') AS r1, pg_temp.hold(:'ann') AS r2, pg_temp.hold(:'ann') AS r3, pg_temp.hold(:'bob') AS r4 \gset
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);

-- Approved.
INSERT INTO said SELECT 'paid', pg_temp.pay(:'ann', :'r1', 'p1');
SELECT is((r).outcome, 'CREATED', 'a payment is CREATED') FROM said;
SELECT is((r).request_id, 'request of p1', 'with its request''s id') FROM said;
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['paymentId', 'reservationId', 'status', 'method', 'amount', 'failureCode', 'approvedAt', 'refundedAt',
          'reservationStatus', 'createdAt'], 'its body has the contract''s members in their order') FROM said;
SELECT is((r).body::jsonb - 'paymentId' - 'approvedAt' - 'createdAt', jsonb_build_object('reservationId', :'r1', 'status', 'APPROVED',
    'method', 'POINT', 'amount', 50000, 'failureCode', NULL, 'refundedAt', NULL, 'reservationStatus', 'CONFIRMED'),
    'APPROVED, and its reservation CONFIRMED') FROM said;
SELECT matches((r).body::json ->> 'approvedAt', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'approvedAt is a time') FROM said;
SELECT matches((r).body::json ->> 'createdAt', '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$', 'so is createdAt') FROM said;
SELECT is(reservation.status_of(:'r1'), 'CONFIRMED', 'the reservation is CONFIRMED');
SELECT is(pg_temp.seats(:'r1'), 'SOLD_OUT', 'its seat SOLD_OUT');
SELECT is(pg_temp.balance(:'ann'), 70000, 'and the points are taken');
SELECT is(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'referenceId'), 'DEDUCT 50000 ' || ((r).body::json ->> 'paymentId'),
    'by an entry that refers to the payment')
FROM said, LATERAL (SELECT (point.list_entries(:'ann', 1, NULL)).body::json -> 'items' -> 0 AS h) x;
SELECT is((payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)), ROW('OK', (r).body, NULL, false, NULL)::platform.reply,
    'the payment can be read, the same to the byte') FROM said;
SELECT is((payment.get_payment(:'bob', ((r).body::json ->> 'paymentId')::uuid)).outcome, 'PAYMENT_NOT_FOUND', 'by nobody else') FROM said;
SELECT is((payment.get_payment(:'ann', :'nil')).outcome, 'PAYMENT_NOT_FOUND', 'and what is not there is not found');
SELECT is(payment.for_reservation(:'r1')::text, format('{"paymentId":"%s","status":"APPROVED","method":"POINT","amount":50000}',
    (r).body::json ->> 'paymentId'), 'the reservation is told of it') FROM said;
SELECT is(payment.refund_of(:'r1')::text, NULL, 'and of no refund');

-- The same key again.
SELECT is(pg_temp.pay(:'ann', :'r1', 'p1'), ROW('CREATED', (r).body, NULL, true, 'request of p1')::platform.reply,
    'a replay is the first answer, to the byte') FROM said;
SELECT is((pg_temp.pay(:'ann', :'r2', 'p1')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'the key is not for another reservation');
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'nor for another amount');
SELECT is(pg_temp.balance(:'ann') || ' ' || pg_temp.entries(:'ann'), '70000 2', 'and nothing is taken twice');
SELECT is(pg_temp.payments(:'r2'), 'none', 'nor anything put on record');

-- Refused: nothing moves, nothing is on record; kept under the key.
SELECT is((pg_temp.pay(:'ann', :'r1', 'again')).outcome, 'RESERVATION_ALREADY_PAID', 'what is paid is not paid again, with whatever key');
SELECT ok((pg_temp.pay(:'ann', :'r1', 'again')).replayed, 'which is kept');
SELECT is((pg_temp.pay(:'ann', :'nil', 'nil')).outcome, 'RESERVATION_NOT_FOUND', 'no reservation, no payment');
SELECT ok((pg_temp.pay(:'ann', :'nil', 'nil')).replayed, 'which is kept');
SELECT is((pg_temp.pay(:'bob', :'r2', 'bob')).outcome, 'RESERVATION_NOT_FOUND', 'nobody pays for another''s');
SELECT is((pg_temp.pay(:'ann', :'r2', 'less', 49999)).outcome, 'AMOUNT_MISMATCH', 'the amount must be what it costs');
SELECT is((pg_temp.pay(:'ann', :'r2', 'more', 50001)).outcome, 'AMOUNT_MISMATCH', 'neither less nor more');
SELECT ok((pg_temp.pay(:'ann', :'r2', 'less', 49999)).replayed, 'which is kept');
SELECT is((pg_temp.pay(:'ann', :'r2', 'zero', a)).outcome, 'INVALID_REQUEST', format('an amount of %s is none', a)) FROM unnest(ARRAY[0, -50000]) a;
SELECT is((pg_temp.pay(:'ann', :'r2', 'zero', 49999)).replayed, false, 'which is not kept');
SELECT is((SELECT count(*)::int FROM payment.payments WHERE user_id IN (:'ann', :'bob')), 1, 'none of these is on record');
SELECT is(pg_temp.balance(:'ann') || ' ' || reservation.status_of(:'r2') || ' ' || pg_temp.seats(:'r2'), '70000 HOLD HOLD', 'nothing has moved');

-- Time: a hold is dead exactly at its end, swept or not.
SELECT pg_temp.hold(:'ann', 1) AS late, pg_temp.hold(:'ann', 1) AS swept \gset
SELECT pg_sleep(1.05) IS NOT NULL AS slept \gset
SELECT is((pg_temp.pay(:'ann', :'late', 'late')).outcome, 'RESERVATION_EXPIRED', 'a hold that has run out cannot be paid');
SELECT ok((pg_temp.pay(:'ann', :'late', 'late')).replayed, 'which is kept');
SELECT is(pg_temp.balance(:'ann') || ' ' || pg_temp.payments(:'late'), '70000 none', 'and nothing moved');
SELECT is((reservation.sweep(100)).outcome, 'OK', 'the sweeper comes by');
SELECT is((pg_temp.pay(:'ann', :'swept', 'swept')).outcome, 'RESERVATION_EXPIRED', 'it is the same when it has been swept');

-- Too few points: a failure on record, the hold lives on, and then it is cancelled.
INSERT INTO said SELECT 'poor', pg_temp.pay(:'bob', :'r4', 'b1');
SELECT is((r).outcome, 'INSUFFICIENT_POINTS', 'bob has no points') FROM said WHERE name = 'poor';
SELECT matches((r).body, '^{"paymentId":"[0-9a-f-]{36}","balance":0}$', 'he is told the payment and his balance') FROM said WHERE name = 'poor';
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS', 'the payment is on record as FAILED');
SELECT is((payment.get_payment(:'bob', ((r).body::json ->> 'paymentId')::uuid)).body::jsonb - 'createdAt',
    jsonb_build_object('paymentId', (r).body::json ->> 'paymentId', 'reservationId', :'r4', 'status', 'FAILED', 'method', 'POINT',
    'amount', 50000, 'failureCode', 'INSUFFICIENT_POINTS', 'approvedAt', NULL, 'refundedAt', NULL, 'reservationStatus', 'HOLD'),
    'and says why') FROM said WHERE name = 'poor';
SELECT is(payment.for_reservation(:'r4') ->> 'status', 'FAILED', 'the reservation is told');
SELECT is(pg_temp.pay(:'bob', :'r4', 'b1'), ROW('INSUFFICIENT_POINTS', (r).body, NULL, true, 'request of b1')::platform.reply,
    'a replay is the first answer, to the byte') FROM said WHERE name = 'poor';
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS', 'and no second failure');
SELECT is(reservation.status_of(:'r4') || ' ' || pg_temp.seats(:'r4'), 'HOLD HOLD', 'the hold lives on');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L', :'bob'), 'and no wallet is made by failing');
SELECT is((point.charge(:'bob', 49999, 'k', 'h', 'r')).outcome, 'CREATED', 'bob charges, one point too few');
SELECT matches((pg_temp.pay(:'bob', :'r4', 'b2')).body, '"balance":49999}$', 'the second failure');
SELECT is(pg_temp.balance(:'bob') || ' ' || pg_temp.entries(:'bob'), '49999 1', 'moves nothing');
SELECT is((pg_temp.pay(:'bob', :'r4', 'b1')).body, (r).body, 'the first answer is still the first') FROM said WHERE name = 'poor';
SELECT is((pg_temp.pay(:'bob', :'r4', 'b3')).outcome, 'INSUFFICIENT_POINTS', 'the third failure');
SELECT is(reservation.status_of(:'r4'), 'CANCELLED', 'cancels the reservation');
SELECT is(pg_temp.payments(:'r4'), 'FAILED INSUFFICIENT_POINTS, FAILED INSUFFICIENT_POINTS, FAILED INSUFFICIENT_POINTS', 'with three failures on record');
SELECT is(payment.for_reservation(:'r4') ->> 'paymentId', (SELECT max(payment_id::text) FROM payment.payments WHERE reservation_id = :'r4'),
    'of which the last counts');
SELECT is(pg_temp.seats(:'r4'), 'AVAILABLE', 'and its seat is free');
SELECT is((point.charge(:'bob', 1000, 'k2', 'h', 'r')).outcome, 'CREATED', 'with enough points');
SELECT is((pg_temp.pay(:'bob', :'r4', 'b4')).outcome, 'RESERVATION_CANCELLED', 'it is too late');
SELECT is(pg_temp.balance(:'bob'), 50999, 'and nothing moves');
SELECT pg_temp.hold(:'nil') AS once, pg_temp.hold(:'bob') AS r5 \gset
SELECT is((pg_temp.pay(:'nil', :'once', 'n1', 50000, 1)).outcome, 'INSUFFICIENT_POINTS', 'with one attempt only');
SELECT is(reservation.status_of(:'once'), 'CANCELLED', 'a failed payment cancels');
SELECT is((pg_temp.pay(:'bob', :'r5', 'b5', 50000, 1)).outcome, 'CREATED', 'and an approved one');
SELECT is(reservation.status_of(:'r5') || ' ' || pg_temp.balance(:'bob'), 'CONFIRMED 999', 'does not');

-- A failure, then enough points.
SELECT is((pg_temp.pay(:'ann', :'r2', 'a2')).outcome, 'CREATED', 'ann pays for her second');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3')).outcome, 'INSUFFICIENT_POINTS', 'and is 30,000 short for her third');
SELECT is((point.charge(:'ann', 30000, 'k2', 'h', 'r')).outcome, 'CREATED', 'charges them');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3')).replayed, true, 'the failed key stays failed');
SELECT is((pg_temp.pay(:'ann', :'r3', 'a3b')).outcome, 'CREATED', 'a new one pays');
SELECT is(pg_temp.payments(:'r3'), 'FAILED INSUFFICIENT_POINTS, APPROVED', 'both are on record');
SELECT is(payment.for_reservation(:'r3') ->> 'status', 'APPROVED', 'and the one that succeeded counts');

-- Cancelled: given back once.
SELECT is((reservation.cancel(:'ann', :'r1', 'c1')).body::json ->> 'refund', '{"amount":50000,"status":"REFUNDED"}', 'a cancelled reservation is refunded');
SELECT is(pg_temp.balance(:'ann') || ' ' || reservation.status_of(:'r1') || ' ' || pg_temp.seats(:'r1'), '50000 CANCELLED AVAILABLE', 'the points are back and the seat free');
SELECT is(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'referenceId'), 'ROLLBACK 50000 ' || ((r).body::json ->> 'paymentId'),
    'by an entry that refers to the payment')
FROM said, LATERAL (SELECT (point.list_entries(:'ann', 1, NULL)).body::json -> 'items' -> 0 AS h) x WHERE name = 'paid';
SELECT is(b ->> 'status' || ' ' || (b ->> 'reservationStatus'), 'REFUNDED CANCELLED', 'the payment is REFUNDED')
FROM said, LATERAL (SELECT (payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)).body::json AS b) x WHERE name = 'paid';
SELECT matches((payment.get_payment(:'ann', ((r).body::json ->> 'paymentId')::uuid)).body, '"refundedAt":"\d{4}', 'and says when') FROM said WHERE name = 'paid';
SELECT refunded_at AS when FROM payment.payments WHERE reservation_id = :'r1' \gset
SELECT is((reservation.cancel(:'ann', :'r1', 'c2')).body::json ->> 'refund', '{"amount":50000,"status":"REFUNDED"}', 'cancelled again it is the same');
SELECT is(payment.refund(:'r1', 'c3'), ROW('OK', '{"amount":50000,"status":"REFUNDED"}', NULL, false, 'c3')::platform.reply, 'refunded again too');
SELECT is(pg_temp.balance(:'ann'), 50000, 'and nothing is given back twice');
SELECT is(refunded_at, :'when', 'nor does its time change') FROM payment.payments WHERE reservation_id = :'r1';
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1')).body, (r).body, 'the key''s first answer is still the first, byte for byte') FROM said WHERE name = 'paid';
SELECT is((pg_temp.pay(:'ann', :'r1', 'p1-new')).outcome, 'RESERVATION_CANCELLED', 'and what was cancelled is not paid again');
SELECT is(payment.for_reservation(:'r1') ->> 'status', 'REFUNDED', 'the reservation is told');
SELECT is(payment.refund(:'r4', 'c4'), ROW('PAYMENT_NOT_FOUND', NULL, NULL, false, 'c4')::platform.reply, 'what only failed is not refunded');
SELECT is((payment.refund(:'nil', 'c5')).outcome, 'PAYMENT_NOT_FOUND', 'nor what is not there');
SELECT is((payment.refund_of(:'r4'))::text, NULL, 'nor shown as a refund');

-- Lists: own ones, newest first, in pages.
SELECT is((SELECT array_agg(p ->> 'paymentId' ORDER BY n)
    FROM json_array_elements((payment.list_payments(:'ann', 100, NULL)).body::json -> 'items') WITH ORDINALITY o (p, n)),
    (SELECT array_agg(payment_id::text ORDER BY payment_id DESC) FROM payment.payments WHERE user_id = :'ann'), 'ann''s payments, newest first');
SELECT is((SELECT array_agg(p ->> 'status' ORDER BY n)
    FROM json_array_elements((payment.list_payments(:'ann', 100, NULL)).body::json -> 'items') WITH ORDINALITY o (p, n)),
    ARRAY['APPROVED', 'FAILED', 'APPROVED', 'REFUNDED'], 'four of them');
CREATE TEMP TABLE page AS SELECT b -> 'items' AS items, b ->> 'nextCursor' AS next, (b -> 'items' -> 2 ->> 'paymentId')::uuid AS last
FROM (SELECT (payment.list_payments(:'ann', 3, NULL)).body::json AS b) x;
SELECT is(json_array_length(items), 3, 'a page of three') FROM page;
SELECT is(next, platform.cursor(last), 'its cursor is its last payment') FROM page;
SELECT is(json_array_length(b -> 'items') || ' ' || coalesce(b ->> 'nextCursor', 'no more'), '1 no more', 'and one more on the next')
FROM (SELECT (payment.list_payments(:'ann', 3, last)).body::json AS b FROM page) x;
SELECT is((payment.list_payments(:'ann', 4, NULL)).body::json ->> 'nextCursor', NULL, 'a page that holds all has no next');
SELECT is((payment.list_payments(:'bob', 3, last)).outcome, 'INVALID_REQUEST', 'another user''s place is no cursor') FROM page;
SELECT is((payment.list_payments(:'ann', 3, gen_random_uuid())).outcome, 'INVALID_REQUEST', 'nor is any id');
SELECT is((payment.list_payments(gen_random_uuid(), 20, NULL)).body, '{"items":[],"nextCursor":null}', 'who has none sees none');

-- A batch, as the service sends it: each row its own outcome.
SELECT pg_temp.hold(:'ann') AS r6 \gset
SELECT is((SELECT array_agg(o.outcome ORDER BY r.n) FROM unnest(
    ARRAY[:'ann', :'ann', :'ann', :'bob']::uuid[], ARRAY[:'r6', :'r6', :'r6', :'r6']::uuid[],
    ARRAY['x1', 'x1', 'x2', 'x1']) WITH ORDINALITY r (u, v, k, n),
    LATERAL payment.pay_by_points(r.u, r.v, 50000, r.k, 'h', 3, 'q') o),
    ARRAY['CREATED', 'CREATED', 'RESERVATION_ALREADY_PAID', 'RESERVATION_NOT_FOUND'], 'a batch: each row has its own outcome');
SELECT is(pg_temp.balance(:'ann'), 0, 'and is paid once');

-- What the services may call.
SELECT is_empty($$SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r
    WHERE p.pronamespace = 'payment'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
      AND r.rolname ~ '_(service|owner)$' AND r.rolname <> 'payment_owner'
      AND NOT (r.rolname = 'payment_service' AND p.proname IN ('pay_by_points', 'get_payment', 'list_payments',
	  'begin_card', 'confirm_again', 'settle_card', 'due_cards', 'heard_of'))
      AND NOT (r.rolname = 'reservation_owner' AND p.proname IN ('refund', 'refund_of', 'for_reservation'))$$,
    'only what is made for them: the payment service, and the reservations'' owner');
SELECT is_empty($$SELECT c.relname, r.rolname FROM pg_class c, pg_roles r
    WHERE c.relnamespace = 'payment'::regnamespace AND c.relkind IN ('r', 'v') AND r.rolname ~ '_(service|owner)$'
      AND r.rolname <> 'payment_owner'
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')$$,
    'and nobody has any right on its tables');
SELECT pg_temp.hold(:'bob') AS r7 \gset
SET LOCAL ROLE payment_service;
SELECT is((payment.pay_by_points(:'bob', :'r7', 50000, 'as service', 'h', 3, 'q')).outcome, 'INSUFFICIENT_POINTS', 'the service can pay');
SELECT is((payment.list_payments(:'bob', 1, NULL)).outcome, 'OK', 'and list');
SELECT throws_ok(format('SELECT payment.refund(%L, %L)', :'r5', 'q'), '42501', NULL, 'but not refund');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %1$L, %1$L)', :'bob'), '42501', NULL, 'nor move points');
SELECT throws_ok(format('SELECT reservation.confirm(%L, %1$L)', :'r7'), '42501', NULL, 'nor confirm by itself');
SELECT throws_ok('SELECT 1 FROM payment.payments', '42501', NULL, 'nor read the table');
RESET ROLE;

SELECT is_empty('SELECT * FROM platform.invariants', 'after all that no invariant is hurt');

SELECT * FROM finish();
ROLLBACK;
