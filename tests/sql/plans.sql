-- A call reads only the rows that it is about, whatever the statistics say. The services' connections plan each
-- statement once, with the statistics of that moment, and keep the plan. After a sale few seats are free. Then the
-- index of free seats looks like the cheapest way to find a seat, but in the next sale it is the most expensive one.
BEGIN;
SELECT plan(23);
\ir include/reservation.psql

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

-- Entries of indexes and rows of tables that were read so far.
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('reservation', 'payment', 'point', 'platform')
$$;
-- Runs a statement that calls one function; passes if it read few rows.
CREATE FUNCTION pg_temp.reads_few(p_statement text, p_what text, p_most int DEFAULT 300) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_reply		platform.reply;
	v_read		bigint;
BEGIN
	EXECUTE p_statement INTO v_reply;
	v_read := pg_temp.read() - v_before;
	RETURN ok(v_read <= p_most, p_what || '_reads_few_rows') ||
	    CASE WHEN v_read > p_most THEN E'\n' || diag(format('%s rows, %s', v_read, v_reply)) ELSE '' END;
END
$$;
CREATE FUNCTION pg_temp.user_no(p_no int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
	SELECT ('00000000-0000-7000-8000-' || lpad(p_no::text, 12, '0'))::uuid
$$;

-- Earlier sales: small and sold out.
CREATE TEMP TABLE before AS
SELECT pg_temp.new_schedule('[{"section":"Z","grade":"R","price":1000,"rows":1,"seatsPerRow":5}]') AS schedule FROM generate_series(1, 400);
SET LOCAL session_replication_role = replica;
INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq, total_amount, hold_ttl_seconds, hold_expires_at,
    created_at, status, expired_at)
SELECT platform.uuid_v7(), pg_temp.user_no(n), b.schedule, n, 1000, 300, now(), now(), 'EXPIRED', now() FROM before b, generate_series(1, 5) n;
INSERT INTO reservation.reservation_seats (reservation_id, seat_id, schedule_id, hold_epoch, live)
SELECT r.reservation_id, s.seat_id, s.schedule_id, 1, false
FROM before b JOIN reservation.reservations r ON r.schedule_id = b.schedule
JOIN reservation.seats s ON s.schedule_id = b.schedule AND s.number = r.queue_seq;
INSERT INTO payment.payments (payment_id, reservation_id, user_id, method, amount, status, failure_code, created_at)
SELECT platform.uuid_v7(), r.reservation_id, r.user_id, 'CARD', 1000, 'FAILED', 'CARD_DECLINED', now()
FROM before b JOIN reservation.reservations r ON r.schedule_id = b.schedule;
INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, asked_at, sent_at)
SELECT p.payment_id, 'old key of ' || p.payment_id, 'old', 'hash', now(), now()
FROM before b JOIN reservation.reservations r ON r.schedule_id = b.schedule JOIN payment.payments p ON p.reservation_id = r.reservation_id;
INSERT INTO point.charges (charge_id, user_id, amount, status, payment_key, order_id, idempotency_key, request_hash, asked_at, created_at, settled_at)
SELECT p.payment_id, p.user_id, 1000, 'CHARGED', 'old charge ' || p.payment_id, 'old', 'old', 'hash', now(), now(), now()
FROM before b JOIN reservation.reservations r ON r.schedule_id = b.schedule JOIN payment.payments p ON p.reservation_id = r.reservation_id;
UPDATE reservation.seats SET status = 'SOLD_OUT', hold_expires_at = NULL,
    reservation_id = (SELECT min(reservation_id::text)::uuid FROM reservation.reservations) WHERE status <> 'SOLD_OUT';
SET LOCAL session_replication_role = origin;
ANALYZE reservation.seats, reservation.reservations, reservation.reservation_seats, payment.payments, payment.cards,
    point.wallets, point.entries, point.charges, platform.idempotency, platform.outbox;

