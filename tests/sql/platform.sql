-- The promises of the platform schema to the others: ids, times, cursors, stored answers and their replay, and the
-- rights of all roles.
BEGIN;
SELECT plan(69);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'

-- Ids.
SELECT matches(platform.uuid_v7()::text, '^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$', 'id_is_a_UUIDv7');
SELECT ok(abs(('x' || left(replace(platform.uuid_v7()::text, '-', ''), 12))::bit(48)::bigint
    - extract(epoch FROM clock_timestamp()) * 1000) < 1000, 'id_begins_with_the_milliseconds_of_now');
SELECT is(count(DISTINCT id), 10000::bigint, 'ten_thousand_ids_are_different') FROM (SELECT platform.uuid_v7() AS id FROM generate_series(1, 10000)) i;
-- Each id is made in a later microsecond than the one before, also on a fast machine.
CREATE FUNCTION pg_temp.next_id() RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_id	uuid := platform.uuid_v7();
	v_made	timestamptz := clock_timestamp();
BEGIN
	WHILE clock_timestamp() <= v_made LOOP
	END LOOP;
	RETURN v_id;
END $$;
SELECT ok(bool_and(id > before), 'ids_sort_in_the_order_of_their_making')
FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM (SELECT n, pg_temp.next_id() AS id FROM generate_series(1, 1000) n) i) j;

-- Times and cursors.
SELECT is(platform.rfc3339('2025-03-01 09:00:00.1239+09'), '2025-03-01T00:00:00.123Z', 'time_is_in_UTC_cut_to_milliseconds');
SELECT is(platform.rfc3339('2025-12-31 23:59:59.9999Z'), '2025-12-31T23:59:59.999Z', 'time_is_never_rounded_up');
SELECT is(platform.rfc3339('2025-01-01Z'), '2025-01-01T00:00:00.000Z', 'time_has_three_digits_of_milliseconds');
SELECT is(platform.rfc3339(NULL), NULL, 'time_of_null_is_null');
SELECT is(platform.cursor('00000000-0000-0000-0000-000000000000'), 'AAAAAAAAAAAAAAAAAAAAAA', 'cursor_is_base64url_without_padding');
SELECT is(platform.cursor('ffffffff-ffff-ffff-ffff-fffffffffffb'), '____________________-w', 'cursor_uses_the_url_alphabet');
SELECT is(platform.cursor(NULL), NULL, 'cursor_of_null_is_null');

-- Replies.
SELECT is(platform.ok('{}'), ROW('OK', '{}', NULL, false, NULL)::platform.reply, 'ok_with_body');
SELECT is(platform.ok('{}', 'q', 'e'), ROW('OK', '{}', 'e', false, 'q')::platform.reply, 'ok_with_body_request_and_etag');
SELECT is(platform.created('{}', 'q'), ROW('CREATED', '{}', NULL, false, 'q')::platform.reply, 'created_with_body_and_request');
SELECT is(platform.refuse('SEAT_NOT_FOUND'), ROW('SEAT_NOT_FOUND', NULL, NULL, false, NULL)::platform.reply, 'refuse_with_code');
SELECT is(platform.refuse('X', '{"a":1}', 'q'), ROW('X', '{"a":1}', NULL, false, 'q')::platform.reply, 'refuse_with_code_extras_and_request');

-- Idempotency.
CREATE FUNCTION pg_temp.begin(p_user uuid, p_key text, p_hash text DEFAULT 'hash', p_operation text DEFAULT 'op') RETURNS platform.reply
LANGUAGE sql AS $$ SELECT platform.idempotency_begin(p_user, p_operation, p_key, p_hash) $$;
CREATE FUNCTION pg_temp.end(p_user uuid, p_key text, p_reply platform.reply) RETURNS platform.reply
LANGUAGE sql AS $$ SELECT platform.idempotency_end(p_user, 'op', p_key, 'hash', p_reply) $$;

SELECT is((pg_temp.begin(:'ann', 'k')).outcome, NULL, 'new_key_goes_on');
SELECT is((pg_temp.begin(:'ann', 'k')).outcome, NULL, 'key_without_answer_goes_on_again');
SELECT is(pg_temp.end(:'ann', 'k', platform.created('{"n": 1}', 'first')), platform.created('{"n": 1}', 'first'),
    'end_returns_the_reply_unchanged');
SELECT is(pg_temp.begin(:'ann', 'k'), ROW('CREATED', '{"n": 1}', NULL, true, 'first')::platform.reply,
    'stored_answer_is_replayed_to_the_byte_with_the_first_request_id');
SELECT is((pg_temp.begin(:'ann', 'k', 'another')).outcome, 'IDEMPOTENCY_KEY_REUSED', 'key_with_another_request_is_refused');
SELECT is((pg_temp.begin(:'bob', 'k')).outcome, NULL, 'key_of_another_user_is_another_key');
SELECT is((pg_temp.begin(:'ann', 'k', 'hash', 'op2')).outcome, NULL, 'key_of_another_operation_is_another_key');
SELECT is((pg_temp.begin(:'ann', 'K')).outcome, NULL, 'keys_are_case_sensitive');
SELECT is((pg_temp.begin(:'ann', NULL)).outcome, NULL, 'missing_key_goes_on');
SELECT lives_ok(format('SELECT pg_temp.end(%L, NULL, platform.ok(''{}''))', :'ann'), 'missing_key_stores_nothing');
SELECT throws_ok(format('SELECT pg_temp.end(%L, %L, platform.ok(''{}''))', :'ann', 'k'), '23505', NULL,
    'second_answer_for_a_key_is_refused_by_the_table');
