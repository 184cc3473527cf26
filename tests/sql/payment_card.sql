-- Card payments without a provider: each answer of the provider in each state of a payment, repeated requests, the
-- extension of a hold, leases, late money and refunds. With a guard off, the invariants show the damage.
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
-- Leases the due payments and returns how many of them belong to this reservation.
CREATE FUNCTION pg_temp.taken(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(d ->> 'status' || ' ' || (d ->> 'amount') || ' ' || (d ->> 'paymentKey'), ', '), 'nothing')
	FROM json_array_elements((payment.due_cards(100, 60000, true)).body::json -> 'due') d
	WHERE (d ->> 'paymentId')::uuid = pg_temp.of(p_reservation)
$$;
-- The number of the payment's next cancel.
CREATE FUNCTION pg_temp.cancel(p_reservation uuid) RETURNS int LANGUAGE sql AS $$
	SELECT cancel_no FROM payment.cards WHERE payment_id = pg_temp.of(p_reservation)
$$;
-- Moves a payment's times into the past, so that all look-ups are due and all calls to the provider were long ago.
CREATE FUNCTION pg_temp.later(p_reservation uuid) RETURNS void LANGUAGE sql AS $$
	UPDATE payment.cards SET due_at = due_at - interval '1 hour', leased_until = leased_until - interval '1 hour',
	    sent_at = sent_at - interval '1 hour' WHERE payment_id = pg_temp.of(p_reservation)
$$;
-- Moves the times by ten seconds, so that webhooks are served and look-ups are due.
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
SELECT is(:'hurt_before'::text, 'none', 'no_invariant_is_violated_at_first');

