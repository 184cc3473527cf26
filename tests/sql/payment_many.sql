-- Many payments by points at once (payment.pay_by_points_many). Each gets the answer of payment.pay_by_points and
-- writes the same rows. So each batch runs twice, one by one and as a set, and the test compares both.
BEGIN;
SELECT plan(39);
\ir include/reservation.psql

CREATE FUNCTION pg_temp.person(p_n int) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT format('00000000-0000-7000-8000-%s', lpad(p_n::text, 12, '0'))::uuid $$;
-- Ids and times differ between two runs, so the comparison replaces them.
CREATE FUNCTION pg_temp.plain(p_text text) RETURNS text
LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(p_text, '"(paymentId|historyId|referenceId)" ?: ?"[^"]{36}"', '"\1":"id"', 'g'),
	    '"(approvedAt|createdAt)":"[^"]{10}T[^"]{12}Z"', '"\1":"time"', 'g')
$$;

-- A hall with rows of 4 seats at 1000 each. User n holds the first seats of row n and has some points.
CREATE TEMP TABLE hall AS SELECT pg_temp.new_schedule('[{"section":"H","grade":"S","price":1000,"rows":90,"seatsPerRow":4}]') AS id;
CREATE TEMP TABLE holds (n int PRIMARY KEY, who uuid, id uuid);
CREATE FUNCTION pg_temp.holder(p_n int, p_seats int, p_points int, p_who int DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_who	uuid := pg_temp.person(coalesce(p_who, p_n));
	v_id	uuid := pg_temp.id(pg_temp.hold(v_who, h.id, ARRAY(SELECT s.seat_id FROM reservation.seats s
		    WHERE s.schedule_id = h.id AND s.row_no = p_n AND s.number <= p_seats))) FROM hall h;
BEGIN
	IF p_points > 0 THEN
		PERFORM point.charge(v_who, p_points, 'points ' || p_n, 'h', 'r');
	END IF;
	INSERT INTO holds VALUES (p_n, v_who, v_id);
	RETURN v_id;
END
$$;

CREATE TEMP TABLE asked (n int PRIMARY KEY, who uuid, reservation uuid, amount text, key text, hash text, max text);
CREATE FUNCTION pg_temp.ask(p_how text) RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql AS $$
BEGIN
	IF p_how = 'one by one' THEN
		RETURN QUERY SELECT a.n::bigint, p.* FROM (SELECT * FROM asked o ORDER BY o.n) a,
		    LATERAL payment.pay_by_points(a.who, a.reservation, a.amount::bigint, a.key, a.hash, a.max::int, 'request ' || a.n) p;
	ELSE
		RETURN QUERY SELECT p.* FROM (SELECT array_agg(o.who::text ORDER BY o.n) AS who, array_agg(o.reservation::text ORDER BY o.n) AS reservation,
		    array_agg(o.amount ORDER BY o.n) AS amount, array_agg(o.key ORDER BY o.n) AS key, array_agg(o.hash ORDER BY o.n) AS hash,
		    array_agg(o.max ORDER BY o.n) AS max, array_agg('request ' || o.n ORDER BY o.n) AS request FROM asked o) a,
		    LATERAL payment.pay_by_points_many(a.who, a.reservation, a.amount, a.key, a.hash, a.max, a.request) p;
	END IF;
END
$$;
-- All rows of these users as one text.
CREATE FUNCTION pg_temp.rows() RETURNS text
LANGUAGE sql AS $$
	SELECT concat_ws(E'\n',
	    (SELECT string_agg(format('payment %s %s %s %s %s %s %s', p.reservation_id, p.user_id, p.method, p.amount, p.status, p.failure_code,
		p.approved_at = p.created_at), E'\n' ORDER BY p.reservation_id, p.payment_id)
	     FROM payment.payments p WHERE p.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('reservation %s %s %s %s %s', r.reservation_id, r.status, r.failed_payments, r.confirmed_at IS NOT NULL,
		(SELECT p.status FROM payment.payments p WHERE p.payment_id = r.payment_id AND p.reservation_id = r.reservation_id)), E'\n' ORDER BY r.reservation_id)
	     FROM reservation.reservations r WHERE r.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('seat %s %s %s %s %s %s %s', s.seat_id, s.status, s.reservation_id, s.hold_expires_at IS NULL, s.hold_epoch, s.changes,
		(SELECT string_agg(c.live::text, ' ' ORDER BY c.reservation_id) FROM reservation.reservation_seats c WHERE c.seat_id = s.seat_id)), E'\n' ORDER BY s.seat_id)
	     FROM reservation.seats s WHERE s.schedule_id = (SELECT h.id FROM hall h) AND s.row_no < 30),
	    (SELECT string_agg(format('wallet %s %s %s %s', w.user_id, w.balance, w.version, w.status), E'\n' ORDER BY w.user_id)
	     FROM point.wallets w WHERE w.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('entry %s %s %s %s %s %s %s', e.user_id, e.version, e.type, e.amount, e.balance_after,
		e.operation_id = e.reference_id, e.hash = point.entry_hash(e)), E'\n' ORDER BY e.user_id, e.version)
	     FROM point.entries e WHERE e.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('kept %s %s %s %s %s %s %s %s', i.user_id, i.operation, i.key, i.request_hash, i.outcome,
		pg_temp.plain(i.body), i.request_id, i.refused), E'\n' ORDER BY i.user_id, i.operation, i.key)
	     FROM platform.idempotency i WHERE i.user_id < pg_temp.person(1000) AND i.operation = 'payments.pay'),
	    (SELECT string_agg(format('event %s %s %s', o.type, CASE WHEN o.type LIKE 'Payment%' THEN 'id' ELSE o.key::text END, pg_temp.plain(o.data::text)),
		E'\n' ORDER BY o.type, pg_temp.plain(o.data::text))
	     FROM platform.outbox o WHERE (o.data ->> 'userId')::uuid < pg_temp.person(1000)))