SELECT throws_ok(format('SELECT pg_temp.end(%L, %L, platform.ok(''{}''))', :'ann', repeat('k', 256)), '23514', NULL,
    'key_longer_than_255_characters_is_refused');

CREATE FUNCTION pg_temp.kept(p_outcome text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.end('00000000-0000-7000-8000-0000000000a1', 'kept ' || p_outcome, platform.refuse(p_outcome));
	RETURN (pg_temp.begin('00000000-0000-7000-8000-0000000000a1', 'kept ' || p_outcome)).replayed IS TRUE;
END $$;
SELECT ok(pg_temp.kept(o), o || '_is_stored') FROM unnest(ARRAY['OK', 'CREATED', 'ACCEPTED', 'INSUFFICIENT_POINTS',
    'SEAT_NOT_FOUND', 'SEAT_NOT_AVAILABLE', 'RESERVATION_EXPIRED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_EXPIRED']) o;
SELECT ok(NOT pg_temp.kept(o), o || '_is_not_stored') FROM unnest(ARRAY['INVALID_REQUEST', 'QUEUE_TOKEN_NOT_ACTIVE',
    'QUEUE_TOKEN_MISMATCH', 'PAYMENT_IN_PROGRESS', 'IDEMPOTENCY_KEY_IN_USE', 'IDEMPOTENCY_KEY_REUSED', 'SERVICE_UNAVAILABLE']) o;

-- Invariants.
SELECT is(count(*), 0::bigint, 'no_invariant_is_violated') FROM platform.invariants;
CREATE SCHEMA zz_test;
CREATE VIEW zz_test.invariants (name, detail) AS SELECT 'it_is_broken'::text, 'here'::text;
SELECT results_eq('SELECT name, detail FROM platform.invariants', $$VALUES ('zz_test.it_is_broken', 'here')$$,
    'view_invariants_of_a_new_schema_is_read');
DROP VIEW zz_test.invariants, point.invariants;
SELECT results_eq('SELECT name, detail FROM platform.invariants', $$VALUES ('point.invariants', 'there is no such view')$$,
    'missing_required_view_is_a_violation');

-- Roles.
SELECT ok(NOT rolcanlogin AND NOT rolsuper AND NOT rolcreaterole AND NOT rolbypassrls, rolname || '_cannot_log_in')
FROM pg_roles WHERE rolname ~ '^(platform|reservation|payment|point|queue)_owner$' ORDER BY 1;
SELECT ok(rolconfig @> ARRAY['statement_timeout=5s', 'lock_timeout=2s', 'idle_in_transaction_session_timeout=5s', 'search_path=""']
    AND rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls),
    rolname || '_has_its_limits_and_no_powers')
FROM pg_roles WHERE rolname ~ '^(queue|reservation|payment|point)_service$' ORDER BY rolname;
SELECT is_empty($$SELECT m.member::regrole FROM pg_auth_members m
	WHERE m.member::regrole::text ~ '_(service|owner)$'$$, 'no_role_is_a_member_of_another');
SELECT is_empty($$SELECT c.oid::regclass, r.rolname FROM pg_class c, pg_roles r
	WHERE c.relnamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue', 'sqitch')
	  AND c.relkind IN ('r', 'v', 'm', 'p') AND r.rolname ~ '_service$'
	  AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')$$,
    'no_service_has_a_right_on_a_table');
SELECT is_empty($$SELECT c.oid::regclass, r.rolname FROM pg_class c, pg_roles r
	WHERE c.relnamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue')
	  AND c.relkind IN ('r', 'v', 'm', 'p') AND r.rolname ~ '_owner$' AND r.rolname <> c.relnamespace::regnamespace || '_owner'
	  AND has_table_privilege(r.oid, c.oid, 'SELECT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER'
		|| CASE WHEN c.oid = 'platform.outbox'::regclass THEN '' ELSE ', INSERT' END)$$,
    'owner_may_only_insert_events_in_another_schema');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
	WHERE p.pronamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue') AND a.grantee = 0$$,
    'no_function_is_granted_to_public');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p
	WHERE p.pronamespace::regnamespace::text IN ('platform', 'reservation', 'payment', 'point', 'queue')
	  AND p.proowner::regrole::text <> p.pronamespace::regnamespace || '_owner'$$,
    'function_is_owned_by_the_owner_of_its_schema');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(p.proacl) a
	WHERE p.pronamespace::regnamespace::text IN ('reservation', 'payment', 'point', 'queue')
	  AND a.grantee <> p.proowner AND NOT (p.prosecdef AND p.proconfig @> ARRAY['search_path=""'])$$,
    'function_granted_to_others_is_security_definer_with_empty_search_path');

SELECT is(has_schema_privilege('queue_service', s, 'CREATE'), false, 'service_cannot_create_in_' || s)
FROM unnest(ARRAY['platform', 'reservation', 'payment', 'point', 'queue', 'public']) s;
SELECT ok(NOT has_database_privilege('queue_service', current_database(), 'TEMPORARY'), 'service_cannot_create_temporary_tables');

SELECT * FROM finish();
ROLLBACK;
