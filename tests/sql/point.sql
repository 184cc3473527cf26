-- The promises of the functions of schema point: charge, wallet, history, debit, restore; their outcomes, the stored
-- answers, and who may call them.
BEGIN;
SELECT plan(75);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set cleo '00000000-0000-7000-8000-0000000000c3'
\set pay1 '00000000-0000-7000-8000-000000000e01'
\set pay3 '00000000-0000-7000-8000-000000000e03'
\set pay2 '00000000-0000-7000-8000-000000000e02'

-- A user without a wallet.
SELECT is((point.get_wallet(:'ann')).outcome, 'OK', 'unknown_user_reads_an_empty_wallet');
SELECT is((point.get_wallet(:'ann')).body::jsonb - 'updatedAt', '{"balance": 0, "status": "ACTIVE"}',
    'wallet_of_an_unknown_user_is_empty_and_ACTIVE');
SELECT matches((point.get_wallet(:'ann')).body, '"updatedAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', 'wallet_of_an_unknown_user_has_the_time_of_now');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L', :'ann'), 'reading_a_wallet_makes_no_row');
SELECT is((point.list_entries(:'ann', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'unknown_user_has_no_history');

-- Charging.
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);
INSERT INTO said SELECT 'first', point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-1');
SELECT is((r).outcome, 'CREATED', 'charge_is_CREATED') FROM said WHERE name = 'first';
SELECT is((r).request_id, 'request-1', 'charge_has_its_request_id') FROM said WHERE name = 'first';
SELECT is((r).replayed, false, 'charge_is_no_replay') FROM said WHERE name = 'first';
SELECT is(
    (SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['chargeId', 'status', 'amount', 'balance', 'history', 'message'],
    'charge_has_the_members_of_the_contract_in_order') FROM said WHERE name = 'first';
SELECT is(
    (SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json -> 'history') WITH ORDINALITY o (k, n)),
    ARRAY['historyId', 'type', 'amount', 'balanceAfter', 'referenceId', 'createdAt'],
    'history_has_the_members_of_the_contract_in_order') FROM said WHERE name = 'first';
SELECT is((r).body::jsonb - 'chargeId' #- '{history,historyId}' #- '{history,referenceId}' #- '{history,createdAt}',
    '{"status": "CHARGED", "amount": 10000, "balance": 10000, "message": "The points were charged.",
      "history": {"type": "CHARGE", "amount": 10000, "balanceAfter": 10000}}'::jsonb,
    'charge_has_its_amounts') FROM said WHERE name = 'first';
SELECT is((r).body::jsonb ->> 'chargeId', (r).body::jsonb #>> '{history,referenceId}',
    'history_refers_to_the_charge') FROM said WHERE name = 'first';
SELECT matches((r).body::jsonb ->> 'chargeId', '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]',
    'ids_are_UUIDv7') FROM said WHERE name = 'first';
SELECT is((point.get_wallet(:'ann')).body::jsonb ->> 'updatedAt', (r).body::jsonb #>> '{history,createdAt}',
    'wallet_changes_at_the_time_of_its_entry') FROM said WHERE name = 'first';

-- The same key again.
INSERT INTO said SELECT 'again', point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-2');
SELECT is((again.r).body, (first.r).body, 'replay_has_the_first_body_to_the_byte')
FROM said again, said first WHERE again.name = 'again' AND first.name = 'first';
SELECT is((r).outcome, 'CREATED', 'replay_has_the_first_outcome') FROM said WHERE name = 'again';
SELECT is((r).request_id, 'request-1', 'replay_has_the_first_request_id') FROM said WHERE name = 'again';
SELECT ok((r).replayed, 'replay_says_that_it_is_one') FROM said WHERE name = 'again';
SELECT is((point.get_wallet(:'ann')).body::json ->> 'balance', '10000', 'replay_charges_nothing');
SELECT is((point.charge(:'ann', 20000, 'key-1', 'hash-2', 'request-3')).outcome, 'IDEMPOTENCY_KEY_REUSED',
    'key_with_another_request_is_refused');
