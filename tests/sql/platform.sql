-- What the platform schema promises to the others: ids, times, cursors, the
-- first answer to an idempotency key given again; and who may do what at all.
BEGIN;
SELECT plan(71);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'

-- Ids.
SELECT matches(platform.uuid_v7()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'an id is a UUIDv7');
SELECT ok(abs(('x' || left(replace(platform.uuid_v7()::text, '-', ''), 12))::bit(48)::bigint
    - extract(epoch FROM clock_timestamp()) * 1000) < 1000, 'which begins with the milliseconds of now');
SELECT is(count(DISTINCT id), 10000::bigint, 'ten thousand are all different') FROM (SELECT platform.uuid_v7() AS id FROM generate_series(1, 10000)) i;
SELECT ok(bool_and(id > before), 'and sort in the order they were made, within a millisecond too')
FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM (SELECT n, platform.uuid_v7() AS id FROM generate_series(1, 1000) n) i) j;

-- Times and cursors.
SELECT is(platform.rfc3339('2025-03-01 09:00:00.1239+09'), '2025-03-01T00:00:00.123Z', 'a time is in UTC, cut to milliseconds');
SELECT is(platform.rfc3339('2025-12-31 23:59:59.9999Z'), '2025-12-31T23:59:59.999Z', 'and never rounded into the next year');
SELECT is(platform.rfc3339('2025-01-01Z'), '2025-01-01T00:00:00.000Z', 'with its noughts');
SELECT is(platform.rfc3339(NULL), NULL, 'no time is no text');
SELECT is(platform.cursor('00000000-0000-0000-0000-000000000000'), 'AAAAAAAAAAAAAAAAAAAAAA', 'a cursor is base64url without padding');
SELECT is(platform.cursor('ffffffff-ffff-ffff-ffff-fffffffffffb'), '____________________-w', 'in its own alphabet');
SELECT is(platform.cursor(NULL), NULL, 'of nothing there is none');

-- Replies.
SELECT is(platform.ok('{}'), ROW('OK', '{}', NULL, false, NULL)::platform.reply, 'ok(body)');
SELECT is(platform.ok('{}', 'q', 'e'), ROW('OK', '{}', 'e', false, 'q')::platform.reply, 'ok(body, request, etag)');
SELECT is(platform.created('{}', 'q'), ROW('CREATED', '{}', NULL, false, 'q')::platform.reply, 'created(body, request)');
SELECT is(platform.refuse('SEAT_NOT_FOUND'), ROW('SEAT_NOT_FOUND', NULL, NULL, false, NULL)::platform.reply, 'refuse(code)');
SELECT is(platform.refuse('X', '{"a":1}', 'q'), ROW('X', '{"a":1}', NULL, false, 'q')::platform.reply, 'refuse(code, extras, request)');

-- Idempotency.
CREATE FUNCTION pg_temp.begin(p_user uuid, p_key text, p_hash text DEFAULT 'hash', p_operation text DEFAULT 'op') RETURNS platform.reply
LANGUAGE sql AS $$ SELECT platform.idempotency_begin(p_user, p_operation, p_key, p_hash) $$;
CREATE FUNCTION pg_temp.end(p_user uuid, p_key text, p_reply platform.reply) RETURNS platform.reply
LANGUAGE sql AS $$ SELECT platform.idempotency_end(p_user, 'op', p_key, 'hash', p_reply) $$;

SELECT is((pg_temp.begin(:'ann', 'k')).outcome, NULL, 'a new key: go on');
SELECT is((pg_temp.begin(:'ann', 'k')).outcome, NULL, 'and again, as long as nothing is stored');
SELECT is(pg_temp.end(:'ann', 'k', platform.created('{"n": 1}', 'first')), platform.created('{"n": 1}', 'first'),
    'the end returns the reply as it is');
SELECT is(pg_temp.begin(:'ann', 'k'), ROW('CREATED', '{"n": 1}', NULL, true, 'first')::platform.reply,
    'from then on the key answers with it, to the byte, as a replay, with the first request''s id');
