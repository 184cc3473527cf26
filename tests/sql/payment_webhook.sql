-- Webhooks: at most one look-up in ten seconds for each payment or charge, however many webhooks come, and no webhook
-- is lost. Money that the provider gave back without our order refunds the payment once and cancels its reservation. No
-- other answer changes an APPROVED payment.
BEGIN;
SELECT plan(90);
\ir include/reservation.psql
CREATE TEMP TABLE stage AS SELECT :'schedule'::uuid AS schedule;

CREATE FUNCTION pg_temp.of(p_card text) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM payment.cards WHERE payment_key = p_card ORDER BY payment_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.reservation_of(p_card text) RETURNS uuid LANGUAGE sql AS $$
	SELECT reservation_id FROM payment.payments WHERE payment_id = pg_temp.of(p_card)
$$;
-- Holds the seat and begins a payment of it with that card.
CREATE FUNCTION pg_temp.begun(p_user uuid, p_place text, p_card text) RETURNS text LANGUAGE sql AS $$
	SELECT (payment.begin_card(p_user, pg_temp.id(pg_temp.hold(p_user, (SELECT schedule FROM stage), pg_temp.seats((SELECT schedule FROM stage), p_place))),
	    150000, p_card, p_card, 'hash', 1000, 'request')).outcome
$$;
CREATE FUNCTION pg_temp.says(p_card text, p_result text, p_code text DEFAULT NULL) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT payment.settle_card(p.user_id, p.payment_id, p_result, p_code, 3) FROM payment.payments p WHERE p.payment_id = pg_temp.of(p_card)
$$;
CREATE FUNCTION pg_temp.paid(p_user uuid, p_place text, p_card text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN pg_temp.begun(p_user, p_place, p_card) || ' ' || (pg_temp.says(p_card, 'CAPTURED')).outcome;
END $$;
-- "APPROVED, due in 10": status, provider's code, seconds until it is due at most: 0, 10 or 60.
CREATE FUNCTION pg_temp.work(p_card text) RETURNS text LANGUAGE sql AS $$
	SELECT concat(p.status, ' ' || c.provider_code, CASE WHEN c.due_at IS NOT NULL THEN ', due in ' || CASE WHEN c.due_at <= clock_timestamp() THEN 0
	    WHEN c.due_at <= clock_timestamp() + interval '10 s' THEN 10 WHEN c.due_at <= clock_timestamp() + interval '60 s' THEN 60 END END)
	FROM payment.payments p JOIN payment.cards c USING (payment_id) WHERE p.payment_id = pg_temp.of(p_card)
$$;
CREATE FUNCTION pg_temp.later(p_card text, p_seconds int) RETURNS void LANGUAGE sql AS $$
	UPDATE payment.cards SET due_at = due_at - make_interval(secs => p_seconds), heard_at = heard_at - make_interval(secs => p_seconds),
	    looked_at = looked_at - make_interval(secs => p_seconds), asked_at = asked_at - make_interval(secs => p_seconds),
	    leased_until = leased_until - make_interval(secs => p_seconds) WHERE payment_id = pg_temp.of(p_card)
$$;
CREATE FUNCTION pg_temp.taken(p_card text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(d ->> 'status', ' '), 'nothing') FROM json_array_elements((payment.due_cards(100, 60000, true)).body::json -> 'due') d
	WHERE (d ->> 'paymentId')::uuid = pg_temp.of(p_card)
$$;
CREATE FUNCTION pg_temp.webhooks(p_card text, p_count int) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT (payment.heard_of(p_card)).outcome, ' ') FROM generate_series(1, p_count)
$$;
-- The number of writes to the cards so far, in this transaction.
CREATE FUNCTION pg_temp.written() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_updated(c)) FROM unnest(ARRAY['payment.cards'::regclass, 'point.charges'::regclass]) c
$$;
-- The users that this transaction has locked.
CREATE FUNCTION pg_temp.locked() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
$$;