$$;
-- Runs the batch in one way and returns its answers and its rows; then rolls back.
CREATE FUNCTION pg_temp.told(p_how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_told	text;
BEGIN
	SELECT string_agg(format('%s %s %s %s %s %s', a.n, a.outcome, pg_temp.plain(a.body), a.etag, a.replayed, a.request_id), E'\n' ORDER BY a.n)
	INTO v_told FROM pg_temp.ask(p_how) a;
	v_told := v_told || E'\n' || pg_temp.rows() || E'\n' ||
	    (SELECT coalesce(string_agg(DISTINCT name, ' '), 'nothing hurt') FROM platform.invariants);
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN v_told;
WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.alike(p_name text) RETURNS text LANGUAGE sql AS $$
	-- The lines that differ.
	SELECT is((SELECT string_agg(l.line, E'\n') FROM (
	    (SELECT 'set: ' || s FROM regexp_split_to_table(a.as_set, E'\n') s EXCEPT ALL SELECT 'set: ' || s FROM regexp_split_to_table(a.one_by_one, E'\n') s)
	    UNION ALL
	    (SELECT 'one: ' || s FROM regexp_split_to_table(a.one_by_one, E'\n') s EXCEPT ALL SELECT 'one: ' || s FROM regexp_split_to_table(a.as_set, E'\n') s)) l (line)),
	    NULL, p_name)
	FROM (SELECT pg_temp.told('set') AS as_set, pg_temp.told('one by one') AS one_by_one) a
$$;
CREATE FUNCTION pg_temp.outcomes() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(o.outcome || CASE WHEN o.replayed THEN ' again' ELSE '' END, ', ' ORDER BY o.n) FROM pg_temp.ask('set') o
$$;

SELECT count(pg_temp.holder(n, 1 + n % 4, CASE WHEN n IN (5, 6) THEN 0 WHEN n = 18 THEN 6999 ELSE 9000 END)) AS made
FROM generate_series(1, 24) n \gset
INSERT INTO asked SELECT h.n, h.who, h.id, (1000 * (1 + h.n % 4))::text, 'k', 'h', '3' FROM holds h WHERE h.n <= 4;
SELECT pg_temp.alike('usual_payments_in_a_batch_are_as_one_by_one');
SELECT is((SELECT count(*) FROM regexp_matches(pg_temp.told('set'), '(?n)^payment .* APPROVED', 'g')), 4::bigint, 'each_usual_payment_in_a_batch_is_approved');

-- Unusual requests: 5 and 6 have no points; 7 pays for the hold of 8; 9 pays too little, 10 too late; 11 is paid, 12
-- cancelled, 13 swept; 14 repeats a request; 15 has its key with another request; 16 has the key of an open card
-- payment; 17 pays beside a card payment; 18 is two requests; 19 and 20 want one reservation; 21 names none; 22 has no
-- key.
SELECT pg_temp.ends_in(id, '-1 second') FROM holds WHERE n IN (10, 13);
SELECT count(payment.pay_by_points(h.who, h.id, 1000 * (1 + h.n % 4), 'before', 'h', 3, 'r')) AS paid FROM holds h WHERE h.n IN (11, 14, 15) \gset
SELECT count(reservation.cancel(h.who, h.id, 'r')) AS cancelled FROM holds h WHERE h.n = 12 \gset
UPDATE reservation.reservations SET hold_expires_at = hold_expires_at - interval '1 hour' WHERE reservation_id = (SELECT id FROM holds WHERE n = 13);
SELECT reservation.expire_holds(1) AS swept \gset
SELECT count(payment.begin_card(h.who, h.id, 1000 * (1 + h.n % 4), 'card of ' || h.n, 'card', 'h', 60000, 'r')) AS begun FROM holds h WHERE h.n IN (16, 17) \gset
SELECT pg_temp.holder(25, 1, 0, 16) AS beside_16, pg_temp.holder(26, 1, 0, 17) AS beside_17, pg_temp.holder(27, 4, 0, 18) AS second_of_18 \gset
INSERT INTO asked SELECT h.n, h.who, h.id, (1000 * (1 + h.n % 4))::text, 'k', 'h', '3' FROM holds h WHERE h.n BETWEEN 5 AND 24;
UPDATE asked SET max = '1' WHERE n = 6;
UPDATE asked SET reservation = (SELECT id FROM holds WHERE n = 8) WHERE n = 7;
UPDATE asked SET amount = '1999' WHERE n = 9;
UPDATE asked SET key = 'before' WHERE n IN (14, 15);
UPDATE asked SET hash = 'another' WHERE n = 15;
UPDATE asked SET reservation = :'beside_16', key = 'card', amount = '1000' WHERE n = 16;
UPDATE asked SET reservation = (SELECT id FROM holds WHERE n = 19) WHERE n = 20;
UPDATE asked SET amount = '0' WHERE n = 21;
UPDATE asked SET key = NULL WHERE n = 22;
UPDATE asked SET reservation = :'nobody' WHERE n = 23;
UPDATE asked SET amount = NULL WHERE n = 24;
INSERT INTO asked VALUES (25, pg_temp.person(18), :'second_of_18', '4000', 'k 2', 'h', '3'), (26, pg_temp.person(17), :'beside_17', '1000', 'k 2', 'h', '3');
SELECT pg_temp.alike('unusual_payments_in_a_batch_are_as_one_by_one');
CREATE TEMP TABLE answers AS SELECT * FROM pg_temp.ask('set');
SELECT results_eq('SELECT n::int, outcome, replayed FROM answers WHERE n > 4 ORDER BY n', $$VALUES
    (5, 'INSUFFICIENT_POINTS', false), (6, 'INSUFFICIENT_POINTS', false), (7, 'RESERVATION_NOT_FOUND', false), (8, 'CREATED', false),
    (9, 'AMOUNT_MISMATCH', false), (10, 'RESERVATION_EXPIRED', false), (11, 'RESERVATION_ALREADY_PAID', false), (12, 'RESERVATION_CANCELLED', false),
    (13, 'RESERVATION_EXPIRED', false), (14, 'CREATED', true), (15, 'IDEMPOTENCY_KEY_REUSED', false), (16, 'IDEMPOTENCY_KEY_IN_USE', false),
    (17, 'PAYMENT_IN_PROGRESS', false), (18, 'CREATED', false), (19, 'CREATED', false), (20, 'RESERVATION_NOT_FOUND', false),
    (21, 'INVALID_REQUEST', false), (22, 'CREATED', false), (23, 'RESERVATION_NOT_FOUND', false), (24, 'INVALID_REQUEST', false),
    (25, 'INSUFFICIENT_POINTS', false), (26, 'CREATED', false)$$, 'each_payment_in_a_batch_has_its_own_outcome');
SELECT is((SELECT count(*) FROM platform.invariants), 0::bigint, 'batch_of_payments_violates_no_invariant');
SELECT is((SELECT string_agg(broken, ' ') FROM point.verify()), NULL, 'batch_of_payments_keeps_the_hash_chain');
SELECT is((payment.get_payment(a.who, (o.body::json ->> 'paymentId')::uuid)).body, o.body, format('payment_is_shown_as_it_was_answered_%s', o.n))
FROM answers o JOIN asked a USING (n) WHERE o.n IN (1, 2, 3) ORDER BY o.n;

-- The repeated batch gets only stored answers: nothing is paid twice.
UPDATE asked SET amount = '0' WHERE key IS NULL;
SELECT pg_temp.rows() AS rows \gset
CREATE TEMP TABLE again AS SELECT * FROM pg_temp.ask('set');
SELECT results_eq('SELECT o.n, o.outcome, o.body, o.request_id FROM again o WHERE o.replayed ORDER BY o.n',
    $$SELECT o.n, o.outcome, o.body, o.request_id FROM answers o JOIN asked USING (n)
      WHERE o.n <> 22 AND o.outcome NOT IN ('INVALID_REQUEST', 'IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_IN_USE', 'PAYMENT_IN_PROGRESS') ORDER BY o.n$$, 'repeated_batch_gives_the_first_answers_to_the_byte');
SELECT is(pg_temp.rows(), :'rows', 'repeated_batch_pays_nothing');

-- Each guard alone, between two usual requests.
SELECT count(pg_temp.holder(n, CASE n WHEN 66 THEN 2 ELSE 1 END, CASE n WHEN 66 THEN 1999 ELSE 9000 END)) AS made FROM generate_series(30, 75) n \gset
CREATE SEQUENCE pg_temp.neighbours START 30;
CREATE FUNCTION pg_temp.among(p_n int, p_amount text DEFAULT '1000', p_key text DEFAULT 'k', p_hash text DEFAULT 'h',
    p_reservation uuid DEFAULT NULL) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM asked;
	INSERT INTO asked SELECT v.n, h.who, CASE WHEN v.n = 2 THEN coalesce(p_reservation, h.id) ELSE h.id END, v.amount, v.key, v.hash, '3'
	FROM (VALUES (1, nextval('pg_temp.neighbours'), '1000', 'k', 'h'), (2, p_n, p_amount, p_key, p_hash),
	    (3, nextval('pg_temp.neighbours'), '1000', 'k', 'h')) v (n, holder, amount, key, hash) JOIN holds h ON h.n = v.holder;
	RETURN pg_temp.outcomes();
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.among(60), 'CREATED, CREATED, CREATED', 'usual_payment_among_others_goes_through');
SELECT is(pg_temp.among(60), 'CREATED, CREATED again, CREATED', 'kept_payment_among_others_is_replayed');
SELECT is(pg_temp.among(60, p_hash => 'h2'), 'CREATED, IDEMPOTENCY_KEY_REUSED, CREATED', 'reused_key_among_others_is_refused');
SELECT is(pg_temp.among(60, p_key => 'k2'), 'CREATED, RESERVATION_ALREADY_PAID, CREATED', 'paid_reservation_among_others_is_refused');
SELECT is(pg_temp.among(61, p_reservation => (SELECT id FROM holds WHERE n = 62)), 'CREATED, RESERVATION_NOT_FOUND, CREATED', 'reservation_of_another_user_among_others_is_refused');
SELECT is(pg_temp.among(62, '999'), 'CREATED, AMOUNT_MISMATCH, CREATED', 'smaller_amount_among_others_is_refused');
SELECT is(pg_temp.among(63, '1001'), 'CREATED, AMOUNT_MISMATCH, CREATED', 'larger_amount_among_others_is_refused');
SELECT pg_temp.ends_in((SELECT id FROM holds WHERE n = 64), '-1 millisecond');
SELECT is(pg_temp.among(64), 'CREATED, RESERVATION_EXPIRED, CREATED', 'hold_that_has_run_out_among_others_is_refused');
SELECT is((SELECT count(reservation.cancel(who, id, 'r')) FROM holds WHERE n = 65), 1::bigint, 'one_reservation_is_cancelled');
SELECT is(pg_temp.among(65), 'CREATED, RESERVATION_CANCELLED, CREATED', 'cancelled_reservation_among_others_is_refused');
SELECT is(pg_temp.among(66, '2000'), 'CREATED, INSUFFICIENT_POINTS, CREATED', 'payment_of_a_point_too_much_among_others_fails');
SELECT is((SELECT status || ' ' || failure_code FROM payment.payments WHERE reservation_id = (SELECT id FROM holds WHERE n = 66)), 'FAILED INSUFFICIENT_POINTS', 'failed_payment_among_others_is_on_record');
SELECT count(point.charge(pg_temp.person(66), 1000, 'more', 'h', 'r')) AS richer \gset
SELECT is(pg_temp.among(66, '2000'), 'CREATED, INSUFFICIENT_POINTS again, CREATED', 'kept_failure_among_others_is_replayed_though_there_are_points_now');
SELECT is((SELECT count(payment.begin_card(who, id, 1000, 'card of 67', 'card', 'h', 60000, 'r')) FROM holds WHERE n = 67), 1::bigint, 'card_payment_begins');
SELECT is(pg_temp.among(67), 'CREATED, PAYMENT_IN_PROGRESS, CREATED', 'reservation_with_an_open_card_payment_among_others_is_refused');
SELECT pg_temp.holder(76, 1, 0, 67) AS beside \gset
SELECT is(pg_temp.among(76, p_key => 'card'), 'CREATED, IDEMPOTENCY_KEY_IN_USE, CREATED', 'key_of_an_open_card_payment_among_others_is_in_use');
SELECT is(pg_temp.among(68, '0'), 'CREATED, INVALID_REQUEST, CREATED', 'amount_of_0_among_others_is_refused');