-- The next sale: 20,000 free seats, 2,000 of them held, 300 of these with a begun card payment.
SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":200,"seatsPerRow":100}]') AS hall \gset
CREATE TEMP TABLE places AS
SELECT s.seat_id, row_number() OVER (ORDER BY s.row_no, s.number)::int AS n FROM reservation.seats s WHERE s.schedule_id = :'hall';
CREATE TEMP TABLE held AS
SELECT p.n, pg_temp.user_no(p.n) AS user_id, pg_temp.id(pg_temp.hold(pg_temp.user_no(p.n), :'hall', ARRAY[p.seat_id])) AS id
FROM places p WHERE p.n <= 2000;
SELECT count(*) AS charged FROM held h, LATERAL point.charge(h.user_id, 5000, 'first', 'hash', 'request') WHERE h.n <= 1000 \gset
SELECT count(*) AS begun FROM held h, LATERAL payment.begin_card(h.user_id, h.id, 1000, 'key of ' || h.n, 'begin', 'hash', 1000, 'request')
WHERE h.n > 1700 \gset
SELECT :charged + :begun AS got \gset
SELECT is(:got, 1300, 'all_1300_charges_and_card_payments_are_made');

SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, ARRAY[%L]::uuid[])', pg_temp.user_no(5001), :'hall',
    (SELECT seat_id FROM places WHERE n = 5001)), 'hold');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, ARRAY[%L]::uuid[], p_key => %L)', pg_temp.user_no(5002), :'hall',
    (SELECT seat_id FROM places WHERE n = 5002), 'key'), 'hold_with_a_key');
SELECT pg_temp.reads_few(format('SELECT h.outcome, h.body, h.etag, h.replayed, h.request_id FROM reservation.hold_many(ARRAY[%L, %L], ARRAY[%L, %L],
    ARRAY[%L, %L], ARRAY[NULL, NULL], ARRAY[NULL, NULL], ARRAY[%L, %L], ARRAY[%L, %L], ARRAY[NULL, NULL], ARRAY[NULL, NULL], ARRAY[NULL, NULL],
    ARRAY[%L, %L], ARRAY[''5'', ''5'']) h', pg_temp.user_no(5003), pg_temp.user_no(5004), :'hall', :'hall', (SELECT ARRAY[seat_id] FROM places WHERE n = 5003)::text,
    (SELECT ARRAY[seat_id] FROM places WHERE n = 5004)::text, '90001', '90002', '300', '300', 'r', 'r'), 'two_holds_in_one_call');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, ARRAY[%L]::uuid[])', pg_temp.user_no(5005), :'hall',
    (SELECT seat_id FROM places WHERE n = 1)), 'refused_hold');
SELECT pg_temp.ends_in((SELECT id FROM held WHERE n = 1001), '-1 second');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, ARRAY[%L]::uuid[])', pg_temp.user_no(5006), :'hall',
    (SELECT seat_id FROM places WHERE n = 1001)), 'hold_of_a_seat_whose_hold_has_run_out');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold_best(%L, %L, %L, 2)', pg_temp.user_no(5007), :'hall', 'R'), 'best_available', 3000);
SELECT pg_temp.reads_few(format('SELECT * FROM payment.pay_by_points(%L, %L, 1000, %L, %L, 3, %L)', h.user_id, h.id, 'pay', 'hash', 'r'),
    'payment_by_points') FROM held h WHERE h.n = 1;
SELECT pg_temp.reads_few(format('SELECT * FROM payment.pay_by_points(%L, %L, 1000, %L, %L, 3, %L)', h.user_id, h.id, 'pay', 'hash', 'r'),
    'payment_without_enough_points') FROM held h WHERE h.n = 1002;
SELECT pg_temp.reads_few(format('SELECT * FROM reservation.cancel(%L, %L, %L)', h.user_id, h.id, 'r'), 'cancellation_of_a_hold')
FROM held h WHERE h.n = 2;
SELECT pg_temp.reads_few(format('SELECT * FROM reservation.cancel(%L, %L, %L)', h.user_id, h.id, 'r'), 'cancellation_of_a_ticket')
FROM held h WHERE h.n = 1;
SELECT pg_temp.reads_few(format('SELECT * FROM payment.begin_card(%L, %L, 1000, %L, %L, %L, 1000, %L)', h.user_id, h.id, 'key of 3', 'begin', 'hash', 'r'),
    'begin_of_a_card_payment') FROM held h WHERE h.n = 3;
