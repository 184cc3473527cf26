-- Events: each change of state writes one event, in its own transaction. One relay at a time sends them in order and
-- loses none. Clean-up removes old events, a bounded number in one call.
BEGIN;
SELECT plan(61);
\ir include/reservation.psql

-- Removes the events that other tests have left.
DELETE FROM platform.outbox;
DELETE FROM platform.events;
UPDATE platform.relay SET holder = NULL, leased_until = NULL, entry = NULL;

-- All events since the last look, in order, as "Type Type".
CREATE TEMP TABLE seen (event_id bigint);
CREATE FUNCTION pg_temp.new_events() RETURNS text LANGUAGE sql AS $$
	WITH new AS (SELECT * FROM platform.outbox WHERE event_id NOT IN (SELECT event_id FROM seen)),
	     noted AS (INSERT INTO seen SELECT event_id FROM new)
	SELECT coalesce(string_agg(type, ' ' ORDER BY event_id), 'none') FROM new
$$;
CREATE FUNCTION pg_temp.newest(p_type text) RETURNS json LANGUAGE sql AS $$
	SELECT data FROM platform.outbox WHERE type = p_type ORDER BY event_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.pay(p_reservation uuid, p_amount bigint) RETURNS text LANGUAGE sql AS $$
	SELECT (payment.pay_by_points('00000000-0000-7000-8000-0000000000a1', p_reservation, p_amount, platform.uuid_v7()::text, 'h', 2, 'r')).outcome
$$;

-- The events of a reservation and its payments.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-2'))) AS first \gset
SELECT is(pg_temp.new_events(), 'ReservationHeld', 'hold_writes_one_event');
SELECT is(pg_temp.newest('ReservationHeld')::jsonb, jsonb_build_object('reservationId', r.reservation_id, 'userId', :'ann', 'scheduleId', :'schedule',
    'status', 'HOLD', 'totalAmount', 300000, 'expiresAt', platform.rfc3339(r.hold_expires_at), 'paymentId', NULL, 'seatCount', NULL), 'event_of_hold_has_all_its_fields')
FROM reservation.reservations r WHERE r.reservation_id = :'first';
SELECT is((SELECT key FROM platform.outbox WHERE type = 'ReservationHeld'), :'first', 'event_of_hold_has_the_reservation_as_key');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'refused_hold_answers_its_code');
SELECT is(pg_temp.new_events(), 'none', 'refused_hold_writes_no_event');
SELECT is(pg_temp.pay(:'first', 300000), 'INSUFFICIENT_POINTS', 'payment_without_points_is_refused');
SELECT is(pg_temp.new_events(), 'PaymentFailed', 'payment_without_points_writes_PaymentFailed');
SELECT is(pg_temp.newest('PaymentFailed') ->> 'failureCode', 'INSUFFICIENT_POINTS', 'event_of_failed_payment_has_its_failure_code');
SELECT is((point.charge(:'ann', 300000, 'events', 'h', 'r')).outcome, 'CREATED', 'charge_is_created');
SELECT is((point.charge(:'ann', 300000, 'events', 'h', 'r')).replayed, true, 'repeated_charge_is_replayed');
SELECT is(pg_temp.new_events(), 'PointCharged', 'repeated_charge_writes_one_event');
SELECT is(pg_temp.newest('PointCharged') ->> 'balanceAfter', '300000', 'event_of_charge_has_the_balance');
SELECT is(pg_temp.pay(:'first', 300000), 'CREATED', 'payment_by_points_is_created');
SELECT is(pg_temp.new_events(), 'ReservationConfirmed PointDeducted PaymentApproved', 'payment_by_points_writes_three_events');
SELECT is(pg_temp.newest('ReservationConfirmed') ->> 'seatCount', '2', 'event_of_confirmation_counts_the_seats');
SELECT is((SELECT key FROM platform.outbox WHERE type = 'PaymentApproved')::text, pg_temp.newest('ReservationConfirmed') ->> 'paymentId',
    'event_of_payment_has_the_payment_as_key_and_names_the_reservation');