-- A thousand webhooks about one declined payment cause one look-up now, and one after ten seconds.
SELECT is(pg_temp.begun(:'ann', 'V-A-1', 'declined') || ' ' || (pg_temp.says('declined', 'DECLINED', 'REJECT_CARD_PAYMENT')).outcome, 'BEGUN CARD_DECLINED', 'payment_is_declined');
SELECT is(pg_temp.webhooks('declined', 1) || ' ' || pg_temp.work('declined'), 'NO_CONTENT FAILED REJECT_CARD_PAYMENT, due in 0', 'first_webhook_causes_a_lookup_at_once');
SELECT is(pg_temp.taken('declined'), 'FAILED', 'payment_is_looked_up');
SELECT pg_temp.written() AS before \gset
SELECT is(pg_temp.webhooks('declined', 1000) || ' ' || (pg_temp.written() - :before), 'NO_CONTENT 1', 'thousand_webhooks_are_one_write');
SELECT is((pg_temp.says('declined', 'UNKNOWN')).outcome || ' ' || pg_temp.taken('declined'), 'CARD_DECLINED nothing', 'no_second_lookup_within_ten_seconds');
SELECT pg_temp.later('declined', 10) IS NULL AS passed \gset
SELECT is(pg_temp.taken('declined'), 'FAILED', 'second_webhook_is_served_after_ten_seconds');
SELECT is((pg_temp.says('declined', 'DECLINED', 'ABORTED')).outcome || ' ' || pg_temp.work('declined'), 'CARD_DECLINED FAILED REJECT_CARD_PAYMENT', 'final_answer_ends_the_look_ups');
SELECT is(pg_temp.webhooks('declined', 1) || pg_temp.work('declined'), 'NO_CONTENTFAILED REJECT_CARD_PAYMENT, due in 10', 'next_webhook_is_looked_up_after_ten_seconds');

-- Webhooks about nothing write nothing and lock nothing.
SELECT pg_temp.written() AS before, pg_temp.locked() AS locked \gset
SELECT is(pg_temp.webhooks('nobody-s', 100) || ' ' || (pg_temp.written() - :before) || ' ' || (pg_temp.locked() - :locked), 'NO_CONTENT 0 0', 'webhook_of_an_unknown_key_writes_and_locks_nothing');

