-- Events: every change of state writes one, in its own transaction; the relay is
-- one at a time, sends in order, and loses nothing; what is old is removed, a
-- bounded number at a time, and nothing that is not.
BEGIN;
SELECT plan(62);
\ir include/reservation.psql

-- What others have left is not ours to relay.
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

-- A reservation's life, and its payments'.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-2'))) AS first \gset
SELECT is(pg_temp.new_events(), 'ReservationHeld', 'a hold is an event');
SELECT is(pg_temp.newest('ReservationHeld')::jsonb, jsonb_build_object('reservationId', r.reservation_id, 'userId', :'ann', 'scheduleId', :'schedule',
    'status', 'HOLD', 'totalAmount', 300000, 'expiresAt', platform.rfc3339(r.hold_expires_at), 'paymentId', NULL), 'which says all of it')
FROM reservation.reservations r WHERE r.reservation_id = :'first';
SELECT is((SELECT key FROM platform.outbox WHERE type = 'ReservationHeld'), :'first', 'its key is the reservation');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'what is refused');
SELECT is(pg_temp.new_events(), 'none', 'is none');
SELECT is(pg_temp.pay(:'first', 300000), 'INSUFFICIENT_POINTS', 'a payment without points');
SELECT is(pg_temp.new_events(), 'PaymentFailed', 'has failed');
SELECT is(pg_temp.newest('PaymentFailed') ->> 'failureCode', 'INSUFFICIENT_POINTS', 'and says why');
SELECT is((point.charge(:'ann', 300000, 'events', 'h', 'r')).outcome, 'CREATED', 'points are charged');
SELECT is((point.charge(:'ann', 300000, 'events', 'h', 'r')).replayed, true, 'and asked for again');
SELECT is(pg_temp.new_events(), 'PointCharged', 'which is charged once and told once');
SELECT is(pg_temp.newest('PointCharged') ->> 'balanceAfter', '300000', 'with the balance');
SELECT is(pg_temp.pay(:'first', 300000), 'CREATED', 'a payment with points');
SELECT is(pg_temp.new_events(), 'ReservationConfirmed PointDeducted PaymentApproved', 'is three events');
SELECT is((SELECT key FROM platform.outbox WHERE type = 'PaymentApproved')::text, pg_temp.newest('ReservationConfirmed') ->> 'paymentId',
    'a payment''s key is the payment, and the reservation names it');
SELECT is((reservation.cancel(:'ann', :'first', 'r')).outcome, 'OK', 'a cancellation');
SELECT is(pg_temp.new_events(), 'PaymentRefunded PointRolledBack ReservationCancelled', 'too');
SELECT is((reservation.cancel(:'ann', :'first', 'r')).outcome, 'OK', 'and again');
SELECT is(pg_temp.new_events(), 'none', 'it is no news');

SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-1'))) AS second \gset
SELECT pg_temp.new_events();
SELECT pg_temp.ends_in(:'second', interval '-1 second');
SELECT is(pg_temp.new_events(), 'none', 'a hold that has run out is not written down at once');
SELECT is((reservation.sweep(10)).body, '{"expired":1}', 'but when it is swept');
SELECT is(pg_temp.new_events(), 'ReservationExpired', 'it is an event');
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'R-A-2'))) AS third \gset
SELECT is((payment.begin_card(:'cleo', :'third', 100000, 'events-key', 'k', 'h', 100, 'r')).outcome, 'BEGUN', 'a card payment is begun');
SELECT is(pg_temp.new_events(), 'ReservationHeld PaymentPending', 'which is an event of its own');

-- Nothing is told that has not happened.
SAVEPOINT undone;
SELECT is((point.charge(:'bob', 5000, 'undone', 'h', 'r')).outcome, 'CREATED', 'a charge');
ROLLBACK TO undone;
SELECT is(pg_temp.new_events(), 'none', 'that does not commit is no event');

-- The relay.
CREATE FUNCTION pg_temp.next(p_holder text, p_sent bigint[] DEFAULT NULL, p_entry text DEFAULT NULL, p_limit int DEFAULT 5) RETURNS json
LANGUAGE sql AS $$ SELECT (platform.relay_next(p_holder, p_sent, p_entry, p_limit, 5000)).body::json $$;
SELECT count(*) AS all, array_agg(event_id ORDER BY event_id) AS ids FROM platform.outbox \gset
SELECT is(pg_temp.next('one') ->> 'leading', 'true', 'who asks first is the relay');
SELECT is(pg_temp.next('two')::text, '{"leading":false}', 'and nobody else is');
SELECT is(pg_temp.next('two', :'ids')::text, '{"leading":false}', 'nor says what was sent');
SELECT pg_temp.next('one') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[1:5], 'a batch is the first few');
SELECT is((SELECT array_agg(e ->> 'id' ORDER BY n) FROM json_array_elements(:'batch'::json -> 'events') WITH ORDINALITY x (e, n))::bigint[],
    (:'ids'::bigint[])[1:5], 'in that order');
