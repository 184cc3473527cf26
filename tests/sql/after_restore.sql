-- What an operator calls after the database went back to an earlier moment, and to compare payments with the provider.
BEGIN;
SELECT plan(19);
\ir include/reservation.psql

-- The ids of events.
SELECT is((pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'CREATED', 'hold_writes_an_event');
SELECT max(event_id) AS highest FROM platform.outbox \gset
SELECT is(platform.newest_event_id(), :highest::bigint, 'newest_is_the_highest_id_of_the_outbox');
CREATE TEMP TABLE skipped AS SELECT platform.skip_event_ids() AS next;
SELECT cmp_ok(next, '>=', :highest + 1000000000::bigint, 'next_ids_are_far_above_it') FROM skipped;
SELECT is(platform.newest_event_id(), :highest::bigint, 'skipped_ids_are_no_events');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'))).outcome, 'CREATED', 'event_is_written_afterwards');
SELECT cmp_ok(platform.newest_event_id(), '>', next, 'later_event_has_a_higher_id') FROM skipped;
INSERT INTO platform.events SELECT o.event_id + 7, o.type, o.key, o.data, o.at, now() FROM platform.outbox o ORDER BY o.event_id DESC LIMIT 1;
SELECT is(platform.newest_event_id(), max(event_id) + 7, 'sent_events_count_too') FROM platform.outbox;
DELETE FROM platform.outbox;
DELETE FROM platform.events;
SELECT is(platform.newest_event_id(), 0::bigint, 'newest_is_zero_without_events');

-- The ETags of seat maps.
SELECT (reservation.seat_map(:'schedule', NULL)).etag AS tag, sum(changes) AS changes FROM reservation.seats WHERE schedule_id = :'schedule' \gset
SET LOCAL session_replication_role = replica;
SELECT cmp_ok(reservation.renew_map_tags(), '>=', 1::bigint, 'each_schedule_is_renewed');
SET LOCAL session_replication_role = origin;
SELECT is((SELECT sum(changes) FROM reservation.seats WHERE schedule_id = :'schedule'), :changes + 1000000000::numeric, 'sum_of_changes_is_far_above_the_old_one');
SELECT is((reservation.seat_map(:'schedule', :'tag')).outcome, 'OK', 'map_has_another_tag');
SELECT is((SELECT count(*) FROM json_array_elements((reservation.seat_changes(:'schedule', pg_current_xact_id()::text::bigint)).body::json -> 'changed')),
    (SELECT count(*) FROM reservation.seats WHERE schedule_id = :'schedule' AND changed_xid >= pg_current_xact_id()), 'renewed_seat_is_a_change');

-- What is known about payment keys.
INSERT INTO payment.payments (payment_id, reservation_id, user_id, method, amount, status, failure_code, approved_at, created_at) VALUES
	('00000000-0000-7000-8000-0000000000f1', '00000000-0000-7000-8000-00000000000e', :'ann', 'CARD', 1000, 'FAILED', 'CARD_DECLINED', NULL, now()),
	('00000000-0000-7000-8000-0000000000f2', '00000000-0000-7000-8000-00000000000e', :'ann', 'CARD', 1000, 'APPROVED', NULL, now(), now()),
	('00000000-0000-7000-8000-0000000000f3', '00000000-0000-7000-8000-00000000000d', :'ann', 'CARD', 1000, 'FAILED', 'CARD_DECLINED', NULL, now());
INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, asked_at, sent_at)
SELECT p.payment_id, 'restored-key', 'k', 'h', now(), now() FROM payment.payments p WHERE p.payment_id IN
	('00000000-0000-7000-8000-0000000000f1', '00000000-0000-7000-8000-0000000000f2', '00000000-0000-7000-8000-0000000000f3');
SELECT is((SELECT array_agg(what || ' ' || status) FROM payment.card_states('{restored-key}', '{00000000-0000-7000-8000-00000000000e}')),
    '{payment APPROVED}', 'attempt_that_has_not_failed_counts');
SELECT is((SELECT array_agg(what || ' ' || status) FROM payment.card_states('{restored-key}', '{00000000-0000-7000-8000-00000000000d}')),
    '{payment FAILED}', 'failed_attempt_is_known');
SELECT is_empty($$SELECT * FROM payment.card_states('{restored-key}', '{00000000-0000-7000-8000-00000000000c}')$$, 'key_of_another_order_is_not_known');
SELECT is_empty($$SELECT * FROM payment.card_states('{other-key}', '{00000000-0000-7000-8000-00000000000e}')$$, 'order_with_another_key_is_not_known');
SELECT is_empty($$SELECT * FROM payment.card_states('{}', '{}')$$, 'nothing_is_asked_for_nothing');
SELECT (point.begin_charge(:'ann', 5000, 'charge-key', 'restored', 'h', 3000, 'r')).body::json ->> 'orderId' AS charge_order \gset
SELECT is((SELECT array_agg(what || ' ' || status) FROM payment.card_states(ARRAY['charge-key', 'restored-key'],
	ARRAY[:'charge_order', '00000000-0000-7000-8000-00000000000e'])), '{payment APPROVED,charge CHARGING}', 'charge_is_known_beside_a_payment');
SELECT is_empty(format('SELECT * FROM payment.card_states(%L, %L)', '{charge-key}', '{charge-0000000000000000000000000000000000000000}'),
    'charge_of_another_order_is_not_known');

SELECT finish();
ROLLBACK;