-- The same for a charge.
SELECT is((point.begin_charge(:'bob', 5000, 'of bob', 'k', 'h', 1000, 'r')).outcome, 'BEGUN', 'charge_begins');
SELECT is((point.settle_charge(:'bob', (SELECT charge_id FROM point.charges WHERE payment_key = 'of bob'), 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'charge_is_declined');
SELECT pg_temp.written() AS before, clock_timestamp() AS began \gset
SELECT is(pg_temp.webhooks('of bob', 1000) || ' ' || (pg_temp.written() - :before), 'NO_CONTENT 2', 'thousand_webhooks_of_a_charge_are_two_writes');
SELECT ok(due_at <= clock_timestamp() AND nudged AND heard_at BETWEEN :'began'::timestamptz + interval '10 s' AND clock_timestamp() + interval '10 s', 'charge_is_due_now_and_again_in_ten_seconds')
FROM point.charges WHERE payment_key = 'of bob';
SELECT is((SELECT count(*)::int FROM json_array_elements((point.due_charges(100, 60000)).body::json -> 'due') d WHERE d ->> 'paymentKey' = 'of bob'), 1, 'charge_is_looked_up');
SELECT is((point.settle_charge(:'bob', (SELECT charge_id FROM point.charges WHERE payment_key = 'of bob'), 'UNKNOWN', NULL)).outcome, 'CARD_DECLINED', 'uncertain_answer_postpones_the_charge');
SELECT ok(nudged AND due_at <= heard_at, 'webhook_of_a_charge_is_not_lost') FROM point.charges WHERE payment_key = 'of bob';

-- Many users try one payment key: a webhook makes at most 20 charges due.
SELECT is((SELECT string_agg(DISTINCT (point.begin_charge(pg_temp.u, 5000, 'crowd', 'k', 'h', 1000, 'r')).outcome, ' ')
    FROM (SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS u FROM generate_series(1000, 1029) n) pg_temp), 'BEGUN', 'thirty_users_try_one_payment_key');
SELECT pg_temp.written() AS before \gset
SELECT is(pg_temp.webhooks('crowd', 1) || ' ' || (pg_temp.written() - :before), 'NO_CONTENT 20', 'webhook_notes_at_most_20_charges');
SELECT is((SELECT string_agg((point.begin_charge(:'cleo', 5000, 'crowd', 'k' || n, 'h', 1000, 'r')).outcome, ' ' ORDER BY n) FROM generate_series(1, 6) n),
    'BEGUN BEGUN BEGUN BEGUN BEGUN CARD_DECLINED', 'user_tries_a_payment_key_at_most_five_times');

-- While a webhook waits for a user's lock, other calls may change the list of users. Only charges of the locked users
-- become due.
SELECT is((point.begin_charge(u, 5000, 'asked twice', 'asked twice', 'h', 1000, 'r')).outcome, 'BEGUN', 'two_users_try_one_payment_key') FROM unnest(ARRAY[:'ann', :'bob']::uuid[]) u;
SAVEPOINT asked;
CREATE SEQUENCE pg_temp.asked;
CREATE OR REPLACE FUNCTION point.heard_users(p_payment_key text) RETURNS uuid[] LANGUAGE plpgsql VOLATILE SECURITY INVOKER AS $$
BEGIN
	RETURN ARRAY['00000000-0000-7000-8000-0000000000' || CASE nextval('pg_temp.asked') WHEN 1 THEN 'a1' ELSE 'b2' END]::uuid[];
END $$;
GRANT USAGE ON SEQUENCE pg_temp.asked TO PUBLIC;
SELECT is((payment.heard_of('asked twice')).outcome, 'NO_CONTENT', 'webhook_comes');
SELECT is((SELECT array_agg(user_id) FROM point.charges WHERE payment_key = 'asked twice' AND nudged), ARRAY[:'ann']::uuid[], 'webhook_notes_charges_of_locked_users_only');
ROLLBACK TO asked;

-- The provider gave the money back.
SELECT is(pg_temp.paid(:'ann', 'V-A-2', 'back'), 'BEGUN CREATED', 'one_payment_is_captured');
SAVEPOINT crowd;
UPDATE payment.cards SET heard_at = clock_timestamp() - interval '1 minute' WHERE payment_key = 'back';
WITH made AS (
	INSERT INTO payment.payments (payment_id, reservation_id, user_id, method, amount, status, created_at)
	SELECT platform.uuid_v7(), platform.uuid_v7(), platform.uuid_v7(), 'CARD', 150000, 'PENDING', now() FROM generate_series(1, 30)
	RETURNING payment_id)
INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, asked_at, sent_at, due_at)
SELECT payment_id, 'back', 'k', 'h', now(), now(), now() FROM made;
SELECT is((payment.heard_of('back')).outcome, 'NO_CONTENT', 'webhook_names_a_key_that_thirty_others_try');
SELECT is((SELECT string_agg(c.nudged::text, ' ') FROM payment.cards c JOIN payment.payments p USING (payment_id)
    WHERE c.payment_key = 'back' AND p.status = 'APPROVED'), 'true', 'attempts_of_others_do_not_crowd_out_the_approved_payment');
ROLLBACK TO crowd;
SELECT (payment.get_payment(:'ann', pg_temp.of('back'))).body AS approved \gset
SELECT is(pg_temp.webhooks('back', 1) || ' ' || pg_temp.work('back'), 'NO_CONTENT APPROVED, due in 0', 'webhook_of_an_approved_payment_causes_a_lookup');
SELECT is((payment.get_payment(:'ann', pg_temp.of('back'))).body, :'approved', 'payment_shows_the_same_during_the_look_up');
SELECT is((SELECT count(*)::int FROM json_array_elements((payment.due_cards(100, 1)).body::json -> 'due') d WHERE d ->> 'paymentKey' = 'back'), 0,
    'resolver_of_the_release_before_is_given_no_approved_payment');
SELECT is(pg_temp.taken('back'), 'APPROVED', 'new_resolver_gets_the_approved_payment');
SELECT is(pg_temp.hurt() || ' ' || (SELECT coalesce(string_agg(name, ' '), 'none') FROM payment.invariants), 'none none', 'approved_payment_that_is_looked_up_violates_no_invariant');
SELECT count(*) AS events FROM platform.outbox \gset
SELECT is((pg_temp.says('back', 'CANCELLED')).outcome, 'OK', 'money_given_back_at_the_provider_is_written_down');
SELECT is((payment.get_payment(:'ann', pg_temp.of('back'))).body::json ->> 'status' || ' ' || ((payment.get_payment(:'ann', pg_temp.of('back'))).body::json ->> 'reservationStatus'),
    'REFUNDED CANCELLED', 'payment_is_refunded_and_its_reservation_cancelled');
SELECT is(pg_temp.state(:'schedule', 'V-A-2'), 'AVAILABLE, epoch 1', 'seat_of_the_refunded_payment_is_available');
SELECT is((SELECT string_agg(type, ' ' ORDER BY event_id) FROM (SELECT * FROM platform.outbox ORDER BY event_id OFFSET :events) e), 'ReservationCancelled PaymentRefunded', 'events_of_the_refund_are_written');
SELECT is((SELECT refunded_amount FROM payment.payments WHERE payment_id = pg_temp.of('back')), 150000::bigint, 'whole_amount_is_refunded');
SELECT is((reservation.get_reservation(:'ann', pg_temp.reservation_of('back'))).body::json -> 'refund' ->> 'status', 'REFUNDED', 'reservation_shows_the_refund');
SELECT is((pg_temp.says('back', r)).outcome || ' ' || pg_temp.work('back'), 'CREATED REFUNDED', r || '_afterwards_changes_nothing') FROM unnest(ARRAY['CANCELLED', 'CAPTURED', 'UNKNOWN']) r;
SELECT is(pg_temp.webhooks('back', 1) || ' ' || pg_temp.work('back'), 'NO_CONTENT REFUNDED', 'webhook_of_a_refunded_payment_causes_nothing');
SELECT is((reservation.cancel(:'ann', pg_temp.reservation_of('back'), 'r')).outcome || ' ' || pg_temp.work('back'), 'OK REFUNDED', 'cancellation_by_the_user_afterwards_changes_nothing');
SELECT is((payment.begin_card(:'ann', pg_temp.reservation_of('back'), 150000, 'back', 'back', 'hash', 1000, 'r')).outcome, 'CREATED', 'repeated_request_gets_its_first_answer');
SELECT is(reservation.given_back(pg_temp.reservation_of('back')), platform.ok(NULL), 'reservation_is_cancelled_once');
SELECT is((reservation.given_back('00000000-0000-7000-8000-00000000dead')).outcome, 'RESERVATION_NOT_FOUND', 'unknown_reservation_is_not_found');

-- The user cancels at the same time, in both orders.
SELECT is(pg_temp.paid(:'ann', 'V-A-3', 'race') || ' ' || pg_temp.webhooks('race', 1) || ' ' || pg_temp.taken('race'), 'BEGUN CREATED NO_CONTENT APPROVED', 'paid_payment_is_looked_up');
SELECT is((reservation.cancel(:'ann', pg_temp.reservation_of('race'), 'r')).outcome || ' ' || pg_temp.work('race'), 'OK REFUND_PENDING, due in 0', 'paid_reservation_is_cancelled_by_its_user');
SELECT is((pg_temp.says('race', 'CANCELLED')).outcome || ' ' || pg_temp.work('race'), 'OK REFUNDED', 'money_given_back_before_our_refund_is_the_refund');
SELECT is(pg_temp.paid(:'ann', 'V-A-4', 'race2') || ' ' || pg_temp.webhooks('race2', 1) || ' ' || pg_temp.taken('race2'), 'BEGUN CREATED NO_CONTENT APPROVED', 'another_payment_is_looked_up');
SELECT is((reservation.cancel(:'ann', pg_temp.reservation_of('race2'), 'r')).outcome || ' ' || (pg_temp.says('race2', 'CAPTURED')).outcome, 'OK CREATED', 'answer_from_before_the_cancellation_changes_nothing');
SELECT is(split_part(pg_temp.work('race2'), ',', 1), 'REFUND_PENDING', 'old_answer_does_not_end_the_refund');
SELECT is(pg_temp.webhooks('race2', 2) || ' ' || (pg_temp.says('race2', 'CANCELLED')).outcome || ' ' || pg_temp.work('race2'), 'NO_CONTENT OK REFUNDED', 'webhook_of_a_pending_refund_is_served');

-- Each other answer about an APPROVED payment only changes when it is looked up again.
SELECT is(pg_temp.paid(:'bob', 'V-A-5', 'part') || ' ' || pg_temp.webhooks('part', 1) || ' ' || pg_temp.taken('part'), 'BEGUN CREATED NO_CONTENT APPROVED', 'approved_payment_is_looked_up');
SELECT is((pg_temp.says('part', r)).outcome || ' ' || (pg_temp.work('part') ~ '^APPROVED, due'), 'CREATED true', r || '_of_an_approved_payment_is_asked_again') FROM unnest(ARRAY['UNKNOWN', 'ABSENT', 'DECLINED']) r;
SELECT is((pg_temp.says('part', 'UNWANTED')).outcome || ' ' || pg_temp.work('part'), 'CREATED APPROVED PARTIAL_CANCELED', 'part_given_back_stays_approved');
SELECT is((SELECT string_agg(name, ' ') FROM payment.invariants), 'partly_given_back_elsewhere', 'part_given_back_is_left_to_an_operator');
SELECT is(reservation.status_of(pg_temp.reservation_of('part')), 'CONFIRMED', 'reservation_of_a_part_given_back_stays_confirmed');
SELECT pg_temp.later('part', 10) IS NULL AS passed \gset
SELECT is(pg_temp.webhooks('part', 1) || ' ' || (pg_temp.says('part', 'CANCELLED')).outcome || ' ' || pg_temp.work('part'), 'NO_CONTENT OK REFUNDED', 'payment_with_the_rest_given_back_is_refunded');
SELECT is(pg_temp.paid(:'bob', 'V-A-6', 'gone') || ' ' || pg_temp.webhooks('gone', 1) || ' ' || pg_temp.taken('gone'), 'BEGUN CREATED NO_CONTENT APPROVED', 'forgotten_payment_is_looked_up');
SELECT pg_temp.later('gone', 32 * 60) IS NULL AS passed \gset
SELECT is((pg_temp.says('gone', 'UNKNOWN')).outcome || ' ' || (pg_temp.work('gone') ~ 'due'), 'CREATED true', 'old_unknown_outcome_is_looked_up_again');
SELECT is((pg_temp.says('gone', 'ABSENT')).outcome || ' ' || pg_temp.work('gone'), 'CREATED APPROVED', 'approved_payment_absent_for_31_minutes_stays_approved');

-- The release before notes a webhook without heard_at (only nudged). The resolver gets it like any other.
SELECT is(pg_temp.paid(:'bob', 'V-A-8', 'noted before') || ' ' || (reservation.cancel(:'bob', pg_temp.reservation_of('noted before'), 'r')).outcome, 'BEGUN CREATED OK', 'refund_of_a_noted_payment_is_pending');
UPDATE payment.cards SET nudged = true WHERE payment_key = 'noted before';
SELECT is(pg_temp.taken('noted before'), 'REFUND_PENDING', 'webhook_noted_by_the_release_before_does_not_stop_the_resolver');
SELECT is((point.begin_charge(:'bob', 5000, 'noted before', 'noted before', 'h', 1000, 'r')).outcome, 'BEGUN', 'charge_by_card_begins');
UPDATE point.charges SET nudged = true, due_at = now(), leased_until = NULL WHERE payment_key = 'noted before';
SELECT is((SELECT count(*)::int FROM json_array_elements((point.due_charges(100, 60000)).body::json -> 'due') d WHERE d ->> 'paymentKey' = 'noted before'), 1,
    'charge_noted_by_the_release_before_does_not_stop_the_resolver');

-- The webhook of the capture comes before the answer of the confirm: the look-up stays due for the APPROVED payment.
SELECT is(pg_temp.begun(:'bob', 'V-A-7', 'early') || ' ' || pg_temp.webhooks('early', 1) || ' ' || (pg_temp.says('early', 'CAPTURED')).outcome || ' ' || pg_temp.work('early'),
    'BEGUN NO_CONTENT CREATED APPROVED, due in 0', 'webhook_before_the_answer_is_not_lost');
SELECT is((pg_temp.says('early', 'CAPTURED')).outcome || ' ' || pg_temp.work('early') || ' ' || pg_temp.taken('early'), 'CREATED APPROVED, due in 0 APPROVED', 'webhook_is_not_lost_by_an_old_answer');
SELECT is((pg_temp.says('early', 'CAPTURED')).outcome || ' ' || pg_temp.work('early'), 'CREATED APPROVED', 'webhook_ends_with_its_look_up');

-- A regular look-up within the ten seconds does not count for a webhook that came after it began.
SELECT is(pg_temp.begun(:'cleo', 'V-A-9', 'kept') || ' ' || (pg_temp.says('kept', 'UNKNOWN')).outcome || ' ' || pg_temp.webhooks('kept', 1) || ' ' || pg_temp.taken('kept'),
    'BEGUN ACCEPTED NO_CONTENT PENDING', 'payment_with_unknown_outcome_is_looked_up_for_a_webhook');
UPDATE payment.cards SET tries = 50 WHERE payment_key = 'kept';
SELECT is(pg_temp.webhooks('kept', 1) || ' ' || (pg_temp.says('kept', 'UNKNOWN')).outcome || ' ' || pg_temp.work('kept'), 'NO_CONTENT ACCEPTED PENDING, due in 10', 'webhook_is_looked_up_during_a_pause_of_a_minute');
UPDATE payment.cards SET due_at = clock_timestamp() WHERE payment_key = 'kept';
SELECT is(pg_temp.taken('kept') || ' ' || (pg_temp.says('kept', 'CAPTURED')).outcome || ' ' || pg_temp.work('kept'), 'PENDING CREATED APPROVED, due in 10', 'early_look_up_does_not_replace_the_webhooks_look_up');
SELECT is(pg_temp.webhooks('kept', 1) || ' ' || (reservation.cancel(:'cleo', pg_temp.reservation_of('kept'), 'r')).outcome || ' ' || pg_temp.work('kept'),
    'NO_CONTENT OK REFUND_PENDING, due in 0', 'refund_does_not_wait_for_a_webhook_s_lookup');
SELECT is((pg_temp.says('kept', 'CANCELLED')).outcome || ' ' || pg_temp.work('kept'), 'OK REFUNDED', 'refunded_payment_is_not_due');
SELECT is((payment.refund(pg_temp.reservation_of('kept'), 'r')).body::json ->> 'status' || ' ' || pg_temp.work('kept'), 'REFUNDED REFUNDED', 'refund_of_a_refunded_payment_changes_nothing');

-- A decline that our own confirm may have caused is watched, because the money may have been captured.
SELECT is(pg_temp.begun(:'cleo', place, code) || ' ' || (pg_temp.says(code, 'DECLINED', code)).outcome, 'BEGUN CARD_DECLINED', code || '_is_a_decline')
FROM (VALUES ('V-A-10', 'DUPLICATED_ORDER_ID'), ('V-B-1', 'ALREADY_PROCESSED_PAYMENT'), ('V-B-2', 'REJECT_CARD_PAYMENT')) v (place, code);
SELECT is(pg_temp.work(code), format('FAILED %s%s', code, watched), code || CASE watched WHEN '' THEN '_is_final' ELSE '_is_watched' END)
FROM (VALUES ('DUPLICATED_ORDER_ID', ', due in 60'), ('ALREADY_PROCESSED_PAYMENT', ', due in 60'), ('REJECT_CARD_PAYMENT', '')) v (code, watched);
SELECT is((point.begin_charge(:'cleo', 5000, code, code, 'h', 1000, 'r')).outcome, 'BEGUN', 'charge_begins_' || code)
FROM unnest(ARRAY['DUPLICATED_ORDER_ID', 'ALREADY_PROCESSED_PAYMENT', 'REJECT_CARD_PAYMENT']) code;
SELECT is((point.settle_charge(c.user_id, c.charge_id, 'DECLINED', c.payment_key)).outcome, 'CARD_DECLINED', 'charge_with_that_decline_code_is_declined')
FROM point.charges c WHERE c.user_id = :'cleo' AND c.payment_key IN ('DUPLICATED_ORDER_ID', 'ALREADY_PROCESSED_PAYMENT', 'REJECT_CARD_PAYMENT');
SELECT is((SELECT string_agg(payment_key, ' ' ORDER BY payment_key) FROM point.charges WHERE user_id = :'cleo' AND status = 'FAILED' AND due_at > clock_timestamp()),
    'ALREADY_PROCESSED_PAYMENT DUPLICATED_ORDER_ID', 'charge_that_may_have_been_captured_by_us_is_watched');

SELECT is((SELECT coalesce(string_agg(DISTINCT name, ' '), 'none') FROM platform.invariants), 'none', 'no_invariant_is_violated');

SELECT * FROM finish();
ROLLBACK;
