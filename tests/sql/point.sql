-- What the point functions promise: charge, wallet, history, debit, restore;
-- every outcome, what is kept under a key, and who may call what.
BEGIN;
SELECT plan(78);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set cleo '00000000-0000-7000-8000-0000000000c3'
\set pay1 '00000000-0000-7000-8000-000000000e01'
\set pay3 '00000000-0000-7000-8000-000000000e03'
\set pay2 '00000000-0000-7000-8000-000000000e02'

-- A user never seen.
SELECT is((point.get_wallet(:'ann')).outcome, 'OK', 'a user never seen has a wallet to look at');
SELECT is((point.get_wallet(:'ann')).body::jsonb - 'updatedAt', '{"balance": 0, "status": "ACTIVE"}',
    'which is empty and active');
SELECT matches((point.get_wallet(:'ann')).body, '"updatedAt":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"', 'as of now');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L', :'ann'), 'looking makes no row');
SELECT is((point.list_entries(:'ann', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'and no history');

-- Charging.
CREATE TEMP TABLE said (name text PRIMARY KEY, r platform.reply);
INSERT INTO said SELECT 'first', point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-1');
SELECT is((r).outcome, 'CREATED', 'a charge is CREATED') FROM said WHERE name = 'first';
SELECT is((r).request_id, 'request-1', 'and carries its request''s id') FROM said WHERE name = 'first';
SELECT is((r).replayed, false, 'and is no replay') FROM said WHERE name = 'first';
SELECT is(
    (SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['chargeId', 'status', 'amount', 'balance', 'history', 'message'],
    'its body has the contract''s members in their order') FROM said WHERE name = 'first';
SELECT is(
    (SELECT array_agg(k ORDER BY n) FROM json_object_keys((r).body::json -> 'history') WITH ORDINALITY o (k, n)),
    ARRAY['historyId', 'type', 'amount', 'balanceAfter', 'referenceId', 'createdAt'],
    'so has its history') FROM said WHERE name = 'first';
SELECT is((r).body::jsonb - 'chargeId' #- '{history,historyId}' #- '{history,referenceId}' #- '{history,createdAt}',
    '{"status": "CHARGED", "amount": 10000, "balance": 10000, "message": "The points were charged.",
      "history": {"type": "CHARGE", "amount": 10000, "balanceAfter": 10000}}'::jsonb,
    'with the amounts') FROM said WHERE name = 'first';
SELECT is((r).body::jsonb ->> 'chargeId', (r).body::jsonb #>> '{history,referenceId}',
    'the history refers to the charge') FROM said WHERE name = 'first';
SELECT matches((r).body::jsonb ->> 'chargeId', '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]',
    'ids are UUIDs of version 7') FROM said WHERE name = 'first';
SELECT is((point.get_wallet(:'ann')).body::jsonb ->> 'updatedAt', (r).body::jsonb #>> '{history,createdAt}',
    'the wallet changed when the entry was made') FROM said WHERE name = 'first';

-- The same key again.
INSERT INTO said SELECT 'again', point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-2');
SELECT is((again.r).body, (first.r).body, 'a replay has the same body, to the byte')
FROM said again, said first WHERE again.name = 'again' AND first.name = 'first';
SELECT is((r).outcome, 'CREATED', 'and the same outcome') FROM said WHERE name = 'again';
SELECT is((r).request_id, 'request-1', 'and the first request''s id') FROM said WHERE name = 'again';
SELECT ok((r).replayed, 'and says that it is a replay') FROM said WHERE name = 'again';
SELECT is((point.get_wallet(:'ann')).body::json ->> 'balance', '10000', 'and charges nothing');
SELECT is((point.charge(:'ann', 20000, 'key-1', 'hash-2', 'request-3')).outcome, 'IDEMPOTENCY_KEY_REUSED',
    'the same key for another request is refused');
SELECT is((point.charge(:'ann', 10000, 'key-1', 'hash-1', 'request-3')).outcome, 'CREATED',
    'and the first answer stays what it is');
SELECT is((point.charge(:'bob', 10000, 'key-1', 'hash-1', 'request-4')).replayed, false,
    'another user''s key of the same name is another key');

-- Amounts.
SELECT is((point.charge(:'cleo', a, 'key-' || a, 'hash', 'request')).outcome, 'INVALID_REQUEST', format('an amount of %s is refused', a))
FROM unnest(ARRAY[0, 999, -1000, 1000001]) a;
SELECT is((point.charge(:'cleo', NULL, 'key-null', 'hash', 'request')).outcome, 'INVALID_REQUEST', 'so is none');
SELECT is_empty(format('SELECT 1 FROM point.wallets WHERE user_id = %L UNION ALL
    SELECT 1 FROM platform.idempotency WHERE user_id = %1$L', :'cleo'), 'and none of these is kept');
SELECT is((point.charge(:'cleo', 1000, 'key-0', 'hash', 'request')).outcome, 'CREATED', 'the least is 1,000, under a key that was refused before');
SELECT is((point.charge(:'cleo', 1000000, 'key-top', 'hash', 'request')).outcome, 'CREATED', 'the most is 1,000,000');

-- The wallet's limit.
SELECT is(count(*) FILTER (WHERE (c).outcome = 'CREATED'), 8::bigint, 'a wallet takes charges up to its limit')
FROM (SELECT point.charge(:'cleo', 1000000, 'fill-' || i, 'hash', 'request') AS c FROM generate_series(1, 8) i) x;
SELECT is((point.charge(:'cleo', 999000, 'fill', 'hash', 'request')).body::json ->> 'balance', '10000000', 'of 10,000,000 exactly');
INSERT INTO said SELECT 'limit', point.charge(:'cleo', 1000, 'over', 'hash', 'request-over');
SELECT is((r).outcome, 'POINT_LIMIT_EXCEEDED', 'and not a point more') FROM said WHERE name = 'limit';
SELECT is((point.get_wallet(:'cleo')).body::json ->> 'balance', '10000000', 'which moves nothing');
SELECT is((point.debit(:'cleo', 5000, :'pay2', :'pay2')).outcome, 'OK', 'with room in the wallet again');
SELECT is(point.charge(:'cleo', 1000, 'over', 'hash', 'request-later'),
    ROW('POINT_LIMIT_EXCEEDED', (r).body, NULL, true, 'request-over')::platform.reply,
    'the refusal is kept under its key') FROM said WHERE name = 'limit';
SELECT is((point.charge(:'cleo', 5000, 'over-2', 'hash', 'request')).outcome, 'CREATED', 'another key is free to try');
SELECT is((point.restore(:'cleo', 5000, :'pay2', :'pay2')).body, '{"balance":10005000}',
    'points given back are not stopped by the limit');

SELECT is((point.debit(:'cleo', 9999, :'pay3', :'pay3')).body, '{"balance":9995001}', 'from 9,995,001 points');
SELECT is((point.charge(:'cleo', 5000, 'over-3', 'hash', 'request')).outcome, 'POINT_LIMIT_EXCEEDED', 'it is one point too many');
SELECT is((point.restore(:'cleo', 9999, :'pay3', :'pay3')).outcome, 'OK', 'the points go back');

-- Taking and giving back.
SELECT is((point.reserve(:'ann', 10000)), ROW('OK', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'reserve finds enough');
SELECT is((point.reserve(:'ann', 10001)), ROW('INSUFFICIENT_POINTS', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'or too little');
SELECT is((point.reserve(gen_random_uuid(), 1)).body, '{"balance":0}', 'of a user never seen, nothing');
SELECT is((point.debit(:'ann', 10001, :'pay1', :'pay1')), ROW('INSUFFICIENT_POINTS', '{"balance":10000}', NULL, false, NULL)::platform.reply, 'more than there is cannot be taken');
SELECT is((point.debit(gen_random_uuid(), 1, :'pay1', :'pay1')).outcome, 'INSUFFICIENT_POINTS', 'nor from nobody');
SELECT is((point.debit(:'ann', 7000, :'pay1', :'pay1')), ROW('OK', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'a debit takes');
SELECT is((point.debit(:'ann', 7000, :'pay1', :'pay1')), ROW('OK', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'once an operation, though there is too little left now');
SELECT throws_ok(format('SELECT point.debit(%L, 1, %L, %2$L)', :'ann', :'pay1'), '23505', NULL, 'an operation cannot take another amount');
SELECT is((point.debit(:'ann', 7001, :'pay1', :'pay1')), ROW('INSUFFICIENT_POINTS', '{"balance":3000}', NULL, false, NULL)::platform.reply, 'repeated_debit_of_more_than_is_left_is_refused');
SELECT is((point.debit(gen_random_uuid(), 7000, :'pay1', :'pay1')).outcome, 'INSUFFICIENT_POINTS', 'repeated_debit_from_an_empty_wallet_is_refused');
SELECT is((point.reserve(:'ann', 3001)).outcome || ' ' || (point.reserve(:'ann', 3000)).outcome, 'INSUFFICIENT_POINTS OK', 'reserve_is_exact');
SELECT throws_ok(format('SELECT point.debit(%L, 7000, %L, %2$L)', :'bob', :'pay1'), '23505', NULL, 'nor from another user');
SELECT throws_ok(format('SELECT point.restore(%L, 7001, %L, %2$L)', :'ann', :'pay1'), '23000', NULL, 'more than was taken is not given back');
SELECT throws_ok(format('SELECT point.restore(%L, 7000, %L, %2$L)', :'bob', :'pay1'), '23000', NULL, 'nor to another user');
SELECT throws_ok(format('SELECT point.restore(%L, 7000, gen_random_uuid(), %L)', :'ann', :'pay1'), '23000', NULL, 'nor what was never taken');
SELECT is((point.restore(:'ann', 7000, :'pay1', :'pay1')).body, '{"balance":10000}', 'what was taken is given back');
SELECT is((point.restore(:'ann', 7000, :'pay1', :'pay1')).body, '{"balance":10000}', 'once');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %L, %2$L)', :'ann', :'pay1'), '23505', NULL, 'repeated_restore_of_another_amount_is_refused');

UPDATE point.wallets SET updated_at = '2999-01-01Z' WHERE user_id = :'bob';
SELECT is((point.charge(:'bob', 1000, 'clock', 'hash', 'request')).body::json #>> '{history,createdAt}', '2999-01-01T00:00:00.000Z',
    'should the clock go back, no entry is older than the one before it');

-- History, newest first, in pages.
SELECT is(
    (SELECT array_agg(h ->> 'type' || ' ' || (h ->> 'amount') || ' ' || (h ->> 'balanceAfter') ORDER BY n)
     FROM json_array_elements((point.list_entries(:'ann', 20, NULL)).body::json -> 'items') WITH ORDINALITY o (h, n)),
    ARRAY['ROLLBACK 7000 10000', 'DEDUCT 7000 3000', 'CHARGE 10000 10000'], 'the history tells it all, newest first');
CREATE TEMP TABLE page (items json, last uuid, next text);
INSERT INTO page
SELECT b -> 'items', (b -> 'items' -> 1 ->> 'historyId')::uuid, b ->> 'nextCursor'
FROM (SELECT (point.list_entries(:'ann', 2, NULL)).body::json AS b) x;
SELECT is(json_array_length(items), 2, 'a page holds as many as asked') FROM page;
SELECT is(next, platform.cursor(last), 'and its cursor is its last entry') FROM page;
SELECT is(
    (SELECT array_agg(h ->> 'type') FROM json_array_elements(b -> 'items') h), ARRAY['CHARGE'], 'the next page goes on there')
FROM (SELECT (point.list_entries(:'ann', 2, last)).body::json AS b FROM page) x;
SELECT is((point.list_entries(:'ann', 2, last)).body::json ->> 'nextCursor', NULL, 'and is the last') FROM page;
SELECT is((point.list_entries(:'bob', 2, last)).outcome, 'INVALID_REQUEST', 'another user''s cursor is none') FROM page;

-- The service's rights, as the service.
SELECT is_empty($$SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r
    WHERE p.pronamespace = 'point'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
      AND r.rolname ~ '_service$' AND NOT (r.rolname = 'point_service' AND p.proname IN ('charge', 'get_wallet', 'list_entries',
	'begin_charge', 'confirm_again', 'settle_charge', 'due_charges'))$$,
    'the point service may call what is made for it, no other service anything');
SELECT is_empty($$SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r
    WHERE p.pronamespace = 'point'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
      AND r.rolname ~ '_owner$' AND r.rolname <> 'point_owner'
      AND NOT (r.rolname = 'payment_owner' AND p.proname IN ('reserve', 'debit', 'restore', 'movements', 'heard_of', 'heard_users'))$$,
    'of the other schemas only payment may call, and only what is made for it');
SELECT is_empty($$SELECT c.relname, r.rolname FROM pg_class c, pg_roles r
    WHERE c.relnamespace = 'point'::regnamespace AND c.relkind IN ('r', 'v') AND r.rolname ~ '_(service|owner)$'
      AND r.rolname <> 'point_owner'
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')$$,
    'and nobody has any right on its tables');

SET LOCAL ROLE point_service;
SELECT is((point.charge(:'ann', 1000, 'as service', 'h', 'q')).outcome, 'CREATED', 'the service can charge');
SELECT is((point.list_entries(:'ann', 1, NULL)).outcome || ' ' || (point.get_wallet(:'ann')).outcome, 'OK OK', 'and read');
SELECT throws_ok(format('SELECT point.debit(%L, 1, %1$L, %1$L)', :'ann'), '42501', NULL, 'but not take');
SELECT throws_ok(format('SELECT point.restore(%L, 1, %1$L, %1$L)', :'ann'), '42501', NULL, 'nor give back');
SELECT throws_ok('SELECT point.verify()', '42501', NULL, 'nor walk the ledger');
SELECT throws_ok('SELECT 1 FROM point.entries', '42501', NULL, 'nor read it');
SELECT throws_ok('UPDATE point.wallets SET balance = 1', '42501', NULL, 'nor write a wallet');
RESET ROLE;

SELECT is_empty('SELECT * FROM point.invariants', 'after all that no invariant is hurt');
SELECT is((point.verify(:'ann')).broken, NULL, 'and the ledger verifies');

SELECT * FROM finish();
ROLLBACK;