SELECT is((SELECT string_agg(s.status || ' ' || s.hold_epoch || ' ' || s.changes, ', ') FROM reservation.seats s JOIN reservation.reservation_seats c USING (seat_id)
    WHERE c.reservation_id = (SELECT id FROM holds WHERE n = 60)), 'SOLD_OUT 1 2', 'seats_paid_in_a_batch_are_sold_out_and_counted');
SELECT is((SELECT count(*) FROM platform.outbox o WHERE o.key IN (SELECT id FROM holds WHERE n = 60) AND o.type = 'ReservationConfirmed'), 1::bigint, 'confirmation_in_a_batch_is_one_event');

-- Two requests of one user with points for one, and two for one reservation, keep their order.
DELETE FROM asked;
SELECT pg_temp.holder(77, 1, 1500, 77) AS first, pg_temp.holder(78, 1, 0, 77) AS second \gset
INSERT INTO asked VALUES (1, pg_temp.person(77), :'first', '1000', 'k1', 'h', '3'), (2, pg_temp.person(70), (SELECT id FROM holds WHERE n = 70), '1000', 'k', 'h', '3'),
    (3, pg_temp.person(77), :'second', '1000', 'k2', 'h', '3');
SELECT pg_temp.alike('two_payments_of_a_user_are_as_one_by_one');
SELECT is(pg_temp.outcomes(), 'CREATED, CREATED, INSUFFICIENT_POINTS', 'second_payment_of_a_user_sees_the_first');
DELETE FROM asked;
INSERT INTO asked SELECT k, h.who, h.id, '1000', 'k' || k, 'h', '3' FROM holds h, generate_series(1, 3) k WHERE h.n = 71;
SELECT pg_temp.alike('payments_for_one_reservation_are_as_one_by_one');
SELECT is(pg_temp.outcomes(), 'CREATED, RESERVATION_ALREADY_PAID, RESERVATION_ALREADY_PAID', 'one_reservation_is_paid_once_in_a_batch');