SELECT pg_temp.reads_few(format('SELECT * FROM payment.settle_card(%L, %L, %L, NULL, 3)', h.user_id, p.payment_id, 'CAPTURED'), 'captured_card_payment')
FROM held h JOIN payment.payments p ON p.reservation_id = h.id WHERE h.n = 1701;
SELECT pg_temp.reads_few(format('SELECT * FROM payment.settle_card(%L, %L, %L, %L, 3)', h.user_id, p.payment_id, 'DECLINED', 'REJECTED'), 'declined_card_payment')
FROM held h JOIN payment.payments p ON p.reservation_id = h.id WHERE h.n = 1702;
SELECT pg_temp.reads_few(format('SELECT * FROM reservation.cancel(%L, %L, %L)', h.user_id, h.id, 'r'), 'cancellation_of_a_card_payment') FROM held h WHERE h.n = 1701;
SELECT pg_temp.reads_few(format('SELECT * FROM point.charge(%L, 1000, %L, %L, %L)', h.user_id, 'second', 'hash', 'r'), 'charge') FROM held h WHERE h.n = 4;
-- Batches, each planned now with the statistics of a small sale.
SELECT pg_temp.reads_few(format('SELECT c.outcome, c.body, c.etag, c.replayed, c.request_id FROM point.charge_many(%L, %L, %L, %L, %L) c',
    array_agg(h.user_id::text), array_agg('1000'::text), array_agg('batch'::text), array_agg('hash'::text), array_agg('r'::text)), 'batch_of_ten_charges', 600)
FROM held h WHERE h.n BETWEEN 11 AND 20;
SELECT pg_temp.reads_few(format('SELECT p.outcome, p.body, p.etag, p.replayed, p.request_id FROM payment.pay_by_points_many(%L, %L, %L, %L, %L, %L, %L) p',
    array_agg(h.user_id::text), array_agg(h.id::text), array_agg('1000'::text), array_agg('batch'::text), array_agg('hash'::text), array_agg('3'::text),
    array_agg('r'::text)), 'batch_of_ten_payments', 900) FROM held h WHERE h.n BETWEEN 11 AND 20;
SELECT is((SELECT count(*) FROM payment.payments p JOIN held h ON h.id = p.reservation_id WHERE h.n BETWEEN 11 AND 20 AND p.status = 'APPROVED'), 10::bigint,
    'batch_of_ten_payments_is_approved');
SELECT pg_temp.reads_few(format('SELECT * FROM reservation.get_reservation(%L, %L)', h.user_id, h.id), 'look_at_a_reservation') FROM held h WHERE h.n = 5;
SELECT pg_temp.ends_in((SELECT id FROM held WHERE n = 1004), '-1 second');
SELECT pg_temp.reads_few(format('SELECT h.outcome, h.body, h.etag, h.replayed, h.request_id FROM reservation.hold_many(ARRAY[%L], ARRAY[%L],
    ARRAY[%L], ARRAY[NULL], ARRAY[NULL], ARRAY[%L], ARRAY[%L], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[%L], ARRAY[''5'']) h',
    pg_temp.user_no(5008), :'hall', (SELECT ARRAY[seat_id] FROM places WHERE n = 1004)::text, '90003', '300', 'r'),
    'hold_of_such_a_seat_in_a_batch');
SELECT pg_temp.reads_few(format('SELECT * FROM point.begin_charge(%L, 1000, %L, %L, %L, 1000, %L)', h.user_id, 'charge of 6', 'card', 'hash', 'r'),
    'begin_of_a_charge_by_card') FROM held h WHERE h.n = 6;
-- One of nearly 2,000 holds has run out.
SELECT pg_temp.ends_in((SELECT id FROM held WHERE n = 1003), '-1 second');
SELECT pg_temp.reads_few('SELECT * FROM reservation.sweep(100)', 'sweep');

SELECT * FROM finish();
ROLLBACK;