SELECT is((point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-3')).outcome, 'CREATED',
    'first_answer_survives_a_reused_key');
SELECT is((point.charge(:'bob', 10000, 'key-1', 'hash-1', 'request-4')).replayed, false,
    'key_of_another_user_is_another_key');

-- Amounts.
SELECT is((point.charge(:'cleo', a, 'key-' || a, 'hash', 'request')).outcome, 'INVALID_REQUEST', format('amount_of_%s_is_invalid', a))
FROM unnest(ARRAY[0, 999, -1000, 1000001]) a;
SELECT is((point.charge(:'cleo', NULL, 'key-null', 'hash', 'request')).outcome, 'INVALID_REQUEST', 'missing_amount_is_invalid');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L UNION ALL
    SELECT 1 FROM platform.idempotency WHERE user_id = %1$L', :'cleo'), 'invalid_amounts_are_not_stored');
SELECT is((point.charge(:'cleo', 1000, 'key-0', 'hash', 'request')).outcome, 'CREATED', 'least_amount_is_1000_under_a_key_refused_before');
SELECT is((point.charge(:'cleo', 1000000, 'key-top', 'hash', 'request')).outcome, 'CREATED', 'greatest_amount_is_1000000');

-- The wallet's limit.
SELECT is(count(*) FILTER (WHERE (c).outcome = 'CREATED'), 8::bigint, 'wallet_takes_charges_up_to_its_limit')
FROM (SELECT point.charge(:'cleo', 1000000, 'fill-' || i, 'hash', 'request') AS c FROM generate_series(1, 8) i) x;
SELECT is((point.charge(:'cleo', 999000, 'fill', 'hash', 'request')).body::json ->> 'balance', '10000000', 'wallet_holds_10000000');
INSERT INTO said SELECT 'limit', point.charge(:'cleo', 1000, 'over', 'hash', 'request-over');
SELECT is((r).outcome, 'POINT_LIMIT_EXCEEDED', 'charge_above_the_limit_is_refused') FROM said WHERE name = 'limit';
SELECT is((point.get_wallet(:'cleo')).body::json ->> 'balance', '10000000', 'refused_charge_moves_nothing');
SELECT is((point.debit(:'cleo', 5000, :'pay2', :'pay2')).outcome, 'OK', 'debit_makes_room_in_the_wallet');
SELECT is(point.charge(:'cleo', 1000, 'over', 'hash', 'request-later'),
    ROW('POINT_LIMIT_EXCEEDED', (r).body, NULL, true, 'request-over')::platform.reply,
    'refusal_of_the_limit_is_stored') FROM said WHERE name = 'limit';
SELECT is((point.charge(:'cleo', 5000, 'over-2', 'hash', 'request')).outcome, 'CREATED', 'another_key_charges_again');
SELECT is((point.restore(:'cleo', 5000, :'pay2', :'pay2')).body, '{"balance":10005000}',
    'debit_before_the_rollback_is_ok');

SELECT is((point.debit(:'cleo', 9999, :'pay3', :'pay3')).body, '{"balance":9995001}', 'wallet_has_9995001_points');
SELECT is((point.charge(:'cleo', 5000, 'over-3', 'hash', 'request')).outcome, 'POINT_LIMIT_EXCEEDED', 'charge_of_one_point_too_many_is_refused');
SELECT is((point.restore(:'cleo', 9999, :'pay3', :'pay3')).outcome, 'OK', 'rollback_above_the_limit_is_ok');

-- Taking and giving back.
SELECT is((point.reserve(:'ann', 10000)), ROW('OK', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'reserve_with_enough_points_is_ok');
SELECT is((point.reserve(:'ann', 10001)), ROW('INSUFFICIENT_POINTS', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'reserve_with_too_few_points_is_refused');
SELECT is((point.reserve(gen_random_uuid(), 1)).body, '{"balance":0}', 'reserve_of_an_unknown_user_is_refused');
SELECT is((point.debit(:'ann', 10001, :'pay1', :'pay1')), ROW('INSUFFICIENT_POINTS', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'debit_above_the_balance_is_refused');
SELECT is((point.debit(gen_random_uuid(), 1, :'pay1', :'pay1')).outcome, 'INSUFFICIENT_POINTS', 'debit_of_an_unknown_user_is_refused');
SELECT is((point.debit(:'ann', 7000, :'pay1', :'pay1')), ROW('OK', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'debit_takes_the_points');
SELECT is((point.debit(:'ann', 7000, :'pay1', :'pay1')), ROW('OK', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'repeated_debit_is_ok_without_points_left');
SELECT throws_ok(format('SELECT point.debit(%L, 1, %L, %2$L)', :'ann', :'pay1'), '23505', NULL, 'repeated_debit_of_another_amount_raises');
SELECT is((point.debit(:'ann', 7001, :'pay1', :'pay1')), ROW('INSUFFICIENT_POINTS', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'repeated_debit_of_more_than_is_left_is_refused');
SELECT is((point.debit(gen_random_uuid(), 7000, :'pay1', :'pay1')).outcome, 'INSUFFICIENT_POINTS', 'repeated_debit_from_an_empty_wallet_is_refused');
SELECT is((point.reserve(:'ann', 3001)).outcome || ' ' || (point.reserve(:'ann', 3000)).outcome, 'INSUFFICIENT_POINTS OK', 'reserve_is_exact');
SELECT throws_ok(format('SELECT point.debit(%L, 7000, %L, %2$L)', :'bob', :'pay1'), '23505', NULL, 'repeated_debit_of_another_user_raises');
SELECT throws_ok(format('SELECT point.restore(%L, 7001, %L, %2$L)', :'ann', :'pay1'), '23000', NULL, 'rollback_of_more_than_was_taken_raises');
SELECT throws_ok(format('SELECT point.restore(%L, 7000, %L, %2$L)', :'bob', :'pay1'), '23000', NULL, 'rollback_to_another_user_raises');
SELECT throws_ok(format('SELECT point.restore(%L, 7000, gen_random_uuid(), %L)', :'ann', :'pay1'), '23000', NULL, 'rollback_of_an_unknown_operation_raises');
SELECT is((point.restore(:'ann', 7000, :'pay1', :'pay1')).body, '{"balance":10000}', 'rollback_gives_the_points_back');
SELECT is((point.restore(:'ann', 7000, :'pay1', :'pay1')).body, '{"balance":10000}', 'repeated_rollback_gives_nothing');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %L, %2$L)', :'ann', :'pay1'), '23505', NULL, 'repeated_restore_of_another_amount_is_refused');

UPDATE point.wallets SET updated_at = '2999-01-01Z' WHERE user_id = :'bob';
SELECT is((point.charge(:'bob', 1000, 'clock', 'hash', 'request')).body::json #>> '{history,createdAt}', '2999-01-01T00:00:00.000Z',
    'entry_is_never_older_than_the_one_before_it');

-- History, newest first, in pages.
SELECT is(
    (SELECT array_agg(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'balanceAfter') ORDER BY n)
     FROM json_array_elements((point.list_entries(:'ann', 20, NULL)).body::json -> 'items') WITH ORDINALITY o (h, n)),
    ARRAY['ROLLBACK 7000 10000', 'DEDUCT 7000 3000', 'CHARGE 10000 10000'], 'history_is_newest_first');
CREATE TEMP TABLE page (items json, last uuid, next text);
INSERT INTO page
SELECT b -> 'items', (b -> 'items' -> 1 ->> 'historyId')::uuid, b ->> 'nextCursor'
FROM (SELECT (point.list_entries(:'ann', 2, NULL)).body::json AS b) x;
SELECT is(json_array_length(items), 2, 'page_has_as_many_entries_as_asked') FROM page;
SELECT is(next, platform.cursor(last), 'cursor_is_the_last_entry_of_the_page') FROM page;
SELECT is(
    (SELECT array_agg(h ->> 'type') FROM json_array_elements(b -> 'items') h), ARRAY['CHARGE'], 'next_page_goes_on_at_the_cursor')
FROM (SELECT (point.list_entries(:'ann', 2, last)).body::json AS b FROM page) x;
SELECT is((point.list_entries(:'ann', 2, last)).body::json ->> 'nextCursor', NULL, 'last_page_has_no_cursor') FROM page;
SELECT is((point.list_entries(:'bob', 2, last)).outcome, 'INVALID_REQUEST', 'cursor_of_another_user_is_refused') FROM page;

-- The rights of the service's role.

SET LOCAL ROLE point_service;
SELECT is((point.charge(:'ann', 1000, 'as service', 'h', 'q')).outcome, 'CREATED', 'point_service_may_charge');
SELECT is((point.list_entries(:'ann', 1, NULL)).outcome || ' ' || (point.get_wallet(:'ann')).outcome, 'OK OK', 'point_service_may_read');
SELECT throws_ok(format('SELECT point.debit(%L, 1, %1$L, %1$L)', :'ann'), '42501', NULL, 'point_service_may_not_debit');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %1$L, %1$L)', :'ann'), '42501', NULL, 'point_service_may_not_restore');
SELECT throws_ok('SELECT point.verify()', '42501', NULL, 'point_service_may_not_verify');
SELECT throws_ok('SELECT 1 FROM point.entries', '42501', NULL, 'point_service_may_not_read_entries');
SELECT throws_ok('UPDATE point.wallets SET balance = 1', '42501', NULL, 'point_service_may_not_write_wallets');
RESET ROLE;

SELECT is_empty('SELECT * FROM point.invariants', 'no_invariant_is_violated');
SELECT is((point.verify(:'ann')).broken, NULL, 'ledger_verifies');

SELECT * FROM finish();
ROLLBACK;
