-- Charges by card without a provider: each answer of the provider, repeated requests, leases, the wallet's state and
-- limit, and the ledger.
BEGIN;
SELECT plan(78);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set cleo '00000000-0000-7000-8000-0000000000c3'

CREATE FUNCTION pg_temp.begin(p_user uuid, p_key text, p_amount bigint DEFAULT 5000) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT point.begin_charge(p_user, p_amount, 'card of ' || p_key, p_key, 'hash of ' || p_amount, 1000, 'request of ' || p_key)
$$;
CREATE FUNCTION pg_temp.of(p_key text) RETURNS uuid LANGUAGE sql AS $$ SELECT charge_id FROM point.charges WHERE idempotency_key = p_key $$;
CREATE FUNCTION pg_temp.says(p_key text, p_result text, p_code text DEFAULT NULL) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT point.settle_charge(c.user_id, c.charge_id, p_result, p_code) FROM point.charges c WHERE c.idempotency_key = p_key
$$;
CREATE FUNCTION pg_temp.work(p_key text) RETURNS text LANGUAGE sql AS $$
	SELECT concat(status || coalesce(' ' || provider_code, ''),
	    CASE WHEN due_at IS NULL THEN '' WHEN due_at <= clock_timestamp() THEN ', due' ELSE ', due later' END,
	    CASE WHEN leased_until > clock_timestamp() THEN ', leased' END, ', tries ' || tries)
	FROM point.charges WHERE idempotency_key = p_key
$$;
CREATE FUNCTION pg_temp.taken(p_key text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', d ->> 'amount', d ->> 'paymentKey'), ', '), 'nothing')
	FROM json_array_elements((point.due_charges(100, 5000)).body::json -> 'due') d WHERE (d ->> 'chargeId')::uuid = pg_temp.of(p_key)
$$;
CREATE FUNCTION pg_temp.wallet(p_user uuid) RETURNS text LANGUAGE sql AS $$
	SELECT b ->> 'status' || ' ' || (b ->> 'balance') FROM (SELECT (point.get_wallet(p_user)).body::json AS b) x
$$;
CREATE FUNCTION pg_temp.entries(p_user uuid) RETURNS int LANGUAGE sql AS $$ SELECT count(*)::int FROM point.entries WHERE user_id = p_user $$;
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);

-- Begun.
INSERT INTO said SELECT 'begun', pg_temp.begin(:'ann', 'a1');
SELECT is((r).outcome || (r).body, format('BEGUN{"chargeId":"%s","orderId":"charge-635b5f35d1bff93a917c41a264b2d8aaf5984e18"}', pg_temp.of('a1')), 'charge_by_card_begins') FROM said;
SELECT is(pg_temp.work('a1'), 'CHARGING, due later, leased, tries 0', 'begun_charge_is_leased');
SELECT is(pg_temp.wallet(:'ann'), 'CHARGING 0', 'wallet_is_CHARGING');
SELECT is(pg_temp.entries(:'ann'), 0, 'begun_charge_has_no_entry');
SELECT is((pg_temp.begin(:'ann', 'a1')).outcome, 'IDEMPOTENCY_KEY_IN_USE', 'same_key_during_the_call_is_in_use');
SELECT is((pg_temp.begin(:'ann', 'a1', 6000)).outcome, 'IDEMPOTENCY_KEY_REUSED', 'same_key_with_another_amount_is_reused');
SELECT is(pg_temp.taken('a1'), 'nothing', 'leased_charge_is_not_due_for_others');
SELECT is((point.charge(:'ann', 7000, 'a1', 'another request', 'r')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'trusted_charge_with_the_key_of_another_amount_is_reused');
SELECT is((point.charge(:'ann', 5000, 'a1', 'hash of 5000', 'r')).outcome, 'IDEMPOTENCY_KEY_IN_USE', 'trusted_charge_with_the_same_request_is_the_charge_by_card');
SELECT is((pg_temp.begin(:'ann', 'small', 999)).outcome, 'INVALID_REQUEST', 'amount_below_1000_is_invalid');
SELECT is((pg_temp.begin(:'ann', 'big', 1000001)).outcome, 'INVALID_REQUEST', 'amount_above_1000000_is_invalid');

-- The order id names the user and the key, in a form that every provider accepts, for every key.
CREATE FUNCTION pg_temp.order_of(p_user uuid, p_key text) RETURNS text LANGUAGE sql AS $$
	SELECT 'charge-' || left(encode(sha256((p_user::text || ':' || p_key)::bytea), 'hex'), 40)
$$;
CREATE TEMP TABLE keys AS SELECT k, (pg_temp.begin(:'cleo', k)).outcome
FROM unnest(ARRAY['0197a3c2-0000-7000-8000-00000000000a', 'A_z=9', repeat('x', 57), repeat('y', 100), 'a b', 'a.b']) o (k);
SELECT is(c.order_id, pg_temp.order_of(:'cleo', k), 'order_id_of_any_key_names_user_and_key_' || k) FROM keys JOIN point.charges c ON c.idempotency_key = k;
SELECT is((SELECT count(*)::int FROM point.charges WHERE order_id !~ '^[A-Za-z0-9_=-]{6,64}$'), 0, 'order_id_is_valid_at_the_provider');

-- Captured.
INSERT INTO said SELECT 'captured', pg_temp.says('a1', 'CAPTURED');
SELECT is((r).outcome || ' ' || (r).request_id, 'CREATED request of a1', 'captured_charge_is_CREATED') FROM said WHERE name = 'captured';
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['chargeId', 'status', 'amount', 'balance', 'history', 'message'], 'captured_charge_has_the_members_of_the_contract') FROM said WHERE name = 'captured';
SELECT is((r).body::json -> 'history' ->> 'type' || ' ' || ((r).body::json -> 'history' ->> 'referenceId'), 'CHARGE ' || pg_temp.of('a1'), 'captured_charge_has_its_entry') FROM said WHERE name = 'captured';
SELECT is(pg_temp.wallet(:'ann'), 'ACTIVE 5000', 'captured_charge_adds_the_points');
SELECT is(pg_temp.work('a1'), 'CHARGED, tries 0', 'captured_charge_is_not_due');
SELECT is(pg_temp.begin(:'ann', 'a1'), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, 'captured_charge_is_replayed_to_the_byte') FROM said WHERE name = 'captured';
SELECT is(pg_temp.says('a1', o), ROW('CREATED', (r).body, NULL, true, 'request of a1')::platform.reply, o || '_after_capture_changes_nothing')
FROM said, unnest(ARRAY['CAPTURED', 'DECLINED', 'UNKNOWN']) o WHERE name = 'captured';
SELECT is(pg_temp.entries(:'ann'), 1, 'captured_charge_has_one_entry');

