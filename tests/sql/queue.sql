-- The recovery state of a queue (schema queue).
BEGIN;
SELECT plan(12);

SELECT '01935b7a-2e40-7c11-9a02-030405060708' AS s \gset
SELECT is((queue.load(:'s')).body::jsonb, '{"epoch":0,"last":0,"admittedTo":0,"ended":0,"revision":0,"updatedBy":"","updatedAtMs":0,
    "mode":null,"maxActive":null,"admit":null,"maxWaiting":null,"ttl":null}', 'queue_that_never_began_has_zeros_and_nulls');

SELECT is((queue.save_progress(:'s', 100, 500, 300, 200)).outcome, 'OK', 'progress_is_saved');
SELECT queue.save_progress(:'s', 100, 490, 290, 190) \gset old_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":100,"last":500,"admittedTo":300,"ended":190}', true,
    'last_and_admitted_to_never_go_back_and_ended_may');
SELECT queue.save_progress(:'s', 99, 900, 900, 900) \gset older_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":100,"last":500,"admittedTo":300}', true, 'progress_of_an_earlier_store_generation_is_ignored');
SELECT queue.save_progress(:'s', 600, 599, 300, 200) \gset newer_
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":600,"last":599,"admittedTo":300}', true, 'progress_of_a_later_store_generation_replaces_it');

SELECT is((queue.save_control(:'s', 2, 'ann', 1000, 'PAUSED', NULL, 5, NULL, NULL)).outcome, 'OK', 'settings_are_saved');
SELECT queue.save_control(:'s', 1, 'bob', 900, 'OPEN', 1, 1, 1, 1) \gset late_
SELECT is((queue.load(:'s')).body::jsonb @> '{"revision":2,"updatedBy":"ann","updatedAtMs":1000,"mode":"PAUSED","maxActive":null,"admit":5}',
    true, 'settings_of_an_earlier_revision_are_ignored');
SELECT is((queue.load(:'s')).body::jsonb @> '{"epoch":600}', true, 'settings_leave_the_progress');

-- The list of what operators have changed: in the order of the ids, in pages.
DELETE FROM queue.queues;
SELECT count(queue.save_control(s::uuid, 1, 'ann', 1000, 'PAUSED', NULL, NULL, NULL, NULL)) FROM unnest(ARRAY[
    '01935b7a-0000-7000-8000-000000000003', '01935b7a-0000-7000-8000-000000000001', '01935b7a-0000-7000-8000-000000000002']) s \gset saved_
SELECT queue.save_progress('01935b7a-0000-7000-8000-000000000004', 100, 500, 300, 200) \gset unchanged_
SELECT is((queue.list_changed(NULL, 2)).body::json -> 'schedules' ->> 0, '01935b7a-0000-7000-8000-000000000001', 'changed_queues_are_listed_by_id');
SELECT is((queue.list_changed(NULL, 10)).body::jsonb, '{"schedules":["01935b7a-0000-7000-8000-000000000001",
    "01935b7a-0000-7000-8000-000000000002","01935b7a-0000-7000-8000-000000000003"]}', 'queue_that_nobody_changed_is_not_listed');
SELECT is((queue.list_changed('01935b7a-0000-7000-8000-000000000001', 1)).body::jsonb,
    '{"schedules":["01935b7a-0000-7000-8000-000000000002"]}', 'page_begins_behind_the_cursor_and_has_limit_queues');
SELECT is((queue.list_changed('01935b7a-0000-7000-8000-000000000003', 10)).body::jsonb, '{"schedules":[]}', 'page_behind_the_last_queue_is_empty');

SELECT * FROM finish();
ROLLBACK;