SELECT is((reservation.cancel(:'ann', :'first', 'r')).outcome, 'OK', 'cancellation_is_ok');
SELECT is(pg_temp.new_events(), 'PaymentRefunded PointRolledBack ReservationCancelled', 'cancellation_of_a_paid_reservation_writes_three_events');
SELECT is((reservation.cancel(:'ann', :'first', 'r')).outcome, 'OK', 'repeated_cancellation_is_ok');
SELECT is(pg_temp.new_events(), 'none', 'repeated_cancellation_writes_no_event');

SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-1'))) AS second \gset
SELECT pg_temp.new_events();
SELECT pg_temp.ends_in(:'second', interval '-1 second');
SELECT is(pg_temp.new_events(), 'none', 'expired_hold_writes_no_event_before_the_sweep');
SELECT is((reservation.sweep(10)).body, '{"expired":1}', 'sweeper_expires_the_hold');
SELECT is(pg_temp.new_events(), 'ReservationExpired', 'swept_hold_writes_ReservationExpired');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'R-A-2'))) AS third \gset
SELECT is((payment.begin_card(:'cleo', :'third', 100000, 'events-key', 'k', 'h', 100, 'r')).outcome, 'BEGUN', 'card_payment_begins');
SELECT is(pg_temp.new_events(), 'ReservationHeld PaymentPending', 'begun_card_payment_writes_PaymentPending');

-- A transaction that rolls back writes no event.
SAVEPOINT undone;
SELECT is((point.charge(:'bob', 5000, 'undone', 'h', 'r')).outcome, 'CREATED', 'charge_in_a_transaction_is_created');
ROLLBACK TO undone;
SELECT is(pg_temp.new_events(), 'none', 'rolled_back_charge_writes_no_event');

-- The relay.
CREATE FUNCTION pg_temp.next(p_holder text, p_sent bigint[] DEFAULT NULL, p_entry text DEFAULT NULL, p_limit int DEFAULT 5) RETURNS json
LANGUAGE sql AS $$ SELECT (platform.relay_next(p_holder, p_sent, p_entry, p_limit, 5000)).body::json $$;
SELECT count(*) AS all, array_agg(event_id ORDER BY event_id) AS ids FROM platform.outbox \gset
SELECT is(pg_temp.next('one') ->> 'leading', 'true', 'first_caller_becomes_the_relay');
SELECT is(pg_temp.next('two')::text, '{"leading":false}', 'second_caller_is_not_the_relay');
SELECT is(pg_temp.next('two', :'ids')::text, '{"leading":false}', 'caller_that_is_not_the_relay_cannot_mark_events_sent');
SELECT pg_temp.next('one') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[1:5], 'batch_has_at_most_limit_events');
SELECT is((SELECT array_agg(e ->> 'id' ORDER BY n) FROM json_array_elements(:'batch'::json -> 'events') WITH ORDINALITY x (e, n))::bigint[],
    (:'ids'::bigint[])[1:5], 'batch_is_in_the_order_of_ids');
SELECT is((:'batch'::json -> 'events' -> 0 ->> 'data')::jsonb ->> 'reservationId', :'first', 'batch_has_the_data_of_its_events');
SELECT is((:'batch'::json ->> 'backlog')::int, :all, 'relay_is_told_the_backlog');
SELECT cmp_ok((:'batch'::json ->> 'lagMs')::int, '>', 0, 'relay_is_told_the_age_of_the_oldest_event');
SELECT is(pg_temp.next('one') ->> 'ids', :'batch'::json ->> 'ids', 'unsent_events_are_given_again');
SELECT pg_temp.next('one', (:'ids'::bigint[])[1:5], '100-0') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[6:10], 'sent_events_are_not_given_again');
SELECT is(:'batch'::json ->> 'entry', '100-0', 'newest_entry_of_the_stream_is_remembered');
SELECT is((SELECT array_agg(event_id ORDER BY event_id) FROM platform.events), (:'ids'::bigint[])[1:5], 'sent_events_are_in_the_archive');
UPDATE platform.relay SET leased_until = now() - interval '1 second';
SELECT pg_temp.next('two') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[6:10], 'next_relay_goes_on_after_the_last_one');
SELECT is(:'batch'::json ->> 'entry', '100-0', 'next_relay_knows_the_newest_entry');
SELECT is(pg_temp.next('one', (:'ids'::bigint[])[6:10])::text, '{"leading":false}', 'relay_whose_lease_expired_is_refused');
SELECT is(json_array_length(pg_temp.next('two', :'ids', '200-0', 100) -> 'events'), 0, 'last_batch_is_given');
SELECT is(count(*), 0::bigint, 'outbox_is_empty_when_all_is_sent') FROM platform.outbox;
SELECT is(count(*), :all::bigint, 'all_events_are_in_the_archive') FROM platform.events;