-- Declined.
SELECT is((pg_temp.begin(:'ann', 'd1')).outcome, 'BEGUN', 'charge_that_will_be_declined_begins');
INSERT INTO said SELECT 'declined', pg_temp.says('d1', 'DECLINED', 'INVALID_CARD_EXPIRATION');
SELECT is((r).outcome || (r).body, 'CARD_DECLINED{"providerCode":"INVALID_CARD_EXPIRATION"}', 'declined_charge_names_the_code') FROM said WHERE name = 'declined';
SELECT is(pg_temp.work('d1') || ', ' || pg_temp.wallet(:'ann') || ', ' || pg_temp.entries(:'ann'), 'FAILED INVALID_CARD_EXPIRATION, tries 0, ACTIVE 5000, 1', 'declined_charge_has_no_entry');
SELECT is(pg_temp.begin(:'ann', 'd1'), ROW('CARD_DECLINED', (r).body, NULL, true, 'request of d1')::platform.reply, 'declined_charge_has_a_stored_answer') FROM said WHERE name = 'declined';

-- The provider's answer is written down, whatever is stored under the idempotency key.
SELECT is((pg_temp.begin(:'cleo', 'f1')).outcome, 'BEGUN', 'charge_whose_key_is_gone_begins');
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome) VALUES (:'cleo', 'points.charge', 'f1', 'another request', 'POINT_LIMIT_EXCEEDED');
SELECT is((pg_temp.says('f1', 'CAPTURED')).outcome || ', ' || pg_temp.work('f1') || ', ' || pg_temp.wallet(:'cleo'), 'CREATED, CHARGED, tries 0, CHARGING 5000', 'captured_charge_without_its_key_is_credited');

