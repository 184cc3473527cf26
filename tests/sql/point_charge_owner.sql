-- A charge by card belongs to its user. Another user who has seen the payment key charges nothing and blocks nothing,
-- and no captured money is credited twice. `says` plays the provider, which binds a payment key to one order.
BEGIN;
SELECT plan(27);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'

CREATE FUNCTION pg_temp.order_of(p_user uuid, p_key text) RETURNS text LANGUAGE sql AS $$
	SELECT 'charge-' || left(encode(sha256((p_user::text || ':' || p_key)::bytea), 'hex'), 40)
$$;
CREATE FUNCTION pg_temp.begin(p_user uuid, p_key text, p_card text DEFAULT 'card') RETURNS platform.reply LANGUAGE sql AS $$
	SELECT point.begin_charge(p_user, 5000, p_card, p_key, 'hash of ' || p_card, 1000, 'request of ' || p_key)
$$;
CREATE FUNCTION pg_temp.says(p_user uuid, p_key text, p_result text, p_code text DEFAULT NULL) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT point.settle_charge(c.user_id, c.charge_id, p_result, p_code) FROM point.charges c WHERE c.user_id = p_user AND c.idempotency_key = p_key
$$;
CREATE FUNCTION pg_temp.wallet(p_user uuid) RETURNS text LANGUAGE sql AS $$
	SELECT concat(b ->> 'status', ' ', b ->> 'balance', ', ', (SELECT count(*) FROM point.entries WHERE user_id = p_user))
	FROM (SELECT (point.get_wallet(p_user)).body::json AS b) x
$$;

-- The order id, with a fixed example.
SELECT is(point.order_id(:'ann', 'a1'), 'charge-635b5f35d1bff93a917c41a264b2d8aaf5984e18', 'order_id_is_hash_of_user_and_key');
SELECT is((pg_temp.begin(:'ann', 'mine')).body::json ->> 'orderId', pg_temp.order_of(:'ann', 'mine'), 'charge_begins_with_order_of_its_user');

-- Bob has seen the whole redirect: payment key, order id and amount, so also the idempotency key.
SELECT is((pg_temp.begin(:'bob', 'mine')).body::json ->> 'orderId', pg_temp.order_of(:'bob', 'mine'), 'same_key_of_another_user_is_another_order');
SELECT is(pg_temp.wallet(:'ann') || ' / ' || pg_temp.wallet(:'bob'), 'CHARGING 0, 0 / CHARGING 0, 0', 'two_users_with_one_payment_key_are_both_begun');
SELECT is((pg_temp.says(:'ann', 'mine', 'CAPTURED')).outcome, 'CREATED', 'owner_is_credited_while_the_others_outcome_is_unknown');
SELECT is((pg_temp.says(:'bob', 'mine', 'UNKNOWN')).outcome, 'ACCEPTED', 'other_users_outcome_is_unknown');
SELECT throws_ok(format('SELECT pg_temp.says(%L, %L, %L)', :'bob', 'mine', 'CAPTURED'), '23505', NULL, 'payment_key_is_never_credited_twice_whatever_the_provider_says');
SELECT is((pg_temp.says(:'bob', 'mine', 'DECLINED', 'ALREADY_PROCESSED_PAYMENT')).outcome, 'CARD_DECLINED', 'other_user_is_declined');
SELECT is(pg_temp.wallet(:'ann') || ' / ' || pg_temp.wallet(:'bob'), 'ACTIVE 5000, 1 / ACTIVE 0, 0', 'only_the_owner_has_the_points');

-- Bob comes first, once with an unknown outcome and once declined; ann still charges.
SELECT is((pg_temp.begin(:'bob', 'b1', 'second')).outcome || ' ' || (pg_temp.begin(:'ann', 'a2', 'second')).outcome, 'BEGUN BEGUN', 'attempt_with_unknown_outcome_does_not_block_the_owner');
SELECT is((pg_temp.says(:'ann', 'a2', 'CAPTURED')).outcome, 'CREATED', 'owner_is_credited_after_an_attempt_with_unknown_outcome');
SELECT is((pg_temp.begin(:'bob', 'b2', 'third')).outcome || ' ' || (pg_temp.says(:'bob', 'b2', 'DECLINED', 'FORBIDDEN_REQUEST')).outcome, 'BEGUN CARD_DECLINED', 'attempt_is_declined');
SELECT is((pg_temp.begin(:'ann', 'a3', 'third')).outcome || ' ' || (pg_temp.says(:'ann', 'a3', 'CAPTURED')).outcome, 'BEGUN CREATED', 'owner_is_credited_after_a_declined_attempt');
SELECT is(pg_temp.wallet(:'ann'), 'ACTIVE 15000, 3', 'each_payment_key_is_credited_once');

