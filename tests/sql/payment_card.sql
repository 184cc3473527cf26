-- Card payments without the card: every answer of the provider in every state a
-- payment can be in, repeated requests, the hold's longer life, work that is
-- leased, late money, refunds; and that the invariants tell when a guard is off.
BEGIN;
SELECT plan(160);
\ir include/reservation.psql
CREATE TEMP TABLE stage AS SELECT :'schedule'::uuid AS schedule;

CREATE FUNCTION pg_temp.begin(p_user uuid, p_reservation uuid, p_key text, p_amount bigint DEFAULT 150000, p_timeout int DEFAULT 10000)
RETURNS platform.reply LANGUAGE sql AS $$
	SELECT payment.begin_card(p_user, p_reservation, p_amount, 'card of ' || p_key, p_key,
	    encode(sha256((p_reservation || ' ' || p_amount)::bytea), 'hex'), p_timeout, 'request of ' || p_key)
$$;
CREATE FUNCTION pg_temp.of(p_reservation uuid) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM payment.payments WHERE reservation_id = p_reservation ORDER BY payment_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.says(p_reservation uuid, p_result text, p_code text DEFAULT NULL, p_max int DEFAULT 3)
RETURNS platform.reply LANGUAGE sql AS $$
	SELECT payment.settle_card(p.user_id, p.payment_id, p_result, p_code, p_max)
	FROM payment.payments p WHERE p.payment_id = pg_temp.of(p_reservation)