-- Two charges have an unknown outcome at the same time.
SELECT is((pg_temp.begin(:'ann', 'u1')).outcome, 'BEGUN', 'charge_of_unknown_outcome_begins');
SELECT is((pg_temp.begin(:'ann', 'u2')).outcome, 'BEGUN', 'another_charge_begins_beside_it');
INSERT INTO said SELECT 'unknown', pg_temp.says('u1', 'UNKNOWN');
SELECT is((r).outcome || ' ' || ((r).body::jsonb - 'message')::text, format('ACCEPTED {"amount": 5000, "status": "CHARGING", "balance": 5000, "chargeId": "%s"}', pg_temp.of('u1')), 'unknown_outcome_is_CHARGING') FROM said WHERE name = 'unknown';
SELECT is(pg_temp.work('u1'), 'CHARGING, due, tries 1', 'unknown_outcome_is_due_at_once');
SELECT is((pg_temp.begin(:'ann', 'u1')).outcome, 'ACCEPTED', 'same_key_answers_the_present_state');
SELECT is(pg_temp.taken('u1'), '5000 card of u1', 'resolver_takes_the_charge');
SELECT is(pg_temp.taken('u1'), 'nothing', 'second_resolver_gets_nothing');
SELECT is((pg_temp.says('u1', 'ABSENT')).outcome || ', ' || pg_temp.work('u1'), 'ACCEPTED, CHARGING, due later, tries 2', 'absent_charge_is_put_off');
SELECT is((pg_temp.begin(:'ann', 'u1')).outcome, 'ACCEPTED', 'same_key_asks_again');
SELECT ok(due_at <= looked_at + interval '1 s', 'user_who_asks_again_causes_a_lookup_a_second_after_the_last') FROM point.charges WHERE idempotency_key = 'u1';
UPDATE point.charges SET looked_at = looked_at - interval '1 s', due_at = due_at - interval '1 s' WHERE idempotency_key = 'u1';
SELECT is(pg_temp.taken('u1'), '5000 card of u1', 'resolver_leases_the_charge_and_dies');
UPDATE point.charges SET leased_until = leased_until - interval '1 hour' WHERE idempotency_key = 'u1';
SELECT is(pg_temp.taken('u1'), '5000 card of u1', 'expired_lease_is_given_to_another');
SELECT is((pg_temp.says('u1', 'CAPTURED')).outcome, 'CREATED', 'captured_at_last_is_CREATED');
SELECT is(pg_temp.wallet(:'ann'), 'CHARGING 10000', 'wallet_is_CHARGING_for_the_other_charge');
SELECT is((pg_temp.says('u2', 'CANCELLED')).outcome, 'CARD_DECLINED', 'other_charge_is_declined');
SELECT is(pg_temp.wallet(:'ann'), 'ACTIVE 10000', 'wallet_is_ACTIVE_without_open_charges');
SELECT is((point.settle_charge(:'bob', pg_temp.of('u2'), 'CAPTURED', NULL)).outcome, 'NO_CONTENT', 'charge_of_another_user_is_not_settled');

-- The provider does not answer until it has forgotten the charge. The charge fails, look-ups go on, and money that
-- was captured after all is given back.
CREATE FUNCTION pg_temp.older(p_key text) RETURNS void LANGUAGE sql AS $$
	UPDATE point.charges SET created_at = created_at - interval '32 minutes', settled_at = settled_at - interval '32 minutes', due_at = now() WHERE idempotency_key = p_key