-- The stream is lost, and its events are sent again.
SELECT is((platform.relay_lost('one', 100)).body, '{"again":0}', 'only_the_relay_may_send_events_again');
UPDATE platform.events SET sent_at = now() - interval '61 minutes' WHERE event_id = ANY ((:'ids'::bigint[])[1:2]);
SELECT is((platform.relay_lost('two', 4)).body, '{"again":4}', 'sent_events_go_back_in_portions');
SELECT is(pg_temp.next('two') ->> 'entry', '200-0', 'stream_counts_as_lost_until_all_are_back');
SELECT is((platform.relay_lost('two', 100)).body, format('{"again":%s}', :all - 6), 'all_events_of_the_last_hour_go_back');
SELECT is(pg_temp.next('two') ->> 'entry', NULL, 'stream_begins_anew_when_all_are_back');
SELECT is((pg_temp.next('two', NULL, NULL, 100) ->> 'ids')::bigint[], (:'ids'::bigint[])[3:], 'events_are_sent_again_in_order_under_their_ids');

-- Clean-up removes old rows.
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at)
SELECT :'ann', 'old', 'old ' || n, 'h', 'OK', now() - interval '17 days' + n * interval '1 second' FROM generate_series(1, 25) n;
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at)
VALUES (:'ann', 'old', '15 days', 'h', 'OK', now() - interval '15 days'), (:'ann', 'old', '16 days', 'h', 'OK', now() - interval '16 days');
DELETE FROM platform.events;
INSERT INTO platform.events SELECT n, 'T', :'ann', '{}', now(), now() - CASE WHEN n <= 7 THEN interval '17 days' ELSE interval '15 days' END
FROM generate_series(1, 12) n;
SELECT is((platform.clean(10)).body, '{"idempotency":10,"events":7,"left":15}', 'clean_removes_ten_at_a_time');
SELECT is(min(key COLLATE "C"), '15 days', 'clean_keeps_newer_rows') FROM platform.idempotency WHERE operation = 'old';
SELECT is(min(substr(key, 5)::int), 11, 'clean_removes_the_oldest_first') FROM platform.idempotency WHERE key LIKE 'old %';
SELECT is((platform.clean(10)).body, '{"idempotency":10,"events":0,"left":5}', 'clean_removes_the_next_ten');
SELECT is((platform.clean(10)).body, '{"idempotency":5,"events":0}', 'clean_removes_the_rest');
SELECT is((platform.clean(10)).body, '{"idempotency":0,"events":0}', 'clean_of_nothing_removes_nothing');
SELECT is((platform.idempotency_begin(:'ann', 'old', '15 days', 'h')).replayed, true, 'answer_of_15_days_ago_is_replayed');
SELECT is((platform.idempotency_begin(:'ann', 'old', '16 days', 'h')).replayed, true, 'answer_of_16_days_ago_is_replayed');
SELECT is((platform.idempotency_begin(:'ann', 'old', 'old 1', 'h')).outcome, NULL, 'answer_of_17_days_ago_is_forgotten');
SELECT is(count(*), 5::bigint, 'events_of_16_days_are_kept') FROM platform.events;


SELECT * FROM finish();
ROLLBACK;