-- The stored answer is gone (after 16 days): the same user, payment key and idempotency key are still the same money.
SELECT is((pg_temp.begin(:'ann', 'a3', 'third')).replayed, true, 'repeated_charge_is_a_replay');
DELETE FROM platform.idempotency WHERE user_id = :'ann' AND key IN ('a3', 'mine');
SELECT is(pg_temp.begin(:'ann', 'a3', 'third'), ROW('CARD_DECLINED', '{"providerCode":"ALREADY_PROCESSED_PAYMENT"}', NULL, false, 'request of a3')::platform.reply, 'charge_repeated_after_its_answer_is_gone_is_declined');
SELECT is((pg_temp.begin(:'ann', 'a3', 'third')).replayed, true, 'refusal_of_the_repeated_charge_is_stored');
SELECT is(pg_temp.wallet(:'ann'), 'ACTIVE 15000, 3', 'refused_repetition_credits_nothing');
SELECT is((SELECT count(*)::int FROM point.charges WHERE payment_key = 'third' AND user_id = :'ann'), 1, 'refused_repetition_leaves_no_charge');

-- A charge that the release before began has an order id without a user. It keeps that order id, and only its user
-- can use it.
INSERT INTO point.charges (charge_id, user_id, amount, status, payment_key, order_id, idempotency_key, request_hash, request_id,
    asked_at, due_at, created_at)
VALUES (platform.uuid_v7(), :'ann', 5000, 'CHARGING', 'old card', 'charge-old', 'old', 'hash of old card', 'r', now(), now() - interval '1 s', now());
UPDATE point.wallets SET status = 'CHARGING' WHERE user_id = :'ann';
SELECT is((pg_temp.begin(:'ann', 'old', 'old card')).outcome, 'ACCEPTED', 'charge_of_the_old_release_is_resumed_by_its_key');
SELECT is((SELECT d ->> 'orderId' FROM json_array_elements((point.due_charges(100, 0)).body::json -> 'due') d WHERE d ->> 'paymentKey' = 'old card'),
    'charge-old', 'charge_of_the_old_release_keeps_its_order_id');
SELECT is((pg_temp.begin(:'bob', 'old', 'old card')).body::json ->> 'orderId', pg_temp.order_of(:'bob', 'old'), 'other_user_cannot_begin_under_an_old_order_id');
SELECT is((point.confirm_again(:'ann', (SELECT charge_id FROM point.charges WHERE order_id = 'charge-old'), 1000)).outcome, 'BEGUN', 'charge_of_the_old_release_is_confirmed_again');
SELECT is((pg_temp.says(:'ann', 'old', 'CAPTURED')).outcome, 'CREATED', 'charge_of_the_old_release_is_credited');
SELECT is((pg_temp.says(:'bob', 'old', 'DECLINED', 'ALREADY_PROCESSED_PAYMENT')).outcome, 'CARD_DECLINED', 'other_user_of_the_old_payment_key_is_declined');

SELECT is((SELECT coalesce(string_agg(DISTINCT name, ' '), 'none') FROM platform.invariants), 'none', 'no_invariant_is_violated');
CREATE FUNCTION pg_temp.after(p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_hurt text;
BEGIN
	EXECUTE p_damage;
	SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') INTO v_hurt FROM point.invariants;
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN RETURN v_hurt;
END $$;
SELECT is(pg_temp.after($$DROP INDEX point.charges_credited_once; UPDATE point.charges SET payment_key = 'third' WHERE payment_key = 'second'$$), 'a_card_charges_once', 'payment_key_credited_twice_is_found');

SELECT * FROM finish();
ROLLBACK;