$$;
CREATE FUNCTION pg_temp.given(p_key text, p_what text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(d ->> p_what, ', ') FROM json_array_elements((point.due_charges(100, 0)).body::json -> 'due') d WHERE (d ->> 'chargeId')::uuid = pg_temp.of(p_key)
$$;
SELECT is((pg_temp.begin(:'ann', 'n1')).outcome || (pg_temp.says('n1', 'UNKNOWN')).outcome, 'BEGUNACCEPTED', 'another_charge_has_an_unknown_outcome');
SELECT is((point.confirm_again(:'ann', pg_temp.of('n1'), 1000)).outcome || ' ' || (pg_temp.says('n1', 'ABSENT')).outcome, 'BEGUN ACCEPTED', 'confirm_may_be_sent_again_while_the_provider_may_know_it');
SELECT is((point.confirm_again(:'bob', pg_temp.of('n1'), 1000)).outcome, 'NO_CONTENT', 'another_user_may_not_confirm_again');
SELECT pg_temp.older('n1') IS NULL AS passed \gset
SELECT is((pg_temp.says('n1', 'UNKNOWN')).outcome, 'ACCEPTED', 'unknown_outcome_never_fails_by_age');
SELECT is((point.confirm_again(:'ann', pg_temp.of('n1'), 1000)).outcome || ', ' || pg_temp.work('n1') || ', ' || pg_temp.wallet(:'ann'), 'CARD_DECLINED, FAILED EXPIRED, due later, tries 0, ACTIVE 10000', 'absent_after_31_minutes_is_FAILED_and_watched');
SELECT is((pg_temp.begin(:'ann', 'n1')).outcome || ' ' || (pg_temp.begin(:'ann', 'n1')).replayed, 'CARD_DECLINED true', 'given_up_charge_has_a_stored_answer');
SELECT is((pg_temp.says('n1', 'ABSENT')).outcome || ', ' || pg_temp.work('n1'), 'CARD_DECLINED, FAILED EXPIRED, due, tries 1', 'given_up_charge_is_due');
SELECT is(pg_temp.given('n1', 'status') || ' ' || pg_temp.given('n1', 'cancelNo'), 'FAILED 0', 'resolver_takes_the_given_up_charge');
SELECT is((pg_temp.says('n1', 'CAPTURED')).outcome || ', ' || pg_temp.wallet(:'ann'), 'CARD_DECLINED, ACTIVE 10000', 'given_up_charge_that_was_captured_is_not_credited');
SELECT is((SELECT cancel_no FROM point.charges WHERE idempotency_key = 'n1'), 1, 'next_cancel_has_a_new_key');
SELECT is((pg_temp.says('n1', 'CANCELLED')).outcome || ', ' || pg_temp.work('n1'), 'CARD_DECLINED, FAILED EXPIRED, tries 3', 'voided_charge_is_not_due');
SELECT point.heard_of('card of n1') IS NULL AS heard \gset
SELECT is(pg_temp.work('n1'), 'FAILED EXPIRED, due, tries 3', 'webhook_makes_a_voided_charge_due');
SELECT pg_temp.older('n1') IS NULL AS passed \gset
SELECT is(pg_temp.given('n1', 'status') || ', ' || (pg_temp.says('n1', 'ABSENT')).outcome || ', ' || pg_temp.work('n1'), 'FAILED, CARD_DECLINED, FAILED EXPIRED, tries 4', 'voided_charge_that_the_provider_forgot_is_finished');
SELECT is((pg_temp.begin(:'ann', 'p1')).outcome || (pg_temp.says('p1', 'DECLINED', 'ALREADY_PROCESSED_PAYMENT')).outcome || pg_temp.work('p1'),
    'BEGUNCARD_DECLINEDFAILED ALREADY_PROCESSED_PAYMENT, due later, tries 0', 'key_used_elsewhere_is_declined_and_watched');

-- A webhook comes during the look-up.
SELECT is((pg_temp.begin(:'ann', 'h1')).outcome || (pg_temp.says('h1', 'UNKNOWN')).outcome || pg_temp.taken('h1'), 'BEGUNACCEPTED5000 card of h1', 'resolver_takes_one_charge');
SELECT is((payment.heard_of('card of h1')).outcome || (pg_temp.says('h1', 'UNKNOWN')).outcome || pg_temp.work('h1'), 'NO_CONTENTACCEPTEDCHARGING, due, tries 2', 'webhook_during_the_look_up_is_not_lost');
SELECT is((pg_temp.says('h1', 'CANCELLED')).outcome || pg_temp.work('h1'), 'CARD_DECLINEDFAILED CANCELLED, tries 0', 'charge_is_settled');
SELECT is((SELECT count(*)::int FROM (SELECT pg_temp.says(idempotency_key, 'DECLINED', 'X') FROM point.charges WHERE user_id = :'cleo' AND status = 'CHARGING' OFFSET 0) e), 6, 'other_charges_are_settled');

-- The limit counts open charges. Captured money is credited, however full the wallet is.
SELECT is((SELECT string_agg(DISTINCT (pg_temp.begin(:'bob', 'b' || n, 1000000)).outcome, ' ') FROM generate_series(1, 10) n), 'BEGUN', 'bob_begins_ten_charges_of_1000000');
SELECT is((pg_temp.begin(:'bob', 'b11', 1000)).outcome, 'POINT_LIMIT_EXCEEDED', 'charge_above_the_limit_of_the_wallet_is_refused');
SELECT is((SELECT string_agg(DISTINCT (pg_temp.says('b' || n, 'CAPTURED')).outcome, ' ') FROM generate_series(1, 10) n), 'CREATED', 'ten_charges_are_captured');
SELECT is(pg_temp.wallet(:'bob'), 'ACTIVE 10000000', 'ten_charges_are_in_the_wallet');

SELECT is((SELECT coalesce(string_agg(DISTINCT name, ' '), 'none') FROM platform.invariants), 'none', 'no_invariant_is_violated');
CREATE FUNCTION pg_temp.after(p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_hurt text;
BEGIN
	EXECUTE p_damage;
	SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') INTO v_hurt FROM point.invariants;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN RETURN v_hurt;
END $$;
SELECT is(pg_temp.after($$UPDATE point.charges SET asked_at = now() - interval '25 hours' WHERE due_at IS NOT NULL$$), 'charge_uncertain_for_too_long', 'outcome_unknown_for_more_than_a_day_is_found');
SELECT is(pg_temp.after($$UPDATE point.charges SET status = 'CHARGED', provider_code = NULL WHERE idempotency_key = 'd1'$$), 'charged_is_in_the_ledger', 'charge_without_an_entry_is_found');
SELECT is(pg_temp.after($$UPDATE point.charges SET amount = amount + 1 WHERE idempotency_key = 'a1'$$), 'charged_is_in_the_ledger', 'charge_of_another_amount_than_its_entry_is_found');
SELECT is(pg_temp.after($$UPDATE point.wallets SET status = 'CHARGING'$$), 'charging_says_the_wallet', 'CHARGING_wallet_without_charges_is_found');

SELECT * FROM finish();
ROLLBACK;
