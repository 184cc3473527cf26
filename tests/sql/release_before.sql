-- Instances of the release before run beside the new functions until the last one is replaced. Each call of their code
-- still exists for its role and does what it did. When a release drops a function that only the release before called,
-- remove its call here.
BEGIN;
SELECT plan(52);
\ir include/reservation.psql

SELECT ok(coalesce(has_function_privilege(c.role, to_regprocedure(c.call), 'EXECUTE'), false), format('release_before_may_call_%s', c.call))
FROM (VALUES
	('payment_service', 'payment.begin_card(uuid, uuid, bigint, text, text, text, int, text)'),
	('payment_service', 'payment.confirm_again(uuid, uuid, int)'),
	('payment_service', 'payment.due_cards(int, int)'),
	('payment_service', 'payment.get_payment(uuid, uuid)'),
	('payment_service', 'payment.heard_of(text)'),
	('payment_service', 'payment.list_payments(uuid, int, uuid)'),
	('payment_service', 'payment.pay_by_points(uuid, uuid, bigint, text, text, int, text)'),
	('payment_service', 'payment.settle_card(uuid, uuid, text, text, int)'),
	('payment_owner', 'point.heard_of(text)'),
	('point_service', 'point.begin_charge(uuid, bigint, text, text, text, int, text)'),
	('point_service', 'point.charge(uuid, bigint, text, text, text)'),
	('point_service', 'point.confirm_again(uuid, uuid, int)'),
	('point_service', 'point.due_charges(int, int)'),
	('point_service', 'point.get_wallet(uuid)'),
	('point_service', 'point.list_entries(uuid, int, uuid)'),
	('point_service', 'point.settle_charge(uuid, uuid, text, text)'),
	('queue_service', 'queue.load(uuid)'),
	('queue_service', 'queue.save_control(uuid, bigint, text, bigint, text, int, int, int, int)'),
	('queue_service', 'queue.save_progress(uuid, bigint, bigint, bigint, bigint)'),
	('queue_service', 'reservation.queue_facts(uuid, uuid)'),
	('queue_service', 'reservation.queue_place_used(uuid, uuid, bigint)'),
	('reservation_service', 'platform.clean(int)'),
	('reservation_service', 'platform.relay_lost(text, int)'),
	('reservation_service', 'platform.relay_next(text, bigint[], text, int, int)'),
	('reservation_service', 'reservation.cancel(uuid, uuid, text)'),
	('reservation_service', 'reservation.create_concert(text, text, text, text)'),
	('reservation_service', 'reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, text, json, text)'),
	('reservation_service', 'reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, timestamptz, text, int, json, text)'),
	('reservation_service', 'reservation.get_concert(uuid)'),
	('reservation_service', 'reservation.get_reservation(uuid, uuid)'),
	('reservation_service', 'reservation.get_schedule(uuid)'),
	('reservation_service', 'reservation.hold(uuid, uuid, uuid[], text, int, bigint, int, text, text, text, text)'),
	('reservation_service', 'reservation.list_concerts(int, uuid)'),
	('reservation_service', 'reservation.list_reservations(uuid, text, int, uuid)'),
	('reservation_service', 'reservation.list_schedules(uuid, date, date, text)'),
	('reservation_service', 'reservation.queue_place_used(uuid, uuid, bigint)'),
	('reservation_service', 'reservation.seat_changes(uuid, bigint)'),
	('reservation_service', 'reservation.seat_map(uuid, text)'),
	('reservation_service', 'reservation.set_schedule_status(uuid, text)'),
	('reservation_service', 'reservation.sweep(int)'),
	('reservation_service', 'reservation.hold_many(' || array_to_string(array_fill('text[]'::text, ARRAY[11]), ', ') || ')')) c (role, call);

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
