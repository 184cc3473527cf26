-- What the database remembers of a queue (schema queue).
BEGIN;
SELECT plan(9);

SELECT '01935b7a-2e40-7c11-9a02-030405060708' AS s \gset
SELECT is((queue.load(:'s')).body::jsonb, '{"epoch":0,"last":0,"admittedTo":0,"ended":0,"revision":0,"updatedBy":"","updatedAtMs":0,
    "mode":null,"maxActive":null,"admit":null,"maxWaiting":null,"ttl":null}', 'of a queue that never began: nothing');

SELECT is((queue.save_progress(:'s', 100, 500, 300, 200)).outcome, 'OK', 'progress is saved');
SELECT queue.save_progress(:'s', 100, 490, 290, 190) \gset old_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":100,"last":500,"admittedTo":300,"ended":190}', true,
    'places only go up, whoever saves last; the ended may go back');
SELECT queue.save_progress(:'s', 99, 900, 900, 900) \gset older_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":100,"last":500,"admittedTo":300}', true, 'an earlier store is not listened to');
SELECT queue.save_progress(:'s', 600, 599, 300, 200) \gset newer_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":600,"last":599,"admittedTo":300}', true, 'a later one takes over');

SELECT is((queue.save_control(:'s', 2, 'ann', 1000, 'PAUSED', NULL, 5, NULL, NULL)).outcome, 'OK', 'settings are saved');
SELECT queue.save_control(:'s', 1, 'bob', 900, 'OPEN', 1, 1, 1, 1) \gset late_
SELECT is((queue.load(:'s')).body::jsonb @> '{"revision":2,"updatedBy":"ann","updatedAtMs":1000,"mode":"PAUSED","maxActive":null,"admit":5}',
    true, 'an earlier revision that comes late changes nothing');
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":600}', true, 'and the progress is as it was');

SELECT results_eq($$SELECT r.rolname::text COLLATE "default", string_agg(p.proname::text, ' ' ORDER BY p.proname) COLLATE "default"
	FROM pg_proc p JOIN pg_roles r ON r.rolname ~ '_(service|owner)$' AND r.rolname <> 'queue_owner'
	WHERE p.pronamespace = 'queue'::regnamespace AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
	GROUP BY r.rolname$$, $$VALUES ('queue_service', 'load save_control save_progress')$$, 'only the queue service calls it');

SELECT * FROM finish();
ROLLBACK;
