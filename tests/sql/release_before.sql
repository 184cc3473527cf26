-- Instances of the release before run beside the new functions until the last one is replaced, and each schema is migrated
-- alone. So each call that the release before makes still exists for its role. migrations/release-before lists them;
-- tests/sql/run puts its path into RELEASE_BEFORE.
BEGIN;
SELECT no_plan();
\ir include/reservation.psql

\set list `cat "$RELEASE_BEFORE"`
CREATE TEMP TABLE calls AS
SELECT r[1] AS role, r[2] AS function, r[3] AS args
FROM regexp_matches(:'list', '^([a-z]+_[a-z]+) ([a-z]+\.[a-z_0-9]+)\((.*)\)$', 'gn') r;
SELECT is(count(*), (SELECT count(*) FROM string_to_table(:'list', E'\n') l WHERE l LIKE '%(%)'), 'each_line_is_read') FROM calls;
SELECT set_eq($$SELECT DISTINCT role FROM calls WHERE role LIKE '%_service'$$,
    ARRAY['queue_service', 'reservation_service', 'payment_service', 'point_service'], 'each_service_makes_calls');

-- EXPLAIN looks for the function with these arguments, its columns and the right to call it, and does not call it. The services read
-- these columns (shared/pg/pg_sql.c); functions of other schemas read what they like.
SELECT lives_ok(format('SET LOCAL ROLE %I; EXPLAIN SELECT %s FROM %s(%s) AS o; RESET ROLE', c.role,
    CASE WHEN c.role LIKE '%_owner' THEN '1' WHEN c.function LIKE '%_many' THEN 'o.n, ' ELSE '' END ||
    CASE WHEN c.role LIKE '%_service' THEN 'o.outcome, o.body, o.etag, o.replayed, o.request_id' ELSE '' END,
    c.function, (SELECT string_agg('NULL::' || a.type, ', ' ORDER BY a.n) FROM string_to_table(nullif(c.args, ''), ', ') WITH ORDINALITY a (type, n))),
    format('release_before_calls_%s(%s)_as_%s', c.function, c.args, c.role))
FROM calls c;

-- The calls whose arguments have changed, as the services of the release before make them.
SET LOCAL plan_cache_mode = force_generic_plan;
SET LOCAL ROLE reservation_service;
SELECT (reservation.create_concert('T', 'A', 'V', 'Address')).body::json ->> 'concertId' AS concert \gset
SELECT (reservation.create_schedule(:'concert', now() + interval '3 days', now() + interval '4 days', NULL, 'ON_SALE',
    '[{"section":"A","grade":"R","price":1000,"rows":1,"seatsPerRow":10}]', NULL)).body AS made \gset
SELECT :'made'::json ->> 'scheduleId' AS old \gset
SELECT is(concat_ws(' ', :'made'::json ->> 'maxPerUser', (:'made'::json ->> 'saleClosesAt') = (:'made'::json ->> 'startAt')), '4 t',
    'schedule_of_the_release_before_has_the_defaults');
SELECT is((reservation.set_schedule_status(:'old', 'CLOSED')).body::json ->> 'status', 'CLOSED', 'release_before_closes_a_schedule');
SELECT is((reservation.set_schedule_status(:'old', 'ON_SALE')).body::json ->> 'status', 'ON_SALE', 'release_before_opens_it_again');
RESET ROLE;
SELECT pg_temp.seat(:'old', 'A-A-1') AS one, pg_temp.seat(:'old', 'A-A-2') AS two, pg_temp.seats(:'old', 'A-A-3', 'A-A-4', 'A-A-5') AS more \gset
SET LOCAL ROLE reservation_service;
SELECT (reservation.hold(:'ann', :'old', ARRAY[:'one']::uuid[], NULL, NULL, 1, 300, 'k', 'h', NULL, 'r')).body AS held \gset
SELECT is((reservation.hold(:'ann', :'old', ARRAY[:'one']::uuid[], NULL, NULL, 1, 300, 'k', 'h', NULL, 'r', 5)).body, :'held', 'hold_of_the_release_before_is_replayed_to_the_byte');
SELECT is((SELECT string_agg(m.outcome, ' ') FROM reservation.hold_many(ARRAY[:'ann'], ARRAY[:'old'], ARRAY[format('{%s}', :'two'::uuid)], ARRAY[NULL], ARRAY[NULL],
    ARRAY['2'], ARRAY['300'], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY['r']) m), 'CREATED', 'release_before_holds_in_batches');
SELECT is((reservation.hold(:'ann', :'old', :'more', NULL, NULL, 3, 300, NULL, NULL, NULL, 'r')).outcome, 'SEAT_LIMIT_EXCEEDED', 'limit_counts_for_the_release_before');
SET LOCAL ROLE point_service;
SELECT is((point.charge(:'ann', 5000, 'c', 'h', 'r')).outcome, 'CREATED', 'release_before_charges');
SELECT (point.begin_charge(:'ann', 5000, 'charged before', 'kept', 'h', 1000, 'r')).body::json ->> 'chargeId' AS charge \gset
SELECT is((point.settle_charge(:'ann', :'charge', 'CAPTURED', NULL)).outcome, 'CREATED', 'release_before_charges_a_card');
SET LOCAL ROLE payment_service;
SELECT is((payment.pay_by_points(:'ann', (:'held'::json ->> 'reservationId')::uuid, 1000, 'p', 'h', 3, 'r')).outcome, 'CREATED', 'release_before_takes_points');
SELECT is((payment.due_cards(10, 1000)).outcome, 'OK', 'release_before_asks_for_work');
RESET ROLE;
SELECT is(pg_temp.hurt(), 'none', 'release_before_violates_no_invariant');

SELECT * FROM finish();
ROLLBACK;