SELECT is((pg_temp.begin(:'ann', 'k', 'another')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'another request with that key is refused');
SELECT is((pg_temp.begin(:'bob', 'k')).outcome, NULL, 'another user''s key is another key');
SELECT is((pg_temp.begin(:'ann', 'k', 'hash', 'op2')).outcome, NULL, 'another operation''s too');
SELECT is((pg_temp.begin(:'ann', 'K')).outcome, NULL, 'keys know capitals');
SELECT is((pg_temp.begin(:'ann', NULL)).outcome, NULL, 'no key: go on');
SELECT lives_ok(format('SELECT pg_temp.end(%L, NULL, platform.ok(''{}''))', :'ann'), 'and nothing is stored');
SELECT throws_ok(format('SELECT pg_temp.end(%L, %L, platform.ok(''{}''))', :'ann', 'k'), '23505', NULL,
    'should two get through, only one can store');
SELECT throws_ok(format('SELECT pg_temp.end(%L, %L, platform.ok(''{}''))', :'ann', repeat('k', 256)), '23514', NULL,
    'a key has at most 255 characters');

CREATE FUNCTION pg_temp.kept(p_outcome text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.end('00000000-0000-7000-8000-0000000000a1', 'kept ' || p_outcome, platform.refuse(p_outcome));
	RETURN (pg_temp.begin('00000000-0000-7000-8000-0000000000a1', 'kept ' || p_outcome)).replayed IS TRUE;
END $$;
SELECT ok(pg_temp.kept(o), o || ' is definite and kept') FROM unnest(ARRAY['OK', 'CREATED', 'ACCEPTED', 'INSUFFICIENT_POINTS',
    'SEAT_NOT_FOUND', 'SEAT_NOT_AVAILABLE', 'RESERVATION_EXPIRED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_EXPIRED']) o;
SELECT ok(NOT pg_temp.kept(o), o || ' is not kept') FROM unnest(ARRAY['INVALID_REQUEST', 'QUEUE_TOKEN_NOT_ACTIVE',
    'QUEUE_TOKEN_MISMATCH', 'PAYMENT_IN_PROGRESS', 'IDEMPOTENCY_KEY_IN_USE', 'IDEMPOTENCY_KEY_REUSED', 'SERVICE_UNAVAILABLE']) o;

-- Invariants.
SELECT is(count(*), 0::bigint, 'no invariant is hurt') FROM platform.invariants;
CREATE SCHEMA zz_test;
CREATE VIEW zz_test.invariants (name, detail) AS SELECT 'it_is_broken'::text, 'here'::text;
SELECT results_eq('SELECT name, detail FROM platform.invariants', $$VALUES ('zz_test.it_is_broken', 'here')$$,
    'a schema joins in by having a view of that name');
DROP VIEW zz_test.invariants, point.invariants;
SELECT results_eq('SELECT name, detail FROM platform.invariants', $$VALUES ('point.invariants', 'there is no such view')$$,
    'that one which must have it has none is shown');

-- Roles.
SELECT ok(NOT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls, rolname || ' cannot log in')
FROM pg_roles WHERE rolname ~ '^(platform|reservation|payment|point|queue)_owner$' ORDER BY 1;
SELECT ok(rolconfig @> ARRAY['statement_timeout=5s', 'lock_timeout=2s', 'idle_in_transaction_session_timeout=5s', 'search_path=""']
    AND rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls),
    rolname || ' has its limits and no powers')
FROM pg_roles WHERE rolname ~ '^(queue|reservation|payment|point)_service$' ORDER BY rolname;
SELECT is_empty($$SELECT m.member::regrole FROM pg_auth_members m
	WHERE m.member::regrole::text ~ '_(service|owner)$'$$, 'none of them is a member of another');
SELECT is_empty($$SELECT c.oid::regclass, r.rolname FROM pg_class c, pg_roles r
	WHERE c.relnamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue', 'sqitch')
	  AND c.relkind IN ('r', 'v', 'm', 'p') AND r.rolname ~ '_service$'
	  AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')$$,
    'no service has any right on any table');
SELECT is_empty($$SELECT c.oid::regclass, r.rolname FROM pg_class c, pg_roles r
	WHERE c.relnamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue')
	  AND c.relkind IN ('r', 'v', 'm', 'p') AND r.rolname ~ '_owner$' AND r.rolname <> c.relnamespace::regnamespace || '_owner'
	  AND has_table_privilege(r.oid, c.oid, 'SELECT, UPDATE, DELETE, TRUNCATE'
		|| CASE WHEN c.oid = 'platform.outbox'::regclass THEN '' ELSE ', INSERT' END)$$,
    'no schema''s owner has any on another''s, but to add events');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue') AND a.grantee = 0$$,
    'no function is everybody''s');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue')
	  AND p.proowner::regrole::text <> p.pronamespace::regnamespace || '_owner'$$,
    'every function is its schema''s owner''s');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
	WHERE p.pronamespace::regnamespace::text IN ('reservation', 'payment', 'point', 'queue')
	  AND a.grantee <> p.proowner AND NOT (p.prosecdef AND p.proconfig @> ARRAY['search_path=""'])$$,
    'what is granted across is SECURITY DEFINER, with an empty search_path');

-- The platform's functions: for the owners, not for the services; but one of these relays and tidies.
SELECT results_eq($$SELECT r.rolname::text COLLATE "default", string_agg(p.proname::text, ' ' ORDER BY p.proname) COLLATE "default" FROM pg_proc p, pg_roles r
	WHERE p.pronamespace = 'platform'::regnamespace AND r.rolname ~ '_service$' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
	GROUP BY r.rolname$$,
    $$VALUES ('reservation_service', 'clean relay_lost relay_next')$$,
    'only the reservation service calls the platform itself, to relay events and to tidy');
SELECT set_eq($$SELECT p.proname::text FROM pg_proc p WHERE p.pronamespace = 'platform'::regnamespace
	AND has_function_privilege('point_owner', p.oid, 'EXECUTE')$$,
    ARRAY['uuid_v7', 'rfc3339', 'cursor', 'ok', 'created', 'refuse', 'lock_user', 'idempotency_begin', 'idempotency_end', 'idempotency_settle', 'kept_answers'],
    'the owners call the helpers');
SELECT is(has_schema_privilege('queue_service', s, 'CREATE'), false, 'a service makes nothing in ' || s)
FROM unnest(ARRAY['platform', 'reservation', 'payment', 'point', 'queue', 'public']) s;
SELECT ok(NOT has_database_privilege('queue_service', current_database(), 'TEMPORARY'), 'nor temporary tables');

SELECT * FROM finish();
ROLLBACK;