$$;
-- "PENDING, due in 6 s, leased, tries 0" of a reservation's last payment.
CREATE FUNCTION pg_temp.work(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT concat(p.status || coalesce(' ' || p.failure_code, '') || coalesce(' ' || c.provider_code, ''),
	    CASE WHEN c.due_at IS NULL THEN '' WHEN c.due_at <= clock_timestamp() THEN ', due' ELSE ', due later' END,
	    CASE WHEN c.leased_until > clock_timestamp() THEN ', leased' END, ', tries ' || c.tries)
	FROM payment.payments p JOIN payment.cards c USING (payment_id) WHERE p.payment_id = pg_temp.of(p_reservation)
$$;
-- How many of the due ones are this reservation's; takes them.
CREATE FUNCTION pg_temp.taken(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(d ->> 'status' || ' ' || (d ->> 'amount') || ' ' || (d ->> 'paymentKey'), ', '), 'nothing')
	FROM json_array_elements((payment.due_cards(100, 60000, true)).body::json -> 'due') d
	WHERE (d ->> 'paymentId')::uuid = pg_temp.of(p_reservation)
$$;
-- Which cancel is to be sent next for it.
CREATE FUNCTION pg_temp.cancel(p_reservation uuid) RETURNS int LANGUAGE sql AS $$
	SELECT cancel_no FROM payment.cards WHERE payment_id = pg_temp.of(p_reservation)
$$;
-- Time goes by for a payment: whatever is later is now, and what was sent was sent long ago.
CREATE FUNCTION pg_temp.later(p_reservation uuid) RETURNS void LANGUAGE sql AS $$
	UPDATE payment.cards SET due_at = due_at - interval '1 hour', leased_until = leased_until - interval '1 hour',
	    sent_at = sent_at - interval '1 hour' WHERE payment_id = pg_temp.of(p_reservation)
$$;
-- Ten seconds go by for it: webhooks are served, and look-ups come.
CREATE FUNCTION pg_temp.ten_seconds(p_reservation uuid) RETURNS void LANGUAGE sql AS $$
	UPDATE payment.cards SET due_at = due_at - interval '10 s', heard_at = heard_at - interval '10 s', looked_at = looked_at - interval '10 s'
	WHERE payment_id = pg_temp.of(p_reservation)
$$;
CREATE FUNCTION pg_temp.held(p_user uuid, p_place text, p_ttl int DEFAULT 300) RETURNS uuid LANGUAGE sql AS $$
	SELECT pg_temp.id(pg_temp.hold(p_user, (SELECT schedule FROM stage), pg_temp.seats((SELECT schedule FROM stage), p_place), p_ttl => p_ttl))
$$;
CREATE FUNCTION pg_temp.ends(p_reservation uuid) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT hold_expires_at FROM reservation.reservations WHERE reservation_id = p_reservation
$$;
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);
SELECT (SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') FROM platform.invariants) AS hurt_before \gset
SELECT is(:'hurt_before'::text, 'none', 'nothing is hurt to begin with');

-- Begun: on record before anybody is asked.
SELECT pg_temp.held(:'ann', 'V-A-1') AS a \gset
INSERT INTO said SELECT 'begun', pg_temp.begin(:'ann', :'a', 'a1');
SELECT is((r).outcome, 'BEGUN', 'a card payment is begun') FROM said WHERE name = 'begun';
SELECT is((r).body, format('{"paymentId":"%s","orderId":"%s"}', pg_temp.of(:'a'), :'a'), 'with an id, and the reservation as the order') FROM said WHERE name = 'begun';
SELECT is(pg_temp.work(:'a'), 'PENDING, due later, leased, tries 0', 'it is PENDING, leased to who began it');
SELECT is(reservation.status_of(:'a'), 'HOLD', 'its reservation is held');
SELECT is(payment.for_reservation(:'a') ->> 'status', 'PENDING', 'and shown with it');
SELECT is((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'ann' AND operation = 'payments.pay'), 0, 'no answer is kept yet');
SELECT is(pg_temp.taken(:'a'), 'nothing', 'nobody else is to look at it');
SELECT is((pg_temp.begin(:'ann', :'a', 'a1')).outcome, 'IDEMPOTENCY_KEY_IN_USE', 'the same key, while it is asked: in use');
SELECT is((pg_temp.begin(:'ann', :'a', 'a1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'for another amount: reused');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).outcome, 'PAYMENT_IN_PROGRESS', 'another key: in progress');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).replayed, false, 'which is not kept');
SELECT is((payment.pay_by_points(:'ann', :'a', 150000, 'a3', 'h', 3, 'r')).outcome, 'PAYMENT_IN_PROGRESS', 'points do not overtake it');
SELECT is((pg_temp.begin(:'bob', :'a', 'a1')).outcome, 'RESERVATION_NOT_FOUND', 'it is nobody else''s');
SELECT pg_temp.held(:'ann', 'V-B-1') AS other \gset
SELECT is((payment.pay_by_points(:'ann', :'other', 150000, 'a1', 'h', 3, 'r')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'nor is its key another request''s, by points');
SELECT is((pg_temp.begin(:'ann', :'a', 'a4', 0)).outcome, 'INVALID_REQUEST', 'nothing is no amount');

-- Captured: the ticket, and the answer is kept to the byte.
INSERT INTO said SELECT 'captured', pg_temp.says(:'a', 'CAPTURED');
SELECT is((r).outcome, 'CREATED', 'captured: CREATED') FROM said WHERE name = 'captured';
SELECT is((r).body::jsonb - 'paymentId' - 'approvedAt' - 'createdAt', jsonb_build_object('reservationId', :'a', 'status', 'APPROVED',
    'method', 'CARD', 'amount', 150000, 'failureCode', NULL, 'refundedAt', NULL, 'reservationStatus', 'CONFIRMED'),
    'with the Payment, APPROVED') FROM said WHERE name = 'captured';
SELECT is((r).request_id, 'request of a1', 'and the request that began it') FROM said WHERE name = 'captured';
SELECT is(pg_temp.work(:'a'), 'APPROVED, tries 0', 'nothing more is to be done');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'SOLD_OUT, epoch 1', 'the seat is sold');
SELECT is(pg_temp.begin(:'ann', :'a', 'a1'), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, 'the key now has its answer') FROM said WHERE name = 'captured';
SELECT is(pg_temp.says(:'a', o), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, o || ' afterwards changes nothing')
FROM said, unnest(ARRAY['CAPTURED', 'DECLINED', 'UNKNOWN', 'ABSENT']) o WHERE name = 'captured';
SELECT is(pg_temp.work(:'a'), 'APPROVED, tries 0', 'it stays APPROVED');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).outcome, 'RESERVATION_ALREADY_PAID', 'and is not paid again');
SELECT is((payment.confirm_again(:'ann', pg_temp.of(:'a'), 1000)).outcome, 'NO_CONTENT', 'nor confirmed again');

-- Declined: FAILED, the hold lives on; the last allowed cancels.
SELECT pg_temp.held(:'ann', 'V-A-2') AS d \gset
SELECT is((pg_temp.begin(:'ann', :'d', 'd1')).outcome, 'BEGUN', 'another');
INSERT INTO said SELECT 'declined', pg_temp.says(:'d', 'DECLINED', 'REJECT_CARD_PAYMENT');
SELECT is((r).outcome || (r).body, format('CARD_DECLINED{"providerCode":"REJECT_CARD_PAYMENT","paymentId":"%s"}', pg_temp.of(:'d')), 'declined: 402 with the code and the payment') FROM said WHERE name = 'declined';
SELECT is(pg_temp.work(:'d'), 'FAILED CARD_DECLINED REJECT_CARD_PAYMENT, tries 0', 'it has FAILED for good');
SELECT is(reservation.status_of(:'d'), 'HOLD', 'the hold lives on');
SELECT is((pg_temp.begin(:'ann', :'d', 'd1')), ROW('CARD_DECLINED', (r).body, NULL, true, 'request of d1')::platform.reply, 'the answer is kept to the byte') FROM said WHERE name = 'declined';
SELECT is((pg_temp.begin(:'ann', :'d', 'd2')).outcome, 'BEGUN', 'another card may be tried');
SELECT is((pg_temp.says(:'d', 'CANCELLED')).outcome, 'CARD_DECLINED', 'what the provider has cancelled is declined too');
SELECT is(pg_temp.work(:'d'), 'FAILED CARD_DECLINED CANCELLED, tries 0', 'and says so');
SELECT is((pg_temp.begin(:'ann', :'d', 'd3')).outcome, 'BEGUN', 'a third');
SELECT is((pg_temp.says(:'d', 'DECLINED', 'INVALID_STOPPED_CARD')).outcome, 'CARD_DECLINED', 'declined as well');
SELECT is(reservation.status_of(:'d') || ', ' || pg_temp.state(:'schedule', 'V-A-2'), 'CANCELLED, AVAILABLE, epoch 1', 'the third cancels, and the seat is free');
SELECT is((pg_temp.begin(:'ann', :'d', 'd4')).outcome, 'RESERVATION_CANCELLED', 'too late for a fourth');
SELECT is((pg_temp.begin(:'ann', :'d', 'd4')).replayed, true, 'which is kept');

-- Unknown: 202, resumed by the same key, looked at by whoever comes.
SELECT pg_temp.held(:'ann', 'V-A-3') AS u \gset
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'BEGUN', 'another');
INSERT INTO said SELECT 'unknown', pg_temp.says(:'u', 'UNKNOWN');
SELECT is((r).outcome || ' ' || ((r).body::json ->> 'status') || ' ' || ((r).body::json ->> 'reservationStatus'), 'ACCEPTED PENDING HOLD', 'unknown: ACCEPTED with the Payment') FROM said WHERE name = 'unknown';
SELECT is(pg_temp.work(:'u'), 'PENDING, due, tries 1', 'it is due at once, for anybody');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'ACCEPTED', 'the same key is told the present state');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).replayed, false, 'which is no replay');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'not for another amount');
SELECT is((pg_temp.begin(:'ann', :'u', 'u2')).outcome, 'PAYMENT_IN_PROGRESS', 'another key is still refused');
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'it is taken');
SELECT is(pg_temp.taken(:'u'), 'nothing', 'by one at a time');
SELECT is(pg_temp.work(:'u'), 'PENDING, due, leased, tries 2', 'who has a lease');
SELECT is((pg_temp.says(:'u', 'ABSENT')).outcome || ', ' || pg_temp.work(:'u'), 'ACCEPTED, PENDING, due later, tries 2', 'absent is not certain: it is put off');
SELECT is((payment.heard_of('card of u1')).outcome, 'NO_CONTENT', 'a webhook names it');
SELECT is(pg_temp.work(:'u'), 'PENDING, due, tries 2', 'it is due again, and no more is believed');
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'somebody takes it');
SELECT is((payment.heard_of('card of u1')).outcome, 'NO_CONTENT', 'and while it is looked at, another webhook comes');
SELECT is((pg_temp.says(:'u', 'UNKNOWN')).outcome || ', ' || pg_temp.work(:'u'), 'ACCEPTED, PENDING, due later, tries 3', 'webhook_during_a_lookup_is_put_off');
SELECT ok(c.due_at <= c.heard_at AND c.heard_at BETWEEN clock_timestamp() + interval '9 s' AND clock_timestamp() + interval '10 s', 'second_webhook_is_served_after_ten_seconds')
FROM payment.cards c WHERE c.payment_id = pg_temp.of(:'u');
SELECT pg_temp.ten_seconds(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'somebody takes it and dies');
SELECT is(pg_temp.taken(:'u'), 'nothing', 'while the lease lasts nobody is given it');
SELECT pg_temp.later(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'afterwards somebody else is');
SELECT is((payment.confirm_again(:'ann', pg_temp.of(:'u'), 1000)).outcome, 'BEGUN', 'the confirm may be repeated: the hold has time left');
SELECT is((payment.confirm_again(:'bob', pg_temp.of(:'u'), 1000)).outcome, 'NO_CONTENT', 'not for another user');
SELECT is((pg_temp.says(:'u', 'CAPTURED')).outcome, 'CREATED', 'captured at last');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'CREATED', 'the key has its answer now');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).replayed, true, 'and keeps it');
SELECT is((payment.heard_of('card of u1')).outcome || ', ' || pg_temp.work(:'u'), 'NO_CONTENT, APPROVED, due later, tries 0', 'webhook_of_an_approved_payment_causes_a_lookup');
SELECT pg_temp.ten_seconds(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'APPROVED 150000 card of u1', 'lookup_of_an_approved_payment_is_given_to_the_resolver');
SELECT is((pg_temp.says(:'u', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'u'), 'CREATED, APPROVED, tries 0', 'approved_payment_that_is_still_captured_stays');
SELECT is((payment.heard_of('nobody')).outcome, 'NO_CONTENT', 'nor does one about nothing');

-- Waits grow, to a minute and a quarter at most.
SELECT pg_temp.held(:'ann', 'V-A-4') AS w \gset
SELECT is((pg_temp.begin(:'ann', :'w', 'w1')).outcome, 'BEGUN', 'another');
CREATE FUNCTION pg_temp.waits(p_tries int, p_seconds numeric) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_payment uuid := (SELECT payment_id FROM payment.cards WHERE idempotency_key = 'w1'); v_before timestamptz := clock_timestamp();
BEGIN
	UPDATE payment.cards SET tries = p_tries WHERE payment_id = v_payment;
	PERFORM payment.put_off_card(v_payment, false);
	RETURN due_at BETWEEN v_before + p_seconds * interval '0.75 s' AND clock_timestamp() + p_seconds * interval '1.25 s'
	FROM payment.cards WHERE payment_id = v_payment;
END $$;
SELECT ok(pg_temp.waits(n, s), format('after %s tries about %s s', n, s))
FROM (VALUES (1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (8, 60.0), (1000, 60.0)) v (n, s);

-- A hold about to end is made to live longer, once, and bounded.
SELECT is((pg_temp.says(:'w', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'that one is over');
SELECT ok(hold_extended_at IS NULL AND hold_expires_at = created_at + interval '300 s', 'a hold with time enough is not made longer')
FROM reservation.reservations WHERE reservation_id = :'w';
SELECT pg_temp.held(:'bob', 'V-A-5', 20) AS s, clock_timestamp() AS before \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's1')).outcome, 'BEGUN', 'twenty seconds are too few for a call of ten and a second one');
SELECT ok(hold_extended_at BETWEEN :'before' AND clock_timestamp() AND hold_expires_at = hold_extended_at + interval '32 s',
    'the hold now has 32: three times the timeout, and two') FROM reservation.reservations WHERE reservation_id = :'s';
SELECT is((SELECT s.hold_expires_at FROM reservation.seats s WHERE s.seat_id = pg_temp.seat(:'schedule', 'V-A-5')),
    (SELECT r.hold_expires_at FROM reservation.reservations r WHERE r.reservation_id = :'s'), 'and so has its seat');
SELECT is(pg_temp.state(:'schedule', 'V-A-5'), 'HOLD, epoch 1', 'which is the same hold');
SELECT is(pg_temp.hurt(), 'none', 'nothing is hurt');
SELECT is((pg_temp.says(:'s', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'declined');
SELECT pg_temp.ends_in(:'s', interval '20 s') IS NULL AS shorter \gset
SELECT pg_temp.ends(:'s') AS ends \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's2')).outcome, 'BEGUN', 'a second card: what is left is enough for a call');
SELECT is(pg_temp.ends(:'s'), :'ends'::timestamptz, 'but it is not made longer again');
SELECT is((pg_temp.says(:'s', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'declined');
SELECT pg_temp.ends_in(:'s', interval '10.9 s') IS NULL AS shorter \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's3')).outcome, 'RESERVATION_EXPIRED', 'with less than the timeout and a second left, nothing is begun');
SELECT is((SELECT count(*)::int FROM payment.payments WHERE reservation_id = :'s'), 2, 'nor on record');
SELECT pg_temp.held(:'bob', 'V-B-5', 20) AS b4 \gset
SELECT pg_temp.ends(:'b4') AS ends \gset
SELECT is((pg_temp.begin(:'bob', :'b4', 'b4-1', p_timeout => 100)).outcome, 'BEGUN', 'twenty seconds are enough for a quick provider');
SELECT is((pg_temp.begin(:'bob', :'b4', 'b4-2')).outcome, 'PAYMENT_IN_PROGRESS', 'not for one of ten, who is refused');
SELECT is(pg_temp.ends(:'b4'), :'ends'::timestamptz, 'and makes no hold longer');
SELECT is((pg_temp.says(:'b4', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'declined');
SELECT pg_temp.held(:'bob', 'V-A-6', 1) AS gone \gset
SELECT pg_temp.ends_in(:'gone', interval '-1 ms') IS NULL AS over \gset
SELECT is((pg_temp.begin(:'bob', :'gone', 'gone')).outcome, 'RESERVATION_EXPIRED', 'a hold that is over is not brought back');
SELECT is((reservation.claim_for_card(:'bob', :'gone', 150000, 0, 60000)).outcome, 'RESERVATION_EXPIRED', 'by nobody');

-- A key or an order that has been used: declined, and watched, for it might have been by us.
SELECT pg_temp.held(:'bob', 'V-B-4') AS w1 \gset
SELECT is((pg_temp.begin(:'bob', :'w1', 'w1-1')).outcome, 'BEGUN', 'another');
SELECT is((pg_temp.says(:'w1', 'DECLINED', 'ALREADY_PROCESSED_PAYMENT')).outcome || ', ' || pg_temp.work(:'w1'),
    'CARD_DECLINED, FAILED CARD_DECLINED ALREADY_PROCESSED_PAYMENT, due later, tries 0', 'a used key is declined, and watched');
SELECT is(reservation.status_of(:'w1'), 'HOLD', 'the hold is free for another card');
SELECT is((payment.begin_card(:'bob', :'w1', 150000, 'card of w1-1', 'w1-2', 'h', 1000, 'r')).outcome, 'PAYMENT_IN_PROGRESS', 'not for the same one, while it is watched');
SELECT is((pg_temp.begin(:'bob', :'w1', 'w1-3')).outcome, 'BEGUN', 'another card is begun');
SELECT is((pg_temp.says(:'w1', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'and declined');
-- Money that counts for one payment is not voided for another with the same payment key.
SELECT is((payment.begin_card(:'bob', :'w1', 150000, 'card of w1-3', 'w1-4', 'h', 1000, 'r')).outcome, 'BEGUN', 'a declined card may be tried again');
SELECT is((payment.heard_of('card of w1-3')).outcome, 'NO_CONTENT', 'and a webhook names it');
SELECT is((SELECT string_agg(p.status || CASE WHEN c.due_at <= clock_timestamp() THEN ', due' ELSE '' END, '; ' ORDER BY p.payment_id)
    FROM payment.cards c JOIN payment.payments p USING (payment_id) WHERE c.payment_key = 'card of w1-3'), 'FAILED; PENDING, due', 'only the live one is looked at');
SELECT is((pg_temp.says(:'w1', 'UNWANTED')).outcome || ' ' || pg_temp.cancel(:'w1'), 'ACCEPTED 1', 'what is neither all there nor gone is still uncertain, after a cancel that did not help');
SELECT is((pg_temp.says(:'w1', 'CANCELLED')).outcome, 'CARD_DECLINED', 'and declined when it is gone');

-- Whatever stands under the key, what the provider has done is written down.
SELECT pg_temp.held(:'bob', 'V-B-2') AS f1, pg_temp.held(:'bob', 'V-B-3') AS f2 \gset
SELECT is((pg_temp.begin(:'bob', :'f1', 'f1')).outcome || (pg_temp.begin(:'bob', :'f2', 'f2')).outcome, 'BEGUNBEGUN', 'two are begun');
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome) VALUES
    (:'bob', 'payments.pay', 'f1', 'another request', 'RESERVATION_NOT_FOUND'), (:'bob', 'payments.pay', 'f2', 'another request', 'RESERVATION_NOT_FOUND');
SELECT is((pg_temp.says(:'f1', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'f1'), 'CREATED, APPROVED, tries 0', 'captured is APPROVED though its key is gone');
SELECT is((pg_temp.says(:'f2', 'DECLINED', 'X')).outcome || ', ' || pg_temp.work(:'f2'), 'CARD_DECLINED, FAILED CARD_DECLINED X, tries 0', 'and declined is FAILED');
SELECT is((SELECT string_agg(DISTINCT outcome, ' ') FROM platform.idempotency WHERE user_id = :'bob' AND key IN ('f1', 'f2')), 'RESERVATION_NOT_FOUND', 'the first answers stay');

-- The hold ends while the outcome is unknown, and it turns out that nothing was captured.
SELECT pg_temp.held(:'cleo', 'V-A-7') AS x \gset
SELECT is((pg_temp.begin(:'cleo', :'x', 'x1')).outcome, 'BEGUN', 'another');
SELECT is((pg_temp.says(:'x', 'UNKNOWN')).outcome, 'ACCEPTED', 'of unknown outcome');
UPDATE reservation.reservations SET hold_extended_at = now() WHERE reservation_id = :'x';
SELECT pg_temp.ends_in(:'x', interval '-1 ms') IS NULL AS over \gset
SELECT is((payment.confirm_again(:'cleo', pg_temp.of(:'x'), 10000)).outcome, 'NO_CONTENT', 'no confirm is sent for a dead hold');
SELECT is(pg_temp.work(:'x'), 'PENDING, due later, tries 1', 'the last one may still be on its way');
SELECT pg_temp.later(:'x') IS NULL AS passed \gset
SELECT is((payment.confirm_again(:'cleo', pg_temp.of(:'x'), 10000)), ROW('RESERVATION_EXPIRED', format('{"paymentId":"%s"}', pg_temp.of(:'x')), NULL, false, 'request of x1')::platform.reply, 'later it is given up');
SELECT is(pg_temp.work(:'x'), 'FAILED RESERVATION_EXPIRED, due later, tries 0', 'FAILED, and watched');
SELECT is((pg_temp.begin(:'cleo', :'x', 'x1')).replayed, true, 'the key has its answer');
SELECT is((pg_temp.says(:'x', 'ABSENT')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, due, tries 1', 'it is looked at again');
SELECT is((pg_temp.says(:'x', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, due later, tries 1', 'captured after all: it is to be voided, and stays FAILED');
SELECT is((pg_temp.says(:'x', 'CANCELLED')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, tries 1', 'voided: nothing more to do');
SELECT is((payment.heard_of('card of x1')).outcome || ', ' || pg_temp.work(:'x'), 'NO_CONTENT, FAILED RESERVATION_EXPIRED, due, tries 1', 'a webhook has even that looked at again');
UPDATE payment.payments SET created_at = now() - interval '32 minutes' WHERE payment_id = pg_temp.of(:'x');
SELECT is(pg_temp.taken(:'x'), 'FAILED 150000 card of x1', 'somebody does');
SELECT is((pg_temp.says(:'x', 'ABSENT')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, tries 2', 'and what the provider has forgotten by then is left');

-- Late money: the seats decide.
SELECT pg_temp.held(:'cleo', 'V-A-8') AS l1, pg_temp.held(:'cleo', 'V-A-9') AS l2, pg_temp.held(:'cleo', 'V-A-10') AS l3 \gset
SELECT is((pg_temp.begin(:'cleo', r, k)).outcome, 'BEGUN', 'begun') FROM (VALUES (:'l1'::uuid, 'l1'), (:'l2', 'l2'), (:'l3', 'l3')) v (r, k);
SELECT count(pg_temp.ends_in(r, interval '-1 s')) AS over FROM unnest(ARRAY[:'l1', :'l2']::uuid[]) r \gset
SELECT is((reservation.cancel(:'cleo', :'l3', 'r')).outcome, 'OK', 'one is cancelled while its payment is under way');
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-9'))) IS NOT NULL AS taken \gset
SELECT is((pg_temp.says(:'l1', 'CAPTURED')).outcome, 'CREATED', 'out of time, but the seats are still its own: approved');
SELECT is(reservation.status_of(:'l1'), 'CONFIRMED', 'and confirmed');
SELECT is(pg_temp.says(:'l2', 'CAPTURED'), ROW('RESERVATION_EXPIRED', format('{"paymentId":"%s"}', pg_temp.of(:'l2')), NULL, false, 'request of l2')::platform.reply, 'its seat is another''s: refused');
SELECT is(pg_temp.work(:'l2'), 'REFUND_PENDING, due, tries 0', 'and the money goes back');
SELECT is((pg_temp.says(:'l3', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'l3'), 'RESERVATION_CANCELLED, REFUND_PENDING, due, tries 0', 'cancelled meanwhile: the same');
SELECT is(pg_temp.state(:'schedule', 'V-A-9'), 'HOLD, epoch 2', 'the other''s hold is not touched');
SELECT is(((reservation.get_reservation(:'cleo', :'l2')).body::json -> 'refund')::text, '{"amount":150000,"status":"REFUND_PENDING"}', 'the refund is shown with the reservation');
SELECT is((pg_temp.begin(:'cleo', :'l2', 'l2')).outcome, 'RESERVATION_EXPIRED', 'the key has its answer');
SELECT is(pg_temp.taken(:'l2'), 'REFUND_PENDING 150000 card of l2', 'the refund is somebody''s work');

-- Refunds: pending until the provider has confirmed, once, and never more than was taken.
SELECT is((reservation.cancel(:'ann', :'a', 'r')).body::json -> 'refund' ->> 'status', 'REFUND_PENDING', 'a cancelled ticket''s refund is pending');
SELECT is(pg_temp.work(:'a'), 'REFUND_PENDING, due, tries 0', 'it is due');
SELECT is((payment.refund(:'a', 'r')).body::json ->> 'status', 'REFUND_PENDING', 'again it is the same');
SELECT is(pg_temp.taken(:'a'), 'REFUND_PENDING 150000 card of a1', 'somebody takes it');
SELECT is((payment.refund(:'a', 'r')).outcome || ', ' || pg_temp.work(:'a'), 'OK, REFUND_PENDING, due, leased, tries 1', 'asking again does not take it from him');
SELECT is(split_part((pg_temp.says(:'a', o)).outcome || ', ' || pg_temp.work(:'a'), ',', 2), ' REFUND_PENDING', o || ' leaves it pending')
FROM unnest(ARRAY['UNKNOWN', 'ABSENT', 'DECLINED', 'CAPTURED', 'UNWANTED']) o;
SELECT is((pg_temp.says(:'a', 'CANCELLED')).outcome || ', ' || pg_temp.work(:'a'), 'OK, REFUNDED, tries 1', 'the provider has confirmed: REFUNDED');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).body::json -> 'refund' ->> 'status', 'REFUNDED', 'and shown so');
SELECT is((pg_temp.says(:'a', 'CANCELLED')).outcome, 'CREATED', 'again: only the first answer to the payment');
SELECT is((SELECT refunded_amount FROM payment.payments WHERE payment_id = pg_temp.of(:'a')), 150000::bigint, 'once');
SELECT is(pg_temp.cancel(:'a'), 2, 'each cancel that was found to have left the money there was followed by one with another key');
SELECT throws_ok(format('UPDATE payment.payments SET refunded_amount = 150001 WHERE payment_id = %L', pg_temp.of(:'a')), '23514', NULL, 'never more than was taken');

SELECT is((SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') FROM platform.invariants), 'none', 'after all that nothing is hurt');

-- With a guard off, the invariants tell.
CREATE FUNCTION pg_temp.after(p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_hurt text;
BEGIN
	EXECUTE p_damage;
	SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') INTO v_hurt FROM payment.invariants;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN RETURN v_hurt;
END $$;
SELECT is(pg_temp.after($$UPDATE payment.cards SET asked_at = now() - interval '25 hours' WHERE due_at IS NOT NULL$$), 'uncertain_for_too_long', 'a doubt that nobody ends');
SELECT is(pg_temp.after('UPDATE payment.cards SET due_at = NULL'), 'uncertain_is_due', 'a payment in doubt that nobody looks at');
SELECT is(pg_temp.after('UPDATE payment.cards SET due_at = now()'), 'uncertain_is_due', 'work where nothing is in doubt');
SELECT is(pg_temp.after($$UPDATE payment.cards SET payment_key = 'the same'$$), 'a_card_pays_once', 'a card payment counted twice');
SELECT is(pg_temp.after(format($$UPDATE payment.payments SET status = 'PENDING', approved_at = NULL WHERE payment_id = %L$$, pg_temp.of(:'u'))),
    'kept_answer_has_its_effect reservation_follows_payment uncertain_is_due', 'a ticket for a payment in doubt');

SELECT * FROM finish();
ROLLBACK;