-- A live hold whose claim has no seat is impossible. If it happens, the batch changes nothing, and the caller sends
-- each request alone.
DELETE FROM asked;
INSERT INTO asked SELECT h.n, h.who, h.id, '1000', 'k', 'h', '3' FROM holds h WHERE h.n BETWEEN 72 AND 73;
UPDATE reservation.seats SET hold_epoch = hold_epoch + 1, changes = changes + 1, changed_xid = pg_current_xact_id() WHERE reservation_id = (SELECT id FROM holds WHERE n = 72);
SELECT throws_ok($$SELECT pg_temp.ask('set')$$, 'P0001', NULL, 'batch_with_a_lost_seat_fails_whole');
SELECT is((SELECT string_agg(p.outcome, ' ') FROM pg_temp.ask('one by one') p), 'RESERVATION_EXPIRED CREATED', 'requests_of_a_batch_with_a_lost_seat_are_answered_one_by_one');

SELECT is((SELECT count(*) FROM payment.pay_by_points_many('{}', '{}', '{}', '{}', '{}', '{}', '{}')), 0::bigint, 'empty_batch_has_no_answer');
SELECT throws_ok($$SELECT payment.pay_by_points_many('{x}', '{y}', '{1000}', '{k}', '{h}', '{3}', '{r}')$$, '22P02', NULL, 'batch_with_an_unreadable_request_fails_whole');
SELECT is((SELECT string_agg(DISTINCT name, ' ') FROM platform.invariants WHERE name NOT LIKE 'reservation.a_%live%' AND name <> 'reservation.a_taken_seat_has_its_claim'), NULL, 'payments_in_batches_violate_no_other_invariant');

SELECT * FROM finish();
ROLLBACK;