SELECT is((:'batch'::json -> 'events' -> 0 ->> 'data')::jsonb ->> 'reservationId', :'first', 'with what they say');
SELECT is((:'batch'::json ->> 'backlog')::int, :all, 'the backlog is told');
SELECT cmp_ok((:'batch'::json ->> 'lagMs')::int, '>', 0, 'and how old its oldest is');
SELECT is(pg_temp.next('one') ->> 'ids', :'batch'::json ->> 'ids', 'what was not said to be sent is given again');
SELECT pg_temp.next('one', (:'ids'::bigint[])[1:5], '100-0') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[6:10], 'what was sent is not');
SELECT is(:'batch'::json ->> 'entry', '100-0', 'and how far the stream goes is remembered');
SELECT is((SELECT array_agg(event_id ORDER BY event_id) FROM platform.events), (:'ids'::bigint[])[1:5], 'it is among the events that were sent');
UPDATE platform.relay SET leased_until = now() - interval '1 second';
SELECT pg_temp.next('two') AS batch \gset
SELECT is((:'batch'::json ->> 'ids')::bigint[], (:'ids'::bigint[])[6:10], 'when the relay is gone another goes on where it stood');
SELECT is(:'batch'::json ->> 'entry', '100-0', 'and knows how far the stream goes');
SELECT is(pg_temp.next('one', (:'ids'::bigint[])[6:10])::text, '{"leading":false}', 'one that comes back too late is not the relay any more');
SELECT is(json_array_length(pg_temp.next('two', :'ids', '200-0', 100) -> 'events'), 0, 'in the end all is sent');
SELECT is(count(*), 0::bigint, 'and the outbox is empty') FROM platform.outbox;
SELECT is(count(*), :all::bigint, 'nothing is lost') FROM platform.events;

-- The stream is lost.
SELECT is((platform.relay_lost('one', 100)).body, '{"again":0}', 'only the relay may send again');
UPDATE platform.events SET sent_at = now() - interval '61 minutes' WHERE event_id = ANY ((:'ids'::bigint[])[1:2]);
SELECT is((platform.relay_lost('two', 4)).body, '{"again":4}', 'what was sent is to be sent again, a few at a time');
SELECT is(pg_temp.next('two') ->> 'entry', '200-0', 'the stream counts as lost for so long');
SELECT is((platform.relay_lost('two', 100)).body, format('{"again":%s}', :all - 6), 'all of the last hour');
SELECT is(pg_temp.next('two') ->> 'entry', NULL, 'then it may begin anew');
SELECT is((pg_temp.next('two', NULL, NULL, 100) ->> 'ids')::bigint[], (:'ids'::bigint[])[3:], 'in the old order, under the old ids');

-- What is old.
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at)
SELECT :'ann', 'old', 'old ' || n, 'h', 'OK', now() - interval '17 days' + n * interval '1 second' FROM generate_series(1, 25) n;
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, created_at)
VALUES (:'ann', 'old', '15 days', 'h', 'OK', now() - interval '15 days'), (:'ann', 'old', '16 days', 'h', 'OK', now() - interval '16 days');
DELETE FROM platform.events;
INSERT INTO platform.events SELECT n, 'T', :'ann', '{}', now(), now() - CASE WHEN n <= 7 THEN interval '17 days' ELSE interval '15 days' END
FROM generate_series(1, 12) n;
SELECT is((platform.clean(10)).body, '{"idempotency":10,"events":7}', 'what is old goes, ten at a time');
SELECT is(min(key COLLATE "C"), '15 days', 'what is not stays') FROM platform.idempotency WHERE operation = 'old';
SELECT is(min(substr(key, 5)::int), 11, 'the oldest go first') FROM platform.idempotency WHERE key LIKE 'old %';
SELECT is((platform.clean(10)).body, '{"idempotency":10,"events":0}', 'the next ten');
SELECT is((platform.clean(10)).body, '{"idempotency":5,"events":0}', 'and the rest');
SELECT is((platform.clean(10)).body, '{"idempotency":0,"events":0}', 'then there is nothing');
SELECT is((platform.idempotency_begin(:'ann', 'old', '15 days', 'h')).replayed, true, 'an answer of 15 days ago is given again');
SELECT is((platform.idempotency_begin(:'ann', 'old', '16 days', 'h')).replayed, true, 'and one of 16');
SELECT is((platform.idempotency_begin(:'ann', 'old', 'old 1', 'h')).outcome, NULL, 'one of 17 is forgotten');
SELECT is(count(*), 5::bigint, 'and the events of the last 16 days are there') FROM platform.events;

-- The services cannot write events themselves, nor change them.
SELECT is_empty($$SELECT r.rolname FROM pg_roles r, unnest(ARRAY['outbox', 'events', 'relay']) t
	WHERE r.rolname ~ '_(service|owner)$' AND r.rolname <> 'platform_owner'
	AND has_table_privilege(r.oid, 'platform.' || t, 'SELECT, UPDATE, DELETE, TRUNCATE')$$, 'nobody else reads or changes events');
SELECT is_empty($$SELECT r.rolname FROM pg_roles r WHERE r.rolname ~ '_service$' AND has_table_privilege(r.oid, 'platform.outbox', 'INSERT')$$,
    'and no service writes one');

SELECT * FROM finish();
ROLLBACK;