-- A payment begins: it is recorded before the provider is asked.
SELECT pg_temp.held(:'ann', 'V-A-1') AS a \gset
INSERT INTO said SELECT 'begun', pg_temp.begin(:'ann', :'a', 'a1');
SELECT is((r).outcome, 'BEGUN', 'card_payment_begins') FROM said WHERE name = 'begun';
SELECT is((r).body, format('{"paymentId":"%s","orderId":"%s"}', pg_temp.of(:'a'), :'a'), 'begun_payment_has_an_id_and_the_reservation_as_order') FROM said WHERE name = 'begun';
SELECT is(pg_temp.work(:'a'), 'PENDING, due later, leased, tries 0', 'begun_payment_is_PENDING_and_leased');
SELECT is(reservation.status_of(:'a'), 'HOLD', 'reservation_of_a_begun_payment_is_held');
SELECT is(payment.for_reservation(:'a') ->> 'status', 'PENDING', 'reservation_shows_the_begun_payment');
SELECT is((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'ann' AND operation = 'payments.pay'), 0, 'begun_payment_has_no_stored_answer');
SELECT is(pg_temp.taken(:'a'), 'nothing', 'leased_payment_is_not_due_for_others');
SELECT is((pg_temp.begin(:'ann', :'a', 'a1')).outcome, 'IDEMPOTENCY_KEY_IN_USE', 'same_key_during_the_call_is_in_use');
SELECT is((pg_temp.begin(:'ann', :'a', 'a1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'same_key_with_another_amount_is_reused');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).outcome, 'PAYMENT_IN_PROGRESS', 'another_key_is_PAYMENT_IN_PROGRESS');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).replayed, false, 'PAYMENT_IN_PROGRESS_is_not_stored');
SELECT is((payment.pay_by_points(:'ann', :'a', 150000, 'a3', 'h', 3, 'r')).outcome, 'PAYMENT_IN_PROGRESS', 'points_are_refused_during_a_card_payment');
SELECT is((pg_temp.begin(:'bob', :'a', 'a1')).outcome, 'RESERVATION_NOT_FOUND', 'another_user_does_not_find_the_pending_payment');
SELECT pg_temp.held(:'ann', 'V-B-1') AS other \gset
SELECT is((payment.pay_by_points(:'ann', :'other', 150000, 'a1', 'h', 3, 'r')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'key_of_the_card_payment_with_points_is_reused');
SELECT is((pg_temp.begin(:'ann', :'a', 'a4', 0)).outcome, 'INVALID_REQUEST', 'amount_of_zero_is_invalid');

-- Captured: the ticket is sold, and the answer is stored to the byte.
INSERT INTO said SELECT 'captured', pg_temp.says(:'a', 'CAPTURED');
SELECT is((r).outcome, 'CREATED', 'captured_payment_is_CREATED') FROM said WHERE name = 'captured';
SELECT is((r).body::jsonb - 'paymentId' - 'approvedAt' - 'createdAt', jsonb_build_object('reservationId', :'a', 'status', 'APPROVED',
    'method', 'CARD', 'amount', 150000, 'failureCode', NULL, 'refundedAt', NULL, 'reservationStatus', 'CONFIRMED'),
    'captured_payment_is_APPROVED') FROM said WHERE name = 'captured';
SELECT is((r).request_id, 'request of a1', 'captured_payment_has_the_request_id_of_its_request') FROM said WHERE name = 'captured';
SELECT is(pg_temp.work(:'a'), 'APPROVED, tries 0', 'captured_payment_is_not_due');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'SOLD_OUT, epoch 1', 'captured_payment_sells_the_seat');
SELECT is(pg_temp.begin(:'ann', :'a', 'a1'), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, 'captured_payment_has_a_stored_answer') FROM said WHERE name = 'captured';
SELECT is(pg_temp.says(:'a', o), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, o || '_after_capture_changes_nothing')
FROM said, unnest(ARRAY['CAPTURED', 'DECLINED', 'UNKNOWN', 'ABSENT']) o WHERE name = 'captured';
SELECT is(pg_temp.work(:'a'), 'APPROVED, tries 0', 'captured_payment_stays_APPROVED');
SELECT is((pg_temp.begin(:'ann', :'a', 'a2')).outcome, 'RESERVATION_ALREADY_PAID', 'captured_payment_is_not_paid_again');
SELECT is((payment.confirm_again(:'ann', pg_temp.of(:'a'), 1000)).outcome, 'NO_CONTENT', 'captured_payment_is_not_confirmed_again');

-- Declined: FAILED, and the hold stays; the last allowed failure cancels it.
SELECT pg_temp.held(:'ann', 'V-A-2') AS d \gset
SELECT is((pg_temp.begin(:'ann', :'d', 'd1')).outcome, 'BEGUN', 'card_payment_that_will_be_declined_begins');
INSERT INTO said SELECT 'declined', pg_temp.says(:'d', 'DECLINED', 'REJECT_CARD_PAYMENT');
SELECT is((r).outcome || (r).body, format('CARD_DECLINED{"providerCode":"REJECT_CARD_PAYMENT","paymentId":"%s"}', pg_temp.of(:'d')), 'declined_payment_names_the_code_and_the_payment') FROM said WHERE name = 'declined';
SELECT is(pg_temp.work(:'d'), 'FAILED CARD_DECLINED REJECT_CARD_PAYMENT, tries 0', 'declined_payment_is_FAILED_and_not_due');
SELECT is(reservation.status_of(:'d'), 'HOLD', 'declined_payment_leaves_the_hold');
SELECT is((pg_temp.begin(:'ann', :'d', 'd1')), ROW('CARD_DECLINED', (r).body, NULL, true, 'request of d1')::platform.reply, 'declined_answer_is_replayed_to_the_byte') FROM said WHERE name = 'declined';
SELECT is((pg_temp.begin(:'ann', :'d', 'd2')).outcome, 'BEGUN', 'another_card_begins_after_a_decline');
SELECT is((pg_temp.says(:'d', 'CANCELLED')).outcome, 'CARD_DECLINED', 'payment_cancelled_by_the_provider_is_declined');
SELECT is(pg_temp.work(:'d'), 'FAILED CARD_DECLINED CANCELLED, tries 0', 'cancelled_payment_has_the_code_CANCELLED');
SELECT is((pg_temp.begin(:'ann', :'d', 'd3')).outcome, 'BEGUN', 'third_card_begins');
SELECT is((pg_temp.says(:'d', 'DECLINED', 'INVALID_STOPPED_CARD')).outcome, 'CARD_DECLINED', 'third_card_is_declined');
SELECT is(reservation.status_of(:'d') || ', ' || pg_temp.state(:'schedule', 'V-A-2'), 'CANCELLED, AVAILABLE, epoch 1', 'third_decline_cancels_and_frees_the_seat');
SELECT is((pg_temp.begin(:'ann', :'d', 'd4')).outcome, 'RESERVATION_CANCELLED', 'fourth_card_is_too_late');
SELECT is((pg_temp.begin(:'ann', :'d', 'd4')).replayed, true, 'refusal_of_the_fourth_card_is_stored');

-- The outcome is unknown: the answer is 202, the same key resumes the payment, and any resolver looks it up.
SELECT pg_temp.held(:'ann', 'V-A-3') AS u \gset
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'BEGUN', 'card_payment_of_unknown_outcome_begins');
INSERT INTO said SELECT 'unknown', pg_temp.says(:'u', 'UNKNOWN');
SELECT is((r).outcome || ' ' || ((r).body::json ->> 'status') || ' ' || ((r).body::json ->> 'reservationStatus'), 'ACCEPTED PENDING HOLD', 'unknown_outcome_is_ACCEPTED') FROM said WHERE name = 'unknown';
SELECT is(pg_temp.work(:'u'), 'PENDING, due, tries 1', 'unknown_outcome_is_due_at_once');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'ACCEPTED', 'same_key_answers_the_present_state');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).replayed, false, 'present_state_is_no_replay');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1', 1)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'same_key_with_another_amount_is_refused');
SELECT is((pg_temp.begin(:'ann', :'u', 'u2')).outcome, 'PAYMENT_IN_PROGRESS', 'another_key_is_still_refused');
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'resolver_takes_the_payment');
SELECT is(pg_temp.taken(:'u'), 'nothing', 'second_resolver_gets_nothing');
SELECT is(pg_temp.work(:'u'), 'PENDING, due, leased, tries 2', 'taken_payment_is_leased');
SELECT is((pg_temp.says(:'u', 'ABSENT')).outcome || ', ' || pg_temp.work(:'u'), 'ACCEPTED, PENDING, due later, tries 2', 'absent_payment_is_put_off');
SELECT clock_timestamp() AS began \gset
SELECT is((payment.heard_of('card of u1')).outcome, 'NO_CONTENT', 'webhook_names_the_payment');
SELECT is(pg_temp.work(:'u'), 'PENDING, due, tries 2', 'webhook_makes_the_payment_due_and_nothing_else');
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'resolver_takes_the_payment_after_the_webhook');
SELECT is((payment.heard_of('card of u1')).outcome, 'NO_CONTENT', 'webhook_comes_during_the_look_up');
SELECT is((pg_temp.says(:'u', 'UNKNOWN')).outcome || ', ' || pg_temp.work(:'u'), 'ACCEPTED, PENDING, due later, tries 3', 'webhook_during_a_lookup_is_put_off');
SELECT ok(c.due_at <= c.heard_at AND c.heard_at BETWEEN :'began'::timestamptz + interval '10 s' AND clock_timestamp() + interval '10 s', 'second_webhook_is_served_after_ten_seconds')
FROM payment.cards c WHERE c.payment_id = pg_temp.of(:'u');
SELECT pg_temp.ten_seconds(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'resolver_leases_the_payment_and_dies');
SELECT is(pg_temp.taken(:'u'), 'nothing', 'leased_payment_is_given_to_nobody');
SELECT pg_temp.later(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'PENDING 150000 card of u1', 'expired_lease_is_given_to_another');
SELECT is((payment.confirm_again(:'ann', pg_temp.of(:'u'), 1000)).outcome, 'BEGUN', 'confirm_may_be_sent_again_while_the_hold_lives');
SELECT is((payment.confirm_again(:'bob', pg_temp.of(:'u'), 1000)).outcome, 'NO_CONTENT', 'another_user_may_not_confirm_again');
SELECT is((pg_temp.says(:'u', 'CAPTURED')).outcome, 'CREATED', 'captured_at_last_is_CREATED');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).outcome, 'CREATED', 'key_has_its_answer_after_capture');
SELECT is((pg_temp.begin(:'ann', :'u', 'u1')).replayed, true, 'answer_of_the_key_stays');
SELECT is((payment.heard_of('card of u1')).outcome || ', ' || pg_temp.work(:'u'), 'NO_CONTENT, APPROVED, due later, tries 0', 'webhook_of_an_approved_payment_causes_a_lookup');
SELECT pg_temp.ten_seconds(:'u') IS NULL AS passed \gset
SELECT is(pg_temp.taken(:'u'), 'APPROVED 150000 card of u1', 'lookup_of_an_approved_payment_is_given_to_the_resolver');
SELECT is((pg_temp.says(:'u', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'u'), 'CREATED, APPROVED, tries 0', 'approved_payment_that_is_still_captured_stays');
SELECT is((payment.heard_of('nobody')).outcome, 'NO_CONTENT', 'webhook_about_nothing_changes_nothing');

-- The pauses grow, to 60 seconds and a quarter at most.
SELECT pg_temp.held(:'ann', 'V-A-4') AS w \gset
SELECT is((pg_temp.begin(:'ann', :'w', 'w1')).outcome, 'BEGUN', 'card_payment_for_the_pauses_begins');
CREATE FUNCTION pg_temp.waits(p_tries int, p_seconds numeric) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE v_payment uuid := (SELECT payment_id FROM payment.cards WHERE idempotency_key = 'w1'); v_before timestamptz := clock_timestamp();
BEGIN
	UPDATE payment.cards SET tries = p_tries WHERE payment_id = v_payment;
	PERFORM payment.put_off_card(v_payment, false);
	RETURN due_at BETWEEN v_before + p_seconds * interval '0.75 s' AND clock_timestamp() + p_seconds * interval '1.25 s'
	FROM payment.cards WHERE payment_id = v_payment;
END $$;
SELECT ok(pg_temp.waits(n, s), format('pause_after_%s_tries_is_about_%s_s', n, s))
FROM (VALUES (1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (8, 60.0), (1000, 60.0)) v (n, s);

-- A hold that is about to end is extended, once and by a bounded time.
SELECT is((pg_temp.says(:'w', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'payment_is_over_after_capture');
SELECT ok(hold_extended_at IS NULL AND hold_expires_at = created_at + interval '300 s', 'long_hold_is_not_extended')
FROM reservation.reservations WHERE reservation_id = :'w';
SELECT pg_temp.held(:'bob', 'V-A-5', 20) AS s, clock_timestamp() AS before \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's1')).outcome, 'BEGUN', 'hold_of_twenty_seconds_is_too_short_for_ten_second_calls');
SELECT ok(hold_extended_at BETWEEN :'before' AND clock_timestamp() AND hold_expires_at = hold_extended_at + interval '32 s',
    'hold_is_extended_to_three_timeouts_and_two_seconds') FROM reservation.reservations WHERE reservation_id = :'s';
SELECT is((SELECT s.hold_expires_at FROM reservation.seats s WHERE s.seat_id = pg_temp.seat(:'schedule', 'V-A-5')),
    (SELECT r.hold_expires_at FROM reservation.reservations r WHERE r.reservation_id = :'s'), 'seat_is_extended_with_its_hold');
SELECT is(pg_temp.state(:'schedule', 'V-A-5'), 'HOLD, epoch 1', 'extended_hold_keeps_its_epoch');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_by_an_extension');
SELECT is((pg_temp.says(:'s', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'extended_payment_is_declined');
SELECT pg_temp.ends_in(:'s', interval '20 s') IS NULL AS shorter \gset
SELECT pg_temp.ends(:'s') AS ends \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's2')).outcome, 'BEGUN', 'second_card_begins_with_enough_time');
SELECT is(pg_temp.ends(:'s'), :'ends'::timestamptz, 'second_card_does_not_extend_again');
SELECT is((pg_temp.says(:'s', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'second_extended_payment_is_declined');
SELECT pg_temp.ends_in(:'s', interval '10.9 s') IS NULL AS shorter \gset
SELECT is((pg_temp.begin(:'bob', :'s', 's3')).outcome, 'RESERVATION_EXPIRED', 'hold_shorter_than_a_call_is_refused');
SELECT is((SELECT count(*)::int FROM payment.payments WHERE reservation_id = :'s'), 2, 'refused_card_payment_is_not_recorded');
SELECT pg_temp.held(:'bob', 'V-B-5', 20) AS b4 \gset
SELECT pg_temp.ends(:'b4') AS ends \gset
SELECT is((pg_temp.begin(:'bob', :'b4', 'b4-1', p_timeout => 100)).outcome, 'BEGUN', 'hold_of_twenty_seconds_is_enough_for_a_quick_provider');
SELECT is((pg_temp.begin(:'bob', :'b4', 'b4-2')).outcome, 'PAYMENT_IN_PROGRESS', 'refused_card_payment_of_another_timeout_is_EXPIRED');
SELECT is(pg_temp.ends(:'b4'), :'ends'::timestamptz, 'refused_card_payment_does_not_extend');
SELECT is((pg_temp.says(:'b4', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'quick_payment_is_declined');
SELECT pg_temp.held(:'bob', 'V-A-6', 1) AS gone \gset
SELECT pg_temp.ends_in(:'gone', interval '-1 ms') IS NULL AS over \gset
SELECT is((pg_temp.begin(:'bob', :'gone', 'gone')).outcome, 'RESERVATION_EXPIRED', 'hold_that_is_over_is_not_extended');
SELECT is((reservation.claim_for_card(:'bob', :'gone', 150000, 0, 60000)).outcome, 'RESERVATION_EXPIRED', 'second_card_cannot_revive_a_hold');

-- A payment key or order that was used before is declined and watched, because our own confirm may have used it.
SELECT pg_temp.held(:'bob', 'V-B-4') AS w1 \gset
SELECT is((pg_temp.begin(:'bob', :'w1', 'w1-1')).outcome, 'BEGUN', 'card_payment_with_a_used_key_begins');
SELECT is((pg_temp.says(:'w1', 'DECLINED', 'ALREADY_PROCESSED_PAYMENT')).outcome || ', ' || pg_temp.work(:'w1'),
    'CARD_DECLINED, FAILED CARD_DECLINED ALREADY_PROCESSED_PAYMENT, due later, tries 0', 'used_key_is_declined_and_watched');
SELECT is(reservation.status_of(:'w1'), 'HOLD', 'hold_is_free_for_another_card');
SELECT is((payment.begin_card(:'bob', :'w1', 150000, 'card of w1-1', 'w1-2', 'h', 1000, 'r')).outcome, 'PAYMENT_IN_PROGRESS', 'watched_key_is_in_progress');
SELECT is((pg_temp.begin(:'bob', :'w1', 'w1-3')).outcome, 'BEGUN', 'another_card_begins');
SELECT is((pg_temp.says(:'w1', 'DECLINED', 'X')).outcome, 'CARD_DECLINED', 'another_card_is_declined');
-- Money that belongs to one payment is not given back for another one with the same payment key.
SELECT is((payment.begin_card(:'bob', :'w1', 150000, 'card of w1-3', 'w1-4', 'h', 1000, 'r')).outcome, 'BEGUN', 'declined_card_begins_again');
SELECT is((payment.heard_of('card of w1-3')).outcome, 'NO_CONTENT', 'webhook_names_the_declined_card');
SELECT is((SELECT string_agg(p.status || CASE WHEN c.due_at <= clock_timestamp() THEN ', due' ELSE '' END, '; ' ORDER BY p.payment_id)
    FROM payment.cards c JOIN payment.payments p USING (payment_id) WHERE c.payment_key = 'card of w1-3'), 'FAILED; PENDING, due', 'webhook_looks_up_only_the_live_payment');
SELECT is((pg_temp.says(:'w1', 'UNWANTED')).outcome || ' ' || pg_temp.cancel(:'w1'), 'ACCEPTED 1', 'unwanted_money_stays_pending');
SELECT is((pg_temp.says(:'w1', 'CANCELLED')).outcome, 'CARD_DECLINED', 'unwanted_money_that_is_gone_is_declined');

-- The provider's answer is written down, whatever is stored under the idempotency key.
SELECT pg_temp.held(:'bob', 'V-B-2') AS f1, pg_temp.held(:'bob', 'V-B-3') AS f2 \gset
SELECT is((pg_temp.begin(:'bob', :'f1', 'f1')).outcome || (pg_temp.begin(:'bob', :'f2', 'f2')).outcome, 'BEGUNBEGUN', 'two_card_payments_begin');
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome) VALUES
    (:'bob', 'payments.pay', 'f1', 'another request', 'RESERVATION_NOT_FOUND'), (:'bob', 'payments.pay', 'f2', 'another request', 'RESERVATION_NOT_FOUND');
SELECT is((pg_temp.says(:'f1', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'f1'), 'CREATED, APPROVED, tries 0', 'captured_payment_without_its_key_is_APPROVED');
SELECT is((pg_temp.says(:'f2', 'DECLINED', 'X')).outcome || ', ' || pg_temp.work(:'f2'), 'CARD_DECLINED, FAILED CARD_DECLINED X, tries 0', 'declined_payment_without_its_key_is_FAILED');
SELECT is((SELECT string_agg(DISTINCT outcome, ' ') FROM platform.idempotency WHERE user_id = :'bob' AND key IN ('f1', 'f2')), 'RESERVATION_NOT_FOUND', 'first_answers_of_the_keys_stay');

-- The hold ends while the outcome is unknown, and nothing was captured.
SELECT pg_temp.held(:'cleo', 'V-A-7') AS x \gset
SELECT is((pg_temp.begin(:'cleo', :'x', 'x1')).outcome, 'BEGUN', 'card_payment_with_an_ending_hold_begins');
SELECT is((pg_temp.says(:'x', 'UNKNOWN')).outcome, 'ACCEPTED', 'unknown_outcome_is_ACCEPTED_again');
UPDATE reservation.reservations SET hold_extended_at = now() WHERE reservation_id = :'x';
SELECT pg_temp.ends_in(:'x', interval '-1 ms') IS NULL AS over \gset
SELECT is((payment.confirm_again(:'cleo', pg_temp.of(:'x'), 10000)).outcome, 'NO_CONTENT', 'confirm_is_not_sent_for_a_dead_hold');
SELECT is(pg_temp.work(:'x'), 'PENDING, due later, tries 1', 'last_confirm_may_still_arrive');
SELECT pg_temp.later(:'x') IS NULL AS passed \gset
SELECT is((payment.confirm_again(:'cleo', pg_temp.of(:'x'), 10000)), ROW('RESERVATION_EXPIRED', format('{"paymentId":"%s"}', pg_temp.of(:'x')), NULL, false, 'request of x1')::platform.reply, 'old_confirm_is_given_up');
SELECT is(pg_temp.work(:'x'), 'FAILED RESERVATION_EXPIRED, due later, tries 0', 'payment_given_up_is_FAILED_and_watched');
SELECT is((pg_temp.begin(:'cleo', :'x', 'x1')).replayed, true, 'payment_given_up_has_a_stored_answer');
SELECT is((pg_temp.says(:'x', 'ABSENT')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, due, tries 1', 'payment_given_up_is_looked_up');
SELECT is((pg_temp.says(:'x', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, due later, tries 1', 'payment_given_up_and_captured_stays_FAILED_and_due');
SELECT is((pg_temp.says(:'x', 'CANCELLED')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, tries 1', 'voided_payment_is_not_due');
SELECT is((payment.heard_of('card of x1')).outcome || ', ' || pg_temp.work(:'x'), 'NO_CONTENT, FAILED RESERVATION_EXPIRED, due, tries 1', 'webhook_makes_a_voided_payment_due');
UPDATE payment.payments SET created_at = now() - interval '32 minutes' WHERE payment_id = pg_temp.of(:'x');
SELECT is(pg_temp.taken(:'x'), 'FAILED 150000 card of x1', 'resolver_takes_the_voided_payment');
SELECT is((pg_temp.says(:'x', 'ABSENT')).outcome || ', ' || pg_temp.work(:'x'), 'RESERVATION_EXPIRED, FAILED RESERVATION_EXPIRED, tries 2', 'voided_payment_that_the_provider_forgot_is_finished');

-- Late money: the payment is approved if the reservation still has its seats.
SELECT pg_temp.held(:'cleo', 'V-A-8') AS l1, pg_temp.held(:'cleo', 'V-A-9') AS l2, pg_temp.held(:'cleo', 'V-A-10') AS l3 \gset
SELECT is((pg_temp.begin(:'cleo', r, k)).outcome, 'BEGUN', 'card_payment_with_late_money_begins') FROM (VALUES (:'l1'::uuid, 'l1'), (:'l2', 'l2'), (:'l3', 'l3')) v (r, k);
SELECT count(pg_temp.ends_in(r, interval '-1 s')) AS over FROM unnest(ARRAY[:'l1', :'l2']::uuid[]) r \gset
SELECT is((reservation.cancel(:'cleo', :'l3', 'r')).outcome, 'OK', 'reservation_is_cancelled_during_its_payment');
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-9'))) IS NOT NULL AS taken \gset
SELECT is((pg_temp.says(:'l1', 'CAPTURED')).outcome, 'CREATED', 'late_capture_with_its_seats_is_CREATED');
SELECT is(reservation.status_of(:'l1'), 'CONFIRMED', 'late_capture_confirms_the_reservation');
SELECT is(pg_temp.says(:'l2', 'CAPTURED'), ROW('RESERVATION_EXPIRED', format('{"paymentId":"%s"}', pg_temp.of(:'l2')), NULL, false, 'request of l2')::platform.reply, 'late_capture_without_its_seat_is_refused');
SELECT is(pg_temp.work(:'l2'), 'REFUND_PENDING, due, tries 0', 'late_capture_without_its_seat_is_REFUND_PENDING');
SELECT is((pg_temp.says(:'l3', 'CAPTURED')).outcome || ', ' || pg_temp.work(:'l3'), 'RESERVATION_CANCELLED, REFUND_PENDING, due, tries 0', 'late_capture_of_a_cancelled_reservation_is_refused');
SELECT is(pg_temp.state(:'schedule', 'V-A-9'), 'HOLD, epoch 2', 'hold_of_the_other_user_is_untouched');
SELECT is(((reservation.get_reservation(:'cleo', :'l2')).body::json -> 'refund')::text, '{"amount":150000,"status":"REFUND_PENDING"}', 'reservation_shows_the_refund');
SELECT is((pg_temp.begin(:'cleo', :'l2', 'l2')).outcome, 'RESERVATION_EXPIRED', 'late_capture_has_a_stored_answer');
SELECT is(pg_temp.taken(:'l2'), 'REFUND_PENDING 150000 card of l2', 'owed_refund_is_due');

-- Refunds: pending until the provider has confirmed, done once, and never more than was taken.
SELECT is((reservation.cancel(:'ann', :'a', 'r')).body::json -> 'refund' ->> 'status', 'REFUND_PENDING', 'refund_of_a_cancelled_ticket_is_pending');
SELECT is(pg_temp.work(:'a'), 'REFUND_PENDING, due, tries 0', 'refund_of_a_cancelled_ticket_is_due');
SELECT is((payment.refund(:'a', 'r')).body::json ->> 'status', 'REFUND_PENDING', 'repeated_cancellation_answers_the_same');
SELECT is(pg_temp.taken(:'a'), 'REFUND_PENDING 150000 card of a1', 'resolver_takes_the_refund');
SELECT is((payment.refund(:'a', 'r')).outcome || ', ' || pg_temp.work(:'a'), 'OK, REFUND_PENDING, due, leased, tries 1', 'repeated_cancellation_keeps_the_lease');
SELECT is(split_part((pg_temp.says(:'a', o)).outcome || ', ' || pg_temp.work(:'a'), ',', 2), ' REFUND_PENDING', o || '_leaves_the_refund_pending')
FROM unnest(ARRAY['UNKNOWN', 'ABSENT', 'DECLINED', 'CAPTURED', 'UNWANTED']) o;
SELECT is((pg_temp.says(:'a', 'CANCELLED')).outcome || ', ' || pg_temp.work(:'a'), 'OK, REFUNDED, tries 1', 'cancelled_at_the_provider_is_REFUNDED');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).body::json -> 'refund' ->> 'status', 'REFUNDED', 'reservation_shows_REFUNDED');
SELECT is((pg_temp.says(:'a', 'CANCELLED')).outcome, 'CREATED', 'repeated_settlement_answers_the_first_answer');
SELECT is((SELECT refunded_amount FROM payment.payments WHERE payment_id = pg_temp.of(:'a')), 150000::bigint, 'refund_is_written_down_once');
SELECT is(pg_temp.cancel(:'a'), 2, 'cancel_after_money_was_still_there_has_a_new_key');
SELECT throws_ok(format('UPDATE payment.payments SET refunded_amount = 150001 WHERE payment_id = %L', pg_temp.of(:'a')), '23514', NULL, 'refund_never_exceeds_the_payment');

SELECT is((SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') FROM platform.invariants), 'none', 'no_invariant_is_violated_at_last');

-- With a guard off, the invariants show the damage.
CREATE FUNCTION pg_temp.after(p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_hurt text;
BEGIN
	EXECUTE p_damage;
	SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') INTO v_hurt FROM payment.invariants;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN RETURN v_hurt;
END $$;
SELECT is(pg_temp.after($$UPDATE payment.cards SET asked_at = now() - interval '25 hours' WHERE due_at IS NOT NULL$$), 'uncertain_for_too_long', 'outcome_unknown_for_more_than_a_day_is_found');
SELECT is(pg_temp.after('UPDATE payment.cards SET due_at = NULL'), 'uncertain_is_due', 'pending_payment_that_is_not_due_is_found');
SELECT is(pg_temp.after('UPDATE payment.cards SET due_at = now()'), 'uncertain_is_due', 'settled_payment_that_is_due_is_found');
SELECT is(pg_temp.after($$UPDATE payment.cards SET payment_key = 'the same'$$), 'a_card_pays_once', 'payment_key_captured_twice_is_found');
SELECT is(pg_temp.after(format($$UPDATE payment.payments SET status = 'PENDING', approved_at = NULL WHERE payment_id = %L$$, pg_temp.of(:'u'))),
    'kept_answer_has_its_effect reservation_follows_payment uncertain_is_due', 'confirmed_ticket_of_a_pending_payment_is_found');

SELECT * FROM finish();
ROLLBACK;
