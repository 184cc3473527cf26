-- The calls and tables of another schema that a schema may use. The allowed calls are the tables of docs/boundaries.md:
-- a row names a function and the roles that may call it. tests/sql/run puts the path of that page into BOUNDARIES.
BEGIN;
SELECT plan(10);

\set page `cat "$BOUNDARIES"`

CREATE TEMP TABLE allowed AS
SELECT r[1] AS function, trim(role, ' `') AS role
FROM regexp_matches(:'page', '^\| `([a-z]+\.[a-z_0-9]+)` \| ([`a-z_, ]+) \|', 'gn') r, string_to_table(r[2], ',') role;

-- Each function and view, with its text without comments.
CREATE TEMP TABLE object (schema, name, text) AS
SELECT schema COLLATE "default", name COLLATE "default", text COLLATE "default" FROM (
SELECT n.nspname::text AS schema, n.nspname || '.' || p.proname AS name, regexp_replace(p.prosrc, '--[^\n]*', '', 'g') AS text
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname IN ('platform', 'queue', 'reservation', 'payment', 'point')
UNION ALL
SELECT v.schemaname, v.schemaname || '.' || v.viewname, v.definition
FROM pg_views v WHERE v.schemaname IN ('platform', 'queue', 'reservation', 'payment', 'point')) o;

-- All names with a schema that occur in these texts.
CREATE TEMP TABLE used AS
SELECT DISTINCT o.schema, o.name, m[1] AS of_schema, m[1] || '.' || m[2] AS names
FROM object o, regexp_matches(o.text, '\m(platform|queue|reservation|payment|point)\.([a-z_0-9]+)', 'g') m;

SELECT cmp_ok(count(*), '>', 50::bigint, 'page_is_read') FROM allowed;
SELECT is_empty($$SELECT role FROM allowed EXCEPT SELECT rolname FROM pg_roles$$, 'role_of_page_exists');

SELECT is_empty($$SELECT u.name, u.names FROM used u JOIN pg_class c ON c.oid = to_regclass(u.names)
	WHERE u.of_schema <> u.schema AND c.relkind <> 'c'
	  AND NOT (u.names = 'platform.outbox' AND u.name ~ '\.emit(_made|_held)?$')$$,
    'function_names_no_table_of_another_schema');
SELECT is_empty($$SELECT u.name, u.names FROM used u WHERE u.of_schema <> u.schema AND to_regclass(u.names) IS NULL
	  AND (u.names, u.schema || '_owner') NOT IN (SELECT a.function, a.role FROM allowed a)$$,
    'function_calls_only_what_the_page_lists');
SELECT is_empty($$SELECT o.name FROM object o WHERE o.text ~* '\mEXECUTE\M' AND o.name <> 'platform.violations'$$,
    'only_platform_violations_builds_its_sql');

-- Each role that may execute a function of another schema than its own.
SELECT results_eq($$
	SELECT DISTINCT (n.nspname || '.' || p.proname) COLLATE "default" AS function, g.rolname::text COLLATE "default" AS role
	FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	CROSS JOIN aclexplode(p.proacl) a JOIN pg_roles g ON g.oid = a.grantee
	WHERE n.nspname IN ('platform', 'queue', 'reservation', 'payment', 'point')
	  AND g.rolname NOT IN (n.nspname || '_owner', n.nspname || '_service')
	ORDER BY 1, 2$$,
    $$SELECT function, role FROM allowed ORDER BY 1, 2$$, 'grants_are_the_rows_of_the_page');

-- In its own schema a service calls only what stands here.
SELECT results_eq($$
	SELECT r.rolname::text COLLATE "default", string_agg(DISTINCT p.proname::text, ' ') COLLATE "default"
	FROM pg_proc p JOIN pg_roles r ON r.rolname = p.pronamespace::regnamespace || '_service'
	WHERE has_function_privilege(r.oid, p.oid, 'EXECUTE')
	GROUP BY r.rolname ORDER BY r.rolname$$,
    $$VALUES ('payment_service', 'begin_card confirm_again due_cards get_payment heard_of list_payments pay_by_points pay_by_points_many settle_card'),
	('point_service', 'begin_charge charge charge_many confirm_again due_charges get_wallet list_entries settle_charge'),
	('queue_service', 'list_changed load save_control save_progress'),
	('reservation_service', 'begin_schedule cancel change_concert change_schedule create_concert create_schedule get_concert get_reservation '
	    || 'get_schedule hold hold_many list_concerts list_reservations list_schedules make_seats queue_place_used seat_changes seat_map '
	    || 'set_schedule_status sweep')$$,
    'service_calls_exactly_these_functions_of_its_schema');

-- Follows all calls of each function, in its own schema and in others.
CREATE TEMP VIEW reached AS
WITH RECURSIVE follow AS (
	SELECT a.role AS caller, a.function AS first, a.function AS name FROM allowed a
	UNION
	SELECT f.caller, f.first, u.names FROM follow f JOIN used u ON u.name = f.name)
SELECT * FROM follow;
SELECT is_empty($$SELECT caller, first, name FROM reached
	WHERE split_part(name, '.', 1) || '_owner' = caller AND EXISTS (SELECT FROM object o WHERE o.name = reached.name)$$,
    'call_never_comes_back_to_the_calling_schema');

SELECT is_empty($$SELECT c.conrelid::regclass, c.confrelid::regclass FROM pg_constraint c
	JOIN pg_class a ON a.oid = c.conrelid JOIN pg_class b ON b.oid = c.confrelid
	WHERE c.contype = 'f' AND a.relnamespace <> b.relnamespace$$, 'foreign_key_stays_within_a_schema');
SELECT is_empty($$SELECT t.tgrelid::regclass, p.oid::regprocedure FROM pg_trigger t
	JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
	WHERE NOT t.tgisinternal AND c.relnamespace <> p.pronamespace
	  AND c.relnamespace::regnamespace::text IN ('platform', 'queue', 'reservation', 'payment', 'point')$$,
    'trigger_function_is_of_the_same_schema');

SELECT * FROM finish();
ROLLBACK;
